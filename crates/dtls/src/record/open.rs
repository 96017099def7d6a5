//! Records in: which epoch's they are, whether they are authentic and new.

use gannet_crypto::OpenError;

use super::header::{ContentType, Form, Header};
use super::keys::Additional12;
use super::{Protection, ReadEpoch, RecordLayer};
use crate::message::RecordNumber;

/// Why a record was not opened. None of it changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is malformed, or has no place here.
    Malformed,
    /// There are no keys for it (yet).
    NoKeys,
    /// It is not authentic.
    Unauthentic,
    /// It came before.
    Replayed,
}

/// A record that was opened: authentic, unless its epoch is 0.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened<'a> {
    pub(crate) number: RecordNumber,
    pub(crate) kind: ContentType,
    pub(crate) payload: &'a [u8],
}

impl RecordLayer {
    /// Whether there are keys for a record with this header.
    pub(crate) fn has_keys_for(&self, header: &Header) -> bool {
        self.read
            .iter()
            .any(|read| match (header.form, &read.protection) {
                (Form::Full { .. }, Protection::Dtls13(_)) => false,
                (Form::Full { epoch, .. }, _) => read.epoch == u64::from(epoch),
                (Form::Unified { epoch_bits, .. }, Protection::Dtls13(_)) => {
                    read.epoch & 3 == u64::from(epoch_bits)
                }
                (Form::Unified { .. }, _) => false,
            })
    }

    /// Opens the record at the start of `record`, whose header this is, in place.
    pub(crate) fn open<'a>(
        &mut self,
        header: &Header,
        record: &'a mut [u8],
    ) -> Result<Opened<'a>, Refusal> {
        let record = record
            .get_mut(..header.record_len())
            .ok_or(Refusal::Malformed)?;
        match header.form {
            Form::Full {
                kind,
                epoch,
                sequence,
            } => {
                let number = RecordNumber {
                    epoch: u64::from(epoch),
                    sequence,
                };
                self.open_full(header, number, kind, record)
            }
            Form::Unified {
                epoch_bits,
                sequence_at,
                sequence_len,
                has_cid,
            } => {
                if has_cid == self.local_cid.is_empty() {
                    return Err(Refusal::Malformed);
                }
                let cid = has_cid.then(|| record.get(1..sequence_at)).flatten();
                if cid.is_some_and(|cid| !self.is_local_cid(cid)) {
                    return Err(Refusal::Malformed);
                }
                self.open_unified(header, epoch_bits, sequence_at, sequence_len, record)
            }
        }
    }

    fn open_full<'a>(
        &mut self,
        header: &Header,
        number: RecordNumber,
        kind: ContentType,
        record: &'a mut [u8],
    ) -> Result<Opened<'a>, Refusal> {
        let read = self
            .read
            .iter_mut()
            .rev()
            .find(|read| read.epoch == number.epoch);
        let read = read.ok_or(Refusal::NoKeys)?;
        let (head, body) = record.split_at_mut(header.len);
        match &mut read.protection {
            Protection::None => {
                if kind == ContentType::Tls12Cid {
                    return Err(Refusal::Malformed);
                }
                // No replay window: whoever can forge a plaintext record could move it away from the
                // peer's. Message numbers sort copies out.
                Ok(Opened {
                    number,
                    kind,
                    payload: body,
                })
            }
            Protection::Dtls12(keys) => {
                let has_cid = kind == ContentType::Tls12Cid;
                if has_cid == self.local_cid.is_empty() {
                    return Err(Refusal::Malformed);
                }
                let cid = has_cid.then_some(&self.local_cid[..]);
                if cid.is_some_and(|cid| head.get(11..11 + cid.len()) != Some(cid)) {
                    return Err(Refusal::Malformed);
                }
                let range = keys.open(number, &Additional12 { kind, cid }, body);
                let range = read.authentic(number.sequence, range)?;
                let plaintext = body.get(range).ok_or(Refusal::Malformed)?;
                let (kind, payload) = if has_cid {
                    split_inner(plaintext)?
                } else {
                    (kind, plaintext)
                };
                Ok(Opened {
                    number,
                    kind,
                    payload,
                })
            }
            Protection::Dtls13(_) => Err(Refusal::Malformed),
        }
    }

    fn open_unified<'a>(
        &mut self,
        header: &Header,
        epoch_bits: u8,
        sequence_at: usize,
        sequence_len: usize,
        record: &'a mut [u8],
    ) -> Result<Opened<'a>, Refusal> {
        // The newest epoch with these bits (RFC 9147, section 4.2.2).
        let read = self.read.iter_mut().rev().find(|read| {
            matches!(read.protection, Protection::Dtls13(_))
                && read.epoch & 3 == u64::from(epoch_bits)
        });
        let read = read.ok_or(Refusal::NoKeys)?;
        let Protection::Dtls13(keys) = &mut read.protection else {
            return Err(Refusal::NoKeys);
        };
        let (head, body) = record.split_at_mut(header.len);
        let sample = body.first_chunk::<16>().ok_or(Refusal::Malformed)?;
        let mask = keys.mask.mask(sample);
        let encrypted = head.get_mut(sequence_at..).ok_or(Refusal::Malformed)?;
        let mut low = 0_u16;
        for (byte, mask) in encrypted.iter_mut().take(sequence_len).zip(mask) {
            *byte ^= mask;
            low = low << 8 | u16::from(*byte);
        }
        let sequence = read.window.reconstruct(low, 8 * sequence_len as u32);
        let nonce = keys.nonce(sequence);
        let opened = keys.aead.open(&nonce, head, body);
        let len = read.authentic(sequence, opened)?;
        let (kind, payload) = split_inner(body.get(..len).ok_or(Refusal::Malformed)?)?;
        Ok(Opened {
            number: RecordNumber {
                epoch: read.epoch,
                sequence,
            },
            kind,
            payload,
        })
    }
}

impl ReadEpoch {
    /// What follows from an attempt to open a record: the replay window moves, or a forgery counts.
    fn authentic<T>(&mut self, sequence: u64, opened: Result<T, OpenError>) -> Result<T, Refusal> {
        let Ok(opened) = opened else {
            self.forgeries += 1;
            return Err(Refusal::Unauthentic);
        };
        if !self.window.is_new(sequence) {
            return Err(Refusal::Replayed);
        }
        self.window.mark(sequence);
        Ok(opened)
    }
}

/// Splits DTLSInnerPlaintext: the content, its type, and zeros (RFC 8446, section 5.4).
pub(super) fn split_inner(plaintext: &[u8]) -> Result<(ContentType, &[u8]), Refusal> {
    let end = plaintext
        .iter()
        .rposition(|byte| *byte != 0)
        .ok_or(Refusal::Malformed)?;
    let (payload, rest) = plaintext.split_at(end);
    let kind = rest.first().copied().and_then(ContentType::from_code);
    let kind =
        kind.filter(|kind| !matches!(kind, ContentType::Tls12Cid | ContentType::ChangeCipherSpec));
    Ok((kind.ok_or(Refusal::Malformed)?, payload))
}
