//! Records out: headers, protection, numbers.

use gannet_crypto::AeadAlgorithm;

use super::header::{ContentType, UNIFIED, UNIFIED_CID, UNIFIED_LENGTH, UNIFIED_SEQ16};
use super::keys::Additional12;
use super::{Protection, RecordLayer};
use crate::message::{DTLS_1_2, RecordNumber};

const FULL_HEADER_LEN: usize = 13;
const UNIFIED_HEADER_LEN: usize = 5;

/// Why a record was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealRefusal {
    NoKeys,
    TooLong { len: usize, max: usize },
    Exhausted,
}

impl RecordLayer {
    /// How many bytes a record of this epoch adds to its plaintext.
    pub(crate) fn overhead(&self, epoch: u64) -> usize {
        let Some(write) = self.write.iter().find(|write| write.epoch == epoch) else {
            return 0;
        };
        let cid = self.remote_cid.len();
        match &write.protection {
            Protection::None => FULL_HEADER_LEN,
            Protection::Dtls12(keys) => {
                let inner_type = usize::from(cid > 0);
                FULL_HEADER_LEN + cid + keys.explicit_len() + inner_type + AeadAlgorithm::TAG_LEN
            }
            Protection::Dtls13(_) => UNIFIED_HEADER_LEN + cid + 1 + AeadAlgorithm::TAG_LEN,
        }
    }

    /// Appends a record of the epoch: `write` appends the plaintext, which is encrypted where it lies. If
    /// it appends nothing and `kind` is application data, or on an error, `buf` stays as it was.
    pub(crate) fn seal<R>(
        &mut self,
        epoch: u64,
        kind: ContentType,
        buf: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<(R, Option<RecordNumber>), SealRefusal> {
        let start = buf.len();
        let sealed = self.seal_behind(epoch, kind, buf, write);
        if !matches!(sealed, Ok((_, Some(_)))) {
            buf.truncate(start);
        }
        sealed
    }

    fn seal_behind<R>(
        &mut self,
        epoch: u64,
        kind: ContentType,
        buf: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<(R, Option<RecordNumber>), SealRefusal> {
        let found = self
            .write
            .iter_mut()
            .rev()
            .find(|write| write.epoch == epoch);
        let keys = found.ok_or(SealRefusal::NoKeys)?;
        if keys.next > keys.last {
            return Err(SealRefusal::Exhausted);
        }
        let number = RecordNumber {
            epoch,
            sequence: keys.next,
        };
        let start = buf.len();
        let cid = &self.remote_cid;
        match &keys.protection {
            Protection::None => put_full_header(buf, kind, self.plaintext_version, number, &[]),
            Protection::Dtls12(keys) => {
                let outer = if cid.is_empty() {
                    kind
                } else {
                    ContentType::Tls12Cid
                };
                put_full_header(buf, outer, DTLS_1_2, number, cid);
                buf.extend_from_slice(&[0; 8][..keys.explicit_len()]);
            }
            Protection::Dtls13(_) => put_unified_header(buf, number, cid),
        }
        let plaintext_at = buf.len();
        let result = write(buf);
        let len = buf.len().saturating_sub(plaintext_at);
        if len == 0 && kind == ContentType::ApplicationData {
            return Ok((result, None));
        }
        if len > self.max_plaintext {
            return Err(SealRefusal::TooLong {
                len,
                max: self.max_plaintext,
            });
        }
        protect(&mut keys.protection, buf, start, kind, number, cid);
        keys.next += 1;
        Ok((result, Some(number)))
    }
}

fn put_full_header(
    buf: &mut Vec<u8>,
    kind: ContentType,
    version: u16,
    number: RecordNumber,
    cid: &[u8],
) {
    buf.push(kind.code());
    buf.extend_from_slice(&version.to_be_bytes());
    buf.extend_from_slice(&((number.epoch << 48) | number.sequence).to_be_bytes());
    buf.extend_from_slice(cid);
    buf.extend_from_slice(&[0; 2]);
}

fn put_unified_header(buf: &mut Vec<u8>, number: RecordNumber, cid: &[u8]) {
    let cid_bit = if cid.is_empty() { 0 } else { UNIFIED_CID };
    buf.push(UNIFIED | cid_bit | UNIFIED_SEQ16 | UNIFIED_LENGTH | (number.epoch & 3) as u8);
    buf.extend_from_slice(cid);
    buf.extend_from_slice(&(number.sequence as u16).to_be_bytes());
    buf.extend_from_slice(&[0; 2]);
}

/// Encrypts the record that starts at `start` and is all of `buf` behind it, and fills in its length.
fn protect(
    protection: &mut Protection,
    buf: &mut Vec<u8>,
    start: usize,
    kind: ContentType,
    number: RecordNumber,
    cid: &[u8],
) {
    match protection {
        Protection::None => patch_length(buf, start + FULL_HEADER_LEN, 0),
        Protection::Dtls12(keys) => {
            let (outer, cid) = if cid.is_empty() {
                (kind, None)
            } else {
                buf.push(kind.code());
                (ContentType::Tls12Cid, Some(cid))
            };
            let body_at = start + FULL_HEADER_LEN + cid.map_or(0, <[u8]>::len);
            let additional = Additional12 { kind: outer, cid };
            let tag = keys.seal(number, &additional, &mut buf[body_at..]);
            buf.extend_from_slice(&tag);
            patch_length(buf, body_at, 0);
        }
        Protection::Dtls13(keys) => {
            buf.push(kind.code());
            let body_at = start + UNIFIED_HEADER_LEN + cid.len();
            patch_length(buf, body_at, AeadAlgorithm::TAG_LEN);
            let (head, body) = buf[start..].split_at_mut(UNIFIED_HEADER_LEN + cid.len());
            let nonce = keys.nonce(number.sequence);
            let tag = keys.aead.seal(&nonce, head, body);
            buf.extend_from_slice(&tag);
            let mut sample = [0; 16];
            sample.copy_from_slice(&buf[body_at..body_at + 16]);
            let mask = keys.mask.mask(&sample);
            buf[body_at - 4] ^= mask[0];
            buf[body_at - 3] ^= mask[1];
        }
    }
}

/// Fills in the length before `body_at`: that of what follows, plus `more`.
fn patch_length(buf: &mut [u8], body_at: usize, more: usize) {
    let len = (buf.len() - body_at + more) as u16;
    buf[body_at - 2..body_at].copy_from_slice(&len.to_be_bytes());
}
