use std::time::Duration;

/// How far a stream's timestamps may be from its arrivals before they count as a new beginning.
const RESTART: Duration = Duration::from_secs(3);

/// Turns the RTP timestamps of the streams of one sender into times that can be compared: what a
/// recording needs to keep sound and pictures together.
///
/// A stream's first frame gets the time of its arrival, and the later ones follow their timestamps.
/// As soon as frames come with the sender's time (from its reports, RFC 3550, section 6.4.1), all streams
/// are put in step by it. A stream whose timestamps leave its arrivals by more than three seconds (another
/// source, a sender that was suspended) begins anew with its arrival.
///
/// ```
/// use std::time::Duration;
///
/// use gannet_media::CaptureClock;
///
/// let mut clock = CaptureClock::new();
/// let (voice, camera) = (clock.add_stream(48_000), clock.add_stream(90_000));
/// let ms = Duration::from_millis;
/// assert_eq!(clock.time(voice, 7_000, ms(10), None), ms(10));
/// assert_eq!(clock.time(voice, 7_960, ms(35), None), ms(30));
/// // The first picture took 50 ms longer than the sound. The sender's time says so later.
/// assert_eq!(clock.time(camera, 500, ms(80), None), ms(80));
/// assert_eq!(clock.time(voice, 8_920, ms(50), Some(ms(9_050))), ms(50));
/// assert_eq!(clock.time(camera, 9_500, ms(180), Some(ms(9_130))), ms(130));
/// assert_eq!(clock.time(camera, 12_500, ms(215), None), Duration::from_nanos(163_333_333));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CaptureClock {
    streams: Vec<Stream>,
    /// The sender's time at our zero, in nanoseconds.
    sender_zero: Option<i128>,
}

/// A stream of a [`CaptureClock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CaptureStream(usize);

#[derive(Clone, Debug)]
struct Stream {
    clock_rate: u32,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    timestamp: u32,
    /// Ticks since the stream's beginning.
    ticks: i64,
    /// The time of that beginning, in nanoseconds.
    zero: i128,
}

impl CaptureClock {
    /// A clock without streams.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stream whose RTP clock has `clock_rate` hertz.
    pub fn add_stream(&mut self, clock_rate: u32) -> CaptureStream {
        self.streams.push(Stream {
            clock_rate: clock_rate.max(1),
            last: None,
        });
        CaptureStream(self.streams.len() - 1)
    }

    /// The time of a frame with an RTP timestamp, which arrived at `arrival` by our clock and was sampled
    /// at `sender_time` by that of its sender, once that is known. Both may count from anywhere. Frames
    /// may come in any order.
    pub fn time(
        &mut self,
        stream: CaptureStream,
        timestamp: u32,
        arrival: Duration,
        sender_time: Option<Duration>,
    ) -> Duration {
        let Some(stream) = self.streams.get_mut(stream.0) else {
            return arrival;
        };
        let arrival_nanos = nanos(arrival);
        let begun = Last {
            timestamp,
            ticks: 0,
            zero: arrival_nanos,
        };
        let mut last = stream.last.map_or(begun, |last| last.advanced(timestamp));
        if let Some(sender_time) = sender_time {
            let sender_time = nanos(sender_time);
            let time = last.time(stream.clock_rate);
            let sender_zero = *self.sender_zero.get_or_insert(sender_time - time);
            last.zero += sender_time - sender_zero - time;
        }
        if last.time(stream.clock_rate).abs_diff(arrival_nanos) > RESTART.as_nanos() {
            last = begun;
            // Should the sender's clock have been set, then the other streams follow.
            self.sender_zero = None;
        }
        stream.last = Some(last);
        let time = last.time(stream.clock_rate).max(0);
        Duration::from_nanos(u64::try_from(time).unwrap_or(u64::MAX))
    }
}

impl Last {
    fn advanced(self, timestamp: u32) -> Self {
        let step = timestamp.wrapping_sub(self.timestamp).cast_signed();
        Self {
            timestamp,
            ticks: self.ticks.saturating_add(step.into()),
            ..self
        }
    }

    fn time(self, clock_rate: u32) -> i128 {
        self.zero + i128::from(self.ticks) * 1_000_000_000 / i128::from(clock_rate)
    }
}

fn nanos(time: Duration) -> i128 {
    // Below 2^95.
    time.as_nanos().cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn timestamps_wrap() {
        let mut clock = CaptureClock::new();
        let stream = clock.add_stream(90_000);
        assert_eq!(clock.time(stream, u32::MAX - 899, ms(100), None), ms(100));
        assert_eq!(clock.time(stream, 0, ms(117), None), ms(110));
        // The one before comes late.
        assert_eq!(clock.time(stream, u32::MAX - 449, ms(120), None), ms(105));
    }

    #[test]
    fn another_source_begins_with_its_arrival() {
        let mut clock = CaptureClock::new();
        let stream = clock.add_stream(48_000);
        clock.time(stream, 1_000, ms(0), None);
        assert_eq!(clock.time(stream, 1_960, ms(24), None), ms(20));
        assert_eq!(clock.time(stream, 900_000_000, ms(50), None), ms(50));
        assert_eq!(clock.time(stream, 900_000_960, ms(72), None), ms(70));
        // A pause of sound is none.
        assert_eq!(
            clock.time(stream, 900_480_000, ms(10_100), None),
            ms(10_050)
        );
    }

    #[test]
    fn three_seconds_beside_the_arrivals_are_too_much() {
        for (ahead, expected) in [(2_900, 3_020), (3_100, 120)] {
            let mut clock = CaptureClock::new();
            let stream = clock.add_stream(1_000);
            clock.time(stream, 0, ms(100), None);
            let time = clock.time(stream, 20 + ahead, ms(120), None);
            assert_eq!(time, ms(expected));
        }
    }

    #[test]
    fn a_sender_whose_clock_was_set_begins_anew() {
        let mut clock = CaptureClock::new();
        let stream = clock.add_stream(1_000);
        clock.time(stream, 0, ms(0), Some(ms(1_000_000)));
        assert_eq!(clock.time(stream, 20, ms(25), Some(ms(9_000_000))), ms(25));
    }

    proptest! {
        #[test]
        fn times_stay_near_arrivals(
            frames in prop::collection::vec((
                prop_oneof![any::<u32>(), 0u32..1_000_000],
                prop_oneof![any::<u64>(), 0u64..10_000_000_000],
                prop::option::of(prop_oneof![any::<u64>(), 0u64..10_000_000_000]),
            ), 1..30),
        ) {
            let mut clock = CaptureClock::new();
            let stream = clock.add_stream(90_000);
            for (timestamp, arrival, sender) in frames {
                let arrival = Duration::from_nanos(arrival);
                let sender = sender.map(Duration::from_nanos);
                let time = clock.time(stream, timestamp, arrival, sender);
                prop_assert!(time.abs_diff(arrival) <= RESTART);
            }
        }
    }
}
