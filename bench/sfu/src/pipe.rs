//! What the two processes say to each other: paragraphs, each with an empty line behind it.

use std::io::{self, BufRead, Write};

/// Writes a paragraph; its lines may end in any way.
pub(crate) fn write(to: &mut impl Write, paragraph: &str) -> io::Result<()> {
    for line in paragraph.lines() {
        writeln!(to, "{line}")?;
    }
    writeln!(to)?;
    to.flush()
}

/// Reads a paragraph, with the lines ending as in SDP; `None` at the end.
pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut paragraph = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => return Ok(Some(paragraph)),
            text => {
                paragraph.push_str(text);
                paragraph.push_str("\r\n");
            }
        }
    }
}
