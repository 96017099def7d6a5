//! Selective forwarding: one stream in, many out, and what a packet costs the process that forwards.
//!
//! `[viewers=50] [rate=1000] [seconds=10] [shards=1] [runs=3] [sections=1]`. A process of its own forwards; this one is the source and all
//! viewers, each with a socket of its own, over loopback. The source sends `rate` packets a second, of 1,190 bytes as they are on the
//! wire. Each connection has so many sections, 256 at most, the last of which is in use. Each line is one run: what left
//! in `seconds`, and the processor's time of the process that forwards, the kernel's part of it included.

#[path = "../../shards/src/pipe.rs"]
mod pipe;
mod server;
mod source;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use gannet::ortc::parameters::RtpCapabilities;
use gannet::{
    Certificate, Configuration, Direction, MediaKind, PeerConnection, SessionDescription,
};

use pipe::Server;
use source::Source;

type Error = Box<dyn std::error::Error + Send + Sync>;

struct Options {
    viewers: usize,
    rate: u32,
    seconds: f64,
    shards: usize,
    runs: usize,
    sections: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, rest)) if first == server::COMMAND => server::run(rest),
        _ => options(&arguments).and_then(|options| run(&options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: &[String]) -> Result<Options, Error> {
    let mut options = Options {
        viewers: 50,
        rate: 1000,
        seconds: 10.0,
        shards: 1,
        runs: 3,
        sections: 1,
    };
    for argument in arguments {
        let pair = argument.split_once('=');
        let (key, value) = pair.ok_or_else(|| format!("'{argument}' is not key=value"))?;
        match key {
            "viewers" => options.viewers = number(value)?,
            "rate" => options.rate = number(value)?,
            "seconds" => options.seconds = number(value)?,
            "shards" => options.shards = number(value)?,
            "runs" => options.runs = number(value)?,
            "sections" => options.sections = number(value)?,
            _ => return Err(format!("there is no option '{key}'").into()),
        }
    }
    Ok(options)
}

/// Reads a number.
fn number<T: FromStr>(text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a number that can be used").into())
}

fn run(options: &Options) -> Result<(), Error> {
    println!("packets out/s  Mbit/s out  CPU  packets a CPU second  sent again  dropped");
    for _ in 0..options.runs {
        measure(options)?;
    }
    Ok(())
}

fn measure(options: &Options) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut server = Server::start(&[server::COMMAND, &options.shards.to_string()])?;
    let source = Source::connect(options.sections, |offer| server.ask(offer))?;
    let certificate = Certificate::generate(&*gannet::default_provider())?;
    let mut viewers = Vec::new();
    for _ in 0..options.viewers {
        let viewer = view(&mut server, certificate.clone(), options.sections);
        viewers.push(runtime.block_on(viewer)?);
    }
    let filming = source.film(options.rate);
    // Estimates find out what the lines carry.
    std::thread::sleep(Duration::from_secs(5));
    let (before, started) = (counts(&mut server)?, Instant::now());
    std::thread::sleep(Duration::from_secs_f64(options.seconds));
    let (after, seconds) = (counts(&mut server)?, started.elapsed().as_secs_f64());
    let packets = after.packets - before.packets;
    let cpu = after.cpu_before - before.cpu_after;
    println!(
        "{:13.0}  {:10.0}  {:2.0}%  {:20.0}  {:10.0}  {:7.0}",
        packets / seconds,
        (after.bytes - before.bytes) * 8.0 / 1e6 / seconds,
        100.0 * cpu / seconds,
        packets / cpu,
        after.again - before.again,
        after.dropped - before.dropped,
    );
    filming.stop();
    runtime.shutdown_background();
    Ok(())
}

/// Someone who looks on; nothing is decoded.
async fn view(
    server: &mut Server,
    certificate: Certificate,
    sections: usize,
) -> Result<PeerConnection, Error> {
    let mut configuration = Configuration::default();
    configuration.sockets.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    configuration.certificate = Some(certificate);
    configuration.capabilities = capabilities();
    let connection = PeerConnection::new(configuration)?;
    for _ in 0..sections {
        connection.add_transceiver(MediaKind::Video, Direction::RecvOnly, None);
    }
    let offer = connection.create_offer().await?;
    connection.set_local_description(offer).await?;
    connection.gathering_complete().await;
    let offer = connection.local_description().ok_or("no offer")?.sdp;
    let answer = SessionDescription::answer(server.ask(&offer)?);
    connection.set_remote_description(answer).await?;
    Ok(connection)
}

/// VP8, which nobody here encodes or decodes.
fn capabilities() -> RtpCapabilities {
    use gannet::ortc::parameters::{FormatParameters, RtcpFeedback, RtpCodecCapability};
    let mut capabilities = gannet::default_capabilities();
    let video = |name: &str, payload_type, parameters| RtpCodecCapability {
        name: name.to_owned(),
        kind: MediaKind::Video,
        clock_rate: 90_000,
        channels: 1,
        preferred_payload_type: payload_type,
        parameters,
        rtcp_feedback: [("transport-cc", ""), ("nack", ""), ("nack", "pli")]
            .map(|(kind, parameter)| RtcpFeedback::new(kind, parameter))
            .to_vec(),
    };
    capabilities.codecs = vec![
        video("VP8", 96, FormatParameters::default()),
        video("rtx", 97, FormatParameters::default().with("apt", 96)),
    ];
    capabilities
}

/// What the server has counted.
struct Counts {
    /// Of its process before it counted and after that, in seconds.
    cpu_before: f64,
    cpu_after: f64,
    packets: f64,
    bytes: f64,
    again: f64,
    dropped: f64,
}

/// Asks the process that forwards for its counts.
fn counts(server: &mut Server) -> Result<Counts, Error> {
    let answer = server.ask(server::COUNTS)?;
    let mut numbers = answer.split_whitespace().map(number::<f64>);
    let mut next = || numbers.next().ok_or("a count is missing")?;
    Ok(Counts {
        cpu_before: next()?,
        cpu_after: next()?,
        packets: next()?,
        bytes: next()?,
        again: next()?,
        dropped: next()?,
    })
}
