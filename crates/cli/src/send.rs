//! `gannet send`: a file, published by WHIP.

use std::path::PathBuf;
use std::time::Duration;

use gannet::media::{MediaFile, MediaFileError, ReadyState};
use gannet::{
    Direction, MediaKind, PlayFileError, PlayedAs, RtpSender, default_capabilities, play_file,
};
use thiserror::Error;

use crate::client::{self, ClientError, ServerOptions, Session, Url};

/// How often it is looked whether the file is over.
const LOOK: Duration = Duration::from_millis(50);
/// How long the last frames may take to the server, with what is lost of them and sent again.
const LINGER: Duration = Duration::from_millis(500);

/// What `gannet send` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The WHIP endpoint: http://HOST:PORT/whip/NAME of `gannet serve`, or that of another server.
    url: Url,
    /// The file: WebM, Matroska, MP4, Ogg Opus or WAV. Its frames are sent as they are if the server takes their codec, else they
    /// are decoded, and encoded again.
    #[arg(long, value_name = "FILE")]
    play: PathBuf,
    /// Play it again and again, until Ctrl-C.
    #[arg(long = "loop")]
    is_looping: bool,
    #[command(flatten)]
    server: ServerOptions,
}

/// Why nothing is sent, or no longer.
#[derive(Debug, Error)]
pub(crate) enum SendError {
    #[error("'{}' can not be played", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: MediaFileError,
    },
    #[error("'{}' can not be played", path.display())]
    Play {
        path: PathBuf,
        #[source]
        source: PlayFileError,
    },
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Publishes the file until its end, or until the program is told to end.
pub(crate) async fn run(options: Options) -> Result<(), SendError> {
    let path = &options.play;
    let file = MediaFile::open(path).map_err(|source| SendError::Open {
        path: path.clone(),
        source,
    })?;
    let connection = client::connection(&options.url, default_capabilities()).await?;
    let mut senders = Vec::new();
    for (kind, is_there) in [
        (MediaKind::Audio, file.has(gannet::media::MediaKind::Audio)),
        (MediaKind::Video, file.has(gannet::media::MediaKind::Video)),
    ] {
        if is_there {
            let transceiver = connection.add_transceiver(kind, Direction::SendOnly, None);
            senders.push(transceiver.sender());
        }
    }
    let session = Session::open(connection, options.url.clone(), &options.server).await?;
    let played = tokio::select! {
        played = publish(&session, &file, &options, &senders) => played,
        () = crate::signal::told_to_end() => Ok(()),
    };
    session.end().await;
    played
}

/// Plays the file once there is a connection, until its end or that of the session.
async fn publish(
    session: &Session,
    file: &MediaFile,
    options: &Options,
    senders: &[RtpSender],
) -> Result<(), SendError> {
    session.connected().await?;
    let playback = play_file(file, options.is_looping, senders);
    let playback = playback.map_err(|source| SendError::Play {
        path: options.play.clone(),
        source,
    })?;
    announce(
        &options.url,
        [("sound", playback.audio), ("pictures", playback.video)],
        file.left_out(),
    );
    tokio::select! {
        () = played(senders) => Ok(()),
        error = session.ended() => Err(error.into()),
    }
}

/// Waits until all of the file is on its way.
async fn played(senders: &[RtpSender]) {
    let is_live = |sender: &RtpSender| sender.ready_state() == Some(ReadyState::Live);
    while senders.iter().any(is_live) {
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::sleep(LINGER).await;
}

#[allow(
    clippy::print_stdout,
    reason = "this is what the user started the program for"
)]
fn announce(url: &Url, parts: [(&str, Option<PlayedAs>); 2], left_out: &[String]) {
    let parts = parts.into_iter().filter_map(|(kind, played)| {
        Some(match played? {
            PlayedAs::Encoded => format!("{kind} as they are"),
            PlayedAs::Decoded => format!("{kind} encoded anew"),
        })
    });
    let parts: Vec<_> = parts.collect();
    println!("Gannet sends to {url}: {}", parts.join(", "));
    if !left_out.is_empty() {
        println!(
            "Nothing here plays {}: it is left out.",
            left_out.join(", ")
        );
    }
}
