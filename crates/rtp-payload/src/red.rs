//! Redundant audio data (RFC 2198).

use std::collections::VecDeque;

use gannet_wire::{ReadError, Reader};

/// F: another block header follows.
const FOLLOW: u8 = 0x80;
const PAYLOAD_TYPE: u8 = 0x7f;
const MAX_OFFSET: u32 = 0x3fff;
const MAX_LENGTH: usize = 0x3ff;
/// The header of a redundant block, and of the primary one.
const BLOCK_HEADER: usize = 4;
const PRIMARY_HEADER: usize = 1;

/// One block of a payload: a frame that is or was the newest one.
///
/// The header (RFC 2198, section 3) is, for all blocks but the last:
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |1|   block PT  |  timestamp offset         |   block length    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedBlock<'a> {
    /// The payload type of the data.
    pub payload_type: u8,
    /// How much older than the RTP timestamp it is (0 to 16,383). Zero for the primary block.
    pub timestamp_offset: u16,
    /// The data, a payload of that type.
    pub data: &'a [u8],
    /// Whether it is the primary block, the last one.
    pub primary: bool,
}

/// The blocks of a payload, oldest first.
#[derive(Clone, Debug)]
pub struct RedBlocks<'a> {
    headers: Reader<'a>,
    data: Reader<'a>,
    done: bool,
}

impl<'a> RedBlocks<'a> {
    /// Reads the headers of a payload.
    ///
    /// # Errors
    /// If they, or the data of the redundant blocks, are cut off.
    pub fn parse(payload: &'a [u8]) -> Result<Self, ReadError> {
        let headers = Reader::new(payload);
        let mut data = headers.clone();
        let mut total = 0_usize;
        loop {
            let first = data.u8("RED block header")?;
            if first & FOLLOW == 0 {
                break;
            }
            let (_, length) = offset_and_length(&mut data)?;
            total = total.saturating_add(length);
        }
        data.clone().take(total, "redundant blocks")?;
        Ok(Self {
            headers,
            data,
            done: false,
        })
    }
}

impl<'a> Iterator for RedBlocks<'a> {
    type Item = RedBlock<'a>;

    fn next(&mut self) -> Option<RedBlock<'a>> {
        if self.done {
            return None;
        }
        // The constructor has read all of this once.
        let first = self.headers.u8("RED block header").ok()?;
        let payload_type = first & PAYLOAD_TYPE;
        self.done = first & FOLLOW == 0;
        if self.done {
            let data = self.data.rest();
            return Some(RedBlock {
                payload_type,
                timestamp_offset: 0,
                data,
                primary: true,
            });
        }
        let (timestamp_offset, length) = offset_and_length(&mut self.headers).ok()?;
        let data = self.data.take(length, "redundant block").ok()?;
        Some(RedBlock {
            payload_type,
            timestamp_offset,
            data,
            primary: false,
        })
    }
}

/// 14 bits and 10 bits.
fn offset_and_length(reader: &mut Reader<'_>) -> Result<(u16, usize), ReadError> {
    let [high, middle, low] = reader.take_array("timestamp offset and block length")?;
    let offset = u16::from_be_bytes([high, middle]) >> 2;
    let length = u16::from_be_bytes([middle & 0x03, low]);
    Ok((offset, usize::from(length)))
}

/// Writes payloads with redundancy: each frame once as it is new, and again with the frames that
/// follow.
#[derive(Clone, Debug)]
pub struct RedEncoder {
    payload_type: u8,
    copies: usize,
    /// The frames before, newest last, with their timestamps. Never more than `copies`.
    history: VecDeque<(u32, Vec<u8>)>,
}

impl RedEncoder {
    /// An encoder for frames of this payload type, which sends each frame `copies` times more (at
    /// most 8).
    #[must_use]
    pub fn new(payload_type: u8, copies: u8) -> Self {
        let copies = usize::from(copies.min(8));
        Self {
            payload_type: payload_type & PAYLOAD_TYPE,
            copies,
            history: VecDeque::with_capacity(copies),
        }
    }

    /// Appends a payload with `frame` as its primary block, and with as many of the frames before
    /// it as `max_payload` and the fields of the format have room for, newest first. A frame that
    /// does not fit alone is written all the same: it would be too long without redundancy too.
    pub fn encode(&mut self, timestamp: u32, frame: &[u8], max_payload: usize, out: &mut Vec<u8>) {
        let room = max_payload
            .saturating_sub(frame.len())
            .saturating_sub(PRIMARY_HEADER);
        let count = self.redundant(timestamp, room);
        let redundant = self
            .history
            .iter()
            .skip(self.history.len().saturating_sub(count));
        for (then, data) in redundant.clone() {
            let offset = timestamp.wrapping_sub(*then) & MAX_OFFSET;
            let length = u32::try_from(data.len()).unwrap_or(0);
            let [_, high, middle, low] = ((offset << 10) | length).to_be_bytes();
            out.extend_from_slice(&[FOLLOW | self.payload_type, high, middle, low]);
        }
        out.push(self.payload_type);
        for (_, data) in redundant {
            out.extend_from_slice(data);
        }
        out.extend_from_slice(frame);
        self.remember(timestamp, frame);
    }

