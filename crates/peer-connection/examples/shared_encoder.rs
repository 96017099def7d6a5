//! One camera for many viewers, all in this process, and what their encoders cost: `shared_encoder VIEWERS [separate]`.
//! With `separate` each sender has an encoder of its own. Linux says how long each thread has worked.
#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use gannet::codecs::VideoCodec;
use gannet::media::{Delivery, Relay, Source, TestPattern};
use gannet::{
    Configuration, Direction, Endpoint, EndpointConfiguration, Event, MediaKind, PeerConnection,
    SharedEncoder, SharedEncoderConfig,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const MEASURED: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let viewers: usize = arguments
        .next()
        .unwrap_or_else(|| "30".to_owned())
        .parse()?;
    let is_separate = arguments.next().as_deref() == Some("separate");
    let pattern = TestPattern::new(640, 480, 30)?;
    let rate = 1.0 / pattern.interval().as_secs_f64();
    let camera = Relay::new();
    let for_all = camera.subscribe("camera", Delivery::Buffered(3));
    let encoder = SharedEncoder::video(for_all, VideoCodec::Vp8, SharedEncoderConfig::default())?;
    let endpoint = Endpoint::bind(&loopback())?;
    let mut calls = Vec::new();
    for _ in 0..viewers {
        let mut configuration = Configuration::default();
        configuration.endpoint = Some(endpoint.clone());
        let server = PeerConnection::new(configuration)?;
        let mut configuration = Configuration::default();
        configuration.sockets = loopback();
        let client = PeerConnection::new(configuration)?;
        let transceiver = server.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
        if is_separate {
            let pictures = camera.subscribe("camera", Delivery::Buffered(3));
            transceiver.sender().replace_track(Some(pictures.into()));
        } else {
            let frames = encoder.subscribe();
            transceiver.sender().replace_encoded(Some(frames))?;
        }
        connect(&server, &client).await?;
        calls.push((server, client));
    }
    let pictures = gannet::play("camera", pattern);
    tokio::spawn(async move { camera.forward(pictures).await });
    tokio::time::sleep(Duration::from_secs(2)).await;

    let encoded = || {
        let reports = calls.iter().map(|(server, _)| server.stats());
        let sent = |report: &gannet::StatsReport| report.outbound_rtp[0].counters.frames_sent;
        reports.map(|report| sent(&report)).sum::<u64>()
    };
    let (before, frames) = (encoder_time()?, encoded());
    tokio::time::sleep(MEASURED).await;
    let worked = encoder_time()? - before;
    let seconds = MEASURED.as_secs_f64();
    let seen = (encoded() - frames) as f64 / seconds / viewers as f64;
    println!(
        "{viewers} viewers see {seen:.1} of {rate:.1} pictures a second; encoders take {:.1} % of a processor",
        100.0 * worked.as_secs_f64() / seconds
    );
    Ok(())
}

fn loopback() -> EndpointConfiguration {
    let mut configuration = EndpointConfiguration::default();
    configuration.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    configuration
}

async fn connect(server: &PeerConnection, client: &PeerConnection) -> Result<()> {
    let offer = server.create_offer().await?;
    server.set_local_description(offer).await?;
    server.gathering_complete().await;
    let offer = server.local_description().ok_or("no offer")?;
    client.set_remote_description(offer).await?;
    let answer = client.create_answer().await?;
    client.set_local_description(answer).await?;
    client.gathering_complete().await;
    let answer = client.local_description().ok_or("no answer")?;
    server.set_remote_description(answer).await?;
    while let Some(event) = client.next_event().await {
        if matches!(event, Event::Track(_)) {
            break;
        }
    }
    Ok(())
}

/// How long the threads of encoders have worked.
fn encoder_time() -> Result<Duration> {
    let mut time = Duration::ZERO;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let name = fs::read_to_string(task.join("comm"))?;
        if name.starts_with("gannet-encode") || name.starts_with("gannet-shared") {
            // Nanoseconds on a processor come first.
            let stat = fs::read_to_string(task.join("schedstat"))?;
            let nanos = stat.split(' ').next().ok_or("no time")?;
            time += Duration::from_nanos(nanos.parse()?);
        }
    }
    Ok(time)
}
