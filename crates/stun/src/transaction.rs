//! Client transactions: retransmission and matching (RFC 8489, section 6.2), without a socket.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::TransactionId;

/// No wait is longer: the clock must have room for it.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The numbers of RFC 8489, section 6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionConfig {
    /// Rc: how often a request is sent at most.
    pub max_requests: u32,
    /// Rm: how many times the first timeout is waited for an answer to the last request.
    pub last_wait: u32,
    /// Ti: how long an answer is waited for over a reliable transport.
    pub reliable_timeout: Duration,
    /// How many transactions may run at once.
    pub max_transactions: usize,
}

impl Default for TransactionConfig {
    fn default() -> Self {
        Self {
            max_requests: 7,
            last_wait: 16,
            reliable_timeout: Duration::from_millis(39_500),
            max_transactions: 256,
        }
    }
}

/// What carries the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reliability {
    /// UDP or DTLS: requests are sent again.
    Unreliable,
    /// TCP or TLS: a request is sent once.
    Reliable,
}

/// Why a transaction can not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// As many as allowed run already.
    #[error("{0} transactions are running, as many as are allowed")]
    TooMany(usize),
    /// One with this ID runs already.
    #[error("a transaction with the ID {0} is running")]
    Duplicate(TransactionId),
}

/// A request that was just appended to the caller's buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Retransmission<'t, T> {
    /// The transaction.
    pub id: TransactionId,
    /// What the caller attached to it.
    pub tag: &'t T,
    /// 1 for the first time.
    pub attempt: u32,
}

/// A transaction that an answer ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Completed<T> {
    /// What the caller attached to it.
    pub tag: T,
    /// The round-trip time; `None` if the request was sent more than once, because nobody knows which
    /// of them was answered.
    pub rtt: Option<Duration>,
    /// How often the request was sent.
    pub requests_sent: u32,
}

/// A transaction that ran out of time.
#[derive(Debug, PartialEq, Eq)]
pub struct Expired<T> {
    /// The transaction.
    pub id: TransactionId,
    /// What the caller attached to it.
    pub tag: T,
}

/// The running transactions of a client, each with a value of the caller's.
#[derive(Debug)]
pub struct Transactions<T> {
    config: TransactionConfig,
    // Ordered, so that one seed is one run.
    running: BTreeMap<TransactionId, Running<T>>,
}

#[derive(Debug)]
struct Running<T> {
    tag: T,
    request: Vec<u8>,
    reliability: Reliability,
    first_rto: Duration,
    rto: Duration,
    requests_sent: u32,
    first_sent: Instant,
    /// When the request is to be sent again or, if that is over, when the transaction expires.
    next: Instant,
    /// No further request is sent; an answer is still taken.
    quiet: bool,
}

impl<T> Running<T> {
    const fn may_send(&self, config: &TransactionConfig) -> bool {
        let limit = match self.reliability {
            Reliability::Unreliable => config.max_requests,
            Reliability::Reliable => 1,
        };
        self.requests_sent < limit && !self.quiet
    }

    fn sent(&mut self, now: Instant, config: &TransactionConfig) {
        if self.requests_sent == 0 {
            self.first_sent = now;
        }
        self.requests_sent += 1;
        let wait = match self.reliability {
            Reliability::Reliable => config.reliable_timeout,
            Reliability::Unreliable if self.may_send(config) => {
                let wait = self.rto;
                self.rto = wait.saturating_mul(2);
                wait
            }
            Reliability::Unreliable => self.first_rto.saturating_mul(config.last_wait),
        };
        self.next = now + wait.min(LONGEST_WAIT);
    }
}

impl<T> Transactions<T> {
    /// An empty table.
    #[must_use]
    pub const fn new(config: TransactionConfig) -> Self {
        Self {
            config,
            running: BTreeMap::new(),
        }
    }

