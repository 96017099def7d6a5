//! PEM (RFC 7468) in and out, and private keys into PKCS #8.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gannet_crypto::Secret;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::{Zeroize, Zeroizing};

use crate::x509::KeyKind;

/// The contents of all `CERTIFICATE` sections, in order; `None` if there is none or one is not whole.
pub(crate) fn certificates(text: &str) -> Option<Vec<Vec<u8>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes())
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect();
    found.ok().filter(|found| !found.is_empty())
}

/// The contents of the first `PRIVATE KEY`, `EC PRIVATE KEY` or `RSA PRIVATE KEY`; `None` if there is none, or it is
/// not whole.
pub(crate) fn private_key(text: &str) -> Option<Secret> {
    let mut key = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?;
    let copy = Secret::copied(key.secret_der());
    key.zeroize();
    Some(copy)
}

/// One section, with lines of 64 characters.
pub(crate) fn section(label: &str, der: &[u8]) -> String {
    const LINE: usize = 64;
    let (begin, end) = (
        format!("-----BEGIN {label}-----\n"),
        format!("-----END {label}-----\n"),
    );
    let base64 = Zeroizing::new(STANDARD.encode(der));
    // It may be a key: a text that had to grow would leave a copy behind.
    let lines = base64.len() + base64.len().div_ceil(LINE);
    let mut text = String::with_capacity(begin.len() + lines + end.len());
    text.push_str(&begin);
    for line in base64.as_bytes().chunks(LINE) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text.push_str(&end);
    text
}

/// A private key as PKCS #8 (RFC 5958). Of a bare key (SEC 1 of RFC 5915, PKCS #1 of RFC 8017) it says which algorithm
/// it is for, as its certificate does; all others are handed on as they are.
pub(crate) fn pkcs8_of(key: &[u8], kind: KeyKind) -> Secret {
    // Behind the version, which is 1 in ECPrivateKey, RSAPrivateKey has a number and PrivateKeyInfo a sequence.
    let bare: &[u8] = if kind.is_ecdsa() {
        &[2, 1, 1]
    } else {
        &[2, 1, 0, 2]
    };
    let is_bare = contents(key).is_some_and(|body| body.starts_with(bare));
    let Some(algorithm) = algorithm(kind).filter(|_| is_bare) else {
        return Secret::copied(key);
    };
    let algorithm = der(0x30, &algorithm);
    let key = Secret::new(der(0x04, key));
    Secret::new(der(
        0x30,
        &Secret::new([&[2, 1, 0][..], &algorithm, &key].concat()),
    ))
}

/// What an AlgorithmIdentifier says of keys that may be bare (RFC 5480, section 2.1.1; RFC 3279, section 2.3.1).
fn algorithm(kind: KeyKind) -> Option<Vec<u8>> {
    const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
    const RSA: &[u8] = &[
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    ];
    const NULL: &[u8] = &[0x05, 0x00];
    match kind {
        KeyKind::EcdsaP256 => Some([EC_PUBLIC_KEY, P256].concat()),
        KeyKind::EcdsaP384 => Some([EC_PUBLIC_KEY, P384].concat()),
        KeyKind::Rsa => Some([RSA, NULL].concat()),
        KeyKind::Ed25519 => None,
    }
}

fn contents(key: &[u8]) -> Option<&[u8]> {
    let [0x30, len, rest @ ..] = key else {
        return None;
    };
    let skip = if len & 0x80 == 0 {
        0
    } else {
        usize::from(len & 0x7f)
    };
    rest.get(skip..)
}

fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match body.len() {
        len @ 0..=0x7f => out.push(len as u8),
        len @ 0x80..=0xff => out.extend([0x81, len as u8]),
        len => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4648, section 10.
    #[test]
    fn base64_vectors() {
        for (plain, base64) in [
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let text =
                format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
            assert_eq!(section("CERTIFICATE", plain.as_bytes()), text);
            assert_eq!(certificates(&text).unwrap(), [plain.as_bytes()]);
        }
        let bad = "-----BEGIN CERTIFICATE-----\nZm9!\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(bad), None);
    }

    #[test]
    fn sections_are_found_between_other_things() {
        let text = format!(
            "hello\n{}{}{}",
            section("CERTIFICATE", &[1; 60]),
            section("PRIVATE KEY", &[2; 5]),
            section("CERTIFICATE", &[3])
        );
        assert_eq!(certificates(&text).unwrap(), [vec![1; 60], vec![3]]);
        assert_eq!(&*private_key(&text).unwrap(), [2; 5]);
        for label in ["EC PRIVATE KEY", "RSA PRIVATE KEY"] {
            let text = section("EC PARAMETERS", &[5]) + &section(label, &[4; 50]);
            assert_eq!(&*private_key(&text).unwrap(), [4; 50]);
            assert_eq!(certificates(&text), None);
        }
        assert!(private_key(&section("CERTIFICATE", &[3])).is_none());
        assert_eq!(certificates("-----BEGIN CERTIFICATE-----\nAA"), None);
    }
}
