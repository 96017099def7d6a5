//! Congestion control: a small trait, and the controllers.

mod cubic;
mod hystart;
mod new_reno;

use std::fmt::Debug;
use std::time::{Duration, Instant};

pub(crate) use cubic::Cubic;
pub(crate) use new_reno::NewReno;

/// Which congestion controller an association uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// NewReno as RFC 9260, section 7.2 describes it.
    NewReno,
    /// CUBIC (RFC 9438).
    #[default]
    Cubic,
}

impl Algorithm {
    /// A controller; `mss` is the packet size in bytes.
    pub(crate) fn build(self, now: Instant, mss: usize) -> Box<dyn Controller> {
        match self {
            Self::NewReno => Box::new(NewReno::new(mss)),
            Self::Cubic => Box::new(Cubic::new(now, mss)),
        }
    }
}

/// What a SACK says, for the controller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckInfo {
    pub(crate) now: Instant,
    /// Bytes that are newly known to have arrived.
    pub(crate) acked: usize,
    /// Bytes in flight before and after.
    pub(crate) prior_in_flight: usize,
    pub(crate) in_flight: usize,
    /// The round-trip time of the newest chunk that was sent once.
    pub(crate) rtt: Option<Duration>,
    pub(crate) srtt: Duration,
    pub(crate) min_rtt: Duration,
    /// Whether the window was what limited sending.
    pub(crate) window_limited: bool,
    /// Whether recovery is on.
    pub(crate) in_recovery: bool,
    /// All bytes delivered so far; counts round trips.
    pub(crate) delivered: u64,
    pub(crate) sample: Option<crate::send::RateSample>,
    /// Bytes newly lost, found by this SACK.
    pub(crate) lost: usize,
}

/// Decides how much may be in flight, and how fast it leaves. All amounts are bytes on the wire.
pub(crate) trait Controller: Debug + Send + Sync {
    /// The window.
    fn window(&self) -> usize;

    /// The pace in bytes a second; `None` does not pace.
    fn pacing_rate(&self, srtt: Option<Duration>) -> Option<u64>;

    /// Bytes are sent; `in_flight` counts them.
    fn on_sent(&mut self, _now: Instant, _bytes: usize, _in_flight: usize) {}

    /// A SACK has arrived.
    fn on_ack(&mut self, ack: &AckInfo);

    /// Something was lost, for the first time since the last recovery ended. Returns the window at the
    /// end of recovery if the reduction is to be spread over it (PRR).
    fn on_recovery_start(&mut self, now: Instant, in_flight: usize) -> Option<usize>;

    /// Everything that was in flight when recovery began has been acknowledged.
    fn on_recovery_end(&mut self, _now: Instant) {}

    /// The retransmission timer has run out; `in_flight` is what was in flight before.
    fn on_timeout(&mut self, now: Instant, in_flight: usize);

    /// The last reaction to loss was a mistake.
    fn undo(&mut self);

    /// The packet size has changed.
    fn set_mss(&mut self, mss: usize);

    /// Nothing was in flight for a retransmission timeout (RFC 9260, section 7.2.1).
    fn on_idle(&mut self, _idle: Duration, _rto: Duration) {}

    /// Sending begins again after the application had nothing to send.
    fn on_restart_from_idle(&mut self, _now: Instant) {}
}

/// The initial window (RFC 6928, section 2, as RFC 9260, section 7.2.1 leaves room for): ten packets.
pub(crate) const INITIAL_WINDOW_PACKETS: usize = 10;
/// A window is never less than this many packets.
pub(crate) const MIN_WINDOW_PACKETS: usize = 2;
