//! STUN and ChannelData in a byte stream (RFC 8489, section 6.2.2; RFC 8656, section 12.5).
//!
//! Both carry their own length, so a stream needs no other framing. What does not start like either of
//! them means that the stream is out of step, which nothing can heal: close the connection.

use thiserror::Error;

use crate::{ChannelData, HEADER_LEN};

/// The bytes are neither STUN nor ChannelData: the stream is out of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stream's next message starts with byte {0:#04x}, neither STUN nor ChannelData")]
pub struct OutOfStep(pub u8);

/// Collects a stream and hands out one message at a time.
///
/// It holds at most one message beyond what was given last: 65,555 bytes.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    /// How much of the buffer has been handed out.
    taken: usize,
}

impl Deframer {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            taken: 0,
        }
    }

    /// Adds received bytes. Call [`Self::next_message`] until it has no more before adding others.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes wait for the rest of their message.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.buffer.len().saturating_sub(self.taken)
    }

    /// The next whole message, without padding; `Ok(None)` until one is there.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, OutOfStep> {
        let start = self.taken;
        let pending = self.buffer.get(start..).unwrap_or_default();
        let Some((message, padded)) = frame_len(pending)? else {
            return Ok(None);
        };
        if pending.len() < padded {
            return Ok(None);
        }
        self.taken = start.saturating_add(padded);
        Ok(self.buffer.get(start..start.saturating_add(message)))
    }
}

/// The length of the message that `bytes` start with, without and with padding.
fn frame_len(bytes: &[u8]) -> Result<Option<(usize, usize)>, OutOfStep> {
    let Some(first) = bytes.first() else {
        return Ok(None);
    };
    let header = match first {
        0x00..=0x3f => HEADER_LEN,
        0x40..=0x4f => ChannelData::HEADER_LEN,
        other => return Err(OutOfStep(*other)),
    };
    let Some([_, _, high, low]) = bytes.first_chunk::<4>() else {
        return Ok(None);
    };
    let len = usize::from(u16::from_be_bytes([*high, *low])).saturating_add(header);
    Ok(Some((len, len.next_multiple_of(4))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, ChannelNumber, Class, MessageWriter, Method, Seal, TransactionId};

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        let channel = ChannelNumber::MIN;
        for data in [&b"abc"[..], b"", b"abcd"] {
            ChannelData { channel, data }
                .write(&mut bytes, true)
                .unwrap();
            let id = TransactionId([data.len() as u8; 12]);
            MessageWriter::new(&mut bytes, Class::Request, Method::REFRESH, id)
                .finish(Seal::FINGERPRINT)
                .unwrap();
        }
        bytes
    }

    #[test]
    fn messages_come_out_whole_however_the_stream_is_cut() {
        let stream = stream();
        for cut in 1..stream.len() {
            let mut deframer = Deframer::new();
            let mut lengths = Vec::new();
            for piece in stream.chunks(cut) {
                deframer.push(piece);
                while let Some(message) = deframer.next_message().unwrap() {
                    lengths.push(message.len());
                }
            }
            assert_eq!(lengths, [7, 28, 4, 28, 8, 28], "pieces of {cut}");
            assert_eq!(deframer.pending(), 0);
        }
    }

    #[test]
    fn garbage_is_noticed_at_its_first_byte() {
        let mut deframer = Deframer::new();
        deframer.push(b"\x16\x03\x01");
        assert_eq!(deframer.next_message(), Ok(None));
        let mut deframer = Deframer::new();
        deframer.push(b"HTTP");
        assert_eq!(deframer.next_message(), Ok(None));
        let mut deframer = Deframer::new();
        deframer.push(b"\x80\x00");
        assert_eq!(deframer.next_message(), Err(OutOfStep(0x80)));
    }

    proptest::proptest! {
        /// Messages of both kinds, cut anywhere.
        #[test]
        fn what_was_sent_comes_out(
            bodies in proptest::collection::vec((proptest::prelude::any::<bool>(), 0_usize..60), 0..6),
            cut in 1_usize..50,
        ) {
            let mut stream = Vec::new();
            let mut sent = Vec::new();
            for (channel_data, len) in bodies {
                let from = stream.len();
                let data = &vec![0x5a; len];
                if channel_data {
                    let channel = ChannelNumber::MIN;
                    ChannelData { channel, data }.write(&mut stream, true).unwrap();
                    sent.push(stream[from..from + 4 + len].to_vec());
                } else {
                    let id = TransactionId([7; 12]);
                    let (class, method) = (Class::Indication, Method::BINDING);
                    let mut writer = MessageWriter::new(&mut stream, class, method, id);
                    writer.attribute(&Attribute::Padding(data));
                    writer.finish(Seal::FINGERPRINT).unwrap();
                    sent.push(stream[from..].to_vec());
                }
            }
            let mut deframer = Deframer::new();
            let mut received = Vec::new();
            for piece in stream.chunks(cut) {
                deframer.push(piece);
                while let Some(message) = deframer.next_message().unwrap() {
                    received.push(message.to_vec());
                }
            }
            proptest::prop_assert_eq!(received, sent);
            proptest::prop_assert_eq!(deframer.pending(), 0);
        }
    }
}
