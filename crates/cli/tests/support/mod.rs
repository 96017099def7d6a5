//! The program itself, and calls to it.

#![allow(dead_code, reason = "not every test needs all of it")]

pub(crate) mod media;
pub(crate) mod program;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use gannet::{Configuration, Direction, MediaKind, PeerConnection, SessionDescription};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The program, which ends with the test.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    scheme: String,
}

impl Server {
    pub(crate) fn start(options: &[&str]) -> Self {
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
        let (before, url) = line.rsplit_once("://").unwrap();
        let address = url.trim().trim_end_matches('/').parse();
        Self {
            address: address.unwrap_or_else(|_| panic!("no address in {line:?}")),
            scheme: before.rsplit(' ').next().unwrap().to_owned(),
            process,
        }
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Where it is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Status line and headers, and the body.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> (String, String) {
        self.ask_with(method, path, "", body).await
    }

    /// The same, with further headers, each with its line's end.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    /// A call to it, with a section for each kind. `audio` is what the page chooses to hear.
    pub(crate) async fn call(&self, kinds: &[MediaKind], audio: &str) -> PeerConnection {
        let mut configuration = Configuration::default();
        configuration.sockets.addresses = vec![Ipv4Addr::LOCALHOST.into()];
        let connection = PeerConnection::new(configuration).unwrap();
        for kind in kinds {
            connection.add_transceiver(*kind, Direction::SendRecv, None);
        }
        let offer = connection.create_offer().await.unwrap();
        connection.set_local_description(offer).await.unwrap();
        connection.gathering_complete().await;
        let offer = connection.local_description().unwrap().sdp;
        let body = json!({ "type": "offer", "sdp": offer, "audio": audio }).to_string();
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
