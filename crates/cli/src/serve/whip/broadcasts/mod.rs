//! Who publishes, and who watches what. It knows nothing of HTTP.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gannet::crypto::Rng;
use gannet::{Certificate, Configuration, Endpoint, ForwardedStream};
use thiserror::Error;
use tokio::sync::watch;

use super::session::{Answered, Role, Session, SessionError};

/// The longest name of a broadcast, in bytes.
const MAX_NAME: usize = 64;

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many may publish at once.
    pub(crate) publishers: usize,
    /// How many may watch at once, all broadcasts together.
    pub(crate) viewers: usize,
    /// How long a session may take to connect once it was answered.
    pub(crate) connect: Duration,
}

/// The name of a broadcast: letters, digits, `-`, `_` and `.` (ASCII), 64 at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name(String);

impl Name {
    /// Takes a text that is a name.
    pub(super) fn new(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(fits);
        // A path may not have them.
        let is_relative = matches!(text, "." | "..");
        (is_name && !is_relative).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a session is not opened.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error("somebody publishes under this name already")]
    Taken,
    #[error("all places are taken; try again when somebody has left")]
    Full,
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// A session that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What it is known by: nobody guesses it.
    pub(super) id: String,
    pub(super) answer: String,
    /// The tag of its first generation of ICE.
    pub(super) tag: String,
}

type Streams = Vec<ForwardedStream>;

/// All broadcasts. It is a handle.
#[derive(Clone, Debug)]
pub(crate) struct Broadcasts {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    certificate: Certificate,
    limits: Limits,
    state: Mutex<State>,
    closing: watch::Sender<bool>,
}

struct State {
    rng: Rng,
    channels: HashMap<Name, Channel>,
    sessions: HashMap<String, Entry>,
    publishers: usize,
    viewers: usize,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("channels", &self.channels)
            .field("publishers", &self.publishers)
            .field("viewers", &self.viewers)
            .finish_non_exhaustive()
    }
}

/// What has a name: it is there as long as somebody publishes or watches.
#[derive(Debug, Default)]
struct Channel {
    is_published: bool,
    viewers: usize,
    /// What is published. Those who watch follow it.
    streams: watch::Sender<Streams>,
}

#[derive(Debug)]
struct Entry {
    role: Role,
    name: Name,
    /// Not there while its offer is being answered.
    session: Option<Arc<Session>>,
}

impl Broadcasts {
    pub(crate) fn new(endpoint: Endpoint, certificate: Certificate, limits: Limits) -> Self {
        let state = State {
            rng: Rng::from_seed(gannet::default_provider().random_seed()),
            channels: HashMap::new(),
            sessions: HashMap::new(),
            publishers: 0,
            viewers: 0,
        };
        Self {
            shared: Arc::new(Shared {
                endpoint,
                certificate,
                limits,
                state: Mutex::new(state),
                closing: watch::Sender::new(false),
            }),
        }
    }

    /// Answers the offer of a publisher or a viewer. The session goes on by itself until either side ends it. A viewer may come
    /// before the publisher, and stays when that goes: what is published later under the same name it gets too.
    pub(super) async fn open(
        &self,
        role: Role,
        name: &Name,
        offer: String,
    ) -> Result<Opened, OpenError> {
        let mut configuration = Configuration::default();
        configuration.endpoint = Some(self.shared.endpoint.clone());
        configuration.certificate = Some(self.shared.certificate.clone());
        configuration.capabilities = gannet::forwarding_capabilities();
        // From here on the place is given back by whoever drops it, also when the client does not wait for the answer.
        let (place, tag) = self.reserve(role, name)?;
        let answered = Session::answer(configuration, role, offer, tag).await?;
        let Answered {
            session,
            answer,
            tag,
        } = answered;
        let session = Arc::new(session);
        let published = match role {
            Role::Publisher => session.streams(),
            Role::Viewer => Streams::new(),
        };
        let streams = self.shared.enter(&place.id, &session, published);
        let opened = Opened {
            id: place.id.clone(),
            answer,
            tag,
        };
        tokio::spawn(run(place, session, streams));
        Ok(opened)
    }

    /// The session of an id.
    pub(super) fn session(&self, role: Role, name: &Name, id: &str) -> Option<Arc<Session>> {
        let state = self.shared.lock();
        let entry = state.sessions.get(id)?;
        let is_it = entry.role == role && entry.name == *name;
        is_it.then(|| entry.session.clone()).flatten()
    }

