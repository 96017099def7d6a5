//! A session: a publisher's or a viewer's connection, from its offer to its end. It knows nothing of HTTP.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use gannet::{
    Configuration, Direction, Event, ForwardedStream, NegotiationError, NewConnectionError,
    PeerConnection, PeerConnectionState, SessionDescription,
};
use gannet_sdp::ParseError;
use thiserror::Error;
use tokio::sync::Mutex;

use super::fragment::{self, Fragment};
use super::offer::{self, OfferError};

/// How long gathering may take before the answer goes out with the candidates that are there.
const GATHERING: Duration = Duration::from_secs(2);
/// The least time between two restarts of ICE: each is an exchange of descriptions.
const RESTARTS: Duration = Duration::from_secs(1);

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// It sends to us.
    Publisher,
    /// It gets what a publisher sends.
    Viewer,
}

impl Role {
    /// What we do.
    pub(super) const fn direction(self) -> Direction {
        match self {
            Self::Publisher => Direction::RecvOnly,
            Self::Viewer => Direction::SendOnly,
        }
    }
}

/// Why a session does not come about.
#[derive(Debug, Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Offer(#[from] OfferError),
    #[error("the offer can not be answered: {0}")]
    Negotiation(#[from] NegotiationError),
    #[error("no connection can be made: {0}")]
    Setup(#[from] NewConnectionError),
}

/// Why a session's ICE stays as it is.
#[derive(Debug, Error)]
pub(crate) enum PatchError {
    #[error("the session's ICE has restarted meanwhile, or never had this entity tag")]
    Outdated,
    #[error("ICE can restart once a second")]
    TooSoon,
    #[error("the fragment can not be used: {0}")]
    Negotiation(#[from] NegotiationError),
    #[error("the offer had no section '{0}'")]
    UnknownSection(String),
    #[error("the session's descriptions can not be read: {0}")]
    Description(#[from] ParseError),
}

/// What a fragment did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Patched {
    /// The candidates are known.
    Added,
    /// ICE restarted: the new generation's tag, and a fragment with our side of it.
    Restarted { tag: String, fragment: String },
}

/// Which generation of ICE a fragment is meant for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Whichever it is.
    Any,
    /// One of these tags.
    Tagged(Vec<String>),
}

/// A connection with a publisher or a viewer. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Session {
    connection: PeerConnection,
    /// One fragment at a time.
    ice: Mutex<Ice>,
}

#[derive(Debug)]
struct Ice {
    /// The session's, which the generation's number makes unique.
    tag: String,
    generation: u64,
    restarted: Option<Instant>,
}

impl Ice {
    fn tag(&self) -> String {
        format!("{}-{}", self.tag, self.generation)
    }
}

/// A session that was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(super) session: Session,
    /// The answer's SDP.
    pub(super) answer: String,
    /// The tag of its first generation of ICE.
    pub(super) tag: String,
}

impl Session {
    /// Answers an offer with a whole answer, or not at all. `tag` is part of the tags of its generations of ICE.
    pub(super) async fn answer(
        configuration: Configuration,
        role: Role,
        offer: String,
        tag: String,
    ) -> Result<Answered, SessionError> {
        offer::check(&offer, role)?;
        let connection = PeerConnection::new(configuration)?;
        let offer = SessionDescription::offer(offer);
        connection.set_remote_description(offer).await?;
        for transceiver in connection.transceivers() {
            transceiver.set_direction(role.direction());
        }
        let answer = connection.create_answer().await?;
        connection.set_local_description(answer).await?;
        let answer = offer::complete(&gathered(&connection).await)?;
        let ice = Ice {
            tag,
            generation: 1,
            restarted: None,
        };
        Ok(Answered {
            tag: ice.tag(),
            answer,
            session: Self {
                connection,
                ice: Mutex::new(ice),
            },
        })
    }

    /// What a publisher sends, to be forwarded.
    pub(super) fn streams(&self) -> Vec<ForwardedStream> {
        let transceivers = self.connection.transceivers();
        let streams = transceivers.iter();
        streams
            .filter_map(|transceiver| transceiver.receiver().forward())
            .collect()
    }

