//! The demo's page in real browsers.

use std::time::Duration;

use gannet_interop::browser::Browser;
use gannet_interop::page::{self, CallReport};
use gannet_interop::server::Server;
use serde_json::{Value, json};

const SECONDS: u64 = 5;

/// What every call must come to.
fn check_call(report: &CallReport, codec: &str) {
    assert!(report.fps >= 28.0, "{report:#?}");
    assert_eq!(report.stats["codecIn"], codec, "{report:#?}");
    assert_eq!(report.stats["codecOut"], codec, "{report:#?}");
    assert!(report.pings.len() >= 3, "{report:#?}");
    assert!(report.pings.iter().all(|ping| *ping < 100.0), "{report:#?}");
}

/// The edges of a picture: mostly black, some white, no colours.
fn check_edges(report: &CallReport) {
    assert!((0.002..0.4).contains(&report.bright), "{report:#?}");
    assert!(report.colour < 12.0, "{report:#?}");
}

/// The drawing with its colour bars, its numbers, and its tone of 440 Hz.
fn check_echo(report: &CallReport) {
    assert!(report.colour > 40.0, "{report:#?}");
    let pitch = report.pitch.expect("sound came back");
    assert!((435.0..445.0).contains(&pitch), "{report:#?}");
    assert!(report.delays.len() > 50, "{report:#?}");
    assert!(report.median_delay() < 150.0, "{report:#?}");
}

fn settings(source: &str, transform: &str, codec: &str) -> Value {
    json!({
        "source": source,
        "transform": transform,
        "codec": codec,
        "resolution": "640x480",
        "audio": "echo",
    })
}

#[tokio::test]
async fn chromium_gets_edges_of_its_camera_back_in_vp8_and_h264() {
    let server = Server::start(&[]);
    let browser = Browser::chromium(&[]).await;
    browser.open(&server.url).await;
    for codec in ["VP8", "H264"] {
        let report = page::call(&browser, settings("camera", "edges", codec), SECONDS).await;
        check_call(&report, &format!("video/{codec}"));
        check_edges(&report);
        assert_eq!(report.stats["dtls"], "FEFC", "DTLS 1.3: {report:#?}");
        assert_eq!(
            (&report.stats["width"], &report.stats["height"]),
            (&json!(640), &json!(480))
        );
    }
    browser.close().await;
}

#[tokio::test]
async fn chromium_gets_its_drawing_and_its_tone_back_in_time() {
    let server = Server::start(&[]);
    let browser = Browser::chromium(&[]).await;
    browser.open(&server.url).await;
    let report = page::call(&browser, settings("canvas", "none", "VP8"), SECONDS).await;
    check_call(&report, "video/VP8");
    check_echo(&report);
    browser.close().await;
}

#[tokio::test]
async fn firefox_gets_edges_and_its_drawing_back() {
    let server = Server::start(&[]);
    let browser = Browser::firefox(&[]).await;
    browser.open(&server.url).await;
    let report = page::call(&browser, settings("camera", "edges", "VP8"), SECONDS).await;
    check_call(&report, "video/VP8");
    check_edges(&report);
    let report = page::call(&browser, settings("canvas", "none", "VP8"), SECONDS).await;
    check_call(&report, "video/VP8");
    check_echo(&report);
    browser.close().await;
}

#[tokio::test]
async fn firefox_held_to_dtls_1_2_connects() {
    let server = Server::start(&[]);
    let browser = Browser::firefox(&[("media.peerconnection.dtls.version.max", json!(771))]).await;
    browser.open(&server.url).await;
    let report = page::call(&browser, settings("camera", "none", "VP8"), 2).await;
    check_call(&report, "video/VP8");
    browser.close().await;
}

#[tokio::test]
async fn a_name_in_place_of_an_address_is_resolved() {
    let server = Server::start(&[]);
    let browser = Browser::firefox(&[(
        "media.peerconnection.ice.obfuscate_host_addresses",
        json!(true),
    )])
    .await;
    browser.open(&server.url).await;
    let report = page::call(&browser, settings("canvas", "none", "VP8"), 2).await;
    check_call(&report, "video/VP8");
    browser.close().await;
}

#[tokio::test]
async fn a_killed_browser_frees_its_place_within_35_seconds() {
    let server = Server::start(&["--max-calls", "1"]);
    let mut browser = Browser::chromium(&[]).await;
    browser.open(&server.url).await;
    let start = "await gannet.start(argument)";
    browser.run(start, settings("canvas", "none", "VP8")).await;
    browser.kill();

    let other = Browser::chromium(&[]).await;
    other.open(&server.url).await;
    let refused =
        "await gannet.start(argument).catch(() => {}); return gannet.error && gannet.error.text";
    let error = other.run(refused, settings("canvas", "none", "VP8")).await;
    assert!(
        error.as_str().is_some_and(|text| text.contains("busy")),
        "{error}"
    );
    tokio::time::sleep(Duration::from_secs(35)).await;
    other.run(start, settings("canvas", "none", "VP8")).await;
    page::wait_for_state(&other, "connected", Duration::from_secs(5)).await;
    other.close().await;
}
