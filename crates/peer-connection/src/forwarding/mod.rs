//! Selective forwarding: what one peer sends goes to any number of others, and is not decoded.
//!
//! - A [`ForwardedStream`] is a handle on what a receiver gets; it is given to senders, of any connection.
//! - `Stream` is behind it: the packets that wait to be handed out, and who gets them.
//! - `Layer` puts the packets of one source in their places, and finds where viewers can begin.
//! - `Forwarder` is in each sender: it chooses the layer, renumbers by its `Rewriter`, and gives packets to the session.
//!
//! No lock of a connection is held while another one's is taken: what comes in is queued under the lock of its own
//! connection, and handed out by [`run`] once that is released, a batch for each viewer.

mod choice;
mod forwarder;
mod handles;
mod layer;
mod packet;
mod rewriter;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Weak};
use std::time::Instant;

use gannet_ortc::parameters::MediaKind;
use thiserror::Error;

pub(crate) use self::choice::Selection;
pub(crate) use self::forwarder::Forwarder;
pub(crate) use self::layer::{Meter, Rate};
pub(crate) use self::stream::{Stream, Subscription};

/// What a receiver gets, packet by packet, to be sent on. It is a handle: all clones are the same stream.
///
/// It is had from [`RtpReceiver::forward`](crate::RtpReceiver::forward) and given to
/// [`RtpSender::replace_forwarded`](crate::RtpSender::replace_forwarded), of as many senders as there are viewers. It does
/// not keep the connection that receives it open: like a track, it ends when that closes.
#[derive(Clone, Debug)]
pub struct ForwardedStream {
    pub(crate) stream: Arc<Stream>,
    pub(crate) selection: Selection,
}

impl ForwardedStream {
    pub(crate) const fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            selection: Selection::Automatic,
        }
    }

    /// Audio or video.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.stream.kind()
    }

    /// The layers that come: one without a name, or those of a simulcast. They are measured as they come.
    #[must_use]
    pub fn layers(&self) -> Vec<LayerInfo> {
        self.stream.layers(Instant::now())
    }

    /// The same stream, for viewers that get only the layer with this RID; `None` if there is no such layer now. Without
    /// that, each viewer gets the best one that its line carries.
    #[must_use]
    pub fn layer(&self, rid: &str) -> Option<Self> {
        self.stream.has_layer(rid).then(|| Self {
            stream: Arc::clone(&self.stream),
            selection: Selection::Layer(rid.into()),
        })
    }

    /// Whether nothing comes any more: the connection is closed, or the section was rejected.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stream.is_over()
    }
}

/// A layer of a received stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerInfo {
    /// Its RID (RFC 8851); `None` for the only layer of a stream without simulcast.
    pub rid: Option<String>,
    /// Whether something came of it in the last one and a half seconds.
    pub active: bool,
    /// What comes of it, in bits per second without headers; 0 while that is not known.
    pub bitrate: u64,
    /// Width and height, once a key frame has shown them: VP8's and VP9's do in passing. Only of streams that are
    /// forwarded.
    pub size: Option<(u16, u16)>,
}

impl LayerInfo {
    pub(crate) const fn new(rid: Option<String>, rate: Rate, size: Option<(u16, u16)>) -> Self {
        Self {
            rid,
            active: rate.active,
            bitrate: rate.bitrate,
            size,
        }
    }
}

/// How it stands with a stream that a sender forwards.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forwarding {
    /// What is being done.
    pub state: ForwardingState,
    /// The RID of the layer that is sent.
    pub layer: Option<String>,
    /// Packets that this viewer did not get because its own queue was full, with those behind them up to the next key
    /// frame, and those too long for its packets.
    pub packets_dropped: u64,
}

/// What a sender does with the stream that it forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardingState {
    /// It waits: for its connection, for the stream, or for a key frame, which was asked for.
    Waiting,
    /// It sends.
    Sending,
    /// The viewer has not agreed on the codec that comes: nothing is sent. That changes with the codec, or with another
    /// exchange of descriptions.
    NoCodec,
    /// The stream is over.
    Over,
}

/// Why a stream can not be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The sender is for audio and the stream is video, or the other way round.
    #[error("{stream} can not be sent where {sender} is")]
    Kind {
        /// What the stream is.
        stream: MediaKind,
        /// What the sender is for.
        sender: MediaKind,
    },
    /// The stream has ended.
    #[error("the stream is over")]
    Over,
    /// None of the codecs that the stream may have is one that was agreed on with the viewer.
    #[error("the viewer has none of the codecs of the stream")]
    NoCodec,
    /// The sender's connection is closed, or its section was rejected.
    #[error("the sender is closed")]
    Closed,
}

/// What is to be done once no lock is held.
#[derive(Debug)]
pub(crate) enum Work {
    /// Packets wait.
    Deliver(Arc<Stream>),
    /// Key frames are needed.
    Ask(Arc<Stream>),
}

impl Work {
    /// Whether the other would do nothing more.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Deliver(one), Self::Deliver(other)) | (Self::Ask(one), Self::Ask(other)) => {
                Arc::ptr_eq(one, other)
            }
            _ => false,
        }
    }
}

/// Does what changes of connections have left to be done. No lock of a connection is held by the caller.
pub(crate) fn run(mut work: Vec<Work>) {
    while let Some(next) = work.pop() {
        match next {
            Work::Deliver(stream) => deliver(&stream, &mut work),
            Work::Ask(stream) => ask(&stream, &mut work),
        }
    }
}

/// Hands out the packets of a stream, unless another thread is about it: that takes those too.
fn deliver(stream: &Arc<Stream>, work: &mut Vec<Work>) {
    let (mut mine, mut used) = (false, Vec::new());
    while let Some((batch, viewers)) = stream.next_batch(Instant::now(), mine, used) {
        mine = true;
        for viewer in viewers.iter() {
            let Some(connection) = viewer.connection.upgrade() else {
                continue;
            };
            let (wanted, notices) =
                connection.change(|core, now| core.forward(now, viewer, &batch));
            stream.want(wanted);
            work.extend(notices.deliver_all_but_forwarding(&connection));
        }
        used = batch.packets;
        // Not only for these viewers: also for those whose request could not be sent on before.
        ask(stream, work);
    }
}

/// Asks the source of a stream for the key frames that its viewers need, and sees to it that it is asked again.
fn ask(stream: &Arc<Stream>, work: &mut Vec<Work>) {
    let requests = stream.take_requests(Instant::now());
    if requests.layers.is_empty() && requests.reminder.is_none() {
        return;
    }
    let Some(source) = stream.source() else {
        return;
    };
    if let Some(at) = requests.reminder {
        source.runtime().spawn(remind(Arc::downgrade(stream), at));
    }
    if !requests.layers.is_empty() {
        let transceiver = stream.transceiver();
        let ((), notices) = source.change(|core, now| {
            core.request_key_frames(now, transceiver, &requests.layers);
        });
        work.extend(notices.deliver_all_but_forwarding(&source));
    }
}

/// Asks at a time, whether or not something comes before it.
async fn remind(stream: Weak<Stream>, at: Instant) {
    tokio::time::sleep_until(at.into()).await;
    let stream = stream.upgrade();
    if let Some(stream) = stream.filter(|stream| stream.take_reminder(at)) {
        run(vec![Work::Ask(stream)]);
    }
}
