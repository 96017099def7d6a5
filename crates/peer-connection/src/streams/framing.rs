//! Cutting a stream into packets.

use std::io;

use gannet_ortc::ice::{FrameReader, Protocol};
use gannet_stun::stream::{Deframer, OutOfStep};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest first packet of a stream that the peer opens: a check has some 200 bytes.
const MAX_FIRST: u16 = 1_500;

/// The framing of a stream, by what it carries.
#[derive(Debug)]
pub(super) enum Framing {
    /// Lengths of RFC 4571, to the peer.
    Frames(FrameReader),
    /// STUN and ChannelData, to a TURN server.
    Messages(Deframer),
}

impl Framing {
    pub(super) fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Frames(FrameReader::new()),
            Protocol::Udp | Protocol::TurnTcp | Protocol::TurnTls => {
                Self::Messages(Deframer::new())
            }
        }
    }

    /// Adds received bytes; the packets before must have been taken.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Frames(reader) => reader.push(bytes),
            Self::Messages(reader) => reader.push(bytes),
        }
    }

    /// Appends the next whole packet to `packet`. False if there is none yet.
    pub(super) fn next_packet(&mut self, packet: &mut Vec<u8>) -> Result<bool, OutOfStep> {
        let next = match self {
            Self::Frames(reader) => reader.next_packet(),
            Self::Messages(reader) => reader.next_message()?,
        };
        if let Some(next) = next {
            packet.extend_from_slice(next);
        }
        Ok(next.is_some())
    }
}

/// Reads the first frame of a stream that the peer has opened: its length and the packet.
pub(crate) async fn read_first_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let len = stream.read_u16().await?;
    if len > MAX_FIRST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; 2 + usize::from(len)];
    let (prefix, packet) = frame.split_at_mut(2);
    prefix.copy_from_slice(&len.to_be_bytes());
    stream.read_exact(packet).await?;
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_frame_is_read_and_no_more() {
        let mut stream: &[u8] = b"\x00\x03abcdef";
        assert_eq!(read_first_frame(&mut stream).await.unwrap(), b"\x00\x03abc");
        assert_eq!(stream, b"def");
        let mut long: &[u8] = &[0xff; 70_000];
        assert!(read_first_frame(&mut long).await.is_err());
        let mut short: &[u8] = b"\x00\x03ab";
        assert!(read_first_frame(&mut short).await.is_err());
    }
}
