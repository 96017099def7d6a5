//! The record layer: epochs, protection, replay (RFC 9147, section 4; RFC 6347, section 4.1).

mod header;
mod keys;
mod open;
mod replay;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;

pub(crate) use header::{ContentType, Form, Header};
pub(crate) use keys::{Keys12, Keys13};
pub(crate) use open::{Opened, Refusal};
use replay::ReplayWindow;
pub(crate) use seal::SealRefusal;

use crate::message::{DTLS_1_0, DTLS_1_2};

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
}
