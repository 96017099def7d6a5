//! The HTTP face of broadcasts: what WHIP says of requests, and what is refused.

mod support;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use gannet::{Configuration, Direction, MediaKind, PeerConnection};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use support::Server;

const SDP: &str = "content-type: application/sdp\r\n";
const FRAGMENT: &str = "content-type: application/trickle-ice-sdpfrag\r\n";

/// An offer of somebody who is never heard of again.
async fn offer(kinds: &[MediaKind], direction: Direction) -> String {
    let mut configuration = Configuration::default();
    configuration.sockets.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    let connection = PeerConnection::new(configuration).unwrap();
    for kind in kinds {
        connection.add_transceiver(*kind, direction, None);
    }
    let offer = connection.create_offer().await.unwrap();
    connection.set_local_description(offer).await.unwrap();
    connection.gathering_complete().await;
    connection.local_description().unwrap().sdp
}

async fn publishers_offer() -> String {
    offer(&[MediaKind::Audio, MediaKind::Video], Direction::SendOnly).await
}

async fn viewers_offer() -> String {
    offer(&[MediaKind::Audio, MediaKind::Video], Direction::RecvOnly).await
}

/// A header of an answer, whose head is in small letters.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[track_caller]
fn answers(head: &str, status: u16) {
    assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
    // Pages of other origins may see all of it, the refusals too.
    assert_eq!(header(head, "access-control-allow-origin"), Some("*"));
    let exposed = header(head, "access-control-expose-headers").unwrap();
    assert!(exposed.contains("location") && exposed.contains("etag"));
}

/// A session that was opened.
struct Opened {
    location: String,
    tag: String,
    head: String,
    answer: String,
}

impl Server {
    async fn open(&self, path: &str, offer: &str) -> Opened {
        let (head, answer) = self.ask_with("POST", path, SDP, offer).await;
        answers(&head, 201);
        Opened {
            location: header(&head, "location").unwrap().to_owned(),
            tag: header(&head, "etag").unwrap().to_owned(),
            head,
            answer,
        }
    }

