//! A room in which everybody sees and hears everybody else, for any number of browsers.
//! `cargo run -p gannet --example room`, and then `http://localhost:8080` in several browsers or tabs. From other machines
//! it needs HTTPS in front: browsers give cameras to no other page. A browser has a connection for what it sends, and one
//! for each person that it watches: nothing is negotiated again.
#![allow(clippy::print_stdout, reason = "it says what to open")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, Json};
use axum::routing::{get, post};
use gannet::PeerConnectionState::{Closed, Connected, Failed};
use gannet::{
    Configuration, Direction, Endpoint, EndpointConfiguration, Event, ForwardedStream,
    PeerConnection, SessionDescription,
};

type Error = Box<dyn std::error::Error + Send + Sync>;
/// A person's number, and the answer to an offer.
type Answered = Result<(u64, String), Error>;
type Reply = Result<Json<(u64, String)>, (StatusCode, String)>;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// The room. All its connections are on one endpoint: a UDP socket for each address of the machine.
pub(crate) struct Room {
    endpoint: Endpoint,
    /// What each person sends.
    people: Mutex<BTreeMap<u64, Vec<ForwardedStream>>>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let room = Room::new(Endpoint::bind(&EndpointConfiguration::default())?);
    let routes = Router::new()
        .route("/", get(async || Html(include_str!("room.html"))))
        .route("/people", get(people))
        .route("/join", post(join))
        .route("/watch/{id}", post(watch))
        .with_state(room);
    let listener = tokio::net::TcpListener::bind("localhost:8080").await?;
    println!("open http://localhost:8080");
    Ok(axum::serve(listener, routes).await?)
}

async fn people(State(room): State<Arc<Room>>) -> Json<Vec<u64>> {
    Json(room.people())
}

async fn join(State(room): State<Arc<Room>>, offer: String) -> Reply {
    room.join(offer).await.map(Json).map_err(refused)
}

async fn watch(State(room): State<Arc<Room>>, Path(id): Path<u64>, offer: String) -> Reply {
    room.watch(id, offer).await.map(Json).map_err(refused)
}

fn refused(error: Error) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_string())
}

impl Room {
    pub(crate) fn new(endpoint: Endpoint) -> Arc<Self> {
        let people = Mutex::default();
        Arc::new(Self { endpoint, people })
    }

    pub(crate) fn people(&self) -> Vec<u64> {
        self.people.lock().unwrap().keys().copied().collect()
    }

    /// Somebody comes, who offers what he sends.
    pub(crate) async fn join(self: Arc<Self>, offer: String) -> Answered {
        let connection = self.admit(offer).await?;
        let sent = connection.transceivers().into_iter();
        let streams = sent.filter_map(|sent| sent.receiver().forward()).collect();
        let sdp = answer(&connection).await?;
        let id = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        self.people.lock().unwrap().insert(id, streams);
        tokio::spawn(self.stay(connection, Some(id)));
        Ok((id, sdp))
    }

    /// Somebody offers to receive what this person sends.
    pub(crate) async fn watch(self: Arc<Self>, id: u64, offer: String) -> Answered {
        let streams = self
            .people
            .lock()
            .unwrap()
            .get(&id)
            .cloned()
            .ok_or("he has left")?;
        let connection = self.admit(offer).await?;
        for transceiver in connection.transceivers() {
            let sender = transceiver.sender();
            if let Some(stream) = streams.iter().find(|sent| sent.kind() == sender.kind()) {
                transceiver.set_direction(Direction::SendOnly);
                sender.replace_forwarded(Some(stream))?;
            }
        }
        let sdp = answer(&connection).await?;
        tokio::spawn(self.stay(connection, None));
        Ok((id, sdp))
    }

    async fn admit(self: &Arc<Self>, offer: String) -> Result<PeerConnection, Error> {
        // Each connection holds the room.
        if Arc::strong_count(self) > 1000 {
            return Err("the room is full".into());
        }
        let mut configuration = Configuration::default();
        configuration.endpoint = Some(self.endpoint.clone());
        // Nothing is decoded here: any codec will do.
        configuration.capabilities = gannet::forwarding_capabilities();
        let connection = PeerConnection::new(configuration)?;
        let offer = SessionDescription::offer(offer);
        connection.set_remote_description(offer).await?;
        Ok(connection)
    }

    /// Keeps a connection until it is closed, or nobody comes. With it the streams of a person end, for all who watch.
    async fn stay(self: Arc<Self>, connection: PeerConnection, id: Option<u64>) {
        let mut patience = Duration::from_secs(30);
        while let Ok(Some(event)) = tokio::time::timeout(patience, connection.next_event()).await {
            match event {
                Event::ConnectionStateChange(Closed | Failed) => break,
                Event::ConnectionStateChange(Connected) => patience = Duration::MAX,
                _ => {}
            }
        }
        self.people
            .lock()
            .unwrap()
            .retain(|known, _| Some(*known) != id);
    }
}

/// The answer, with all candidates.
async fn answer(connection: &PeerConnection) -> Result<String, Error> {
    let answer = connection.create_answer().await?;
    connection.set_local_description(answer).await?;
    connection.gathering_complete().await;
    Ok(connection.local_description().ok_or("no answer")?.sdp)
}
