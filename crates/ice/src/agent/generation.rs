//! What belongs to one generation, that is, to one pair of credentials: a restart begins a new one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use gannet_crypto::{CryptoProvider, Rng};
use gannet_stun::{IntegrityKey, TransactionConfig, Transactions};

use super::checklist::{Pair, PairId};
use super::checks::Check;
use super::lifeline::Lifeline;
use crate::{Candidate, Config, IceParameters, ResolveId};

/// The characters of user name fragments and passwords (RFC 8839, section 5.4): 64 of them.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 48 bits of randomness: more than the 24 that RFC 8445, section 5.3 asks for, because one socket may
/// tell many agents apart by it.
const USERNAME_FRAGMENT_LEN: usize = 8;
/// 144 bits of randomness (RFC 8445, section 5.3 asks for 128).
const PASSWORD_LEN: usize = 24;

/// One side's credentials, with the key scheduled.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) parameters: IceParameters,
    pub(super) key: IntegrityKey,
}

impl Credentials {
    pub(super) fn new(parameters: IceParameters, provider: &Arc<dyn CryptoProvider>) -> Self {
        let key = IntegrityKey::short_term(provider, &parameters.password);
        Self { parameters, key }
    }

    fn random(lite: bool, provider: &Arc<dyn CryptoProvider>, rng: &mut Rng) -> Self {
        let parameters = IceParameters {
            username_fragment: random_text::<USERNAME_FRAGMENT_LEN>(rng),
            password: random_text::<PASSWORD_LEN>(rng),
            ice_lite: lite,
        };
        Self::new(parameters, provider)
    }
}

fn random_text<const N: usize>(rng: &mut Rng) -> String {
    let bytes = rng.array::<N>();
    bytes
        .iter()
        .map(|byte| char::from(ICE_CHARS[usize::from(byte & 0x3f)]))
        .collect()
}

/// A generation.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) local: Credentials,
    pub(super) remote: Option<Credentials>,
    /// Never shrinks, so that an index stays what it is while a pair has it.
    pub(super) remote_candidates: Vec<Candidate>,
    /// How many of them are peer-reflexive.
    pub(super) peer_reflexive: usize,
    /// Candidates whose names are being resolved.
    pub(super) unresolved: Vec<(ResolveId, Candidate)>,
    pub(super) end_of_candidates: bool,
    /// Sorted by priority, highest first.
    pub(super) pairs: Vec<Pair>,
    pub(super) next_pair: u32,
    pub(super) triggered: VecDeque<PairId>,
    pub(super) checks: Transactions<Check>,
    /// The selected pair's consent and liveness.
    pub(super) lifeline: Option<Lifeline>,
    /// The pair for which a nominating check is under way, and since when.
    pub(super) nominating: Option<(PairId, Instant)>,
    /// The number of the last nomination (renomination).
    pub(super) nominations: u32,
    /// The highest nomination number that the peer sent.
    pub(super) peer_nomination: Option<u32>,
    /// When checking began: patience counts from here.
    pub(super) checking_since: Option<Instant>,
    pub(super) first_valid: Option<Instant>,
    /// A path was found at some time.
    pub(super) was_connected: bool,
    /// Consent was lost, or nothing ever worked.
    pub(super) failed: bool,
    /// Nothing was heard on the selected pair for too long.
    pub(super) silent: bool,
}

impl Generation {
    pub(super) fn new(config: &Config, provider: &Arc<dyn CryptoProvider>, rng: &mut Rng) -> Self {
        Self {
            local: Credentials::random(config.lite, provider, rng),
            remote: None,
            remote_candidates: Vec::new(),
            peer_reflexive: 0,
            unresolved: Vec::new(),
            end_of_candidates: false,
            pairs: Vec::new(),
            next_pair: 0,
            triggered: VecDeque::new(),
            checks: Transactions::new(TransactionConfig {
                max_requests: config.timers.check_attempts,
                max_transactions: config.limits.pairs.saturating_mul(3),
                ..TransactionConfig::default()
            }),
            lifeline: None,
            nominating: None,
            nominations: 0,
            peer_nomination: None,
            checking_since: None,
            first_valid: None,
            was_connected: false,
            failed: false,
            silent: false,
        }
    }

    pub(super) fn pair(&self, id: PairId) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.id == id)
    }

    pub(super) fn pair_mut(&mut self, id: PairId) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.id == id)
    }

    pub(super) fn selected_id(&self) -> Option<PairId> {
        Some(self.lifeline.as_ref()?.pair)
    }

    pub(super) fn selected_pair(&self) -> Option<&Pair> {
        self.pair(self.selected_id()?)
    }
}

/// What is left of the generation before: enough to keep its path open.
#[derive(Debug)]
pub(super) struct Previous {
    pub(super) local: Credentials,
    pub(super) remote: Credentials,
    pub(super) lifeline: Lifeline,
}