    /// Asks for something that is refused, and gives the reason.
    async fn refusal(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
        status: u16,
    ) -> (String, String) {
        let (head, body) = self.ask_with(method, path, headers, body).await;
        answers(&head, status);
        assert_eq!(
            header(&head, "content-type"),
            Some("application/problem+json")
        );
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], status);
        (head, problem["detail"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn an_offer_is_answered() {
    let server = Server::start(&[
        "--ice-server",
        "stun:stun.example.net",
        "--ice-server",
        "turn:turn.example.net,me,pw",
    ]);
    for (path, offer, direction) in [
        ("/whip/show", publishers_offer().await, "a=recvonly"),
        ("/whep/show", viewers_offer().await, "a=sendonly"),
    ] {
        let opened = server.open(path, &offer).await;
        let Opened { head, answer, .. } = &opened;
        assert_eq!(header(head, "content-type"), Some("application/sdp"));
        let patch = Some("application/trickle-ice-sdpfrag");
        assert_eq!(header(head, "accept-patch"), patch);
        // A strong tag, and an address that nobody guesses.
        assert!(opened.tag.starts_with('"') && opened.tag.len() > 16);
        let id = opened.location.strip_prefix(&format!("{path}/")).unwrap();
        assert!(id.len() == 32, "{id}");
        let links = head.lines().filter(|line| line.starts_with("link: "));
        let links: Vec<_> = links.collect();
        assert_eq!(
            links[0],
            "link: <stun:stun.example.net>; rel=\"ice-server\""
        );
        assert!(links[1].contains("username=\"me\"; credential=\"pw\""));
        let count = |line: &str| answer.lines().filter(|found| *found == line).count();
        for line in [
            direction,
            "a=rtcp-mux",
            "a=rtcp-mux-only",
            "a=end-of-candidates",
        ] {
            let expected = if line.starts_with("a=end") { 1 } else { 2 };
            assert_eq!(count(line), expected, "{line} in {answer}");
        }
        for path in [path, &*opened.location] {
            let (head, body) = server.ask("GET", path, "").await;
            answers(&head, 204);
            assert_eq!(body, "");
        }
    }
}

#[tokio::test]
async fn what_is_sent_belongs_together() {
    let server = Server::start(&[]);
    let opened = server.open("/whep/show", &viewers_offer().await).await;
    let lines = opened.answer.lines();
    let streams = lines.filter_map(|line| line.strip_prefix("a=msid:"));
    let streams: Vec<_> = streams
        .map(|msid| msid.split(' ').next().unwrap())
        .collect();
    assert_eq!(streams.len(), 2);
    assert_eq!(streams[0], streams[1]);
}

#[tokio::test]
async fn offers_that_are_none_are_refused() {
    let server = Server::start(&[]);
    let (publisher, viewer) = (publishers_offer().await, viewers_offer().await);
    let twice = offer(&[MediaKind::Video; 2], Direction::SendOnly).await;
    let unknown = publisher.replace("opus/48000", "other/48000");
    let unknown = unknown.replace("G722", "G7").replace("PCM", "QCM");
    let insecure = publisher.replace("a=fingerprint", "a=x-fingerprint");
    let large = "x".repeat(300 * 1024);
    for (headers, body, status, reason) in [
        (
            "",
            &*publisher,
            415,
            "the body should be of type application/sdp",
        ),
        (
            "content-type: text/plain\r\n",
            &publisher,
            415,
            "the body should be",
        ),
        (SDP, "", 400, "the offer is no session description: "),
        (
            SDP,
            "Dear Sir",
            400,
            "the offer is no session description: line 1: ",
        ),
        (
            SDP,
            &viewer,
            422,
            "line 8: the section is recvonly, it should be sendonly",
        ),
        (SDP, &twice, 422, "line "),
        (SDP, &unknown, 422, "the section of audio can not be taken"),
        (SDP, &insecure, 422, "the offer can not be answered: line "),
        (SDP, &large, 413, "the body has more than 262144 bytes"),
    ] {
        let (_, detail) = server
            .refusal("POST", "/whip/show", headers, body, status)
            .await;
        assert!(detail.starts_with(reason), "{detail}");
    }
    let (_, detail) = server
        .refusal("POST", "/whep/show", SDP, &publisher, 422)
        .await;
    assert!(detail.contains("it should be recvonly"), "{detail}");
    // None of them has taken the name.
    server.open("/whip/show", &publisher).await;
}

#[tokio::test]
async fn methods_and_resources_that_are_not_there_are_refused() {
    let server = Server::start(&[]);
    let session = server.open("/whip/show", &publishers_offer().await).await;
    let (session, other) = (&*session.location, "/whip/show/0123456789");
    let as_viewer = session.replace("whip", "whep");
    let elsewhere = session.replace("show", "other");
    for (method, path, status) in [
        ("PUT", "/whip/show", 405),
        ("PATCH", "/whip/show", 405),
        ("DELETE", "/whep/show", 405),
        ("POST", session, 405),
        ("GET", other, 404),
        ("PATCH", other, 404),
        ("DELETE", other, 404),
        ("DELETE", &as_viewer, 404),
        ("DELETE", &elsewhere, 404),
        ("POST", "/whip/no%20name", 404),
        ("POST", "/whip/..%2fwhip", 404),
        ("GET", "/whep/%ff", 400),
        ("GET", "/watch/no%20name", 404),
    ] {
        let (head, _) = server.ask_with(method, path, SDP, "").await;
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{method} {path}: {head}"
        );
        let allowed = header(&head, "allow");
        assert_eq!(allowed.is_some(), status == 405, "{method} {path}: {head}");
    }
}

#[tokio::test]
async fn a_name_is_taken_until_its_session_is_deleted() {
    let server = Server::start(&["--max-publishers", "2", "--max-viewers", "1"]);
    let (publisher, viewer) = (publishers_offer().await, viewers_offer().await);
    let session = server.open("/whip/show", &publisher).await;
    let (_, detail) = server
        .refusal("POST", "/whip/show", SDP, &publisher, 409)
        .await;
    assert_eq!(detail, "somebody publishes under this name already");
    server.open("/whip/other", &publisher).await;
    server.open("/whep/show", &viewer).await;
    for (path, offer) in [("/whip/third", &publisher), ("/whep/show", &viewer)] {
        let (head, _) = server.refusal("POST", path, SDP, offer, 503).await;
        assert_eq!(header(&head, "retry-after"), Some("10"));
    }
    // An entity tag has no meaning here.
    let tag = "if-match: \"other\"\r\n";
    let (head, body) = server.ask_with("DELETE", &session.location, tag, "").await;
    answers(&head, 200);
    assert_eq!(body, "");
    server.open("/whip/show", &publisher).await;
    server
        .refusal("DELETE", &session.location, "", "", 404)
        .await;
}

#[tokio::test]
async fn publishers_need_the_token_and_viewers_do_not() {
    let server = Server::start(&["--whip-token", "s3cret"]);
    let offer = publishers_offer().await;
    let path = "/whip/show";
    for token in [
        "",
        "authorization: Bearer s3creT\r\n",
        "authorization: Basic s3cret\r\n",
    ] {
        let headers = format!("{SDP}{token}");
        let (head, _) = server.refusal("POST", path, &headers, &offer, 401).await;
        assert_eq!(
            header(&head, "www-authenticate"),
            Some("bearer realm=\"whip\"")
        );
    }
    let right = format!("{SDP}authorization: Bearer s3cret\r\n");
    let (head, _) = server.ask_with("POST", path, &right, &offer).await;
    answers(&head, 201);
    let session = header(&head, "location").unwrap();
    // Who knows the session's address does not have the token yet.
    for method in ["PATCH", "DELETE"] {
        server.refusal(method, session, FRAGMENT, "", 401).await;
    }
    let (head, _) = server.ask_with("DELETE", session, &right, "").await;
    answers(&head, 200);
    server.open("/whep/show", &viewers_offer().await).await;
}

#[tokio::test]
async fn candidates_come_later_and_ice_restarts() {
    let server = Server::start(&[]);
    let offer = publishers_offer().await;
    let bare = offer.lines().filter(|line| !line.contains("candidate"));
    let bare: String = bare.map(|line| format!("{line}\r\n")).collect();
    let session = server.open("/whip/show", &bare).await;
    let path = &*session.location;
    let of = |name: &str| {
        let found = offer.lines().find(|line| line.starts_with(name));
        found.unwrap().to_owned()
    };
    let credentials = format!("{}\r\n{}\r\n", of("a=ice-ufrag"), of("a=ice-pwd"));
    let fragment = |credentials: &str, candidate: &str| {
        format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{}\r\n{credentials}{candidate}\r\n",
            of("a=mid")
        )
    };
    let trickled = fragment(&credentials, &of("a=candidate"));
    let current = format!("{FRAGMENT}if-match: {}\r\n", session.tag);
    let stale = format!("{FRAGMENT}if-match: \"stale\"\r\n");
    let nonsense = fragment(&credentials, "a=candidate:nonsense");
    let half = fragment("a=ice-ufrag:half\r\n", "");
    for (headers, body, status) in [
        (FRAGMENT, &*trickled, 428),
        (&stale, &trickled, 412),
        (&format!("{SDP}if-match: *\r\n"), &trickled, 415),
        (&current, "Dear Sir", 400),
        (&current, &nonsense, 400),
        (&current, half.trim_end(), 400),
        (&current, &trickled.replace("a=mid:", "a=mid:no"), 422),
    ] {
        server.refusal("PATCH", path, headers, body, status).await;
    }
    // Of a transport that nobody knows: left out without a word.
    let exotic = fragment(&credentials, "a=candidate:1 1 sctp 1 192.0.2.1 9 typ host");
    for body in [&trickled, &exotic] {
        let (head, body) = server.ask_with("PATCH", path, &current, body).await;
        answers(&head, 204);
        assert_eq!((body.as_str(), header(&head, "etag")), ("", None));
    }

    let other = "a=ice-ufrag:other\r\na=ice-pwd:otherotherotherotherother\r\n";
    let restart = fragment(other, &of("a=candidate"));
    ice_restarts(&server, &session, &restart).await;
}

