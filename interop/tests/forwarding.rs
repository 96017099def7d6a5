//! What one browser sends, forwarded to another one without being decoded: simulcast in, a layer out.

use std::time::{Duration, Instant};

use gannet::{
    Configuration, Direction, Endpoint, EndpointConfiguration, Event, ForwardedStream,
    ForwardingState, PeerConnection, RtpReceiver, RtpSender, SessionDescription,
};
use gannet_interop::browser::Browser;
use gannet_interop::server::Server;
use serde_json::{Value, json};

/// Gathers, and returns the offer.
const OFFER: &str = "
    const gathered = new Promise((resolve) => {
        pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve();
    });
    await pc.setLocalDescription();
    await gathered;
    window.pc = pc;
    return pc.localDescription.sdp;";

/// Sends a camera in two sizes: of 640x480 Chromium never sends a third one.
const PUBLISH: &str = "
    const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    const pc = new RTCPeerConnection();
    const { sender } = pc.addTransceiver(camera.getVideoTracks()[0], {
        direction: 'sendonly',
        sendEncodings: [
            { rid: 'h', scaleResolutionDownBy: 2 },
            { rid: 'f' },
        ],
    });";

/// Sends a camera in one size.
const PUBLISH_ONE: &str = "
    const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    const pc = new RTCPeerConnection();
    pc.addTransceiver(camera.getVideoTracks()[0], { direction: 'sendonly' });";

/// Watches.
const VIEW: &str = "
    const pc = new RTCPeerConnection();
    const { receiver } = pc.addTransceiver('video', { direction: 'recvonly' });
    const video = document.createElement('video');
    video.autoplay = video.muted = video.playsInline = true;
    video.srcObject = new MediaStream([receiver.track]);
    document.body.append(video);
    window.shown = video;";

const ANSWER: &str = "await pc.setRemoteDescription({ type: 'answer', sdp: argument });";

/// Waits until the picture is so wide, and then says how many pictures are decoded in a second, over three.
const WATCH: &str = "
    const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));
    const until = performance.now() + argument.patience;
    while (shown.videoWidth !== argument.width) {
        if (performance.now() > until) throw new Error(`the picture is ${shown.videoWidth} wide`);
        await sleep(50);
    }
    const decoded = async () => [...(await pc.getStats()).values()].find((report) => report.type === 'inbound-rtp');
    const before = await decoded();
    await sleep(3000);
    const after = await decoded();
    return {
        width: shown.videoWidth,
        fps: (after.framesDecoded - before.framesDecoded) / (after.timestamp - before.timestamp) * 1000,
        lost: after.packetsLost,
    };";

fn connection(endpoint: &Endpoint) -> PeerConnection {
    let mut configuration = Configuration::default();
    configuration.endpoint = Some(endpoint.clone());
    configuration.capabilities = gannet::forwarding_capabilities();
    PeerConnection::new(configuration).expect("a connection")
}

fn endpoint() -> Endpoint {
    let mut configuration = EndpointConfiguration::default();
    configuration.loopback = true;
    Endpoint::bind(&configuration).expect("an endpoint")
}

/// Lets a page offer, and answers; what comes between the two is up to `prepare`.
async fn call(
    browser: &Browser,
    connection: &PeerConnection,
    script: &str,
    prepare: impl FnOnce(&PeerConnection),
) {
    let offer = browser.run(&format!("{script}{OFFER}"), Value::Null).await;
    let offer = SessionDescription::offer(offer.as_str().expect("an offer"));
    connection.set_remote_description(offer).await.unwrap();
    prepare(connection);
    let answer = connection.create_answer().await.unwrap();
    connection.set_local_description(answer).await.unwrap();
    connection.gathering_complete().await;
    let answer = connection.local_description().expect("it was set").sdp;
    browser.run(ANSWER, json!(answer)).await;
}

/// What a page publishes.
async fn publisher(browser: &Browser, connection: &PeerConnection, script: &str) -> RtpReceiver {
    call(browser, connection, script, |_| {}).await;
    while let Some(event) = connection.next_event().await {
        if let Event::Track(event) = event {
            return event.receiver;
        }
    }
    panic!("the publisher is gone");
}

/// A page that watches.
async fn viewer(browser: &Browser, connection: &PeerConnection) -> RtpSender {
    call(browser, connection, VIEW, |connection| {
        for transceiver in connection.transceivers() {
            transceiver.set_direction(Direction::SendOnly);
        }
    })
    .await;
    connection.transceivers()[0].sender()
}

async fn watch(browser: &Browser, width: u32) -> Value {
    let argument = json!({ "width": width, "patience": 30_000 });
    let seen = browser.run(WATCH, argument).await;
    assert!(seen["fps"].as_f64().expect("fps") >= 20.0, "{seen}");
    seen
}

async fn all_layers(stream: &ForwardedStream) {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let layers = stream.layers();
        if layers.len() == 2 && layers.iter().all(|layer| layer.active) {
            return;
        }
        assert!(Instant::now() < patience, "{layers:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_sees_each_layer_of_chromiums_simulcast() {
    let server = Server::start(&[]);
    let (endpoint, chromium) = (endpoint(), Browser::chromium(&[]).await);
    chromium.open(&server.url).await;
    let source = connection(&endpoint);
    let receiver = publisher(&chromium, &source, PUBLISH).await;
    let stream = receiver.forward().expect("nobody reads it");
    all_layers(&stream).await;

    let firefox = Browser::firefox(&[]).await;
    firefox.open(&server.url).await;
    let viewing = connection(&endpoint);
    let sender = viewer(&firefox, &viewing).await;
    for (rid, width) in [("h", 320), ("f", 640), ("h", 320)] {
        let layer = stream.layer(rid).expect("it comes");
        sender.replace_forwarded(Some(&layer)).unwrap();
        watch(&firefox, width).await;
        let forwarding = sender.forwarding().expect("it forwards");
        assert_eq!(forwarding.state, ForwardingState::Sending);
        assert_eq!(forwarding.layer.as_deref(), Some(rid));
        assert_eq!(forwarding.packets_dropped, 0);
    }
    // The line carries all of it.
    sender.replace_forwarded(Some(&stream)).unwrap();
    watch(&firefox, 640).await;
    firefox.close().await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_chromiums_see_firefoxes_camera() {
    let server = Server::start(&[]);
    let (endpoint, firefox) = (endpoint(), Browser::firefox(&[]).await);
    firefox.open(&server.url).await;
    let source = connection(&endpoint);
    let receiver = publisher(&firefox, &source, PUBLISH_ONE).await;
    let stream = receiver.forward().expect("nobody reads it");
    let mut viewers = Vec::new();
    // The second one comes late.
    for _ in 0..2 {
        let chromium = Browser::chromium(&[]).await;
        chromium.open(&server.url).await;
        let viewing = connection(&endpoint);
        let sender = viewer(&chromium, &viewing).await;
        sender.replace_forwarded(Some(&stream)).unwrap();
        watch(&chromium, 640).await;
        viewers.push((chromium, viewing));
    }
    for (chromium, _) in &viewers {
        watch(chromium, 640).await;
    }
    // The publisher goes: the stream is over, and the viewers stay in their calls.
    firefox.close().await;
    source.close();
    assert!(stream.is_over());
    for (chromium, viewing) in viewers {
        let sender = viewing.transceivers()[0].sender();
        let forwarding = sender.forwarding().expect("it forwards");
        assert_eq!(forwarding.state, ForwardingState::Over);
        chromium.close().await;
    }
}
