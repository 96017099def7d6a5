//! `gannet send` and `gannet receive`, with `gannet serve` between them.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use gannet::codecs::VideoCodec;
use gannet::media::MediaKind;

use support::Server;
use support::media::{Temporary, content, wav, webm};
use support::program::Program;

const KINDS: [MediaKind; 2] = [MediaKind::Audio, MediaKind::Video];

/// One who watches, recording.
struct Viewer {
    program: Program,
    file: Temporary,
}

impl Viewer {
    /// One who is connected.
    fn new(server: &Server, name: &str) -> Self {
        let file = Temporary::new("received.webm");
        let url = server.url(&format!("/whep/{name}"));
        let program = Program::connected(&["receive", &url, "--record", file.path()]);
        Self { program, file }
    }

    /// Leaves, with what it has seen.
    fn leave(self) -> Temporary {
        self.program.stop();
        self.file
    }
}

fn send(server: &Server, name: &str, file: &Temporary) {
    let url = server.url(&format!("/whip/{name}"));
    let ended = Program::run(&["send", &url, "--play", file.path()]);
    assert!(ended.success, "{ended:?}");
    assert_eq!(ended.errors, "");
}

fn same(received: &Path, sent: &Path) {
    for kind in KINDS {
        let (received, sent) = (content(received, kind), content(sent, kind));
        assert_eq!(received.len(), sent.len(), "{kind:?}");
        assert!(received == sent, "{kind:?}");
    }
}

fn two_viewers_get_every_frame(codec: VideoCodec) {
    let server = Server::start(&[]);
    let file = webm(codec, 2);
    // Before the publisher.
    let viewers = [(); 2].map(|()| Viewer::new(&server, "show"));
    // Of another broadcast.
    let other = Viewer::new(&server, "other");
    send(&server, "show", &file);
    for viewer in viewers {
        same(&viewer.leave().0, &file.0);
    }
    other.program.interrupt();
    let ended = other.program.end();
    assert!(!ended.success);
    let expected = format!(
        "gannet: '{}' can not be recorded: nothing came that could be recorded\n",
        other.file.path()
    );
    assert_eq!(ended.errors, expected);
}

#[test]
fn two_viewers_get_every_frame_of_vp8() {
    two_viewers_get_every_frame(VideoCodec::Vp8);
}

#[test]
fn two_viewers_get_every_frame_of_vp9() {
    two_viewers_get_every_frame(VideoCodec::Vp9);
}

#[test]
fn two_viewers_get_every_frame_of_h264() {
    two_viewers_get_every_frame(VideoCodec::H264);
}

/// He gets what is sent from then on, beginning with a key frame.
#[test]
fn a_viewer_may_be_late() {
    let server = Server::start(&[]);
    let file = webm(VideoCodec::Vp8, 2);
    let url = server.url("/whip/show");
    let publisher = Program::connected(&["send", &url, "--play", file.path(), "--loop"]);
    let seen = Temporary::new("late.webm");
    let url = server.url("/whep/show");
    let ended = Program::run(&["receive", &url, "--record", seen.path(), "--duration", "4"]);
    assert!(ended.success, "{ended:?}");
    publisher.stop();
    let sent = content(&file.0, MediaKind::Video);
    let received = content(&seen.0, MediaKind::Video);
    assert!(received.len() >= 50, "{}", received.len());
    assert!(received[0].0, "a key frame");
    let first = sent.iter().position(|frame| *frame == received[0]);
    let expected = sent.iter().cycle().skip(first.unwrap());
    assert!(
        expected
            .zip(&received)
            .all(|(sent, received)| sent == received)
    );
}

#[test]
fn a_publisher_who_comes_again_is_seen_again() {
    let server = Server::start(&[]);
    let (first, second) = (webm(VideoCodec::Vp8, 1), webm(VideoCodec::Vp8, 2));
    let viewer = Viewer::new(&server, "show");
    send(&server, "show", &first);
    send(&server, "show", &second);
    let seen = viewer.leave();
    for kind in KINDS {
        let mut sent = content(&first.0, kind);
        sent.extend(content(&second.0, kind));
        assert!(content(&seen.0, kind) == sent, "{kind:?}");
    }
}

