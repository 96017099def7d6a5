//! What a sender does with the stream that it forwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gannet_jsep::is_same_codec;
use gannet_ortc::Session;
use gannet_ortc::parameters::{MediaKind, RtpCodecParameters, RtpParameters};
use gannet_ortc::rtp::{ForwardedPacket, SendError, SenderId};

use super::choice::{self, Selection};
use super::packet::Packet;
use super::rewriter::{Rewriter, Rewritten};
use super::stream::{Batch, Stream, Subscription};
use super::{Forwarding, ForwardingState};

/// A viewer's layer is chosen no more often than this: estimates change with each feedback, which comes more often.
const CHOICE_PAUSE: Duration = Duration::from_millis(100);

/// Sends what a stream brings.
#[derive(Debug, Default)]
pub(crate) struct Forwarder {
    subscription: Option<Subscription>,
    selection: Selection,
    rewriter: Rewriter,
    /// The source's codec that the session was told of, or that the viewer does not have.
    codec: Option<Codec>,
    /// The layer that the viewer should get, and when that was chosen.
    target: Option<u8>,
    chosen: Option<Instant>,
    /// When it began to get another layer.
    changed: Option<Instant>,
    /// What its line carries, in bits per second.
    estimate: Option<u64>,
    /// Packets were lost here: what comes before the next key frame is lost too.
    lossy: bool,
    dropped: u64,
}

/// A codec of the source's.
#[derive(Debug)]
struct Codec {
    source: Arc<RtpCodecParameters>,
    usable: bool,
}

/// What packets leave by.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) sender: SenderId,
    pub(crate) kind: MediaKind,
    /// As they were agreed on with the viewer.
    pub(crate) parameters: &'a RtpParameters,
}

impl Forwarder {
    /// Forwards a stream from now on, or none.
    pub(crate) fn set(&mut self, forwarded: Option<(Subscription, Selection)>) {
        let (subscription, selection) = forwarded.unzip();
        self.subscription = subscription;
        self.selection = selection.unwrap_or_default();
        self.rewriter.stop();
        (self.codec, self.target, self.chosen, self.changed) = (None, None, None, None);
        (self.lossy, self.dropped) = (false, 0);
    }

    /// The stream.
    pub(crate) fn stream(&self) -> Option<&Arc<Stream>> {
        Some(&self.subscription.as_ref()?.stream)
    }

    /// What the viewer's line carries.
    pub(crate) const fn set_estimate(&mut self, bits_per_second: u64) {
        self.estimate = Some(bits_per_second);
    }

    /// The layer whose key frame the viewer has asked for.
    pub(crate) fn current_layer(&self) -> Option<u8> {
        self.rewriter.run().map(|run| run.layer).or(self.target)
    }

    /// The parameters with the codec in front that is being forwarded: the session sends that one.
    pub(crate) fn preferring(&self, mut parameters: RtpParameters) -> RtpParameters {
        if let Some(codec) = self.codec.as_ref().filter(|codec| codec.usable)
            && let Some(index) = parameters
                .codecs
                .iter()
                .position(|known| is_same_codec(known, &codec.source))
        {
            parameters.codecs[..=index].rotate_right(1);
        }
        parameters
    }

    /// Another exchange of descriptions has ended: the viewer may have the codec now, or not any more.
    pub(crate) fn renegotiated(&mut self, parameters: &RtpParameters) {
        if let Some(codec) = &mut self.codec {
            let mut codecs = parameters.codecs.iter();
            codec.usable = codecs.any(|known| is_same_codec(known, &codec.source));
        }
    }

    /// How it stands.
    pub(crate) fn status(&self) -> Option<Forwarding> {
        let stream = self.stream()?;
        let layer = self.rewriter.run().map(|run| usize::from(run.layer));
        let state = match layer {
            _ if stream.is_over() => ForwardingState::Over,
            _ if self.codec.as_ref().is_some_and(|codec| !codec.usable) => ForwardingState::NoCodec,
            Some(_) => ForwardingState::Sending,
            None => ForwardingState::Waiting,
        };
        Some(Forwarding {
            state,
            layer: layer.and_then(|index| stream.rid(index)),
            packets_dropped: self.dropped,
        })
    }

