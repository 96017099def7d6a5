//! A message: a view over received bytes.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |0 0|     STUN Message Type     |         Message Length        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Magic Cookie                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     Transaction ID (96 bits)                  |
//! |                                                               |
//! |                                                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use std::fmt;
use std::net::SocketAddr;

use gannet_wire::{ReadError, Reader};
use thiserror::Error;

use crate::integrity::fingerprint;
use crate::{
    Attribute, AttributeType, Class, ErrorCode, HEADER_LEN, MAGIC_COOKIE, Method, RawAttribute,
    TransactionId, method,
};

/// Why bytes are not a STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The header or an attribute reaches past the end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// One of the first two bits is set.
    #[error("the message type {0:#06x} has one of its first two bits set: this is not STUN")]
    NotStun(u16),
    /// The magic cookie is another one.
    #[error("the magic cookie is {0:#010x}, not 0x2112a442")]
    WrongCookie(u32),
    /// The length field does not agree with the number of bytes.
    #[error("the length field says {stated} bytes of attributes, {actual} are there")]
    WrongLength {
        /// What the field says.
        stated: u16,
        /// The bytes behind the header.
        actual: usize,
    },
    /// The FINGERPRINT is wrong, or not the last attribute.
    #[error("FINGERPRINT is wrong, or something follows it")]
    WrongFingerprint,
}

/// Whether a packet looks like STUN: its first two bits, its cookie and its length agree.
///
/// This is for telling protocols apart on one socket (RFC 7983); [`Message::parse`] checks the rest.
#[inline]
#[must_use]
pub fn is_stun(packet: &[u8]) -> bool {
    let Some((header, body)) = packet.split_first_chunk::<8>() else {
        return false;
    };
    let [first, _, len_high, len_low, a, b, c, d] = *header;
    first < 4
        && u32::from_be_bytes([a, b, c, d]) == MAGIC_COOKIE
        && Some(usize::from(u16::from_be_bytes([len_high, len_low]))) == body.len().checked_sub(12)
}

/// A received message. Parsing checks its frame and its fingerprint; attributes are read in place.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    class: Class,
    method: Method,
    transaction_id: TransactionId,
    /// Where the attributes end that a receiver looks at: at the first integrity attribute, at the
    /// fingerprint, or at the end.
    attributes_end: usize,
    pub(crate) integrity_at: Option<usize>,
    pub(crate) integrity_sha256_at: Option<usize>,
    has_fingerprint: bool,
}

