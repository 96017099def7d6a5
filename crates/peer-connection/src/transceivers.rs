//! The senders and receivers of a connection, below its lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use gannet_jsep::{MediaPlan, SenderInit, TransceiverId};
use gannet_ortc::Session;
use gannet_ortc::parameters::{MediaKind, RtpEncodingParameters};
use gannet_ortc::rtp::{Event, ReceivedPacket, ReceiverId, SenderId};

use crate::connection::Connection;
use crate::forwarding::Work;
use crate::receiving::Receiver;
use crate::sender::Sender;

/// All transceivers of a connection.
#[derive(Debug, Default)]
pub(crate) struct Transceivers {
    /// In the order of their numbers.
    list: Vec<Transceiver>,
    /// Where in the list the receivers and senders of the session are.
    index: Index,
    /// Whether the transport is there.
    is_connected: bool,
}

/// Finds whom an event of the session is for. It is a cache: what it says is looked at, and what it does not know makes it
/// anew.
#[derive(Debug, Default)]
struct Index {
    receivers: HashMap<ReceiverId, usize>,
    senders: HashMap<SenderId, usize>,
}

/// A sender and a receiver.
#[derive(Debug)]
pub(crate) struct Transceiver {
    pub(crate) id: TransceiverId,
    pub(crate) kind: MediaKind,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

/// What is left to be done after an event.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing.
    Done,
    /// The layer that this receiver of the session gets would be read, if there was a key frame of it.
    NeedsKeyFrame(ReceiverId),
    /// What must wait until no lock is held.
    Work(Work),
}

/// Random numbers for a transceiver, drawn by the caller.
#[derive(Debug)]
pub(crate) struct TransceiverSeed {
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) stream_id: String,
    pub(crate) track_id: String,
}

impl Transceivers {
    /// Adds the objects of a transceiver.
    pub(crate) fn add(&mut self, id: TransceiverId, kind: MediaKind, seed: TransceiverSeed) {
        let mut transceiver = Transceiver::new(id, kind, seed);
        if self.is_connected {
            transceiver.sender.connected();
        }
        let place = self.list.partition_point(|other| other.id < id);
        self.list.insert(place, transceiver);
    }

