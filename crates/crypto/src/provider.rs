//! The provider trait, and the traits of what a provider hands out.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use zeroize::Zeroize;

use crate::{Rng, Secret};

/// An authenticated cipher. All of them have 12-byte nonces and 16-byte tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AeadAlgorithm {
    /// AES-128-GCM (RFC 5116), 16-byte key.
    Aes128Gcm,
    /// AES-256-GCM (RFC 5116), 32-byte key.
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439), 32-byte key.
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// The length of the nonce in bytes.
    pub const NONCE_LEN: usize = 12;
    /// The length of the tag in bytes.
    pub const TAG_LEN: usize = 16;

    /// The length of the key in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }
}

/// The cipher that masks DTLS 1.3 record numbers (RFC 9147, section 4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MaskAlgorithm {
    /// AES-128 in ECB mode, 16-byte key.
    Aes128,
    /// AES-256 in ECB mode, 32-byte key.
    Aes256,
    /// One ChaCha20 block, 32-byte key.
    ChaCha20,
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-1: only for HMAC in STUN and SRTP.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512: certificate fingerprints.
    Sha512,
}

impl HashAlgorithm {
    /// The length of the output in bytes.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A key exchange group, as the TLS registry numbers them (RFC 8446, section 4.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedGroup {
    /// secp256r1 (0x0017); shares are uncompressed points of 65 bytes.
    P256,
    /// secp384r1 (0x0018); shares are uncompressed points of 97 bytes.
    P384,
    /// x25519 (0x001d); shares are 32 bytes.
    X25519,
    /// X25519MLKEM768 (0x11ec): the ML-KEM-768 part first, then x25519. The client's share is
    /// 1,216 bytes, the server's 1,120, the secret 64.
    X25519MlKem768,
}

/// A signature scheme, as the TLS registry numbers them (RFC 8446, section 4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// ecdsa_secp256r1_sha256 (0x0403). Signatures are ASN.1.
    EcdsaP256Sha256,
    /// ecdsa_secp384r1_sha384 (0x0503). Signatures are ASN.1.
    EcdsaP384Sha384,
    /// ECDSA on P-256 with SHA-384: only to verify, and in TLS 1.2 only, where 0x0503 says nothing about
    /// the curve (RFC 5246, section 7.4.1.4.1).
    EcdsaP256Sha384,
    /// ECDSA on P-384 with SHA-256: only to verify, and in TLS 1.2 only, where 0x0403 says nothing about
    /// the curve.
    EcdsaP384Sha256,
    /// ed25519 (0x0807).
    Ed25519,
    /// rsa_pss_rsae_sha256 (0x0804).
    RsaPssSha256,
    /// rsa_pss_rsae_sha384 (0x0805).
    RsaPssSha384,
    /// rsa_pss_rsae_sha512 (0x0806).
    RsaPssSha512,
    /// rsa_pkcs1_sha256 (0x0401): TLS 1.2 and certificates only.
    RsaPkcs1Sha256,
    /// rsa_pkcs1_sha384 (0x0501): TLS 1.2 and certificates only.
    RsaPkcs1Sha384,
    /// rsa_pkcs1_sha512 (0x0601): TLS 1.2 and certificates only.
    RsaPkcs1Sha512,
}

/// A key that a primitive can not take: its length is wrong, or it is not a key at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a valid key for {what}: {reason}")]
pub struct InvalidKey {
    /// What the key was for.
    pub what: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The provider does not have an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the cryptography provider {provider} does not have {algorithm}")]
pub struct UnsupportedAlgorithm {
    /// The provider's name.
    pub provider: &'static str,
    /// What was asked for.
    pub algorithm: &'static str,
}

/// A ciphertext is not authentic. It says no more on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the ciphertext is not authentic")]
pub struct OpenError;

/// A signature does not verify. It says no more on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the signature does not verify")]
pub struct VerifyError;

/// Why a key exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyExchangeError {
    /// The provider does not have the group.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedAlgorithm),
    /// The peer's share has the wrong length, is not on the curve, or yields an all-zero secret.
    #[error("the peer's key share is not valid for its group")]
    InvalidShare,
}

/// The output of a hash or an HMAC: up to 64 bytes, held in place.
#[derive(Clone, Copy)]
pub struct Digest {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl Digest {
    /// The length of the longest one in bytes.
    pub const MAX_LEN: usize = 64;

    /// A digest with the bytes of `output`, of which it keeps at most [`Self::MAX_LEN`].
    #[must_use]
    pub fn new(output: &[u8]) -> Self {
        let len = output.len().min(Self::MAX_LEN);
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..len].copy_from_slice(&output[..len]);
        Self {
            bytes,
            len: len as u8,
        }
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl std::ops::Deref for Digest {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_ref()
    }
}

/// A digest that is a key can be wrapped in `Zeroizing`.
impl Zeroize for Digest {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
        self.len = 0;
    }
}

/// Never prints the bytes: a digest may be a key.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({} bytes)", self.len)
    }
}

/// An authenticated cipher with its key. To seal and to open takes it for itself alone: some libraries
/// change their state at that.
pub trait Aead: fmt::Debug + Send + Sync {
    /// Encrypts `data` in place and returns the tag. A nonce must never be used twice.
    fn seal(&mut self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16];