/// Ctrl-C frees the name at once.
#[test]
fn whoever_is_told_to_end_says_goodbye() {
    let server = Server::start(&["--max-viewers", "1"]);
    let (whip, whep) = (server.url("/whip/show"), server.url("/whep/show"));
    let file = webm(VideoCodec::Vp8, 1);
    for _ in 0..2 {
        let send = ["send", &whip, "--play", file.path(), "--loop"];
        let publisher = Program::connected(&send);
        let taken = Program::run(&send);
        assert!(!taken.success);
        let reason = "409 Conflict: somebody publishes under this name already";
        assert_eq!(taken.errors, format!("gannet: {whip} answers {reason}\n"));
        let viewer = Program::connected(&["receive", &whep]);
        let full = Program::run(&["receive", &whep]);
        let reason =
            "503 Service Unavailable: all places are taken; try again when somebody has left";
        assert_eq!(full.errors, format!("gannet: {whep} answers {reason}\n"));
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let printed = viewer.stop();
        assert!(printed.starts_with("1 s: video VP8, "), "{printed}");
        assert!(printed.contains("; audio opus, "), "{printed}");
        assert!(printed.contains("; 0 packets lost in all\n"), "{printed}");
        publisher.stop();
    }
}

/// At the end of the file, when time is over, and at Ctrl-C.
#[test]
fn goodbyes_are_said_by_delete() {
    let server = Server::start(&[]);
    let proxy = Proxy::new(&server);
    let file = webm(VideoCodec::Vp8, 1);
    let (whip, whep) = (proxy.url("/whip/show"), proxy.url("/whep/show"));
    let send = ["send", &whip, "--play", file.path()];
    assert!(Program::run(&send).success);
    proxy.saw("/whip/show");
    Program::connected(&[&send[..], &["--loop"]].concat()).stop();
    proxy.saw("/whip/show");
    assert!(Program::run(&["receive", &whep, "--duration", "0.5"]).success);
    proxy.saw("/whep/show");
    Program::connected(&["receive", &whep]).stop();
    proxy.saw("/whep/show");
}

/// Passes everything on, and remembers the first line of each stream.
struct Proxy {
    address: SocketAddr,
    lines: Receiver<String>,
}

impl Proxy {
    fn new(server: &Server) -> Self {
        let target = server.url("").trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, lines) = channel();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = BufReader::new(client.unwrap());
                let mut line = String::new();
                client.read_line(&mut line).unwrap();
                seen.send(line.clone()).unwrap();
                let mut server = TcpStream::connect(&target).unwrap();
                server.write_all(line.as_bytes()).unwrap();
                let mut back = client.get_ref().try_clone().unwrap();
                let mut answers = server.try_clone().unwrap();
                std::thread::spawn(move || {
                    // Either side may leave first.
                    let _ = std::io::copy(&mut answers, &mut back);
                });
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut client, &mut server);
                });
            }
        });
        Self { address, lines }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A session that was opened and deleted, and nothing else.
    #[track_caller]
    fn saw(&self, path: &str) {
        let lines: Vec<_> = self.lines.try_iter().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], format!("POST {path} HTTP/1.1\r\n"));
        assert!(
            lines[1].starts_with(&format!("DELETE {path}/")),
            "{lines:?}"
        );
    }
}

#[test]
fn those_who_stay_hear_that_the_server_ends() {
    let server = Server::start(&[]);
    let (whip, whep) = (server.url("/whip/show"), server.url("/whep/show"));
    let file = webm(VideoCodec::Vp8, 1);
    let publisher = Program::connected(&["send", &whip, "--play", file.path(), "--loop"]);
    let viewer = Program::connected(&["receive", &whep]);
    server.interrupt();
    for program in [publisher, viewer] {
        let ended = program.end();
        assert!(!ended.success);
        let expected = "gannet: the server has ended the session\n";
        assert!(ended.errors.ends_with(expected), "{ended:?}");
    }
}

