//! Our own certificates: generated, or loaded.

use std::fmt;
use std::sync::Arc;

use gannet_crypto::{CryptoProvider, HashAlgorithm, InvalidKey, SigningKey};
use thiserror::Error;

use crate::fingerprint::Fingerprint;
use crate::pem;
use crate::x509::{PublicKey, X509Error};

/// A certificate and the key that it speaks for: who we are in a handshake.
///
/// It is cheap to clone; one certificate can serve any number of connections.
#[derive(Clone)]
pub struct Certificate {
    chain: Arc<[Vec<u8>]>,
    key: Arc<dyn SigningKey>,
    pkcs8: Arc<gannet_crypto::Secret>,
}

/// Which key a generated certificate has.
#[cfg(feature = "rcgen")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on P-256: what every WebRTC endpoint verifies.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519. Browsers do not verify it.
    Ed25519,
    /// RSA with 2,048 bits (RSASSA-PKCS1-v1_5 with SHA-256 in the certificate): for peers that know
    /// nothing else. It takes long to make, and to sign with.
    Rsa2048,
}

/// Why a certificate could not be made or loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// The text holds no such PEM section, or one that is not base64.
    #[error("the PEM text holds no valid {expected} section")]
    Pem {
        /// The section that was looked for.
        expected: &'static str,
    },
    /// The chain is empty.
    #[error("a certificate chain needs at least one certificate")]
    EmptyChain,
    /// The first certificate can not be read.
    #[error(transparent)]
    X509(#[from] X509Error),
    /// The private key can not be read.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The private key is of another kind than the certificate's public key, or another key.
    #[error("the private key is not the one of the certificate")]
    KeyMismatch,
    /// The generator failed.
    #[error("generating a certificate failed: {0}")]
    Generate(String),
}

impl Certificate {
    /// Makes a self-signed certificate with a new ECDSA P-256 key.
    #[cfg(feature = "rcgen")]
    pub fn generate(provider: &dyn CryptoProvider) -> Result<Self, CertificateError> {
        Self::generate_with(provider, KeyAlgorithm::default())
    }

    /// Makes a self-signed certificate with a new key. Its subject says nothing about us; it is valid
    /// for as long as certificates can be, since it is the fingerprint that vouches for it.
    #[cfg(feature = "rcgen")]
    pub fn generate_with(
        provider: &dyn CryptoProvider,
        algorithm: KeyAlgorithm,
    ) -> Result<Self, CertificateError> {
        let generate = |error: rcgen::Error| CertificateError::Generate(error.to_string());
        let algorithm = match algorithm {
            KeyAlgorithm::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlgorithm::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyAlgorithm::Ed25519 => &rcgen::PKCS_ED25519,
            KeyAlgorithm::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
        };
        let key = rcgen::KeyPair::generate_for(algorithm).map_err(generate)?;
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, "WebRTC");
        let certificate = parameters.self_signed(&key).map_err(generate)?;
        Self::from_der(
            provider,
            vec![certificate.der().to_vec()],
            &key.serialize_der(),
        )
    }

    /// Loads a chain of certificates in DER, our own first, and its key in PKCS #8 DER (or, for ECDSA,
    /// SEC 1 DER, for RSA PKCS #1 DER).
    pub fn from_der(
        provider: &dyn CryptoProvider,
        chain: Vec<Vec<u8>>,
        key: &[u8],
    ) -> Result<Self, CertificateError> {
        let own = chain.first().ok_or(CertificateError::EmptyChain)?;
        let public = PublicKey::of_certificate(own)?;
        let pkcs8 = pem::pkcs8_of(key, public.kind);
        let key = provider.signing_key(&pkcs8)?;
        let certificate = Self {
            chain: chain.into(),
            key,
            pkcs8: Arc::new(pkcs8),
        };
        certificate.check_key(provider)?;
        Ok(certificate)
    }

    /// Loads certificates and a key from PEM texts, which may be one and the same: all `CERTIFICATE`
    /// sections, our own first, and a `PRIVATE KEY`, `EC PRIVATE KEY` or `RSA PRIVATE KEY`.
    pub fn from_pem(
        provider: &dyn CryptoProvider,
        chain: &str,
        key: &str,
    ) -> Result<Self, CertificateError> {
        let missing = |expected| CertificateError::Pem { expected };
        let chain = pem::certificates(chain).ok_or_else(|| missing("CERTIFICATE"))?;
        let key = pem::private_key(key).ok_or_else(|| missing("PRIVATE KEY"))?;
        Self::from_der(provider, chain, &key)
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.chain.first().map_or(&[], Vec::as_slice)
    }

    /// The whole chain in DER, our own certificate first.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The certificate chain and the private key in PEM, for keeping them.
    #[must_use]
    pub fn to_pem(&self) -> (String, gannet_crypto::Secret) {
        let chain = self
            .chain
            .iter()
            .map(|der| pem::section("CERTIFICATE", der))
            .collect();
        let key = pem::section("PRIVATE KEY", &self.pkcs8);
        (chain, gannet_crypto::Secret::new(key.into_bytes()))
    }

    /// The certificate's fingerprints, for the description that vouches for it: SHA-256, SHA-384 and
    /// SHA-512, in this order.
    #[must_use]
    pub fn fingerprints(&self, provider: &dyn CryptoProvider) -> Vec<Fingerprint> {
        [
            HashAlgorithm::Sha256,
            HashAlgorithm::Sha384,
            HashAlgorithm::Sha512,
        ]
        .map(|algorithm| Fingerprint::of(provider, algorithm, self.der()))
        .to_vec()
    }

    /// The key that signs for this certificate.
    #[must_use]
    pub fn signing_key(&self) -> &dyn SigningKey {
        &*self.key
    }

    /// A peer that has nothing to show.
    #[cfg(test)]
    pub(crate) fn without_chain(&self) -> Self {
        Self {
            chain: Arc::new([]),
            ..self.clone()
        }
    }

    /// A peer that shows somebody else's certificate.
    #[cfg(test)]
    pub(crate) fn with_chain_of(&self, other: &Self) -> Self {
        Self {
            chain: other.chain.clone(),
            ..self.clone()
        }
    }

    fn check_key(&self, provider: &dyn CryptoProvider) -> Result<(), CertificateError> {
        const PROBE: &[u8] = b"gannet: does this key sign for this certificate?";
        let public = PublicKey::of_certificate(self.der())?;
        let scheme = self
            .key
            .schemes()
            .first()
            .ok_or(CertificateError::KeyMismatch)?;
        let signature = self
            .key
            .sign(*scheme, PROBE)
            .map_err(|_| CertificateError::KeyMismatch)?;
        provider
            .verify(*scheme, public.bytes, PROBE, &signature)
            .map_err(|_| CertificateError::KeyMismatch)
    }
}

