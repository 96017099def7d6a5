//! What is to be measured.

use std::str::FromStr;

use crate::Error;

/// The arguments.
#[derive(Debug)]
pub(crate) struct Options {
    /// The numbers of shards that take turns.
    pub(crate) shards: Vec<usize>,
    /// How many connections there are.
    pub(crate) connections: usize,
    /// How long a run takes, without a fifth more for it to get going.
    pub(crate) seconds: f64,
    /// The size of a message, in bytes.
    pub(crate) size: usize,
    /// How many messages of a connection are under way.
    pub(crate) window: usize,
    /// The threads for the server's own tasks.
    pub(crate) workers: usize,
    /// How often each number of shards is measured.
    pub(crate) runs: usize,
}

impl Options {
    /// Reads `key=value` arguments.
    pub(crate) fn read(arguments: &[String]) -> Result<Self, Error> {
        let mut options = Self {
            shards: vec![1, 2],
            connections: 100,
            seconds: 10.0,
            size: 1024,
            window: 64,
            workers: 1,
            runs: 3,
        };
        for argument in arguments {
            let (key, value) = argument
                .split_once('=')
                .ok_or_else(|| format!("'{argument}' is not key=value"))?;
            match key {
                "shards" => {
                    options.shards = value.split(',').map(number).collect::<Result<_, _>>()?
                }
                "connections" => options.connections = number(value)?,
                "seconds" => options.seconds = number(value)?,
                "size" => options.size = number(value)?,
                "window" => options.window = number(value)?,
                "workers" => options.workers = number(value)?,
                "runs" => options.runs = number(value)?,
                _ => return Err(format!("there is no option '{key}'").into()),
            }
        }
        Ok(options)
    }
}

/// Reads a number.
pub(crate) fn number<T: FromStr>(text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a number that can be used").into())
}
