//! PEM (RFC 7468) in and out, and private keys into PKCS #8.

use gannet_crypto::Secret;

use crate::x509::KeyKind;

/// The contents of all sections with this label, in order; `None` if there is none or one is not
/// base64.
pub(crate) fn sections(text: &str, label: &str) -> Option<Vec<Vec<u8>>> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once(&begin) {
        let (body, behind) = behind.split_once(&end)?;
        found.push(decode_base64(body)?);
        rest = behind;
    }
    (!found.is_empty()).then_some(found)
}

/// One section, with lines of 64 characters.
pub(crate) fn section(label: &str, der: &[u8]) -> String {
    let base64 = encode_base64(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// A private key as PKCS #8. Keys that are not the bare SEC 1 structure are handed on as they are.
pub(crate) fn pkcs8_of(key: &[u8], kind: KeyKind) -> Secret {
    // ECPrivateKey starts with version 1, PrivateKeyInfo with version 0 (RFC 5915, RFC 5958).
    let is_sec1 = kind.is_ecdsa() && contents(key).is_some_and(|body| body.starts_with(&[2, 1, 1]));
    if !is_sec1 {
        return Secret::copied(key);
    }
    let curve: &[u8] = match kind {
        KeyKind::EcdsaP384 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
        _ => &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    };
    let ec_public_key = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let algorithm = der(0x30, &[&ec_public_key[..], curve].concat());
    let key = Secret::new(der(0x04, key));
    Secret::new(der(
        0x30,
        &Secret::new([&[2, 1, 0][..], &algorithm, &key].concat()),
    ))
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

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding, in one line (RFC 4648, section 4).
#[must_use]
pub fn encode_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut group, mut bits) = (0_u32, 0);
    for c in text
        .bytes()
        .filter(|c| !c.is_ascii_whitespace() && *c != b'=')
    {
        let digit = ALPHABET.iter().position(|a| *a == c)?;
        group = group << 6 | digit as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4648, section 10.
    #[test]
    fn base64_vectors() {
        for (plain, base64) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode_base64(plain.as_bytes()), base64);
            assert_eq!(decode_base64(base64).unwrap(), plain.as_bytes());
        }
        assert_eq!(decode_base64("Zm9!"), None);
    }

    #[test]
    fn sections_are_found_between_other_things() {
        let text = format!(
            "hello\n{}{}{}",
            section("CERTIFICATE", &[1; 60]),
            section("PRIVATE KEY", &[2; 5]),
            section("CERTIFICATE", &[3])
        );
        assert_eq!(
            sections(&text, "CERTIFICATE").unwrap(),
            [vec![1; 60], vec![3]]
        );
        assert_eq!(sections(&text, "PRIVATE KEY").unwrap(), [vec![2; 5]]);
        assert_eq!(sections(&text, "EC PRIVATE KEY"), None);
        assert_eq!(
            sections("-----BEGIN CERTIFICATE-----\nAA", "CERTIFICATE"),
            None
        );
    }
}
