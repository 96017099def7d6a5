//! What a receiver hands on: its packets, and who gets them.
//!
//! The lock of a [`Stream`] is the innermost one: it may be taken under the lock of a connection, and under it no
//! other is. Packets are queued under the lock of the connection that receives them; whoever has released that
//! lock hands them out, one thread at a time for each stream, so that they keep their order.

use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use gannet_jsep::TransceiverId;
use gannet_ortc::parameters::{MediaKind, RtpCodecParameters};
use gannet_ortc::rtp::ReceivedPacket;

use super::LayerInfo;
use super::layer::{Layer, Rate};
use super::packet::Packet;
use crate::connection::Connection;
use crate::endpoint::lock;

/// So many packets wait to be handed out. If there are more, the thread that hands them out hangs: all are dropped.
const MAX_QUEUED: usize = 4096;

/// A received stream that is forwarded.
#[derive(Debug)]
pub(crate) struct Stream {
    source: Weak<Connection>,
    transceiver: TransceiverId,
    kind: MediaKind,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    layers: Vec<Layer>,
    /// Counts the lists of layers.
    generation: u32,
    rids: Rids,
    codecs: Vec<Arc<RtpCodecParameters>>,
    viewers: Arc<Vec<Viewer>>,
    next_viewer: u64,
    queue: Vec<Packet>,
    /// Room for the next queue.
    spare: Vec<Packet>,
    /// Packets were dropped before those in the queue.
    gap: bool,
    /// A thread hands out packets.
    delivering: bool,
    /// When a timer will ask for key frames.
    reminder: Option<Instant>,
    over: bool,
}

/// The names of a stream's layers.
type Rids = Arc<[Option<String>]>;

/// A sender that gets a stream's packets.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    pub(crate) number: u64,
    pub(crate) connection: Weak<Connection>,
    pub(crate) transceiver: TransceiverId,
}

/// What viewers need of the source.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// The layers whose key frames are to be asked for now.
    pub(super) layers: Vec<usize>,
    /// When a new timer is to ask again.
    pub(super) reminder: Option<Instant>,
}

/// Packets on their way to all viewers.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) packets: Vec<Packet>,
    /// Something is missing before them.
    pub(crate) gap: bool,
    pub(crate) rids: Rids,
    pub(crate) rates: Vec<Rate>,
}

impl Stream {
    pub(crate) fn new(
        source: Weak<Connection>,
        transceiver: TransceiverId,
        kind: MediaKind,
    ) -> Arc<Self> {
        let state = State {
            layers: Vec::new(),
            generation: 0,
            rids: Arc::new([]),
            codecs: Vec::new(),
            viewers: Arc::default(),
            next_viewer: 0,
            queue: Vec::new(),
            spare: Vec::new(),
            gap: false,
            delivering: false,
            reminder: None,
            over: false,
        };
        Arc::new(Self {
            source,
            transceiver,
            kind,
            state: Mutex::new(state),
        })
    }

    pub(crate) const fn kind(&self) -> MediaKind {
        self.kind
    }

    pub(crate) fn source(&self) -> Option<Arc<Connection>> {
        self.source.upgrade()
    }

    pub(crate) const fn transceiver(&self) -> TransceiverId {
        self.transceiver
    }

    /// The layers that come from now on, and the codecs that they may have.
    pub(crate) fn set_layers(&self, rids: &[Option<String>], codecs: &[Arc<RtpCodecParameters>]) {
        let mut state = lock(&self.state);
        state.codecs = codecs.to_vec();
        if *state.rids == *rids {
            return;
        }
        // What came before has nothing to do with what comes now.
        state.generation = state.generation.wrapping_add(1);
        let epoch = state.generation << 16;
        let layers = (0..).zip(rids);
        state.layers = layers
            .map(|(index, rid)| Layer::new(index, rid.clone(), epoch))
            .collect();
        state.rids = rids.into();
    }

    /// Queues a packet of a layer, by a codec of the source's. Whether nothing has waited before: then nobody knows yet that
    /// there is something to be handed out.
    pub(crate) fn push(
        &self,
        layer: usize,
        received: ReceivedPacket,
        codec: &Arc<RtpCodecParameters>,
    ) -> bool {
        let state = &mut *lock(&self.state);
        let Some(layer) = state.layers.get_mut(layer).filter(|_| !state.over) else {
            return false;
        };
        let (queue, gap) = (&mut state.queue, &mut state.gap);
        let was_empty = queue.is_empty();
        let viewed = !state.viewers.is_empty();
        layer.take(self.kind, received, Arc::clone(codec), |packet| {
            if queue.len() >= MAX_QUEUED {
                queue.clear();
                *gap = true;
            }
            if viewed {
                queue.push(packet);
            }
        });
        was_empty && !queue.is_empty()
    }

