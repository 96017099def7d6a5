//! A received packet on its way to its viewers.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gannet_ortc::parameters::RtpCodecParameters;
use gannet_ortc::rtp::{AudioLevel, RunningNumbers, VideoOrientation};

/// Which run of sequence numbers a packet belongs to: numbers of two runs have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The layer of its stream.
    pub(crate) layer: u8,
    /// How often the layer's source has begun anew.
    pub(crate) epoch: u32,
}

/// A packet as all viewers share it.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) run: Run,
    /// Its sequence number in the run, unwrapped.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Bytes,
    pub(crate) numbers: RunningNumbers,
    /// Whether a viewer can begin with it.
    pub(crate) starts: bool,
    /// It was handed out before. It comes once more for those that begin with this packet, which was late.
    pub(crate) again_behind: Option<u64>,
    pub(crate) arrival: Instant,
    /// When it was captured, by the clock of this side, if its source has told.
    pub(crate) captured: Option<Instant>,
    pub(crate) codec: Arc<RtpCodecParameters>,
    pub(crate) audio_level: Option<AudioLevel>,
    pub(crate) orientation: Option<VideoOrientation>,
}
