//! Which addresses and interfaces may be used, as the user wants it.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use gannet_crypto::Rng;

/// Says yes or no to an address or a name.
///
/// ```
/// use std::net::IpAddr;
/// use gannet_ice::Filter;
///
/// let only_v4 = Filter::new(|ip: &IpAddr| ip.is_ipv4());
/// assert!(!only_v4.allows(&"2001:db8::1".parse::<IpAddr>()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub struct Filter<T: ?Sized>(Arc<dyn Fn(&T) -> bool + Send + Sync>);

impl<T: ?Sized> Filter<T> {
    /// A filter that lets through what `allows` says yes to.
    pub fn new(allows: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    /// Whether it lets this through.
    #[must_use]
    pub fn allows(&self, value: &T) -> bool {
        (self.0)(value)
    }
}

impl<T: ?Sized> Clone for Filter<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> fmt::Debug for Filter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

/// Which of this machine's addresses become host candidates, and on which ports. A driver asks it before
/// it opens sockets; the agent itself refuses what `addresses` refuses.
#[derive(Clone, Debug, Default)]
pub struct HostPolicy {
    /// Interfaces, by their names ("eth0"); all of them if there is none.
    pub interfaces: Option<Filter<str>>,
    /// Local addresses; all of them if there is none.
    pub addresses: Option<Filter<IpAddr>>,
    /// Ports to open sockets on; any free one if there is none.
    pub ports: Option<RangeInclusive<u16>>,
}

impl HostPolicy {
    /// Whether this address on this interface may be used.
    #[must_use]
    pub fn allows(&self, interface: &str, address: IpAddr) -> bool {
        let interfaces = self.interfaces.as_ref();
        interfaces.is_none_or(|filter| filter.allows(interface)) && self.allows_address(address)
    }

    pub(crate) fn allows_address(&self, address: IpAddr) -> bool {
        let addresses = self.addresses.as_ref();
        addresses.is_none_or(|filter| filter.allows(&address))
    }

    /// The ports to try to bind, until one is free: each of the range once, from a random one on, so
    /// that agents on one machine do not all try the same. Without a range, it is 0, the system's choice.
    pub fn ports(&self, rng: &mut Rng) -> impl Iterator<Item = u16> + use<> {
        let (first, last) = match &self.ports {
            Some(ports) if !ports.is_empty() => {
                (u32::from(*ports.start()), u32::from(*ports.end()))
            }
            _ => (0, 0),
        };
        let len = last - first + 1;
        let start = u32::try_from(rng.below(u64::from(len))).unwrap_or_default();
        (0..len).filter_map(move |n| u16::try_from(first + (start + n) % len).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_the_range_is_tried_once() {
        let mut rng = Rng::insecure_from_u64(1);
        let mut policy = HostPolicy::default();
        assert_eq!(policy.ports(&mut rng).collect::<Vec<_>>(), [0]);
        policy.ports = Some(65_530..=65_535);
        let mut first = Vec::new();
        for _ in 0..40 {
            let mut ports: Vec<_> = policy.ports(&mut rng).collect();
            first.push(ports[0]);
            ports.sort_unstable();
            assert_eq!(ports, (65_530..=65_535).collect::<Vec<_>>());
        }
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 6, "it does not always begin with the same");
        policy.ports = Some(0..=65_535);
        assert_eq!(policy.ports(&mut rng).count(), 65_536);
    }

    #[test]
    fn interfaces_and_addresses_are_filtered() {
        let v4 = IpAddr::from([192, 0, 2, 1]);
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let mut policy = HostPolicy::default();
        assert!(policy.allows("eth0", v4));
        policy.interfaces = Some(Filter::new(|name: &str| !name.starts_with("docker")));
        policy.addresses = Some(Filter::new(IpAddr::is_ipv4));
        assert!(policy.allows("eth0", v4));
        assert!(!policy.allows("docker0", v4));
        assert!(!policy.allows("eth0", v6));
    }
}