    /// Starts a transaction. [`Self::poll_transmit`] hands the request out at once.
    ///
    /// `rto` is the first timeout; each further one is twice as long.
    pub fn start(
        &mut self,
        now: Instant,
        id: TransactionId,
        request: Vec<u8>,
        reliability: Reliability,
        rto: Duration,
        tag: T,
    ) -> Result<(), StartError> {
        if self.running.len() >= self.config.max_transactions {
            return Err(StartError::TooMany(self.config.max_transactions));
        }
        if self.running.contains_key(&id) {
            return Err(StartError::Duplicate(id));
        }
        self.running.insert(
            id,
            Running {
                tag,
                request,
                reliability,
                first_rto: rto,
                rto,
                requests_sent: 0,
                first_sent: now,
                next: now,
                quiet: false,
            },
        );
        Ok(())
    }

    /// How many transactions are running.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none is running.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// What is attached to a running transaction: look here before verifying an answer.
    #[must_use]
    pub fn tag(&self, id: &TransactionId) -> Option<&T> {
        self.running.get(id).map(|running| &running.tag)
    }

    /// All running transactions, in the order of their IDs.
    pub fn iter(&self) -> impl Iterator<Item = (&TransactionId, &T)> {
        self.running.iter().map(|(id, running)| (id, &running.tag))
    }

    /// Ends a transaction with an answer that the caller found authentic.
    pub fn complete(&mut self, now: Instant, id: &TransactionId) -> Option<Completed<T>> {
        let running = self.running.remove(id)?;
        let rtt = now.saturating_duration_since(running.first_sent);
        Some(Completed {
            tag: running.tag,
            rtt: (running.requests_sent == 1).then_some(rtt),
            requests_sent: running.requests_sent,
        })
    }

    /// Ends a transaction without an answer.
    pub fn cancel(&mut self, id: &TransactionId) -> Option<T> {
        self.running.remove(id).map(|running| running.tag)
    }

    /// Ends all transactions for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(&TransactionId, &T) -> bool) {
        self.running.retain(|id, running| keep(id, &running.tag));
    }

    /// Sends no further request, but still takes an answer for as long as it would have come
    /// (RFC 8445, section 7.3.1.4).
    pub fn stop_retransmitting(&mut self, now: Instant, id: &TransactionId) {
        if let Some(running) = self.running.get_mut(id)
            && !running.quiet
        {
            running.quiet = true;
            let wait = running.first_rto.saturating_mul(self.config.last_wait);
            running.next = now + wait.min(LONGEST_WAIT);
        }
    }

    /// Appends a request that is due to `buffer`.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut Vec<u8>,
    ) -> Option<Retransmission<'_, T>> {
        let config = &self.config;
        let (id, running) = self
            .running
            .iter_mut()
            .find(|(_, running)| running.next <= now && running.may_send(config))?;
        running.sent(now, config);
        buffer.extend_from_slice(&running.request);
        Some(Retransmission {
            id: *id,
            tag: &running.tag,
            attempt: running.requests_sent,
        })
    }

    /// Takes out a transaction whose time is over.
    pub fn poll_expired(&mut self, now: Instant) -> Option<Expired<T>> {
        let config = &self.config;
        let id = *self
            .running
            .iter()
            .find(|(_, running)| running.next <= now && !running.may_send(config))?
            .0;
        let running = self.running.remove(&id)?;
        Some(Expired {
            id,
            tag: running.tag,
        })
    }

    /// When [`Self::poll_transmit`] or [`Self::poll_expired`] will have something next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.running.values().map(|running| running.next).min()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test needs some instant")]
mod tests {
    use super::*;

    const RTO: Duration = Duration::from_millis(500);

