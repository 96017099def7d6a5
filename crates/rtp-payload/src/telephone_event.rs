//! Telephone events, DTMF among them (RFC 4733).

use gannet_wire::{ReadError, Reader};

/// One report of an event (RFC 4733, section 2.3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     event     |E|R| volume    |          duration             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Which event: 0 to 15 are the DTMF digits.
    pub event: u8,
    /// E: the event ends with this report.
    pub end: bool,
    /// The power level in dBm0 without its sign, 0 to 63.
    pub volume: u8,
    /// How long it has lasted so far, in timestamp units.
    pub duration: u16,
}

const END: u8 = 0x80;
const VOLUME: u8 = 0x3f;
/// The digits in the order of their event codes (RFC 4733, table 3).
const DIGITS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

impl TelephoneEvent {
    /// Reads one report. A payload may hold several, one behind the other (section 2.5.1.5); all
    /// but the first are earlier events that have ended.
    ///
    /// # Errors
    /// If it is cut off.
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
        let [event, flags, high, low] = reader.take_array("telephone event")?;
        Ok(Self {
            event,
            end: flags & END != 0,
            volume: flags & VOLUME,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// Appends the report.
    pub fn write(&self, out: &mut Vec<u8>) {
        let [high, low] = self.duration.to_be_bytes();
        let end = if self.end { END } else { 0 };
        out.extend_from_slice(&[self.event, end | (self.volume & VOLUME), high, low]);
    }

    /// The event code of a DTMF digit (`0` to `9`, `*`, `#`, `A` to `D`, in either case).
    #[must_use]
    pub fn event_of(digit: char) -> Option<u8> {
        let digit = digit.to_ascii_uppercase();
        let place = DIGITS.iter().position(|known| *known == digit)?;
        u8::try_from(place).ok()
    }

    /// The DTMF digit, if it is one.
    #[must_use]
    pub fn digit(&self) -> Option<char> {
        DIGITS.get(usize::from(self.event)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let event = TelephoneEvent {
            event: 11,
            end: true,
            volume: 10,
            duration: 1600,
        };
        let mut bytes = Vec::new();
        event.write(&mut bytes);
        assert_eq!(bytes, [11, 0x8a, 0x06, 0x40]);
        assert_eq!(TelephoneEvent::parse(&mut Reader::new(&bytes)), Ok(event));
        assert_eq!(event.digit(), Some('#'));
        assert!(TelephoneEvent::parse(&mut Reader::new(&bytes[..3])).is_err());
        // The reserved bit is ignored.
        let reserved = TelephoneEvent::parse(&mut Reader::new(&[11, 0xca, 0x06, 0x40]));
        assert_eq!(reserved, Ok(event));
    }

    #[test]
    fn digits_and_codes() {
        for (code, digit) in (0..).zip("0123456789*#ABCD".chars()) {
            assert_eq!(TelephoneEvent::event_of(digit), Some(code));
            assert_eq!(
                TelephoneEvent::event_of(digit.to_ascii_lowercase()),
                Some(code)
            );
        }
        assert_eq!(TelephoneEvent::event_of('E'), None);
        let flash = TelephoneEvent {
            event: 16,
            end: false,
            volume: 0,
            duration: 0,
        };
        assert_eq!(flash.digit(), None);
    }
}
