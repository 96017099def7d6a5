//! Signatures of others, by the interface that ring and aws-lc-rs share.

use super::library::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use crate::{SignatureScheme, VerifyError};

pub(super) fn verify(
    scheme: SignatureScheme,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    if !is_well_formed(scheme, public_key) {
        return Err(VerifyError);
    }
    UnparsedPublicKey::new(algorithm(scheme), public_key)
        .verify(message, signature)
        .map_err(|_| VerifyError)
}

fn algorithm(scheme: SignatureScheme) -> &'static dyn VerificationAlgorithm {
    match scheme {
        SignatureScheme::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
        SignatureScheme::EcdsaP256Sha384 => &ECDSA_P256_SHA384_ASN1,
        SignatureScheme::EcdsaP384Sha256 => &ECDSA_P384_SHA256_ASN1,
        SignatureScheme::EcdsaP384Sha384 => &ECDSA_P384_SHA384_ASN1,
        SignatureScheme::Ed25519 => &ED25519,
        SignatureScheme::RsaPssSha256 => &RSA_PSS_2048_8192_SHA256,
        SignatureScheme::RsaPssSha384 => &RSA_PSS_2048_8192_SHA384,
        SignatureScheme::RsaPssSha512 => &RSA_PSS_2048_8192_SHA512,
        SignatureScheme::RsaPkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        SignatureScheme::RsaPkcs1Sha384 => &RSA_PKCS1_2048_8192_SHA384,
        SignatureScheme::RsaPkcs1Sha512 => &RSA_PKCS1_2048_8192_SHA512,
    }
}

/// Uncompressed points and keys of the right length. aws-lc-rs takes compressed points and whole
/// `SubjectPublicKeyInfo`s too; the trait does not.
fn is_well_formed(scheme: SignatureScheme, public_key: &[u8]) -> bool {
    match scheme {
        SignatureScheme::EcdsaP256Sha256 | SignatureScheme::EcdsaP256Sha384 => {
            public_key.len() == 65 && public_key.first() == Some(&4)
        }
        SignatureScheme::EcdsaP384Sha256 | SignatureScheme::EcdsaP384Sha384 => {
            public_key.len() == 97 && public_key.first() == Some(&4)
        }
        SignatureScheme::Ed25519 => public_key.len() == 32,
        _ => true,
    }
}