    /// Ends a session; its place is free at once. Whether there was one.
    pub(super) fn end(&self, role: Role, name: &Name, id: &str) -> bool {
        let Some(session) = self.session(role, name, id) else {
            return false;
        };
        self.shared.leave(id);
        session.close();
        true
    }

    /// Ends all of them.
    pub(crate) fn close(&self) {
        self.shared.closing.send_replace(true);
    }

    /// Takes a place, and makes the id and the tag of a session.
    fn reserve(&self, role: Role, name: &Name) -> Result<(Place, String), OpenError> {
        let mut state = self.shared.lock();
        state.take_place(role, name, &self.shared.limits)?;
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (id, tag): (String, String) =
            (hex(&state.rng.array::<16>()), hex(&state.rng.array::<8>()));
        let entry = Entry {
            role,
            name: name.clone(),
            session: None,
        };
        state.sessions.insert(id.clone(), entry);
        let shared = Arc::clone(&self.shared);
        Ok((Place { shared, id }, tag))
    }
}

impl State {
    fn take_place(&mut self, role: Role, name: &Name, limits: &Limits) -> Result<(), OpenError> {
        let channel = self.channels.get(name);
        if role == Role::Publisher && channel.is_some_and(|channel| channel.is_published) {
            return Err(OpenError::Taken);
        }
        let (taken, limit) = match role {
            Role::Publisher => (&mut self.publishers, limits.publishers),
            Role::Viewer => (&mut self.viewers, limits.viewers),
        };
        if *taken >= limit {
            return Err(OpenError::Full);
        }
        *taken += 1;
        let channel = self.channels.entry(name.clone()).or_default();
        match role {
            Role::Publisher => channel.is_published = true,
            Role::Viewer => channel.viewers += 1,
        }
        Ok(())
    }

    fn give_place_back(&mut self, role: Role, name: &Name) {
        match role {
            Role::Publisher => self.publishers -= 1,
            Role::Viewer => self.viewers -= 1,
        }
        let Some(channel) = self.channels.get_mut(name) else {
            return;
        };
        match role {
            Role::Publisher => {
                channel.is_published = false;
                channel.streams.send_replace(Streams::new());
            }
            Role::Viewer => channel.viewers -= 1,
        }
        if !channel.is_published && channel.viewers == 0 {
            self.channels.remove(name);
        }
    }
}

impl Shared {
    /// Makes a session known. A viewer gets what is published under its name, and what will be.
    fn enter(
        &self,
        id: &str,
        session: &Arc<Session>,
        published: Streams,
    ) -> Option<watch::Receiver<Streams>> {
        let mut state = self.lock();
        let State {
            sessions, channels, ..
        } = &mut *state;
        let entry = sessions.get_mut(id)?;
        entry.session = Some(Arc::clone(session));
        let channel = channels.get(&entry.name)?;
        match entry.role {
            Role::Publisher => {
                channel.streams.send_replace(published);
                None
            }
            Role::Viewer => Some(channel.streams.subscribe()),
        }
    }

    /// Forgets a session, if it is known.
    fn leave(&self, id: &str) {
        let mut state = self.lock();
        let Some(entry) = state.sessions.remove(id) else {
            return;
        };
        state.give_place_back(entry.role, &entry.name);
        drop(state);
        // It may be the last handle, which closes the connection: not under the lock.
        drop(entry);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a session. Dropping it gives it back.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    id: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.leave(&self.id);
    }
}

/// Runs a session to its end, and gives its place back.
async fn run(place: Place, session: Arc<Session>, streams: Option<watch::Receiver<Streams>>) {
    let mut closing = place.shared.closing.subscribe();
    tokio::select! {
        () = session.run(place.shared.limits.connect) => {}
        () = follow(&session, streams) => {}
        _ = closing.wait_for(|closing| *closing) => {}
    }
    session.close();
}

/// Gives a viewer what is published, again and again. It does not end.
async fn follow(session: &Session, streams: Option<watch::Receiver<Streams>>) {
    if let Some(mut streams) = streams {
        loop {
            let published = streams.borrow_and_update().clone();
            session.forward(&published);
            if streams.changed().await.is_err() {
                break;
            }
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests;
