//! Framing of ICE-TCP connections (RFC 6544, section 3; RFC 4571): a 16-bit length before each packet.

/// The longest packet in bytes.
const MAX_LEN: usize = u16::MAX as usize;

/// Appends `packet` with its length to `stream`. Gives false, and appends nothing, if it is longer than
/// 65,535 bytes.
pub fn write_frame(stream: &mut Vec<u8>, packet: &[u8]) -> bool {
    let Ok(len) = u16::try_from(packet.len()) else {
        return false;
    };
    stream.extend_from_slice(&len.to_be_bytes());
    stream.extend_from_slice(packet);
    true
}

/// Collects a stream and hands out one packet at a time. It holds at most one packet beyond what was
/// given last.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    taken: usize,
}

impl FrameReader {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            taken: 0,
        }
    }

    /// Adds received bytes. Call [`Self::next_packet`] until it has no more before adding others.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
        debug_assert!(bytes.len() > MAX_LEN || self.buffer.len() <= 2 * MAX_LEN + 2);
    }

    /// The next whole packet.
    pub fn next_packet(&mut self) -> Option<&[u8]> {
        let (len, rest) = self.buffer.get(self.taken..)?.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_be_bytes(*len));
        if rest.len() < len {
            return None;
        }
        let start = self.taken + 2;
        self.taken = start + len;
        self.buffer.get(start..self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_whole_however_the_stream_is_cut() {
        let packets: [&[u8]; 4] = [b"one", b"", &[7; 300], b"four"];
        let mut stream = Vec::new();
        assert!(
            packets
                .iter()
                .all(|packet| write_frame(&mut stream, packet))
        );
        assert!(!write_frame(&mut stream, &[0; 65_536]));
        for cut in 1..stream.len() {
            let mut reader = FrameReader::new();
            let mut read = Vec::new();
            for piece in stream.chunks(cut) {
                reader.push(piece);
                while let Some(packet) = reader.next_packet() {
                    read.push(packet.to_vec());
                }
            }
            assert_eq!(read, packets);
        }
    }
}
