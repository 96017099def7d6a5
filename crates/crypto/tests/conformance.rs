//! Every provider passes the suite.

#![cfg(all(feature = "conformance", any(feature = "aws-lc-rs", feature = "ring")))]

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

#[cfg(feature = "ring")]
suite!(ring, gannet_crypto::RingProvider);

#[cfg(feature = "boring")]
suite!(boring, gannet_crypto::BoringProvider);

/// What one provider starts, the other can end.
#[cfg(all(feature = "aws-lc-rs", feature = "ring"))]
#[test]
fn key_exchanges_between_providers() {
    let (aws_lc_rs, ring) = (gannet_crypto::AwsLcProvider, gannet_crypto::RingProvider);
    conformance::key_exchanges_between(&aws_lc_rs, &ring);
    conformance::key_exchanges_between(&ring, &aws_lc_rs);
}
