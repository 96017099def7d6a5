//! The pseudorandom function of TLS 1.2 (RFC 5246, section 5).

use crate::{CryptoProvider, HashAlgorithm};

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
    let mut parts: Vec<&[u8]> = Vec::with_capacity(seed.len() + 2);
    parts.push(label);
    parts.extend(seed);
    // A(1) = HMAC(secret, label + seed), A(i) = HMAC(secret, A(i - 1)).
    let mut a = hmac.sign(&parts);
    parts.insert(0, &[]);
    for block in output.chunks_mut(algorithm.output_len()) {
        let current = a;
        let mut parts = parts.clone();
        parts[0] = &current;
        let next = hmac.sign(&parts);
        block.copy_from_slice(&next[..block.len()]);
        a = hmac.sign(&[&current]);
    }
}
