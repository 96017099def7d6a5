//! The process that forwards: the first who offers is the source, all others are viewers.

use std::net::Ipv4Addr;

use cpu_time::ProcessTime;
use gannet::{
    Certificate, Configuration, Direction, Endpoint, EndpointConfiguration, ForwardedStream,
    PeerConnection, SessionDescription,
};

use crate::{Error, capabilities, number, pipe};

/// The argument that makes a process the server.
pub(crate) const COMMAND: &str = "server";
/// What the other process asks for its counts.
pub(crate) const COUNTS: &str = "counts";

/// Answers offers on standard input until it ends. The argument is the number of shards.
pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    let [shards] = arguments else {
        return Err("a server is told the number of shards".into());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut configuration = EndpointConfiguration::default();
    configuration.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    configuration.shards = number(shards)?;
    let inside = runtime.enter();
    let endpoint = Endpoint::bind(&configuration)?;
    drop(inside);
    let certificate = Certificate::generate(&*gannet::default_provider())?;
    let (mut stream, mut connections) = (None, Vec::new());
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    while let Some(line) = pipe::read(&mut input)? {
        if line.trim_end() == COUNTS {
            pipe::write(&mut output, &counts(&connections))?;
            continue;
        }
        let mut configuration = Configuration::default();
        configuration.endpoint = Some(endpoint.clone());
        configuration.certificate = Some(certificate.clone());
        configuration.capabilities = capabilities();
        let answered = runtime.block_on(answer(configuration, line, &mut stream));
        let (connection, sdp) = answered?;
        connections.push(connection);
        pipe::write(&mut output, &sdp)?;
    }
    runtime.shutdown_background();
    Ok(())
}

async fn answer(
    configuration: Configuration,
    offer: String,
    stream: &mut Option<ForwardedStream>,
) -> Result<(PeerConnection, String), Error> {
    let connection = PeerConnection::new(configuration)?;
    let offer = SessionDescription::offer(offer);
    connection.set_remote_description(offer).await?;
    let transceivers = connection.transceivers();
    let transceiver = transceivers.last().ok_or("nothing is offered")?;
    match stream {
        None => *stream = transceiver.receiver().forward(),
        Some(stream) => {
            for transceiver in &transceivers {
                transceiver.set_direction(Direction::SendOnly);
            }
            transceiver.sender().replace_forwarded(Some(stream))?;
        }
    }
    let answer = connection.create_answer().await?;
    connection.set_local_description(answer).await?;
    connection.gathering_complete().await;
    let answer = connection.local_description().ok_or("no answer")?.sdp;
    Ok((connection, answer))
}

fn counts(connections: &[PeerConnection]) -> String {
    let cpu = || ProcessTime::now().as_duration().as_secs_f64();
    let (before, (mut packets, mut bytes, mut again, mut dropped)) = (cpu(), (0, 0, 0, 0));
    for connection in connections {
        for stream in connection.stats().outbound_rtp {
            let counters = stream.counters;
            packets += counters.packets_sent;
            bytes += counters.bytes_sent + counters.header_bytes_sent;
            again += counters.retransmitted_packets_sent;
            dropped += counters.packets_discarded_on_send;
        }
    }
    // Counting is work too, with many sections.
    let after = cpu();
    format!("{before} {after} {packets} {bytes} {again} {dropped}")
}
