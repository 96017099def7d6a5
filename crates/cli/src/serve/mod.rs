//! `gannet serve`: a page that sends its camera and microphone here and gets them back, and broadcasts.

mod call;
mod offer;
mod page;
mod stats;
mod tls;
mod whip;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use gannet::{Certificate, Endpoint, EndpointConfiguration};
use thiserror::Error;

use self::offer::{Program, Switchboard};

/// The longest offer that is read, in bytes; a browser's with all its codecs has about 10,000.
const MAX_OFFER: usize = 256 * 1024;
/// How long calls may take to say goodbye when the program is told to end.
const GOODBYE: Duration = Duration::from_millis(500);

/// What `gannet serve` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The address to serve HTTP on.
    #[arg(long, default_value = "0.0.0.0")]
    host: IpAddr,
    /// The TCP port to serve HTTP on; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Serve HTTPS with a certificate made for the occasion. Browsers give cameras to pages from other
    /// machines only over HTTPS.
    #[arg(long)]
    https: bool,
    /// Serve HTTPS with this certificate chain (PEM).
    #[arg(long, value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// The private key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
    /// The UDP port for all calls, and the TCP port for those whose UDP is blocked; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    udp_port: u16,
    /// How many threads share the UDP port of all calls; one per processor is enough.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = shards)]
    shards: usize,
    /// Use these addresses for calls instead of those of all interfaces.
    #[arg(long, value_name = "ADDRESS")]
    address: Vec<IpAddr>,
    /// A file (WAV, WebM, Matroska, MP4 or Ogg Opus) that pages can ask for instead of their own sound, and, if it has pictures,
    /// instead of their own picture too. It is played in a loop, from its beginning for each page; frames that the
    /// browser can decode are sent as they are.
    #[arg(long, value_name = "FILE")]
    play: Option<PathBuf>,
    /// How many calls may go on at once.
    #[arg(long, default_value_t = 32)]
    max_calls: usize,
    /// Serve the statistics of all calls as W3C's JSON at /stats. Whoever can open the page can then see
    /// the addresses of everybody who is in a call.
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    broadcasts: whip::BroadcastOptions,
}

/// Reads the number of shards.
fn shards(text: &str) -> Result<usize, String> {
    let max = EndpointConfiguration::MAX_SHARDS;
    let number = text.parse().ok();
    number
        .filter(|number| (1..=max).contains(number))
        .ok_or_else(|| format!("there can be 1 to {max} shards"))
}

/// Why the server can not run.
#[derive(Debug, Error)]
pub(crate) enum ServeError {
    #[error("HTTP can not be served on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("no socket for calls")]
    Endpoint(#[from] gannet::BindError),
    #[error("no certificate for calls")]
    Certificate(#[from] gannet::CertificateError),
    #[error("HTTPS can not be set up")]
    Tls(#[from] tls::TlsError),
    #[error("'{}' can not be played", path.display())]
    Play {
        path: PathBuf,
        #[source]
        source: gannet::media::MediaFileError,
    },
    #[error("the HTTP server stopped")]
    Http(#[source] io::Error),
}

/// Serves until the program is told to end.
pub(crate) async fn run(options: Options) -> Result<(), ServeError> {
    let mut configuration = EndpointConfiguration::default();
    configuration.port = options.udp_port;
    configuration.addresses.clone_from(&options.address);
    configuration.loopback = true;
    configuration.tcp = true;
    configuration.shards = options.shards;
    let endpoint = Endpoint::bind(&configuration)?;
    let program = Program::load(options.play.as_deref()).map_err(|source| ServeError::Play {
        path: options.play.clone().unwrap_or_default(),
        source,
    })?;
    let provider = gannet::default_provider();
    let certificate = Certificate::generate(&*provider)?;
    let tls = tls::configuration(&options)?;
    let (broadcasting, broadcasts) =
        whip::router(endpoint.clone(), certificate.clone(), options.broadcasts);
    let switchboard = Switchboard::new(endpoint, certificate, program, options.max_calls);
    let mut router = Router::new()
        .route("/", get(page::index))
        .route("/client.js", get(page::client))
        .route("/style.css", get(page::style))
        .route("/offer", post(offer::answer))
        .layer(DefaultBodyLimit::max(MAX_OFFER));
    if options.stats {
        router = router.route("/stats", get(stats::show));
    }
    let router = router.with_state(switchboard.clone()).merge(broadcasting);

    let address = SocketAddr::new(options.host, options.port);
    let listen = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;

    let handle = axum_server::Handle::new();
    let goodbye = move || {
        switchboard.close();
        broadcasts.close();
    };
    tokio::spawn(end_on_signal(handle.clone(), goodbye));
    announce(address, tls.is_some());
    let service = router.into_make_service();
    let served = match tls {
        Some(tls) => match axum_server::from_tcp_rustls(listener, tls) {
            Ok(server) => server.handle(handle).serve(service).await,
            Err(error) => Err(error),
        },
        None => match axum_server::from_tcp(listener) {
            Ok(server) => server.handle(handle).serve(service).await,
            Err(error) => Err(error),
        },
    };
    served.map_err(ServeError::Http)
}

#[allow(
    clippy::print_stdout,
    reason = "this is what the user started the program for"
)]
fn announce(address: SocketAddr, secure: bool) {
    let scheme = if secure { "https" } else { "http" };
    let host = if address.ip().is_unspecified() {
        "localhost".to_owned()
    } else {
        SocketAddr::new(address.ip(), 0)
            .to_string()
            .trim_end_matches(":0")
            .to_owned()
    };
    println!("Gannet serves on {scheme}://{host}:{}/", address.port());
    if address.ip().is_unspecified() && !secure {
        println!("From other machines, cameras need --https.");
    }
}

/// On Ctrl-C or a request to end: no new calls, goodbye to those that go on.
async fn end_on_signal(handle: axum_server::Handle<SocketAddr>, goodbye: impl FnOnce()) {
    crate::signal::told_to_end().await;
    goodbye();
    handle.graceful_shutdown(Some(GOODBYE));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_number_of_shards_is_told_in_a_sentence() {
        assert_eq!(shards("1"), Ok(1));
        assert_eq!(shards("64"), Ok(64));
        for wrong in ["0", "65", "-1", "two", "", "99999999999999999999"] {
            let refused = Err("there can be 1 to 64 shards".to_owned());
            assert_eq!(shards(wrong), refused, "{wrong}");
        }
    }
}
