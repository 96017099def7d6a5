//! The record layer: epochs, protection, replay (RFC 9147, section 4; RFC 6347, section 4.1).

mod header;
mod keys;
mod replay;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;

use gannet_crypto::{AeadAlgorithm, OpenError};

pub(crate) use header::{ContentType, Form, Header};
use header::{UNIFIED, UNIFIED_CID, UNIFIED_LENGTH, UNIFIED_SEQ16};
use keys::Additional12;
pub(crate) use keys::{Keys12, Keys13};
use replay::ReplayWindow;

use crate::message::{DTLS_1_0, DTLS_1_2, RecordNumber};

/// The longest plaintext of a record in bytes (RFC 8446, section 5.1).
pub(crate) const MAX_PLAINTEXT: usize = 1 << 14;

/// The last sequence number that fits into a full header.
const MAX_SEQUENCE_48: u64 = (1 << 48) - 1;

/// How many records may be sealed with one AES-GCM key: 2^24.5 (RFC 8446, section 5.5).
const MAX_GCM_RECORDS: u64 = 23_726_566;

/// After how many records DTLS 1.3 changes its keys by itself: early enough for the peer's ACK to come.
pub(crate) const REKEY_AFTER: u64 = 1 << 23;

/// How many forged records a key survives (RFC 9147, section 4.5.3).
const MAX_FORGERIES: u64 = 1 << 36;

/// How many epochs are kept in each direction: the plaintext one, the handshake's, the one before the
/// last, and the last.
const MAX_EPOCHS: usize = 4;

/// How many connection IDs are kept beside the one in use, in each direction.
const MAX_MORE_CIDS: usize = 8;

/// What protects an epoch's records.
pub(crate) enum Protection {
    None,
    Dtls12(Keys12),
    Dtls13(Keys13),
}

/// Never prints keys.
impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Dtls12(_) => "Dtls12",
            Self::Dtls13(_) => "Dtls13",
        })
    }
}

#[derive(Debug)]
struct WriteEpoch {
    epoch: u64,
    next: u64,
    last: u64,
    protection: Protection,
}

#[derive(Debug)]
struct ReadEpoch {
    epoch: u64,
    window: ReplayWindow,
    forgeries: u64,
    protection: Protection,
}

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

/// Why a record was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealRefusal {
    NoKeys,
    TooLong { len: usize, max: usize },
    Exhausted,
}

/// Both directions' epochs.
#[derive(Debug)]
pub(crate) struct RecordLayer {
    /// Newest last.
    write: Vec<WriteEpoch>,
    /// Newest last.
    read: Vec<ReadEpoch>,
    /// What stands in our records: the ID that the peer chose.
    remote_cid: Vec<u8>,
    /// What the peer gave us to use next.
    spare_remote_cids: VecDeque<Vec<u8>>,
    /// What stands in the peer's records: the ID that we chose.
    local_cid: Vec<u8>,
    /// What may stand there, too: IDs of the same length that we gave it later.
    more_local_cids: VecDeque<Vec<u8>>,
    /// The longest plaintext that the peer takes.
    max_plaintext: usize,
    /// What plaintext records say that their version is.
    plaintext_version: u16,
}

impl RecordLayer {
    pub(crate) fn new() -> Self {
        Self {
            write: vec![WriteEpoch {
                epoch: 0,
                next: 0,
                last: MAX_SEQUENCE_48,
                protection: Protection::None,
            }],
            read: vec![ReadEpoch {
                epoch: 0,
                window: ReplayWindow::default(),
                forgeries: 0,
                protection: Protection::None,
            }],
            remote_cid: Vec::new(),
            spare_remote_cids: VecDeque::new(),
            local_cid: Vec::new(),
            more_local_cids: VecDeque::new(),
            max_plaintext: MAX_PLAINTEXT,
            // What every server takes in the first ClientHello (RFC 9147, section 4).
            plaintext_version: DTLS_1_0,
        }
    }

    /// From the ServerHello on, plaintext records say 1.2.
    pub(crate) const fn hello_is_over(&mut self) {
        self.plaintext_version = DTLS_1_2;
    }

    /// Sets both connection IDs; they stand in the records of all protected epochs.
    pub(crate) fn set_connection_ids(&mut self, local: Vec<u8>, remote: Vec<u8>) {
        self.local_cid = local;
        self.remote_cid = remote;
    }

    /// Sets the longest plaintext that the peer takes.
    pub(crate) fn set_max_plaintext(&mut self, max: usize) {
        self.max_plaintext = max.min(MAX_PLAINTEXT);
    }

