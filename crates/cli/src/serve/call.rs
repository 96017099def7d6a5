//! One call: pictures come in, are changed, and go back; sound is echoed; pings are answered.

use std::time::Duration;

use gannet::media::{AudioFormat, MediaStreamTrack, Tone, VideoTransform, WavPlayer};
use gannet::{DataChannel, Direction, Event, Message, PeerConnection, PeerConnectionState};
use serde::Deserialize;

use super::offer::SoundFile;

/// How long a browser may take to connect once it has its answer.
const CONNECT: Duration = Duration::from_secs(30);

/// What the page hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sound {
    /// Itself.
    #[default]
    Echo,
    /// The server's sound file.
    File,
}

/// A call that was answered.
#[derive(Debug)]
pub(super) struct Call {
    connection: PeerConnection,
}

impl Call {
    /// Sends back whatever the offer sends; to be called between the offer and the answer.
    pub(super) fn prepare(
        connection: PeerConnection,
        transform: Box<dyn VideoTransform>,
        sound: Option<SoundFile>,
    ) -> Self {
        // One transform has one memory: it is for the first video, which is all that pages send.
        let mut transform = Some(transform);
        for transceiver in connection.transceivers() {
            let received = transceiver.receiver().track();
            let sent = match received {
                MediaStreamTrack::Video(camera) => match transform.take() {
                    Some(transform) => gannet::transform(camera, transform).into(),
                    None => camera.into(),
                },
                MediaStreamTrack::Audio(microphone) => match &sound {
                    Some(file) => play(file).unwrap_or_else(|| microphone.into()),
                    None => microphone.into(),
                },
            };
            transceiver.sender().replace_track(Some(sent));
            transceiver.set_direction(Direction::SendRecv);
        }
        Self { connection }
    }

    /// Takes part until the other side is gone.
    pub(super) async fn run(&self) {
        if tokio::time::timeout(CONNECT, self.connected())
            .await
            .is_err()
        {
            tracing::info!("nobody connected");
        } else {
            while let Some(event) = self.connection.next_event().await {
                if self.handle(event).is_break() {
                    break;
                }
            }
        }
        self.hang_up();
    }

    /// Says goodbye.
    pub(super) fn hang_up(&self) {
        self.connection.close();
    }

    async fn connected(&self) {
        while let Some(event) = self.connection.next_event().await {
            let done = matches!(
                event,
                Event::ConnectionStateChange(PeerConnectionState::Connected)
            );
            if self.handle(event).is_break() || done {
                return;
            }
        }
    }

    fn handle(&self, event: Event) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};
        match event {
            Event::DataChannel(channel) => {
                tokio::spawn(answer_pings(channel));
                Continue(())
            }
            Event::ConnectionStateChange(state) => {
                tracing::info!(?state, "a call's state changed");
                match state {
                    PeerConnectionState::Failed | PeerConnectionState::Closed => Break(()),
                    _ => Continue(()),
                }
            }
            _ => Continue(()),
        }
    }
}

/// Plays the server's sound, again and again.
fn play(file: &SoundFile) -> Option<MediaStreamTrack> {
    Some(match file {
        SoundFile::Tone => {
            let tone = Tone::new(440.0, 0.2, AudioFormat::mono(48_000)).ok()?;
            gannet::play("tone", tone).into()
        }
        SoundFile::Wav(bytes) => {
            let player = WavPlayer::new(&**bytes).ok()?;
            gannet::play("file", player.looping()).into()
        }
    })
}

/// Answers `ping…` with `pong…`.
async fn answer_pings(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if let Message::Text(text) = message
            && let Some(rest) = text.strip_prefix("ping")
            && channel
                .send(Message::Text(format!("pong{rest}")))
                .await
                .is_err()
        {
            break;
        }
    }
}