    /// Adds a viewer. Whoever drops the number takes it away.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        connection: Weak<Connection>,
        transceiver: TransceiverId,
    ) -> Subscription {
        let mut state = lock(&self.state);
        let number = state.next_viewer;
        state.next_viewer += 1;
        Arc::make_mut(&mut state.viewers).push(Viewer {
            number,
            connection,
            transceiver,
        });
        Subscription {
            stream: Arc::clone(self),
            number,
        }
    }

    /// The next packets to be handed out and who gets them. The caller takes the turn when `mine` is false, and hands out
    /// all that come meanwhile; it has the turn until `None` comes. The room of `used` is used again.
    pub(super) fn next_batch(
        &self,
        now: Instant,
        mine: bool,
        mut used: Vec<Packet>,
    ) -> Option<(Batch, Arc<Vec<Viewer>>)> {
        let state = &mut *lock(&self.state);
        if state.delivering && !mine {
            return None;
        }
        if used.capacity() > state.spare.capacity() {
            used.clear();
            state.spare = used;
        }
        state.delivering = !state.queue.is_empty();
        if !state.delivering {
            return None;
        }
        let spare = std::mem::take(&mut state.spare);
        let batch = Batch {
            packets: std::mem::replace(&mut state.queue, spare),
            gap: std::mem::take(&mut state.gap),
            rids: Arc::clone(&state.rids),
            rates: state.layers.iter().map(|layer| layer.rate(now)).collect(),
        };
        Some((batch, Arc::clone(&state.viewers)))
    }

    /// Viewers need key frames of these layers.
    pub(crate) fn want(&self, layers: impl IntoIterator<Item = u8>) {
        let mut state = lock(&self.state);
        for layer in layers {
            if let Some(layer) = state.layers.get_mut(usize::from(layer)) {
                layer.want();
            }
        }
    }

    /// Somebody begins to view: where there is no choice of layers, a key frame is needed at once.
    pub(crate) fn want_only_layer(&self) {
        if let [layer] = lock(&self.state).layers.as_mut_slice() {
            layer.want();
        }
    }

    /// What is to be asked of the source now, and when that is to be looked at again.
    pub(super) fn take_requests(&self, now: Instant) -> Requests {
        if self.kind == MediaKind::Audio {
            return Requests::default();
        }
        let state = &mut *lock(&self.state);
        let layers = state.layers.iter_mut().enumerate();
        let due = layers.filter_map(|(index, layer)| layer.take_request(now).then_some(index));
        let layers = due.collect();
        let mut reminder = None;
        if !state.viewers.is_empty() {
            let next = state.layers.iter().filter_map(Layer::next_request).min();
            let is_earlier = |next: &Instant| state.reminder.is_none_or(|known| *next < known);
            reminder = next.filter(is_earlier);
        }
        state.reminder = reminder.or(state.reminder);
        Requests { layers, reminder }
    }

    /// A timer is due; false if another one took its place.
    pub(super) fn take_reminder(&self, at: Instant) -> bool {
        let mut state = lock(&self.state);
        let is_current = state.reminder == Some(at);
        if is_current {
            state.reminder = None;
        }
        is_current
    }

    /// The layers as their user sees them.
    pub(crate) fn layers(&self, now: Instant) -> Vec<LayerInfo> {
        let state = lock(&self.state);
        let layers = state.layers.iter();
        layers
            .map(|layer| LayerInfo::new(layer.rid.clone(), layer.rate(now), layer.size))
            .collect()
    }

    pub(crate) fn rid(&self, layer: usize) -> Option<String> {
        lock(&self.state).rids.get(layer).cloned().flatten()
    }

    pub(crate) fn has_layer(&self, rid: &str) -> bool {
        let state = lock(&self.state);
        let mut rids = state.rids.iter();
        rids.any(|known| known.as_deref() == Some(rid))
    }

    /// The codecs that its source may use.
    pub(crate) fn codecs(&self) -> Vec<Arc<RtpCodecParameters>> {
        lock(&self.state).codecs.clone()
    }

    /// How many viewers there are.
    #[cfg(test)]
    pub(super) fn viewers(&self) -> usize {
        lock(&self.state).viewers.len()
    }

    /// Nothing comes any more.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.state);
        state.over = true;
        state.queue.clear();
        state.viewers = Arc::default();
        state.layers.clear();
        state.rids = Arc::new([]);
    }

    pub(crate) fn is_over(&self) -> bool {
        lock(&self.state).over
    }
}

/// A viewer's place among those of a stream.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) stream: Arc<Stream>,
    pub(crate) number: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = lock(&self.stream.state);
        Arc::make_mut(&mut state.viewers).retain(|viewer| viewer.number != self.number);
    }
}