    fn table() -> Transactions<&'static str> {
        Transactions::new(TransactionConfig::default())
    }

    fn id(n: u8) -> TransactionId {
        TransactionId([n; 12])
    }

    /// Jumps from wake-up to wake-up: when requests were sent, and when the transaction expired.
    fn run(table: &mut Transactions<&'static str>, start: Instant) -> (Vec<u128>, u128) {
        let mut sent = Vec::new();
        let mut buffer = Vec::new();
        loop {
            let now = table.poll_timeout().unwrap();
            while table.poll_transmit(now, &mut buffer).is_some() {
                sent.push((now - start).as_millis());
            }
            if table.poll_expired(now).is_some() {
                return (sent, (now - start).as_millis());
            }
        }
    }

    #[test]
    fn the_schedule_of_the_rfc() {
        let start = Instant::now();
        let mut table = table();
        table
            .start(
                start,
                id(1),
                b"request".to_vec(),
                Reliability::Unreliable,
                RTO,
                "",
            )
            .unwrap();
        let (sent, expired) = run(&mut table, start);
        assert_eq!(sent, [0, 500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!(expired, 39_500);
        assert!(table.is_empty());
        assert_eq!(table.poll_timeout(), None);
    }

    #[test]
    fn a_reliable_transport_sends_once() {
        let start = Instant::now();
        let mut table = table();
        table
            .start(start, id(1), Vec::new(), Reliability::Reliable, RTO, "")
            .unwrap();
        assert_eq!(run(&mut table, start), (vec![0], 39_500));
    }

    #[test]
    fn only_an_unambiguous_answer_has_a_round_trip_time() {
        let start = Instant::now();
        let mut table = table();
        let mut buffer = Vec::new();
        for n in [1, 2] {
            table
                .start(start, id(n), vec![n], Reliability::Unreliable, RTO, "tag")
                .unwrap();
        }
        assert_eq!(table.poll_transmit(start, &mut buffer).unwrap().attempt, 1);
        assert_eq!(table.poll_transmit(start, &mut buffer).unwrap().id, id(2));
        assert!(table.poll_transmit(start, &mut buffer).is_none());
        assert_eq!(buffer, [1, 2]);

        let soon = start + Duration::from_millis(70);
        let completed = table.complete(soon, &id(1)).unwrap();
        assert_eq!(completed.rtt, Some(Duration::from_millis(70)));
        assert_eq!(table.complete(soon, &id(1)), None);

        let later = start + RTO;
        assert_eq!(table.poll_transmit(later, &mut buffer).unwrap().attempt, 2);
        let completed = table.complete(later, &id(2)).unwrap();
        assert_eq!((completed.rtt, completed.requests_sent), (None, 2));
    }

    // Doubling, and what the caller says, may come to more than a clock can say.
    #[test]
    fn waits_beyond_all_clocks_are_cut() {
        let start = Instant::now();
        for rto in [RTO, Duration::MAX] {
            let mut table = Transactions::new(TransactionConfig {
                max_requests: 100,
                reliable_timeout: Duration::MAX,
                ..TransactionConfig::default()
            });
            for (n, reliability) in [(1, Reliability::Unreliable), (2, Reliability::Reliable)] {
                table
                    .start(start, id(n), vec![n], reliability, rto, "")
                    .unwrap();
            }
            let (_, expired) = run(&mut table, start);
            assert_eq!(
                expired,
                LONGEST_WAIT.as_millis(),
                "the one that is reliable"
            );
            table.stop_retransmitting(start, &id(1));
            assert!(table.poll_timeout().is_some());
        }
    }

    #[test]
    fn a_quiet_transaction_takes_an_answer_and_expires() {
        let start = Instant::now();
        let mut table = table();
        let mut buffer = Vec::new();
        table
            .start(start, id(1), vec![1], Reliability::Unreliable, RTO, "tag")
            .unwrap();
        table.poll_transmit(start, &mut buffer).unwrap();
        table.stop_retransmitting(start, &id(1));
        assert!(table.poll_transmit(start + RTO, &mut buffer).is_none());
        assert_eq!(table.tag(&id(1)), Some(&"tag"));
        let end = start + RTO * 16;
        assert_eq!(table.poll_timeout(), Some(end));
        assert_eq!(table.poll_expired(end).unwrap().tag, "tag");
    }

    #[test]
    fn the_table_is_bounded() {
        let start = Instant::now();
        let mut table = Transactions::new(TransactionConfig {
            max_transactions: 2,
            ..TransactionConfig::default()
        });
        let mut start_one =
            |n| table.start(start, id(n), Vec::new(), Reliability::Unreliable, RTO, ());
        assert_eq!(start_one(1), Ok(()));
        assert_eq!(start_one(1), Err(StartError::Duplicate(id(1))));
        assert_eq!(start_one(2), Ok(()));
        assert_eq!(start_one(3), Err(StartError::TooMany(2)));
    }
}
