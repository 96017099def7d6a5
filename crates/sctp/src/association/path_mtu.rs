//! Packetization layer path MTU discovery (RFC 8899, as section 6.1 applies it to SCTP): how large packets
//! may be, found by packets that carry nothing but padding.

use std::time::{Duration, Instant};

/// What is known of the path's MTU. Sizes are those of SCTP packets in bytes.
///
/// `base` is what the layer above believes in, and is used from the start; it is confirmed by a probe like
/// any other size. Until then no chunk is cut longer than [`SMALLEST`] holds: chunks can not be cut again,
/// so those must get through wherever `base` does not.
#[derive(Clone, Debug)]
pub(crate) struct PathMtu {
    base: usize,
    most: usize,
    /// The largest size that was answered; `None` before `base` or less has been.
    confirmed: Option<usize>,
    /// The smallest size that was not.
    failed: Option<usize>,
    /// A timeout says that `base` may be too large, until it is confirmed.
    suspect: bool,
    probe: Option<Probe>,
    /// When the next probe may leave; `None` is when data is sent.
    next_at: Option<Instant>,
}

/// A probe that is on its way.
#[derive(Clone, Copy, Debug)]
struct Probe {
    size: usize,
    nonce: u64,
    attempts: u32,
    /// Whether the peer has acknowledged something since: else the path says nothing of this size.
    path_is_alive: bool,
}

/// What works everywhere: IPv4's 576 bytes (RFC 1122, section 3.3.2) less IP, UDP and DTLS.
pub(crate) const SMALLEST: usize = 508;
/// RFC 8899, section 5.1.2: MAX_PROBES.
const MAX_PROBES: u32 = 3;
/// Section 5.1.1: a probe is waited for at least so long.
const PROBE_TIMER: Duration = Duration::from_secs(1);
/// Section 5.1.1: PMTU_RAISE_TIMER.
const RAISE_TIMER: Duration = Duration::from_secs(600);
/// A search that was interrupted for so long starts over.
const STALE: Duration = Duration::from_secs(60);
/// Sizes nearer to each other than this are the same.
const STEP: usize = 16;

impl PathMtu {
    /// Discovery from `base` up to `most`.
    pub(crate) fn new(base: usize, most: usize) -> Self {
        Self {
            base,
            most: most.max(base),
            confirmed: None,
            failed: None,
            suspect: false,
            probe: None,
            next_at: None,
        }
    }

    /// Discovery on another path, of which `base` is believed.
    pub(crate) fn moved_to(&self, base: usize) -> Self {
        Self::new(base, self.most)
    }

    /// How large packets may be.
    pub(crate) fn packet_size(&self) -> usize {
        match (self.confirmed, self.failed) {
            (Some(confirmed), _) => confirmed,
            (None, Some(_)) => self.smallest(),
            (None, None) if self.suspect => self.smallest(),
            (None, None) => self.base,
        }
    }

    /// How large the packets are that every chunk must fit into. What was cut for a path larger than `base`
    /// could not be sent any more if the path shrinks to it.
    pub(crate) fn chunk_limit(&self) -> usize {
        match self.confirmed {
            Some(confirmed) => confirmed.min(self.base),
            None => self.smallest(),
        }
    }

    fn smallest(&self) -> usize {
        SMALLEST.min(self.base)
    }

    /// The size to be probed next. First `base`, then the largest, then halfway in between.
    fn candidate(&self) -> Option<usize> {
        let low = match (self.confirmed, self.failed) {
            (None, None) => return Some(self.base),
            (confirmed, _) => confirmed.unwrap_or_else(|| self.smallest()),
        };
        let candidate = match self.failed {
            None => self.most,
            Some(failed) => (low + failed) / 2,
        } & !3;
        (candidate >= low + STEP).then_some(candidate)
    }

