//! The numbers that the TLS registries give to groups and signature schemes.

use gannet_crypto::{NamedGroup, SignatureScheme};

use crate::x509::KeyKind;

/// Every group that we know.
const GROUPS: [(NamedGroup, u16); 4] = [
    (NamedGroup::P256, 0x0017),
    (NamedGroup::P384, 0x0018),
    (NamedGroup::X25519, 0x001d),
    (NamedGroup::X25519MlKem768, 0x11ec),
];

/// Every signature scheme that we verify, best first. SHA-1 and MD5 are not among them.
const SCHEMES: [(SignatureScheme, u16); 9] = [
    (SignatureScheme::EcdsaP256Sha256, 0x0403),
    (SignatureScheme::EcdsaP384Sha384, 0x0503),
    (SignatureScheme::Ed25519, 0x0807),
    (SignatureScheme::RsaPssSha256, 0x0804),
    (SignatureScheme::RsaPssSha384, 0x0805),
    (SignatureScheme::RsaPssSha512, 0x0806),
    (SignatureScheme::RsaPkcs1Sha256, 0x0401),
    (SignatureScheme::RsaPkcs1Sha384, 0x0501),
    (SignatureScheme::RsaPkcs1Sha512, 0x0601),
];

pub(crate) fn group_code(group: NamedGroup) -> u16 {
    GROUPS
        .iter()
        .find(|(known, _)| *known == group)
        .map_or(0, |(_, code)| *code)
}

pub(crate) fn group_from_code(code: u16) -> Option<NamedGroup> {
    GROUPS
        .iter()
        .find(|(_, known)| *known == code)
        .map(|(group, _)| *group)
}

pub(crate) fn scheme_code(scheme: SignatureScheme) -> u16 {
    SCHEMES
        .iter()
        .find(|(known, _)| *known == scheme)
        .map_or(0, |(_, code)| *code)
}

pub(crate) fn scheme_from_code(code: u16) -> Option<SignatureScheme> {
    SCHEMES
        .iter()
        .find(|(_, known)| *known == code)
        .map(|(scheme, _)| *scheme)
}

/// What a scheme of DTLS 1.3 means in DTLS 1.2 for a key: a hash function with ECDSA, on whatever curve
/// the certificate's key is (RFC 5246, section 7.4.1.4.1; RFC 8446, section 4.2.3).
pub(crate) const fn scheme_in_12(scheme: SignatureScheme, key: KeyKind) -> SignatureScheme {
    match (scheme, key) {
        (SignatureScheme::EcdsaP256Sha256, KeyKind::EcdsaP384) => SignatureScheme::EcdsaP384Sha256,
        (SignatureScheme::EcdsaP384Sha384, KeyKind::EcdsaP256) => SignatureScheme::EcdsaP256Sha384,
        _ => scheme,
    }
}

/// The schemes that we verify, as the `signature_algorithms` extension lists them. PKCS #1 is there in
/// DTLS 1.3, too: certificates may be signed with it (RFC 8446, section 4.2.3), handshakes may not.
pub(crate) fn scheme_codes() -> Vec<u16> {
    SCHEMES.iter().map(|(_, code)| *code).collect()
}

/// Whether a scheme is RSA PKCS #1 v1.5, which DTLS 1.3 has no use for in handshakes.
pub(crate) const fn is_pkcs1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RsaPkcs1Sha256
            | SignatureScheme::RsaPkcs1Sha384
            | SignatureScheme::RsaPkcs1Sha512
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for (group, code) in GROUPS {
            assert_eq!(
                (group_code(group), group_from_code(code)),
                (code, Some(group))
            );
        }
        for (scheme, code) in SCHEMES {
            assert_eq!(
                (scheme_code(scheme), scheme_from_code(code)),
                (code, Some(scheme))
            );
        }
        // ecdsa_sha1 and rsa_pkcs1_sha1
        assert_eq!(
            (scheme_from_code(0x0203), scheme_from_code(0x0201)),
            (None, None)
        );
        assert!(!scheme_codes().contains(&0x0201));
    }
}
