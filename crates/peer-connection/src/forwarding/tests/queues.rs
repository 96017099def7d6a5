//! Queues that are full, viewers that are not there yet.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use gannet_crypto::Rng;
use gannet_jsep::{Configuration, Jsep, SenderInit};
use gannet_ortc::Session;
use gannet_ortc::parameters::{
    Direction, MediaKind, RtpCodecParameters, RtpParameters, SctpParameters,
};
use gannet_ortc::rtp::SenderId;

use super::{KEY_FRAME_INTERVAL, PARTS, Sent, codec, received, sent, session};
use crate::forwarding::choice::Selection;
use crate::forwarding::forwarder::{Forwarder, Line};
use crate::forwarding::stream::{Stream, Subscription};
use crate::forwarding::{Forwarding, ForwardingState};

/// A stream of VP8, a sender that forwards it, and the session that sends.
struct Forwarded {
    stream: Arc<Stream>,
    codec: Arc<RtpCodecParameters>,
    forwarder: Forwarder,
    number: u64,
    session: Session,
    parameters: RtpParameters,
    sender: SenderId,
}

impl Forwarded {
    fn new() -> Self {
        let mut jsep = Jsep::new(Configuration {
            session_id: 1,
            cname: String::new(),
            capabilities: crate::default_capabilities(),
            sctp: SctpParameters::default(),
        });
        let kind = MediaKind::Video;
        let id = jsep.add_transceiver(kind, Direction::RecvOnly, SenderInit::default());
        let (stream, codec) = (Stream::new(Weak::new(), id, kind), codec("VP8"));
        stream.set_layers(&[None], &[Arc::clone(&codec)]);
        let subscription: Subscription = stream.subscribe(Weak::new(), id);
        let number = subscription.number;
        let mut forwarder = Forwarder::default();
        forwarder.set(Some((subscription, Selection::Automatic)));
        let (mut session, parameters) = session();
        let sender = session
            .add_sender(gannet_netsim::start(), &parameters)
            .unwrap();
        Self {
            stream,
            codec,
            forwarder,
            number,
            session,
            parameters,
            sender,
        }
    }

    fn arrive(&self, now: Instant, sent: &Sent) {
        self.stream.push(0, received(sent, 1, now), &self.codec);
    }

    /// Hands out what waits; the layer whose key frame is needed.
    fn deliver(&mut self, now: Instant, connected: bool) -> Option<u8> {
        let (batch, viewers) = self.stream.next_batch(now, false, Vec::new())?;
        assert_eq!(viewers.len(), 1);
        let line = Line {
            session: &mut self.session,
            sender: self.sender,
            kind: MediaKind::Video,
            parameters: &self.parameters,
        };
        let wanted = self
            .forwarder
            .take(now, self.number, &batch, connected.then_some(line));
        // The turn is given back.
        assert!(self.stream.next_batch(now, true, batch.packets).is_none());
        wanted
    }

    fn status(&self) -> Forwarding {
        self.forwarder.status().expect("it forwards")
    }

    /// The sequence numbers of what leaves until `now`.
    fn leave(&mut self, now: Instant) -> Vec<u16> {
        let mut numbers = Vec::new();
        let mut buffer = Vec::new();
        while self
            .session
            .rtp_mut()
            .poll_transmit(now, &mut buffer)
            .is_some()
        {
            // RTCP has no sequence number (RFC 5761, section 4).
            if !(192..224).contains(&buffer[1]) {
                numbers.push(u16::from_be_bytes([buffer[2], buffer[3]]));
            }
            buffer.clear();
        }
        numbers
    }
}

