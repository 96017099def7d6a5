use std::net::Ipv4Addr;
use std::time::Instant;

use gannet::{
    EndpointConfiguration, MediaKind, PeerConnection, PeerConnectionState, SessionDescription,
};

use super::*;
use crate::serve::whip::fragment::{self, Fragment};
use crate::serve::whip::session::{Generation, PatchError, Patched};

/// More than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const LIMITS: Limits = Limits {
    publishers: 2,
    viewers: 2,
    connect: PATIENCE,
};

fn broadcasts(limits: Limits) -> Broadcasts {
    let mut configuration = EndpointConfiguration::default();
    configuration.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    let endpoint = Endpoint::bind(&configuration).unwrap();
    let certificate = Certificate::generate(&*gannet::default_provider()).unwrap();
    Broadcasts::new(endpoint, certificate, limits)
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A peer, and what it offers.
async fn peer(role: Role) -> (PeerConnection, String) {
    let mut configuration = Configuration::default();
    configuration.sockets.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    let connection = PeerConnection::new(configuration).unwrap();
    let direction = match role {
        Role::Publisher => gannet::Direction::SendOnly,
        Role::Viewer => gannet::Direction::RecvOnly,
    };
    connection.add_transceiver(MediaKind::Video, direction, None);
    let offer = offered(&connection).await;
    (connection, offer)
}

async fn offered(connection: &PeerConnection) -> String {
    let offer = connection.create_offer().await.unwrap();
    connection.set_local_description(offer).await.unwrap();
    connection.gathering_complete().await;
    connection.local_description().unwrap().sdp
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "it never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Broadcasts {
    /// Opens a session whose peer is never heard of again.
    async fn open_one(&self, role: Role, under: &str) -> Result<Opened, OpenError> {
        let (_, offer) = peer(role).await;
        self.open(role, &name(under), offer).await
    }

    /// Names, publishers, viewers, and sessions that are known.
    fn counts(&self) -> (usize, usize, usize, usize) {
        let state = self.shared.lock();
        let State {
            channels,
            sessions,
            publishers,
            viewers,
            ..
        } = &*state;
        (channels.len(), *publishers, *viewers, sessions.len())
    }
}

#[test]
fn names_are_short_and_plain() {
    for right in ["a", "Live_1.b-c", &"x".repeat(64)] {
        assert!(Name::new(right).is_some(), "{right}");
    }
    for wrong in ["", ".", "..", "a/b", "a b", "ä", "a\n", &"x".repeat(65)] {
        assert!(Name::new(wrong).is_none(), "{wrong}");
    }
}

#[tokio::test]
async fn a_name_has_one_publisher_and_places_run_out() {
    let all = broadcasts(LIMITS);
    all.open_one(Role::Publisher, "a").await.unwrap();
    let again = all.open_one(Role::Publisher, "a").await;
    assert!(matches!(again, Err(OpenError::Taken)), "{again:?}");
    all.open_one(Role::Publisher, "b").await.unwrap();
    let third = all.open_one(Role::Publisher, "c").await;
    assert!(matches!(third, Err(OpenError::Full)), "{third:?}");
    // Viewers have places of their own, all names together.
    all.open_one(Role::Viewer, "a").await.unwrap();
    all.open_one(Role::Viewer, "nobody-yet").await.unwrap();
    let third = all.open_one(Role::Viewer, "a").await;
    assert!(matches!(third, Err(OpenError::Full)), "{third:?}");
    assert_eq!(all.counts(), (3, 2, 2, 4));
    all.close();
    until(async || all.counts() == (0, 0, 0, 0)).await;
}

#[tokio::test]
async fn what_is_refused_takes_no_place() {
    let all = broadcasts(LIMITS);
    for offer in ["Dear Sir", &peer(Role::Viewer).await.1] {
        let refused = all
            .open(Role::Publisher, &name("a"), offer.to_owned())
            .await;
        assert!(matches!(refused, Err(OpenError::Session(_))), "{refused:?}");
        assert_eq!(all.counts(), (0, 0, 0, 0));
    }
}

#[tokio::test]
async fn a_session_that_ends_frees_its_name_at_once() {
    let all = broadcasts(LIMITS);
    let opened = all.open_one(Role::Publisher, "a").await.unwrap();
    assert!(
        all.session(Role::Publisher, &name("a"), &opened.id)
            .is_some()
    );
    // By its whole address only.
    for (role, under, id) in [
        (Role::Viewer, "a", &*opened.id),
        (Role::Publisher, "b", &*opened.id),
        (Role::Publisher, "a", "1"),
    ] {
        assert!(!all.end(role, &name(under), id), "{role:?} {under} {id}");
    }
    assert!(all.end(Role::Publisher, &name("a"), &opened.id));
    assert_eq!(all.counts(), (0, 0, 0, 0));
    assert!(!all.end(Role::Publisher, &name("a"), &opened.id));
    all.open_one(Role::Publisher, "a").await.unwrap();
    // What is left of the first one does not take the place of the second.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(all.counts(), (1, 1, 0, 1));
}

#[tokio::test]
async fn a_session_that_never_connects_is_freed() {
    let connect = Duration::from_millis(300);
    let all = broadcasts(Limits { connect, ..LIMITS });
    let started = Instant::now();
    for role in [Role::Publisher, Role::Viewer] {
        all.open_one(role, "a").await.unwrap();
    }
    assert_eq!(all.counts(), (1, 1, 1, 2));
    until(async || all.counts() == (0, 0, 0, 0)).await;
    assert!(started.elapsed() >= connect);
}

#[tokio::test]
async fn one_that_connects_stays_until_it_goes() {
    let connect = Duration::from_millis(1500);
    let all = broadcasts(Limits { connect, ..LIMITS });
    let (publisher, offer) = peer(Role::Publisher).await;
    let opened = all.open(Role::Publisher, &name("a"), offer).await.unwrap();
    let answer = SessionDescription::answer(opened.answer);
    publisher.set_remote_description(answer).await.unwrap();
    until(async || publisher.connection_state() == PeerConnectionState::Connected).await;
    tokio::time::sleep(connect).await;
    assert_eq!(all.counts(), (1, 1, 0, 1));
    publisher.close();
    until(async || all.counts() == (0, 0, 0, 0)).await;
}

/// A session whose publisher is connected.
struct Publication {
    publisher: PeerConnection,
    session: Arc<Session>,
    answer: String,
    tag: String,
}

impl Publication {
    /// The publisher tells its candidates later.
    async fn new(all: &Broadcasts) -> Self {
        let (publisher, offer) = peer(Role::Publisher).await;
        let bare = offer.lines().filter(|line| !line.contains("candidate"));
        let bare: String = bare.map(|line| format!("{line}\r\n")).collect();
        let opened = all.open(Role::Publisher, &name("a"), bare).await.unwrap();
        let session = all.session(Role::Publisher, &name("a"), &opened.id);
        let session = session.unwrap();
        let trickled = Fragment::parse(&fragment::of_description(&offer).unwrap()).unwrap();
        let added = session.patch(&only(&opened.tag), &trickled).await;
        assert_eq!(added.unwrap(), Patched::Added);
        let answer = SessionDescription::answer(opened.answer.clone());
        publisher.set_remote_description(answer).await.unwrap();
        until(async || publisher.connection_state() == PeerConnectionState::Connected).await;
        Self {
            publisher,
            session,
            answer: opened.answer,
            tag: opened.tag,
        }
    }

    /// Restarts the publisher's ICE, and says it in a fragment.
    async fn restarted(&self) -> Fragment {
        self.publisher.restart_ice();
        let offer = offered(&self.publisher).await;
        Fragment::parse(&fragment::of_description(&offer).unwrap()).unwrap()
    }
}

fn only(tag: &str) -> Generation {
    Generation::Tagged(vec![tag.to_owned()])
}

#[tokio::test]
async fn candidates_are_added_and_ice_restarts() {
    let all = broadcasts(LIMITS);
    let publication = Publication::new(&all).await;
    let Publication {
        publisher, session, ..
    } = &publication;
    let fragment = publication.restarted().await;
    let credentials = fragment.credentials.clone();
    let patched = session.patch(&Generation::Any, &fragment).await.unwrap();
    let Patched::Restarted {
        tag,
        fragment: ours,
    } = patched
    else {
        panic!("{patched:?}");
    };
    assert_ne!(tag, publication.tag);
    let ours = Fragment::parse(&ours).unwrap();
    let answer = ours.restart(&publication.answer).unwrap().unwrap().sdp;
    let answer = SessionDescription::answer(answer);
    publisher.set_remote_description(answer).await.unwrap();
    // The new generation is the one in use, at both ends.
    let ufrag = credentials.unwrap().0;
    let selected = |connection: &PeerConnection| {
        connection.inspect(|session| {
            let ice = session.ice();
            ice.selected_pair().is_some() && ice.local_parameters().username_fragment == ufrag
        })
    };
    until(async || selected(publisher)).await;
    assert_eq!(publisher.connection_state(), PeerConnectionState::Connected);
    // What was meant for the generation before is none of its.
    let late = session.patch(&only(&publication.tag), &fragment).await;
    assert!(matches!(late, Err(PatchError::Outdated)), "{late:?}");
    let again = session.patch(&only(&tag), &fragment).await;
    assert_eq!(again.unwrap(), Patched::Added);
}

#[tokio::test]
async fn ice_restarts_once_a_second() {
    let all = broadcasts(LIMITS);
    let publication = Publication::new(&all).await;
    let fragment = publication.restarted().await;
    let session = &publication.session;
    session.patch(&Generation::Any, &fragment).await.unwrap();
    let mut other = fragment;
    other.credentials = Some(("other".to_owned(), "otherotherotherotherother".to_owned()));
    let soon = session.patch(&Generation::Any, &other).await;
    assert!(matches!(soon, Err(PatchError::TooSoon)), "{soon:?}");
}

#[tokio::test]
async fn what_can_not_be_used_leaves_everything_as_it_was() {
    let all = broadcasts(LIMITS);
    let publication = Publication::new(&all).await;
    let mut fragment = publication.restarted().await;
    // A section that is not there.
    fragment.mid = Some("7".to_owned());
    let session = &publication.session;
    let refused = session.patch(&Generation::Any, &fragment).await;
    assert!(
        matches!(refused, Err(PatchError::UnknownSection(_))),
        "{refused:?}"
    );
    fragment.credentials = None;
    let refused = session.patch(&Generation::Any, &fragment).await;
    assert!(
        matches!(refused, Err(PatchError::Negotiation(_))),
        "{refused:?}"
    );
    assert_eq!(all.counts(), (1, 1, 0, 1));
    let empty = Fragment::parse("").unwrap();
    let added = session.patch(&only(&publication.tag), &empty).await;
    assert_eq!(added.unwrap(), Patched::Added);
}
