//! Key exchanges: X25519, P-256, P-384, and the hybrid of X25519 and ML-KEM-768.

use std::fmt;

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use zeroize::Zeroizing;

use super::library_failure;
use crate::{KeyExchange, KeyExchangeError, NamedGroup, Rng, Secret};

/// The length of an ML-KEM-768 encapsulation key (FIPS 203, section 8).
const ENCAPSULATION_KEY_LEN: usize = 1184;
/// The length of an ML-KEM-768 ciphertext (FIPS 203, section 8).
const CIPHERTEXT_LEN: usize = 1088;

pub(super) fn start(
    group: NamedGroup,
    rng: &mut Rng,
) -> Result<Box<dyn KeyExchange>, KeyExchangeError> {
    Ok(match Curve::of(group) {
        Some(curve) => Box::new(Classical::from_rng(curve, rng)?),
        None => Box::new(Hybrid::from_rng(rng)?),
    })
}

pub(super) fn answer(
    group: NamedGroup,
    peer_share: &[u8],
    rng: &mut Rng,
) -> Result<(Vec<u8>, Secret), KeyExchangeError> {
    let Some(curve) = Curve::of(group) else {
        return answer_hybrid(peer_share, rng);
    };
    let own = Classical::from_rng(curve, rng)?;
    let secret = own.agree(peer_share, &[])?;
    Ok((own.share, secret))
}

/// A group that is one curve.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    X25519,
}

impl Curve {
    const fn of(group: NamedGroup) -> Option<Self> {
        match group {
            NamedGroup::P256 => Some(Self::P256),
            NamedGroup::P384 => Some(Self::P384),
            NamedGroup::X25519 => Some(Self::X25519),
            NamedGroup::X25519MlKem768 => None,
        }
    }

    const fn group(self) -> NamedGroup {
        match self {
            Self::P256 => NamedGroup::P256,
            Self::P384 => NamedGroup::P384,
            Self::X25519 => NamedGroup::X25519,
        }
    }

    const fn private_key_len(self) -> usize {
        match self {
            Self::P256 | Self::X25519 => 32,
            Self::P384 => 48,
        }
    }

    const fn library(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &agreement::ECDH_P256,
            Self::P384 => &agreement::ECDH_P384,
            Self::X25519 => &agreement::X25519,
        }
    }

    /// Whether a share has TLS's encoding (RFC 8446, section 4.2.8.2). The library would take other
    /// encodings too.
    fn is_well_formed(self, share: &[u8]) -> bool {
        match self {
            Self::P256 => share.len() == 65 && share.first() == Some(&4),
            Self::P384 => share.len() == 97 && share.first() == Some(&4),
            Self::X25519 => share.len() == 32,
        }
    }
}

struct Classical {
    curve: Curve,
    private: PrivateKey,
    share: Vec<u8>,
}

impl Classical {
    /// Draws a private key. Random bytes are a scalar of the curve but for one in 2^32 (P-256), so a
    /// few tries always do.
    fn from_rng(curve: Curve, rng: &mut Rng) -> Result<Self, KeyExchangeError> {
        const TRIES: usize = 8;
        let mut bytes = Zeroizing::new([0; 48]);
        let bytes = &mut bytes[..curve.private_key_len()];
        for _ in 0..TRIES {
            rng.fill(bytes);
            if let Some(key) = Self::from_private_key(curve, bytes) {
                return Ok(key);
            }
        }
        Err(library_failure("private keys from given bytes").into())
    }

    fn from_private_key(curve: Curve, bytes: &[u8]) -> Option<Self> {
        let private = PrivateKey::from_private_key(curve.library(), bytes).ok()?;
        let share = private.compute_public_key().ok()?.as_ref().to_vec();
        Some(Self {
            curve,
            private,
            share,
        })
    }

    /// The secret, behind `prefix`. The library refuses an all-zero X25519 secret (RFC 8446,
    /// section 7.4.2); so does this, whatever the library does.
    fn agree(&self, peer_share: &[u8], prefix: &[u8]) -> Result<Secret, KeyExchangeError> {
        if !self.curve.is_well_formed(peer_share) {
            return Err(KeyExchangeError::InvalidShare);
        }
        let peer = UnparsedPublicKey::new(self.curve.library(), peer_share);
        agreement::agree(
            &self.private,
            peer,
            KeyExchangeError::InvalidShare,
            |secret| {
                if secret.iter().fold(0, |any, byte| any | byte) == 0 {
                    return Err(KeyExchangeError::InvalidShare);
                }
                Ok(Secret::new([prefix, secret].concat()))
            },
        )
    }
}

impl KeyExchange for Classical {
    fn group(&self) -> NamedGroup {
        self.curve.group()
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn component(&self) -> Option<(NamedGroup, &[u8])> {
        None
    }

    fn complete(
        self: Box<Self>,
        group: NamedGroup,
        peer_share: &[u8],
    ) -> Result<Secret, KeyExchangeError> {
        if group != self.curve.group() {
            return Err(KeyExchangeError::InvalidShare);
        }
        self.agree(peer_share, &[])
    }
}

impl fmt::Debug for Classical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Classical({:?})", self.curve.group())
    }
}

/// X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): in shares and in the secret, ML-KEM comes first.
struct Hybrid {
    classical: Classical,
    kem: DecapsulationKey,
    share: Vec<u8>,
}

