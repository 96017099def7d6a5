//! What aws-lc-rs does not call as ring does.

use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair};

pub(super) fn ecdsa(
    algorithm: &'static EcdsaSigningAlgorithm,
    pkcs8: &[u8],
) -> Result<EcdsaKeyPair, KeyRejected> {
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8)
}

pub(super) fn ed25519(pkcs8: &[u8]) -> Result<Ed25519KeyPair, KeyRejected> {
    Ed25519KeyPair::from_pkcs8(pkcs8)
}

pub(super) fn sign_ed25519(key: &Ed25519KeyPair, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
    Ok(key.try_sign(message)?.as_ref().to_vec())
}

/// In bytes.
pub(super) fn modulus_len(key: &RsaKeyPair) -> usize {
    key.public_modulus_len()
}
