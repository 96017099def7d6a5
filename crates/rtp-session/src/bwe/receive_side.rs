//! What can be received, for a sender that understands only REMB.

use std::time::{Duration, Instant};

use gannet_rtp::extension::AbsoluteSendTime;

use super::delay::DelayDetector;
use super::rate::{RateControl, RateWindow};
use crate::parameters::BitrateLimits;
use crate::session::DEFAULT_ROUND_TRIP;

/// What can be received.
#[derive(Debug)]
pub(crate) struct ReceiveSide {
    origin: Instant,
    /// The last send time, and what it counts as over the wraps, in ms.
    send_time: Option<(u32, f64)>,
    detector: DelayDetector,
    control: RateControl,
    arrivals: RateWindow,
    told: Option<(u64, Instant)>,
}

/// A REMB is repeated so often, and sent at once when the estimate has fallen.
const REMB_INTERVAL: Duration = Duration::from_secs(1);

const REMB_LIMITS: BitrateLimits = BitrateLimits {
    min: 50_000,
    start: 300_000,
    max: 100_000_000,
};

impl ReceiveSide {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            origin: now,
            send_time: None,
            detector: DelayDetector::new(),
            control: RateControl::new(REMB_LIMITS.start),
            arrivals: RateWindow::default(),
            told: None,
        }
    }

    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        sent: AbsoluteSendTime,
        bytes: usize,
        round_trip: Option<Duration>,
    ) {
        let arrival = now.saturating_duration_since(self.origin).as_secs_f64() * 1e3;
        let send = self.unwrap_send_time(sent);
        self.arrivals.add(arrival, bytes as u32);
        self.detector.on_packet(send, arrival);
        let round_trip = round_trip.unwrap_or(DEFAULT_ROUND_TRIP);
        let measured = self.arrivals.bitrate();
        if let Some(measured) = measured
            && self.told.is_none()
        {
            // What arrives at first is a better start than any constant.
            self.control.bitrate = self.control.bitrate.max(measured as f64);
        }
        self.control.update(
            now,
            self.detector.usage(),
            measured,
            round_trip,
            REMB_LIMITS,
        );
    }

    fn unwrap_send_time(&mut self, sent: AbsoluteSendTime) -> f64 {
        let raw = sent.0 & 0x00ff_ffff;
        let (last_raw, last) = self.send_time.unwrap_or((raw, 0.0));
        let step = ((raw.wrapping_sub(last_raw) << 8) as i32) >> 8;
        let time = last + f64::from(step) / 262.144;
        self.send_time = Some((raw, time));
        time
    }

    /// The bitrate to tell now, if it is time to tell one.
    pub(crate) fn take_remb(&mut self, now: Instant) -> Option<u64> {
        let bitrate = self.control.bitrate as u64;
        self.arrivals.bitrate()?;
        let due = self
            .told
            .is_none_or(|(told, at)| at + REMB_INTERVAL <= now || bitrate < told / 100 * 97);
        if due {
            self.told = Some((bitrate, now));
        }
        due.then_some(bitrate)
    }
}
