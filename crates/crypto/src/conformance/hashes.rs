//! Hashes and HMACs.

use super::hex;
use crate::{CryptoProvider, HashAlgorithm};

struct Vector {
    algorithm: HashAlgorithm,
    /// FIPS 180-4's hashes of nothing and of "abc".
    hashes: [&'static str; 2],
    /// RFC 2202 and RFC 4231, cases 1, 2 and 6; the last has a key longer than a block.
    hmacs: [&'static str; 3],
}

const VECTORS: [Vector; 4] = [
    Vector {
        algorithm: HashAlgorithm::Sha1,
        hashes: [
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
        ],
        hmacs: [
            "b617318655057264e28bc0b6fb378c8ef146be00",
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            "90d0dace1c1bdc957339307803160335bde6df2b",
        ],
    },
    Vector {
        algorithm: HashAlgorithm::Sha256,
        hashes: [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ],
        hmacs: [
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ],
    },
    Vector {
        algorithm: HashAlgorithm::Sha384,
        hashes: [
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f \
             65fbd51ad2f14898b95b",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7 \
             cc2358baeca134c825a7",
        ],
        hmacs: [
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076e \
             de7f4af152e8b2fa9cb6",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69 \
             e2c78b3239ecfab21649",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030 \
             fe8296248df163f44952",
        ],
    },
    Vector {
        algorithm: HashAlgorithm::Sha512,
        hashes: [
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85 \
             f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274f \
             c1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ],
        hmacs: [
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8 \
             a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a \
             994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f \
             2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ],
    },
];

/// Hashes, in one piece, in many, and forked.
pub fn hashes(provider: &dyn CryptoProvider) {
    for vector in &VECTORS {
        let [of_nothing, of_abc] = vector.hashes.map(hex);
        assert_eq!(of_nothing.len(), vector.algorithm.output_len());
        assert_eq!(&*provider.digest(vector.algorithm, b""), &of_nothing);
        assert_eq!(&*provider.digest(vector.algorithm, b"abc"), &of_abc);

        let mut hash = provider.hash(vector.algorithm);
        hash.update(b"a");
        let mut fork = hash.fork();
        hash.update(b"b");
        let _ = hash.current();
        hash.update(b"");
        hash.update(b"c");
        assert_eq!(&*hash.current(), &of_abc, "current() must not end it");
        fork.update(b"bc");
        assert_eq!(&*fork.current(), &of_abc, "a fork goes its own way");
        fork.update(&[0x55; 1000]);
        assert_eq!(&*hash.current(), &of_abc, "a fork goes its own way");
    }
}

/// HMACs: vectors, parts, shortened tags, tampering.
pub fn hmacs(provider: &dyn CryptoProvider) {
    const LONG: &[u8] = b"Test Using Larger Than Block-Size Key - Hash Key First";
    for vector in &VECTORS {
        let inputs: [(&[u8], &[u8]); 3] = [
            (&[0x0b; 20], b"Hi There"),
            (b"Jefe", b"what do ya want for nothing?"),
            (&[0xaa; 131], LONG),
        ];
        for ((key, message), expected) in inputs.into_iter().zip(vector.hmacs.map(hex)) {
            one_hmac(provider, vector.algorithm, key, message, &expected);
        }
    }
}

fn one_hmac(
    provider: &dyn CryptoProvider,
    algorithm: HashAlgorithm,
    key: &[u8],
    message: &[u8],
    expected: &[u8],
) {
    let hmac = provider.hmac(algorithm, key);
    assert_eq!(&*hmac.sign(&[message]), expected);
    assert_eq!(
        &*hmac.sign(&[message]),
        expected,
        "a key signs more than once"
    );
    let (start, end) = message.split_at(3);
    assert_eq!(
        &*hmac.sign(&[start, b"", end]),
        expected,
        "parts count as one"
    );

    for len in 1..=expected.len() {
        assert!(hmac.verify(&[start, end], &expected[..len]));
    }
    assert!(!hmac.verify(&[message], b""), "an empty tag");
    assert!(
        !hmac.verify(&[message], &[expected, &[0]].concat()),
        "a tag too long"
    );
    assert!(!hmac.verify(&[start], expected), "another message");
    for bit in 0..expected.len() * 8 {
        let mut forged = expected.to_vec();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(!hmac.verify(&[message], &forged), "bit {bit} flipped");
    }
}
