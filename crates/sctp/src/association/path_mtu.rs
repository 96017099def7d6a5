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
            probe: None,
            next_at: None,
        }
    }

    /// How large packets may be.
    pub(crate) fn packet_size(&self) -> usize {
        match (self.confirmed, self.failed) {
            (Some(confirmed), _) => confirmed,
            (None, Some(failed)) if failed <= self.base => self.smallest(),
            (None, _) => self.base,
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

    /// When to look for a probe again, while data is on its way.
    pub(crate) const fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// The size of the probe that is to be sent now, and the nonce that its answer carries.
    pub(crate) fn start_probe(
        &mut self,
        now: Instant,
        rto: Duration,
        nonce: u64,
    ) -> Option<(usize, u64)> {
        if self.next_at.is_some_and(|at| at > now) {
            return None;
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
        Some((size, nonce))
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
    /// again; meanwhile packets are no larger than what works on more paths.
    pub(crate) fn on_timeout(&mut self) {
        let size = self.packet_size();
        self.probe = None;
        self.next_at = None;
        if size > self.base {
            *self = Self {
                confirmed: None,
                ..Self::new(self.base, self.most)
            };
        } else if self.confirmed.is_none() {
            self.failed = Some(self.base);
        } else {
            self.confirmed = None;
        }
    }
}
