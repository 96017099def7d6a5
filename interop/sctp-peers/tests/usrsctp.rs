//! Our association against usrsctp, in real time: each UDP datagram on loopback is one SCTP packet.
//!
//! usrsctp comes from the system (`libusrsctp-dev` in Debian) with `cc` to build `usrsctp/echo.c`. Where either is
//! missing these tests fail and say so: what was not run has not passed.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_crypto::Rng;
use gannet_sctp::{
    Association, AssociationState, CloseReason, Config, Event, Ppid, SendOptions, StreamId,
};

/// Builds the other end, once for each process of tests. Several of these run side by side: each builds under a name of
/// its own and moves the whole program into place, so that none starts what another is still writing.
fn echo_program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/usrsctp/echo.c");
        let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("usrsctp-echo");
        let unfinished = program.with_extension(std::process::id().to_string());
        let built = Command::new("cc")
            .args(["-O1", "-Wall", "-o"])
            .arg(&unfinished)
            .args([source, "-lusrsctp", "-lpthread"])
            .output()
            .expect("cc is needed to build usrsctp's end");
        assert!(
            built.status.success(),
            "usrsctp's end can not be built; is libusrsctp-dev installed?\n{}",
            String::from_utf8_lossy(&built.stderr)
        );
        std::fs::rename(&unfinished, &program).unwrap();
        program
    })
}

struct Usrsctp(Child);

impl Usrsctp {
    fn start(role: &str, its_port: u16, our_port: u16) -> Self {
        let mut child = Command::new(echo_program())
            .args([role, &its_port.to_string(), &our_port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }
}

impl Drop for Usrsctp {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Our end, on a socket that loses one of so many packets in each direction.
struct Ours {
    association: Association,
    socket: UdpSocket,
    loss: u64,
    luck: Rng,
    received: VecDeque<(u16, Bytes)>,
    events: Vec<Event>,
}

impl Ours {
    fn new(config: Config, loss: u64) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let provider = gannet_crypto::default_provider();
        let rng = Rng::insecure_from_u64(loss + 1);
        Self {
            association: Association::new(config, &provider, rng, Instant::now()),
            socket,
            loss,
            luck: Rng::insecure_from_u64(7),
            received: VecDeque::new(),
            events: Vec::new(),
        }
    }

    fn is_lost(&mut self) -> bool {
        self.loss > 0 && self.luck.below(self.loss) == 0
    }

    /// Sends what is to be sent, and waits for a packet or a timer.
    fn step(&mut self) {
        let now = Instant::now();
        self.association.handle_timeout(now);
        let mut packet = Vec::with_capacity(2048);
        while self.association.poll_transmit(now, &mut packet).is_some() {
            if !self.is_lost() {
                let _ = self.socket.send(&packet);
            }
            packet.clear();
        }
        let wait = self
            .association
            .poll_timeout()
            .map_or(Duration::from_millis(20), |at| {
                at.saturating_duration_since(now)
            })
            .clamp(Duration::from_micros(200), Duration::from_millis(20));
        self.socket.set_read_timeout(Some(wait)).unwrap();
        let mut buf = [0; 65_536];
        if let Ok(len) = self.socket.recv(&mut buf)
            && !self.is_lost()
        {
            self.association.handle_packet(Instant::now(), &buf[..len]);
        }
        self.events
            .extend(std::iter::from_fn(|| self.association.poll_event()));
        while let Some(message) = self.association.poll_message() {
            self.received.push_back((message.stream.0, message.data));
        }
    }

    #[track_caller]
    fn step_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !done(self) {
            assert!(
                Instant::now() < end,
                "{what}: {:?} {:?}",
                self.association.close_reason(),
                self.association.stats()
            );
            self.step();
        }
    }

    /// Messages of all sizes go there and come back, in order on each stream.
    fn exchange(&mut self) {
        let sizes: Vec<usize> = [1, 3, 4, 1000, 1160, 1161, 1200, 5000, 30_000, 100_000]
            .into_iter()
            .cycle()
            .take(60)
            .collect();
        let mut sent = 0;
        let mut back = [0_usize; 3];
        let mut count = 0;
        self.step_until("echoing", |ours| {
            // A few at a time: the echo reads only when it has written.
            while sent < sizes.len() && sent < count + 6 {
                let now = Instant::now();
                let stream = StreamId((sent % 3) as u16);
                let message = pattern(sent, sizes[sent]);
                let options = SendOptions::default();
                ours.association
                    .send(now, stream, Ppid(53), message, options)
                    .unwrap();
                sent += 1;
            }
            while let Some((stream, message)) = ours.received.pop_front() {
                let number = back[usize::from(stream)] * 3 + usize::from(stream);
                assert!(
                    message == pattern(number, sizes[number]),
                    "message {number}"
                );
                back[usize::from(stream)] += 1;
                count += 1;
            }
            count == sizes.len()
        });
    }

    /// Resets a stream in both directions, both by our will (RFC 6525, sections 5.1.2 and 5.1.3).
    fn reset(&mut self, stream: StreamId) {
        self.association.reset_streams(&[stream]).unwrap();
        self.association.reset_incoming_streams(&[stream]).unwrap();
        let both = [
            Event::OutgoingStreamsReset(vec![stream]),
            Event::IncomingStreamsReset(vec![stream]),
        ];
        self.step_until("resetting", |ours| {
            both.iter().all(|event| ours.events.contains(event))
        });
    }
}

fn pattern(seed: usize, len: usize) -> Bytes {
    (0..len)
        .map(|i| (i * 31 + seed * 7 + (i >> 8)) as u8)
        .collect::<Vec<u8>>()
        .into()
}

/// Messages go there and come back, before and after a stream was reset.
fn echo(role: &str, config: Config, loss: u64) {
    let mut ours = Ours::new(config, loss);
    let our_port = ours.socket.local_addr().unwrap().port();
    let its_port = UdpSocket::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .unwrap()
        .port();
    ours.socket.connect(("127.0.0.1", its_port)).unwrap();
    let _usrsctp = Usrsctp::start(role, its_port, our_port);
    if role == "listen" {
        ours.association.connect(Instant::now());
    }
    ours.step_until("connecting", |ours| {
        ours.association.state() == AssociationState::Connected
    });
    ours.exchange();
    ours.reset(StreamId(1));
    ours.exchange();
    assert_eq!(ours.association.stats().messages_abandoned, 0);
    // The loss ends, so that the last packets of the shutdown are not a matter of luck.
    ours.loss = 0;
    ours.association.shutdown(Instant::now());
    ours.step_until("shutting down", |ours| {
        ours.association.state() == AssociationState::Closed
    });
    assert_eq!(
        ours.association.close_reason(),
        Some(&CloseReason::Shutdown)
    );
}

#[test]
fn we_connect_to_usrsctp() {
    echo("listen", Config::default(), 0);
}

#[test]
fn usrsctp_connects_to_us() {
    echo("connect", Config::default(), 0);
}

#[test]
fn we_connect_to_usrsctp_over_a_lossy_path() {
    echo("listen", Config::default(), 20);
}

#[test]
fn usrsctp_connects_to_us_over_a_lossy_path() {
    echo("connect", Config::default(), 20);
}

// usrsctp does not know the PAD chunk's answer to path MTU discovery any other way than by skipping it.
#[test]
fn usrsctp_answers_our_probes_of_the_path() {
    let config = Config {
        max_probed_packet_size: Some(1400),
        ..Config::default()
    };
    echo("listen", config.clone(), 0);
    echo("listen", config, 20);
}
