use std::fmt::{self, Display, Write};

use crate::attribute::{Attribute, AttributeName, AttributeValue, Direction};
use crate::line::{Bandwidth, Connection};
use crate::{FieldError, ParseError};

/// One line: where it stands in its section's text, and what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// Of the type letter.
    pub(crate) start: u32,
    /// Of the value: after the colon of an attribute, else after the equals sign.
    pub(crate) value: u32,
    /// Of the line, without its CRLF.
    pub(crate) end: u32,
    /// Counted from one over the whole text; zero if it was not parsed.
    pub(crate) number: u32,
    pub(crate) letter: u8,
    pub(crate) has_value: bool,
    pub(crate) name: Option<AttributeName>,
}

/// The lines of one section, in their order: those before the first `m=`, or those from one `m=` to
/// the next.
///
/// The lines are kept as the text that was read or pushed. A typed value is parsed from its line when
/// it is asked for and borrows from it; what nobody asks for costs nothing and is written back as it
/// came.
#[derive(Clone)]
pub struct Section {
    text: String,
    lines: Vec<Line>,
    /// `text` is exactly the lines in their order, each with its CRLF.
    whole: bool,
}

impl Section {
    pub(crate) fn new() -> Self {
        Self {
            text: String::new(),
            lines: Vec::new(),
            whole: true,
        }
    }

    pub(crate) fn parsed(text: &str, lines: &[Line], whole: bool) -> Self {
        Self {
            text: text.to_owned(),
            lines: lines.to_vec(),
            whole,
        }
    }

