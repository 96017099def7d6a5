//! The file itself: head, clusters, and what is filled in at the end (RFC 9559, sections 4.5 and 5.1).

use std::io::{self, Seek, SeekFrom, Write};

use super::{
    WebmCodec,
    block::Block,
    ebml::{self, Id, UNKNOWN_SIZE, id, size_in_8_octets},
    track::TrackEntry,
};
use crate::picture::Size;

/// Nanoseconds in a tick.
const TIMESTAMP_SCALE: u64 = 1_000_000;
/// The longest cluster, in ticks. Times in a cluster have 16 bits with a sign.
const MAX_CLUSTER: u64 = 5_000;
const _: () = assert!(MAX_CLUSTER < i16::MAX as u64);
/// Octets that are kept free for the SeekHead: three entries of 21, and a Void behind it.
const SEEK_HEAD_ROOM: usize = 80;
/// The most cues that are remembered. When there are more, every second one goes.
const MAX_CUES: usize = 4_096;

/// How to seek in the output, if that is possible.
type SeekFn<W> = fn(&mut W, SeekFrom) -> io::Result<u64>;

/// Writes one EBML document with one segment.
#[derive(Debug)]
pub(super) struct SegmentWriter<W> {
    output: W,
    seek: Option<SeekFn<W>>,
    /// Where the document begins in the output.
    base: u64,
    /// Octets of the document so far.
    position: u64,
    head: Head,
    cluster: Option<Cluster>,
    cues: Cues,
    /// When the last frame ends, in ticks.
    end: u64,
}

/// Where the parts of the head are, from the beginning of the document.
#[derive(Debug, Default)]
struct Head {
    /// The first octet of the segment's data, which positions in it are counted from.
    segment_data: u64,
    seek_head: u64,
    info: u64,
    duration: u64,
    tracks: u64,
    /// The values of PixelWidth and PixelHeight, by track number.
    sides: Vec<(u8, [u64; 2])>,
}

#[derive(Debug)]
struct Cluster {
    /// Where its size stands.
    size_at: u64,
    /// In ticks.
    time: u64,
}

#[derive(Debug)]
struct Cue {
    time: u64,
    track: u8,
    cluster: u64,
}

#[derive(Debug)]
struct Cues {
    list: Vec<Cue>,
    /// One of so many clusters gets a cue.
    every: usize,
    clusters: usize,
}

/// A frame with its place in the file.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) track: u8,
    /// In ticks since the beginning.
    pub(super) time: u64,
    pub(super) duration: u64,
    pub(super) is_keyframe: bool,
    /// Whether a cluster begins with it.
    pub(super) is_entry: bool,
    /// Whether a player may be led to it.
    pub(super) is_cue: bool,
    pub(super) data: &'a [u8],
}

impl<W: Write> SegmentWriter<W> {
    pub(super) fn live(output: W) -> Self {
        Self {
            output,
            seek: None,
            base: 0,
            position: 0,
            head: Head::default(),
            cluster: None,
            cues: Cues {
                list: Vec::new(),
                every: 1,
                clusters: 0,
            },
            end: 0,
        }
    }

    pub(super) fn file(mut output: W) -> io::Result<Self>
    where
        W: Seek,
    {
        let base = output.stream_position()?;
        let mut writer = Self::live(output);
        writer.base = base;
        writer.seek = Some(W::seek);
        Ok(writer)
    }

