//! The nonce cookie, with which a server says what it can (RFC 8489, sections 9.2 and 18.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const COOKIE: &[u8] = b"obMatJos2";

/// The security features that a server announces in front of its nonce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecurityFeatures {
    /// Bit 0: it sends PASSWORD-ALGORITHMS.
    pub password_algorithms: bool,
    /// Bit 1: it wants USERHASH instead of USERNAME.
    pub username_anonymity: bool,
}

impl SecurityFeatures {
    /// The features in `nonce`, or `None` if it does not start with the cookie.
    #[must_use]
    pub fn of_nonce(nonce: &str) -> Option<Self> {
        let rest = nonce.as_bytes().strip_prefix(COOKIE)?;
        let (digits, _) = rest.split_first_chunk::<4>()?;
        let mut bits = [0; 3];
        STANDARD.decode_slice(digits, &mut bits).ok()?;
        Some(Self {
            password_algorithms: bits[0] & 0x80 != 0,
            username_anonymity: bits[0] & 0x40 != 0,
        })
    }

    /// The 13 characters that a server puts in front of its nonces.
    #[must_use]
    pub fn cookie(self) -> String {
        let first = match (self.password_algorithms, self.username_anonymity) {
            (false, false) => 'A',
            (false, true) => 'Q',
            (true, false) => 'g',
            (true, true) => 'w',
        };
        format!("obMatJos2{first}AAA")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_round_trip() {
        for password_algorithms in [false, true] {
            for username_anonymity in [false, true] {
                let features = SecurityFeatures {
                    password_algorithms,
                    username_anonymity,
                };
                let nonce = features.cookie() + "f//499k954d6OL34oL9FSTvy64sA";
                assert_eq!(SecurityFeatures::of_nonce(&nonce), Some(features));
            }
        }
    }

    #[test]
    fn other_nonces_have_no_features() {
        for nonce in [
            "",
            "f//499k954d6",
            "obMatJos2",
            "obMatJos2AA",
            "obMatJos2A*AA",
        ] {
            assert_eq!(SecurityFeatures::of_nonce(nonce), None, "{nonce}");
        }
    }
}
