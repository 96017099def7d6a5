//! What every provider must do: vectors of RFCs and NIST, tampering, wrong lengths.
//!
//! [`everything`] takes a provider and panics, with a reason, where it is wrong; each part can be run
//! alone. This is for the tests of whoever writes a provider:
//!
//! ```
//! # #[cfg(feature = "aws-lc-rs")]
//! gannet_crypto::conformance::everything(&gannet_crypto::AwsLcProvider);
//! ```

mod ciphers;
mod hashes;
mod key_exchanges;
mod signatures;
mod signing;

pub use ciphers::{aeads, counter_mode, masks};
pub use hashes::{hashes, hmacs};
pub use key_exchanges::{key_exchanges, key_exchanges_between};
pub use signing::{signing, verification};

use crate::CryptoProvider;

/// Every part of the suite.
///
/// # Panics
///
/// When the provider is wrong.
pub fn everything(provider: &dyn CryptoProvider) {
    assert!(!provider.name().is_empty());
    assert_ne!(provider.random_seed(), provider.random_seed());
    aeads(provider);
    counter_mode(provider);
    masks(provider);
    hashes(provider);
    hmacs(provider);
    key_exchanges(provider);
    verification(provider);
    signing(provider);
}

/// The bytes of a hexadecimal vector; white space is skipped.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).expect("a hexadecimal digit") as u8)
        .collect();
    assert!(digits.len().is_multiple_of(2), "half a byte in a vector");
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The same as an array.
fn hex_array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().expect("a vector of the right length")
}
