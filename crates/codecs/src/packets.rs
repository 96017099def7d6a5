use std::time::Duration;

use crate::{AudioFormat, AudioFrame, EncodeError, from_ticks, to_ticks};

/// Cuts a stream of frames of any length into packets of one.
#[derive(Clone, Debug)]
pub(crate) struct Packets {
    format: AudioFormat,
    /// Samples per packet, of all channels.
    packet: usize,
    waiting: Vec<i16>,
    /// The sample count, since time zero, of the first waiting sample.
    position: u64,
    started: bool,
}

impl Packets {
    pub(crate) fn new(format: AudioFormat, duration: Duration) -> Self {
        let samples = to_ticks(duration, format.sample_rate) as usize;
        Self {
            format,
            packet: samples * usize::from(format.channels),
            waiting: Vec::new(),
            position: 0,
            started: false,
        }
    }

    pub(crate) fn format(&self) -> AudioFormat {
        self.format
    }

    pub(crate) fn duration(&self) -> Duration {
        from_ticks(
            self.samples_per_channel(self.packet),
            self.format.sample_rate,
        )
    }

    /// Adds a frame and hands each full packet with its timestamp to `encode`.
    pub(crate) fn push(
        &mut self,
        frame: &AudioFrame,
        mut encode: impl FnMut(&[i16], Duration) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        if frame.format() != self.format {
            return Err(EncodeError::Format {
                given: frame.format(),
                expected: self.format,
            });
        }
        self.follow(frame.timestamp());
        self.waiting.extend_from_slice(frame.samples());
        let mut done = 0;
        let mut result = Ok(());
        for packet in self.waiting.chunks_exact(self.packet) {
            let timestamp = from_ticks(self.position, self.format.sample_rate);
            result = result.and(encode(packet, timestamp));
            self.position += (packet.len() / usize::from(self.format.channels)) as u64;
            done += packet.len();
        }
        self.waiting.drain(..done);
        result
    }

    /// Starts the count anew when a frame does not continue the stream.
    fn follow(&mut self, timestamp: Duration) {
        let begins = to_ticks(timestamp, self.format.sample_rate);
        let expected = self.position + self.samples_per_channel(self.waiting.len());
        let packet = self.samples_per_channel(self.packet);
        if !self.started || begins.abs_diff(expected) > packet {
            self.waiting.clear();
            self.position = begins;
            self.started = true;
        }
    }

    fn samples_per_channel(&self, samples: usize) -> u64 {
        (samples / usize::from(self.format.channels)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: AudioFormat = AudioFormat::mono(8_000);

    fn push(packets: &mut Packets, count: usize, at: u64) -> Vec<Duration> {
        let frame = AudioFrame::silence(count, FORMAT, Duration::from_millis(at)).unwrap();
        let mut times = Vec::new();
        packets
            .push(&frame, |packet, time| {
                assert_eq!(packet.len(), 160);
                times.push(time);
                Ok(())
            })
            .unwrap();
        times
    }

    #[test]
    fn packets_are_cut_at_their_length() {
        let mut packets = Packets::new(FORMAT, Duration::from_millis(20));
        assert_eq!(push(&mut packets, 100, 1_000), []);
        // 12.5 ms later, rounded by somebody: still the same stream.
        assert_eq!(
            push(&mut packets, 100, 1_013),
            [Duration::from_millis(1_000)]
        );
        let next = [1_020, 1_040].map(Duration::from_millis);
        assert_eq!(push(&mut packets, 300, 1_025), next);
    }

    #[test]
    fn a_jump_starts_anew() {
        let mut packets = Packets::new(FORMAT, Duration::from_millis(20));
        assert_eq!(push(&mut packets, 100, 0), []);
        assert_eq!(push(&mut packets, 160, 500), [Duration::from_millis(500)]);
        assert_eq!(push(&mut packets, 160, 0), [Duration::ZERO]);
    }

    #[test]
    fn another_format_is_refused() {
        let mut packets = Packets::new(FORMAT, Duration::from_millis(20));
        let frame = AudioFrame::silence(1, AudioFormat::stereo(8_000), Duration::ZERO).unwrap();
        let error = packets.push(&frame, |_, _| Ok(())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "audio frame of 8000 Hz x 2, the encoder wants 8000 Hz x 1"
        );
    }
}
