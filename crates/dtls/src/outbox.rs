//! Outgoing handshake messages: flights, cut to the MTU, sent again until they are answered
//! (RFC 9147, sections 5.7 and 5.8).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::Timers;
use crate::message::{Fragment, HANDSHAKE_HEADER_LEN, HandshakeType, RecordNumber};
use crate::ranges::Ranges;
use crate::record::{ContentType, RecordLayer};

/// How many sent records are remembered for the peer's ACKs. A flight at the smallest MTU has some 30;
/// after four transmissions only the newest matter.
const MAX_SENT: usize = 128;

/// A fragment with fewer bytes of body is not worth its headers, if the rest fits into a new datagram.
const MIN_FRAGMENT: usize = 48;

/// How many records leave in one burst (RFC 9147, section 5.8.3); the rest of a large flight waits for an
/// ACK, or for a tenth of the first wait.
const MAX_BURST: usize = 10;

/// After how many transmissions without an answer the datagrams get smaller: with the default timers, after
/// 0.7 s.
const TRIES_AT_FULL_SIZE: u32 = 3;

/// After so many transmissions behind the handshake the path is gone for now, and the waits grow on.
const MANY_TRANSMISSIONS: u32 = 30;
/// How long they get (RFC 9147, section 5.8.2).
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How small they get (RFC 9147, section 4.4): what every IPv4 host takes, 576 bytes, without the headers
/// of IP and UDP.
const SAFE_DATAGRAM: usize = 548;

/// The current flight, and its timer.
#[derive(Debug)]
pub(crate) struct Outbox {
    timers: Timers,
    next_seq: u16,
    items: Vec<Item>,
    /// Where sending goes on: an item, and an offset in it. Behind the last item all is sent.
    cursor: (usize, usize),
    sent: VecDeque<SentRecord>,
    /// Whether the flight is sent again by the clock.
    is_timed: bool,
    deadline: Option<Instant>,
    /// How many records left since the last pause.
    burst: usize,
    /// When the rest of a large flight goes on.
    resume_at: Option<Instant>,
    /// How many times in a row the deadline passed, and nothing was heard.
    unanswered: u32,
    /// The first wait of each flight.
    first_wait: Duration,
    wait: Duration,
    transmissions: u32,
    first_sent: Option<Instant>,
    last_sent: Option<Instant>,
}

#[derive(Debug)]
struct Item {
    epoch: u64,
    content: Content,
}

enum Content {
    Handshake {
        kind: HandshakeType,
        seq: u16,
        body: Vec<u8>,
        acked: Ranges,
    },
    ChangeCipherSpec,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Handshake { kind, seq, .. } => write!(f, "{kind:?} #{seq}"),
            Self::ChangeCipherSpec => f.write_str("ChangeCipherSpec"),
        }
    }
}

#[derive(Debug)]
struct SentRecord {
    number: RecordNumber,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    item: usize,
    start: usize,
    end: usize,
}

/// What an ACK did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acked {
    /// Nothing new.
    Nothing,
    /// Some of the flight arrived; the rest is sent again.
    Some,
    /// All of the flight arrived.
    All,
}

impl Outbox {
    pub(crate) fn new(timers: Timers) -> Self {
        Self {
            timers,
            next_seq: 0,
            items: Vec::new(),
            cursor: (0, 0),
            sent: VecDeque::new(),
            is_timed: false,
            deadline: None,
            burst: 0,
            resume_at: None,
            unanswered: 0,
            first_wait: timers.initial_retransmit,
            wait: timers.initial_retransmit,
            transmissions: 0,
            first_sent: None,
            last_sent: None,
        }
    }

    /// The next message's number.
    pub(crate) const fn next_seq(&self) -> u16 {
        self.next_seq
    }

    /// Servers without state: the client's cookie says that message 0 was sent before.
    pub(crate) fn start_at(&mut self, seq: u16) {
        self.next_seq = self.next_seq.max(seq);
    }

    /// Begins a new flight: the last one is answered. `is_timed` says that it is sent again by the
    /// clock, because an answer must come.
    pub(crate) fn begin(&mut self, is_timed: bool) {
        self.stop();
        self.is_timed = is_timed;
    }

    /// Forgets the flight. What was learned about the round-trip time is kept.
    pub(crate) fn stop(&mut self) {
        self.items.clear();
        self.sent.clear();
        self.rewind();
        self.deadline = None;
        self.is_timed = false;
        self.unanswered = 0;
        self.wait = self.first_wait;
        self.transmissions = 0;
        self.first_sent = None;
    }

