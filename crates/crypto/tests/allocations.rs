//! Sealing, opening, counter mode, masks and HMACs allocate nothing once their key is there.
//!
//! Only what Rust code allocates is counted.

#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]

use gannet_alloc_count::allocations;
use gannet_crypto::{AeadAlgorithm, CryptoProvider, HashAlgorithm, MaskAlgorithm};

fn none_in(provider: &dyn CryptoProvider) {
    let mut data = vec![0x42; 1200];
    for algorithm in [
        AeadAlgorithm::Aes128Gcm,
        AeadAlgorithm::Aes256Gcm,
        AeadAlgorithm::ChaCha20Poly1305,
    ] {
        let mut aead = provider
            .aead(algorithm, &vec![1; algorithm.key_len()])
            .unwrap();
        let count = allocations(|| {
            let (text, tag) = data.split_at_mut(1184);
            tag.copy_from_slice(&aead.seal(&[0; 12], b"aad", text));
            assert_eq!(aead.open(&[0; 12], b"aad", &mut data), Ok(1184));
        });
        assert_eq!(count, 0, "{algorithm:?}");
    }
    let cipher = provider.aes_ctr(&[1; 16]).unwrap();
    assert_eq!(allocations(|| cipher.apply(&[0; 16], &mut data)), 0);
    for algorithm in [MaskAlgorithm::Aes128, MaskAlgorithm::ChaCha20] {
        let len = if algorithm == MaskAlgorithm::Aes128 {
            16
        } else {
            32
        };
        let mask = provider.mask(algorithm, &vec![1; len]).unwrap();
        assert_eq!(
            allocations(|| {
                let _ = mask.mask(&[0; 16]);
            }),
            0,
            "{algorithm:?}"
        );
    }
    for algorithm in [
        HashAlgorithm::Sha1,
        HashAlgorithm::Sha256,
        HashAlgorithm::Sha384,
    ] {
        let hmac = provider.hmac(algorithm, &[1; 20]);
        let count = allocations(|| assert!(!hmac.verify(&[&data, b"roc"], &[0; 10])));
        assert_eq!(count, 0, "{algorithm:?}");
    }
}

#[test]
fn nothing_is_allocated_per_packet() {
    #[cfg(feature = "aws-lc-rs")]
    none_in(&gannet_crypto::AwsLcProvider);
    #[cfg(feature = "ring")]
    none_in(&gannet_crypto::RingProvider);
    #[cfg(feature = "boring")]
    none_in(&gannet_crypto::BoringProvider);
}
