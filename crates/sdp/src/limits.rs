/// Bounds on a text that is parsed. What exceeds one is an error, found before memory is spent on it.
///
/// The defaults leave room for a conference of several hundred participants in one description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole text (default 2 MiB).
    pub text: usize,
    /// Bytes of one line without its end (default 16 KiB).
    pub line: usize,
    /// Lines of the whole text (default 65,536).
    pub lines: usize,
    /// Media descriptions (default 1,024).
    pub media: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text: 2 << 20,
            line: 16 << 10,
            lines: 1 << 16,
            media: 1024,
        }
    }
}
