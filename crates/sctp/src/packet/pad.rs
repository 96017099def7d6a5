//! PAD.

use std::fmt;

use gannet_wire::Writer;

use super::{WriteChunk, kind};

/// Padding that makes a packet as large as a path MTU probe wants it (RFC 4820, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pad {
    /// How many bytes of padding, beside the chunk header.
    pub len: usize,
}

impl WriteChunk for Pad {
    fn kind(&self) -> u8 {
        kind::PAD
    }

    fn value_len(&self) -> usize {
        self.len
    }

    fn write_value(&self, writer: &mut Writer<'_>) {
        writer.zeros(self.len);
    }
}

impl fmt::Display for Pad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PAD len={}", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, RawChunk};
    use super::*;

    #[test]
    fn padding_is_skipped_by_its_type() {
        let mut written = Vec::new();
        Pad { len: 40 }.write(&mut written);
        let (raw, rest) = RawChunk::parse(&written).unwrap();
        assert!(rest.is_empty());
        assert_eq!(raw.value, [0; 40]);
        assert_eq!(Chunk::parse(raw).unwrap(), Chunk::Pad);
        // A peer that does not know it skips it without a word (RFC 4820, section 3).
        let action = super::super::UnknownAction::of_chunk(kind::PAD);
        assert!(!action.stop && !action.report);
    }
}
