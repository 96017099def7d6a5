//! HKDF (RFC 5869) over a provider's HMAC.

use zeroize::Zeroizing;

use crate::prf::sign_joined;
use crate::{CryptoProvider, Digest, HashAlgorithm};

/// HKDF-Extract (RFC 5869, section 2.2): a pseudorandom key from `salt` and keying material.
#[must_use]
pub fn extract(
    provider: &dyn CryptoProvider,
    algorithm: HashAlgorithm,
    salt: &[u8],
    keying_material: &[u8],
) -> Digest {
    provider.hmac(algorithm, salt).sign(&[keying_material])
}

/// HKDF-Expand (RFC 5869, section 2.3): fills `output` from a pseudorandom key and `info`, whose
/// parts count as one.
///
/// `output` is at most 255 hash lengths long; what lies behind that is left as it is.
pub fn expand(
    provider: &dyn CryptoProvider,
    algorithm: HashAlgorithm,
    pseudorandom_key: &[u8],
    info: &[&[u8]],
    output: &mut [u8],
) {
    let hmac = provider.hmac(algorithm, pseudorandom_key);
    let mut previous = Zeroizing::new(Digest::new(&[]));
    for (counter, block) in (1..=u8::MAX).zip(output.chunks_mut(algorithm.output_len())) {
        let next = Zeroizing::new(sign_joined(&*hmac, &previous, info, &[counter]));
        block.copy_from_slice(&next[..block.len()]);
        *previous = *next;
    }
}

#[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
mod tests {
    use super::*;
    use crate::conformance::hex;
    use crate::default_provider;

    struct Vector {
        algorithm: HashAlgorithm,
        keying_material: Vec<u8>,
        salt: Vec<u8>,
        info: Vec<u8>,
        pseudorandom_key: &'static str,
        output: &'static str,
    }

    /// RFC 5869, appendices A.1, A.2, A.3 and A.4.
    fn vectors() -> [Vector; 4] {
        [
            Vector {
                algorithm: HashAlgorithm::Sha256,
                keying_material: vec![0x0b; 22],
                salt: (0x00..=0x0c).collect(),
                info: (0xf0..=0xf9).collect(),
                pseudorandom_key: "077709362c2e32df0ddc3f0dc47bba63 90b6c73bb50f9c3122ec844ad7c2b3e5",
                output: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf \
                     34007208d5b887185865",
            },
            Vector {
                algorithm: HashAlgorithm::Sha256,
                keying_material: (0x00..=0x4f).collect(),
                salt: (0x60..=0xaf).collect(),
                info: (0xb0..=0xff).collect(),
                pseudorandom_key: "06a6b88c5853361a06104c9ceb35b45c ef760014904671014a193f40c15fc244",
                output: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c \
                     59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71 \
                     cc30c58179ec3e87c14c01d5c1f3434f1d87",
            },
            Vector {
                algorithm: HashAlgorithm::Sha256,
                keying_material: vec![0x0b; 22],
                salt: vec![],
                info: vec![],
                pseudorandom_key: "19ef24a32c717b167f33a91d6f648bdf 96596776afdb6377ac434c1c293ccb04",
                output: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d \
                     9d201395faa4b61a96c8",
            },
            Vector {
                algorithm: HashAlgorithm::Sha1,
                keying_material: vec![0x0b; 11],
                salt: (0x00..=0x0c).collect(),
                info: (0xf0..=0xf9).collect(),
                pseudorandom_key: "9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243",
                output: "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2 \
                     c22e422478d305f3f896",
            },
        ]
    }

    #[test]
    fn the_vectors_of_rfc_5869() {
        for vector in vectors() {
            let key = extract(
                &*default_provider(),
                vector.algorithm,
                &vector.salt,
                &vector.keying_material,
            );
            assert_eq!(&*key, hex(vector.pseudorandom_key));
            let expected = hex(vector.output);
            // The information in one part, and in more parts than are held in place.
            let parts: Vec<&[u8]> = vector.info.chunks(3).collect();
            for info in [&[&vector.info[..]][..], &parts] {
                let mut output = vec![0; expected.len()];
                expand(
                    &*default_provider(),
                    vector.algorithm,
                    &key,
                    info,
                    &mut output,
                );
                assert_eq!(output, expected);
            }
        }
    }

    #[test]
    fn the_longest_output_is_255_blocks() {
        let mut output = vec![0; 255 * 32 + 10];
        expand(
            &*default_provider(),
            HashAlgorithm::Sha256,
            b"key",
            &[],
            &mut output,
        );
        assert!(output[..255 * 32].chunks(32).all(|block| block != [0; 32]));
        assert_eq!(output[255 * 32..], [0; 10]);
    }
}
