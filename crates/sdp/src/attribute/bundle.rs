use std::fmt::{self, Display};

use super::{AttributeName, AttributeValue, join};
use crate::FieldError;
use crate::fields::{Fields, token};

/// `a=mid`: the name of a media description, unique in its session (RFC 5888, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mid<'a>(pub &'a str);

impl<'a> AttributeValue<'a> for Mid<'a> {
    const NAME: AttributeName = AttributeName::Mid;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        token(text.trim(), "identification-tag").map(Self)
    }
}

impl Display for Mid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `a=group`: media descriptions that belong together (RFC 5888, section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<'a> {
    /// `BUNDLE` (RFC 8843), `LS`, `FID`, ...
    pub semantics: &'a str,
    /// Which media descriptions.
    pub mids: Vec<&'a str>,
}

impl<'a> AttributeValue<'a> for Group<'a> {
    const NAME: AttributeName = AttributeName::Group;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let semantics = fields.token("semantics")?;
        Ok(Self {
            semantics,
            mids: fields.tokens("identification-tag")?,
        })
    }
}

impl Display for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.semantics)?;
        self.mids.iter().try_for_each(|mid| write!(f, " {mid}"))
    }
}

/// `a=msid`: the media stream and the track that a section sends (RFC 8830, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Msid<'a> {
    /// The stream's identifier; `-` for no stream.
    pub id: &'a str,
    /// The track's identifier, which JSEP has made meaningless.
    pub appdata: Option<&'a str>,
}

impl<'a> AttributeValue<'a> for Msid<'a> {
    const NAME: AttributeName = AttributeName::Msid;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        // Streams are named by applications, and not all of them keep to tokens.
        let id = fields.word("msid-id", "a stream identifier")?;
        let msid = Self {
            id,
            appdata: fields.optional(),
        };
        fields.finish("msid")?;
        Ok(msid)
    }
}

impl Display for Msid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)?;
        self.appdata
            .iter()
            .try_for_each(|appdata| write!(f, " {appdata}"))
    }
}

/// `a=msid-semantic`: which identifiers are `WMS` streams. Nothing depends on it any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MsidSemantic<'a> {
    /// `WMS`.
    pub semantic: &'a str,
    /// The stream identifiers, or `*`.
    pub ids: Vec<&'a str>,
}

impl<'a> AttributeValue<'a> for MsidSemantic<'a> {
    const NAME: AttributeName = AttributeName::MsidSemantic;

    fn parse(text: &'a str) -> Result<Self, FieldError> {
        let mut fields = Fields::new(text);
        let semantic = fields.token("semantic")?;
        let mut ids = Vec::new();
        while let Some(id) = fields.optional() {
            ids.push(id);
        }
        Ok(Self { semantic, ids })
    }
}

impl Display for MsidSemantic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Chromium writes a space before the semantic, Firefox does not.
        f.write_str(self.semantic)?;
        if !self.ids.is_empty() {
            f.write_str(" ")?;
        }
        join(f, &self.ids, " ")
    }
}
