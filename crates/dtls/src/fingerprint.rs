//! Certificate fingerprints, as SDP writes them (RFC 8122, section 5).

use std::fmt;
use std::str::FromStr;

use gannet_crypto::{CryptoProvider, Digest, HashAlgorithm, constant_time_eq};
use thiserror::Error;

/// The hash of a certificate, by which the signalling channel vouches for it.
///
/// Its text form is the value of SDP's `a=fingerprint`: `sha-256 AB:CD:…`. Algorithms are kept as
/// they were written, in lower case; one that we don't have (such as `md5`) parses but never matches.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// The hash function's name in lower case: `sha-256`, `sha-384`, `sha-512`.
    pub algorithm: String,
    /// The hash.
    pub value: Vec<u8>,
}

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    ///
    /// SHA-1 gives a `sha-1` fingerprint, which [`Fingerprint::matches`] never accepts.
    #[must_use]
    pub fn of(provider: &dyn CryptoProvider, algorithm: HashAlgorithm, certificate: &[u8]) -> Self {
        Self {
            algorithm: name(algorithm).to_owned(),
            value: provider.digest(algorithm, certificate).to_vec(),
        }
    }

    /// The hash function, if it is one that may vouch for a certificate: SHA-256, SHA-384, SHA-512.
    #[must_use]
    pub fn hash_algorithm(&self) -> Option<HashAlgorithm> {
        [
            HashAlgorithm::Sha256,
            HashAlgorithm::Sha384,
            HashAlgorithm::Sha512,
        ]
        .into_iter()
        .find(|algorithm| name(*algorithm) == self.algorithm)
    }

    /// Whether this is the fingerprint of `certificate` (in DER); takes the same time whatever the
    /// bytes are. A hash function that may not vouch for a certificate never matches.
    #[must_use]
    pub fn matches(&self, provider: &dyn CryptoProvider, certificate: &[u8]) -> bool {
        let Some(algorithm) = self.hash_algorithm() else {
            return false;
        };
        let digest: Digest = provider.digest(algorithm, certificate);
        constant_time_eq(&digest, &self.value)
    }
}

/// Whether a certificate is the one that `fingerprints` vouch for: at least one of them uses a hash
/// function that counts, and every one that does matches (RFC 8122, section 5).
#[must_use]
pub(crate) fn vouch_for(
    fingerprints: &[Fingerprint],
    provider: &dyn CryptoProvider,
    certificate: &[u8],
) -> bool {
    let mut usable = fingerprints
        .iter()
        .filter(|f| f.hash_algorithm().is_some())
        .peekable();
    usable.peek().is_some() && usable.all(|f| f.matches(provider, certificate))
}

const fn name(algorithm: HashAlgorithm) -> &'static str {
    match algorithm {
        HashAlgorithm::Sha1 => "sha-1",
        HashAlgorithm::Sha256 => "sha-256",
        HashAlgorithm::Sha384 => "sha-384",
        HashAlgorithm::Sha512 => "sha-512",
        _ => "unknown",
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.algorithm)?;
        for (i, byte) in self.value.iter().enumerate() {
            let colon = if i == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Why a text is not a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseFingerprintError {
    /// There is no blank between the algorithm and the value.
    #[error("a fingerprint is an algorithm, a blank, and hexadecimal bytes; there is no blank")]
    NoValue,
    /// The value is not made of pairs of hexadecimal digits with colons between them.
    #[error("the fingerprint's byte {index} is {found:?}, expected two hexadecimal digits")]
    NotHex {
        /// Which byte, from 0.
        index: usize,
        /// What was there.
        found: String,
    },
    /// The value is not as long as the algorithm's hashes are.
    #[error("the {algorithm} fingerprint has {found} bytes, expected {expected}")]
    WrongLength {
        /// The algorithm.
        algorithm: String,
        /// How many bytes there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, hex) = text
            .trim()
            .split_once(' ')
            .ok_or(ParseFingerprintError::NoValue)?;
        let value = hex
            .trim()
            .split(':')
            .enumerate()
            .map(|(index, pair)| parse_byte(index, pair))
            .collect::<Result<Vec<u8>, _>>()?;
        let fingerprint = Self {
            algorithm: algorithm.to_ascii_lowercase(),
            value,
        };
        match fingerprint.hash_algorithm().map(HashAlgorithm::output_len) {
            Some(expected) if expected != fingerprint.value.len() => {
                Err(ParseFingerprintError::WrongLength {
                    algorithm: fingerprint.algorithm,
                    found: fingerprint.value.len(),
                    expected,
                })
            }
            _ => Ok(fingerprint),
        }
    }
}

fn parse_byte(index: usize, pair: &str) -> Result<u8, ParseFingerprintError> {
    let is_hex = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    let byte = u8::from_str_radix(pair, 16).ok().filter(|_| is_hex);
    byte.ok_or_else(|| ParseFingerprintError::NotHex {
        index,
        found: pair.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_round_trips_in_upper_case() {
        let text = format!("sha-256 {}", vec!["0F"; 32].join(":"));
        let fingerprint: Fingerprint = text.parse().unwrap();
        assert_eq!(fingerprint.value, [15; 32]);
        assert_eq!(fingerprint.to_string(), text);
        assert_eq!(
            text.to_lowercase().parse::<Fingerprint>().unwrap(),
            fingerprint
        );
    }

    #[test]
    fn what_is_not_a_fingerprint_is_refused() {
        assert_eq!(
            "sha-256".parse::<Fingerprint>(),
            Err(ParseFingerprintError::NoValue)
        );
        assert_eq!(
            "sha-256 0F:+1".parse::<Fingerprint>(),
            Err(ParseFingerprintError::NotHex {
                index: 1,
                found: "+1".into()
            })
        );
        assert_eq!(
            "SHA-256 0F:01"
                .parse::<Fingerprint>()
                .unwrap_err()
                .to_string(),
            "the sha-256 fingerprint has 2 bytes, expected 32"
        );
    }

    #[test]
    fn an_unknown_algorithm_parses_and_vouches_for_nothing() {
        let fingerprint: Fingerprint = "md5 00:11".parse().unwrap();
        assert_eq!(fingerprint.hash_algorithm(), None);
    }
}
