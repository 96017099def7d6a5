//! aiortc as the client.

use std::process::Command;
use std::time::Duration;

use gannet_interop::process::Process;
use gannet_interop::server::Server;
use serde_json::Value;

fn call(server: &Server, codec: &str, transform: &str) -> Value {
    let python = std::env::var("GANNET_PYTHON").expect("interop/run says where Python is");
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/aiortc/client.py"));
    command.args([
        &server.url,
        "--codec",
        codec,
        "--transform",
        transform,
        "--seconds",
        "5",
    ]);
    let client = Process::start(command);
    client.wait_for(Duration::from_secs(40), |line| {
        serde_json::from_str(line).ok()
    })
}

fn check(codec: &str) {
    let server = Server::start(&[]);
    let report = call(&server, codec, "none");
    assert_eq!(report["state"], "connected", "{report:#}");
    let number = |name: &str| {
        report[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{name}: {report:#}"))
    };
    assert!(number("fps") > 28.0, "{report:#}");
    assert!(number("frames") > 110.0, "{report:#}");
    assert!(
        number("codes_known") >= number("frames") * 0.98,
        "{report:#}"
    );
    assert!((435.0..445.0).contains(&number("pitch")), "{report:#}");
    assert!(number("pongs") >= 10.0, "{report:#}");
    // aiortc itself holds each picture until the next one begins to arrive: 33 ms.
    assert!(number("delay_ms") < 90.0, "{report:#}");
}

#[test]
fn vp8_opus_and_data_come_back() {
    check("VP8");
}

#[test]
fn h264_opus_and_data_come_back() {
    check("H264");
}

#[test]
fn edges_come_back() {
    let server = Server::start(&[]);
    let report = call(&server, "VP8", "edges");
    let bright = report["bright"].as_f64().expect("a picture came back");
    assert!((0.001..0.2).contains(&bright), "{report:#}");
}
