use std::{
    collections::VecDeque,
    fmt,
    io::{self, Read, Seek, SeekFrom},
    time::Duration,
};

use gannet_codecs::{EncodedFrame, from_ticks, to_ticks};
use ogg::{
    OggReadError, Packet,
    reading::{BasePacketReader, PageParser},
};
use thiserror::Error;

use super::{MAX_PACKET, RATE};
use crate::{EncodedSource, opus_packet};

/// So many octets of pages may come without a whole packet.
const MAX_UNFINISHED: usize = 2 << 20;
/// A page's header up to its segment table (RFC 3533, section 6).
const PAGE_HEADER: usize = 27;

/// An Ogg Opus file could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OggOpusReadError {
    /// The reading failed.
    #[error("Ogg: {0}")]
    Io(#[from] io::Error),
    /// A page is malformed, or does not follow the one before.
    #[error("Ogg: {0}")]
    Page(OggReadError),
    /// Its first stream is not one of Opus in one or two channels.
    #[error("Ogg: no Opus of one or two channels")]
    NotOpus,
    /// A packet is larger than any of Opus has to be.
    #[error("Ogg: a packet of more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// Reads an Ogg Opus file of one stream, from anything that can be read.
///
/// It holds one page, of at most 64 kB, and an unfinished packet. Other streams in the file, and those
/// behind the first, are left out. A file that was cut off ends where it was cut. Packets have the times
/// of their first sample, counted from the first packet; what is not to be heard at the beginning
/// ([`delay`](EncodedSource::delay)) is not subtracted. What the last page says is too much at the end
/// is not cut off.
pub struct OggOpusReader<R> {
    input: R,
    base: BasePacketReader,
    serial: u32,
    channels: u8,
    pre_skip: u16,
    ready: VecDeque<Packet>,
    /// Samples before the next packet.
    position: u64,
    /// The position that the file gives its first packet.
    origin: Option<u64>,
    is_in_head: bool,
    /// Octets read so far.
    read: u64,
    unfinished: usize,
    has_ended: bool,
}

impl<R: Read> OggOpusReader<R> {
    /// Reads the two headers of a file.
    ///
    /// # Errors
    ///
    /// When it is no Ogg file whose first stream is Opus in one or two channels, or the reading fails.
    pub fn new(input: R) -> Result<Self, OggOpusReadError> {
        let mut reader = Self {
            input,
            base: BasePacketReader::new(),
            serial: 0,
            channels: 0,
            pre_skip: 0,
            ready: VecDeque::new(),
            position: 0,
            origin: None,
            is_in_head: true,
            read: 0,
            unfinished: 0,
            has_ended: false,
        };
        reader.read_headers()?;
        Ok(reader)
    }

    /// Channels of the sound.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// The next packet; `None` at the end.
    ///
    /// # Errors
    ///
    /// When a page is malformed or out of bounds, or the reading fails. The file then has ended.
    pub fn next_packet(&mut self) -> Result<Option<EncodedFrame>, OggOpusReadError> {
        loop {
            if let Some(packet) = self.ready.pop_front() {
                if let Some(frame) = self.frame(packet) {
                    return Ok(Some(frame));
                }
                continue;
            }
            if self.has_ended {
                return Ok(None);
            }
            let page = self.read_page(Some(self.serial));
            self.has_ended = !matches!(page, Ok(Some(_)));
            if let Some(granule) = page? {
                self.take_position(granule);
            }
        }
    }

    fn read_headers(&mut self) -> Result<(), OggOpusReadError> {
        let head = self.header_packet(None)?;
        let read = opus_packet::read_identification_header(&head.data);
        (self.channels, self.pre_skip) = read.ok_or(OggOpusReadError::NotOpus)?;
        self.serial = head.stream_serial();
        let tags = self.header_packet(Some(self.serial))?;
        if !tags.data.starts_with(b"OpusTags") {
            return Err(OggOpusReadError::NotOpus);
        }
        self.is_in_head = false;
        Ok(())
    }

    /// The place in time that a page gives its packets: its position is the end of the last one that ends
    /// in it (RFC 7845, section 4). Positions that would go back, as at a trimmed end, count for nothing, and neither
    /// do those below zero: they have a sign.
    fn take_position(&mut self, granule: u64) {
        let packets = self.ready.iter().map(|packet| samples(&packet.data));
        let sounds: u64 = packets.sum();
        // -1 says that no packet ends here.
        if self.ready.is_empty() || granule > i64::MAX as u64 {
            return;
        }
        let begins = granule.saturating_sub(sounds);
        let origin = *self.origin.get_or_insert(begins);
        self.position = self.position.max(begins.saturating_sub(origin));
    }

    /// `None` for what is no packet of Opus.
    fn frame(&mut self, packet: Packet) -> Option<EncodedFrame> {
        let duration = opus_packet::duration(&packet.data)?;
        let time = from_ticks(self.position, RATE);
        self.position = self.position.saturating_add(to_ticks(duration, RATE));
        let frame = EncodedFrame::new(packet.data, time, true);
        Some(frame.with_duration(duration))
    }

    fn header_packet(&mut self, serial: Option<u32>) -> Result<Packet, OggOpusReadError> {
        while self.ready.is_empty() {
            if self.read_page(serial)?.is_none() {
                return Err(OggOpusReadError::NotOpus);
            }
        }
        // Each of the two headers has pages of its own (RFC 7845, section 3).
        let header = self.ready.pop_front();
        self.ready.clear();
        header.ok_or(OggOpusReadError::NotOpus)
    }

    /// Reads a page, and the packets that end in it; its position is the result, `None` at the end of the
    /// file. Pages of other streams than `serial` are passed over.
    fn read_page(&mut self, serial: Option<u32>) -> Result<Option<u64>, OggOpusReadError> {
        loop {
            let mut header = [0; PAGE_HEADER];
            if !self.fill(&mut header)? {
                return Ok(None);
            }
            let (mut page, segments) = PageParser::new(header).map_err(page_error)?;
            let mut table = vec![0; segments];
            if !self.fill(&mut table)? {
                return Ok(None);
            }
            let mut data = vec![0; page.parse_segments(table)];
            if !self.fill(&mut data)? {
                return Ok(None);
            }
            // RFC 3533, section 6: "OggS", version, flags, granule position, serial number.
            let [
                _,
                _,
                _,
                _,
                _,
                _,
                g0,
                g1,
                g2,
                g3,
                g4,
                g5,
                g6,
                g7,
                s0,
                s1,
                s2,
                s3,
                ..,
            ] = header;
            let granule = u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]);
            let own = u32::from_le_bytes([s0, s1, s2, s3]);
            let length = data.len();
            let page = page.parse_packet_data(data).map_err(page_error)?;
            if serial.is_some_and(|serial| serial != own) {
                continue;
            }
            self.base.push_page(page).map_err(page_error)?;
            self.take_packets(length)?;
            return Ok(Some(granule));
        }
    }

    fn take_packets(&mut self, length: usize) -> Result<(), OggOpusReadError> {
        self.unfinished += length;
        while let Some(packet) = self.base.read_packet() {
            self.unfinished = 0;
            self.ready.push_back(packet);
        }
        // Headers with comments may be long; packets of sound may not.
        let is_long = |packet: &Packet| !self.is_in_head && packet.data.len() > MAX_PACKET;
        if self.unfinished > MAX_UNFINISHED || self.ready.iter().any(is_long) {
            let limit = MAX_PACKET;
            return Err(OggOpusReadError::TooLarge { limit });
        }
        Ok(())
    }

    /// Whether there was enough to fill `octets`.
    fn fill(&mut self, octets: &mut [u8]) -> Result<bool, OggOpusReadError> {
        let mut filled = 0;
        while filled < octets.len() {
            match self.input.read(&mut octets[filled..]) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    filled += read;
                    self.read += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

fn samples(packet: &[u8]) -> u64 {
    opus_packet::duration(packet).map_or(0, |duration| to_ticks(duration, RATE))
}

fn page_error(error: OggReadError) -> OggOpusReadError {
    OggOpusReadError::Page(error)
}

impl<R: Read + Seek + Send> EncodedSource for OggOpusReader<R> {
    type Error = OggOpusReadError;

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>, OggOpusReadError> {
        self.next_packet()
    }

    fn rewind(&mut self) -> Result<(), OggOpusReadError> {
        let read = i64::try_from(self.read).map_err(|_| io::ErrorKind::InvalidInput);
        self.input
            .seek(SeekFrom::Current(-read.map_err(io::Error::from)?))?;
        self.base = BasePacketReader::new();
        self.ready.clear();
        (self.position, self.origin) = (0, None);
        (self.read, self.unfinished) = (0, 0);
        (self.is_in_head, self.has_ended) = (true, false);
        self.read_headers()
    }

    fn duration(&mut self) -> Result<Duration, OggOpusReadError> {
        let mut end = Duration::ZERO;
        while let Some(frame) = self.next_packet()? {
            let lasts = frame.duration.unwrap_or_default();
            end = frame.timestamp.saturating_add(lasts);
        }
        self.rewind()?;
        Ok(end.saturating_sub(self.delay()))
    }

    fn delay(&self) -> Duration {
        from_ticks(self.pre_skip.into(), RATE)
    }
}

impl<R> fmt::Debug for OggOpusReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OggOpusReader")
            .field("channels", &self.channels)
            .field("pre_skip", &self.pre_skip)
            .finish_non_exhaustive()
    }
}
