//! The process with the endpoint: it sends back what comes.

use std::net::Ipv4Addr;

use cpu_time::ProcessTime;
use gannet::{
    Certificate, Configuration, DataChannel, Endpoint, EndpointConfiguration, Event,
    PeerConnection, SessionDescription,
};

use crate::options::number;
use crate::{Error, pipe};

/// The argument that makes a process the server.
pub(crate) const COMMAND: &str = "server";
/// What the client asks for the processor's time.
pub(crate) const CPU: &str = "cpu";

/// Answers offers on standard input until it ends. The arguments are the numbers of shards and of workers.
pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    let [shards, workers] = arguments else {
        return Err("a server is told the number of shards and of workers".into());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(number(workers)?)
        .enable_all()
        .build()?;
    let mut configuration = EndpointConfiguration::default();
    configuration.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    configuration.shards = number(shards)?;
    let inside = runtime.enter();
    let endpoint = Endpoint::bind(&configuration)?;
    drop(inside);
    let certificate = Certificate::generate(&*gannet::default_provider())?;
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    while let Some(line) = pipe::read(&mut input)? {
        let reply = if line.trim_end() == CPU {
            ProcessTime::now().as_duration().as_secs_f64().to_string()
        } else {
            runtime.block_on(answer(endpoint.clone(), certificate.clone(), line))?
        };
        pipe::write(&mut output, &reply)?;
    }
    runtime.shutdown_background();
    Ok(())
}

async fn answer(
    endpoint: Endpoint,
    certificate: Certificate,
    offer: String,
) -> Result<String, Error> {
    let mut configuration = Configuration::default();
    configuration.endpoint = Some(endpoint);
    configuration.certificate = Some(certificate);
    let connection = PeerConnection::new(configuration)?;
    let offer = SessionDescription::offer(offer);
    connection.set_remote_description(offer).await?;
    let answer = connection.create_answer().await?;
    connection.set_local_description(answer).await?;
    connection.gathering_complete().await;
    let answer = connection.local_description().ok_or("no answer")?.sdp;
    tokio::spawn(async move {
        while let Some(event) = connection.next_event().await {
            if let Event::DataChannel(channel) = event {
                tokio::spawn(echo(channel));
            }
        }
    });
    Ok(answer)
}

async fn echo(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if channel.send(message).await.is_err() {
            return;
        }
    }
}
