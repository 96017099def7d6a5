//! The codecs of our own behind the traits: G.711 and G.722.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    AudioCodec, AudioDecoder, AudioEncoder, AudioEncoderConfig, AudioFormat, AudioFrame,
    DecodeError, EncodeError, EncodedFrame, FrameError,
    concealment::Concealer,
    g711::{self, Law},
    g722::{G722Decoder, G722Encoder},
    packets::Packets,
    to_ticks,
};

/// The most octets that a packet may hold: two seconds. Longer ones are noise.
const MAX_OCTETS: usize = 16_000;

/// What turns samples into octets.
#[derive(Debug)]
enum Coder {
    G711(Law),
    G722(Box<G722Encoder>),
}

/// What turns octets into samples.
#[derive(Debug)]
enum Decoder {
    G711(Law),
    G722(Box<G722Decoder>),
}

/// An encoder of one octet for one (G.711) or two (G.722) samples.
#[derive(Debug)]
pub(crate) struct WaveformEncoder {
    codec: AudioCodec,
    coder: Coder,
    packets: Packets,
}

/// A decoder of one (G.711) or two (G.722) samples an octet.
#[derive(Debug)]
pub(crate) struct WaveformDecoder {
    codec: AudioCodec,
    decoder: Decoder,
    concealer: Concealer,
}

const fn law(codec: AudioCodec) -> Option<Law> {
    match codec {
        AudioCodec::Pcmu => Some(Law::Mu),
        AudioCodec::Pcma => Some(Law::A),
        _ => None,
    }
}

const fn format(codec: AudioCodec) -> AudioFormat {
    AudioFormat::mono(if matches!(codec, AudioCodec::G722) {
        16_000
    } else {
        8_000
    })
}

impl WaveformEncoder {
    pub(crate) fn new(codec: AudioCodec, config: &AudioEncoderConfig) -> Result<Self, EncodeError> {
        let millis = config.packet_duration.as_millis() as u64;
        let is_whole = config.packet_duration == Duration::from_millis(millis);
        if !is_whole || !(10..=120).contains(&millis) || !millis.is_multiple_of(10) {
            return Err(EncodeError::Setting {
                codec: codec.name(),
                what: "packet duration in milliseconds",
                value: millis,
            });
        }
        let coder = match law(codec) {
            Some(law) => Coder::G711(law),
            None => Coder::G722(Box::default()),
        };
        Ok(Self {
            codec,
            coder,
            packets: Packets::new(format(codec), config.packet_duration),
        })
    }
}

impl AudioEncoder for WaveformEncoder {
    fn codec(&self) -> AudioCodec {
        self.codec
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
        let coder = &mut self.coder;
        self.packets.push(frame, |samples, timestamp| {
            let octets: Bytes = match coder {
                Coder::G711(law) => samples.iter().map(|s| g711::encode(*law, *s)).collect(),
                Coder::G722(encoder) => {
                    let (pairs, _) = samples.as_chunks();
                    pairs
                        .iter()
                        .map(|pair| encoder.encode_pair(*pair))
                        .collect()
                }
            };
            encoded.push(EncodedFrame::new(octets, timestamp, true).with_duration(duration));
            Ok(())
        })?;
        Ok(encoded)
    }

    fn set_bitrate(&mut self, _bits_per_second: u32) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl WaveformDecoder {
    pub(crate) fn new(codec: AudioCodec) -> Self {
        let decoder = match law(codec) {
            Some(law) => Decoder::G711(law),
            None => Decoder::G722(Box::default()),
        };
        Self {
            codec,
            decoder,
            concealer: Concealer::new(format(codec).sample_rate),
        }
    }

    fn frame(&self, samples: Vec<i16>, timestamp: Duration) -> Result<AudioFrame, FrameError> {
        AudioFrame::new(samples, format(self.codec), timestamp)
    }
}

impl AudioDecoder for WaveformDecoder {
    fn codec(&self) -> AudioCodec {
        self.codec
    }

    fn format(&self) -> AudioFormat {
        format(self.codec)
    }