impl Hybrid {
    fn from_rng(rng: &mut Rng) -> Result<Self, KeyExchangeError> {
        let failure = |_| library_failure("ML-KEM-768");
        let classical = Classical::from_rng(Curve::X25519, rng)?;
        let kem = DecapsulationKey::generate(&ML_KEM_768).map_err(failure)?;
        let encapsulation_key = kem.encapsulation_key().map_err(failure)?;
        let encapsulation_key = encapsulation_key.key_bytes().map_err(failure)?;
        let share = [encapsulation_key.as_ref(), &classical.share].concat();
        Ok(Self {
            classical,
            kem,
            share,
        })
    }
}

impl KeyExchange for Hybrid {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MlKem768
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((NamedGroup::X25519, &self.classical.share))
    }

    fn complete(
        self: Box<Self>,
        group: NamedGroup,
        peer_share: &[u8],
    ) -> Result<Secret, KeyExchangeError> {
        if group == NamedGroup::X25519 {
            return self.classical.agree(peer_share, &[]);
        }
        if group != NamedGroup::X25519MlKem768 {
            return Err(KeyExchangeError::InvalidShare);
        }
        let (ciphertext, classical_share) = peer_share
            .split_at_checked(CIPHERTEXT_LEN)
            .ok_or(KeyExchangeError::InvalidShare)?;
        let secret = self
            .kem
            .decapsulate(Ciphertext::from(ciphertext))
            .map_err(|_| KeyExchangeError::InvalidShare)?;
        self.classical.agree(classical_share, secret.as_ref())
    }
}

impl fmt::Debug for Hybrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hybrid(X25519MlKem768)")
    }
}

fn answer_hybrid(peer_share: &[u8], rng: &mut Rng) -> Result<(Vec<u8>, Secret), KeyExchangeError> {
    let (encapsulation_key, classical_share) = peer_share
        .split_at_checked(ENCAPSULATION_KEY_LEN)
        .ok_or(KeyExchangeError::InvalidShare)?;
    let classical = Classical::from_rng(Curve::X25519, rng)?;
    let (ciphertext, kem_secret) = EncapsulationKey::new(&ML_KEM_768, encapsulation_key)
        .map_err(|_| KeyExchangeError::InvalidShare)?
        .encapsulate()
        .map_err(|_| KeyExchangeError::InvalidShare)?;
    let secret = classical.agree(classical_share, kem_secret.as_ref())?;
    Ok(([ciphertext.as_ref(), &classical.share].concat(), secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::hex;

    const ALICE: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    const ALICE_SHARE: &str = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    const BOB: &str = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    const BOB_SHARE: &str = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    const SECRET: &str = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

    fn x25519(private: &str) -> Classical {
        Classical::from_private_key(Curve::X25519, &hex(private)).unwrap()
    }

    /// RFC 7748, section 6.1.
    #[test]
    fn x25519_gives_the_vectors_of_rfc_7748() {
        assert_eq!(x25519(ALICE).share, hex(ALICE_SHARE));
        assert_eq!(x25519(BOB).share, hex(BOB_SHARE));
        let secret = x25519(ALICE).agree(&hex(BOB_SHARE), b"").unwrap();
        assert_eq!(secret.as_ref(), hex(SECRET));
    }

    /// RFC 5903, section 8.1 (P-256) and 8.2 (P-384).
    #[test]
    fn the_curves_give_the_vectors_of_rfc_5903() {
        for (curve, private, peer, secret) in [
            (
                Curve::P256,
                "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
                "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63 \
                 56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
                "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
            ),
            (
                Curve::P384,
                "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655 \
                 e35b538041e649ee3faef896783ab194",
                "04e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d \
                 0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f \
                 66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
                "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4 \
                 d603135569b9e9d09cf5d4a270f59746",
            ),
        ] {
            let own = Classical::from_private_key(curve, &hex(private)).unwrap();
            assert_eq!(own.agree(&hex(peer), b"").unwrap().as_ref(), hex(secret));
        }
    }

    /// The order of the two parts, on both sides: the second half of the secret is x25519's.
    #[test]
    fn in_the_hybrid_ml_kem_comes_first() {
        let mut hybrid = Hybrid::from_rng(&mut Rng::insecure_from_u64(1)).unwrap();
        hybrid.classical = x25519(ALICE);
        let encapsulation_key = hybrid.share[..ENCAPSULATION_KEY_LEN].to_vec();
        let (ciphertext, kem_secret) = EncapsulationKey::new(&ML_KEM_768, &encapsulation_key)
            .unwrap()
            .encapsulate()
            .unwrap();
        let share = [ciphertext.as_ref(), &hex(BOB_SHARE)].concat();
        let secret = Box::new(hybrid)
            .complete(NamedGroup::X25519MlKem768, &share)
            .unwrap();
        assert_eq!(&secret[..32], kem_secret.as_ref());
        assert_eq!(&secret[32..], hex(SECRET));
    }

    #[test]
    fn one_seed_gives_one_classical_key() {
        for group in [NamedGroup::X25519, NamedGroup::P256, NamedGroup::P384] {
            let share = |seed| {
                let mut rng = Rng::insecure_from_u64(seed);
                start(group, &mut rng).unwrap().share().to_vec()
            };
            assert_eq!(share(1), share(1));
            assert_ne!(share(1), share(2));
        }
    }

    #[test]
    fn a_scalar_that_is_none_is_refused_and_not_used() {
        assert!(Classical::from_private_key(Curve::P256, &[0; 32]).is_none());
        assert!(Classical::from_private_key(Curve::P256, &[0xff; 32]).is_none());
        assert!(Classical::from_private_key(Curve::P384, &[0xff; 48]).is_none());
    }
}
