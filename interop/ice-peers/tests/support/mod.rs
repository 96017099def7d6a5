//! Programs that are wired to each other, coturn, and hosts behind NATs.
//!
//! What a test needs and the machine lacks is a failure that names it, never a test that passes.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "each test file uses a part of this, and has the machine's clock"
)]

pub mod nats;

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

pub const USER: &str = "gannet";
pub const PASSWORD: &str = "over the sea";

/// The address of the namespace that `run` makes: aioice gathers none on loopback.
pub const HOST: &str = "10.9.9.1";

/// Fails with the name of what is missing.
pub fn need(program: &str, package: &str) {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status();
    let found = found.is_ok_and(|status| status.success());
    assert!(found, "{program} is missing: install the package {package}");
}

/// A program that speaks `drive`'s lines. It is ended when this is dropped.
pub struct Program {
    name: String,
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    heard: Vec<String>,
}

/// What to put before a command: nothing, or a way into a network namespace.
pub type Prefix = Vec<String>;

impl Program {
    fn start(name: &str, prefix: &Prefix, words: &[String], ca: Option<&PathBuf>) -> Self {
        let all: Vec<_> = prefix.iter().chain(words).collect();
        let mut command = Command::new(all[0]);
        command
            .args(&all[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
            .env("TURN_USER", USER)
            .env("TURN_PASSWORD", PASSWORD);
        if let Some(ca) = ca {
            command.env("TURN_CA", ca);
        }
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{words:?}: {error}"));
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        let its_name = name.to_owned();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                println!("{its_name}: {line}");
                let _ = sender.send(line);
            }
        });
        Self {
            name: name.to_owned(),
            child,
            input,
            lines,
            heard: Vec::new(),
        }
    }

    /// Our driver; `words` are its arguments.
    pub fn ours(name: &str, prefix: &Prefix, words: &[&str], ca: Option<&PathBuf>) -> Self {
        let mut all = vec![env!("CARGO_BIN_EXE_drive").to_owned()];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        Self::start(name, prefix, &all, ca)
    }

    /// aioice; `words` are the role and the servers.
    pub fn aioice(words: &[&str]) -> Self {
        let manifest = env!("CARGO_MANIFEST_DIR");
        let python = std::env::var("GANNET_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let probe = Command::new(&python).args(["-c", "import aioice"]).status();
        assert!(
            probe.is_ok_and(|status| status.success()),
            "{python} has no aioice: install it from PyPI, or set GANNET_PYTHON"
        );
        let mut all = vec![python, format!("{manifest}/aioice_peer.py")];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        Self::start("aioice", &Vec::new(), &all, None)
    }

    pub fn say(&mut self, line: &str) {
        // One that has ended hears nothing; what it should have said is waited for in vain.
        let _ = writeln!(self.input, "{line}");
    }

    /// Whether a line that begins so was heard.
    pub fn has_said(&self, start: &str) -> bool {
        self.heard.iter().any(|line| line.starts_with(start))
    }

    /// The last line that begins so.
    pub fn last(&self, start: &str) -> Option<&str> {
        let mut lines = self.heard.iter().rev();
        lines
            .find(|line| line.starts_with(start))
            .map(String::as_str)
    }

    /// Takes the next line, if one comes in time, and hands on what is for the other side.
    fn pump(&mut self, other: &mut Self, patience: Duration) {
        match self.lines.recv_timeout(patience) {
            Ok(line) => {
                let is_signal = ["parameters ", "candidate:"]
                    .iter()
                    .any(|s| line.starts_with(s));
                if is_signal || line == "end" {
                    other.say(&line);
                }
                self.heard.push(line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(patience),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.say("quit");
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two programs that signal to each other.
pub struct Call {
    pub a: Program,
    pub b: Program,
}

impl Call {
    pub fn new(a: Program, b: Program) -> Self {
        Self { a, b }
    }

    /// Carries lines until `done`, for at most `patience`.
    pub fn run(&mut self, patience: Duration, done: impl Fn(&Program, &Program) -> bool) -> bool {
        let end = Instant::now() + patience;
        while !done(&self.a, &self.b) {
            if Instant::now() >= end {
                return false;
            }
            self.a.pump(&mut self.b, Duration::from_millis(5));
            self.b.pump(&mut self.a, Duration::from_millis(5));
        }
        true
    }

    /// Both have a path.
    pub fn connects(&mut self, patience: Duration) -> bool {
        self.run(patience, |a, b| {
            let connected = |program: &Program| {
                program.has_said("state Connected") || program.has_said("state Completed")
            };
            connected(a) && connected(b)
        })
    }

    /// Each sends so many datagrams, which come back, before and after a consent check is due.
    pub fn assert_data_flows(&mut self, count: u32) {
        for pause in [0, 7] {
            let end = Instant::now() + Duration::from_secs(pause);
            self.run(Duration::from_secs(pause), |_, _| Instant::now() >= end);
            for of_a in [true, false] {
                let speaker = if of_a { &mut self.a } else { &mut self.b };
                speaker.heard.retain(|line| !line.starts_with("echoed"));
                speaker.say(&format!("send {count}"));
                let expected = format!("echoed {count} ");
                let heard = self.run(Duration::from_secs(60), |a, b| {
                    let speaker = if of_a { a } else { b };
                    speaker.has_said(&expected) || speaker.has_said("lost")
                });
                let speaker = if of_a { &self.a } else { &self.b };
                assert!(
                    heard && speaker.has_said(&expected),
                    "{}'s data does not come back",
                    speaker.name
                );
            }
        }
    }
}

/// A coturn of our own.
pub struct Coturn {
    child: Child,
    pub address: SocketAddr,
    pub tls: SocketAddr,
    /// Its certificate, as DER.
    pub certificate: PathBuf,
}

impl Coturn {
    /// On this address, which the machine or the namespace of `prefix` has.
    pub fn start(address: &str, prefix: &Prefix) -> Self {
        need("turnserver", "coturn");
        let ip: IpAddr = address.parse().unwrap();
        let directory = std::env::temp_dir().join(format!("gannet-ice-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = |name: &str| directory.join(name);
        let certified = rcgen::generate_simple_self_signed([address.to_owned()]).unwrap();
        let certificate = path("certificate.der");
        std::fs::write(&certificate, certified.cert.der()).unwrap();
        std::fs::write(path("certificate.pem"), certified.cert.pem()).unwrap();
        std::fs::write(path("key.pem"), certified.signing_key.serialize_pem()).unwrap();
        // In a namespace all ports are free; else ask for two.
        let free = |otherwise| match prefix.is_empty() {
            true => TcpListener::bind((ip, 0))
                .unwrap()
                .local_addr()
                .unwrap()
                .port(),
            false => otherwise,
        };
        let (port, tls_port) = (free(3478), free(5349));
        let log = std::fs::File::create(path("coturn.log")).unwrap();
        let mut words = prefix.clone();
        words.push("turnserver".to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.args([
            "-n",
            "-a",
            "-L",
            address,
            "-E",
            address,
            "-r",
            "example.org",
        ]);
        command.args([
            "-p",
            &port.to_string(),
            "--tls-listening-port",
            &tls_port.to_string(),
        ]);
        command.args(["-u", &format!("{USER}:{PASSWORD}")]);
        command.args([
            "--no-cli",
            "--allow-loopback-peers",
            "--log-file",
            "stdout",
            "-v",
        ]);
        command.args(["--min-port", "49152", "--max-port", "65535"]);
        command.arg("--cert").arg(path("certificate.pem"));
        command.arg("--pkey").arg(path("key.pem"));
        command.arg("--pidfile").arg(path("coturn.pid"));
        let errors = log.try_clone().unwrap();
        let child = command.stdout(log).stderr(errors).spawn().unwrap();
        let mut coturn = Self {
            child,
            address: SocketAddr::new(ip, port),
            tls: SocketAddr::new(ip, tls_port),
            certificate,
        };
        coturn.wait(prefix);
        coturn
    }

    /// Until it takes connections.
    fn wait(&mut self, prefix: &Prefix) {
        let end = Instant::now() + Duration::from_secs(10);
        let [host, port] = [self.address.ip().to_string(), self.tls.port().to_string()];
        let probe = format!("exec 3<>/dev/tcp/{host}/{port}");
        while Instant::now() < end {
            assert!(
                matches!(self.child.try_wait(), Ok(None)),
                "coturn ended; its log is beside {}",
                self.certificate.display()
            );
            let mut words = prefix.clone();
            words.extend(["bash", "-c", &probe].map(str::to_owned));
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).stderr(Stdio::null());
            if command.status().is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("coturn does not listen");
    }

    /// `kind` of `drive`'s servers at this coturn.
    pub fn server(&self, kind: &str) -> String {
        let address = if kind == "turns" {
            self.tls
        } else {
            self.address
        };
        format!("{kind}:{address}")
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its log stays for who has to find out why.
        if let Some(directory) = self.certificate.parent()
            && !std::thread::panicking()
        {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}