    pub(crate) fn remove(&mut self, id: TransceiverId) {
        self.list.retain(|transceiver| transceiver.id != id);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Transceiver> {
        self.list.iter()
    }

    pub(crate) fn find(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.list.get(self.place(id)?)
    }

    pub(crate) fn find_mut(&mut self, id: TransceiverId) -> Option<&mut Transceiver> {
        let place = self.place(id)?;
        self.list.get_mut(place)
    }

    fn place(&self, id: TransceiverId) -> Option<usize> {
        self.list.binary_search_by_key(&id, |found| found.id).ok()
    }

    /// Hands an event of the RTP session to whom it is for.
    pub(crate) fn handle_event(&mut self, event: Event) -> Outcome {
        match event {
            Event::Frame(frame) => {
                let found = self.receiver_mut(frame.receiver);
                let needed = found.and_then(|receiver| receiver.take(*frame));
                return needed.map_or(Outcome::Done, Outcome::NeedsKeyFrame);
            }
            Event::Packet(packet) => return self.forward(*packet),
            Event::KeyFrameRequested(sender) => {
                if let Some(sender) = self.sender_mut(sender) {
                    sender.request_key_frame();
                }
                return self.ask_source(sender);
            }
            Event::TargetBitrate { sender, bitrate } => {
                if let Some(sender) = self.sender_mut(sender) {
                    sender.set_target(bitrate);
                }
            }
            _ => {}
        }
        Outcome::Done
    }

    fn receiver_mut(&mut self, id: ReceiverId) -> Option<&mut Receiver> {
        let place = self.index.receivers.get(&id).copied();
        let place = place.filter(|place| self.receives(*place, id));
        let place = place.or_else(|| {
            self.index = Index::new(&self.list);
            self.index.receivers.get(&id).copied()
        })?;
        Some(&mut self.list.get_mut(place)?.receiver)
    }

    fn receives(&self, place: usize, id: ReceiverId) -> bool {
        let found = self.list.get(place);
        found.is_some_and(|found| found.receiver.layer(id).is_some())
    }

    fn sender_mut(&mut self, id: SenderId) -> Option<&mut Sender> {
        let place = self.index.senders.get(&id).copied();
        let place = place.filter(|place| self.sends(*place, id));
        let place = place.or_else(|| {
            self.index = Index::new(&self.list);
            self.index.senders.get(&id).copied()
        })?;
        Some(&mut self.list.get_mut(place)?.sender)
    }

    fn sends(&self, place: usize, id: SenderId) -> bool {
        let found = self.list.get(place);
        found.is_some_and(|found| found.sender.id == Some(id))
    }

    fn forward(&mut self, packet: ReceivedPacket) -> Outcome {
        let receiver = self.receiver_mut(packet.receiver);
        let work = receiver.and_then(|receiver| receiver.take_packet(packet));
        work.map_or(Outcome::Done, Outcome::Work)
    }

    /// The viewer of a forwarded stream needs a key frame.
    fn ask_source(&mut self, sender: SenderId) -> Outcome {
        let forwarder = self.sender_mut(sender).map(|sender| &sender.forwarder);
        let Some((forwarder, stream)) =
            forwarder.and_then(|found| found.stream().map(|s| (found, s)))
        else {
            return Outcome::Done;
        };
        stream.want(forwarder.current_layer());
        Outcome::Work(Work::Ask(Arc::clone(stream)))
    }

    /// The transport is there.
    pub(crate) fn connected(&mut self) {
        self.is_connected = true;
        for transceiver in &mut self.list {
            transceiver.sender.connected();
        }
    }

    /// Does what a description has agreed on.
    pub(crate) fn apply(&mut self, now: Instant, session: &mut Session, plans: &[MediaPlan]) {
        for transceiver in &mut self.list {
            let plan = plans.iter().find(|plan| plan.transceiver == transceiver.id);
            let send = plan.and_then(|plan| plan.send.clone());
            let receive = plan.and_then(|plan| plan.receive.clone());
            transceiver.sender.apply(now, session, send);
            transceiver.receiver.apply(now, session, receive);
        }
    }

    /// A section was rejected: its transceiver is over.
    pub(crate) fn stop_one(&mut self, now: Instant, session: &mut Session, id: TransceiverId) {
        let Some(transceiver) = self.find_mut(id) else {
            return;
        };
        transceiver.stop();
        if let Some(id) = transceiver.sender.id.take() {
            session.rtp_mut().remove_sender(now, id);
        }
    }

    /// Starts what should feed the senders, and stops what should not.
    pub(crate) fn run_senders(&mut self, connection: &Arc<Connection>) {
        for transceiver in &mut self.list {
            transceiver.sender.run(connection);
        }
    }

    /// Ends all threads.
    pub(crate) fn stop(&mut self) {
        self.list.iter_mut().for_each(Transceiver::stop);
    }
}

impl Index {
    fn new(list: &[Transceiver]) -> Self {
        let mut index = Self::default();
        for (place, found) in list.iter().enumerate() {
            let layers = found.receiver.layer_ids();
            index.receivers.extend(layers.map(|id| (id, place)));
            index.senders.extend(found.sender.id.map(|id| (id, place)));
        }
        index
    }
}

impl Drop for Transceivers {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Transceiver {
    fn new(id: TransceiverId, kind: MediaKind, seed: TransceiverSeed) -> Self {
        let encoding = RtpEncodingParameters {
            ssrc: Some(seed.ssrc),
            rtx_ssrc: (kind == MediaKind::Video).then_some(seed.rtx_ssrc),
            ..RtpEncodingParameters::default()
        };
        let init = SenderInit {
            streams: vec![seed.stream_id],
            track: seed.track_id.clone(),
            encodings: vec![encoding],
        };
        Self {
            id,
            kind,
            sender: Sender::new(init),
            receiver: Receiver::new(seed.track_id),
        }
    }
}

impl Transceiver {
    /// Ends its threads, and the tracks on both sides: nobody else reads the one that it sends.
    fn stop(&mut self) {
        self.sender.stop();
        self.receiver.stop();
    }
}
