//! The demo's page, driven through its own hooks (`window.gannet`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::Browser;

/// What one call in the page came to.
#[derive(Debug)]
pub struct CallReport {
    /// `gannet.stats`: the page's newest sample.
    pub stats: Value,
    /// Pictures decoded per second, over the time measured.
    pub fps: f64,
    /// Pictures that the browser sent per second, over the same time.
    pub fps_sent: f64,
    /// The share of bright points in ten pictures that came back, a tenth of a second apart.
    pub bright: f64,
    /// How colourful those pictures are: the mean distance between its colour channels, 0 to 255.
    pub colour: f64,
    /// The strongest frequency of the sound that came back, in Hz.
    pub pitch: Option<f64>,
    /// Round trips over the data channel, in milliseconds.
    pub pings: Vec<f64>,
    /// Ages of the pictures that came back with a number in them, in milliseconds.
    pub delays: Vec<f64>,
    /// The longest time between two pictures, in milliseconds.
    pub longest_gap: f64,
}

impl CallReport {
    /// The middle of the picture ages.
    pub fn median_delay(&self) -> f64 {
        median(&self.delays)
    }

    /// The middle of the round trips.
    pub fn median_ping(&self) -> f64 {
        median(&self.pings)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Starts a call with these settings, watches it for a time, and ends it.
pub async fn call(browser: &Browser, settings: Value, seconds: u64) -> CallReport {
    let argument = json!({ "settings": settings, "seconds": seconds });
    let report = browser.run(WATCH, argument).await;
    let numbers = |name: &str| -> Vec<f64> {
        let values = report[name].as_array().cloned().unwrap_or_default();
        values.iter().filter_map(Value::as_f64).collect()
    };
    let number = |name: &str| report[name].as_f64();
    CallReport {
        fps: number("fps").expect("fps"),
        fps_sent: number("fpsSent").expect("fpsSent"),
        bright: number("bright").expect("bright"),
        colour: number("colour").expect("colour"),
        pitch: number("pitch"),
        pings: numbers("pings"),
        delays: numbers("delays"),
        longest_gap: number("longestGap").expect("longestGap"),
        stats: report["stats"].clone(),
    }
}

/// Waits until the page's state is `state`.
pub async fn wait_for_state(browser: &Browser, state: &str, patience: Duration) {
    let argument = json!({ "state": state, "patience": patience.as_millis() as u64 });
    let script = "
        const until = performance.now() + argument.patience;
        while (gannet.state !== argument.state) {
            if (performance.now() > until) throw new Error(`the state is ${gannet.state}`);
            await new Promise((resolve) => setTimeout(resolve, 50));
        }";
    browser.run(script, argument).await;
}

const WATCH: &str = "
    const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));
    await gannet.start(argument.settings);
    const video = gannet.remoteVideo;
    const waited = performance.now() + 10000;
    while (video.videoWidth === 0) {
        if (performance.now() > waited) throw new Error('no picture came back');
        await sleep(20);
    }
    // Where the connection stands before Chromium has taken the answer in whole, it gives its video half of its first
    // 300 kbit/s, which is too little for a large picture: it sends a small one for its first 15 seconds or so.
    const [width] = argument.settings.resolution.split('x').map(Number);
    const grown = performance.now() + 30000;
    while (video.videoWidth < width && performance.now() < grown) await sleep(100);
    await sleep(1500);
    const videoStreams = async () => {
        const reports = [...(await gannet.pc.getStats()).values()].filter((report) => report.kind === 'video');
        const one = (type) => reports.find((report) => report.type === type);
        return { inbound: one('inbound-rtp'), outbound: one('outbound-rtp') };
    };
    const audio = new AudioContext();
    // A browser on a machine without any sound device never resumes.
    await Promise.race([audio.resume(), sleep(2000)]);
    let analyser = null;
    if (video.srcObject.getAudioTracks().length > 0) {
        analyser = audio.createAnalyser();
        analyser.fftSize = 32768;
        audio.createMediaStreamSource(new MediaStream(video.srcObject.getAudioTracks())).connect(analyser);
    }
    let last = performance.now(), longestGap = 0, watching = true;
    const shown = (now) => {
        const time = performance.now();
        longestGap = Math.max(longestGap, time - last);
        last = time;
        if (watching) video.requestVideoFrameCallback(shown);
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(shown);
    const before = await videoStreams();
    await sleep(argument.seconds * 1000);
    const after = await videoStreams();
    watching = false;
    const perSecond = (stream, counter) => {
        const [from, to] = [before[stream], after[stream]];
        return (to[counter] - from[counter]) / (to.timestamp - from.timestamp) * 1000;
    };
    const fps = perSecond('inbound', 'framesDecoded'), fpsSent = perSecond('outbound', 'framesEncoded');

    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext('2d');
    let bright = 0, colour = 0, points = 0;
    for (let picture = 0; picture < 10; picture += 1) {
        if (picture > 0) await sleep(100);
        context.drawImage(video, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        for (let index = 0; index < data.length; index += 4) {
            const [r, g, b] = [data[index], data[index + 1], data[index + 2]];
            if (g > 100) bright += 1;
            colour += Math.max(r, g, b) - Math.min(r, g, b);
        }
        points += data.length / 4;
    }

    let pitch = null;
    if (analyser) {
        const levels = new Float32Array(analyser.frequencyBinCount);
        analyser.getFloatFrequencyData(levels);
        const loudest = levels.indexOf(Math.max(...levels));
        if (levels[loudest] > -60) pitch = loudest * audio.sampleRate / analyser.fftSize;
    }
    await Promise.race([audio.close(), sleep(1000)]);
    const report = {
        stats: gannet.stats, fps, fpsSent, pitch, longestGap,
        bright: bright / points, colour: colour / points,
        pings: [...gannet.pings], delays: [...gannet.delays],
    };
    gannet.stop();
    return report;";
