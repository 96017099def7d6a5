//! The pseudorandom function of TLS 1.2 (RFC 5246, section 5).

use zeroize::Zeroizing;

use crate::{CryptoProvider, Digest, HashAlgorithm, Hmac};

/// Fills `output` with PRF(secret, label, seed); the parts of `seed` count as one.
pub fn tls12_prf(
    provider: &dyn CryptoProvider,
    algorithm: HashAlgorithm,
    secret: &[u8],
    label: &[u8],
    seed: &[&[u8]],
    output: &mut [u8],
) {
    let hmac = provider.hmac(algorithm, secret);
    let label_and_seed: Vec<&[u8]> = [&[label], seed].concat();
    // A(1) = HMAC(secret, label + seed), A(i) = HMAC(secret, A(i - 1)).
    let mut a = Zeroizing::new(hmac.sign(&label_and_seed));
    for block in output.chunks_mut(algorithm.output_len()) {
        let next = Zeroizing::new(sign_joined(&*hmac, &a, &label_and_seed, &[]));
        block.copy_from_slice(&next[..block.len()]);
        *a = hmac.sign(&[&a]);
    }
}

/// The tag over `first`, `middle` and `last`; up to ten parts are joined without an allocation.
pub(crate) fn sign_joined(hmac: &dyn Hmac, first: &[u8], middle: &[&[u8]], last: &[u8]) -> Digest {
    let mut inline: [&[u8]; 10] = [&[]; 10];
    if middle.len() + 2 > inline.len() {
        return hmac.sign(&[&[first], middle, &[last]].concat());
    }
    inline[0] = first;
    inline[1..=middle.len()].copy_from_slice(middle);
    inline[middle.len() + 1] = last;
    hmac.sign(&inline)
}

#[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
mod tests {
    use super::*;
    use crate::conformance::hex;
    use crate::default_provider;

    /// The vectors that were published on the TLS working group's list ("TLS 1.2 PRF test vectors",
    /// P_SHA256 and P_SHA384).
    #[test]
    fn the_known_vectors() {
        for (algorithm, secret, seed, expected) in [
            (
                HashAlgorithm::Sha256,
                "9bbe436ba940f017b17652849a71db35",
                "a0ba9f936cda311827a6f796ffd5198c",
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a \
                 6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab \
                 4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701 \
                 87347b66",
            ),
            (
                HashAlgorithm::Sha384,
                "b80b733d6ceefcdc71566ea48e5567df",
                "cd665cf6a8447dd6ff8b27555edb7465",
                "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd \
                 e9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd \
                 8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425 \
                 9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee6 \
                 91c8f3a26854308d5eaa3be85e0990703d73e56f",
            ),
        ] {
            let (secret, seed, expected) = (hex(secret), hex(seed), hex(expected));
            let many_parts: Vec<&[u8]> = seed.chunks(1).collect();
            for parts in [&[&seed[..]][..], &many_parts] {
                let mut output = vec![0; expected.len()];
                tls12_prf(
                    &*default_provider(),
                    algorithm,
                    &secret,
                    b"test label",
                    parts,
                    &mut output,
                );
                assert_eq!(output, expected);
            }
        }
    }
}
