//! The provider on ring, with RustCrypto's crates for what ring lacks: AES in counter mode and as a bare
//! block cipher, a fast SHA-1, and ML-KEM.

#![allow(
    clippy::duplicate_mod,
    reason = "ring and aws-lc-rs share an interface: the files of `ring_api` are compiled against each"
)]

#[path = "../ring_api/aead.rs"]
mod aead;
mod ctr;
#[path = "../ring_api/hash.rs"]
mod hash;
mod hmac;
mod key_exchange;
mod keys;
mod mask;
#[path = "../ring_api/signing.rs"]
mod signing;
#[path = "../ring_api/verification.rs"]
mod verification;

use std::sync::Arc;

// What the files of `ring_api` call the library.
use ring as library;
use ring::rand::{SecureRandom, SystemRandom};

use crate::{
    Aead, AeadAlgorithm, CryptoProvider, Hash, HashAlgorithm, Hmac, InvalidKey, KeyExchange,
    KeyExchangeError, Mask, MaskAlgorithm, NamedGroup, Rng, Secret, SignatureScheme, SigningKey,
    StreamCipher, UnsupportedAlgorithm, VerifyError,
};

const NAME: &str = "ring";

/// The provider on [ring](https://docs.rs/ring) and crates of RustCrypto: it has every algorithm of the
/// trait, and needs no more than a C compiler where ring does.
///
/// ML-KEM keys come from the caller's [`Rng`]. X25519 and elliptic curve keys and the nonces of ECDSA and
/// RSA-PSS come from the operating system, since ring's generator can not be seeded.
#[derive(Clone, Copy, Debug, Default)]
pub struct RingProvider;

impl CryptoProvider for RingProvider {
    fn name(&self) -> &'static str {
        NAME
    }

    fn random_seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        SystemRandom::new()
            .fill(&mut seed)
            .expect("the operating system's random source works");
        seed
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, InvalidKey> {
        Ok(Box::new(aead::AeadKey::new(algorithm, key)?))
    }

    fn aes_ctr(&self, key: &[u8]) -> Result<Box<dyn StreamCipher>, InvalidKey> {
        ctr::new(key)
    }

    fn mask(&self, algorithm: MaskAlgorithm, key: &[u8]) -> Result<Box<dyn Mask>, InvalidKey> {
        mask::new(algorithm, key)
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn Hmac> {
        hmac::new(algorithm, key)
    }

    fn hash(&self, algorithm: HashAlgorithm) -> Box<dyn Hash> {
        Box::new(hash::HashState::new(algorithm))
    }

    fn groups(&self) -> &[NamedGroup] {
        &[
            NamedGroup::X25519MlKem768,
            NamedGroup::X25519,
            NamedGroup::P256,
            NamedGroup::P384,
        ]
    }

    fn start_key_exchange(
        &self,
        group: NamedGroup,
        rng: &mut Rng,
    ) -> Result<Box<dyn KeyExchange>, KeyExchangeError> {
        key_exchange::start(group, rng)
    }

    fn answer_key_exchange(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
        rng: &mut Rng,
    ) -> Result<(Vec<u8>, Secret), KeyExchangeError> {
        key_exchange::answer(group, peer_share, rng)
    }

    fn signing_key(&self, pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, InvalidKey> {
        signing::from_pkcs8(pkcs8)
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        verification::verify(scheme, public_key, message, signature)
    }
}

/// What the library says when it refuses something that this crate never asks of it.
fn library_failure(algorithm: &'static str) -> UnsupportedAlgorithm {
    UnsupportedAlgorithm {
        provider: NAME,
        algorithm,
    }
}
