//! The sender of a transceiver, below the lock of its connection.

use std::sync::{Arc, Weak};
use std::time::Instant;

use gannet_codecs::{AudioCodec, VideoCodec};
use gannet_jsep::SenderInit;
use gannet_media::MediaStreamTrack;
use gannet_ortc::Session;
use gannet_ortc::parameters::{MediaKind, RtpParameters};
use gannet_ortc::rtp::{EncodedFrame, SendError, SenderId};

use crate::connection::Connection;
use crate::encoding::{Encoded, EncoderControl, Encoding, SendCodec, Timeline};
use crate::stats::{EncoderMeter, SourceMeter};

/// What sends, or would if the peer wanted it.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) init: SenderInit,
    pub(crate) source: Option<Source>,
    /// How many tracks it has had.
    sources: u64,
    pub(crate) parameters: Option<RtpParameters>,
    pub(crate) id: Option<SenderId>,
    encoder: Option<Encoder>,
    timeline: Arc<Timeline>,
    /// What its encoders count.
    pub(crate) meter: Arc<EncoderMeter>,
}

/// A track of a sender: what W3C's statistics call a media source.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) track: Arc<MediaStreamTrack>,
    /// Which of the sender's tracks it is.
    pub(crate) number: u64,
    pub(crate) meter: Arc<SourceMeter>,
}

/// A running encoder thread.
#[derive(Debug)]
struct Encoder {
    control: Arc<EncoderControl>,
    codec: SendCodec,
    sender: SenderId,
}

impl Sender {
    pub(crate) fn new(init: SenderInit) -> Self {
        Self {
            init,
            source: None,
            sources: 0,
            parameters: None,
            id: None,
            encoder: None,
            timeline: Arc::default(),
            meter: Arc::default(),
        }
    }

    /// Takes another track, or none. Its encoder ends.
    pub(crate) fn set_track(&mut self, now: Instant, track: Option<MediaStreamTrack>) {
        self.stop_encoder();
        self.source = track.map(|track| {
            self.sources += 1;
            Source {
                track: Arc::new(track),
                number: self.sources,
                meter: Arc::new(SourceMeter::new(now)),
            }
        });
    }

    /// Whether an encoder runs, or did until its track ended.
    pub(crate) const fn is_encoding(&self) -> bool {
        self.encoder.is_some()
    }

    /// Does what a description has agreed on.
    pub(crate) fn apply(
        &mut self,
        now: Instant,
        session: &mut Session,
        wanted: Option<RtpParameters>,
    ) {
        let Some(mut parameters) = wanted else {
            // It pauses. Its source stays: under the same keys no sequence number may come again.
            self.parameters = None;
            return;
        };
        parameters.encodings.clone_from(&self.init.encodings);
        if self.parameters.as_ref() == Some(&parameters) && self.id.is_some() {
            return;
        }
        let applied = match self.id {
            Some(id) => session.set_sender(now, id, &parameters).map(|()| id),
            None => session.add_sender(now, &parameters),
        };
        match applied {
            Ok(id) => self.id = Some(id),
            Err(error) => tracing::warn!(%error, "a stream can not be sent"),
        }
        self.parameters = Some(parameters);
    }

    /// The codec that the peer wants and we have.
    fn codec(&self) -> Option<SendCodec> {
        let parameters = self.parameters.as_ref()?;
        let name = &parameters.primary_codec()?.name;
        match parameters.kind {
            MediaKind::Audio => AudioCodec::from_name(name).map(SendCodec::Audio),
            MediaKind::Video => VideoCodec::from_name(name).map(SendCodec::Video),
        }
    }

    /// Starts the encoder if it should run, and stops it if it should not.
    pub(crate) fn run_encoder(&mut self, connection: &Arc<Connection>) {
        let (Some(sender), Some(codec), Some(source)) = (self.id, self.codec(), &self.source)
        else {
            self.stop_encoder();
            return;
        };
        let fits = |encoder: &Encoder| encoder.codec == codec && encoder.sender == sender;
        if self.encoder.as_ref().is_some_and(fits) {
            return;
        }
        let control = EncoderControl::new();
        let encoding = Encoding {
            track: Arc::clone(&source.track),
            codec,
            control: Arc::clone(&control),
            runtime: connection.runtime().clone(),
            timeline: self.timeline.continued(codec.clock_rate()),
            source: Arc::clone(&source.meter),
            meter: Arc::clone(&self.meter),
            sink: sink(Arc::downgrade(connection), sender),
        };
        self.stop_encoder();
        encoding.start();
        self.encoder = Some(Encoder {
            control,
            codec,
            sender,
        });
    }

    /// Whose encoder runs, and how it is told what to do.
    pub(crate) fn encoder_control(&self) -> Option<(SenderId, &EncoderControl)> {
        let encoder = self.encoder.as_ref()?;
        Some((encoder.sender, &encoder.control))
    }

    /// Ends its thread, and its track: nobody else reads that.
    pub(crate) fn stop(&mut self) {
        self.stop_encoder();
        self.source = None;
    }

    /// Ends the encoder; the next [`Self::run_encoder`] may start another.
    fn stop_encoder(&mut self) {
        if let Some(encoder) = self.encoder.take() {
            encoder.control.stop();
        }
    }
}

/// Hands encoded frames to the session.
fn sink(connection: Weak<Connection>, sender: SenderId) -> impl FnMut(Encoded) -> bool + Send {
    move |encoded| {
        let Some(connection) = connection.upgrade() else {
            return false;
        };
        let mut frame =
            EncodedFrame::new(encoded.frame.data, encoded.ticks, encoded.frame.keyframe);
        frame.captured = Some(encoded.captured);
        let sent = connection.with(|core, now| {
            if core.is_over() {
                return Err(SendError::Removed);
            }
            core.session.rtp_mut().send_frame(now, sender, frame)
        });
        match sent {
            Ok(()) => true,
            Err(SendError::Removed) => false,
            Err(error) => {
                tracing::debug!(%error, "a frame was not sent");
                true
            }
        }
    }
}
