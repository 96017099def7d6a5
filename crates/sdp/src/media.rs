use std::fmt::{self, Display};
use std::ops::{Deref, DerefMut};

use crate::attribute::{Fmtp, Mid, RtcpFb, Rtpmap};
use crate::line::{MediaLine, MediaParts};
use crate::section::Section;
use crate::{ParseError, fields};

/// A media description: an `m=` line and the lines that belong to it.
///
/// It dereferences to the [`Section`] of its lines.
#[derive(Debug, Clone)]
pub struct MediaDescription {
    section: Section,
    media: Box<str>,
    protocol: Box<str>,
    formats: Box<str>,
    port: u16,
    port_count: Option<u32>,
}

impl MediaDescription {
    /// A description with nothing but its `m=` line.
    pub fn new(line: &MediaLine<'_>) -> Self {
        let mut section = Section::new();
        section.push_line(b'm', None, format_args!("{line}"));
        let formats = line.formats.join(" ");
        let parts = MediaParts {
            media: line.media,
            port: line.port,
            port_count: line.port_count,
            protocol: line.protocol,
            formats: &formats,
        };
        Self::from_parts(section, &parts)
    }

    pub(crate) fn from_parts(section: Section, parts: &MediaParts<'_>) -> Self {
        Self {
            section,
            media: parts.media.into(),
            protocol: parts.protocol.into(),
            formats: parts.formats.into(),
            port: parts.port,
            port_count: parts.port_count,
        }
    }

    /// `audio`, `video`, `application`, or another kind of media.
    pub fn media(&self) -> &str {
        &self.media
    }

    /// The port; 0 for a section that is rejected, or one that is bundle-only.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many ports, if that is said.
    pub fn port_count(&self) -> Option<u32> {
        self.port_count
    }

    /// The protocol, for instance `UDP/TLS/RTP/SAVPF`.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// The formats; for RTP, the payload types in the order of preference.
    pub fn formats(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.formats.split(' ').filter(|format| !format.is_empty())
    }

    /// The formats that are payload types, in the order of preference.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats()
            .filter_map(|format| fields::payload_type(format).ok())
    }

    /// The number of the `m=` line, counted from one; zero if it was not parsed.
    pub fn line(&self) -> usize {
        self.section
            .of_type(b'm')
            .next()
            .map_or(0, |(line, _)| line)
    }

    /// The whole `m=` line.
    pub fn media_line(&self) -> MediaLine<'_> {
        MediaLine {
            media: &self.media,
            port: self.port,
            port_count: self.port_count,
            protocol: &self.protocol,
            formats: self.formats().collect(),
        }
    }

    /// Puts another `m=` line in the place of the one that is there.
    pub fn set_media_line(&mut self, line: &MediaLine<'_>) {
        self.section.replace_line(0, b'm', format_args!("{line}"));
        self.media = line.media.into();
        self.protocol = line.protocol.into();
        self.formats = line.formats.join(" ").into();
        self.port = line.port;
        self.port_count = line.port_count;
    }

    /// The `mid`, if there is one.
    pub fn mid(&self) -> Result<Option<&str>, ParseError> {
        Ok(self.first::<Mid<'_>>()?.map(|mid| mid.0))
    }

    /// The `rtpmap` of a payload type.
    pub fn rtpmap(&self, payload_type: u8) -> Option<Rtpmap<'_>> {
        self.all::<Rtpmap<'_>>()
            .flatten()
            .find(|rtpmap| rtpmap.payload_type == payload_type)
    }

    /// The `fmtp` of a payload type.
    pub fn fmtp(&self, payload_type: u8) -> Option<Fmtp<'_>> {
        self.all::<Fmtp<'_>>()
            .flatten()
            .find(|fmtp| fmtp.payload_type() == Some(payload_type))
    }

    /// The feedback of a payload type, that of `*` included.
    pub fn rtcp_fb(&self, payload_type: u8) -> impl Iterator<Item = RtcpFb<'_>> {
        self.all::<RtcpFb<'_>>()
            .flatten()
            .filter(move |fb| fb.payload_type.is_none_or(|format| format == payload_type))
    }
}

impl Deref for MediaDescription {
    type Target = Section;

    fn deref(&self) -> &Section {
        &self.section
    }
}

impl DerefMut for MediaDescription {
    fn deref_mut(&mut self) -> &mut Section {
        &mut self.section
    }
}

/// Equal when the lines are.
impl PartialEq for MediaDescription {
    fn eq(&self, other: &Self) -> bool {
        self.section == other.section
    }
}

impl Eq for MediaDescription {}

impl Display for MediaDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.section.fmt(f)
    }
}
