//! The provider on BoringSSL, for its authenticated ciphers.

mod aead;

use std::sync::Arc;

use crate::{
    Aead, AeadAlgorithm, AwsLcProvider, CryptoProvider, Hash, HashAlgorithm, Hmac, InvalidKey,
    KeyExchange, KeyExchangeError, Mask, MaskAlgorithm, NamedGroup, Rng, Secret, SignatureScheme,
    SigningKey, StreamCipher, VerifyError,
};

/// The provider whose authenticated ciphers are BoringSSL's, by the crate [boring](https://docs.rs/boring);
/// everything else is [`AwsLcProvider`]'s.
///
/// On processors with AVX-512 its AES-GCM is the fastest for packets. To build BoringSSL takes cmake,
/// a C++ compiler, libclang and some minutes: hence it is for those who ask for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct BoringProvider;

impl CryptoProvider for BoringProvider {
    fn name(&self) -> &'static str {
        "BoringSSL"
    }

    fn aead(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn Aead>, InvalidKey> {
        Ok(Box::new(aead::AeadKey::new(algorithm, key)?))
    }

    fn random_seed(&self) -> [u8; 32] {
        AwsLcProvider.random_seed()
    }

    fn aes_ctr(&self, key: &[u8]) -> Result<Box<dyn StreamCipher>, InvalidKey> {
        AwsLcProvider.aes_ctr(key)
    }

    fn mask(&self, algorithm: MaskAlgorithm, key: &[u8]) -> Result<Box<dyn Mask>, InvalidKey> {
        AwsLcProvider.mask(algorithm, key)
    }

    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn Hmac> {
        AwsLcProvider.hmac(algorithm, key)
    }

    fn hash(&self, algorithm: HashAlgorithm) -> Box<dyn Hash> {
        AwsLcProvider.hash(algorithm)
    }

    fn groups(&self) -> &[NamedGroup] {
        AwsLcProvider.groups()
    }

    fn start_key_exchange(
        &self,
        group: NamedGroup,
        rng: &mut Rng,
    ) -> Result<Box<dyn KeyExchange>, KeyExchangeError> {
        AwsLcProvider.start_key_exchange(group, rng)
    }

    fn answer_key_exchange(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
        rng: &mut Rng,
    ) -> Result<(Vec<u8>, Secret), KeyExchangeError> {
        AwsLcProvider.answer_key_exchange(group, peer_share, rng)
    }

    fn signing_key(&self, pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, InvalidKey> {
        AwsLcProvider.signing_key(pkcs8)
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        AwsLcProvider.verify(scheme, public_key, message, signature)
    }
}
