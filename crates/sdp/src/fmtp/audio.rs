use std::fmt::{self, Display};

use super::{Parameters, write_present};
use crate::FieldError;
use crate::fields::number;

/// The parameters of Opus (RFC 7587, section 6.1). They say what the writer likes to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opus {
    /// Hertz; 48,000 if nothing is said.
    pub maxplaybackrate: Option<u32>,
    /// Hertz that the writer will probably send.
    pub sprop_maxcapturerate: Option<u32>,
    /// Milliseconds; 3 to 120.
    pub minptime: Option<u32>,
    /// Bits a second.
    pub maxaveragebitrate: Option<u32>,
    /// Whether the writer likes stereo.
    pub stereo: Option<bool>,
    /// Whether the writer will probably send stereo.
    pub sprop_stereo: Option<bool>,
    /// Whether the writer wants a constant bitrate.
    pub cbr: Option<bool>,
    /// Whether the writer can use in-band forward error correction.
    pub useinbandfec: Option<bool>,
    /// Whether the writer likes discontinuous transmission.
    pub usedtx: Option<bool>,
}

impl Opus {
    /// Parses the parameters of an `fmtp` line. Unknown ones are ignored, as the RFC asks.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let parameters = Parameters::new(text);
        Ok(Self {
            maxplaybackrate: parameters.number("maxplaybackrate")?,
            sprop_maxcapturerate: parameters.number("sprop-maxcapturerate")?,
            minptime: parameters.number("minptime")?,
            maxaveragebitrate: parameters.number("maxaveragebitrate")?,
            stereo: parameters.flag("stereo")?,
            sprop_stereo: parameters.flag("sprop-stereo")?,
            cbr: parameters.flag("cbr")?,
            useinbandfec: parameters.flag("useinbandfec")?,
            usedtx: parameters.flag("usedtx")?,
        })
    }
}

impl Display for Opus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_present(
            f,
            &[
                ("maxplaybackrate", self.maxplaybackrate),
                ("sprop-maxcapturerate", self.sprop_maxcapturerate),
                ("minptime", self.minptime),
                ("maxaveragebitrate", self.maxaveragebitrate),
                ("stereo", self.stereo.map(u32::from)),
                ("sprop-stereo", self.sprop_stereo.map(u32::from)),
                ("cbr", self.cbr.map(u32::from)),
                ("useinbandfec", self.useinbandfec.map(u32::from)),
                ("usedtx", self.usedtx.map(u32::from)),
            ],
        )
    }
}

/// The events of `telephone-event` (RFC 4733, section 2.4.1): a list of ranges, `0-15,66`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// The ranges, each from its first to its last event.
    pub events: Vec<(u8, u8)>,
}

impl TelephoneEvent {
    /// Parses the parameters of an `fmtp` line. An empty text is DTMF, events 0 to 15.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self {
                events: vec![(0, 15)],
            });
        }
        let event = |text: &str| number(text, "event", "a number from 0 to 255");
        let range = |text: &str| match text.split_once('-') {
            Some((first, last)) => Ok((event(first)?, event(last)?)),
            None => event(text).map(|event| (event, event)),
        };
        Ok(Self {
            events: text.split(',').map(range).collect::<Result<_, _>>()?,
        })
    }

    /// Whether an event can be received.
    pub fn contains(&self, event: u8) -> bool {
        self.events
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&event))
    }
}

impl Display for TelephoneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.events.iter().enumerate() {
            let separator = if index > 0 { "," } else { "" };
            write!(f, "{separator}{first}")?;
            if last != first {
                write!(f, "-{last}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_of_chromium_and_firefox() {
        let chromium = Opus::parse("minptime=10;useinbandfec=1").unwrap();
        assert_eq!(
            (chromium.minptime, chromium.useinbandfec),
            (Some(10), Some(true))
        );
        assert_eq!(chromium.to_string(), "minptime=10;useinbandfec=1");
        let firefox = Opus::parse("maxplaybackrate=48000;stereo=1;useinbandfec=1").unwrap();
        assert_eq!(
            (firefox.maxplaybackrate, firefox.stereo),
            (Some(48_000), Some(true))
        );
        assert!(Opus::parse("stereo=2").is_err());
        assert!(Opus::parse("maxplaybackrate=x").is_err());
        assert_eq!(Opus::parse("future=x").unwrap(), Opus::default());
    }

    #[test]
    fn events() {
        let events = TelephoneEvent::parse("0-15,66").unwrap();
        assert!(events.contains(3) && events.contains(66) && !events.contains(16));
        assert_eq!(events.to_string(), "0-15,66");
        assert!(TelephoneEvent::parse("0-").is_err());
        assert!(TelephoneEvent::parse("").unwrap().contains(15));
    }
}
