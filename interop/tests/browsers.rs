//! The demo's page in real browsers.

use std::time::Duration;

use gannet_interop::browser::Browser;
use gannet_interop::page::{self, CallReport};
use gannet_interop::process::Process;
use gannet_interop::server::Server;
use serde_json::{Value, json};

const SECONDS: u64 = 5;

/// What every call must come to. A drawing comes at the pace at which the browser draws.
fn check_call(report: &CallReport, codec: &str) {
    assert!(
        report.fps >= 12.0 && report.fps >= report.fps_sent * 0.9,
        "{report:#?}"
    );
    assert_eq!(report.stats["codecIn"], codec, "{report:#?}");
    assert_eq!(report.stats["codecOut"], codec, "{report:#?}");
    assert!(report.pings.len() >= 3, "{report:#?}");
    assert!(report.median_ping() < 50.0, "{report:#?}");
}

/// The edges of the camera's picture at its full pace: mostly black, some white, no colours.
fn check_edges(report: &CallReport) {
    assert!(report.fps >= 28.0, "{report:#?}");
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

/// As from another machine, where only HTTPS gives the page a camera.
#[tokio::test]
async fn the_page_works_over_https() {
    let server = Server::start(&["--https"]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let browser = Browser::chromium(&["--ignore-certificate-errors"]).await;
    browser.open(&server.url).await;
    let report = page::call(&browser, settings("camera", "edges", "VP8"), SECONDS).await;
    check_call(&report, "video/VP8");
    check_edges(&report);
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

/// Sends everything through the relay, which has no other way in than the address that it listens on.
const THROUGH_RELAY: &str = "
    const fetch = window.fetch;
    window.fetch = async (url, init) => {
        const offer = JSON.parse(init.body);
        offer.sdp = offer.sdp.replace(/a=candidate:.*\\r\\n/g, '');
        const response = await fetch(url, { ...init, body: JSON.stringify(offer) });
        if (!response.ok) return response;
        const answer = await response.json();
        answer.sdp = answer.sdp.replaceAll(` ${argument.server} `, ` ${argument.relay} `);
        return new Response(JSON.stringify(answer), { status: 200 });
    };";

#[tokio::test]
async fn a_call_over_a_bad_network_does_not_freeze() {
    const SERVER: &str = "10.9.9.1:7001";
    const RELAY: &str = "10.9.9.1:7002";
    let mut command = std::process::Command::new(
        std::env::var("GANNET_RELAY").expect("interop/run says where the relay is"),
    );
    command.args([
        "--listen", RELAY, "--to", SERVER, "--delay", "20ms", "--loss", "2%",
    ]);
    let _relay = Process::start(command);
    let server = Server::start(&["--address", "10.9.9.1", "--udp-port", "7001"]);
    let browser = Browser::chromium(&[]).await;
    browser.open(&server.url).await;
    let ends = json!({ "server": "10.9.9.1 7001", "relay": "10.9.9.1 7002" });
    browser.run(THROUGH_RELAY, ends).await;
    let report = page::call(&browser, settings("camera", "edges", "VP8"), 60).await;
    assert!(report.longest_gap < 500.0, "{report:#?}");
    assert!(report.fps >= 25.0, "{report:#?}");
    // A ping a second, each answered: nothing is lost on the data channel.
    assert!(report.pings.len() >= 58, "{report:#?}");
    assert!(
        report.median_ping() >= 40.0,
        "the relay was not in the way: {report:#?}"
    );
    browser.close().await;
}

/// Hides the candidates over UDP from both sides, as a network would that blocks it.
const WITHOUT_UDP: &str = "
    const fetch = window.fetch;
    const hide = (sdp) => sdp.replace(/a=candidate:\\S+ \\d+ udp .*\\r\\n/gi, '');
    window.fetch = async (url, init) => {
        const offer = JSON.parse(init.body);
        const response = await fetch(url, { ...init, body: JSON.stringify({ ...offer, sdp: hide(offer.sdp) }) });
        if (!response.ok) return response;
        const answer = await response.json();
        return new Response(JSON.stringify({ ...answer, sdp: hide(answer.sdp) }), { status: 200 });
    };";

/// How the browser's packets travel.
const PROTOCOL: &str = "
    await gannet.start(argument);
    const until = performance.now() + 10000;
    while (gannet.state !== 'connected') {
        if (performance.now() > until) throw new Error(`the state is ${gannet.state}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const stats = await gannet.pc.getStats();
    const transport = [...stats.values()].find((report) => report.type === 'transport');
    const pair = stats.get(transport.selectedCandidatePairId);
    const protocol = stats.get(pair.remoteCandidateId).protocol;
    gannet.stop();
    return protocol;";

#[tokio::test]
async fn a_call_goes_over_tcp_where_udp_is_blocked() {
    let server = Server::start(&[]);
    let browser = Browser::chromium(&[]).await;
    browser.open(&server.url).await;
    browser.run(WITHOUT_UDP, Value::Null).await;
    let drawing = settings("canvas", "none", "VP8");
    assert_eq!(browser.run(PROTOCOL, drawing.clone()).await, "tcp");
    let report = page::call(&browser, drawing, 2).await;
    check_call(&report, "video/VP8");
    browser.close().await;
}

/// Connects with audio, video and data, and hangs up, again and again.
const CYCLES: &str = "
    for (let cycle = 0; cycle < argument; cycle += 1) {
        const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
        const channel = pc.createDataChannel('cycle');
        const opened = new Promise((resolve) => { channel.onopen = resolve; });
        pc.addTransceiver('audio');
        pc.addTransceiver('video');
        await pc.setLocalDescription(await pc.createOffer());
        while (pc.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 5));
        const { sdp, type } = pc.localDescription;
        const response = await fetch('offer', { method: 'POST', body: JSON.stringify({ sdp, type }) });
        if (!response.ok) throw new Error(`cycle ${cycle}: ${await response.text()}`);
        await pc.setRemoteDescription(await response.json());
        const patience = new Promise((_, reject) => {
            setTimeout(() => reject(new Error(`cycle ${cycle}: ${pc.connectionState}`)), 10000);
        });
        await Promise.race([opened, patience]);
        pc.close();
        await new Promise((resolve) => setTimeout(resolve, 20));
    }";

#[tokio::test]
async fn two_hundred_calls_leave_memory_flat() {
    let server = Server::start(&[]);
    let browser = Browser::chromium(&[]).await;
    browser.open(&server.url).await;
    browser.run(CYCLES, json!(40)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (memory, threads) = (server.process.resident_kib(), server.process.threads());
    browser.run(CYCLES, json!(160)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let grown = server.process.resident_kib().saturating_sub(memory);
    assert!(
        grown < 8 * 1024,
        "{memory} KiB after 40 calls, {grown} KiB more after 200"
    );
    assert!(
        server.process.threads() <= threads + 2,
        "threads are left behind"
    );
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