    pub(super) fn write_head(&mut self, tracks: &[TrackEntry]) -> io::Result<()> {
        let is_webm = tracks.iter().all(|track| track.codec != WebmCodec::H264);
        let mut out = Vec::new();
        write_ebml_header(&mut out, if is_webm { "webm" } else { "matroska" });
        ebml::write_id(&mut out, id::SEGMENT);
        out.extend_from_slice(&UNKNOWN_SIZE);
        let head = &mut self.head;
        head.segment_data = out.len() as u64;
        if self.seek.is_some() {
            head.seek_head = out.len() as u64;
            ebml::write_void(&mut out, SEEK_HEAD_ROOM);
        }
        head.info = out.len() as u64;
        let has_room = self.seek.is_some();
        ebml::write_master(&mut out, id::INFO, |info| {
            ebml::write_unsigned(info, id::TIMESTAMP_SCALE, TIMESTAMP_SCALE);
            ebml::write_binary(info, id::MUXING_APP, b"gannet");
            ebml::write_binary(info, id::WRITING_APP, b"gannet");
            if has_room {
                // A Duration takes its place: a file that is cut off has none.
                ebml::write_void(info, duration_element(0).len());
            }
        });
        head.duration = out.len() as u64 - duration_element(0).len() as u64;
        head.tracks = out.len() as u64;
        let mut entries = Vec::new();
        let sides: Vec<_> = tracks
            .iter()
            .filter_map(|track| Some((track.number, track.write(&mut entries)?)))
            .collect();
        ebml::write_binary(&mut out, id::TRACKS, &entries);
        let start = (out.len() - entries.len()) as u64;
        head.sides = sides
            .into_iter()
            .map(|(number, sides)| (number, sides.map(|side| start + side as u64)))
            .collect();
        self.write(&out)
    }

    /// The earliest time, in ticks, at which a frame can be written: that of the cluster. Before it would
    /// be in the past of a player.
    pub(super) fn earliest(&self) -> u64 {
        self.cluster.as_ref().map_or(0, |cluster| cluster.time)
    }

    /// Writes a frame, whose time is not before [`earliest`](Self::earliest).
    pub(super) fn write_frame(&mut self, frame: &Placed<'_>) -> io::Result<()> {
        let begins = match &self.cluster {
            None => true,
            Some(cluster) => {
                frame.is_entry || frame.time >= cluster.time.saturating_add(MAX_CLUSTER)
            }
        };
        if begins {
            self.end_cluster()?;
            self.begin_cluster(frame)?;
        }
        // Below MAX_CLUSTER.
        let relative = frame.time.saturating_sub(self.earliest()) as i16;
        let head = Block::head(frame.track, relative, frame.is_keyframe);
        let mut out = Vec::with_capacity(16);
        ebml::write_id(&mut out, id::SIMPLE_BLOCK);
        ebml::write_size(&mut out, (head.len() + frame.data.len()) as u64);
        out.extend_from_slice(&head);
        self.write(&out)?;
        self.write(frame.data)?;
        self.end = self.end.max(frame.time.saturating_add(frame.duration));
        Ok(())
    }

    /// Completes the file and gives the output back. `sizes` are those of tracks that had none when the
    /// head was written.
    pub(super) fn finish(mut self, sizes: &[(u8, Size)]) -> io::Result<W> {
        self.end_cluster()?;
        if self.seek.is_some() {
            let cues = self.position;
            let has_cues = self.write_cues()?;
            self.fill_in(has_cues.then_some(cues), sizes)?;
        }
        self.output.flush()?;
        Ok(self.output)
    }