    /// How many of the newest frames before this one can go along.
    fn redundant(&self, timestamp: u32, mut room: usize) -> usize {
        let fits = |(then, data): &&(u32, Vec<u8>)| {
            let offset = timestamp.wrapping_sub(*then);
            let needed = data.len().saturating_add(BLOCK_HEADER);
            let fits = needed <= room && offset <= MAX_OFFSET && data.len() <= MAX_LENGTH;
            room = room.saturating_sub(needed);
            fits
        };
        self.history.iter().rev().take_while(fits).count()
    }

    /// Keeps the frame, in the buffer of the oldest one.
    fn remember(&mut self, timestamp: u32, frame: &[u8]) {
        if self.copies == 0 {
            return;
        }
        let mut buffer = match self.history.len() >= self.copies {
            true => self
                .history
                .pop_front()
                .map(|(_, buffer)| buffer)
                .unwrap_or_default(),
            false => Vec::new(),
        };
        buffer.clear();
        buffer.extend_from_slice(frame);
        self.history.push_back((timestamp, buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(payload: &[u8]) -> Vec<(u8, u16, &[u8], bool)> {
        let blocks = RedBlocks::parse(payload).expect("a payload");
        blocks
            .map(|block| {
                (
                    block.payload_type,
                    block.timestamp_offset,
                    block.data,
                    block.primary,
                )
            })
            .collect()
    }

    #[test]
    fn a_payload_byte_for_byte() {
        // As in RFC 2198, section 4: DVI4 (5) with an LPC block (7) of 20 ms before, at 8 kHz.
        let payload = [0x87, 0x02, 0x80, 0x02, 0x05, 1, 2, 3, 4, 5];
        let expected = [(7, 160, &[1, 2][..], false), (5, 0, &[3, 4, 5], true)];
        assert_eq!(blocks(&payload), expected);
        assert_eq!(blocks(&[0x05]), [(5, 0, &[][..], true)]);
    }

    #[test]
    fn cut_payloads_are_refused() {
        let payload = [0x87, 0x02, 0x80, 0x02, 0x05, 1, 2];
        assert!(RedBlocks::parse(&payload).is_ok());
        for cut in 0..payload.len() {
            assert!(RedBlocks::parse(&payload[..cut]).is_err(), "{cut}");
        }
        assert!(RedBlocks::parse(&[0xff; 1000]).is_err());
    }

    #[test]
    fn each_frame_is_sent_again() {
        let mut encoder = RedEncoder::new(111, 2);
        let frames: [&[u8]; 4] = [&[1], &[2, 2], &[], &[4; 4]];
        let payloads: Vec<Vec<u8>> = (0..)
            .zip(frames)
            .map(|(i, frame)| {
                let mut out = Vec::new();
                encoder.encode(
                    (u32::MAX - 959).wrapping_add(960 * i),
                    frame,
                    1200,
                    &mut out,
                );
                out
            })
            .collect();
        assert_eq!(blocks(&payloads[0]), [(111, 0, frames[0], true)]);
        assert_eq!(
            blocks(&payloads[1]),
            [(111, 960, frames[0], false), (111, 0, frames[1], true)]
        );
        let last = [
            (111, 1920, frames[1], false),
            (111, 960, frames[2], false),
            (111, 0, frames[3], true),
        ];
        assert_eq!(blocks(&payloads[3]), last);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut encoder = RedEncoder::new(0, 3);
        let mut out = Vec::new();
        encoder.encode(0, &[1; 100], 1200, &mut out);
        encoder.encode(160, &[2; 100], 1200, &mut out);
        out.clear();
        // Room for one block of 100 bytes with its header.
        encoder.encode(320, &[3; 100], 100 + 1 + 104, &mut out);
        assert_eq!(out.len(), 205);
        assert_eq!(blocks(&out).len(), 2);
        assert_eq!(blocks(&out)[0].1, 160);
        // Too old, and too long.
        out.clear();
        encoder.encode(320 + 16_384, &[4; 1024], 5000, &mut out);
        assert_eq!(blocks(&out).len(), 1);
        out.clear();
        encoder.encode(320 + 16_384, &[5], 5000, &mut out);
        assert_eq!(blocks(&out).len(), 1);
        // Without copies it is only a header.
        let mut encoder = RedEncoder::new(0, 0);
        for _ in 0..2 {
            out.clear();
            encoder.encode(0, &[1], 1200, &mut out);
            assert_eq!(out, [0, 1]);
        }
    }
}
