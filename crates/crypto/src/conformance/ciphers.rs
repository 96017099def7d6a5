//! Authenticated ciphers, counter mode, masks.

use super::{hex, hex_array};
use crate::{Aead, AeadAlgorithm, CryptoProvider, MaskAlgorithm, OpenError};

struct AeadVector {
    algorithm: AeadAlgorithm,
    key: &'static str,
    nonce: &'static str,
    aad: &'static str,
    plaintext: &'static str,
    ciphertext: &'static str,
    tag: &'static str,
}

const GCM_PLAINTEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72 \
     1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const GCM_AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";

const AEAD_VECTORS: [AeadVector; 5] = [
    // "The Galois/Counter Mode of Operation", McGrew and Viega, test cases 1, 2, 4 and 16.
    AeadVector {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "00000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plaintext: "",
        ciphertext: "",
        tag: "58e2fccefa7e3061367f1d57a4e7455a",
    },
    AeadVector {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "00000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plaintext: "00000000000000000000000000000000",
        ciphertext: "0388dace60b6a392f328c2b971b2fe78",
        tag: "ab6e47d42cec13bdf53a67b21257bddf",
    },
    AeadVector {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: GCM_AAD,
        plaintext: GCM_PLAINTEXT,
        ciphertext: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e \
             21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
        tag: "5bc94fbc3221a5db94fae95ae7121a47",
    },
    AeadVector {
        algorithm: AeadAlgorithm::Aes256Gcm,
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: GCM_AAD,
        plaintext: GCM_PLAINTEXT,
        ciphertext: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa \
             8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b",
    },
    // RFC 8439, section 2.8.2.
    AeadVector {
        algorithm: AeadAlgorithm::ChaCha20Poly1305,
        key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        nonce: "070000004041424344454647",
        aad: "50515253c0c1c2c3c4c5c6c7",
        plaintext: "4c616469657320616e642047656e746c656d656e206f662074686520636c6173 \
             73206f66202739393a204966204920636f756c64206f6666657220796f75206f \
             6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73 \
             637265656e20776f756c642062652069742e",
        ciphertext: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6 \
             3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36 \
             92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc \
             3ff4def08e4b7a9de576d26586cec64b6116",
        tag: "1ae10b594f09e26a7e902ecbd0600691",
    },
];

/// Authenticated ciphers.
pub fn aeads(provider: &dyn CryptoProvider) {
    for vector in &AEAD_VECTORS {
        let key = hex(vector.key);
        assert_eq!(key.len(), vector.algorithm.key_len());
        let mut aead = provider.aead(vector.algorithm, &key).expect("a valid key");
        one_aead_vector(&mut *aead, vector);
    }
    for algorithm in [
        AeadAlgorithm::Aes128Gcm,
        AeadAlgorithm::Aes256Gcm,
        AeadAlgorithm::ChaCha20Poly1305,
    ] {
        for len in (0..64).filter(|len| *len != algorithm.key_len()) {
            let refused = provider.aead(algorithm, &vec![1; len]);
            assert!(refused.is_err(), "{algorithm:?} took a key of {len} bytes");
        }
        let aead = provider.aead(algorithm, &vec![7; algorithm.key_len()]);
        aead_lengths(&mut *aead.expect("a valid key"));
    }
}

fn one_aead_vector(aead: &mut dyn Aead, vector: &AeadVector) {
    let nonce = hex_array(vector.nonce);
    let aad = hex(vector.aad);
    let plaintext = hex(vector.plaintext);
    let mut data = plaintext.clone();
    let tag = aead.seal(&nonce, &aad, &mut data);
    assert_eq!(data, hex(vector.ciphertext), "{aead:?}");
    assert_eq!(tag, hex_array(vector.tag), "{aead:?}");

    let sealed = [&data[..], &tag].concat();
    let mut opened = sealed.clone();
    assert_eq!(aead.open(&nonce, &aad, &mut opened), Ok(plaintext.len()));
    assert_eq!(&opened[..plaintext.len()], &plaintext);

    for bit in 0..sealed.len() * 8 {
        let mut forged = sealed.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(aead.open(&nonce, &aad, &mut forged), Err(OpenError));
    }
    for len in 0..sealed.len() {
        let mut cut = sealed[..len].to_vec();
        assert_eq!(aead.open(&nonce, &aad, &mut cut), Err(OpenError));
    }
    let more = [&aad[..], &[0]].concat();
    assert_eq!(
        aead.open(&nonce, &more, &mut sealed.clone()),
        Err(OpenError)
    );
    let mut other = nonce;
    other[11] ^= 1;
    let mut again = sealed;
    assert_eq!(aead.open(&other, &aad, &mut again), Err(OpenError));
}