    /// The attributes, in their order.
    pub fn attributes(&self) -> impl DoubleEndedIterator<Item = AttributeLine<'_>> {
        self.lines
            .iter()
            .filter(|line| line.letter == b'a')
            .map(|line| self.attribute(line))
    }

    /// The attributes of one name, in their order.
    pub fn named(&self, name: AttributeName) -> impl DoubleEndedIterator<Item = AttributeLine<'_>> {
        self.lines
            .iter()
            .filter(move |line| line.name == Some(name))
            .map(|line| self.attribute(line))
    }

    /// Whether there is an attribute of this name.
    pub fn has(&self, name: AttributeName) -> bool {
        self.lines.iter().any(|line| line.name == Some(name))
    }

    /// The first attribute of a type.
    ///
    /// ```
    /// use gannet_sdp::{SessionDescription, attribute::Group};
    /// let sdp = SessionDescription::parse("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n")?;
    /// let group = sdp.first::<Group>()?.expect("there is one");
    /// assert_eq!(group.mids, ["0", "1"]);
    /// # Ok::<(), gannet_sdp::ParseError>(())
    /// ```
    pub fn first<'a, T: AttributeValue<'a>>(&'a self) -> Result<Option<T>, ParseError> {
        self.all().next().transpose()
    }

    /// All attributes of a type, in their order.
    pub fn all<'a, T: AttributeValue<'a>>(
        &'a self,
    ) -> impl Iterator<Item = Result<T, ParseError>> + use<'a, T> {
        self.named(T::NAME).map(|attribute| attribute.parse())
    }

    /// The direction, if one is given. Without one it is `sendrecv` (RFC 8866, section 6.7).
    pub fn direction(&self) -> Option<Direction> {
        self.attributes()
            .find_map(|attribute| match attribute.known()? {
                AttributeName::Sendrecv => Some(Direction::Sendrecv),
                AttributeName::Sendonly => Some(Direction::Sendonly),
                AttributeName::Recvonly => Some(Direction::Recvonly),
                AttributeName::Inactive => Some(Direction::Inactive),
                _ => None,
            })
    }

    /// The first `c=` line.
    pub fn connection(&self) -> Result<Option<Connection<'_>>, ParseError> {
        self.of_type(b'c')
            .next()
            .map(|(line, text)| at(line, Connection::parse(text)))
            .transpose()
    }

    /// The `b=` lines.
    pub fn bandwidths(&self) -> impl Iterator<Item = Result<Bandwidth<'_>, ParseError>> {
        self.of_type(b'b')
            .map(|(line, text)| at(line, Bandwidth::parse(text)))
    }

    /// The values of the lines of one type letter, in their order.
    pub fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        u8::try_from(letter)
            .into_iter()
            .flat_map(|letter| self.of_type(letter))
            .map(|(_, value)| value)
    }

    /// Appends an attribute.
    pub fn push<'v, T: AttributeValue<'v>>(&mut self, value: &T) -> &mut Self {
        self.push_line(b'a', Some(T::NAME), format_args!("{}:{value}", T::NAME))
    }

    /// Appends an attribute of any kind.
    pub fn push_attribute(&mut self, attribute: &Attribute<'_>) -> &mut Self {
        self.push_line(b'a', attribute.name(), format_args!("{attribute}"))
    }

    /// Appends an attribute that has no value.
    pub fn push_flag(&mut self, name: AttributeName) -> &mut Self {
        self.push_line(b'a', Some(name), format_args!("{name}"))
    }

    /// Appends a direction.
    pub fn push_direction(&mut self, direction: Direction) -> &mut Self {
        self.push_flag(direction.name())
    }

    /// Appends a `c=` line.
    pub fn push_connection(&mut self, connection: &Connection<'_>) -> &mut Self {
        self.push_line(b'c', None, format_args!("{connection}"))
    }

    /// Appends a `b=` line.
    pub fn push_bandwidth(&mut self, bandwidth: &Bandwidth<'_>) -> &mut Self {
        self.push_line(b'b', None, format_args!("{bandwidth}"))
    }

    /// Appends an attribute as it stands in a text, without its `a=`.
    pub fn push_raw(&mut self, attribute: &str) -> &mut Self {
        let name = attribute
            .split(':')
            .next()
            .and_then(AttributeName::from_name);
        self.push_line(b'a', name, format_args!("{attribute}"))
    }

    /// Removes all attributes of one name. Returns how many there were.
    pub fn remove(&mut self, name: AttributeName) -> usize {
        let before = self.lines.len();
        self.lines.retain(|line| line.name != Some(name));
        let removed = before.saturating_sub(self.lines.len());
        self.whole &= removed == 0;
        removed
    }

    /// Checks each line whose type or attribute is known against its grammar.
    ///
    /// [`parse`](crate::SessionDescription::parse) looks only at the structure of the text; a reader
    /// of a description sees a malformed line when it asks for it. This finds the first one that
    /// anybody could ask for.
    pub fn check(&self) -> Result<(), ParseError> {
        for line in &self.lines {
            let text = self.value(line);
            let checked = match line.letter {
                b'a' => self
                    .attribute(line)
                    .typed()
                    .map(drop)
                    .map_err(|error| error.kind),
                b'c' => Connection::parse(text).map(drop).map_err(Into::into),
                b'b' => Bandwidth::parse(text).map(drop).map_err(Into::into),
                b't' => crate::line::Timing::parse(text)
                    .map(drop)
                    .map_err(Into::into),
                _ => Ok(()),
            };
            checked.map_err(|kind| ParseError {
                line: line.number as usize,
                kind,
            })?;
        }
        Ok(())
    }

    /// Appends the text of the section to `out`, each line with its CRLF.
    pub fn write(&self, out: &mut String) {
        if self.whole {
            return out.push_str(&self.text);
        }
        for line in &self.lines {
            out.push_str(self.slice(line.start, line.end));
            out.push_str("\r\n");
        }
    }

    pub(crate) fn push_line(
        &mut self,
        letter: u8,
        name: Option<AttributeName>,
        text: fmt::Arguments<'_>,
    ) -> &mut Self {
        let line = self.format_line(letter, name, text);
        self.lines.push(line);
        self
    }

    /// Replaces the line at an index, which exists.
    pub(crate) fn replace_line(&mut self, index: usize, letter: u8, text: fmt::Arguments<'_>) {
        let line = self.format_line(letter, None, text);
        if let Some(old) = self.lines.get_mut(index) {
            *old = line;
            self.whole = false;
        }
    }

    fn format_line(
        &mut self,
        letter: u8,
        name: Option<AttributeName>,
        text: fmt::Arguments<'_>,
    ) -> Line {
        let start = offset(self.text.len());
        self.text.push(char::from(letter));
        self.text.push('=');
        // Writing to a string does not fail.
        let _ = write!(OneLine(&mut self.text), "{text}");
        let end = offset(self.text.len());
        self.text.push_str("\r\n");
        let body = start.saturating_add(2);
        let colon = match letter {
            b'a' => self.slice(body, end).find(':'),
            _ => None,
        };
        let value = match (letter, colon) {
            (b'a', Some(colon)) => body.saturating_add(offset(colon)).saturating_add(1),
            (b'a', None) => end,
            _ => body,
        };
        Line {
            start,
            value,
            end,
            number: 0,
            letter,
            has_value: value < end || colon.is_some(),
            name,
        }
    }

    pub(crate) fn of_type(&self, letter: u8) -> impl Iterator<Item = (usize, &str)> {
        self.lines
            .iter()
            .filter(move |line| line.letter == letter)
            .map(|line| (line.number as usize, self.value(line)))
    }

    fn attribute(&self, line: &Line) -> AttributeLine<'_> {
        let name_end = line.value.saturating_sub(u32::from(line.has_value));
        AttributeLine {
            name: self.slice(line.start.saturating_add(2), name_end),
            value: line.has_value.then(|| self.value(line)),
            known: line.name,
            line: line.number as usize,
        }
    }

    fn value(&self, line: &Line) -> &str {
        self.slice(line.value, line.end)
    }

    fn slice(&self, start: u32, end: u32) -> &str {
        self.text
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }
}

