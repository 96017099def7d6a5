//! Key exchanges: X25519, P-256 and P-384 of ring, ML-KEM-768 of RustCrypto.

use std::fmt;

use ml_kem::kem::Decapsulate;
use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use ml_kem::{B32, KeyExport, Seed};
use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use ring::rand::SystemRandom;
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
    Ok(match library(group) {
        Some(algorithm) => Box::new(Classical::generate(group, algorithm)?),
        None => Box::new(Hybrid::from_rng(rng)?),
    })
}

pub(super) fn answer(
    group: NamedGroup,
    peer_share: &[u8],
    rng: &mut Rng,
) -> Result<(Vec<u8>, Secret), KeyExchangeError> {
    let Some(algorithm) = library(group) else {
        return answer_hybrid(peer_share, rng);
    };
    let own = Classical::generate(group, algorithm)?;
    let share = own.share.clone();
    Ok((share, own.agree(peer_share, &[])?))
}

/// The algorithm of a group that is one curve.
fn library(group: NamedGroup) -> Option<&'static agreement::Algorithm> {
    match group {
        NamedGroup::P256 => Some(&agreement::ECDH_P256),
        NamedGroup::P384 => Some(&agreement::ECDH_P384),
        NamedGroup::X25519 => Some(&agreement::X25519),
        NamedGroup::X25519MlKem768 => None,
    }
}

struct Classical {
    group: NamedGroup,
    algorithm: &'static agreement::Algorithm,
    private: EphemeralPrivateKey,
    share: Vec<u8>,
}

impl Classical {
    fn generate(
        group: NamedGroup,
        algorithm: &'static agreement::Algorithm,
    ) -> Result<Self, KeyExchangeError> {
        let failure = |_| library_failure("key generation");
        let private =
            EphemeralPrivateKey::generate(algorithm, &SystemRandom::new()).map_err(failure)?;
        let share = private.compute_public_key().map_err(failure)?;
        Ok(Self {
            group,
            algorithm,
            private,
            share: share.as_ref().to_vec(),
        })
    }

    /// The secret, behind `prefix`. The library takes uncompressed points only, and refuses an all-zero
    /// X25519 secret (RFC 8446, section 7.4.2); so does this, whatever the library does.
    fn agree(self, peer_share: &[u8], prefix: &[u8]) -> Result<Secret, KeyExchangeError> {
        let peer = UnparsedPublicKey::new(self.algorithm, peer_share);
        agreement::agree_ephemeral(self.private, &peer, |secret| {
            if secret.iter().fold(0, |any, byte| any | byte) == 0 {
                return Err(KeyExchangeError::InvalidShare);
            }
            Ok(Secret::new([prefix, secret].concat()))
        })
        .unwrap_or(Err(KeyExchangeError::InvalidShare))
    }
}

impl KeyExchange for Classical {
    fn group(&self) -> NamedGroup {
        self.group
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
        if group != self.group {
            return Err(KeyExchangeError::InvalidShare);
        }
        self.agree(peer_share, &[])
    }
}

impl fmt::Debug for Classical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Classical({:?})", self.group)
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
        let classical = Classical::generate(NamedGroup::X25519, &agreement::X25519)?;
        let seed = Zeroizing::new(rng.array::<64>());
        let kem = DecapsulationKey::from_seed(Seed::from(*seed));
        let encapsulation_key = kem.encapsulation_key().to_bytes();
        let share = [&encapsulation_key[..], &classical.share].concat();
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
        let ciphertext = ciphertext
            .try_into()
            .map_err(|_| KeyExchangeError::InvalidShare)?;
        let secret = Zeroizing::new(<[u8; 32]>::from(self.kem.decapsulate(ciphertext)));
        self.classical.agree(classical_share, &*secret)
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
    let encapsulation_key = encapsulation_key
        .try_into()
        .map_err(|_| KeyExchangeError::InvalidShare)?;
    let encapsulation_key =
        EncapsulationKey::new(encapsulation_key).map_err(|_| KeyExchangeError::InvalidShare)?;
    let classical = Classical::generate(NamedGroup::X25519, &agreement::X25519)?;
    let message = Zeroizing::new(rng.array::<32>());
    let (ciphertext, kem_secret) =
        encapsulation_key.encapsulate_deterministic(&B32::from(*message));
    let kem_secret = Zeroizing::new(<[u8; 32]>::from(kem_secret));
    let share = [&ciphertext[..], &classical.share].concat();
    Ok((share, classical.agree(classical_share, &*kem_secret)?))
}
