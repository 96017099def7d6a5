//! Signatures.

use super::hex;
use super::signatures as vectors;
use crate::{CryptoProvider, SignatureScheme, VerifyError};

struct Vector {
    scheme: SignatureScheme,
    public_key: Vec<u8>,
    message: &'static [u8],
    signature: Vec<u8>,
}

fn all_vectors() -> Vec<Vector> {
    use SignatureScheme::{
        EcdsaP256Sha256, EcdsaP256Sha384, EcdsaP384Sha256, EcdsaP384Sha384, Ed25519,
        RsaPkcs1Sha256, RsaPkcs1Sha384, RsaPkcs1Sha512, RsaPssSha256, RsaPssSha384, RsaPssSha512,
    };
    let mut all: Vec<Vector> = [
        (
            EcdsaP256Sha256,
            vectors::P256_PUBLIC,
            vectors::P256_SIGNATURE,
        ),
        (
            EcdsaP384Sha384,
            vectors::P384_PUBLIC,
            vectors::P384_SIGNATURE,
        ),
        (
            EcdsaP256Sha384,
            vectors::P256_PUBLIC,
            vectors::P256_SHA384_SIGNATURE,
        ),
        (
            EcdsaP384Sha256,
            vectors::P384_PUBLIC,
            vectors::P384_SHA256_SIGNATURE,
        ),
        (Ed25519, vectors::ED25519_PUBLIC, vectors::ED25519_SIGNATURE),
        (
            RsaPssSha256,
            vectors::RSA_PUBLIC,
            vectors::RSA_PSS_SHA256_SIGNATURE,
        ),
        (
            RsaPssSha384,
            vectors::RSA_PUBLIC,
            vectors::RSA_PSS_SHA384_SIGNATURE,
        ),
        (
            RsaPssSha512,
            vectors::RSA_PUBLIC,
            vectors::RSA_PSS_SHA512_SIGNATURE,
        ),
        (
            RsaPkcs1Sha256,
            vectors::RSA_PUBLIC,
            vectors::RSA_PKCS1_SHA256_SIGNATURE,
        ),
        (
            RsaPkcs1Sha384,
            vectors::RSA_PUBLIC,
            vectors::RSA_PKCS1_SHA384_SIGNATURE,
        ),
        (
            RsaPkcs1Sha512,
            vectors::RSA_PUBLIC,
            vectors::RSA_PKCS1_SHA512_SIGNATURE,
        ),
    ]
    .into_iter()
    .map(|(scheme, public_key, signature)| Vector {
        scheme,
        public_key: hex(public_key),
        message: vectors::MESSAGE,
        signature: hex(signature),
    })
    .collect();
    // RFC 8032, section 7.1, test 2.
    all.push(Vector {
        scheme: Ed25519,
        public_key: hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
        message: &[0x72],
        signature: hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da \
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    });
    // RFC 6979, appendix A.2.5, P-256 and SHA-256, "sample".
    all.push(Vector {
        scheme: EcdsaP256Sha256,
        public_key: hex(
            "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6 \
             7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        ),
        message: b"sample",
        signature: hex(
            "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716 \
             022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
    });
    all
}

/// Verification: vectors, tampering, wrong keys and lengths.
pub fn verification(provider: &dyn CryptoProvider) {
    for vector in all_vectors() {
        let scheme = vector.scheme;
        let verify = |public_key: &[u8], message: &[u8], signature: &[u8]| {
            provider.verify(scheme, public_key, message, signature)
        };
        let (key, message, signature) = (&vector.public_key, vector.message, &vector.signature);
        assert_eq!(verify(key, message, signature), Ok(()), "{scheme:?}");
        assert_eq!(verify(key, b"another message", signature), Err(VerifyError));
        assert_eq!(verify(key, message, b""), Err(VerifyError));
        assert_eq!(verify(b"", message, signature), Err(VerifyError));
        for len in [1, signature.len() - 1, signature.len() + 1] {
            let mut wrong = signature.clone();
            wrong.resize(len, 0);
            assert_eq!(
                verify(key, message, &wrong),
                Err(VerifyError),
                "{scheme:?}, {len}"
            );
        }
        for byte in (0..signature.len()).step_by(7) {
            let mut forged = signature.clone();
            forged[byte] ^= 0x10;
            assert_eq!(
                verify(key, message, &forged),
                Err(VerifyError),
                "{scheme:?}, {byte}"
            );
        }
        for len in [1, key.len() - 1, key.len() + 1] {
            let mut wrong = key.clone();
            wrong.resize(len, 4);
            assert_eq!(verify(&wrong, message, signature), Err(VerifyError));
        }
    }
    signatures_of_other_schemes(provider);
    weak_keys(provider);
}

/// A signature verifies under its own scheme only.
fn signatures_of_other_schemes(provider: &dyn CryptoProvider) {
    let all = all_vectors();
    for vector in &all {
        for other in all.iter().filter(|other| other.scheme != vector.scheme) {
            let verified = provider.verify(
                other.scheme,
                &vector.public_key,
                vector.message,
                &vector.signature,
            );
            assert_eq!(
                verified,
                Err(VerifyError),
                "{:?} as {:?}",
                vector.scheme,
                other.scheme
            );
        }
    }
}

/// RSA keys below 2,048 bits, and compressed points.
fn weak_keys(provider: &dyn CryptoProvider) {
    let verified = provider.verify(
        SignatureScheme::RsaPkcs1Sha256,
        &hex(vectors::RSA_1024_PUBLIC),
        vectors::MESSAGE,
        &hex(vectors::RSA_1024_SIGNATURE),
    );
    assert_eq!(verified, Err(VerifyError), "an RSA key of 1,024 bits");

    let point = hex(vectors::P256_PUBLIC);
    let mut compressed = point[..33].to_vec();
    compressed[0] = 2 | (point[64] & 1);
    let verified = provider.verify(
        SignatureScheme::EcdsaP256Sha256,
        &compressed,
        vectors::MESSAGE,
        &hex(vectors::P256_SIGNATURE),
    );
    assert_eq!(verified, Err(VerifyError), "a compressed point");
}

/// Signing with keys made elsewhere.
pub fn signing(provider: &dyn CryptoProvider) {
    for (private, public) in [
        (vectors::P256_PKCS8, vectors::P256_PUBLIC),
        (vectors::P384_PKCS8, vectors::P384_PUBLIC),
        (vectors::ED25519_PKCS8, vectors::ED25519_PUBLIC),
        (vectors::RSA_PKCS8, vectors::RSA_PUBLIC),
    ] {
        let (private, public) = (hex(private), hex(public));
        let key = provider.signing_key(&private).expect("a valid key");
        assert!(!key.schemes().is_empty());
        for &scheme in key.schemes() {
            let signature = key.sign(scheme, b"message").expect("a scheme of the key");
            let verify = |message| provider.verify(scheme, &public, message, &signature);
            assert_eq!(verify(b"message"), Ok(()), "{scheme:?}");
            assert_eq!(verify(b"massage"), Err(VerifyError), "{scheme:?}");
        }
        for vector in all_vectors() {
            let has_it = key.schemes().contains(&vector.scheme);
            assert_eq!(key.sign(vector.scheme, b"message").is_ok(), has_it);
        }
        for len in [0, 1, private.len() / 2, private.len() - 1] {
            assert!(
                provider.signing_key(&private[..len]).is_err(),
                "{len} bytes of a key"
            );
        }
        let printed = format!("{key:?}");
        assert!(
            !printed.contains(&format!("{:?}", &private[..4])),
            "{printed}"
        );
    }
}
