//! Every provider passes the suite.

#![cfg(feature = "conformance")]

use gannet_crypto::conformance;

macro_rules! suite {
    ($name:ident, $provider:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn ciphers() {
                conformance::aeads(&$provider);
                conformance::counter_mode(&$provider);
                conformance::masks(&$provider);
            }

            #[test]
            fn hashes() {
                conformance::hashes(&$provider);
                conformance::hmacs(&$provider);
            }

            #[test]
            fn key_exchanges() {
                conformance::key_exchanges(&$provider);
            }

            #[test]
            fn signatures() {
                conformance::verification(&$provider);
                conformance::signing(&$provider);
            }

            #[test]
            fn everything() {
                conformance::everything(&$provider);
            }
        }
    };
}

#[cfg(feature = "aws-lc-rs")]
suite!(aws_lc_rs, gannet_crypto::AwsLcProvider);