async fn ice_restarts(server: &Server, session: &Opened, restart: &str) {
    let path = &*session.location;
    let current = format!("{FRAGMENT}if-match: {}\r\n", session.tag);
    let whichever = format!("{FRAGMENT}if-match: *\r\n");
    let (head, body) = server.ask_with("PATCH", path, &whichever, restart).await;
    answers(&head, 200);
    let kind = Some("application/trickle-ice-sdpfrag");
    assert_eq!(header(&head, "content-type"), kind);
    let tag = header(&head, "etag").unwrap();
    assert_ne!(tag, session.tag);
    for name in ["a=ice-ufrag:", "a=ice-pwd:"] {
        let line = body.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(session.answer.lines().all(|known| known != line), "{line}");
    }
    for line in [
        "a=candidate:",
        "a=end-of-candidates",
        "m=audio 9 ",
        "a=mid:0",
    ] {
        assert!(body.lines().any(|found| found.starts_with(line)), "{body}");
    }
    server.refusal("PATCH", path, &current, restart, 412).await;
    let again = restart.replace("other", "third");
    let (head, _) = server.refusal("PATCH", path, &whichever, &again, 429).await;
    assert_eq!(header(&head, "retry-after"), Some("1"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Server::start(&[]);
    let url = server.url("");
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))
        .await
        .unwrap();
    let head = format!("POST /whip/show HTTP/1.1\r\nhost: x\r\n{SDP}content-length: 9\r\n\r\nv=0");
    stream.write_all(head.as_bytes()).await.unwrap();
    let started = Instant::now();
    let mut answer = [0; 12];
    let read = stream.read_exact(&mut answer);
    tokio::time::timeout(Duration::from_secs(30), read)
        .await
        .expect("it answers")
        .unwrap();
    assert_eq!(answer, *b"HTTP/1.1 408");
    assert!(started.elapsed() >= Duration::from_secs(9));
    server.open("/whip/show", &publishers_offer().await).await;
}

