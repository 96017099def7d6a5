use std::fmt::{self, Display};
use std::ops::{Deref, DerefMut};
use std::str::FromStr;

use crate::line::{Origin, Timing};
use crate::section::Section;
use crate::{Limits, MediaDescription, ParseError, ParseErrorKind, parse};

/// A session description (RFC 8866): the session's own lines, then the media descriptions.
///
/// It dereferences to the [`Section`] of the session's own lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    session: Section,
    /// The media descriptions, in their order.
    pub media: Vec<MediaDescription>,
}

impl SessionDescription {
    /// A description with `v=0`, the origin, an empty name and no end in time.
    pub fn new(origin: &Origin<'_>) -> Self {
        let mut session = Section::new();
        session.push_line(b'v', None, format_args!("0"));
        session.push_line(b'o', None, format_args!("{origin}"));
        session.push_line(b's', None, format_args!("-"));
        session.push_line(b't', None, format_args!("{}", Timing::default()));
        Self {
            session,
            media: Vec::new(),
        }
    }

    pub(crate) fn from_parts(session: Section, media: Vec<MediaDescription>) -> Self {
        Self { session, media }
    }

    /// Parses a text with the default [`Limits`].
    ///
    /// The structure is checked: the types of the lines and where they may stand, `v=`, `o=` and
    /// `m=`, the names of the attributes. The values of the other lines are looked at when somebody
    /// asks for them, or all together by [`check`](Self::check).
    ///
    /// Lines may end in LF alone; a text is written with CRLF. A missing `t=` line is let through.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_with(text, &Limits::default())
    }

    /// Parses a text with limits of the caller's.
    pub fn parse_with(text: &str, limits: &Limits) -> Result<Self, ParseError> {
        parse::parse(text, limits)
    }

    /// Parses bytes, which have to be UTF-8 (the default character set, RFC 8866, section 5).
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = before
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count()
                    .saturating_add(1);
                Err(ParseError {
                    line,
                    kind: ParseErrorKind::NotUtf8,
                })
            }
        }
    }

    /// The `o=` line. A description that was parsed or made by [`new`](Self::new) has one.
    pub fn origin(&self) -> Result<Option<Origin<'_>>, ParseError> {
        self.session
            .of_type(b'o')
            .next()
            .map(|(line, text)| Origin::parse(text).map_err(|error| error.at(line)))
            .transpose()
    }

    /// Puts another `o=` line in the place of the one that is there.
    pub fn set_origin(&mut self, origin: &Origin<'_>) {
        // The `o=` line is the second one: the parser and `new` see to it.
        self.session.replace_line(1, b'o', format_args!("{origin}"));
    }

    /// The `t=` lines.
    pub fn timings(&self) -> impl Iterator<Item = Result<Timing, ParseError>> {
        self.session
            .of_type(b't')
            .map(|(line, text)| Timing::parse(text).map_err(|error| error.at(line)))
    }

    /// Appends a media description.
    pub fn push_media(&mut self, media: MediaDescription) -> &mut Self {
        self.media.push(media);
        self
    }

    /// Checks each line of all sections against its grammar; see [`Section::check`].
    pub fn check(&self) -> Result<(), ParseError> {
        self.session.check()?;
        self.media.iter().try_for_each(|media| media.check())
    }

    /// Appends the text of the whole description to `out`.
    pub fn write(&self, out: &mut String) {
        self.session.write(out);
        for media in &self.media {
            media.write(out);
        }
    }
}

impl Deref for SessionDescription {
    type Target = Section;

    fn deref(&self) -> &Section {
        &self.session
    }
}

impl DerefMut for SessionDescription {
    fn deref_mut(&mut self) -> &mut Section {
        &mut self.session
    }
}

impl FromStr for SessionDescription {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)?;
        self.media
            .iter()
            .try_for_each(|media| Display::fmt(media, f))
    }
}
