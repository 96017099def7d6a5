//! Opus by libopus, at 48 kHz.

use std::time::Duration;

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Decoder, Encoder};

use crate::{
    AudioCodec, AudioDecoder, AudioEncoder, AudioEncoderConfig, AudioFormat, AudioFrame,
    DecodeError, EncodeError, EncodedFrame, packets::Packets, to_ticks,
};

const NAME: &str = AudioCodec::Opus.name();
const SAMPLE_RATE: u32 = 48_000;
/// The most samples of a packet and channel: 120 ms (RFC 6716, section 3.2.5).
const MAX_SAMPLES: usize = 5_760;
/// Concealment comes in steps of 2.5 ms.
const CONCEALMENT_STEP: usize = 120;
/// Three frames of the largest size (RFC 6716, section 3.4), as a packet of 60 ms may need.
const MAX_ENCODED: usize = 3 * 1_275 + 7;
/// The most frames of a packet, each of the largest size, and its header.
const MAX_PACKET: usize = 48 * 1_275 + 98;
const BITRATES: std::ops::RangeInclusive<u32> = 6_000..=510_000;

/// An encoder of one or two channels.
#[derive(Debug)]
pub(crate) struct OpusEncoder {
    encoder: Encoder,
    packets: Packets,
}

/// A decoder that always makes two channels: a packet may change between one and two.
#[derive(Debug)]
pub(crate) struct OpusDecoder {
    decoder: Decoder,
}

impl OpusEncoder {
    pub(crate) fn new(config: &AudioEncoderConfig) -> Result<Self, EncodeError> {
        let setting = |what, value| EncodeError::Setting {
            codec: NAME,
            what,
            value,
        };
        // A conversation in mono, whatever sounds in stereo.
        let (channels, application) = match config.channels {
            1 => (Channels::Mono, Application::Voip),
            2 => (Channels::Stereo, Application::Audio),
            other => return Err(setting("channel count", u64::from(other))),
        };
        let millis = config.packet_duration.as_millis() as u64;
        let durations = [10, 20, 40, 60].map(Duration::from_millis);
        if !durations.contains(&config.packet_duration) {
            return Err(setting("packet duration in milliseconds", millis));
        }
        let mut encoder = Encoder::new(SAMPLE_RATE, channels, application).map_err(refused)?;
        encoder
            .set_bitrate(bitrate(config.bitrate))
            .map_err(refused)?;
        encoder.set_inband_fec(config.inband_fec).map_err(refused)?;
        encoder.set_dtx(config.dtx).map_err(refused)?;
        let format = AudioFormat {
            sample_rate: SAMPLE_RATE,
            channels: config.channels,
        };
        Ok(Self {
            encoder,
            packets: Packets::new(format, config.packet_duration),
        })
    }
}

impl AudioEncoder for OpusEncoder {
    fn codec(&self) -> AudioCodec {
        AudioCodec::Opus
    }

    fn format(&self) -> AudioFormat {
        self.packets.format()
    }

    fn packet_duration(&self) -> Duration {
        self.packets.duration()
    }

    fn encode(&mut self, frame: &AudioFrame) -> Result<Vec<EncodedFrame>, EncodeError> {
        let mut encoded = Vec::new();
        let duration = self.packets.duration();
        let encoder = &mut self.encoder;
        self.packets.push(frame, |samples, timestamp| {
            let mut octets = [0; MAX_ENCODED];
            let length = encoder.encode(samples, &mut octets).map_err(refused)?;
            // With DTX a packet of one or two octets need not be sent (RFC 7587, section 3.1.3).
            if length > 2 {
                let data = Bytes::copy_from_slice(&octets[..length]);
                encoded.push(EncodedFrame::new(data, timestamp, true).with_duration(duration));
            }
            Ok(())
        })?;
        Ok(encoded)
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), EncodeError> {
        self.encoder
            .set_bitrate(bitrate(bits_per_second))
            .map_err(refused)
    }

    fn set_expected_loss(&mut self, fraction: f32) -> Result<(), EncodeError> {
        let percent = (fraction.clamp(0.0, 1.0) * 100.0).round() as i32;
        self.encoder.set_packet_loss_perc(percent).map_err(refused)
    }
}

impl OpusDecoder {
    const FORMAT: AudioFormat = AudioFormat::stereo(SAMPLE_RATE);

    pub(crate) fn new() -> Result<Self, DecodeError> {
        let decoder = Decoder::new(SAMPLE_RATE, Channels::Stereo);
        let decoder = decoder.map_err(|error| DecodeError::Backend {
            codec: NAME,
            reason: error.to_string(),
        })?;
        Ok(Self { decoder })
    }
}

impl AudioDecoder for OpusDecoder {
    fn codec(&self) -> AudioCodec {
        AudioCodec::Opus
    }

