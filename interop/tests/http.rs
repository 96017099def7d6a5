//! What the server says to offers that it can not answer.

use std::io::{Read, Write};
use std::net::TcpStream;

use gannet_interop::server::Server;
use serde_json::Value;

/// Posts a body to `/offer`: the status, and what came with it.
fn post(server: &Server, body: &str) -> (u16, Value) {
    let address = server
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let request = format!(
        "POST /offer HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it answers");
    let status = response
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a status");
    let body = response
        .split_once("\r\n\r\n")
        .map(|(_, body)| body)
        .unwrap_or_default();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn wrong_offers_get_a_clear_4xx_and_the_server_goes_on() {
    let server = Server::start(&[]);
    let no_fingerprint = "v=0\\r\\no=- 1 1 IN IP4 0.0.0.0\\r\\ns=-\\r\\nt=0 0\\r\\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 0\\r\\nc=IN IP4 0.0.0.0\\r\\na=mid:0\\r\\na=rtcp-mux\\r\\n\
        a=ice-ufrag:abcd\\r\\na=ice-pwd:abcdefghijklmnopqrstuv\\r\\na=setup:actpass\\r\\n";
    let wrong = [
        ("", "JSON"),
        ("{}", "sdp"),
        (r#"{"sdp": "v=0", "type": "answer"}"#, "should be 'offer'"),
        (r#"{"sdp": "hello", "type": "offer"}"#, "line 1"),
        (r#"{"sdp": "", "type": "offer"}"#, "line 1"),
        (
            r#"{"sdp": "v=0", "type": "offer", "video_transform": "magic"}"#,
            "edges",
        ),
        (
            &format!(r#"{{"sdp": "{no_fingerprint}", "type": "offer"}}"#),
            "fingerprint",
        ),
    ];
    for (body, expected) in wrong {
        let (status, answer) = post(&server, body);
        let error = answer["error"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(error.contains(expected), "{body}: {error}");
    }
    let (status, _) = post(&server, &"x".repeat(1 << 20));
    assert_eq!(status, 413);
}
