//! The other end of all connections.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cpu_time::ProcessTime;
use gannet::{
    Certificate, ChannelInit, Configuration, DataChannel, Message, PeerConnection,
    SessionDescription,
};

use crate::options::{Options, number};
use crate::pipe::Server;
use crate::{Error, server};

/// How long all connections may take to open.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run has shown.
#[derive(Debug)]
pub(crate) struct Outcome {
    seconds: f64,
    messages: u64,
    size: usize,
    /// Of the server's process, in seconds.
    server_cpu: f64,
    client_cpu: f64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.messages as f64 / self.seconds;
        let bytes = self.messages as f64 * self.size as f64;
        // What comes in and what goes out again.
        let gigabytes = 2.0 * bytes / 1e9;
        write!(
            f,
            "{rate:10.0}  {:13.1}  {:11.0}%  {:8.2}  {:11.0}%",
            bytes / 1e6 / self.seconds,
            100.0 * self.server_cpu / self.seconds,
            self.server_cpu / gigabytes,
            100.0 * self.client_cpu / self.seconds,
        )
    }
}

/// Measures a server with this number of shards.
pub(crate) fn run(options: &Options, shards: usize) -> Result<Outcome, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut server = Server::start(&[
        server::COMMAND,
        &shards.to_string(),
        &options.workers.to_string(),
    ])?;
    let echoed = Arc::new(AtomicU64::new(0));
    let mut connections = Vec::new();
    for _ in 0..options.connections {
        let connected = runtime.block_on(connect(&mut server));
        connections.push(connected?);
    }
    runtime.block_on(async {
        for (_, channel) in &connections {
            match tokio::time::timeout(PATIENCE, channel.opened()).await {
                Ok(true) => {}
                _ => return Err("a channel did not open"),
            }
        }
        Ok(())
    })?;
    for (_, channel) in &connections {
        let pumping = pump(
            channel.clone(),
            options.size,
            options.window,
            Arc::clone(&echoed),
        );
        runtime.spawn(pumping);
    }
    std::thread::sleep(Duration::from_secs_f64(options.seconds / 5.0));
    let (server_before, client_before) = (cpu(&mut server)?, ProcessTime::now());
    let (started, before) = (Instant::now(), echoed.load(Ordering::Relaxed));
    std::thread::sleep(Duration::from_secs_f64(options.seconds));
    let (seconds, messages) = (started.elapsed(), echoed.load(Ordering::Relaxed) - before);
    let outcome = Outcome {
        seconds: seconds.as_secs_f64(),
        messages,
        size: options.size,
        server_cpu: cpu(&mut server)? - server_before,
        client_cpu: client_before.elapsed().as_secs_f64(),
    };
    runtime.shutdown_background();
    Ok(outcome)
}

async fn connect(server: &mut Server) -> Result<(PeerConnection, DataChannel), Error> {
    let mut configuration = Configuration::default();
    configuration.sockets.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    configuration.certificate = Some(Certificate::generate(&*gannet::default_provider())?);
    let connection = PeerConnection::new(configuration)?;
    let channel = connection.create_data_channel("echo", ChannelInit::default())?;
    let offer = connection.create_offer().await?;
    connection.set_local_description(offer).await?;
    connection.gathering_complete().await;
    let offer = connection.local_description().ok_or("no offer")?.sdp;
    let answer = SessionDescription::answer(server.ask(&offer)?);
    connection.set_remote_description(answer).await?;
    Ok((connection, channel))
}

/// Keeps `window` messages under way.
async fn pump(channel: DataChannel, size: usize, window: usize, echoed: Arc<AtomicU64>) {
    let block = Message::Binary(Bytes::from(vec![7; size]));
    for _ in 0..window {
        if channel.send(block.clone()).await.is_err() {
            return;
        }
    }
    while channel.recv().await.is_some() {
        echoed.fetch_add(1, Ordering::Relaxed);
        if channel.send(block.clone()).await.is_err() {
            return;
        }
    }
}

/// The processor's time that the server has used, in seconds.
fn cpu(server: &mut Server) -> Result<f64, Error> {
    number(server.ask(server::CPU)?.trim_end())
}