    /// Decrypts `data`, whose last 16 bytes are the tag, in place, and returns the length of the
    /// plaintext at its start. On an error the contents of `data` are unspecified.
    fn open(&mut self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> Result<usize, OpenError>;
}

/// AES in counter mode with its key.
pub trait StreamCipher: fmt::Debug + Send + Sync {
    /// Encrypts or decrypts `data` in place, counting from `initial_counter_block`.
    fn apply(&self, initial_counter_block: &[u8; 16], data: &mut [u8]);
}

/// A cipher that turns a sample of ciphertext into a mask, with its key (RFC 9147, section 4.2.3).
pub trait Mask: fmt::Debug + Send + Sync {
    /// The mask for `sample`. With ChaCha20 only its first five bytes count: a record number needs
    /// two, and libraries give what QUIC needs.
    fn mask(&self, sample: &[u8; 16]) -> [u8; 16];
}

/// An HMAC (RFC 2104) with its key.
pub trait Hmac: fmt::Debug + Send + Sync {
    /// The tag over all parts, one behind the other.
    fn sign(&self, parts: &[&[u8]]) -> Digest;

    /// Whether `tag` is the tag over all parts, or the start of it. Takes the same time whatever the
    /// bytes are. An empty `tag` never verifies.
    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let expected = self.sign(parts);
        !tag.is_empty()
            && expected
                .get(..tag.len())
                .is_some_and(|start| crate::constant_time_eq(start, tag))
    }
}

/// A hash that is being computed.
pub trait Hash: fmt::Debug + Send + Sync {
    /// Adds `data`.
    fn update(&mut self, data: &[u8]);

    /// The hash of everything so far; more can be added afterwards.
    fn current(&self) -> Digest;

    /// A copy of the state.
    fn fork(&self) -> Box<dyn Hash>;
}

/// The side of a key exchange that sent its share first: in TLS the client.
pub trait KeyExchange: fmt::Debug + Send + Sync {
    /// The group.
    fn group(&self) -> NamedGroup;

    /// The share to send, in TLS's encoding (RFC 8446, section 4.2.8).
    fn share(&self) -> &[u8];

    /// The classical share inside a hybrid one, so that one key pair can be offered twice:
    /// X25519MLKEM768 holds an x25519 share.
    fn component(&self) -> Option<(NamedGroup, &[u8])>;

    /// Ends the exchange with the peer's share. `group` is [`Self::group`], or that of
    /// [`Self::component`] when the peer chose it.
    fn complete(
        self: Box<Self>,
        group: NamedGroup,
        peer_share: &[u8],
    ) -> Result<Secret, KeyExchangeError>;
}

/// A private key that signs.
pub trait SigningKey: fmt::Debug + Send + Sync {
    /// The schemes that this key can sign with, best first.
    fn schemes(&self) -> &[SignatureScheme];

    /// Signs `message`, which it hashes itself. `scheme` must be one of [`Self::schemes`].
    fn sign(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, UnsupportedAlgorithm>;
}

/// Who computes the primitives.
pub trait CryptoProvider: fmt::Debug + Send + Sync {
    /// Its name, for logs and errors.
    fn name(&self) -> &'static str;

    /// A seed for an [`Rng`] from the operating system. Cores never call it: whoever owns the clock
    /// and the sockets does, once a session.
    fn random_seed(&self) -> [u8; 32];

    /// An authenticated cipher.
    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, InvalidKey>;

    /// AES in counter mode; the key is 16 or 32 bytes long.
    fn aes_ctr(&self, key: &[u8]) -> Result<Box<dyn StreamCipher>, InvalidKey>;

    /// A record-number mask.
    fn mask(&self, algorithm: MaskAlgorithm, key: &[u8]) -> Result<Box<dyn Mask>, InvalidKey>;

    /// An HMAC; keys of any length are valid.
    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn Hmac>;

    /// A hash of nothing yet.
    fn hash(&self, algorithm: HashAlgorithm) -> Box<dyn Hash>;

    /// The hash of `data`.
    fn digest(&self, algorithm: HashAlgorithm, data: &[u8]) -> Digest {
        let mut hash = self.hash(algorithm);
        hash.update(data);
        hash.current()
    }

    /// The groups that it has, best first.
    fn groups(&self) -> &[NamedGroup];

    /// Starts a key exchange. Where the library allows it, the private key comes from `rng`, so that
    /// one seed gives one run.
    fn start_key_exchange(
        &self,
        group: NamedGroup,
        rng: &mut Rng,
    ) -> Result<Box<dyn KeyExchange>, KeyExchangeError>;

    /// Answers a key exchange: our share, to be sent, and the secret.
    fn answer_key_exchange(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
        rng: &mut Rng,
    ) -> Result<(Vec<u8>, Secret), KeyExchangeError>;

    /// A signing key from PKCS #8 DER: ECDSA on P-256 or P-384, Ed25519, or RSA.
    fn signing_key(&self, pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, InvalidKey>;

    /// Verifies `signature` over `message`, which it hashes itself. `public_key` is the contents of the
    /// certificate's `subjectPublicKey` bit string (an uncompressed point for ECDSA, 32 bytes for
    /// Ed25519, PKCS #1 DER for RSA).
    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_keeps_what_it_was_given_and_can_be_zeroed() {
        let mut digest = Digest::new(&[7; 100]);
        assert_eq!(&*digest, &[7; Digest::MAX_LEN]);
        digest.zeroize();
        assert!(digest.is_empty() && digest.bytes == [0; Digest::MAX_LEN]);
        assert_eq!(format!("{:?}", Digest::new(b"key")), "Digest(3 bytes)");
    }
}