/// Lengths around block boundaries, and one longer than any packet.
fn aead_lengths(aead: &mut dyn Aead) {
    for len in (0..130).chain([1200, 1500, 65_535, 70_000]) {
        let plaintext: Vec<u8> = (0..len).map(|i: usize| i as u8).collect();
        let mut data = plaintext.clone();
        let tag = aead.seal(&[9; 12], b"aad", &mut data);
        data.extend(tag);
        assert_eq!(aead.open(&[9; 12], b"aad", &mut data), Ok(len));
        assert_eq!(&data[..len], &plaintext);
    }
}

const BLOCKS: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51 \
     30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
const AES_128_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const AES_256_KEY: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";

/// AES in counter mode (NIST SP 800-38A, F.5.1 and F.5.5).
pub fn counter_mode(provider: &dyn CryptoProvider) {
    let counter = hex_array("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    for (key, ciphertext) in [
        (
            AES_128_KEY,
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff \
             5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
        ),
        (
            AES_256_KEY,
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5 \
             2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
        ),
    ] {
        let cipher = provider.aes_ctr(&hex(key)).expect("a valid key");
        for len in 0..=64 {
            let mut data = hex(BLOCKS)[..len].to_vec();
            cipher.apply(&counter, &mut data);
            assert_eq!(data, &hex(ciphertext)[..len], "{len} bytes");
        }
    }
    counter_carries(provider);
    for len in (0..48).filter(|len| ![16, 32].contains(len)) {
        assert!(
            provider.aes_ctr(&vec![1; len]).is_err(),
            "a key of {len} bytes"
        );
    }
}

/// The counter block is one number of 128 bits.
fn counter_carries(provider: &dyn CryptoProvider) {
    let cipher = provider.aes_ctr(&hex(AES_128_KEY)).expect("a valid key");
    for (first, second) in [
        (
            "000000000000000000000000ffffffff",
            "00000000000000000000000100000000",
        ),
        (
            "0000000000000000ffffffffffffffff",
            "00000000000000010000000000000000",
        ),
        (
            "ffffffffffffffffffffffffffffffff",
            "00000000000000000000000000000000",
        ),
    ] {
        let mut both = [0; 40];
        cipher.apply(&hex_array(first), &mut both);
        let mut rest = [0; 24];
        cipher.apply(&hex_array(second), &mut rest);
        assert_eq!(both[16..], rest, "the counter behind {first}");
    }
}

/// Record-number masks: one AES block, and the start of a ChaCha20 block.
pub fn masks(provider: &dyn CryptoProvider) {
    use MaskAlgorithm::{Aes128, Aes256, ChaCha20};
    for (algorithm, key, sample, mask) in [
        // NIST SP 800-38A, F.1.1 and F.1.5.
        (
            Aes128,
            AES_128_KEY,
            &BLOCKS[..32],
            "3ad77bb40d7a3660a89ecaf32466ef97",
        ),
        (
            Aes256,
            AES_256_KEY,
            &BLOCKS[..32],
            "f3eed1bdb5d2a03c064b5a7e3db181f8",
        ),
        // RFC 9001, appendices A.2 and A.5.
        (
            Aes128,
            "9f50449e04a0e810283a1e9933adedd2",
            "d1b1c98dd7689fb8ec11d242b123dc9b",
            "437b9aec36",
        ),
        (
            ChaCha20,
            "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
            "5e5cd55c41f69080575d7999c25a5bfb",
            "aefefe7d03",
        ),
    ] {
        let cipher = provider.mask(algorithm, &hex(key)).expect("a valid key");
        let expected = hex(mask);
        let mask = cipher.mask(&hex_array(sample));
        assert_eq!(&mask[..expected.len()], &expected, "{algorithm:?}");
    }
    for (algorithm, right) in [(Aes128, 16), (Aes256, 32), (ChaCha20, 32)] {
        for len in (0..48).filter(|len| *len != right) {
            let refused = provider.mask(algorithm, &vec![1; len]);
            assert!(refused.is_err(), "{algorithm:?} took a key of {len} bytes");
        }
    }
}
