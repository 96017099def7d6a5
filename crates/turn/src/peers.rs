//! Permissions and channels (RFC 8656, sections 9 and 12).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use gannet_stun::ChannelNumber;

/// A permission lives for 300 s (RFC 8656, section 9): it is refreshed a minute before.
const PERMISSION_REFRESH: Duration = Duration::from_secs(240);
/// A channel lives for 600 s (RFC 8656, section 12): it is refreshed a minute before.
const CHANNEL_REFRESH: Duration = Duration::from_secs(540);
/// After a failure that may pass.
const RETRY: Duration = Duration::from_secs(5);

/// Where a permission or a channel is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// Is being asked for; true if the server has granted it before.
    Asked(bool),
    /// Granted; to be asked for again then.
    Granted(Instant),
    /// Refused; to be asked for again then.
    Refused(Instant),
}

impl Grant {
    pub(crate) const fn is_usable(self) -> bool {
        matches!(self, Self::Asked(true) | Self::Granted(_))
    }

    pub(crate) const fn ask(&mut self) {
        *self = Self::Asked(self.is_usable());
    }

    const fn due(self) -> Option<Instant> {
        match self {
            Self::Asked(_) => None,
            Self::Granted(at) | Self::Refused(at) => Some(at),
        }
    }
}

/// An address that may send to us and be sent to.
#[derive(Debug)]
pub(crate) struct Permission {
    pub(crate) ip: IpAddr,
    pub(crate) grant: Grant,
}

/// A peer with a channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) number: ChannelNumber,
    pub(crate) peer: SocketAddr,
    pub(crate) grant: Grant,
}

/// All peers of an allocation. Both tables are bounded by the configuration.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    pub(crate) permissions: Vec<Permission>,
    pub(crate) channels: Vec<Channel>,
    next_channel: u16,
}

impl Peers {
    pub(crate) fn permission(&mut self, ip: IpAddr) -> Option<&mut Permission> {
        self.permissions
            .iter_mut()
            .find(|permission| permission.ip == ip)
    }

    pub(crate) fn may_reach(&self, ip: IpAddr) -> bool {
        let mut permissions = self.permissions.iter();
        permissions.any(|permission| permission.ip == ip && permission.grant.is_usable())
    }

    /// The channel to send to `peer` by, if the server has bound it.
    pub(crate) fn bound_channel(&self, peer: SocketAddr) -> Option<ChannelNumber> {
        let mut channels = self.channels.iter();
        let channel = channels.find(|channel| channel.peer == peer)?;
        channel.grant.is_usable().then_some(channel.number)
    }

    pub(crate) fn peer_of(&self, number: ChannelNumber) -> Option<SocketAddr> {
        let mut channels = self.channels.iter();
        let channel = channels.find(|channel| channel.number == number)?;
        Some(channel.peer)
    }

    pub(crate) fn channel(&mut self, number: ChannelNumber) -> Option<&mut Channel> {
        self.channels
            .iter_mut()
            .find(|channel| channel.number == number)
    }

    /// A number that was never used here: one that was must rest for 5 minutes
    /// (RFC 8656, section 12), and there are 4,096.
    pub(crate) fn unused_channel(&mut self) -> Option<ChannelNumber> {
        let number = ChannelNumber::new(ChannelNumber::MIN.number() + self.next_channel)?;
        self.next_channel += 1;
        Some(number)
    }

    /// What is due: a permission, or else a channel.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Due> {
        let is_due = |grant: Grant| grant.due().is_some_and(|at| at <= now);
        let mut permissions = self.permissions.iter_mut();
        if let Some(permission) = permissions.find(|permission| is_due(permission.grant)) {
            permission.grant.ask();
            return Some(Due::Permission(permission.ip));
        }
        let mut channels = self.channels.iter_mut();
        let channel = channels.find(|channel| is_due(channel.grant))?;
        channel.grant.ask();
        Some(Due::Channel(channel.number, channel.peer))
    }

    pub(crate) fn timeout(&self) -> Option<Instant> {
        let permissions = self.permissions.iter().map(|permission| permission.grant);
        let channels = self.channels.iter().map(|channel| channel.grant);
        permissions.chain(channels).filter_map(Grant::due).min()
    }
}

/// Something to ask the server for again.
#[derive(Debug)]
pub(crate) enum Due {
    Permission(IpAddr),
    Channel(ChannelNumber, SocketAddr),
}

pub(crate) fn granted_permission(now: Instant) -> Grant {
    Grant::Granted(now + PERMISSION_REFRESH)
}

pub(crate) fn granted_channel(now: Instant) -> Grant {
    Grant::Granted(now + CHANNEL_REFRESH)
}

pub(crate) fn refused(now: Instant) -> Grant {
    Grant::Refused(now + RETRY)
}
