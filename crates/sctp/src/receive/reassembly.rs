//! Messages put together from fragments.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gannet_wire::Serial32;

use super::streams::OrderedStreams;
use crate::packet::Fragment;
use crate::{Message, Ppid, StreamId};

/// DATA or I-DATA, with 64-bit TSN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataChunk<'a> {
    pub(crate) tsn: u64,
    pub(crate) stream: StreamId,
    /// SSN or MID.
    pub(crate) number: u32,
    /// Of I-DATA.
    pub(crate) fsn: u32,
    pub(crate) ppid: Ppid,
    pub(crate) fragment: Fragment,
    pub(crate) payload: &'a [u8],
}

/// Where a fragment belongs: neighbours have neighbouring positions.
///
/// DATA's fragments are neighbours by TSN, so there is one lane. In I-DATA each message is a lane, and
/// the position is the FSN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    lane: u64,
    position: u64,
}

/// A message's fragments from one position to another, without a gap.
#[derive(Debug)]
struct Run {
    place: Place,
    /// The position behind the last fragment.
    next: u64,
    stream: StreamId,
    number: u32,
    unordered: bool,
    begins: bool,
    ends: bool,
    ppid: Ppid,
    /// The bytes: fragments that came in order are in one piece.
    pieces: VecDeque<Vec<u8>>,
    len: usize,
}

/// What a run that is held costs beside its bytes: its own size and the map's.
const RUN_COST: usize = 160;
/// What each piece of a run beyond the first costs beside its bytes: its place, and its buffer's bookkeeping.
const PIECE_COST: usize = 80;
/// What a message that waits costs beside its bytes.
pub(crate) const MESSAGE_COST: usize = 64;

impl Run {
    /// How much room it takes, in bytes.
    fn cost(&self) -> usize {
        RUN_COST + self.pieces.len().saturating_sub(1) * PIECE_COST + self.len
    }

    /// Whether `other` is the continuation of the same message.
    fn is_continued_by(&self, other: &Self) -> bool {
        self.next == other.place.position
            && self.place.lane == other.place.lane
            && self.stream == other.stream
            && self.number == other.number
            && self.unordered == other.unordered
            && !self.ends
            && !other.begins
    }

    /// Appends a single fragment's bytes.
    fn extend(&mut self, payload: &[u8], ends: bool) {
        match self.pieces.back_mut() {
            Some(piece) => piece.extend_from_slice(payload),
            None => self.pieces.push_back(payload.to_vec()),
        }
        self.len += payload.len();
        self.next += 1;
        self.ends = ends;
    }

    /// Puts two runs together. The shorter list of pieces moves.
    fn join(mut self, mut other: Self) -> Self {
        let mut pieces = if self.pieces.len() >= other.pieces.len() {
            self.pieces.append(&mut other.pieces);
            self.pieces
        } else {
            while let Some(piece) = self.pieces.pop_back() {
                other.pieces.push_front(piece);
            }
            other.pieces
        };
        self.pieces = std::mem::take(&mut pieces);
        self.len += other.len;
        self.next = other.next;
        self.ends = other.ends;
        self
    }

    /// Gives back what was set aside for more of the message, as long as that is much.
    fn trim(&mut self) {
        if let Some(piece) = self.pieces.back_mut()
            && piece.capacity() / 2 > piece.len()
        {
            piece.shrink_to_fit();
        }
    }

    fn into_message(mut self) -> Message {
        self.trim();
        let first = self.pieces.pop_front().unwrap_or_default();
        let data = if self.pieces.is_empty() {
            first
        } else {
            let mut whole = first;
            whole.reserve_exact(self.len - whole.len());
            for piece in self.pieces {
                whole.extend_from_slice(&piece);
            }
            whole
        };
        Message {
            stream: self.stream,
            ppid: self.ppid,
            unordered: self.unordered,
            data: Bytes::from(data),
        }
    }
}

/// Puts fragments together and messages in order (RFC 9260, sections 6.6 and 6.9; RFC 8260, section 2).
#[derive(Debug)]
pub(crate) struct Reassembly {
    interleaving: bool,
    /// The run that the last fragment went to: the next one usually does too.
    current: Option<Run>,
    runs: BTreeMap<Place, Run>,
    ordered: OrderedStreams,
    /// Messages that are whole and in order.
    ready: VecDeque<Message>,
    /// What everything in here costs, but for `ready`.
    held: usize,
    max_message_size: usize,
    /// The last fragmented message's length: the next one's buffer starts with it.
    size_hint: usize,
}

