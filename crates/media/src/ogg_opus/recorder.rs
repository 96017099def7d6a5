use std::{
    fmt,
    io::{self, Write},
    time::Duration,
};

use gannet_codecs::{EncodedFrame, to_ticks};
use ogg::{PacketWriteEndInfo, PacketWriter};
use thiserror::Error;

use super::{MAX_PACKET, RATE};
use crate::opus_packet;

/// A page is ended after so many samples: RFC 7845, section 6, wants no more than a second in one.
const PAGE: u64 = 48_000;
/// Shorter gaps are the network's jitter.
const MIN_GAP: u64 = 2_400;
/// Of longer gaps only so much is filled: an hour.
const MAX_GAP: u64 = 3_600 * 48_000;
/// 20 ms of CELT in stereo, whose frame has no octets: a decoder makes up what was lost, soon silence.
const NOTHING: [u8; 1] = [31 << 3 | 1 << 2];
const NOTHING_SAMPLES: u64 = 960;

/// An Ogg Opus recording could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OggOpusWriteError {
    /// The writing failed.
    #[error("Ogg: {0}")]
    Io(#[from] io::Error),
    /// The frame is no Opus packet. It is left out.
    #[error("Ogg: a frame of {length} bytes that is no Opus packet")]
    NotOpus {
        /// Its length.
        length: usize,
    },
}

/// Records Opus packets into an Ogg file, without decoding them.
///
/// The first packet is the file's beginning. Gaps between the timestamps of packets, of 50 ms up to an
/// hour, are filled with packets of nothing, because Ogg has no other times than what the packets sound;
/// timestamps that go back are not looked at. Timestamps of somebody who is not trusted should come
/// through a [`CaptureClock`](crate::CaptureClock): an hour of nothing takes half a megabyte. Pages of a second are written as they become full, so that
/// a file that was cut off plays.
pub struct OggOpusRecorder<W: Write> {
    writer: PacketWriter<'static, W>,
    serial: u32,
    /// The first packet's timestamp, in samples.
    origin: Option<u64>,
    /// What timestamps are ahead of the samples written, where a gap was too long to fill.
    skipped: u64,
    /// Samples in the file, with those of the packet that is held.
    position: u64,
    /// Where the page began.
    page: u64,
    /// The newest packet: should it be the last, its page says so.
    held: Option<Vec<u8>>,
}

impl<W: Write> OggOpusRecorder<W> {
    /// A recorder into anything that can be written. `serial` tells this stream from others, should the
    /// file be put behind another (RFC 3533, section 4): a random number does.
    ///
    /// # Errors
    ///
    /// When the writing fails.
    pub fn new(output: W, serial: u32) -> Result<Self, OggOpusWriteError> {
        let mut writer = PacketWriter::new(output);
        let head = opus_packet::identification_header(2).to_vec();
        writer.write_packet(head, serial, PacketWriteEndInfo::EndPage, 0)?;
        let mut tags = b"OpusTags\x06\0\0\0gannet".to_vec();
        tags.extend_from_slice(&0u32.to_le_bytes());
        writer.write_packet(tags, serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self {
            writer,
            serial,
            origin: None,
            skipped: 0,
            position: 0,
            page: 0,
            held: None,
        })
    }

    /// Adds a packet.
    ///
    /// # Errors
    ///
    /// When it is no Opus packet, or the writing fails.
    pub fn write(&mut self, frame: &EncodedFrame) -> Result<(), OggOpusWriteError> {
        let length = frame.data.len();
        let duration = opus_packet::duration(&frame.data).filter(|_| length <= MAX_PACKET);
        let duration = duration.ok_or(OggOpusWriteError::NotOpus { length })?;
        self.fill_gap(frame.timestamp)?;
        self.push(frame.data.to_vec(), to_ticks(duration, RATE))
    }

    /// Writes what is held, marks the end, and gives the output back.
    ///
    /// # Errors
    ///
    /// When the writing fails.
    pub fn finish(mut self) -> Result<W, OggOpusWriteError> {
        let end = PacketWriteEndInfo::EndStream;
        let last = self.held.take().unwrap_or_default();
        // A stream without a packet has an empty last one, so that its end can be marked.
        self.writer
            .write_packet(last, self.serial, end, self.position)?;
        let mut output = self.writer.into_inner();
        output.flush()?;
        Ok(output)
    }

    fn fill_gap(&mut self, timestamp: Duration) -> Result<(), OggOpusWriteError> {
        let timestamp = to_ticks(timestamp, RATE);
        let origin = *self.origin.get_or_insert(timestamp);
        let wanted = timestamp
            .saturating_sub(origin)
            .saturating_sub(self.skipped);
        let gap = wanted.saturating_sub(self.position);
        if gap < MIN_GAP {
            return Ok(());
        }
        self.skipped += gap.saturating_sub(MAX_GAP);
        for _ in 0..gap.min(MAX_GAP) / NOTHING_SAMPLES {
            self.push(NOTHING.to_vec(), NOTHING_SAMPLES)?;
        }
        Ok(())
    }

    fn push(&mut self, packet: Vec<u8>, samples: u64) -> Result<(), OggOpusWriteError> {
        if let Some(held) = self.held.replace(packet) {
            let is_full = self.position + samples - self.page > PAGE;
            let end = if is_full {
                self.page = self.position;
                PacketWriteEndInfo::EndPage
            } else {
                PacketWriteEndInfo::NormalPacket
            };
            self.writer
                .write_packet(held, self.serial, end, self.position)?;
        }
        self.position += samples;
        Ok(())
    }
}

impl<W: Write> fmt::Debug for OggOpusRecorder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OggOpusRecorder")
            .field("serial", &self.serial)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
