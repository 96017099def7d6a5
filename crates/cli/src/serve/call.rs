//! One call: pictures come in, are changed, and go back; sound is echoed; pings are answered.

use std::time::Duration;

use gannet::media::{AudioFormat, MediaStreamTrack, Tone, VideoTransform};
use gannet::{
    DataChannel, Direction, Event, MediaKind, Message, PeerConnection, PeerConnectionState,
    RtpTransceiver,
};
use serde::Deserialize;

use super::offer::Program;

/// How long a browser may take to connect once it has its answer.
const CONNECT: Duration = Duration::from_secs(30);

/// What the page hears, and maybe sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sound {
    /// Itself.
    #[default]
    Echo,
    /// The server's file.
    File,
}

/// A call that was answered.
#[derive(Debug)]
pub(super) struct Call {
    connection: PeerConnection,
    program: Option<Program>,
}

impl Call {
    /// Sends back whatever the offer sends, but what the program has; to be called between the offer and the answer.
    pub(super) fn prepare(
        connection: PeerConnection,
        transform: Box<dyn VideoTransform>,
        program: Option<Program>,
    ) -> Self {
        // One transform has one memory: it is for the first video, which is all that pages send.
        let mut transform = Some(transform);
        for transceiver in connection.transceivers() {
            transceiver.set_direction(Direction::SendRecv);
            let kind = transceiver.kind();
            if program.as_ref().is_some_and(|program| program.has(kind)) {
                continue;
            }
            let sent = match transceiver.receiver().track() {
                MediaStreamTrack::Video(camera) => match transform.take() {
                    Some(transform) => gannet::transform(camera, transform).into(),
                    None => camera.into(),
                },
                MediaStreamTrack::Audio(microphone) => microphone.into(),
            };
            transceiver.sender().replace_track(Some(sent));
        }
        Self {
            connection,
            program,
        }
    }

    /// Begins with the program, if there is one; to be called when the answer is made, which says what the browser decodes.
    pub(super) fn play(&self) {
        let transceivers = self.connection.transceivers();
        let senders: Vec<_> = transceivers.iter().map(RtpTransceiver::sender).collect();
        match &self.program {
            None => {}
            Some(Program::Tone) => {
                let mut senders = senders.iter();
                let audio = senders.find(|sender| sender.kind() == MediaKind::Audio);
                let tone = Tone::new(440.0, 0.2, AudioFormat::mono(48_000));
                if let (Some(sender), Ok(tone)) = (audio, tone) {
                    sender.replace_track(Some(gannet::play("tone", tone).into()));
                }
            }
            Some(Program::File(file)) => match gannet::play_file(file, true, &senders) {
                Ok(playback) => tracing::info!(?playback, "a file is played"),
                Err(error) => tracing::warn!(%error, "a file can not be played"),
            },
        }
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
