use gannet_ortc::parameters::{Direction, MediaKind, RtpCodecCapability};

use crate::{SenderInit, TransceiverId};

/// A sender and a receiver that share a section, as far as descriptions know them: W3C's
/// `RTCRtpTransceiver`.
#[derive(Debug, Clone, PartialEq)]
pub struct Transceiver {
    pub(crate) id: TransceiverId,
    pub(crate) kind: MediaKind,
    /// The section, once a description has associated it.
    pub(crate) index: Option<usize>,
    pub(crate) mid: Option<String>,
    pub(crate) direction: Direction,
    pub(crate) current_direction: Option<Direction>,
    /// Whether the remote track is announced, with which streams.
    pub(crate) announced: Option<Vec<String>>,
    /// [`Jsep::stop`](crate::Jsep::stop) was called; the other side does not know yet.
    pub(crate) stopping: bool,
    pub(crate) stopped: bool,
    /// Remote offers may use it: it was made by `add_track`.
    pub(crate) by_track: bool,
    pub(crate) has_track: bool,
    pub(crate) has_sent: bool,
    pub(crate) sender: SenderInit,
    pub(crate) preferences: Vec<RtpCodecCapability>,
}

impl Transceiver {
    pub(crate) fn new(id: TransceiverId, kind: MediaKind, direction: Direction) -> Self {
        Self {
            id,
            kind,
            index: None,
            mid: None,
            direction,
            current_direction: None,
            announced: None,
            stopping: false,
            stopped: false,
            by_track: false,
            has_track: false,
            has_sent: false,
            sender: SenderInit::default(),
            preferences: Vec::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> TransceiverId {
        self.id
    }

    /// Audio or video.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The `mid`, once a description has associated it with a section.
    #[must_use]
    pub fn mid(&self) -> Option<&str> {
        self.mid.as_deref()
    }

    /// The direction that is wished for.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The direction that was agreed on last.
    #[must_use]
    pub fn current_direction(&self) -> Option<Direction> {
        self.current_direction
    }

    /// Whether it is stopped, or on its way there.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped || self.stopping
    }

    /// What it sends.
    #[must_use]
    pub fn sender(&self) -> &SenderInit {
        &self.sender
    }

    /// The rids of its encodings, if it is simulcast.
    pub(crate) fn rids(&self) -> Vec<&str> {
        let encodings = &self.sender.encodings;
        if encodings.len() < 2 {
            return Vec::new();
        }
        encodings
            .iter()
            .filter_map(|encoding| encoding.rid.as_deref())
            .collect()
    }
}