    /// The output as it is.
    pub(super) fn into_output(self) -> W {
        self.output
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn begin_cluster(&mut self, frame: &Placed<'_>) -> io::Result<()> {
        let cluster = self.position - self.head.segment_data;
        self.cues.add(frame, cluster);
        let mut out = Vec::with_capacity(32);
        ebml::write_id(&mut out, id::CLUSTER);
        let size_at = self.position + out.len() as u64;
        out.extend_from_slice(&UNKNOWN_SIZE);
        ebml::write_unsigned(&mut out, id::TIMESTAMP, frame.time);
        self.cluster = Some(Cluster {
            size_at,
            time: frame.time,
        });
        self.write(&out)
    }

    /// Fills in a cluster's size: a player that seeks jumps over it.
    fn end_cluster(&mut self) -> io::Result<()> {
        if let Some(cluster) = self.cluster.take()
            && self.seek.is_some()
        {
            let size = self.position - cluster.size_at - 8;
            self.replace(cluster.size_at, &size_in_8_octets(size))?;
            self.go_to_end()?;
        }
        Ok(())
    }

    fn write_cues(&mut self) -> io::Result<bool> {
        let mut out = Vec::new();
        for cue in &self.cues.list {
            ebml::write_master(&mut out, id::CUE_POINT, |point| {
                ebml::write_unsigned(point, id::CUE_TIME, cue.time);
                ebml::write_master(point, id::CUE_TRACK_POSITIONS, |positions| {
                    ebml::write_unsigned(positions, id::CUE_TRACK, cue.track.into());
                    ebml::write_unsigned(positions, id::CUE_CLUSTER_POSITION, cue.cluster);
                });
            });
        }
        if out.is_empty() {
            return Ok(false);
        }
        let mut head = Vec::new();
        ebml::write_id(&mut head, id::CUES);
        ebml::write_size(&mut head, out.len() as u64);
        self.write(&head)?;
        self.write(&out)?;
        Ok(true)
    }

    fn fill_in(&mut self, cues: Option<u64>, sizes: &[(u8, Size)]) -> io::Result<()> {
        let start = self.head.segment_data;
        let positions = [
            (id::INFO, Some(self.head.info)),
            (id::TRACKS, Some(self.head.tracks)),
            (id::CUES, cues),
        ];
        let positions = positions
            .into_iter()
            .filter_map(|(id, at)| Some((id, at? - start)));
        self.replace(self.head.seek_head, &seek_head(positions))?;
        self.replace(self.head.duration, &duration_element(self.end))?;
        for (number, size) in sizes {
            let found = self.head.sides.iter().find(|(track, _)| track == number);
            if let Some((_, [width, height])) = found {
                let (width, height) = (*width, *height);
                self.replace(width, &size.width.to_be_bytes())?;
                self.replace(height, &size.height.to_be_bytes())?;
            }
        }
        self.replace(start - 8, &size_in_8_octets(self.position - start))?;
        self.go_to_end()
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.output.write_all(data)?;
        self.position += data.len() as u64;
        Ok(())
    }

    fn replace(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        if let Some(seek) = self.seek {
            seek(&mut self.output, SeekFrom::Start(self.base + at))?;
            self.output.write_all(data)?;
        }
        Ok(())
    }

    fn go_to_end(&mut self) -> io::Result<()> {
        if let Some(seek) = self.seek {
            seek(&mut self.output, SeekFrom::Start(self.base + self.position))?;
        }
        Ok(())
    }
}

impl Cues {
    fn add(&mut self, frame: &Placed<'_>, cluster: u64) {
        if !frame.is_cue {
            return;
        }
        if self.clusters.is_multiple_of(self.every) {
            if self.list.len() == MAX_CUES {
                let mut index = 0;
                self.list.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.every *= 2;
            }
            self.list.push(Cue {
                time: frame.time,
                track: frame.track,
                cluster,
            });
        }
        self.clusters += 1;
    }
}

fn write_ebml_header(out: &mut Vec<u8>, doc_type: &str) {
    ebml::write_master(out, id::EBML, |header| {
        ebml::write_unsigned(header, id::EBML_VERSION, 1);
        ebml::write_unsigned(header, id::EBML_READ_VERSION, 1);
        ebml::write_unsigned(header, id::EBML_MAX_ID_LENGTH, 4);
        ebml::write_unsigned(header, id::EBML_MAX_SIZE_LENGTH, 8);
        ebml::write_binary(header, id::DOC_TYPE, doc_type.as_bytes());
        // 4 for CodecDelay and SeekPreRoll; who knows SimpleBlock, of 2, can read it.
        ebml::write_unsigned(header, id::DOC_TYPE_VERSION, 4);
        ebml::write_unsigned(header, id::DOC_TYPE_READ_VERSION, 2);
    });
}

fn duration_element(ticks: u64) -> Vec<u8> {
    let mut out = Vec::new();
    ebml::write_float(&mut out, id::DURATION, ticks as f64);
    out
}

/// A SeekHead with these positions, and a Void behind it, in the room that was kept free.
fn seek_head(positions: impl Iterator<Item = (Id, u64)>) -> Vec<u8> {
    let mut out = Vec::new();
    ebml::write_master(&mut out, id::SEEK_HEAD, |head| {
        for (id, position) in positions {
            ebml::write_master(head, id::SEEK, |seek| {
                ebml::write_binary(seek, id::SEEK_ID, &id.0.to_be_bytes());
                ebml::write_binary(seek, id::SEEK_POSITION, &position.to_be_bytes());
            });
        }
    });
    let rest = SEEK_HEAD_ROOM.saturating_sub(out.len());
    ebml::write_void(&mut out, rest);
    out
}
