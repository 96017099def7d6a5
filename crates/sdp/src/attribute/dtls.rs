use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue};
use crate::FieldError;
use crate::fields::Fields;

/// `a=fingerprint`: the hash of a certificate (RFC 8122, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint<'a> {
    /// The hash function.
    pub hash: HashFunction<'a>,
    /// The hash, two hexadecimal digits a byte, with colons between.
    pub value: &'a str,
}

impl Fingerprint<'_> {
    /// The hash as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.value
            .split(':')
            .filter_map(|byte| u8::from_str_radix(byte, 16).ok())
            .collect()
    }
}

impl<'a> AttributeValue<'a> for Fingerprint<'a> {
    const NAME: AttributeName = AttributeName::Fingerprint;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        const EXPECTED: &str = "pairs of hexadecimal digits with colons between";
        let mut fields = Fields::new(text);
        let hash = HashFunction::parse(fields.token("hash-func")?);
        let value = fields.word("fingerprint", EXPECTED)?;
        fields.finish("fingerprint")?;
        let is_byte = |byte: &[u8]| match byte {
            [high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
            _ => false,
        };
        if !value.as_bytes().split(|byte| *byte == b':').all(is_byte) {
            return Err(FieldError::new("fingerprint", EXPECTED, value));
        }
        if let Some(length) = hash.length()
            && value.len() != length.saturating_mul(3).saturating_sub(1)
        {
            let expected = "as many bytes as the hash function yields";
            return Err(FieldError::new("fingerprint", expected, value));
        }
        Ok(Self { hash, value })
    }
}

impl Display for Fingerprint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.hash.as_str(), self.value)
    }
}

/// The hash functions of RFC 8122, section 5. Their case means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashFunction<'a> {
    /// `sha-1`, which is too weak to be used.
    Sha1,
    /// `sha-224`.
    Sha224,
    /// `sha-256`: what everybody uses.
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
    /// `md5`, `md2` and whatever else there is, or a known one in other letters.
    Other(&'a str),
}

impl<'a> HashFunction<'a> {
    fn parse(text: &'a str) -> Self {
        match text {
            "sha-256" => Self::Sha256,
            "sha-1" => Self::Sha1,
            "sha-224" => Self::Sha224,
            "sha-384" => Self::Sha384,
            "sha-512" => Self::Sha512,
            other => Self::Other(other),
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &'a str {
        match self {
            Self::Sha1 => "sha-1",
            Self::Sha224 => "sha-224",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
            Self::Other(other) => other,
        }
    }

    fn length(&self) -> Option<usize> {
        match self.as_str().to_ascii_lowercase().as_str() {
            "sha-1" => Some(20),
            "sha-224" => Some(28),
            "sha-256" => Some(32),
            "sha-384" => Some(48),
            "sha-512" => Some(64),
            _ => None,
        }
    }
}

/// `a=setup`: who opens the connection (RFC 4145, section 4; RFC 8842 for DTLS).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setup {
    /// The writer does: it is the DTLS client.
    Active,
    /// The other side does: the writer is the DTLS server.
    Passive,
    /// The answerer chooses.
    Actpass,
    /// Nobody, for now.
    Holdconn,
}

impl Setup {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Actpass => "actpass",
            Self::Holdconn => "holdconn",
        }
    }
}

impl<'a> AttributeValue<'a> for Setup {
    const NAME: AttributeName = AttributeName::Setup;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        match text.trim() {
            "active" => Ok(Self::Active),
            "passive" => Ok(Self::Passive),
            "actpass" => Ok(Self::Actpass),
            "holdconn" => Ok(Self::Holdconn),
            other => Err(FieldError::new(
                "role",
                "active, passive, actpass or holdconn",
                other,
            )),
        }
    }
}

impl Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `a=tls-id`: changes with each new DTLS association (RFC 8842, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsId<'a>(pub &'a str);

impl<'a> AttributeValue<'a> for TlsId<'a> {
    const NAME: AttributeName = AttributeName::TlsId;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        // The RFC asks for 20 to 255 characters; the drafts did not, and nothing depends on it.
        let id = text.trim();
        let fits =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        if (1..=255).contains(&id.len()) && id.bytes().all(fits) {
            return Ok(Self(id));
        }
        Err(FieldError::new(
            "tls-id-value",
            "20 to 255 letters, digits, +, /, - or _",
            id,
        ))
    }
}

impl Display for TlsId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_has_the_length_of_its_hash() {
        let value = ["AB"; 32].join(":");
        let text = format!("sha-256 {value}");
        let fingerprint = Fingerprint::parse(&text).unwrap();
        assert_eq!(fingerprint.bytes(), [0xab; 32]);
        assert_eq!(fingerprint.to_string(), text);
        assert!(Fingerprint::parse(&text[..text.len() - 3]).is_err());
        assert!(Fingerprint::parse(&format!("SHA-256 {}", &value[..20])).is_err());
        assert!(Fingerprint::parse("sha-256 AB:C:").is_err());
        assert!(Fingerprint::parse("sha-256").is_err());
        assert!(Fingerprint::parse("new-hash 00:01").is_ok());
    }
}
