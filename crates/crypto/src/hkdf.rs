//! HKDF (RFC 5869) over a provider's HMAC.

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
    let mut previous = Digest::new(&[]);
    for (counter, block) in (1..=u8::MAX).zip(output.chunks_mut(algorithm.output_len())) {
        let counter = [counter];
        let mut parts: Vec<&[u8]> = Vec::with_capacity(info.len() + 2);
        parts.push(&previous);
        parts.extend(info);
        parts.push(&counter);
        let next = hmac.sign(&parts);
        block.copy_from_slice(&next[..block.len()]);
        previous = next;
    }
}
