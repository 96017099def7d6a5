//! `gannet serve`, the program under test.

use std::process::Command;
use std::time::Duration;

use crate::process::Process;

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// The program.
    pub process: Process,
    /// Where its page is, with a slash at the end.
    pub url: String,
}

impl Server {
    /// Starts a server on a free port with further options.
    pub fn start(options: &[&str]) -> Self {
        let program = std::env::var("GANNET").expect("interop/run says where the program is");
        let mut command = Command::new(program);
        command
            .args(["serve", "--host", "127.0.0.1", "--port", "0"])
            .args(options);
        let process = Process::start(command);
        let url = process.wait_for(Duration::from_secs(10), |line| {
            line.strip_prefix("Gannet serves on ").map(str::to_owned)
        });
        Self { process, url }
    }
}
