//! `gannet receive`: a broadcast, played from a WHEP endpoint into a file, or into nothing.

mod recording;
mod statistics;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use gannet::media::WebmCodec;
use gannet::ortc::parameters::RtpCapabilities;
use gannet::{Direction, MediaKind, ReceivedFrame, forwarding_capabilities};
use thiserror::Error;
use tokio::sync::mpsc;

use self::recording::{RecordError, Recording};
use self::statistics::Statistics;
use crate::client::{self, ClientError, ServerOptions, Session, Url};

/// How many frames wait for whoever writes them down.
const QUEUE: usize = 256;

/// What `gannet receive` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The WHEP endpoint: http://HOST:PORT/whep/NAME of `gannet serve`, or that of another server.
    url: Url,
    /// Record into this WebM file (Matroska if it is H.264), frames as they come. Without it, what comes is counted, and
    /// the counts are printed once a second.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Leave after so many seconds; without it, at Ctrl-C, or when the server ends the session.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,
    #[command(flatten)]
    server: ServerOptions,
}

/// Reads a time.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "it should be a number of seconds above zero".to_owned())
}

/// Why nothing is received, or no longer.
#[derive(Debug, Error)]
pub(crate) enum ReceiveError {
    #[error("'{}' can not be written", path.display())]
    Create {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("'{}' can not be recorded", path.display())]
    Record {
        path: PathBuf,
        #[source]
        source: RecordError,
    },
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// A frame, and what it is of.
type Received = (MediaKind, ReceivedFrame);

/// Plays until the program is told to end, or time is over, or the server is gone.
pub(crate) async fn run(options: Options) -> Result<(), ReceiveError> {
    let recording = options.record.clone().map(create).transpose()?;
    let capabilities = capabilities(recording.is_some());
    let connection = client::connection(&options.url, capabilities).await?;
    for kind in [MediaKind::Audio, MediaKind::Video] {
        connection.add_transceiver(kind, Direction::RecvOnly, None);
    }
    let session = Session::open(connection, options.url.clone(), &options.server).await?;
    let frames = frames(&session);
    let consumed = match recording {
        // Files block, so that the recorder has a thread of its own.
        Some((path, file)) => tokio::task::spawn_blocking(move || {
            let recorded = Recording::new(file).run(frames);
            recorded.map_err(|source| ReceiveError::Record { path, source })
        }),
        None => tokio::spawn(Statistics::new(session.connection().clone()).run(frames)),
    };
    let ended = stay(&session, &options).await;
    // Now the frames end, and with them the recording.
    session.end().await;
    let consumed = consumed.await.unwrap_or_else(|error| {
        // It was not cancelled: it panicked, and has said so.
        std::panic::resume_unwind(error.into_panic())
    });
    consumed.and(ended.map_err(ReceiveError::from))
}

fn create(path: PathBuf) -> Result<(PathBuf, File), ReceiveError> {
    match File::create(&path) {
        Ok(file) => Ok((path, file)),
        Err(source) => Err(ReceiveError::Create { path, source }),
    }
}

/// Everything that comes in frames; for a recording, only what a file can hold.
fn capabilities(is_recorded: bool) -> RtpCapabilities {
    let mut capabilities = forwarding_capabilities();
    if is_recorded {
        capabilities
            .codecs
            .retain(|codec| codec.name == "rtx" || WebmCodec::from_name(&codec.name).is_some());
    }
    capabilities
}

/// The frames of all receivers, until the connection ends.
fn frames(session: &Session) -> mpsc::Receiver<Received> {
    let (frames, received) = mpsc::channel(QUEUE);
    for transceiver in session.connection().transceivers() {
        let (kind, frames) = (transceiver.kind(), frames.clone());
        // Nobody else reads it.
        let Some(stream) = transceiver.receiver().encoded() else {
            continue;
        };
        tokio::spawn(async move {
            while let Some(frame) = stream.recv().await {
                if frames.send((kind, frame)).await.is_err() {
                    break;
                }
            }
        });
    }
    received
}

/// Stays in the session for as long as it is wanted.
async fn stay(session: &Session, options: &Options) -> Result<(), ClientError> {
    let over = async {
        match options.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let received = async {
        session.connected().await?;
        announce(&options.url);
        Err(session.ended().await)
    };
    tokio::select! {
        ended = received => ended,
        () = over => Ok(()),
        () = crate::signal::told_to_end() => Ok(()),
    }
}

#[allow(
    clippy::print_stdout,
    reason = "this is what the user started the program for"
)]
fn announce(url: &Url) {
    println!("Gannet receives from {url}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_above_zero() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for wrong in ["", "0", "-1", "NaN", "inf", "1e300", "soon"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