impl<'a> Message<'a> {
    /// Reads a message that fills `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let message_type = reader.u16("message type")?;
        let (class, method) =
            method::decode_type(message_type).ok_or(ParseError::NotStun(message_type))?;
        let stated = reader.u16("message length")?;
        let cookie = reader.u32("magic cookie")?;
        if cookie != MAGIC_COOKIE {
            return Err(ParseError::WrongCookie(cookie));
        }
        let transaction_id = TransactionId(reader.take_array("transaction ID")?);
        let actual = reader.remaining();
        if usize::from(stated) != actual || !actual.is_multiple_of(4) {
            return Err(ParseError::WrongLength { stated, actual });
        }
        let mut message = Self {
            bytes,
            class,
            method,
            transaction_id,
            attributes_end: bytes.len(),
            integrity_at: None,
            integrity_sha256_at: None,
            has_fingerprint: false,
        };
        message.walk(reader)?;
        Ok(message)
    }

    /// Finds where the attributes end that count (RFC 8489, sections 14.5 to 14.7): behind
    /// MESSAGE-INTEGRITY only MESSAGE-INTEGRITY-SHA256 and FINGERPRINT do, behind
    /// MESSAGE-INTEGRITY-SHA256 only FINGERPRINT does, and behind that nothing may stand.
    fn walk(&mut self, mut reader: Reader<'a>) -> Result<(), ParseError> {
        while !reader.is_empty() {
            let at = reader.position();
            let raw = read_attribute(&mut reader)?;
            match raw.attribute_type {
                AttributeType::MESSAGE_INTEGRITY
                    if self.integrity_at.is_none() && self.integrity_sha256_at.is_none() =>
                {
                    self.integrity_at = Some(at);
                    self.attributes_end = at;
                }
                AttributeType::MESSAGE_INTEGRITY_SHA256 if self.integrity_sha256_at.is_none() => {
                    self.integrity_sha256_at = Some(at);
                    self.attributes_end = self.attributes_end.min(at);
                }
                AttributeType::FINGERPRINT => {
                    let covered = self.bytes.get(..at).unwrap_or_default();
                    let expected = fingerprint(covered).to_be_bytes();
                    if raw.value != expected || !reader.is_empty() {
                        return Err(ParseError::WrongFingerprint);
                    }
                    self.has_fingerprint = true;
                    self.attributes_end = self.attributes_end.min(at);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The class.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The transaction ID.
    #[must_use]
    pub const fn transaction_id(&self) -> TransactionId {
        self.transaction_id
    }

    /// The whole message.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it has a FINGERPRINT (which was checked).
    #[must_use]
    pub const fn has_fingerprint(&self) -> bool {
        self.has_fingerprint
    }

    /// Whether it has a MESSAGE-INTEGRITY or a MESSAGE-INTEGRITY-SHA256, not yet verified.
    #[must_use]
    pub const fn has_integrity(&self) -> bool {
        self.integrity_at.is_some() || self.integrity_sha256_at.is_some()
    }

    /// The attributes in their order, without the integrity attributes and FINGERPRINT, and without
    /// what stands behind those.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        let bytes = self.bytes.get(HEADER_LEN..self.attributes_end);
        Attributes(Reader::new(bytes.unwrap_or_default()))
    }

    /// The attributes, decoded; those with a malformed value are skipped.
    pub fn decoded(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let id = self.transaction_id;
        self.attributes()
            .filter_map(move |raw| Attribute::decode(raw, &id).ok())
    }

    /// The first attribute of a type.
    #[must_use]
    pub fn find(&self, attribute_type: AttributeType) -> Option<RawAttribute<'a>> {
        self.attributes()
            .find(|raw| raw.attribute_type == attribute_type)
    }

    /// The first attribute of a type, decoded; `None` also if its value is malformed.
    #[must_use]
    pub fn find_decoded(&self, attribute_type: AttributeType) -> Option<Attribute<'a>> {
        Attribute::decode(self.find(attribute_type)?, &self.transaction_id).ok()
    }

    /// The types of the comprehension-required attributes that are not in `understood`: the integrity
    /// attributes always are.
    pub fn unknown_required<'u>(
        &self,
        understood: &'u [AttributeType],
    ) -> impl Iterator<Item = AttributeType> + use<'a, 'u> {
        self.attributes()
            .map(|raw| raw.attribute_type)
            .filter(|ty| ty.is_comprehension_required() && !understood.contains(ty))
    }

    /// USERNAME.
    #[must_use]
    pub fn username(&self) -> Option<&'a str> {
        match self.find_decoded(AttributeType::USERNAME)? {
            Attribute::Username(name) => Some(name),
            _ => None,
        }
    }

    /// ERROR-CODE.
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode<'a>> {
        match self.find_decoded(AttributeType::ERROR_CODE)? {
            Attribute::ErrorCode(error) => Some(error),
            _ => None,
        }
    }

    /// XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS if an old server sends only that.
    #[must_use]
    pub fn mapped_address(&self) -> Option<SocketAddr> {
        let xored = self.find_decoded(AttributeType::XOR_MAPPED_ADDRESS);
        match xored.or_else(|| self.find_decoded(AttributeType::MAPPED_ADDRESS))? {
            Attribute::XorMappedAddress(address) | Attribute::MappedAddress(address) => {
                Some(address)
            }
            _ => None,
        }
    }

    /// REALM.
    #[must_use]
    pub fn realm(&self) -> Option<&'a str> {
        match self.find_decoded(AttributeType::REALM)? {
            Attribute::Realm(realm) => Some(realm),
            _ => None,
        }
    }

    /// NONCE.
    #[must_use]
    pub fn nonce(&self) -> Option<&'a str> {
        match self.find_decoded(AttributeType::NONCE)? {
            Attribute::Nonce(nonce) => Some(nonce),
            _ => None,
        }
    }
}

fn read_attribute<'a>(reader: &mut Reader<'a>) -> Result<RawAttribute<'a>, ReadError> {
    let attribute_type = AttributeType(reader.u16("attribute type")?);
    let len = usize::from(reader.u16("attribute length")?);
    let value = reader.take(len, "attribute value")?;
    let padding = len.next_multiple_of(4).saturating_sub(len);
    reader.take(padding, "attribute padding")?;
    Ok(RawAttribute {
        attribute_type,
        value,
    })
}

/// An iterator over the attributes of a message.
#[derive(Clone, Debug)]
pub struct Attributes<'a>(Reader<'a>);

impl<'a> Iterator for Attributes<'a> {
    type Item = RawAttribute<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        read_attribute(&mut self.0).ok()
    }
}

/// One line, for logs: `Binding request b7e7a701bc34d686fa87dfae (USERNAME, PRIORITY)`.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.class, self.transaction_id)?;
        let mut separator = " (";
        for raw in self.attributes() {
            write!(f, "{separator}{}", raw.attribute_type)?;
            separator = ", ";
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
