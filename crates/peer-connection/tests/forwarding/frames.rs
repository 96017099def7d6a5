//! Frames that say what they are: VP8 to its payload format, and numbers to the tests.

use std::cell::Cell;
use std::time::Duration;

use gannet::ortc::rtp::{EncodedFrame, Frame, SenderId};
use gannet::{
    Direction, EncodedFrames, Endpoint, ForwardedStream, MediaKind, PeerConnection, RtpSender,
};
use tokio::task::JoinHandle;

use crate::support::peer::Peer;
use crate::support::{connected, connection, connection_on, exchange, soon, track};

/// Frames a second.
pub(crate) const RATE: u32 = 30;
/// The head of a frame: the first byte of VP8's frame header, its source, its number.
const HEAD: usize = 6;

/// What a frame of a source is, to the last byte.
pub(crate) fn frame(source: u8, number: u32, key: bool, len: usize) -> Vec<u8> {
    let mut data = vec![if key { 0x10 } else { 0x11 }, source];
    data.extend(number.to_be_bytes());
    let mut state = u32::from(source) << 24 ^ number;
    data.resize_with(len.max(HEAD), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    data
}

/// The source, the number and whether it is a key frame: of a frame that is what it should be.
pub(crate) fn read(data: &[u8]) -> (u8, u32, bool) {
    let (source, number) = (
        data[1],
        u32::from_be_bytes(data[2..HEAD].try_into().unwrap()),
    );
    let key = data[0] & 1 == 0;
    assert!(
        frame(source, number, key, data.len()) == data,
        "frame {number} of source {source} is damaged"
    );
    (source, number, key)
}

/// Sends frames by a peer's sender until it is aborted: the first one is a key frame, and those that are asked for.
pub(crate) fn film(peer: &Peer, source: u8, sender: SenderId, len: usize) -> JoinHandle<()> {
    let peer = peer.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
        for number in 0.. {
            ticks.tick().await;
            peer.with(|state, now| {
                let wanted = &mut state.key_frames_wanted;
                let key = number == 0 || wanted.contains(&sender);
                wanted.retain(|other| *other != sender);
                let len = if key { 4 * len } else { len };
                let data = frame(source, number, key, len).into();
                let frame = EncodedFrame::new(data, number * 90_000 / RATE, key);
                let _ = state.session.rtp_mut().send_frame(now, sender, frame);
            });
        }
    })
}

/// A peer that films, and the stream of it that a connection forwards.
pub(crate) struct Publisher {
    pub(crate) peer: Peer,
    pub(crate) connection: PeerConnection,
    pub(crate) stream: ForwardedStream,
    pub(crate) film: JoinHandle<()>,
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.film.abort();
    }
}

pub(crate) async fn publisher(endpoint: &Endpoint, source: u8, len: usize) -> Publisher {
    let (peer, connection) = (Peer::new(Some(&[])).await, connection_on(endpoint));
    peer.call(&connection).await;
    let receiver = track(&connection).await.receiver;
    let stream = receiver.forward().expect("nobody reads it");
    let sender = peer.state().senders[0].1;
    let film = film(&peer, source, sender, len);
    Publisher {
        peer,
        connection,
        stream,
        film,
    }
}

/// The forwarder's side of a viewer, and the viewer.
pub(crate) struct Viewer {
    pub(crate) sender: RtpSender,
    pub(crate) near: PeerConnection,
    pub(crate) far: PeerConnection,
    frames: EncodedFrames,
    /// The frame that it has seen last.
    last: Cell<Option<(u8, u32)>>,
}

/// A viewer that gets nothing yet.
pub(crate) async fn viewer(endpoint: &Endpoint) -> Viewer {
    let (near, far) = (connection_on(endpoint), connection());
    let transceiver = near.add_transceiver(MediaKind::Video, Direction::SendOnly, None);
    exchange(&near, &far).await;
    connected(&near, &far).await;
    let frames = track(&far)
        .await
        .receiver
        .encoded()
        .expect("nobody decodes it");
    Viewer {
        sender: transceiver.sender(),
        near,
        far,
        frames,
        last: Cell::new(None),
    }
}

impl Viewer {
    /// The next frame, which refers to the one before it, or is a key frame.
    pub(crate) async fn next(&self) -> Frame {
        let received = soon("a frame", self.frames.recv()).await;
        let frame = received.expect("it goes on").frame;
        let (source, number, key) = read(&frame.data);
        let last = self.last.replace(Some((source, number)));
        let follows = last == Some((source, number.wrapping_sub(1)));
        assert!(key || follows, "{number} of {source} after {last:?}");
        frame
    }

    /// The sources and numbers of the next frames.
    pub(crate) async fn watch(&self, count: usize) -> Vec<(u8, u32)> {
        let mut seen = Vec::new();
        for _ in 0..count {
            let (source, number, _) = read(&self.next().await.data);
            seen.push((source, number));
        }
        seen
    }

    /// The next frame of this source.
    pub(crate) async fn next_of(&self, source: u8) -> Frame {
        loop {
            let frame = self.next().await;
            if read(&frame.data).0 == source {
                return frame;
            }
        }
    }
}
