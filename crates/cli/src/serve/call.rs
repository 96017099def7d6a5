//! One call: pictures come in, are changed, and go back; sound is echoed; pings are answered.

use std::time::Duration;

use gannet::media::{self, WavFile};
use gannet::{
    DataChannel, Direction, Event, MediaKind, Message, PeerConnection, PeerConnectionState,
    RtpTransceiver,
};
use serde::Deserialize;

/// How long a browser may take to connect once it has its answer.
const CONNECT: Duration = Duration::from_secs(30);

/// What happens to the pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Transform {
    /// They go back as they came.
    #[default]
    None,
    /// Their edges are drawn.
    Edges,
    /// They look painted.
    Cartoon,
    /// They turn.
    Rotate,
}

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
        transform: Transform,
        sound: Option<WavFile>,
    ) -> Self {
        for transceiver in connection.transceivers() {
            match transceiver.kind() {
                MediaKind::Video => send_back_pictures(&transceiver, transform),
                MediaKind::Audio => send_back_sound(&transceiver, sound.as_ref()),
            }
        }
        Self { connection }
    }

    /// Takes part until the other side is gone.
    pub(super) async fn run(&self) {
        if tokio::time::timeout(CONNECT, self.connected()).await.is_err() {
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
            let done = matches!(event, Event::ConnectionStateChange(PeerConnectionState::Connected));
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

fn send_back_pictures(transceiver: &RtpTransceiver, transform: Transform) {
    let camera = transceiver.receiver().track();
    let pictures = match transform {
        Transform::None => camera,
        Transform::Edges => camera.transformed(media::Edges::new()),
        Transform::Cartoon => camera.transformed(media::Cartoon::new()),
        Transform::Rotate => camera.transformed(media::Rotate::new()),
    };
    transceiver.sender().replace_track(Some(pictures));
    transceiver.set_direction(Direction::SendRecv);
}

fn send_back_sound(transceiver: &RtpTransceiver, file: Option<&WavFile>) {
    let sound = match file {
        None => transceiver.receiver().track(),
        Some(file) => gannet::play(file.clone().looped()),
    };
    transceiver.sender().replace_track(Some(sound));
    transceiver.set_direction(Direction::SendRecv);
}

/// Answers `ping…` with `pong…`.
async fn answer_pings(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if let Message::Text(text) = message
            && let Some(rest) = text.strip_prefix("ping")
            && channel.send(Message::Text(format!("pong{rest}"))).await.is_err()
        {
            break;
        }
    }
}
