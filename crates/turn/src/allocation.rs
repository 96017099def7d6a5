//! The allocation and its refreshes (RFC 8656, sections 7 and 8).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use gannet_stun::{Attribute, Message};

use crate::client::{Client, Event, State};
use crate::peers::Due;
use crate::requests::Asked;
use crate::{AddressFamilies, AllocateError};

/// What the server has given.
#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) relayed: Vec<SocketAddr>,
    expires: Instant,
    /// `None` while a refresh is under way.
    refresh: Option<Instant>,
}

impl Allocation {
    pub(crate) fn has_family_of(&self, peer: IpAddr) -> bool {
        self.relayed
            .iter()
            .any(|own| own.is_ipv4() == peer.is_ipv4())
    }

    pub(crate) fn timeout(&self) -> Option<Instant> {
        Some(self.refresh.unwrap_or(self.expires))
    }

    /// A refresh a minute before the end, or at half of a short lifetime (RFC 8656, section 8.1).
    fn set_lifetime(&mut self, now: Instant, lifetime: Duration) {
        let minute = Duration::from_secs(60);
        let refresh = lifetime.saturating_sub(minute).max(lifetime / 2);
        self.expires = now + lifetime;
        self.refresh = Some(now + refresh);
    }
}

impl Client {
    /// The server has allocated (RFC 8656, section 7.3).
    pub(crate) fn allocated(&mut self, now: Instant, response: &Message<'_>) {
        let wanted = |address: &SocketAddr| match self.config.families {
            AddressFamilies::V4 => address.is_ipv4(),
            AddressFamilies::V6 => address.is_ipv6(),
            AddressFamilies::Both => true,
        };
        let relayed = response.decoded().filter_map(|attribute| match attribute {
            Attribute::XorRelayedAddress(address) => Some(address),
            _ => None,
        });
        let relayed: Vec<_> = relayed.filter(wanted).take(2).collect();
        let lifetime = lifetime_of(response).unwrap_or(self.config.lifetime);
        let mapped = response.mapped_address();
        let (Some(mapped), false) = (mapped, relayed.is_empty()) else {
            self.fail(AllocateError::NoRelayedAddress);
            return;
        };
        let mut allocation = Allocation {
            relayed: relayed.clone(),
            expires: now,
            refresh: None,
        };
        allocation.set_lifetime(now, lifetime);
        self.allocation = Some(allocation);
        self.state = State::Allocated;
        self.push_event(Event::Allocated { relayed, mapped });
    }

    /// The server has refreshed.
    pub(crate) fn refreshed(&mut self, now: Instant, response: &Message<'_>) {
        let lifetime = lifetime_of(response).unwrap_or(self.config.lifetime);
        if let Some(allocation) = &mut self.allocation {
            allocation.set_lifetime(now, lifetime);
        }
    }

    /// Asks again for what is about to run out.
    pub(crate) fn renew(&mut self, now: Instant) {
        if self.state != State::Allocated {
            return;
        }
        let Some(allocation) = &mut self.allocation else {
            return;
        };
        if now >= allocation.expires {
            self.fail(AllocateError::Lost);
            return;
        }
        if allocation.refresh.take_if(|at| *at <= now).is_some() {
            self.ask(now, Asked::refresh());
        }
        while let Some(due) = self.peers.due(now) {
            self.ask(
                now,
                match due {
                    Due::Permission(ip) => Asked::permission(ip),
                    Due::Channel(number, peer) => Asked::channel(number, peer),
                },
            );
        }
    }
}

fn lifetime_of(response: &Message<'_>) -> Option<Duration> {
    response.decoded().find_map(|attribute| match attribute {
        Attribute::Lifetime(seconds) => Some(Duration::from_secs(u64::from(seconds))),
        _ => None,
    })
}