    /// Takes a batch that is for the viewer with this number; without a line, nobody gets it. The layer is returned
    /// whose key frame is needed.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        number: u64,
        batch: &Batch,
        line: Option<Line<'_>>,
    ) -> Option<u8> {
        if self.subscription.as_ref()?.number != number {
            return None;
        }
        let Some(mut line) = line else {
            self.rewriter.stop();
            return None;
        };
        if batch.gap {
            self.rewriter.stop();
        }
        self.choose(now, batch);
        for packet in &batch.packets {
            self.take_packet(now, packet, &mut line);
        }
        let waits = self.rewriter.run().map(|run| run.layer) != self.target;
        self.target
            .filter(|_| waits && line.kind == MediaKind::Video)
    }

    fn choose(&mut self, now: Instant, batch: &Batch) {
        let recently = self
            .chosen
            .is_some_and(|chosen| chosen + CHOICE_PAUSE > now);
        self.target = match &self.selection {
            _ if batch.rids.len() < 2 => Some(0),
            Selection::Layer(rid) => {
                let mut rids = (0..).zip(batch.rids.iter());
                rids.find(|(_, known)| known.as_deref() == Some(&**rid))
                    .map(|(index, _)| index)
            }
            Selection::Automatic if recently && self.target.is_some() => self.target,
            Selection::Automatic => {
                self.chosen = Some(now);
                let current = self.rewriter.run().map(|run| run.layer);
                choice::choose(now, &batch.rates, current, self.changed, self.estimate)
            }
        };
    }

    fn take_packet(&mut self, now: Instant, packet: &Packet, line: &mut Line<'_>) {
        let run = self.rewriter.run();
        if packet.again_behind.is_some()
            && (run != Some(packet.run) || packet.again_behind != self.rewriter.first())
        {
            return;
        }
        if run != Some(packet.run) && self.begins_with(packet) {
            if !self.adopt(now, packet, line) {
                return;
            }
            self.rewriter.begin(packet);
            if run.map(|run| run.layer) != Some(packet.run.layer) {
                self.changed = Some(now);
            }
            self.lossy = false;
        } else if run == Some(packet.run) && !self.is_adopted(packet) {
            // The source has another codec from here on.
            self.rewriter.stop();
            if self.begins_with(packet) && self.adopt(now, packet, line) {
                self.rewriter.begin(packet);
            }
        }
        match self.rewriter.rewrite(packet) {
            Some(rewritten) => self.send(now, packet, rewritten, line),
            None => self.dropped += u64::from(self.lossy && Some(packet.run.layer) == self.target),
        }
    }

    fn begins_with(&self, packet: &Packet) -> bool {
        packet.starts && packet.again_behind.is_none() && Some(packet.run.layer) == self.target
    }

    /// Whether the session sends the codec of a packet.
    fn is_adopted(&mut self, packet: &Packet) -> bool {
        let Some(codec) = &mut self.codec else {
            return false;
        };
        if !Arc::ptr_eq(&codec.source, &packet.codec) && is_same_codec(&codec.source, &packet.codec)
        {
            // It has another payload type there, which is nothing to the viewer.
            codec.source = Arc::clone(&packet.codec);
        }
        codec.usable && Arc::ptr_eq(&codec.source, &packet.codec)
    }

    /// Whether the viewer is known not to have the codec of a packet.
    fn is_refused(&self, packet: &Packet) -> bool {
        let codec = self.codec.as_ref();
        codec.is_some_and(|codec| !codec.usable && Arc::ptr_eq(&codec.source, &packet.codec))
    }

    /// Has the session send the codec of a packet, and goes on where the session stands. Whether the viewer has that codec.
    fn adopt(&mut self, now: Instant, packet: &Packet, line: &mut Line<'_>) -> bool {
        if self.is_refused(packet) {
            return false;
        }
        if !self.is_adopted(packet) {
            let mut codecs = line.parameters.codecs.iter();
            let usable = codecs.any(|known| is_same_codec(known, &packet.codec));
            self.codec = Some(Codec {
                source: Arc::clone(&packet.codec),
                usable,
            });
            if !usable {
                return false;
            }
            let parameters = self.preferring(line.parameters.clone());
            if let Err(error) = line.session.set_sender(now, line.sender, &parameters) {
                tracing::warn!(%error, "a codec can not be forwarded");
                return false;
            }
        }
        let position = line.session.rtp().send_position(line.sender);
        position.is_some_and(|position| {
            self.rewriter.continue_from(now, position);
            true
        })
    }

    fn send(&mut self, now: Instant, packet: &Packet, rewritten: Rewritten, line: &mut Line<'_>) {
        let forwarded = ForwardedPacket {
            payload: packet.payload.clone(),
            head: rewritten.head,
            sequence_number: Some(rewritten.sequence),
            timestamp: rewritten.timestamp,
            captured: packet.captured,
            marker: packet.marker,
            starts_key_frame: packet.starts && line.kind == MediaKind::Video,
            audio_level: packet.audio_level,
            orientation: packet.orientation,
        };
        match line
            .session
            .rtp_mut()
            .send_packet(now, line.sender, forwarded)
        {
            Ok(()) => self.rewriter.note_sent(packet, &rewritten),
            Err(SendError::QueueFull(_)) => {
                self.dropped += 1;
                self.lossy = true;
                self.rewriter.stop();
            }
            Err(error) => {
                tracing::debug!(%error, "a packet was not forwarded");
                self.dropped += 1;
            }
        }
    }
}
