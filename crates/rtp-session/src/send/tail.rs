//! The last packet before a pause. If it is lost, no later one shows the other end that it is missing, and
//! a picture that is not followed soon never appears. It is sent once more, unless feedback says that it
//! arrived.

use std::time::{Duration, Instant};

use gannet_wire::Serial16;

use crate::session::DEFAULT_ROUND_TRIP;

/// It is sent once more so often.
const MAX_PROBES: u8 = 2;

/// Feedback comes so long after the packets, beside the round trip: others send it every 100 ms.
const FEEDBACK_DELAY: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug)]
struct Last {
    sequence: Serial16,
    /// Its transport-wide number, or that of its last copy.
    transport_sequence: Option<u16>,
    sent: Instant,
    probes: u8,
}

/// The last packet that one sender has sent, as long as nothing is known of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tail(Option<Last>);

impl Tail {
    /// A packet left that was not sent before.
    pub(crate) const fn sent(&mut self, now: Instant, sequence: Serial16, number: Option<u16>) {
        self.0 = Some(Last {
            sequence,
            transport_sequence: number,
            sent: now,
            probes: 0,
        });
    }

    /// A copy of a packet left.
    pub(crate) fn sent_again(&mut self, now: Instant, sequence: Serial16, number: Option<u16>) {
        if let Some(last) = self.0.as_mut().filter(|last| last.sequence == sequence) {
            last.transport_sequence = number;
            last.sent = now;
        }
    }

    /// When to call [`Self::take_probe`].
    pub(crate) fn next_timeout(&self, round_trip: Option<Duration>) -> Option<Instant> {
        let round_trip = round_trip.unwrap_or(DEFAULT_ROUND_TRIP);
        Some(self.0?.sent + round_trip * 5 / 4 + FEEDBACK_DELAY)
    }

    /// The packet that is to be sent once more now. `arrived` says whether feedback has named the packet of
    /// a transport-wide number.
    pub(crate) fn take_probe(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        arrived: impl FnOnce(u16) -> bool,
    ) -> Option<Serial16> {
        if self.next_timeout(round_trip)? > now {
            return None;
        }
        let last = self.0.as_mut()?;
        if last.probes == MAX_PROBES || last.transport_sequence.is_some_and(arrived) {
            self.0 = None;
            return None;
        }
        last.probes += 1;
        last.sent = now;
        Some(last.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Option<Duration> = Some(Duration::from_millis(80));

    fn at(ms: u64) -> Instant {
        gannet_netsim::start() + Duration::from_millis(ms)
    }

    #[test]
    fn the_last_packet_is_sent_twice_more_and_then_left_alone() {
        let mut tail = Tail::default();
        assert_eq!(tail.next_timeout(RTT), None);
        tail.sent(at(0), Serial16(6), Some(1));
        tail.sent(at(33), Serial16(7), Some(2));
        assert_eq!(tail.next_timeout(RTT), Some(at(333)));
        assert_eq!(tail.take_probe(at(332), RTT, |_| false), None);
        assert_eq!(tail.take_probe(at(333), RTT, |_| false), Some(Serial16(7)));
        tail.sent_again(at(334), Serial16(7), Some(3));
        assert_eq!(tail.next_timeout(RTT), Some(at(634)));
        let probe = tail.take_probe(at(634), RTT, |number| number != 3);
        assert_eq!(probe, Some(Serial16(7)));
        assert_eq!(tail.take_probe(at(934), RTT, |_| false), None);
        assert_eq!(tail.next_timeout(RTT), None);
    }

    #[test]
    fn what_arrived_is_not_sent_again() {
        let mut tail = Tail::default();
        tail.sent(at(0), Serial16(7), Some(2));
        tail.sent_again(at(10), Serial16(5), Some(3));
        assert_eq!(tail.take_probe(at(300), RTT, |number| number == 2), None);
        assert_eq!(tail.next_timeout(RTT), None);
    }
}