    /// Adds a sending epoch, the highest so far, and forgets those that nothing is sent in any more.
    pub(crate) fn add_write(&mut self, epoch: u64, protection: Protection) {
        let last = match &protection {
            Protection::Dtls13(_) => MAX_GCM_RECORDS,
            _ => MAX_SEQUENCE_48,
        };
        if self.write.len() >= MAX_EPOCHS {
            self.write.remove(0);
        }
        self.write.push(WriteEpoch {
            epoch,
            next: 0,
            last,
            protection,
        });
    }

    /// Adds a receiving epoch, the highest so far.
    pub(crate) fn add_read(&mut self, epoch: u64, protection: Protection) {
        if self.read.len() >= MAX_EPOCHS {
            self.read.remove(0);
        }
        let window = ReplayWindow::default();
        self.read.push(ReadEpoch {
            epoch,
            window,
            forgeries: 0,
            protection,
        });
    }

    /// The newest sending epoch.
    pub(crate) fn write_epoch(&self) -> u64 {
        self.write.last().map_or(0, |write| write.epoch)
    }

    /// The newest receiving epoch.
    pub(crate) fn read_epoch(&self) -> u64 {
        self.read.last().map_or(0, |read| read.epoch)
    }

    /// How many records were sealed in the newest epoch.
    pub(crate) fn sealed_in_epoch(&self) -> u64 {
        self.write.last().map_or(0, |write| write.next)
    }

    /// Whether so many forged records came that the keys must go.
    pub(crate) fn is_forgery_limit_reached(&self) -> bool {
        self.read.iter().any(|read| read.forgeries >= MAX_FORGERIES)
    }

    /// Servers: plaintext records go on from the number of the client's last one, so that no two answers
    /// of a server without state have the same (RFC 6347, section 4.2.1).
    pub(crate) fn continue_plaintext_from(&mut self, sequence: u64) {
        if let Some(plaintext) = self.write.iter_mut().find(|write| write.epoch == 0) {
            plaintext.next = plaintext.next.max(sequence.min(MAX_SEQUENCE_48 / 2));
        }
    }

    /// The length of the connection ID in the peer's records.
    pub(crate) fn local_cid_len(&self) -> usize {
        self.local_cid.len()
    }

    /// Whether the peer wants a connection ID in our records.
    pub(crate) fn has_remote_cid(&self) -> bool {
        !self.remote_cid.is_empty()
    }

    /// Takes one more ID in the peer's records, which is as long as the first. Of too many, the oldest
    /// is forgotten.
    pub(crate) fn add_local_cid(&mut self, cid: &[u8]) {
        if self.more_local_cids.len() >= MAX_MORE_CIDS
            && let Some(second) = self.more_local_cids.pop_front()
        {
            self.local_cid = second;
        }
        self.more_local_cids.push_back(cid.to_vec());
    }

    fn is_local_cid(&self, cid: &[u8]) -> bool {
        *cid == *self.local_cid || self.more_local_cids.iter().any(|more| *cid == **more)
    }

    /// Keeps an ID for our records. Those beyond the bound are dropped (RFC 9147, section 9).
    pub(crate) fn add_spare_remote_cid(&mut self, cid: &[u8]) {
        if self.spare_remote_cids.len() < MAX_MORE_CIDS {
            self.spare_remote_cids.push_back(cid.to_vec());
        }
    }

    pub(crate) fn forget_spare_remote_cids(&mut self) {
        self.spare_remote_cids.clear();
    }

    /// Goes on to the next ID for our records; returns whether there was one.
    pub(crate) fn use_next_remote_cid(&mut self) -> bool {
        let next = self.spare_remote_cids.pop_front();
        next.map(|next| self.remote_cid = next).is_some()
    }

    /// The longest plaintext that the peer takes.
    pub(crate) const fn max_plaintext(&self) -> usize {
        self.max_plaintext
    }

    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, next: u64) {
        self.write.last_mut().unwrap().next = next;
    }

    #[cfg(test)]
    pub(crate) fn pretend_forgeries(&mut self, count: u64) {
        self.read.last_mut().unwrap().forgeries = count;
    }

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
        protect(&keys.protection, buf, start, kind, number, cid);
        keys.next += 1;
        Ok((result, Some(number)))
    }

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
        match &read.protection {
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
        let Protection::Dtls13(keys) = &read.protection else {
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
        let opened = keys.aead.open(&keys.nonce(sequence), head, body);
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

const FULL_HEADER_LEN: usize = 13;
const UNIFIED_HEADER_LEN: usize = 5;

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
    protection: &Protection,
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
            let tag = keys.aead.seal(&keys.nonce(number.sequence), head, body);
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

/// Splits DTLSInnerPlaintext: the content, its type, and zeros (RFC 8446, section 5.4).
fn split_inner(plaintext: &[u8]) -> Result<(ContentType, &[u8]), Refusal> {
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
