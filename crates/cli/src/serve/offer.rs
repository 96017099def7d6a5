//! `POST /offer`: an offer in, an answer out, and a call begins.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gannet::media::{MediaFile, MediaFileError, VideoTransform, transform};
use gannet::{Certificate, Configuration, Endpoint, MediaKind, PeerConnection, SessionDescription};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::call::{Call, Sound};
use super::stats::{Calls, Entry};

/// How long gathering may take before the answer goes out with the candidates that are there.
const GATHERING: Duration = Duration::from_secs(2);

/// What all calls share.
#[derive(Clone, Debug)]
pub(super) struct Switchboard {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    certificate: Certificate,
    program: Program,
    places: Arc<Semaphore>,
    calls: Calls,
    closing: watch::Sender<bool>,
}

impl Switchboard {
    pub(super) fn new(
        endpoint: Endpoint,
        certificate: Certificate,
        program: Program,
        max_calls: usize,
    ) -> Self {
        let places = Arc::new(Semaphore::new(max_calls));
        let closing = watch::Sender::new(false);
        Self {
            shared: Arc::new(Shared {
                endpoint,
                certificate,
                program,
                places,
                calls: Calls::default(),
                closing,
            }),
        }
    }

    /// The calls that go on.
    pub(super) fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    /// Ends all calls.
    pub(super) fn close(&self) {
        self.shared.closing.send_replace(true);
    }
}

/// What a page posts.
#[derive(Debug, Deserialize)]
struct Offer {
    sdp: String,
    r#type: String,
    #[serde(default)]
    video_transform: Option<String>,
    #[serde(default)]
    audio: Sound,
}

/// What it gets back.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    sdp: String,
    r#type: &'static str,
}

/// Why a call does not come about.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    #[error("the body is not a JSON object with the strings 'sdp' and 'type': {0}")]
    Body(#[from] serde_json::Error),
    #[error("'type' is '{0}', it should be 'offer'")]
    NotAnOffer(String),
    #[error("'video_transform' is '{0}', it should be one of {names}", names = transform::NAMES.join(", "))]
    UnknownTransform(String),
    #[error("the offer can not be answered: {0}")]
    Offer(#[from] gannet::NegotiationError),
    #[error("all lines are busy; try again when somebody has hung up")]
    Busy,
    #[error("no call can be made: {0}")]
    Setup(#[from] gannet::NewConnectionError),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Body(_) | Self::NotAnOffer(_) | Self::UnknownTransform(_) | Self::Offer(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Setup(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        tracing::info!(%status, refusal = %self, "an offer was refused");
        (
            status,
            Json(serde_json::json!({ "error": self.to_string() })),
        )
            .into_response()
    }
}

/// Answers an offer; the call goes on by itself.
pub(super) async fn answer(
    State(switchboard): State<Switchboard>,
    body: Bytes,
) -> Result<Json<Answer>, Refusal> {
    let offer: Offer = serde_json::from_slice(&body)?;
    if offer.r#type != "offer" {
        return Err(Refusal::NotAnOffer(offer.r#type));
    }
    let transform = transform_named(offer.video_transform.as_deref().unwrap_or("none"))?;
    let shared = &switchboard.shared;
    let place = Arc::clone(&shared.places)
        .try_acquire_owned()
        .map_err(|_| Refusal::Busy)?;

    let mut configuration = Configuration::default();
    configuration.endpoint = Some(shared.endpoint.clone());
    configuration.certificate = Some(shared.certificate.clone());
    let connection = PeerConnection::new(configuration)?;
    let remote = SessionDescription::offer(offer.sdp);
    connection.set_remote_description(remote).await?;
    let program = match offer.audio {
        Sound::Echo => None,
        Sound::File => Some(shared.program.clone()),
    };
    let entry = shared.calls.enter(connection.clone());
    let call = Call::prepare(connection.clone(), transform, program);
    let local = connection.create_answer().await?;
    connection.set_local_description(local).await?;
    call.play();
    let gathered = tokio::time::timeout(GATHERING, connection.gathering_complete()).await;
    if gathered.is_err() {
        tracing::info!("candidates are still being gathered; the answer has those that are there");
    }
    let answer = connection
        .local_description()
        .map(|local| local.sdp)
        .unwrap_or_default();
    tokio::spawn(run(call, place, entry, shared.closing.subscribe()));
    Ok(Json(Answer {
        sdp: answer,
        r#type: "answer",
    }))
}

/// Runs a call to its end, and gives its place back. Nobody can ask for its statistics from then on.
async fn run(
    call: Call,
    _place: OwnedSemaphorePermit,
    _entry: Entry,
    mut closing: watch::Receiver<bool>,
) {
    tokio::select! {
        () = call.run() => {}
        _ = closing.wait_for(|closing| *closing) => call.hang_up(),
    }
}

fn transform_named(name: &str) -> Result<Box<dyn VideoTransform>, Refusal> {
    transform::by_name(name).ok_or_else(|| Refusal::UnknownTransform(name.to_owned()))
}

/// What pages get that ask for the server's file.
#[derive(Clone, Debug)]
pub(super) enum Program {
    /// A tone, if the server was given no file.
    Tone,
    /// The file.
    File(MediaFile),
}

impl Program {
    /// Looks into a file, or none.
    pub(super) fn load(path: Option<&Path>) -> Result<Self, MediaFileError> {
        Ok(match path {
            Some(path) => {
                let file = MediaFile::open(path)?;
                if !file.left_out().is_empty() {
                    let codecs = file.left_out().join(", ");
                    tracing::warn!("nothing here plays {codecs}: it is left out");
                }
                Self::File(file)
            }
            None => Self::Tone,
        })
    }

    /// Whether it has this in place of what comes from the page.
    pub(super) fn has(&self, kind: MediaKind) -> bool {
        match (self, kind) {
            (Self::Tone, MediaKind::Audio) => true,
            (Self::Tone, MediaKind::Video) => false,
            (Self::File(file), MediaKind::Audio) => file.has(gannet::media::MediaKind::Audio),
            (Self::File(file), MediaKind::Video) => file.has(gannet::media::MediaKind::Video),
        }
    }
}
