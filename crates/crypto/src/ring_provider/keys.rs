//! What ring does not call as aws-lc-rs does.

use ring::error::{KeyRejected, Unspecified};
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair};

pub(super) fn ecdsa(
    algorithm: &'static EcdsaSigningAlgorithm,
    pkcs8: &[u8],
) -> Result<EcdsaKeyPair, KeyRejected> {
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &SystemRandom::new())
}

/// With the public key inside or without it (RFC 5958, section 2).
pub(super) fn ed25519(pkcs8: &[u8]) -> Result<Ed25519KeyPair, KeyRejected> {
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
}

pub(super) fn sign_ed25519(key: &Ed25519KeyPair, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
    Ok(key.sign(message).as_ref().to_vec())
}

/// In bytes.
pub(super) fn modulus_len(key: &RsaKeyPair) -> usize {
    key.public().modulus_len()
}
