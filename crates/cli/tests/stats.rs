//! `GET /stats` of the program itself.

mod support;

use std::time::Duration;

use gannet::{MediaKind, PeerConnection};
use serde_json::{Value, json};

use support::Server;

impl Server {
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

    async fn voice(&self) -> PeerConnection {
        self.call(&[MediaKind::Audio], "echo").await
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
    let (one, other) = (server.voice().await, server.voice().await);
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
    let _call = server.voice().await;
    let (head, body) = server.ask("GET", "/stats", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert_eq!(body, "");
}
