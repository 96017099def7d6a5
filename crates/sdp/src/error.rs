use thiserror::Error;

/// How many bytes of the offending text an error keeps.
const FOUND: usize = 48;

/// A text that is not a session description, and where it stops being one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {kind}")]
pub struct ParseError {
    /// The line, counted from one. Zero for a line that was written by this program, not read.
    pub line: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// A field does not have the form that its grammar asks for.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The text is larger than the [`Limits`](crate::Limits) allow.
    #[error("more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
}

/// A field that does not have the form that its grammar asks for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: expected {expected}, found {found:?}")]
pub struct FieldError {
    /// The field, by its name in the grammar.
    pub field: &'static str,
    /// The form that was expected.
    pub expected: &'static str,
    /// The beginning of what stands there.
    pub found: Box<str>,
}

impl FieldError {
    #[cold]
    pub(crate) fn new(field: &'static str, expected: &'static str, found: &str) -> Self {
        let mut end = found.len().min(FOUND);
        while !found.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        let found = found.get(..end).unwrap_or_default().into();
        Self {
            field,
            expected,
            found,
        }
    }

    pub(crate) fn at(self, line: usize) -> ParseError {
        ParseError {
            line,
            kind: self.into(),
        }
    }
}