    fn format(&self) -> AudioFormat {
        Self::FORMAT
    }

    fn decode(&mut self, packet: &EncodedFrame) -> Result<AudioFrame, DecodeError> {
        let corrupt = |reason| DecodeError::Corrupt {
            codec: NAME,
            reason,
        };
        // libopus reads an empty packet as a lost one.
        if packet.data.is_empty() || packet.data.len() > MAX_PACKET {
            return Err(corrupt(format!("a packet of {} octets", packet.data.len())));
        }
        let mut samples = vec![0; MAX_SAMPLES * 2];
        let decoded = self.decoder.decode(&packet.data, &mut samples, false);
        let count = decoded.map_err(|error| corrupt(error.to_string()))?;
        samples.truncate(count * 2);
        AudioFrame::new(samples, Self::FORMAT, packet.timestamp)
            .map_err(|error| corrupt(error.to_string()))
    }

    fn conceal(
        &mut self,
        timestamp: Duration,
        duration: Duration,
        next: Option<&EncodedFrame>,
    ) -> AudioFrame {
        let wanted = (to_ticks(duration, SAMPLE_RATE) as usize).min(MAX_SAMPLES);
        let steps = wanted.div_ceil(CONCEALMENT_STEP).max(1);
        let mut samples = vec![0; steps * CONCEALMENT_STEP * 2];
        let (data, use_fec) = match next {
            Some(next) if !next.data.is_empty() => (&next.data[..], true),
            _ => (&[][..], false),
        };
        // Where even that fails, it is silent.
        if self.decoder.decode(data, &mut samples, use_fec).is_err() {
            samples.fill(0);
        }
        samples.truncate(wanted * 2);
        AudioFrame::new(samples, Self::FORMAT, timestamp)
            .expect("stereo samples of a fixed format always fit")
    }
}

fn bitrate(bits_per_second: u32) -> Bitrate {
    Bitrate::Bits(bits_per_second.clamp(*BITRATES.start(), *BITRATES.end()) as i32)
}