    /// The flight is answered: learns from how long that took (RFC 9147, section 5.8.2).
    pub(crate) fn answered(&mut self, now: Instant) {
        if let (1, Some(first)) = (self.transmissions, self.first_sent) {
            let wait = now.saturating_duration_since(first) * 3 / 2;
            self.first_wait = wait
                .max(self.timers.initial_retransmit)
                .min(self.timers.max_retransmit);
        }
        self.stop();
    }

    /// Adds a message to the flight and returns its number.
    pub(crate) fn push(&mut self, epoch: u64, kind: HandshakeType, body: Vec<u8>) -> u16 {
        let seq = self.next_seq;
        self.next_seq = self.next_seq.wrapping_add(1);
        let content = Content::Handshake {
            kind,
            seq,
            body,
            acked: Ranges::default(),
        };
        self.items.push(Item { epoch, content });
        seq
    }

    /// Adds DTLS 1.2's ChangeCipherSpec to the flight.
    pub(crate) fn push_change_cipher_spec(&mut self) {
        self.items.push(Item {
            epoch: 0,
            content: Content::ChangeCipherSpec,
        });
    }

    /// Whether a flight is there that is not answered.
    pub(crate) const fn is_busy(&self) -> bool {
        !self.items.is_empty()
    }

    /// Whether a message of this kind is in the flight.
    pub(crate) fn sends(&self, wanted: HandshakeType) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item.content, Content::Handshake { kind, .. } if kind == wanted))
    }

    /// How long after a first sign of loss an ACK is due (RFC 9147, section 7.1).
    pub(crate) fn ack_delay(&self) -> Duration {
        self.first_wait / 4
    }

    /// When the flight is sent again, or its rest for the first time.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self.resume_at {
            Some(resume_at) => Some(resume_at),
            None => self.deadline,
        }
    }

    /// Whether the deadline has passed; then the flight is sent again, and the next wait is twice as
    /// long. `is_patient` says that no handshake waits for it: then waits get very long in the end.
    pub(crate) fn handle_timeout(&mut self, now: Instant, is_patient: bool) -> bool {
        if self.resume_at.is_some_and(|resume_at| resume_at <= now) {
            self.resume();
        }
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return false;
        }
        let most = if is_patient && self.transmissions >= MANY_TRANSMISSIONS {
            LONGEST_WAIT.max(self.timers.max_retransmit)
        } else {
            self.timers.max_retransmit
        };
        self.wait = (self.wait * 2).min(most);
        self.unanswered += 1;
        self.deadline = None;
        self.rewind();
        true
    }

    /// Sending starts again with what is not acknowledged.
    const fn rewind(&mut self) {
        self.cursor = (0, 0);
        self.resume();
    }

    const fn resume(&mut self) {
        self.burst = 0;
        self.resume_at = None;
    }

    /// The peer sent something again, or asks for it: so does the flight, unless it just was.
    pub(crate) fn resend(&mut self, now: Instant) -> bool {
        let just_sent = self
            .last_sent
            .is_some_and(|last| now < last + self.ack_delay());
        if !self.is_busy() || !self.is_all_sent() || just_sent {
            return false;
        }
        self.rewind();
        true
    }

    /// The peer has these records.
    pub(crate) fn handle_ack(&mut self, numbers: impl Iterator<Item = RecordNumber>) -> Acked {
        let mut progress = false;
        for number in numbers.take(4096) {
            let Some(at) = self.sent.iter().position(|record| record.number == number) else {
                continue;
            };
            let Some(record) = self.sent.remove(at) else {
                continue;
            };
            for piece in record.pieces {
                let item = self.items.get_mut(piece.item).map(|item| &mut item.content);
                if let Some(Content::Handshake { acked, .. }) = item {
                    progress |= !acked.contains(piece.start, piece.end);
                    acked.insert(piece.start, piece.end);
                }
            }
        }
        if !progress {
            return Acked::Nothing;
        }
        self.unanswered = 0;
        if self.next_piece((0, 0)).is_none() {
            return Acked::All;
        }
        if self.resume_at.is_some() {
            // The first burst arrived: the rest follows at once, and nothing twice.
            self.resume();
            return Acked::Some;
        }
        self.rewind();
        Acked::Some
    }

    fn is_all_sent(&self) -> bool {
        self.next_piece(self.cursor).is_none()
    }

    /// The next bytes to send at or behind a position.
    fn next_piece(&self, (mut item, mut offset): (usize, usize)) -> Option<Piece> {
        loop {
            match &self.items.get(item)?.content {
                Content::ChangeCipherSpec => {
                    return Some(Piece {
                        item,
                        start: 0,
                        end: 0,
                    });
                }
                Content::Handshake { body, .. } if body.is_empty() => {
                    return Some(Piece {
                        item,
                        start: 0,
                        end: 0,
                    });
                }
                Content::Handshake { body, acked, .. } => {
                    if let Some((start, end)) = acked.missing(offset, body.len()) {
                        return Some(Piece { item, start, end });
                    }
                }
            }
            (item, offset) = (item + 1, 0);
        }
    }

    /// Moves the cursor behind a piece that was sent.
    const fn advance(&mut self, piece: Piece) {
        self.cursor = if piece.end == 0 {
            (piece.item + 1, 0)
        } else {
            (piece.item, piece.end)
        };
    }

    /// Fills the datagram that starts at `start` in `buf` with the next records of the flight, if there
    /// are any to be sent.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        records: &mut RecordLayer,
        mtu: usize,
        start: usize,
        buf: &mut Vec<u8>,
    ) {
        if self.resume_at.is_some_and(|resume_at| resume_at <= now) {
            self.resume();
        }
        let len_before = buf.len();
        let is_first = self.cursor == (0, 0);
        let mtu = match self.unanswered {
            ..TRIES_AT_FULL_SIZE => mtu,
            _ => mtu.min(SAFE_DATAGRAM),
        };
        while let Some(piece) = self.next_piece(self.cursor) {
            if self.burst >= MAX_BURST {
                self.resume_at
                    .get_or_insert(now + self.timers.initial_retransmit / 10);
                break;
            }
            let room = (start + mtu).saturating_sub(buf.len());
            if !self.put_record(records, piece, room, buf.len() > start, buf) {
                break;
            }
            self.burst += 1;
        }
        if buf.len() == len_before {
            return;
        }
        if is_first {
            self.transmissions += 1;
            self.first_sent.get_or_insert(now);
        }
        self.last_sent = Some(now);
        if self.is_timed && self.is_all_sent() {
            self.deadline = Some(now + self.wait);
        }
    }

    /// How many times the flight was sent.
    pub(crate) const fn transmissions(&self) -> u32 {
        self.transmissions
    }

    /// Appends one record that starts with `piece`, if it fits.
    fn put_record(
        &mut self,
        records: &mut RecordLayer,
        piece: Piece,
        room: usize,
        may_wait: bool,
        buf: &mut Vec<u8>,
    ) -> bool {
        let Some(Item { epoch, content }) = self.items.get(piece.item) else {
            return false;
        };
        let epoch = *epoch;
        let room = room
            .saturating_sub(records.overhead(epoch))
            .min(records.max_plaintext());
        if matches!(content, Content::ChangeCipherSpec) {
            if room < 1 && may_wait {
                return false;
            }
            let kind = ContentType::ChangeCipherSpec;
            let sealed = records.seal(epoch, kind, buf, |buf| buf.push(1));
            self.cursor = (piece.item + 1, 0);
            return sealed.is_ok();
        }
        let least = HANDSHAKE_HEADER_LEN + (piece.end - piece.start).min(MIN_FRAGMENT);
        if room < least && may_wait {
            return false;
        }
        let mut pieces = Vec::new();
        let sealed = records.seal(epoch, ContentType::Handshake, buf, |buf| {
            self.put_fragments(epoch, room, buf, &mut pieces);
        });
        let Ok((_, Some(number))) = sealed else {
            // The keys are gone or used up: then this flight can not be sent at all.
            self.cursor = (self.items.len(), 0);
            return false;
        };
        if self.sent.len() >= MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(SentRecord { number, pieces });
        true
    }

    /// Appends fragments of the epoch to a record until it is full. In plaintext, where peers may be
    /// DTLS 1.2, and in DTLS 1.2 one is all.
    fn put_fragments(
        &mut self,
        epoch: u64,
        room: usize,
        buf: &mut Vec<u8>,
        pieces: &mut Vec<Piece>,
    ) {
        let start = buf.len();
        while let Some(mut piece) = self.next_piece(self.cursor) {
            let left = (start + room).saturating_sub(buf.len());
            let Some(Item {
                epoch: own,
                content:
                    Content::Handshake {
                        kind, seq, body, ..
                    },
            }) = self.items.get(piece.item)
            else {
                break;
            };
            let least = HANDSHAKE_HEADER_LEN + (piece.end - piece.start).min(MIN_FRAGMENT);
            let is_first = pieces.is_empty();
            if *own != epoch || !is_first && (epoch < 2 || left < least) {
                break;
            }
            let most = left.saturating_sub(HANDSHAKE_HEADER_LEN).max(1);
            piece.end = piece.end.min(piece.start + most);
            let (length, offset) = (body.len() as u32, piece.start as u32);
            let body = body.get(piece.start..piece.end).unwrap_or_default();
            Fragment {
                kind: *kind,
                length,
                seq: *seq,
                offset,
                body,
            }
            .write(buf);
            pieces.push(piece);
            self.advance(piece);
        }
    }
}
