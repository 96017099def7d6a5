//! The program's other commands, as processes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// More than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A command that runs, and ends with the test.
pub(crate) struct Program {
    process: Child,
    output: BufReader<ChildStdout>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    /// What it printed.
    pub(crate) output: String,
    /// What it complained about.
    pub(crate) errors: String,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gannet"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// Starts one, and waits until it is connected.
    pub(crate) fn connected(arguments: &[&str]) -> Self {
        let mut program = Self::start(arguments);
        let mut line = String::new();
        program.output.read_line(&mut line).unwrap();
        if !line.starts_with("Gannet ") {
            panic!("it is not connected: {:?}", program.end());
        }
        program
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        let (mut output, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut output).unwrap();
        let stderr = self.process.stderr.take();
        stderr.unwrap().read_to_string(&mut errors).unwrap();
        Ended {
            success: status.success(),
            output,
            errors,
        }
    }

    /// Ctrl-C, and its end, which is a good one.
    pub(crate) fn stop(self) -> String {
        self.interrupt();
        let ended = self.end();
        assert!(ended.success, "{ended:?}");
        ended.output
    }

    /// Runs one to its end.
    pub(crate) fn run(arguments: &[&str]) -> Ended {
        Self::start(arguments).end()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