#[test]
fn sound_that_is_not_encoded_is() {
    let server = Server::start(&[]);
    let viewer = Viewer::new(&server, "radio");
    send(&server, "radio", &wav());
    let heard = viewer.leave();
    let frames = content(&heard.0, MediaKind::Audio).len();
    assert!((45..=55).contains(&frames), "{frames}");
}

/// A token, HTTPS by a certificate that nobody knows, and a server that passes on.
#[test]
fn the_way_to_a_server_may_be_guarded() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = Temporary::with("cert.pem", made.cert.pem().as_bytes());
    let key = made.signing_key.serialize_pem();
    let key = Temporary::with("key.pem", key.as_bytes());
    let server = Server::start(&[
        "--whip-token",
        "s3cret",
        "--cert-file",
        certificate.path(),
        "--key-file",
        key.path(),
    ]);
    let whip = server.url("/whip/show");
    assert!(whip.starts_with("https://"));
    let (file, trust) = (wav(), ["--ca-file", certificate.path()]);
    let send = |url: &str, more: &[&str]| {
        let mut arguments = vec!["send", url, "--play", file.path()];
        arguments.extend(more);
        Program::run(&arguments)
    };
    let stranger = send(&whip, &["--token", "s3cret"]);
    let expected = format!("gannet: {whip} can not be reached: invalid peer certificate: ");
    assert!(stranger.errors.starts_with(&expected), "{stranger:?}");
    for token in [&[][..], &["--token", "guessed"]] {
        let refused = send(&whip, &[&trust, token].concat());
        let reason = "401 Unauthorized: publishing needs the token: Authorization: Bearer TOKEN";
        assert_eq!(refused.errors, format!("gannet: {whip} answers {reason}\n"));
    }
    let right = [&trust[..], &["--token", "s3cret"]].concat();
    let ended = send(&whip, &right);
    assert!(ended.success, "{ended:?}");

    let passing = passing_on(&whip);
    let ended = send(&passing, &right);
    assert!(ended.success, "{ended:?}");
}

/// A server that passes one request on to another place.
fn passing_on(to: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/elsewhere", listener.local_addr().unwrap());
    let response =
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut length = 0;
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        std::io::copy(
            &mut std::io::Read::take(reader, length),
            &mut std::io::sink(),
        )
        .unwrap();
        stream.write_all(response.as_bytes()).unwrap();
    });
    url
}

#[test]
fn what_can_not_be_done_is_said_in_a_sentence() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/whip/a", free.local_addr().unwrap());
    drop(free);
    let server = Server::start(&[]);
    let (page, wrong) = (server.url("/"), server.url("/whip/no%20name"));
    let sound = wav();
    let letter = Temporary::with("letter.webm", b"To whom it may concern");
    for (arguments, expected) in [
        (
            vec!["send", &nobody, "--play", sound.path()],
            format!("{nobody} can not be reached: Connection refused (os error 111)"),
        ),
        (
            vec!["send", &page, "--play", sound.path()],
            format!("{page} answers 405 Method Not Allowed"),
        ),
        (
            vec!["send", &wrong, "--play", sound.path()],
            format!(
                "{wrong} answers 404 Not Found: a name has letters, digits, and any of -_., 64 at most"
            ),
        ),
        (
            vec!["send", &nobody, "--play", letter.path()],
            format!(
                "'{}' can not be played: it is neither WAV nor WebM, Matroska, MP4 or Ogg Opus",
                letter.path()
            ),
        ),
        (
            vec!["receive", &nobody, "--record", "/nowhere/at/all.webm"],
            "'/nowhere/at/all.webm' can not be written: No such file or directory (os error 2)"
                .to_owned(),
        ),
        (
            vec!["receive", &nobody, "--ca-file", letter.path()],
            format!("'{}' has no certificates", letter.path()),
        ),
    ] {
        let ended = Program::run(&arguments);
        assert!(!ended.success, "{arguments:?}");
        assert_eq!(ended.errors, format!("gannet: {expected}\n"));
    }
}