#[tokio::test]
async fn pages_of_other_origins_may_ask() {
    let server = Server::start(&["--whip-token", "s3cret"]);
    let preflight = "origin: https://example.net\r\naccess-control-request-method: POST\r\n\
        access-control-request-headers: authorization,content-type\r\n";
    let (head, _) = server
        .ask_with("OPTIONS", "/whip/show", preflight, "")
        .await;
    answers(&head, 200);
    assert_eq!(header(&head, "accept-post"), Some("application/sdp"));
    let allowed = header(&head, "access-control-allow-headers").unwrap();
    for name in ["authorization", "content-type", "if-match"] {
        assert!(allowed.contains(name), "{allowed}");
    }
    let (head, _) = server
        .ask_with("OPTIONS", "/whip/show/1", preflight, "")
        .await;
    answers(&head, 200);
    let patch = Some("application/trickle-ice-sdpfrag");
    assert_eq!(header(&head, "accept-patch"), patch);
    let methods = header(&head, "access-control-allow-methods").unwrap();
    for name in ["patch", "delete"] {
        assert!(methods.contains(name), "{methods}");
    }
}

#[tokio::test]
async fn there_are_pages() {
    let server = Server::start(&[]);
    for (path, kind) in [
        ("/watch/show", "text/html"),
        ("/publish/show", "text/html"),
        ("/broadcast.js", "text/javascript"),
        ("/broadcast.css", "text/css"),
    ] {
        let (head, body) = server.ask("GET", path, "").await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(header(&head, "content-type").unwrap().starts_with(kind));
        assert!(!body.is_empty());
    }
    let (_, body) = server.ask("GET", "/", "").await;
    for link in ["href=\"publish/live\"", "href=\"watch/live\""] {
        assert!(body.contains(link));
    }
}
