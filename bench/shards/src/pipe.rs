//! The other process, and what the two say to each other: paragraphs, each with an empty line behind it.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Error;

/// This program once more, as the server; it ends when its standard input does.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Result<Self, Error> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take();
        let output = process.stdout.take().ok_or("the server has no output")?;
        Ok(Self {
            process,
            input,
            output: BufReader::new(output),
        })
    }

    pub(crate) fn ask(&mut self, paragraph: &str) -> Result<String, Error> {
        let input = self.input.as_mut().ok_or("the server has no input")?;
        write(input, paragraph)?;
        Ok(read(&mut self.output)?.ok_or("the server has ended")?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.process.wait();
    }
}

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
