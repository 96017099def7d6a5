use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue, join};
use crate::FieldError;
use crate::fields::{number, payload_type_or_all};

const SET: &str = "[x=size,y=size,...]";
const SIZE: &str = "a number of pixels, a list or a range";

/// `a=imageattr`: image sizes that the writer likes (RFC 6236).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageAttr<'a> {
    /// The payload type; none for `*`.
    pub payload_type: Option<u8>,
    /// What it likes to send.
    pub send: Option<ImageList<'a>>,
    /// What it likes to receive.
    pub recv: Option<ImageList<'a>>,
}

/// What is liked for one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageList<'a> {
    /// `*`: anything.
    Any,
    /// Any of these.
    Sets(Vec<ImageSet<'a>>),
}

/// One kind of image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet<'a> {
    /// The width.
    pub x: Size,
    /// The height.
    pub y: Size,
    /// `sar`, `par`, `q` and others, in their order.
    pub others: Vec<(&'a str, &'a str)>,
}

impl<'a> ImageSet<'a> {
    /// `sar`: the aspect ratio of a sample.
    pub fn sample_aspect_ratio(&self) -> Option<Ratio<'a>> {
        self.other("sar").map(Ratio::parse)
    }

    /// `par`: the aspect ratio of the picture.
    pub fn picture_aspect_ratio(&self) -> Option<Ratio<'a>> {
        self.other("par").map(Ratio::parse)
    }

    /// `q`: how much it is liked, from 0 to 1. Without it, 0.5.
    pub fn preference(&self) -> f32 {
        self.other("q").and_then(|q| q.parse().ok()).unwrap_or(0.5)
    }

    fn other(&self, name: &str) -> Option<&'a str> {
        self.others
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }
}

/// A width or a height, in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Size {
    /// This one.
    One(u32),
    /// One of these.
    List(Vec<u32>),
    /// From the first to the last, in steps.
    Range {
        /// The smallest.
        from: u32,
        /// The step, if it is not 1.
        step: Option<u32>,
        /// The largest.
        to: u32,
    },
}

impl Size {
    fn parse(text: &str) -> Result<Self, FieldError> {
        let pixels = |text: &str| number(text, "xyvalue", "a number of pixels");
        let Some(inner) = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
        else {
            return pixels(text).map(Self::One);
        };
        let mut parts = inner.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(list), None, _, _) => list
                .split(',')
                .map(pixels)
                .collect::<Result<_, _>>()
                .map(Self::List),
            (Some(from), Some(to), None, _) => Ok(Self::Range {
                from: pixels(from)?,
                step: None,
                to: pixels(to)?,
            }),
            (Some(from), Some(step), Some(to), None) => Ok(Self::Range {
                from: pixels(from)?,
                step: Some(pixels(step)?),
                to: pixels(to)?,
            }),
            _ => Err(FieldError::new("xyrange", SIZE, text)),
        }
    }
}

impl Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(size) => size.fmt(f),
            Self::List(sizes) => {
                f.write_str("[")?;
                join(f, sizes, ",")?;
                f.write_str("]")
            }
            Self::Range {
                from,
                step: None,
                to,
            } => write!(f, "[{from}:{to}]"),
            Self::Range {
                from,
                step: Some(step),
                to,
            } => write!(f, "[{from}:{step}:{to}]"),
        }
    }
}

/// An aspect ratio, as decimal numbers in text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ratio<'a> {
    /// One or several.
    List(Vec<&'a str>),
    /// From one to another.
    Range(&'a str, &'a str),
}

impl<'a> Ratio<'a> {
    fn parse(text: &'a str) -> Self {
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text);
        match inner.split_once('-') {
            Some((from, to)) => Self::Range(from, to),
            None => Self::List(inner.split(',').collect()),
        }
    }
}

impl<'a> AttributeValue<'a> for ImageAttr<'a> {
    const NAME: AttributeName = AttributeName::ImageAttr;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let (format, mut rest) = text.trim().split_once([' ', '\t']).unwrap_or((text, ""));
        let mut attr = Self {
            payload_type: payload_type_or_all(format)?,
            send: None,
            recv: None,
        };
        loop {
            rest = rest.trim_start();
            let (direction, after) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
            let list = match direction {
                "send" => &mut attr.send,
                "recv" => &mut attr.recv,
                other => return Err(FieldError::new("imageattr", "send or recv", other)),
            };
            if list.is_some() {
                return Err(FieldError::new(
                    "imageattr",
                    "each direction once",
                    direction,
                ));
            }
            let (parsed, after) = image_list(after.trim_start())?;
            *list = Some(parsed);
            rest = after.trim_start();
            if rest.is_empty() {
                return Ok(attr);
            }
        }
    }
}

