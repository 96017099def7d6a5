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
    /// The last send time, what it counts as over the wraps, and when it arrived, in ms.
    send_time: Option<(u32, f64, f64)>,
    detector: DelayDetector,
    control: RateControl,
    arrivals: RateWindow,
    told: Option<(u64, Instant)>,
}

/// A REMB is repeated so often, and sent at once when the estimate has fallen.
const REMB_INTERVAL: Duration = Duration::from_secs(1);

/// After so many ms absolute send times are the same again.
const SEND_TIME_PERIOD: f64 = 64_000.0;

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
        let send = self.unwrap_send_time(sent, arrival);
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

    /// Send times wrap after 64 s. Over a pause they went on as arrivals did.
    fn unwrap_send_time(&mut self, sent: AbsoluteSendTime, arrival: f64) -> f64 {
        let raw = sent.0 & 0x00ff_ffff;
        let (last_raw, last, arrived) = self.send_time.unwrap_or((raw, 0.0, arrival));
        let step = ((raw.wrapping_sub(last_raw) << 8) as i32) >> 8;
        let nearest = last + f64::from(step) / 262.144;
        let turns = (last + arrival - arrived - nearest) / SEND_TIME_PERIOD;
        let time = nearest + turns.round() * SEND_TIME_PERIOD;
        self.send_time = Some((raw, time, arrival));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bwe::delay::Usage;

    fn at(ms: u64) -> Instant {
        gannet_netsim::start() + Duration::from_millis(ms)
    }

    fn feed(side: &mut ReceiveSide, from: u64, count: u64, growth: f64) {
        for index in 0..count {
            let sent = from + index * 10;
            let raw = (sent as f64 * 262.144) as u64 as u32 & 0x00ff_ffff;
            let arrival = sent as f64 + 20.0 + index as f64 * growth;
            side.on_packet(at(arrival as u64), AbsoluteSendTime(raw), 1000, None);
        }
    }

    // Send times wrap after 64 s. After a pause of 40 s they seemed to be 24 s in the past, and nothing was looked at
    // before they had caught up; an overuse from before the pause went on until then.
    #[test]
    fn after_a_long_pause_the_estimate_goes_on() {
        for pause in [31, 40, 63, 65, 100, 3600] {
            let mut side = ReceiveSide::new(at(0));
            feed(&mut side, 0, 100, 0.0);
            feed(&mut side, 1000, 60, 1.0);
            assert_eq!(side.detector.usage(), Usage::Over);
            let from = 1600 + pause * 1000;
            feed(&mut side, from, 300, 0.0);
            assert_eq!(side.detector.usage(), Usage::Normal, "{pause} s");
            feed(&mut side, from + 3000, 60, 1.0);
            assert_eq!(side.detector.usage(), Usage::Over, "{pause} s");
        }
    }
}
