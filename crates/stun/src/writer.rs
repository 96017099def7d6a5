//! Writing messages.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used
    )
)]

use gannet_wire::{WriteError, Writer};

use crate::integrity::fingerprint;
use crate::{
    Attribute, AttributeType, Class, HEADER_LEN, IntegrityAlgorithm, IntegrityKey, MAGIC_COOKIE,
    Method, TransactionId, method,
};

/// What ends a message: integrity, fingerprint, both or nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seal<'k> {
    sha1: Option<&'k IntegrityKey>,
    sha256: Option<&'k IntegrityKey>,
    fingerprint: bool,
}

impl<'k> Seal<'k> {
    /// Nothing.
    pub const NONE: Self = Self {
        sha1: None,
        sha256: None,
        fingerprint: false,
    };

    /// Only a FINGERPRINT.
    pub const FINGERPRINT: Self = Self {
        sha1: None,
        sha256: None,
        fingerprint: true,
    };

    /// MESSAGE-INTEGRITY.
    #[must_use]
    pub const fn sha1(key: &'k IntegrityKey) -> Self {
        Self {
            sha1: Some(key),
            ..Self::NONE
        }
    }

    /// MESSAGE-INTEGRITY-SHA256.
    #[must_use]
    pub const fn sha256(key: &'k IntegrityKey) -> Self {
        Self {
            sha256: Some(key),
            ..Self::NONE
        }
    }

    /// Both, for a peer of which it is not known which it takes (RFC 8489, section 9.1.2).
    #[must_use]
    pub const fn both(key: &'k IntegrityKey) -> Self {
        Self {
            sha1: Some(key),
            sha256: Some(key),
            fingerprint: false,
        }
    }

    /// The one that `algorithm` names.
    #[must_use]
    pub const fn integrity(key: &'k IntegrityKey, algorithm: IntegrityAlgorithm) -> Self {
        match algorithm {
            IntegrityAlgorithm::Sha1 => Self::sha1(key),
            IntegrityAlgorithm::Sha256 => Self::sha256(key),
        }
    }

    /// And a FINGERPRINT.
    #[must_use]
    pub const fn with_fingerprint(self) -> Self {
        Self {
            fingerprint: true,
            ..self
        }
    }
}

/// Appends one message to a caller's buffer.
///
/// Writing never fails in the middle: the first error is kept, everything after it is ignored, and
/// [`Self::finish`] reports it and takes the half-written message back out of the buffer.
#[derive(Debug)]
pub struct MessageWriter<'b> {
    buffer: &'b mut Vec<u8>,
    start: usize,
    id: TransactionId,
    error: Option<WriteError>,
}

impl<'b> MessageWriter<'b> {
    /// Starts a message behind what `buffer` holds already.
    pub fn new(buffer: &'b mut Vec<u8>, class: Class, method: Method, id: TransactionId) -> Self {
        let start = buffer.len();
        let mut writer = Writer::new(buffer);
        writer.u16(method::encode_type(class, method));
        writer.u16(0);
        writer.u32(MAGIC_COOKIE);
        writer.bytes(&id.0);
        let error = writer.finish().err();
        Self {
            buffer,
            start,
            id,
            error,
        }
    }

    /// Appends an attribute.
    pub fn attribute(&mut self, attribute: &Attribute<'_>) -> &mut Self {
        if let Some((text, max)) = attribute.text()
            && text.len() > max
        {
            self.error.get_or_insert(WriteError::TooLong {
                what: "text of a STUN attribute",
                len: text.len(),
                max,
            });
        }
        let id = self.id;
        self.write(attribute.attribute_type(), |writer| {
            attribute.encode(writer, &id);
        });
        self
    }

    /// Appends UNKNOWN-ATTRIBUTES with these types.
    pub fn unknown_attributes(
        &mut self,
        types: impl IntoIterator<Item = AttributeType>,
    ) -> &mut Self {
        self.write(AttributeType::UNKNOWN_ATTRIBUTES, |writer| {
            types.into_iter().for_each(|ty| writer.u16(ty.0));
        });
        self
    }

    fn write(&mut self, attribute_type: AttributeType, value: impl FnOnce(&mut Writer<'_>)) {
        if self.error.is_some() {
            return;
        }
        let mut writer = Writer::new(self.buffer);
        writer.u16(attribute_type.0);
        {
            let mut prefixed = writer.prefixed_u16("value of a STUN attribute");
            value(&mut prefixed);
        }
        writer.pad_to(4);
        self.error = writer.finish().err();
    }

    /// Ends the message and returns its length in bytes.
    pub fn finish(mut self, seal: Seal<'_>) -> Result<usize, WriteError> {
        self.sign(IntegrityAlgorithm::Sha1, seal.sha1);
        self.sign(IntegrityAlgorithm::Sha256, seal.sha256);
        if seal.fingerprint {
            self.set_length(8);
            let crc = fingerprint(self.written());
            self.write(AttributeType::FINGERPRINT, |writer| writer.u32(crc));
        } else {
            self.set_length(0);
        }
        match self.error {
            None => Ok(self.written().len()),
            Some(error) => {
                self.buffer.truncate(self.start);
                Err(error)
            }
        }
    }

    fn sign(&mut self, algorithm: IntegrityAlgorithm, key: Option<&IntegrityKey>) {
        let Some(key) = key else { return };
        let message = self.written();
        let digest = key.sign(algorithm, message, message.len(), algorithm.output_len());
        let attribute_type = match algorithm {
            IntegrityAlgorithm::Sha1 => AttributeType::MESSAGE_INTEGRITY,
            IntegrityAlgorithm::Sha256 => AttributeType::MESSAGE_INTEGRITY_SHA256,
        };
        self.write(attribute_type, |writer| writer.bytes(&digest));
    }

    fn written(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Sets the length field for a message to which `more` bytes will be added.
    fn set_length(&mut self, more: usize) {
        let body = self.written().len().saturating_sub(HEADER_LEN);
        let len = body.saturating_add(more);
        let Ok(field) = u16::try_from(len) else {
            self.error.get_or_insert(WriteError::TooLong {
                what: "STUN message",
                len,
                max: usize::from(u16::MAX),
            });
            return;
        };
        let at = self.start.saturating_add(2);
        if let Some(room) = self.buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *room = field.to_be_bytes();
        }
    }
}
