//! Which receiver a packet belongs to: RFC 9143, section 9.2 (MID, SSRC, payload type), and RFC 8852
//! (RID).
//!
//! A source that is known is one look into a table. An unknown one is matched against every receiver once,
//! and then remembered.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher};
use std::time::Instant;

use gannet_rtp::RtpPacket;
use gannet_rtp::extension::{Mid, RepairedRid, Rid};

use super::{PayloadKind, Receiver};
use crate::parameters::ReceiverId;
use crate::session::MAX_SOURCES;

/// What a source is to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Media,
    Rtx,
}

/// Where the packets of a source go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) receiver: ReceiverId,
    pub(crate) role: Role,
    /// Said by signalling: it stays until signalling changes it.
    signalled: bool,
}

#[derive(Debug)]
pub(crate) struct Router {
    routes: HashMap<u32, Route, SsrcHasher>,
}

impl Router {
    /// `seed` keeps the other end from choosing SSRCs that collide.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            routes: HashMap::with_hasher(SsrcHasher::new(seed)),
        }
    }

    pub(crate) fn get(&self, ssrc: u32) -> Option<Route> {
        self.routes.get(&ssrc).copied()
    }

    /// The receiver whose signalling names this source.
    pub(crate) fn signalled(&self, ssrc: u32) -> Option<ReceiverId> {
        self.get(ssrc)
            .filter(|route| route.signalled)
            .map(|route| route.receiver)
    }

    /// Enters what signalling says about a receiver, in place of what it said before.
    pub(crate) fn set_signalled(
        &mut self,
        receiver: ReceiverId,
        ssrc: Option<u32>,
        rtx: Option<u32>,
    ) {
        self.routes
            .retain(|_, route| !(route.receiver == receiver && route.signalled));
        for (ssrc, role) in [(ssrc, Role::Media), (rtx, Role::Rtx)] {
            if let Some(ssrc) = ssrc {
                let route = Route {
                    receiver,
                    role,
                    signalled: true,
                };
                self.routes.insert(ssrc, route);
            }
        }
    }

    pub(crate) fn remove(&mut self, receiver: ReceiverId) {
        self.routes.retain(|_, route| route.receiver != receiver);
    }

    /// Remembers a source. When the table is full, all sources that signalling does not name are
    /// forgotten, and matched anew with their next packet.
    pub(crate) fn latch(&mut self, ssrc: u32, receiver: ReceiverId, role: Role) -> Route {
        if self.routes.len() >= MAX_SOURCES {
            self.routes.retain(|_, route| route.signalled);
        }
        let route = Route {
            receiver,
            role,
            signalled: false,
        };
        // A receiver has one source for each role.
        self.routes
            .retain(|_, other| other.signalled || other.receiver != receiver || other.role != role);
        self.routes.insert(ssrc, route);
        route
    }

    /// Matches a packet of an unknown source. `None` if no receiver, or more than one, could take it.
    pub(crate) fn resolve(
        &self,
        now: Instant,
        packet: &RtpPacket<'_>,
        receivers: &BTreeMap<ReceiverId, Receiver>,
    ) -> Option<(ReceiverId, Role)> {
        let mut by_payload_type = None;
        let mut ambiguous = false;
        for (id, receiver) in receivers {
            let Some(kind) = receiver.payload_kind(packet.payload_type()) else {
                continue;
            };
            let role = match kind {
                PayloadKind::Media(_) => Role::Media,
                PayloadKind::Rtx(_) => Role::Rtx,
            };
            match match_identity(receiver, packet, role) {
                Match::Is => return receiver.takes(now, packet, role).then_some((*id, role)),
                Match::IsNot => {}
                Match::Unknown
                    if !receiver.is_signalled(role) && receiver.takes(now, packet, role) =>
                {
                    ambiguous |= by_payload_type.is_some();
                    by_payload_type = Some((*id, role));
                }
                Match::Unknown => {}
            }
        }
        by_payload_type.filter(|_| !ambiguous)
    }
}

impl Receiver {
    /// Whether signalling named the source of this role: then a packet must say more than a payload type.
    const fn is_signalled(&self, role: Role) -> bool {
        match role {
            Role::Media => self.parameters.ssrc.is_some(),
            Role::Rtx => self.parameters.rtx_ssrc.is_some(),
        }
    }

    fn takes(&self, now: Instant, packet: &RtpPacket<'_>, role: Role) -> bool {
        role == Role::Rtx || self.accepts_source(now, packet.ssrc())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Is,
    IsNot,
    /// The packet says nothing, or the receiver was not told.
    Unknown,
}

/// Compares the identities that a packet carries with those of a receiver.
fn match_identity(receiver: &Receiver, packet: &RtpPacket<'_>, role: Role) -> Match {
    let parameters = &receiver.parameters;
    let extensions = &parameters.extensions;
    let mid = packet
        .extension::<Mid<'_>>(extensions)
        .map(|mid| mid.as_str());
    let rid = match role {
        Role::Media => packet
            .extension::<Rid<'_>>(extensions)
            .map(|rid| rid.as_str()),
        Role::Rtx => packet
            .extension::<RepairedRid<'_>>(extensions)
            .map(|rid| rid.as_str()),
    };
    let one = |theirs: Option<&str>, ours: &Option<String>| match (theirs, ours) {
        (Some(theirs), Some(ours)) if theirs == ours => Match::Is,
        (Some(_), Some(_)) => Match::IsNot,
        _ => Match::Unknown,
    };
    match (one(mid, &parameters.mid), one(rid, &parameters.rid)) {
        (Match::IsNot, _) | (_, Match::IsNot) => Match::IsNot,
        (Match::Is, Match::Is) => Match::Is,
        // A receiver of one stream of a simulcast waits for that stream to be named.
        (Match::Is, Match::Unknown) if parameters.rid.is_none() => Match::Is,
        (Match::Unknown, Match::Is) => Match::Is,
        _ => Match::Unknown,
    }
}

/// Multiplies by a secret odd number: SSRCs are random, or chosen by one peer for itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SsrcHasher(u64);

impl SsrcHasher {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SsrcHash {
    factor: u64,
    state: u64,
}

impl BuildHasher for SsrcHasher {
    type Hasher = SsrcHash;

    fn build_hasher(&self) -> SsrcHash {
        SsrcHash {
            factor: self.0,
            state: 0,
        }
    }
}

impl Hasher for SsrcHash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        let mixed = (self.state ^ u64::from(value)).wrapping_mul(self.factor);
        self.state = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.state.wrapping_mul(self.factor)
    }
}
