//! What is no description, and what is too large: the error says where and what.

use gannet_sdp::attribute::{AttributeName, Candidate, Fmtp, Mid, Rtpmap};
use gannet_sdp::{Limits, MediaDescription, MediaLine, Origin, ParseErrorKind, SessionDescription};

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

fn error(text: &str) -> String {
    SessionDescription::parse(text)
        .and_then(|sdp| sdp.check())
        .unwrap_err()
        .to_string()
}

#[test]
fn structure() {
    let cases = [
        ("", "line 1: line: expected v=0, found \"\""),
        ("hello", "line 1: line: expected v=0, found \"hello\""),
        ("v=1\r\n", "line 1: v=: expected 0, found \"1\""),
        ("v=0\r\ns=-\r\n", "line 2: line: expected o=, found \"s=-\""),
        (
            "v=0\r\no=- x 2 IN IP4 0.0.0.0\r\n",
            "line 2: sess-id: expected a decimal number, found \"x\"",
        ),
        (
            "v=0\r\no=- 1 2 IN IP4\r\n",
            "line 2: unicast-address: expected an address, found \"\"",
        ),
        (
            "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\n",
            "line 3: line: expected s=, found \"\"",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), expected);
    }
}

#[test]
fn lines_after_the_head() {
    let cases = [
        (
            "x=1",
            "line 5: line: expected one of v= o= s= i= u= e= p= c= b= t= r= z= k= a= m=, found \"x=1\"",
        ),
        (
            "a",
            "line 5: line: expected one of v= o= s= i= u= e= p= c= b= t= r= z= k= a= m=, found \"a\"",
        ),
        ("a=", "line 5: attribute-name: expected a token, found \"\""),
        (
            "a=b c",
            "line 5: attribute-name: expected a token, found \"b c\"",
        ),
        (
            "m=audio",
            "line 5: port: expected a port from 0 to 65535, found \"\"",
        ),
        (
            "m=audio 70000 RTP/AVP 0",
            "line 5: port: expected a port from 0 to 65535, found \"70000\"",
        ),
        (
            "m=audio 9 RTP//AVP 0",
            "line 5: proto: expected tokens parted by slashes, found \"RTP//AVP\"",
        ),
        (
            "m=audio 9 RTP/AVP",
            "line 5: fmt: expected at least one format, found \"\"",
        ),
        (
            "m=audio 9/x RTP/AVP 0",
            "line 5: number of ports: expected a decimal number, found \"x\"",
        ),
        (
            "m=audio 9 RTP/AVP 0\r\nt=0 0",
            "line 6: line: expected one of m= i= c= b= k= a=, found \"t=0 0\"",
        ),
        (
            "a=x\r\n\r\na=y",
            "line 6: line: expected one of v= o= s= i= u= e= p= c= b= t= r= z= k= a= m=, found \"\"",
        ),
        (
            "a=x\ry",
            "line 5: line: expected no CR and no NUL inside of it, found \"a=x\\ry\\r\\n\"",
        ),
        (
            "a=x\0",
            "line 5: line: expected no CR and no NUL inside of it, found \"a=x\\0\\r\\n\"",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(error(&format!("{HEAD}{line}\r\n")), expected);
    }
}

#[test]
fn values_are_checked_when_asked_for() {
    let cases = [
        (
            "c=IN IP4",
            "line 6: connection-address: expected an address, found \"\"",
        ),
        (
            "b=AS",
            "line 6: b=: expected a bandwidth type, a colon and a number, found \"AS\"",
        ),
        (
            "b=AS:-1",
            "line 6: bandwidth: expected a decimal number below 2^64, found \"-1\"",
        ),
        (
            "a=rtpmap:300 VP8/90000",
            "line 6: payload type: expected a payload type from 0 to 127, found \"300\"",
        ),
        (
            "a=mid:a b",
            "line 6: identification-tag: expected a token, found \"a b\"",
        ),
        (
            "a=setup:x",
            "line 6: role: expected active, passive, actpass or holdconn, found \"x\"",
        ),
        (
            "a=sctp-port:99999",
            "line 6: sctp-port-value: expected a port from 0 to 65535, found \"99999\"",
        ),
        (
            "a=rtcp-mux:x",
            "line 6: attribute-value: expected no value, found \"x\"",
        ),
        (
            "a=candidate:1 1 udp",
            "line 6: priority: expected a number from 0 to 2^32 - 1, found \"\"",
        ),
        (
            "a=ice-ufrag:abc",
            "line 6: ufrag: expected 4 to 256 letters, digits, + or /, found \"abc\"",
        ),
    ];
    for (line, expected) in cases {
        let text = format!("{HEAD}m=audio 9 RTP/AVP 0\r\n{line}\r\n");
        let parsed = SessionDescription::parse(&text).expect("the structure is right");
        assert_eq!(parsed.check().unwrap_err().to_string(), expected);
        assert_eq!(parsed.to_string(), text, "and it is written as it was read");
    }
}

#[test]
fn an_error_keeps_little_of_a_long_text_and_cuts_between_characters() {
    let text = format!("{HEAD}m={}é audio\r\n", "x".repeat(47));
    let message = error(&text);
    assert!(message.len() < 120, "{message}");
}

#[test]
fn bytes_that_are_not_utf8_name_their_line() {
    let mut bytes = HEAD.as_bytes().to_vec();
    bytes.extend(b"a=x:\xff\r\n");
    let error = SessionDescription::parse_bytes(&bytes).unwrap_err();
    assert_eq!((error.line, error.kind), (5, ParseErrorKind::NotUtf8));
}

#[test]
fn limits_are_kept() {
    let limits = Limits {
        text: 4096,
        line: 64,
        lines: 20,
        media: 3,
    };
    let parse = |text: String| SessionDescription::parse_with(&text, &limits);
    let kind = |text: String| match parse(text).unwrap_err().kind {
        ParseErrorKind::Limit { what, limit } => (what, limit),
        other => panic!("{other}"),
    };
    assert!(parse(format!("{HEAD}{}", "m=a 1 b c\r\n".repeat(3))).is_ok());
    assert_eq!(
        kind(format!("{HEAD}{}", "m=a 1 b c\r\n".repeat(4))),
        ("media descriptions", 3)
    );
    assert!(parse(format!("{HEAD}{}", "a=b\r\n".repeat(16))).is_ok());
    assert_eq!(
        kind(format!("{HEAD}{}", "a=b\r\n".repeat(17))),
        ("lines", 20)
    );
    assert!(parse(format!("{HEAD}a={}\r\n", "b".repeat(62))).is_ok());
    assert_eq!(
        kind(format!("{HEAD}a={}\r\n", "b".repeat(63))),
        ("bytes in the line", 64)
    );
    assert_eq!(kind("v".repeat(4097)), ("bytes", 4096));
}

#[test]
fn line_ends_may_be_lf_alone_and_the_last_may_lack() {
    let text = "v=0\no=- 1 2 IN IP4 0.0.0.0\ns=-\nt=0 0\na=x\nm=audio 9 RTP/AVP 0\na=mid:0";
    let parsed = SessionDescription::parse(text).unwrap();
    assert_eq!(parsed.media[0].mid().unwrap(), Some("0"));
    assert_eq!(
        parsed.to_string(),
        format!("{}\r\n", text.replace('\n', "\r\n"))
    );
    assert_eq!(
        SessionDescription::parse(&format!("{text}\r\n\r\n\n")).unwrap(),
        parsed
    );
}

/// A value that a program writes can't end its line and begin another.
#[test]
fn no_line_is_smuggled_in() {
    let origin = Origin {
        username: "-",
        session_id: "1",
        session_version: 1,
        network_type: "IN",
        address_type: "IP4",
        unicast_address: "0.0.0.0",
    };
    let mut description = SessionDescription::new(&origin);
    description.push_raw("tool:x\r\na=ice-lite\0");
    let media = MediaLine {
        media: "audio",
        port: 9,
        port_count: None,
        protocol: "RTP/AVP",
        formats: vec!["0"],
    };
    let mut media = MediaDescription::new(&media);
    media
        .push(&Mid("0\r\na=inactive"))
        .push(&Fmtp::new("0", "a\nb"));
    description.push_media(media);
    let parsed = SessionDescription::parse(&description.to_string()).unwrap();
    assert!(!parsed.has(AttributeName::IceLite));
    assert_eq!(parsed.media[0].direction(), None);
    assert_eq!(parsed.media[0].fmtp(0).unwrap().parameters, "ab");
    assert_eq!(parsed, description);
}

#[test]
fn edits() {
    let text = format!(
        "{HEAD}m=audio 9 RTP/AVP 0 96\r\na=mid:0\r\na=rtpmap:96 opus/48000/2\r\na=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\na=x-unknown:y\r\n"
    );
    let mut parsed = SessionDescription::parse(&text).unwrap();
    let audio = &mut parsed.media[0];
    assert_eq!(audio.remove(AttributeName::Candidate), 1);
    assert_eq!(audio.remove(AttributeName::Candidate), 0);
    audio
        .push(&Rtpmap::new(0, "PCMU", 8000, None))
        .push_flag(AttributeName::RtcpMux);
    let formats = vec!["0"];
    let line = MediaLine {
        media: "audio",
        port: 0,
        port_count: None,
        protocol: "RTP/AVP",
        formats,
    };
    audio.set_media_line(&line);
    assert_eq!(audio.media_line(), line);
    parsed.set_origin(&Origin {
        session_version: 3,
        ..Origin::parse("- 1 2 IN IP4 0.0.0.0").unwrap()
    });
    let expected = format!(
        "{}m=audio 0 RTP/AVP 0\r\na=mid:0\r\na=rtpmap:96 opus/48000/2\r\na=x-unknown:y\r\na=rtpmap:0 PCMU/8000\r\na=rtcp-mux\r\n",
        HEAD.replace("1 2", "1 3")
    );
    assert_eq!(parsed.to_string(), expected);
    assert_eq!(SessionDescription::parse(&expected).unwrap(), parsed);
}

#[test]
fn a_candidate_apart_from_a_description() {
    for prefix in ["", "candidate:", "a=candidate:"] {
        let text = format!("{prefix}1 1 udp 1 10.0.0.1 5 typ host");
        assert_eq!(Candidate::parse_signalled(&text).unwrap().port, 5);
    }
}
