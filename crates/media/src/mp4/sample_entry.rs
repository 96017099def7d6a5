//! Sample entries: what the samples of a track are (ISO/IEC 14496-12, section 8.5.2).

use gannet_codecs::{AudioCodec, VideoCodec};

use super::{
    Mp4ReadError,
    fields::{Boxes, Fields, FourCc},
};
use crate::{MediaCodec, h264};

/// The most sample entries of a track.
const MAX_ENTRIES: usize = 64;

/// What a part of the samples of a track is.
#[derive(Clone, Debug)]
pub(super) struct SampleEntry {
    pub(super) kind: FourCc,
    pub(super) codec: Option<MediaCodec>,
    pub(super) size: Option<(u32, u32)>,
    pub(super) channels: Option<u16>,
    /// Decoded samples at the beginning that are not to be heard, at 48 kHz (Opus in ISOBMFF, section 4.3.2).
    pub(super) pre_skip: u16,
    /// H.264's.
    pub(super) configuration: Option<h264::Configuration>,
}

/// Reads the Sample Description Box (`stsd`) of a track of pictures or of sound.
pub(super) fn read_all(contents: &[u8], is_video: bool) -> Result<Vec<SampleEntry>, Mp4ReadError> {
    let mut fields = Fields::new(contents, "the sample description");
    fields.version_and_flags()?;
    let count = fields.u32()? as usize;
    if count > MAX_ENTRIES {
        return Err(Mp4ReadError::TooLarge {
            what: "a number of sample entries",
            size: count as u64,
            limit: MAX_ENTRIES as u64,
        });
    }
    let mut boxes = Boxes(fields.rest());
    let mut entries = Vec::new();
    while entries.len() < count
        && let Some((kind, contents)) = boxes.next_box()?
    {
        entries.push(if is_video {
            visual(kind, contents)?
        } else {
            audio(kind, contents)?
        });
    }
    Ok(entries)
}

/// A VisualSampleEntry (section 12.1.3).
fn visual(kind: FourCc, contents: &[u8]) -> Result<SampleEntry, Mp4ReadError> {
    let mut fields = Fields::new(contents, "a visual sample entry");
    fields.skip(8 + 16)?;
    let (width, height) = (fields.u16()?, fields.u16()?);
    fields.skip(50)?;
    let (codec, configuration) = match &kind.0 {
        b"avc1" | b"avc3" => {
            let record = Boxes(fields.rest()).find(b"avcC")?;
            let configuration = record.and_then(h264::Configuration::read);
            let codec = configuration.is_some().then_some(VideoCodec::H264);
            (codec, configuration)
        }
        b"vp08" => (Some(VideoCodec::Vp8), None),
        b"vp09" => (Some(VideoCodec::Vp9), None),
        _ => (None, None),
    };
    Ok(SampleEntry {
        kind,
        codec: codec.map(MediaCodec::Video),
        size: Some((width.into(), height.into())),
        channels: None,
        pre_skip: 0,
        configuration,
    })
}

/// An AudioSampleEntry (section 12.2.3), of which QuickTime has longer versions.
fn audio(kind: FourCc, contents: &[u8]) -> Result<SampleEntry, Mp4ReadError> {
    let mut fields = Fields::new(contents, "an audio sample entry");
    fields.skip(8)?;
    let version = fields.u16()?;
    fields.skip(6)?;
    let channels = fields.u16()?;
    fields.skip(10)?;
    match version {
        1 => fields.skip(16)?,
        2 => fields.skip(36)?,
        _ => {}
    }
    let (mut codec, mut pre_skip) = (None, 0);
    if kind.0 == *b"Opus"
        && let Some(specific) = Boxes(fields.rest()).find(b"dOps")?
    {
        let mut fields = Fields::new(specific, "the Opus box");
        fields.skip(2)?;
        pre_skip = fields.u16()?;
        fields.skip(6)?;
        // With a channel mapping there are several streams in a packet (RFC 7845, section 5.1.1).
        codec = (fields.u8()? == 0).then_some(AudioCodec::Opus);
    }
    Ok(SampleEntry {
        kind,
        codec: codec.map(MediaCodec::Audio),
        size: None,
        channels: Some(channels),
        pre_skip,
        configuration: None,
    })
}