/// A viewer whose queue is full loses packets, and is sent nothing before the next key frame; its numbers have no hole.
#[test]
fn a_full_queue_costs_all_up_to_the_next_key_frame() {
    let mut scene = Forwarded::new();
    let mut now = gannet_netsim::start();
    let sent = sent(&mut Rng::insecure_from_u64(5), 0, 2000);
    // A key frame, and others without one until the queue is full.
    let (first, last) = (sent[..3].to_vec(), sent[3..].to_vec());
    let others: Vec<Sent> = last
        .into_iter()
        .map(|mut packet| {
            packet.payload[6] = 1;
            packet
        })
        .collect();
    for packets in [&first[..], &others[..3000], &others[3000..]] {
        packets.iter().for_each(|packet| scene.arrive(now, packet));
        let wanted = scene.deliver(now, true);
        let is_full = scene.status().packets_dropped > 0;
        assert_eq!(wanted, is_full.then_some(0));
    }
    let status = scene.status();
    assert_eq!(status.state, ForwardingState::Waiting);
    assert_eq!(status.packets_dropped, 6000 - 4096);
    let stats = scene.session.rtp().stats(now);
    assert_eq!(
        stats.outbound[0].packets_discarded_on_send, 1,
        "the others were not offered"
    );
    let mut left = Vec::new();
    for _ in 0..500 {
        now += Duration::from_millis(10);
        left.extend(scene.leave(now));
    }
    assert_eq!(left.len(), 4096);
    // What comes before the key frame is lost too, and then all is sent.
    let behind = sent.last().unwrap();
    for (index, key) in [(1_u16, false), (2, true), (3, false)] {
        let mut packet = Sent {
            part: PARTS - 1,
            ..behind.clone()
        };
        packet.sequence = behind.sequence.wrapping_add(index);
        (packet.payload[0], packet.payload[6]) = (0x90, u8::from(!key));
        scene.arrive(now, &packet);
    }
    assert_eq!(scene.deliver(now, true), None);
    assert_eq!(scene.status().state, ForwardingState::Sending);
    assert_eq!(scene.status().packets_dropped, 6000 - 4096 + 1);
    left.extend(scene.leave(now));
    assert_eq!(left.len(), 4098);
    assert!(
        left.windows(2)
            .all(|pair| pair[0].wrapping_add(1) == pair[1]),
        "a hole"
    );
}

/// Packets that nobody hands out are dropped when they are too many, and then a key frame is needed.
#[test]
fn a_stream_that_is_not_handed_out_begins_anew() {
    let mut scene = Forwarded::new();
    let now = gannet_netsim::start();
    let sent = sent(&mut Rng::insecure_from_u64(5), 0, 1700);
    scene.arrive(now, &sent[0]);
    assert_eq!(scene.deliver(now, true), None);
    // None of the rest is a key frame.
    for packet in &sent[1..] {
        let mut packet = packet.clone();
        packet.payload[6] = 1;
        scene.arrive(now, &packet);
    }
    assert_eq!(scene.deliver(now, true), Some(0));
    assert_eq!(scene.leave(now).len(), 1);
}

/// A viewer that is not connected is sent nothing, and begins with a key frame once it is; nobody is asked for one before.
#[test]
fn a_viewer_begins_when_it_is_connected() {
    let mut scene = Forwarded::new();
    let now = gannet_netsim::start();
    let sent = sent(&mut Rng::insecure_from_u64(5), 0, 40);
    let frames: Vec<_> = sent.chunks(PARTS as usize).collect();
    for (frame, connected, wanted) in [
        (0, false, None),
        (1, true, Some(0)),
        (KEY_FRAME_INTERVAL, true, None),
        (KEY_FRAME_INTERVAL + 1, true, None),
        (KEY_FRAME_INTERVAL + 2, false, None),
        (KEY_FRAME_INTERVAL + 3, true, Some(0)),
    ] {
        frames[frame as usize]
            .iter()
            .for_each(|packet| scene.arrive(now, packet));
        assert_eq!(scene.deliver(now, connected), wanted, "frame {frame}");
    }
    assert_eq!(scene.leave(now).len(), 2 * PARTS as usize);
    assert_eq!(scene.status().packets_dropped, 0);
    // It is let go: nothing is kept for it.
    scene.forwarder.set(None);
    frames[24]
        .iter()
        .for_each(|packet| scene.arrive(now, packet));
    assert!(scene.stream.next_batch(now, false, Vec::new()).is_none());
}