    /// Sends a viewer what a publisher sends. What it has not asked for is left out.
    pub(super) fn forward(&self, streams: &[ForwardedStream]) {
        for transceiver in self.connection.transceivers() {
            let is_of_kind = |stream: &&ForwardedStream| stream.kind() == transceiver.kind();
            let Some(stream) = streams.iter().find(is_of_kind) else {
                continue;
            };
            if let Err(error) = transceiver.sender().replace_forwarded(Some(stream)) {
                tracing::info!(%error, kind = %stream.kind(), "a viewer does not get a stream");
            }
        }
    }

    /// Takes the peer's candidates, or restarts ICE if it has other credentials. If that is not possible, everything goes on as
    /// before.
    pub(super) async fn patch(
        &self,
        generation: &Generation,
        fragment: &Fragment,
    ) -> Result<Patched, PatchError> {
        let mut ice = self.ice.lock().await;
        if let Generation::Tagged(tags) = generation
            && !tags.contains(&ice.tag())
        {
            return Err(PatchError::Outdated);
        }
        if self.is_restart(fragment) {
            return self.restart_ice(&mut ice, fragment).await;
        }
        for signal in fragment.signals() {
            self.connection.add_ice_candidate(signal).await?;
        }
        Ok(Patched::Added)
    }

    /// Whether the fragment has other credentials than those in use.
    fn is_restart(&self, fragment: &Fragment) -> bool {
        let Some((ufrag, _)) = &fragment.credentials else {
            return false;
        };
        let in_use = self.connection.inspect(|session| {
            let remote = session.ice().remote_parameters();
            remote.map(|remote| remote.username_fragment.clone())
        });
        in_use.is_some_and(|in_use| in_use != *ufrag)
    }

    async fn restart_ice(&self, ice: &mut Ice, fragment: &Fragment) -> Result<Patched, PatchError> {
        if ice.restarted.is_some_and(|at| at.elapsed() < RESTARTS) {
            return Err(PatchError::TooSoon);
        }
        let offer = self.connection.remote_description();
        let offer = fragment.restart(&offer.map(|offer| offer.sdp).unwrap_or_default())?;
        let offer = offer
            .ok_or_else(|| PatchError::UnknownSection(fragment.mid.clone().unwrap_or_default()))?;
        ice.restarted = Some(Instant::now());
        self.connection.set_remote_description(offer).await?;
        let answer = self.connection.create_answer().await?;
        self.connection.set_local_description(answer).await?;
        ice.generation += 1;
        let answer = gathered(&self.connection).await;
        Ok(Patched::Restarted {
            tag: ice.tag(),
            fragment: fragment::of_description(&answer)?,
        })
    }

    /// Takes part until the other side is gone; that has to be there after `connect`.
    pub(super) async fn run(&self, connect: Duration) {
        let connected = self.until(|state| state == PeerConnectionState::Connected);
        match tokio::time::timeout(connect, connected).await {
            Ok(ControlFlow::Continue(())) => {
                let _end = self.until(|_| false).await;
            }
            Ok(ControlFlow::Break(())) => {}
            Err(_) => tracing::info!("nobody connected"),
        }
    }

    /// Waits for a state, or breaks at the end of the connection.
    async fn until(&self, is_it: impl Fn(PeerConnectionState) -> bool) -> ControlFlow<()> {
        use PeerConnectionState::{Closed, Failed};
        while let Some(event) = self.connection.next_event().await {
            match event {
                Event::ConnectionStateChange(Failed | Closed) => break,
                Event::ConnectionStateChange(state) if is_it(state) => {
                    return ControlFlow::Continue(());
                }
                _ => {}
            }
        }
        ControlFlow::Break(())
    }

    /// Says goodbye.
    pub(super) fn close(&self) {
        self.connection.close();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

/// Our description with all candidates, or those that are there in time.
async fn gathered(connection: &PeerConnection) -> String {
    let complete = connection.gathering_complete();
    if tokio::time::timeout(GATHERING, complete).await.is_err() {
        tracing::info!("candidates are still being gathered; the answer has those that are there");
    }
    let description = connection.local_description();
    description.map(|local| local.sdp).unwrap_or_default()
}