    /// When to look for a probe again, while data is on its way; `None` is at once.
    pub(crate) const fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next_at.is_none_or(|at| at <= now)
    }

    /// Starts the probe that is due: its size. `nonce` is what its answer will carry.
    pub(crate) fn start_probe(&mut self, now: Instant, rto: Duration, nonce: u64) -> Option<usize> {
        if self.next_at.is_some_and(|at| now > at + STALE) {
            // Nothing was sent for long: what failed then may work now.
            self.probe = None;
            self.failed = None;
        }
        self.settle_probe();
        let Some(size) = self.candidate() else {
            self.rest(now);
            return None;
        };
        let attempts = match self.probe {
            Some(probe) if probe.size == size => probe.attempts,
            _ => 0,
        };
        self.probe = Some(Probe {
            size,
            nonce,
            attempts,
            path_is_alive: false,
        });
        self.next_at = Some(now + rto.max(PROBE_TIMER));
        Some(size)
    }

    /// The time of the last probe is over: it counts as lost if the path was alive.
    fn settle_probe(&mut self) {
        let Some(probe) = &mut self.probe else {
            return;
        };
        probe.attempts += u32::from(probe.path_is_alive);
        if probe.attempts >= MAX_PROBES {
            self.failed = Some(probe.size);
            self.probe = None;
        }
    }

    /// There is nothing left to find: the path may be larger some time later.
    fn rest(&mut self, now: Instant) {
        self.probe = None;
        self.failed = None;
        if self.confirmed.is_none() {
            self.confirmed = Some(self.smallest());
        }
        self.next_at = Some(now + RAISE_TIMER);
    }

    /// The answer to a probe. Says whether it was one.
    pub(crate) fn on_answer(&mut self, nonce: u64) -> bool {
        let Some(probe) = self.probe.filter(|probe| probe.nonce == nonce) else {
            return false;
        };
        self.probe = None;
        self.next_at = None;
        self.confirmed = self.confirmed.max(Some(probe.size));
        if self.failed.is_some_and(|failed| failed <= probe.size) {
            self.failed = None;
        }
        true
    }

    /// Data has been acknowledged.
    pub(crate) const fn on_acknowledged(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.path_is_alive = true;
        }
    }

    /// T3-rtx has run out: the path may not carry what it did (section 4.3, black holes). Discovery begins
    /// again; meanwhile packets are as large as works on more paths.
    pub(crate) fn on_timeout(&mut self) {
        let was_larger = self.packet_size() > self.base;
        *self = Self {
            suspect: !was_larger,
            ..Self::new(self.base, self.most)
        };
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
mod tests {
    use super::*;

    const RTO: Duration = Duration::from_millis(400);

    /// Probes a path that carries `mtu` until discovery rests; returns how many probes that took.
    fn discover(path: &mut PathMtu, now: &mut Instant, mtu: usize) -> u32 {
        for count in 0..100 {
            let nonce = u64::from(count);
            let Some(size) = path.start_probe(*now, RTO, nonce) else {
                return count;
            };
            if size <= mtu {
                assert!(path.on_answer(nonce));
            } else {
                path.on_acknowledged();
                *now += PROBE_TIMER;
                assert!(path.is_due(*now));
            }
        }
        panic!("discovery does not end");
    }

    #[test]
    fn the_largest_size_is_tried_first() {
        let mut now = Instant::now();
        let mut path = PathMtu::new(1188, 1400);
        assert_eq!((path.packet_size(), path.chunk_limit()), (1188, SMALLEST));
        assert_eq!(discover(&mut path, &mut now, 9000), 2);
        assert_eq!((path.packet_size(), path.chunk_limit()), (1400, 1188));
        // Some time later it is tried again.
        assert!(!path.is_due(now + Duration::from_secs(599)));
        assert!(path.is_due(now + RAISE_TIMER));
    }

    #[test]
    fn what_is_in_between_is_found() {
        for mtu in [508, 600, 1000, 1187, 1188, 1250, 1399] {
            let mut now = Instant::now();
            let mut path = PathMtu::new(1188, 1400);
            discover(&mut path, &mut now, mtu);
            let found = path.packet_size();
            assert!(
                (mtu.saturating_sub(2 * STEP + 3)..=mtu).contains(&found),
                "{mtu}: {found}"
            );
            assert!(path.chunk_limit() <= found);
        }
    }

    #[test]
    fn probes_on_a_dead_path_say_nothing() {
        let mut now = Instant::now();
        let mut path = PathMtu::new(1188, 1400);
        for nonce in 0..20 {
            assert_eq!(path.start_probe(now, RTO, nonce), Some(1188));
            now += PROBE_TIMER;
        }
        assert!(!path.on_answer(18), "an old probe");
        assert!(path.on_answer(19));
        assert_eq!(path.packet_size(), 1188);
    }

    #[test]
    fn a_timeout_makes_packets_small_until_a_probe_is_answered() {
        let mut now = Instant::now();
        let mut path = PathMtu::new(1188, 1400);
        discover(&mut path, &mut now, 9000);
        path.on_timeout();
        assert_eq!(path.packet_size(), 1188);
        path.on_timeout();
        assert_eq!(path.packet_size(), SMALLEST);
        assert_eq!(path.start_probe(now, RTO, 7), Some(1188));
        assert!(path.on_answer(7));
        assert_eq!(path.packet_size(), 1188);
    }
}
