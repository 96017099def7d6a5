//! Forwarding as senders and receivers offer it to their users.

use std::sync::Arc;
use std::time::Instant;

use gannet_jsep::{TransceiverId, is_same_codec};
use gannet_ortc::parameters::{MediaKind, RtpParameters};

use super::forwarder::Line;
use super::stream::{Batch, Stream, Viewer};
use super::{ForwardError, ForwardedStream, Forwarding, LayerInfo, Work};
use crate::connection::Core;
use crate::event::PeerConnectionState;
use crate::transceiver::{RtpReceiver, RtpSender};

impl RtpReceiver {
    /// What comes, packet by packet, to be sent on to any number of viewers; nothing is decoded. Packets that are lost on the
    /// way here are asked for again. `None` if nothing comes any more. The stream can be read too, by [`track`](Self::track) or
    /// [`encoded`](Self::encoded), before that and after: whoever records what he forwards has it all. Without readers no frames
    /// are put together.
    ///
    /// ```no_run
    /// # fn example(publisher: gannet::RtpReceiver, viewer: &gannet::RtpSender) -> Option<()> {
    /// let stream = publisher.forward()?;
    /// if let Err(error) = viewer.replace_forwarded(Some(&stream)) {
    ///     eprintln!("{error}");
    /// }
    /// # Some(())
    /// # }
    /// ```
    #[must_use]
    pub fn forward(&self) -> Option<ForwardedStream> {
        let (connection, id, kind) = self.place();
        let source = Arc::downgrade(connection);
        let stream = connection.with(|core, now| {
            let found = core.transceivers.find_mut(id)?;
            let session = &mut core.session;
            found.receiver.forward(now, session, source, (id, kind))
        })?;
        Some(ForwardedStream::new(stream))
    }

    /// What comes: the layers of a simulcast, or one without a name. Empty while nothing was agreed on.
    #[must_use]
    pub fn layers(&self) -> Vec<LayerInfo> {
        let (connection, id, _) = self.place();
        let core = connection.lock();
        let found = core.transceivers.find(id);
        found.map_or_else(Vec::new, |found| found.receiver.layers(Instant::now()))
    }
}

impl RtpSender {
    /// Sends what another peer sends from now on, or nothing. No negotiation is needed; a track that it had is let go.
    ///
    /// The viewer gets a stream of its own: its SSRC, payload type, sequence numbers and timestamps, retransmissions,
    /// pacing and feedback. It begins with a key frame, which is asked for. [`forwarding`](Self::forwarding) says how it goes.
    ///
    /// # Errors
    ///
    /// If the stream is of another kind, is over, or can only have codecs that were not agreed on; or if the connection is
    /// closed. Nothing has changed then.
    pub fn replace_forwarded(&self, stream: Option<&ForwardedStream>) -> Result<(), ForwardError> {
        let (connection, id, kind) = self.place();
        let mine = Arc::downgrade(connection);
        connection.with(|core, now| {
            let is_over = core.is_over();
            let found = core.transceivers.find_mut(id);
            let found = found.filter(|found| !is_over && !found.receiver.over);
            let sender = &mut found.ok_or(ForwardError::Closed)?.sender;
            if let Some(stream) = stream {
                check(&stream.stream, kind, sender.parameters.as_ref())?;
            }
            let forwarded = stream.map(|forwarded| {
                let subscription = forwarded.stream.subscribe(mine, id);
                (subscription, forwarded.selection.clone())
            });
            sender.set_forwarded(now, &mut core.session, forwarded);
            Ok(())
        })?;
        if let Some(forwarded) = stream {
            forwarded.stream.want_only_layer();
            super::run(vec![Work::Ask(Arc::clone(&forwarded.stream))]);
        }
        Ok(())
    }

    /// How it stands with the stream that it forwards; `None` if there is none.
    #[must_use]
    pub fn forwarding(&self) -> Option<Forwarding> {
        let (connection, id, _) = self.place();
        let core = connection.lock();
        core.transceivers.find(id)?.sender.forwarder.status()
    }
}

/// That a sender can forward a stream.
fn check(
    stream: &Stream,
    kind: MediaKind,
    parameters: Option<&RtpParameters>,
) -> Result<(), ForwardError> {
    if stream.kind() != kind {
        return Err(ForwardError::Kind {
            stream: stream.kind(),
            sender: kind,
        });
    }
    if stream.is_over() {
        return Err(ForwardError::Over);
    }
    let codecs = stream.codecs();
    let (Some(parameters), false) = (parameters, codecs.is_empty()) else {
        // Not agreed on yet: time will show.
        return Ok(());
    };
    let media = codecs.iter().filter(|codec| !codec.is("rtx"));
    let has_one = media.into_iter().any(|theirs| {
        let mut ours = parameters.codecs.iter();
        ours.any(|ours| is_same_codec(ours, theirs))
    });
    has_one.then_some(()).ok_or(ForwardError::NoCodec)
}

impl Core {
    /// Takes packets for a viewer of this connection. The layer is returned whose key frame is needed.
    pub(super) fn forward(&mut self, now: Instant, viewer: &Viewer, batch: &Batch) -> Option<u8> {
        let connected = self.state() == PeerConnectionState::Connected;
        let found = self.transceivers.find_mut(viewer.transceiver)?;
        let (kind, sender) = (found.kind, &mut found.sender);
        let agreed = sender.id.zip(sender.parameters.as_ref());
        let line = agreed.filter(|_| connected).map(|(id, parameters)| Line {
            session: &mut self.session,
            sender: id,
            kind,
            parameters,
        });
        sender.forwarder.take(now, viewer.number, batch, line)
    }

    /// Asks a source for key frames.
    pub(super) fn request_key_frames(&mut self, now: Instant, id: TransceiverId, layers: &[usize]) {
        if let Some(found) = self.transceivers.find(id) {
            let session = &mut self.session;
            found.receiver.request_key_frames(now, session, layers);
        }
    }
}