/// Never prints the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("der_len", &self.der().len())
            .field("schemes", &self.key.schemes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use gannet_crypto::default_provider;

    use super::*;

    #[test]
    fn every_algorithm_is_generated_and_goes_through_pem() {
        let provider = default_provider();
        for algorithm in [
            KeyAlgorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP384,
            KeyAlgorithm::Ed25519,
            KeyAlgorithm::Rsa2048,
        ] {
            let certificate = Certificate::generate_with(&*provider, algorithm).unwrap();
            let (chain, key) = certificate.to_pem();
            let key = std::str::from_utf8(&key).unwrap();
            let loaded = Certificate::from_pem(&*provider, &chain, key).unwrap();
            assert_eq!(
                loaded.fingerprints(&*provider),
                certificate.fingerprints(&*provider)
            );
        }
    }

    #[test]
    fn keys_without_their_algorithm_are_loaded_too() {
        let provider = default_provider();
        for (algorithm, label) in [
            (KeyAlgorithm::EcdsaP256, "EC PRIVATE KEY"),
            (KeyAlgorithm::EcdsaP384, "EC PRIVATE KEY"),
            (KeyAlgorithm::Rsa2048, "RSA PRIVATE KEY"),
        ] {
            let certificate = Certificate::generate_with(&*provider, algorithm).unwrap();
            let (chain, _) = certificate.to_pem();
            let bare = pem::section(label, bare_key(&certificate.pkcs8));
            let loaded = Certificate::from_pem(&*provider, &chain, &bare).unwrap();
            assert_eq!(loaded.pkcs8[..], certificate.pkcs8[..], "{label}");
        }
    }

    /// The octets in a PrivateKeyInfo: what follows the header of each element (RFC 5958, section 2).
    fn bare_key(pkcs8: &[u8]) -> &[u8] {
        let header = |der: &[u8]| match der[1] {
            len @ ..=0x7f => (2, usize::from(len)),
            0x81 => (3, usize::from(der[2])),
            _ => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        };
        let body = &pkcs8[header(pkcs8).0..];
        let algorithm = &body[3..];
        let (start, len) = header(algorithm);
        let key = &algorithm[start + len..];
        let (start, len) = header(key);
        &key[start..start + len]
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let provider = default_provider();
        let [one, other] = [(); 2].map(|()| Certificate::generate(&*provider).unwrap());
        let loaded = Certificate::from_der(&*provider, one.chain().to_vec(), &other.pkcs8);
        assert_eq!(loaded.unwrap_err(), CertificateError::KeyMismatch);
        let loaded = Certificate::from_der(&*provider, Vec::new(), &other.pkcs8);
        assert_eq!(loaded.unwrap_err(), CertificateError::EmptyChain);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let certificate = Certificate::generate(&*default_provider()).unwrap();
        let printed = format!("{certificate:?}");
        assert!(printed.starts_with("Certificate { der_len: "), "{printed}");
    }

    #[test]
    fn fingerprints_vouch_only_if_all_that_count_match() {
        let provider = default_provider();
        let certificate = Certificate::generate(&*provider).unwrap();
        let good = certificate.fingerprints(&*provider);
        let mut wrong = good[0].clone();
        wrong.value[31] ^= 1;
        let sha1 = Fingerprint::of(&*provider, HashAlgorithm::Sha1, certificate.der());
        let vouch = |list: &[Fingerprint]| {
            crate::fingerprint::vouch_for(list, &*provider, certificate.der())
        };
        assert!(vouch(&good));
        assert!(vouch(&good[2..]));
        assert!(vouch(&[sha1.clone(), good[1].clone()]));
        assert!(!vouch(&[]));
        assert!(!vouch(&[sha1]));
        assert!(!vouch(&[good[1].clone(), wrong]));
    }
}