fn refused(error: opus::Error) -> EncodeError {
    EncodeError::Backend {
        codec: NAME,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{level_at, sine};

    fn left(frame: &AudioFrame) -> Vec<i16> {
        frame.samples().iter().copied().step_by(2).collect()
    }

    fn encode(config: &AudioEncoderConfig) -> Vec<EncodedFrame> {
        let mut encoder = OpusEncoder::new(config).unwrap();
        encoder.set_expected_loss(0.2).unwrap();
        let tone = sine(440.0, 10_000.0, encoder.format(), 48_000);
        let pieces = tone.samples().chunks(441 * usize::from(config.channels));
        let mut start = 0;
        let packets = pieces.flat_map(|piece| {
            let timestamp = crate::from_ticks(start, SAMPLE_RATE);
            start += (piece.len() / usize::from(config.channels)) as u64;
            encoder
                .encode(&AudioFrame::new(piece, encoder.format(), timestamp).unwrap())
                .unwrap()
        });
        packets.collect()
    }

    #[test]
    fn a_tone_comes_back_at_its_pitch() {
        for (channels, millis) in [(1, 10), (2, 20), (1, 60)] {
            let packet_duration = Duration::from_millis(millis);
            let config = AudioEncoderConfig {
                channels,
                packet_duration,
                ..AudioEncoderConfig::default()
            };
            let packets = encode(&config);
            assert_eq!(packets.len() as u64, 1_000 / millis);
            assert_eq!(packets[1].timestamp, packet_duration);
            assert_eq!(packets[0].duration, Some(packet_duration));
            let mut decoder = OpusDecoder::new().unwrap();
            let mut heard = Vec::new();
            for packet in &packets {
                let frame = decoder.decode(packet).unwrap();
                assert_eq!(frame.duration(), packet_duration);
                heard.extend(left(&frame));
            }
            let middle = &heard[12_000..36_000];
            let level = level_at(middle, SAMPLE_RATE, 440.0);
            assert!(
                (8_500.0..11_500.0).contains(&level),
                "{channels} x {millis} ms: {level}"
            );
            assert!(level_at(middle, SAMPLE_RATE, 660.0) < 500.0);
        }
    }

    #[test]
    fn a_lost_packet_is_made_up_from_the_next_or_from_nothing() {
        let packets = encode(&AudioEncoderConfig {
            channels: 1,
            bitrate: 32_000,
            ..Default::default()
        });
        for next in [None, Some(&packets[26])] {
            let mut decoder = OpusDecoder::new().unwrap();
            for packet in &packets[..25] {
                decoder.decode(packet).unwrap();
            }
            let made_up = decoder.conceal(packets[25].timestamp, Duration::from_millis(20), next);
            assert_eq!(made_up.samples_per_channel(), 960);
            assert_eq!(made_up.timestamp(), packets[25].timestamp);
            let level = level_at(&left(&made_up), SAMPLE_RATE, 440.0);
            assert!(level > 3_000.0, "{level} with {next:?}");
            decoder.decode(&packets[26]).unwrap();
        }
    }

    #[test]
    fn redundancy_brings_back_what_nobody_could_make_up() {
        let config = AudioEncoderConfig {
            channels: 1,
            bitrate: 24_000,
            ..Default::default()
        };
        let mut encoder = OpusEncoder::new(&config).unwrap();
        encoder.set_expected_loss(0.3).unwrap();
        // The lost packet alone has another pitch.
        let mut sound = sine(300.0, 10_000.0, encoder.format(), 48_000)
            .samples()
            .to_vec();
        let other = sine(700.0, 10_000.0, encoder.format(), 960);
        sound[24_000..24_960].copy_from_slice(other.samples());
        let sound = AudioFrame::new(sound, encoder.format(), Duration::ZERO).unwrap();
        let packets = encoder.encode(&sound).unwrap();
        let mut levels = [None, Some(&packets[26])].map(|next| {
            let mut decoder = OpusDecoder::new().unwrap();
            for packet in &packets[..25] {
                decoder.decode(packet).unwrap();
            }
            let lost = packets[25].timestamp;
            let made_up = decoder.conceal(lost, Duration::from_millis(20), next);
            level_at(&left(&made_up), SAMPLE_RATE, 700.0)
        });
        levels.reverse();
        assert!(
            levels[0] > 5_000.0 && levels[1] < 500.0,
            "with and without: {levels:?}"
        );
    }

    #[test]
    fn the_bit_rate_follows() {
        let noise: Vec<i16> = (0..96_000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 18) as i16 - 8_192)
            .collect();
        let frame = AudioFrame::new(noise, AudioFormat::stereo(48_000), Duration::ZERO).unwrap();
        let mut encoder = OpusEncoder::new(&AudioEncoderConfig::default()).unwrap();
        let mut size = |bits_per_second| {
            encoder.set_bitrate(bits_per_second).unwrap();
            encoder
                .encode(&frame)
                .unwrap()
                .iter()
                .map(|packet| packet.data.len() * 8)
                .sum::<usize>()
        };
        let (high, low) = (size(128_000), size(16_000));
        assert!((90_000..160_000).contains(&high), "{high}");
        assert!((8_000..24_000).contains(&low), "{low}");
    }

    #[test]
    fn silence_costs_nothing_with_dtx() {
        let config = AudioEncoderConfig {
            channels: 1,
            dtx: true,
            ..Default::default()
        };
        let mut encoder = OpusEncoder::new(&config).unwrap();
        let silence = AudioFrame::silence(96_000, encoder.format(), Duration::ZERO).unwrap();
        let sent = encoder.encode(&silence).unwrap().len();
        assert!(sent < 30, "{sent} of 100 packets");
    }

    #[test]
    fn hostile_packets_are_errors_or_sound() {
        let packets = encode(&AudioEncoderConfig::default());
        let mut decoder = OpusDecoder::new().unwrap();
        assert!(
            decoder
                .decode(&EncodedFrame::new(vec![], Duration::ZERO, true))
                .is_err()
        );
        assert!(
            decoder
                .decode(&EncodedFrame::new(
                    vec![0; MAX_PACKET + 1],
                    Duration::ZERO,
                    true
                ))
                .is_err()
        );
        let mut state = 1u32;
        for round in 0..2_000 {
            let mut data = packets[round % packets.len()].data.to_vec();
            for _ in 0..4 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = state as usize % data.len();
                data[at] = (state >> 24) as u8;
            }
            data.truncate(1 + (state >> 8) as usize % data.len());
            let packet = EncodedFrame::new(data, Duration::ZERO, true);
            if let Ok(frame) = decoder.decode(&packet) {
                assert!(frame.samples_per_channel() <= MAX_SAMPLES);
            }
            decoder.conceal(Duration::ZERO, Duration::from_millis(20), Some(&packet));
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let odd = AudioEncoderConfig {
            packet_duration: Duration::from_millis(30),
            ..Default::default()
        };
        let surround = AudioEncoderConfig {
            channels: 6,
            ..Default::default()
        };
        for config in [odd, surround] {
            assert!(matches!(
                OpusEncoder::new(&config),
                Err(EncodeError::Setting { .. })
            ));
        }
        let mut encoder = OpusEncoder::new(&AudioEncoderConfig::default()).unwrap();
        assert!(encoder.set_bitrate(u32::MAX).is_ok());
        let mono = AudioFrame::silence(960, AudioFormat::mono(48_000), Duration::ZERO).unwrap();
        assert!(matches!(
            encoder.encode(&mono),
            Err(EncodeError::Format { .. })
        ));
    }
}
