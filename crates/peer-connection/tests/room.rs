//! The room of the example `room`, with peers in place of browsers.

#[allow(dead_code, reason = "its program is not run here")]
#[path = "../examples/room.rs"]
mod room;
mod support;

use std::sync::Arc;

use gannet::{Direction, MediaKind, MediaStreamTrack, PeerConnection, SessionDescription};

use self::room::Room;
use self::support::{connection, endpoint, pattern, picture, pitch, soon, tone, until};

/// An offer with all its candidates.
async fn offer(connection: &PeerConnection) -> String {
    let offer = connection.create_offer().await.unwrap();
    connection.set_local_description(offer).await.unwrap();
    connection.gathering_complete().await;
    connection.local_description().unwrap().sdp
}

async fn take(connection: &PeerConnection, answer: String) {
    let answer = SessionDescription::answer(answer);
    connection.set_remote_description(answer).await.unwrap();
}

/// Who is in the room: each has a width and a pitch of his own.
struct Person {
    id: u64,
    connection: PeerConnection,
    width: u32,
    hertz: f64,
}

async fn join(room: &Arc<Room>, width: u32, hertz: f64) -> Person {
    let connection = connection();
    let sends = Direction::SendOnly;
    connection.add_transceiver(MediaKind::Audio, sends, Some(tone(hertz)));
    connection.add_transceiver(MediaKind::Video, sends, Some(pattern(width, 120)));
    let (id, answer) = Arc::clone(room)
        .join(offer(&connection).await)
        .await
        .unwrap();
    take(&connection, answer).await;
    Person {
        id,
        connection,
        width,
        hertz,
    }
}

/// A connection of somebody who watches, and what he sees and hears.
async fn watch(room: &Arc<Room>, id: u64) -> (PeerConnection, MediaStreamTrack, MediaStreamTrack) {
    let connection = connection();
    let [audio, video] = [MediaKind::Audio, MediaKind::Video]
        .map(|kind| connection.add_transceiver(kind, Direction::RecvOnly, None));
    let answered = Arc::clone(room).watch(id, offer(&connection).await).await;
    take(&connection, answered.unwrap().1).await;
    (
        connection,
        audio.receiver().track(),
        video.receiver().track(),
    )
}

/// That a person is seen and heard.
async fn check(room: &Arc<Room>, person: &Person) {
    let (_connection, sound, pictures) = watch(room, person.id).await;
    let (width, _, code, _) = picture(&pictures).await;
    assert_eq!(width, person.width);
    assert!(code.is_some());
    let heard = pitch(&sound).await;
    assert!((heard - person.hertz).abs() <= 5.0, "{heard} Hz");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_sees_and_hears_everybody_else() {
    let room = Room::new(endpoint());
    let mut people = Vec::new();
    for (width, hertz) in [(160, 440.0), (192, 660.0), (224, 880.0)] {
        people.push(join(&room, width, hertz).await);
    }
    let ids: Vec<u64> = people.iter().map(|person| person.id).collect();
    assert_eq!(room.people(), ids);
    // Twice, as by each of the others.
    for person in people.iter().chain(&people) {
        check(&room, person).await;
    }

    // One leaves: who has watched him sees no more, and nobody can watch him any more.
    let (left, leaver) = (ids[0], people.remove(0));
    let (watching, _, pictures) = watch(&room, left).await;
    picture(&pictures).await;
    leaver.connection.close();
    until("a leave", || room.people() == ids[1..]).await;
    while tokio::time::timeout(std::time::Duration::from_secs(1), pictures.recv())
        .await
        .is_ok()
    {}
    let refused = Arc::clone(&room)
        .watch(left, offer(&connection()).await)
        .await;
    assert_eq!(refused.unwrap_err().to_string(), "he has left");
    watching.close();

    // Another one comes.
    let newcomer = join(&room, 256, 550.0).await;
    assert_eq!(room.people(), [ids[1], ids[2], newcomer.id]);
    soon("all others", async {
        for person in people.iter().chain([&newcomer]) {
            check(&room, person).await;
        }
    })
    .await;
}
