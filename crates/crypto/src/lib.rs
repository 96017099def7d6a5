//! The few cryptographic primitives that WebRTC's protocols need, behind one provider trait.
//!
//! STUN, DTLS, SRTP and SCTP do not know who computes their ciphers: they hold an
//! `Arc<dyn CryptoProvider>`, a value that the user chooses for each connection. What a provider hands
//! out ([`Aead`], [`StreamCipher`], [`Mask`], [`Hmac`], [`Hash`], [`KeyExchange`], [`SigningKey`]) has
//! its key schedule done once, works in place on the caller's bytes, and allocates nothing afterwards.
//!
//! What is the same for all providers is here, built on their HMACs: [`hkdf`] (RFC 5869),
//! [`tls12_prf`] (RFC 5246, section 5), constant-time comparison ([`constant_time_eq`]), secrets that
//! are zeroed when dropped ([`Secret`]), and the seeded generator that every core draws its random
//! numbers from ([`Rng`]).
//!
//! Deliberately not here: certificates (they are the DTLS crate's), and any cipher that no WebRTC
//! protocol uses.
//!
//! With the feature `aws-lc-rs` (the default), there is [`AwsLcProvider`] on that library. With the feature
//! `ring`, there is `RingProvider` on ring and crates of RustCrypto. With the feature `boring`, there is
//! `BoringProvider`, whose authenticated ciphers are BoringSSL's: the fastest ones, which need cmake, a C++
//! compiler and libclang to be built. All can be there, and each connection chooses. With the feature `conformance`, there is the suite that any other
//! provider should pass.
//!
//! ```
//! # #[cfg(feature = "aws-lc-rs")] {
//! use gannet_crypto::{AeadAlgorithm, OpenError, default_provider};
//!
//! let provider = default_provider();
//! let mut aead = provider.aead(AeadAlgorithm::Aes128Gcm, &[1; 16])?;
//! let mut packet = b"secret".to_vec();
//! let tag = aead.seal(&[0; 12], b"header", &mut packet);
//! packet.extend(tag);
//! assert_eq!(aead.open(&[0; 12], b"header", &mut packet), Ok(6));
//! assert_eq!(&packet[..6], b"secret");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(feature = "boring")]
mod boringssl;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod hkdf;
mod prf;
mod provider;
#[cfg(feature = "ring")]
mod ring_provider;
mod rng;
mod secret;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod sha1_hmac;

#[cfg(feature = "aws-lc-rs")]
pub use aws_lc::AwsLcProvider;
#[cfg(feature = "boring")]
pub use boringssl::BoringProvider;
pub use prf::tls12_prf;
pub use provider::{
    Aead, AeadAlgorithm, CryptoProvider, Digest, Hash, HashAlgorithm, Hmac, InvalidKey,
    KeyExchange, KeyExchangeError, Mask, MaskAlgorithm, NamedGroup, OpenError, SignatureScheme,
    SigningKey, StreamCipher, UnsupportedAlgorithm, VerifyError,
};
#[cfg(feature = "ring")]
pub use ring_provider::RingProvider;
pub use rng::Rng;
pub use secret::{Secret, constant_time_eq};

/// The best provider that was built in: that on aws-lc-rs, or else that on ring.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[must_use]
pub fn default_provider() -> std::sync::Arc<dyn CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    return std::sync::Arc::new(AwsLcProvider);
    #[cfg(not(feature = "aws-lc-rs"))]
    return std::sync::Arc::new(RingProvider);
}
