//! `GET /stats` of the program itself.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gannet::{Configuration, Direction, MediaKind, PeerConnection, SessionDescription};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The program, which ends with the test.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gannet"))
            .args(["serve", "--host", "127.0.0.1", "--port", "0"])
            .args(["--address", "127.0.0.1"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = process.stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        let url = line.rsplit("//").next().unwrap();
        let address = url.trim().trim_end_matches('/').parse();
        Self {
            address: address.unwrap_or_else(|_| panic!("no address in {line:?}")),
            process,
        }
    }

    /// Status line and headers, and the body.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    async fn stats(&self) -> Value {
        let (head, body) = self.ask("GET", "/stats", "").await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("cache-control: no-store"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        serde_json::from_str(&body).unwrap()
    }

    /// Asks until the answer is one that is waited for.
    async fn stats_when(&self, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1000 {
            let stats = self.stats().await;
            if holds(&stats) {
                return stats;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it never came: {}", self.stats().await);
    }

    /// A call to it.
    async fn call(&self) -> PeerConnection {
        let mut configuration = Configuration::default();
        configuration.sockets.addresses = vec![Ipv4Addr::LOCALHOST.into()];
        let connection = PeerConnection::new(configuration).unwrap();
        connection.add_transceiver(MediaKind::Audio, Direction::SendRecv, None);
        let offer = connection.create_offer().await.unwrap();
        connection.set_local_description(offer).await.unwrap();
        connection.gathering_complete().await;
        let offer = connection.local_description().unwrap().sdp;
        let body = json!({ "type": "offer", "sdp": offer }).to_string();
        let (_, answer) = self.ask("POST", "/offer", &body).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let answer = SessionDescription::answer(answer["sdp"].as_str().unwrap().to_owned());
        connection.set_remote_description(answer).await.unwrap();
        connection
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The object of a kind in a report.
fn of_kind<'a>(report: &'a Value, kind: &str) -> &'a Value {
    let mut objects = report.as_object().unwrap().values();
    let found = objects.find(|object| object["type"] == kind);
    found.unwrap_or(&Value::Null)
}

#[tokio::test]
async fn all_calls_that_go_on_are_told() {
    let server = Server::start(&["--stats"]);
    assert_eq!(server.stats().await, json!({}));
    let (one, other) = (server.call().await, server.call().await);
    let connected = |report: &Value| of_kind(report, "transport")["dtlsState"] == "connected";
    let stats = server
        .stats_when(|stats| connected_all(stats, connected))
        .await;
    let numbers: Vec<_> = stats.as_object().unwrap().keys().collect();
    assert_eq!(numbers, ["1", "2"]);
    for report in stats.as_object().unwrap().values() {
        assert_eq!(of_kind(report, "remote-candidate")["address"], "127.0.0.1");
        assert_eq!(of_kind(report, "media-source")["kind"], "audio");
    }
    one.close();
    let stats = server
        .stats_when(|stats| stats.as_object().unwrap().len() == 1)
        .await;
    assert!(connected(&stats["2"]));
    other.close();
    server.stats_when(|stats| *stats == json!({})).await;
}

fn connected_all(stats: &Value, connected: impl Fn(&Value) -> bool) -> bool {
    stats.as_object().unwrap().values().all(connected)
}

#[tokio::test]
async fn without_the_option_nothing_is_told() {
    let server = Server::start(&[]);
    let _call = server.call().await;
    let (head, body) = server.ask("GET", "/stats", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert_eq!(body, "");
}