/// Sets until something else comes, and what comes.
fn image_list(text: &str) -> Result<(ImageList<'_>, &str), FieldError> {
    if let Some(rest) = text.strip_prefix('*') {
        return Ok((ImageList::Any, rest));
    }
    let mut sets = Vec::new();
    let mut rest = text;
    while rest.starts_with('[') {
        let end = closing_bracket(rest).ok_or_else(|| FieldError::new("set", SET, rest))?;
        let (set, after) = rest.split_at(end);
        sets.push(image_set(set)?);
        rest = after.trim_start();
    }
    if sets.is_empty() {
        return Err(FieldError::new("attr-list", SET, text));
    }
    Ok((ImageList::Sets(sets), rest))
}

/// Where the text after the bracket begins that closes the first one.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth = depth.saturating_add(1),
            b']' if depth == 1 => return Some(index.saturating_add(1)),
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn image_set(text: &str) -> Result<ImageSet<'_>, FieldError> {
    let wrong = || FieldError::new("set", SET, text);
    let mut rest = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .ok_or_else(wrong)?;
    let (mut x, mut y, mut others) = (None, None, Vec::new());
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(wrong)?;
        let end = if after.starts_with('[') {
            closing_bracket(after).ok_or_else(wrong)?
        } else {
            after.find(',').unwrap_or(after.len())
        };
        let (value, after) = after.split_at(end);
        match name {
            "x" if x.is_none() => x = Some(Size::parse(value)?),
            "y" if y.is_none() => y = Some(Size::parse(value)?),
            name => others.push((name, value)),
        }
        rest = match after.strip_prefix(',') {
            Some(more) if !more.is_empty() => more,
            None if after.is_empty() => after,
            _ => return Err(wrong()),
        };
    }
    Ok(ImageSet {
        x: x.ok_or_else(wrong)?,
        y: y.ok_or_else(wrong)?,
        others,
    })
}

impl Display for ImageAttr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.payload_type {
            Some(payload_type) => payload_type.fmt(f)?,
            None => f.write_str("*")?,
        }
        self.send
            .iter()
            .try_for_each(|list| write!(f, " send {list}"))?;
        self.recv
            .iter()
            .try_for_each(|list| write!(f, " recv {list}"))
    }
}

impl Display for ImageList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Sets(sets) => join(f, sets, " "),
        }
    }
}

impl Display for ImageSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[x={},y={}", self.x, self.y)?;
        self.others
            .iter()
            .try_for_each(|(name, value)| write!(f, ",{name}={value}"))?;
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6236, sections 3.2 and 4.
    #[test]
    fn the_examples_of_the_rfc() {
        for text in [
            "97 send [x=800,y=640,sar=1.1,q=0.6] [x=480,y=320] recv [x=330,y=250]",
            "97 send * recv [x=800,y=640,sar=1.1]",
            "97 recv [x=800,y=640,sar=1.1] ",
            "97 send [x=[480:16:800],y=[320:16:640],par=[1.2-1.3]]",
            "97 send [x=[480,800],y=[320,640]] recv *",
            "* recv [x=176,y=144]",
        ] {
            let attr = ImageAttr::parse(text).unwrap();
            assert_eq!(attr.to_string(), text.trim_end());
        }
        let attr = ImageAttr::parse("97 send [x=[480:16:800],y=[320:640],par=[1.2-1.3]]").unwrap();
        let Some(ImageList::Sets(sets)) = attr.send else {
            panic!("sets")
        };
        assert_eq!(
            sets[0].x,
            Size::Range {
                from: 480,
                step: Some(16),
                to: 800
            }
        );
        assert_eq!(
            sets[0].picture_aspect_ratio(),
            Some(Ratio::Range("1.2", "1.3"))
        );
        assert_eq!(sets[0].preference(), 0.5);
    }

    #[test]
    fn what_is_wrong() {
        for bad in [
            "",
            "97",
            "97 both *",
            "97 send",
            "97 send x",
            "97 send [x=1]",
            "97 send [x=1,y=]",
            "97 send [x=1,y=2",
            "97 send [x=1,y=2,]",
            "97 send * send *",
            "97 send [x=[1:2:3:4],y=1]",
        ] {
            assert!(ImageAttr::parse(bad).is_err(), "{bad}");
        }
    }
}
