use std::sync::Arc;

use gannet_crypto::{CryptoProvider, HashAlgorithm, Hmac};

pub(crate) fn test_key(key: u8) -> Box<dyn Hmac> {
    provider().hmac(HashAlgorithm::Sha256, &[key; 32])
}
