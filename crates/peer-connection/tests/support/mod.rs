//! What the tests share: connections on loopback, and how two of them come together.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod relay;

use std::future::Future;
use std::net::Ipv4Addr;
use std::time::Duration;

use gannet::media::{MediaFrame, Source, TestPattern, Tone, frame_code};
use gannet::{
    Configuration, DataChannel, Endpoint, EndpointConfiguration, Event, MediaStreamTrack,
    PeerConnection, PeerConnectionState, RtpTransceiver, TrackEvent,
};

/// More than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sockets on loopback.
pub(crate) fn endpoint() -> Endpoint {
    endpoint_with(|_| {})
}

/// Sockets on loopback, with a configuration of one's own.
pub(crate) fn endpoint_with(change: impl FnOnce(&mut EndpointConfiguration)) -> Endpoint {
    let mut configuration = EndpointConfiguration::default();
    configuration.addresses.push(Ipv4Addr::LOCALHOST.into());
    change(&mut configuration);
    Endpoint::bind(&configuration).expect("loopback can be bound")
}

/// A connection on an endpoint.
pub(crate) fn connection_on(endpoint: &Endpoint) -> PeerConnection {
    connection_with(|configuration| configuration.endpoint = Some(endpoint.clone()))
}

/// Sends back what comes.
pub(crate) async fn echo(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if channel.send(message).await.is_err() {
            return;
        }
    }
}

/// A connection with sockets of its own, on loopback.
pub(crate) fn connection() -> PeerConnection {
    connection_with(|_| {})
}

/// A connection with a configuration of one's own.
pub(crate) fn connection_with(change: impl FnOnce(&mut Configuration)) -> PeerConnection {
    let mut configuration = Configuration::default();
    configuration.sockets.addresses = vec![Ipv4Addr::LOCALHOST.into()];
    change(&mut configuration);
    PeerConnection::new(configuration).expect("a connection can be made")
}

/// An offer and an answer, each with all its candidates.
pub(crate) async fn exchange(offerer: &PeerConnection, answerer: &PeerConnection) {
    exchange_and(offerer, answerer, |_| {}).await;
}

/// The same, where the answerer does something with each section of the offer before its answer.
pub(crate) async fn exchange_and(
    offerer: &PeerConnection,
    answerer: &PeerConnection,
    each: impl Fn(&RtpTransceiver),
) {
    let offer = offerer.create_offer().await.expect("an offer");
    offerer
        .set_local_description(offer)
        .await
        .expect("our offer is taken");
    offerer.gathering_complete().await;
    let offer = offerer.local_description().expect("it was set");
    answerer
        .set_remote_description(offer)
        .await
        .expect("the offer is taken");
    answerer.transceivers().iter().for_each(each);
    let answer = answerer.create_answer().await.expect("an answer");
    answerer
        .set_local_description(answer)
        .await
        .expect("our answer is taken");
    answerer.gathering_complete().await;
    let answer = answerer.local_description().expect("it was set");
    offerer
        .set_remote_description(answer)
        .await
        .expect("the answer is taken");
}

/// Waits for something, but not forever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited too long for {what}"),
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Waits until both are connected.
pub(crate) async fn connected(one: &PeerConnection, other: &PeerConnection) {
    for connection in [one, other] {
        until("a connection", || {
            connection.connection_state() == PeerConnectionState::Connected
        })
        .await;
    }
}

/// The next track that the peer sends; other events are passed over.
pub(crate) async fn track(connection: &PeerConnection) -> TrackEvent {
    soon("a track", async {
        loop {
            let event = connection.next_event().await.expect("it is not closed");
            if let Event::Track(event) = event {
                return event;
            }
        }
    })
    .await
}

/// The next channel that the peer opens; other events are passed over.
pub(crate) async fn data_channel(connection: &PeerConnection) -> DataChannel {
    soon("a data channel", async {
        loop {
            let event = connection.next_event().await.expect("it is not closed");
            if let Event::DataChannel(channel) = event {
                return channel;
            }
        }
    })
    .await
}

/// A numbered picture 30 times a second.
pub(crate) fn pattern(width: u32, height: u32) -> MediaStreamTrack {
    gannet::play(
        "pattern",
        TestPattern::new(width, height, 30).expect("a size"),
    )
    .into()
}

/// A tone.
pub(crate) fn tone(hertz: f64) -> MediaStreamTrack {
    let format = gannet::media::AudioFormat::mono(48_000);
    gannet::play("tone", Tone::new(hertz, 0.5, format).expect("a format")).into()
}

/// A source that notes something whenever it made a frame.
pub(crate) struct Watched<S, N> {
    pub(crate) source: S,
    pub(crate) note: N,
}

impl<S: Source, N: FnMut(Duration) + Send> Source for Watched<S, N> {
    type Frame = S::Frame;

    fn interval(&self) -> Duration {
        self.source.interval()
    }

    fn frame_at(&mut self, time: Duration) -> Option<S::Frame> {
        let frame = self.source.frame_at(time);
        (self.note)(time);
        frame
    }
}

/// What the next picture of a track shows: its size, its number, its time.
pub(crate) async fn picture(track: &MediaStreamTrack) -> (u32, u32, Option<u16>, Duration) {
    match soon("a picture", track.recv())
        .await
        .expect("the track goes on")
    {
        MediaFrame::Video(frame) => {
            let code = frame_code::read(frame.buffer());
            (frame.width(), frame.height(), code, frame.timestamp())
        }
        MediaFrame::Audio(_) => panic!("sound on a track of pictures"),
    }
}

/// The pitch of a second of sound, in hertz; what comes first is left to the codec to settle.
pub(crate) async fn pitch(track: &MediaStreamTrack) -> f64 {
    let (mut samples, mut rate) = (Vec::new(), 48_000);
    while samples.len() < 3 * rate / 2 {
        match soon("sound", track.recv())
            .await
            .expect("the track goes on")
        {
            MediaFrame::Audio(frame) => {
                rate = frame.sample_rate() as usize;
                let channels = usize::from(frame.channels());
                samples.extend(frame.samples().iter().step_by(channels).copied());
            }
            MediaFrame::Video(_) => panic!("a picture on a track of sound"),
        }
    }
    let settled = &samples[samples.len() - rate..];
    let rises = settled
        .windows(2)
        .filter(|pair| pair[0] < 0 && pair[1] >= 0)
        .count();
    rises as f64
}
