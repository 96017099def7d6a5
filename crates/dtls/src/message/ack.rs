//! ACK, a content type of its own (RFC 9147, section 7).
//!
//! ```text
//! struct {
//!     uint64 epoch;
//!     uint64 sequence_number;
//! } RecordNumber;
//!
//! RecordNumber record_numbers<0..2^16-1>;
//! ```

use gannet_wire::{ReadError, Reader, Writer};

/// Names one record of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordNumber {
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
}

/// Which handshake records arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack<'a> {
    numbers: &'a [u8],
}

impl<'a> Ack<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes);
        let mut list = reader.prefixed_u16("record_numbers")?;
        reader.finish("ACK")?;
        let numbers = list.as_slice();
        while !list.is_empty() {
            list.take_array::<16>("record number")?;
        }
        Ok(Self { numbers })
    }

    /// The record numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = RecordNumber> + 'a {
        let mut reader = Reader::new(self.numbers);
        std::iter::from_fn(move || {
            let epoch = reader.u64("epoch").ok()?;
            let sequence = reader.u64("sequence_number").ok()?;
            Some(RecordNumber { epoch, sequence })
        })
    }

    /// Appends an ACK of these records.
    pub(crate) fn write(numbers: &[RecordNumber], out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        let mut list = writer.prefixed_u16("record_numbers");
        for number in numbers {
            list.u64(number.epoch);
            list.u64(number.sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_round_trips_and_may_be_empty() {
        let numbers = [
            RecordNumber {
                epoch: 2,
                sequence: 7,
            },
            RecordNumber {
                epoch: 3,
                sequence: 1 << 50,
            },
        ];
        for numbers in [&numbers[..], &[]] {
            let mut bytes = Vec::new();
            Ack::write(numbers, &mut bytes);
            let read: Vec<_> = Ack::parse(&bytes).unwrap().numbers().collect();
            assert_eq!(read, numbers);
        }
        assert!(Ack::parse(&[0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
