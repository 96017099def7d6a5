//! The pages of `gannet serve` that publish and watch, in two browsers: WHIP and WHEP.

use std::time::Duration;

use gannet_interop::browser::Browser;
use gannet_interop::server::Server;
use serde_json::{Value, json};

/// Begins, as somebody who clicks on "Publish", and waits until the server hears it.
const PUBLISH: &str = "
    const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));
    document.getElementById('start').click();
    const until = performance.now() + argument.patience;
    while (document.getElementById('status-text').textContent !== 'On air') {
        if (performance.now() > until) {
            throw new Error(document.getElementById('message-text').textContent || 'it is not on air');
        }
        await sleep(50);
    }";

/// Waits for a picture, and says what is decoded in three seconds.
const WATCH: &str = "
    const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));
    const { video } = broadcast;
    const inbound = async () => {
        const reports = broadcast.session ? [...(await broadcast.session.pc.getStats()).values()] : [];
        const of = (kind) => reports.find((report) => report.type === 'inbound-rtp' && report.kind === kind);
        return { audio: of('audio'), video: of('video') };
    };
    const until = performance.now() + argument.patience;
    // Of a publisher who comes again, more than of the one before.
    while (!(video.videoWidth > 0 && (await inbound()).video?.framesDecoded > argument.frames)) {
        if (performance.now() > until) {
            throw new Error(`${document.getElementById('message-text').textContent} ${video.videoWidth} wide`);
        }
        await sleep(50);
    }
    const before = await inbound();
    await sleep(3000);
    const after = await inbound();
    return {
        width: video.videoWidth,
        time: video.currentTime,
        frames: after.video.framesDecoded,
        fps: (after.video.framesDecoded - before.video.framesDecoded)
            / (after.video.timestamp - before.video.timestamp) * 1000,
        sound: after.audio.bytesReceived - before.audio.bytesReceived,
    };";

const STOP: &str = "document.getElementById('stop').click();";

async fn publish(browser: &Browser) {
    browser.run(PUBLISH, json!({ "patience": 30_000 })).await;
}

async fn watch(browser: &Browser, frames: u64) -> u64 {
    let argument = json!({ "patience": 30_000, "frames": frames });
    let seen = browser.run(WATCH, argument).await;
    println!("{seen}");
    assert!(seen["width"].as_u64().expect("a width") >= 160, "{seen}");
    assert!(seen["fps"].as_f64().expect("fps") >= 15.0, "{seen}");
    assert!(seen["sound"].as_f64().expect("bytes") > 1_000.0, "{seen}");
    seen["frames"].as_u64().expect("frames")
}

/// The viewer is there before the publisher, and stays when that goes and comes again.
async fn one_watches_what_the_other_publishes(publisher: Browser, viewer: Browser) {
    let server = Server::start(&[]);
    viewer.open(&format!("{}watch/x", server.url)).await;
    publisher.open(&format!("{}publish/x", server.url)).await;
    publish(&publisher).await;
    let frames = watch(&viewer, 0).await;
    publisher.run(STOP, Value::Null).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    publish(&publisher).await;
    watch(&viewer, frames + 15).await;
    viewer.close().await;
    publisher.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_watches_what_chromium_publishes() {
    let (chromium, firefox) = (Browser::chromium(&[]).await, Browser::firefox(&[]).await);
    one_watches_what_the_other_publishes(chromium, firefox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_watches_what_firefox_publishes() {
    let (chromium, firefox) = (Browser::chromium(&[]).await, Browser::firefox(&[]).await);
    one_watches_what_the_other_publishes(firefox, chromium).await;
}