/// A message has become longer than what we said we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageTooLarge;

impl Reassembly {
    pub(crate) fn new(interleaving: bool, max_message_size: usize) -> Self {
        Self {
            interleaving,
            current: None,
            runs: BTreeMap::new(),
            ordered: OrderedStreams::new(interleaving),
            ready: VecDeque::new(),
            held: 0,
            max_message_size,
            size_hint: 0,
        }
    }

    /// How much room everything that is held takes, in bytes, but for messages that are ready.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// The next message that is whole and in order.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        self.ready.pop_front()
    }

    /// Takes a chunk whose TSN is new.
    pub(crate) fn push(&mut self, chunk: &DataChunk<'_>) -> Result<(), MessageTooLarge> {
        if chunk.payload.len() > self.max_message_size {
            return Err(MessageTooLarge);
        }
        if chunk.fragment.beginning && chunk.fragment.end {
            let message = Message {
                stream: chunk.stream,
                ppid: chunk.ppid,
                unordered: chunk.fragment.unordered,
                data: Bytes::copy_from_slice(chunk.payload),
            };
            self.complete(chunk.number, message);
            return Ok(());
        }
        let place = self.place(chunk);
        if self.extend_current(place, chunk) {
            return self.settle();
        }
        self.put_away_current();
        self.held += RUN_COST + chunk.payload.len();
        let run = self.new_run(place, chunk);
        self.current = Some(self.join_with_previous(run));
        self.settle()
    }

    fn place(&self, chunk: &DataChunk<'_>) -> Place {
        if !self.interleaving {
            return Place {
                lane: 0,
                position: chunk.tsn,
            };
        }
        Place {
            lane: lane(chunk.stream, chunk.fragment.unordered, chunk.number),
            position: u64::from(chunk.fsn),
        }
    }

    /// Appends the chunk to the current run if it is its continuation.
    fn extend_current(&mut self, place: Place, chunk: &DataChunk<'_>) -> bool {
        let Some(run) = &mut self.current else {
            return false;
        };
        let continues = run.next == place.position
            && run.place.lane == place.lane
            && run.stream == chunk.stream
            && run.number == chunk.number
            && run.unordered == chunk.fragment.unordered
            && !run.ends
            && !chunk.fragment.beginning;
        if continues {
            self.held += chunk.payload.len();
            run.extend(chunk.payload, chunk.fragment.end);
        }
        continues
    }

    fn new_run(&self, place: Place, chunk: &DataChunk<'_>) -> Run {
        let mut piece = Vec::new();
        if chunk.fragment.beginning {
            piece.reserve_exact(self.size_hint.max(chunk.payload.len()));
        }
        piece.extend_from_slice(chunk.payload);
        Run {
            place,
            next: place.position + 1,
            stream: chunk.stream,
            number: chunk.number,
            unordered: chunk.fragment.unordered,
            begins: chunk.fragment.beginning,
            ends: chunk.fragment.end,
            ppid: chunk.ppid,
            pieces: VecDeque::from([piece]),
            len: chunk.payload.len(),
        }
    }

    fn put_away_current(&mut self) {
        let Some(mut run) = self.current.take() else {
            return;
        };
        // Others may be put away in any number.
        run.trim();
        // Only a peer that uses a number twice puts two runs into one place.
        if let Some(replaced) = self.runs.insert(run.place, run) {
            self.held -= replaced.cost();
        }
    }

    /// Joins a run with the one that ends where it starts.
    fn join_with_previous(&mut self, run: Run) -> Run {
        let previous = self.runs.range(..run.place).next_back();
        match previous {
            Some((&place, previous)) if previous.is_continued_by(&run) => {
                let previous = self.runs.remove(&place);
                self.held -= RUN_COST - PIECE_COST;
                match previous {
                    Some(previous) => previous.join(run),
                    None => run,
                }
            }
            _ => run,
        }
    }

    /// Joins the current run with the one that starts where it ends, and takes it out if it is whole.
    fn settle(&mut self) -> Result<(), MessageTooLarge> {
        let Some(mut run) = self.current.take() else {
            return Ok(());
        };
        if !self.runs.is_empty() && !run.ends {
            let behind = Place {
                lane: run.place.lane,
                position: run.next,
            };
            let joins = |next: &Run| run.is_continued_by(next);
            if self.runs.get(&behind).is_some_and(joins)
                && let Some(next) = self.runs.remove(&behind)
            {
                self.held -= RUN_COST - PIECE_COST;
                run = run.join(next);
            }
        }
        if run.len > self.max_message_size {
            return Err(MessageTooLarge);
        }
        if run.begins && run.ends {
            self.held -= run.cost();
            self.size_hint = run.len;
            let number = run.number;
            self.complete(number, run.into_message());
        } else {
            self.current = Some(run);
        }
        Ok(())
    }

    /// A message is whole: it is ready, or waits for those before it.
    fn complete(&mut self, number: u32, message: Message) {
        if message.unordered {
            self.ready.push_back(message);
            return;
        }
        let (ready, held) = (&mut self.ready, &mut self.held);
        let cost = message.data.len() + MESSAGE_COST;
        *held += cost;
        let useful = self.ordered.push(number, message, |message| {
            *held -= message.data.len() + MESSAGE_COST;
            ready.push_back(message);
        });
        if !useful {
            *held -= cost;
        }
    }

    /// The peer has given up everything up to `cumulative` (RFC 3758, section 3.6): fragments of DATA
    /// up to there are of no use any more.
    pub(crate) fn forward(&mut self, cumulative: u64) {
        if self.interleaving {
            return;
        }
        self.put_away_current();
        while let Some(first) = self.runs.first_entry() {
            if first.key().position > cumulative {
                break;
            }
            let run = first.remove();
            self.held -= run.cost();
        }
    }

    /// The peer has given up the messages of an ordered stream up to `number`, an SSN.
    pub(crate) fn skip_ordered(&mut self, stream: StreamId, number: u32) {
        let (ready, held) = (&mut self.ready, &mut self.held);
        self.ordered.skip(stream, number, |message| {
            *held -= message.data.len() + MESSAGE_COST;
            ready.push_back(message);
        });
    }

    /// The peer has given up the messages of a stream up to `mid` (RFC 8260, section 2.3.1).
    pub(crate) fn skip_messages(&mut self, stream: StreamId, unordered: bool, mid: Serial32) {
        self.put_away_current();
        // The half of the numbers that comes before `mid`, in one piece or in two. Only what goes is looked at.
        let first = mid.minus(i32::MAX as u32).0;
        if first <= mid.0 {
            self.drop_runs(stream, unordered, first, mid.0);
        } else {
            self.drop_runs(stream, unordered, first, u32::MAX);
            self.drop_runs(stream, unordered, 0, mid.0);
        }
        if !unordered {
            self.skip_ordered(stream, mid.0);
        }
    }

    /// Drops what there is of a stream's messages from one number to another.
    fn drop_runs(&mut self, stream: StreamId, unordered: bool, first: u32, last: u32) {
        let first = Place {
            lane: lane(stream, unordered, first),
            position: 0,
        };
        let last = Place {
            lane: lane(stream, unordered, last),
            position: u64::MAX,
        };
        while let Some((&place, _)) = self.runs.range(first..=last).next() {
            if let Some(run) = self.runs.remove(&place) {
                self.held -= run.cost();
            }
        }
    }

    /// The peer has reset streams: their numbers start over. None of them is all.
    pub(crate) fn reset(&mut self, streams: &[StreamId]) {
        self.put_away_current();
        let mut gone = streams.to_vec();
        gone.sort_unstable();
        // One pass for all of them: a peer may name many, again and again.
        let held = &mut self.held;
        self.runs.retain(|_, run| {
            let stays = !gone.is_empty() && gone.binary_search(&run.stream).is_err();
            if !stays {
                *held -= run.cost();
            }
            stays
        });
        let mut dropped = |message: Message| *held -= message.data.len() + MESSAGE_COST;
        if streams.is_empty() {
            self.ordered.reset_all(&mut dropped);
        }
        for stream in streams {
            self.ordered.reset(*stream, &mut dropped);
        }
    }
}

/// The lane of a message in I-DATA.
fn lane(stream: StreamId, unordered: bool, number: u32) -> u64 {
    u64::from(stream.0) << 33 | u64::from(unordered) << 32 | u64::from(number)
}

#[cfg(test)]
mod tests;