    fn decode(&mut self, packet: &EncodedFrame) -> Result<AudioFrame, DecodeError> {
        let corrupt = |reason: String| DecodeError::Corrupt {
            codec: self.codec.name(),
            reason,
        };
        if packet.data.is_empty() || packet.data.len() > MAX_OCTETS {
            let length = packet.data.len();
            return Err(corrupt(format!(
                "{length} octets, expected 1 to {MAX_OCTETS}"
            )));
        }
        let mut samples: Vec<i16> = match &mut self.decoder {
            Decoder::G711(law) => packet.data.iter().map(|o| g711::decode(*law, *o)).collect(),
            Decoder::G722(decoder) => packet
                .data
                .iter()
                .flat_map(|octet| decoder.decode_octet(*octet))
                .collect(),
        };
        self.concealer.heard(&mut samples);
        self.frame(samples, packet.timestamp)
            .map_err(|error| corrupt(error.to_string()))
    }

    fn conceal(
        &mut self,
        timestamp: Duration,
        duration: Duration,
        _next: Option<&EncodedFrame>,
    ) -> AudioFrame {
        let duration = duration.min(Duration::from_millis(120));
        let count = to_ticks(duration, format(self.codec).sample_rate) as usize;
        let samples = self.concealer.conceal(count);
        self.frame(samples, timestamp)
            .expect("mono samples of a fixed format always fit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{level_at, sine};

    const WAVEFORM: [AudioCodec; 3] = [AudioCodec::Pcmu, AudioCodec::Pcma, AudioCodec::G722];

    fn encode(codec: AudioCodec) -> (AudioFrame, Vec<EncodedFrame>) {
        let format = format(codec);
        let tone = sine(440.0, 8_000.0, format, format.sample_rate as usize);
        let mut encoder = WaveformEncoder::new(codec, &AudioEncoderConfig::default()).unwrap();
        let packets = encoder.encode(&tone).unwrap();
        (tone, packets)
    }

    #[test]
    fn a_tone_comes_back() {
        for codec in WAVEFORM {
            let (tone, packets) = encode(codec);
            assert_eq!(packets.len(), 50);
            assert_eq!(packets[1].timestamp, Duration::from_millis(20));
            assert_eq!(packets[1].data.len(), 160);
            let mut decoder = WaveformDecoder::new(codec);
            let heard: Vec<i16> = packets
                .iter()
                .flat_map(|packet| decoder.decode(packet).unwrap().samples().to_vec())
                .collect();
            assert_eq!(heard.len(), tone.samples().len());
            let level = level_at(&heard, tone.sample_rate(), 440.0);
            assert!((7_800.0..8_200.0).contains(&level), "{codec}: {level}");
        }
    }

    #[test]
    fn a_lost_packet_goes_on_with_the_pitch_and_silence_follows() {
        for codec in WAVEFORM {
            let (tone, packets) = encode(codec);
            let rate = tone.sample_rate();
            let mut decoder = WaveformDecoder::new(codec);
            for packet in &packets[..25] {
                decoder.decode(packet).unwrap();
            }
            let lost = packets[25].timestamp;
            let made_up = decoder.conceal(lost, Duration::from_millis(20), None);
            assert_eq!(made_up.timestamp(), lost);
            assert_eq!(made_up.samples_per_channel(), rate as usize / 50);
            let level = level_at(made_up.samples(), rate, 440.0);
            assert!(level > 4_000.0, "{codec}: {level}");
            let later = decoder.conceal(lost, Duration::from_millis(120), None);
            assert!(
                later
                    .samples()
                    .iter()
                    .rev()
                    .take(80)
                    .all(|sample| *sample == 0),
                "{codec}"
            );
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for millis in [0, 5, 15, 130] {
            let packet_duration = Duration::from_millis(millis);
            let config = AudioEncoderConfig {
                packet_duration,
                ..AudioEncoderConfig::default()
            };
            assert!(
                WaveformEncoder::new(AudioCodec::Pcmu, &config).is_err(),
                "{millis}"
            );
        }
        let mut decoder = WaveformDecoder::new(AudioCodec::Pcma);
        for length in [0, MAX_OCTETS + 1] {
            let packet = EncodedFrame::new(vec![0; length], Duration::ZERO, true);
            assert!(decoder.decode(&packet).is_err());
        }
    }
}