impl Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.whole {
            return f.write_str(&self.text);
        }
        for line in &self.lines {
            f.write_str(self.slice(line.start, line.end))?;
            f.write_str("\r\n")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(
                self.lines
                    .iter()
                    .map(|line| self.slice(line.start, line.end)),
            )
            .finish()
    }
}

/// Equal when the lines are: line numbers and the history of edits do not count.
impl PartialEq for Section {
    fn eq(&self, other: &Self) -> bool {
        let texts = |section: &Self| -> Vec<String> {
            section
                .lines
                .iter()
                .map(|l| section.slice(l.start, l.end).to_owned())
                .collect()
        };
        self.lines.len() == other.lines.len() && texts(self) == texts(other)
    }
}

impl Eq for Section {}

/// An attribute line: its name and value as text, and the way to its typed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeLine<'a> {
    name: &'a str,
    value: Option<&'a str>,
    known: Option<AttributeName>,
    line: usize,
}

impl<'a> AttributeLine<'a> {
    /// The name: what stands before the colon.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The name, if this crate has a type for it.
    pub fn known(&self) -> Option<AttributeName> {
        self.known
    }

    /// What stands after the colon, if there is one.
    pub fn value(&self) -> Option<&'a str> {
        self.value
    }

    /// The line number, counted from one; zero for an attribute that was pushed.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The value in its typed form.
    pub fn typed(&self) -> Result<Attribute<'a>, ParseError> {
        at(
            self.line,
            Attribute::parse(self.known, self.name, self.value),
        )
    }

    /// The value as one type, whatever the name is.
    pub fn parse<T: AttributeValue<'a>>(&self) -> Result<T, ParseError> {
        at(self.line, T::parse(self.value.unwrap_or_default()))
    }
}

fn at<T>(line: usize, result: Result<T, FieldError>) -> Result<T, ParseError> {
    result.map_err(|error| error.at(line))
}

/// Offsets are 32 bits wide; a text that is longer than that does not pass the limits of a parser,
/// and one that a program pushes together is cut there.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Leaves out what would end the line, so that no value can smuggle in another line.
struct OneLine<'a>(&'a mut String);

impl Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            self.0
                .extend(text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')));
        } else {
            self.0.push_str(text);
        }
        Ok(())
    }
}
