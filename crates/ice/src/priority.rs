//! Priorities of candidates and pairs (RFC 8445, sections 5.1.2 and 6.1.2.3).

use std::net::IpAddr;

use crate::{CandidateTransport, CandidateType, Role, TcpType};

/// The priority of a candidate of component 1 (RFC 8445, section 5.1.2.1).
#[must_use]
pub const fn candidate_priority(kind: CandidateType, local_preference: u16) -> u32 {
    let type_preference: u32 = match kind {
        CandidateType::Host => 126,
        CandidateType::PeerReflexive => 110,
        CandidateType::ServerReflexive => 100,
        CandidateType::Relayed => 0,
    };
    (type_preference << 24) | ((local_preference as u32) << 8) | 255
}

/// The local preference of an address: UDP before TCP (RFC 6544, section 4.2), IPv6 before IPv4
/// (RFC 8421, section 4), loopback last, and `index` to tell those apart that are the same otherwise.
pub(crate) fn local_preference(ip: IpAddr, transport: CandidateTransport, index: usize) -> u16 {
    let transport: u16 = match transport {
        CandidateTransport::Udp => 7 << 13,
        CandidateTransport::Tcp(TcpType::Active) => 6 << 13,
        CandidateTransport::Tcp(TcpType::Passive) => 4 << 13,
        CandidateTransport::Tcp(TcpType::SimultaneousOpen) => 2 << 13,
    };
    let global = u16::from(!ip.is_loopback()) << 12;
    let v6 = u16::from(ip.is_ipv6()) << 11;
    let index = u16::try_from(index).unwrap_or(u16::MAX).min(0x07ff);
    transport | global | v6 | (0x07ff - index)
}

/// The priority of a pair (RFC 8445, section 6.1.2.3): both sides compute the same.
#[must_use]
pub fn pair_priority(role: Role, local: u32, remote: u32) -> u64 {
    let (controlling, controlled) = match role {
        Role::Controlling => (local, remote),
        Role::Controlled => (remote, local),
    };
    let g = u64::from(controlling);
    let d = u64::from(controlled);
    (g.min(d) << 32) + 2 * g.max(d) + u64::from(g > d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree() {
        let a = candidate_priority(CandidateType::Host, 65535);
        let b = candidate_priority(CandidateType::ServerReflexive, 65535);
        assert_eq!(a, 2_130_706_431);
        assert_eq!(b, 1_694_498_815);
        assert_eq!(
            pair_priority(Role::Controlling, a, b),
            pair_priority(Role::Controlled, b, a)
        );
        assert_ne!(
            pair_priority(Role::Controlling, a, b),
            pair_priority(Role::Controlled, a, b)
        );
    }

    #[test]
    fn preferences_are_ordered() {
        let v4 = IpAddr::from([192, 0, 2, 1]);
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let udp = CandidateTransport::Udp;
        let tcp = CandidateTransport::Tcp(TcpType::Passive);
        let order = [
            local_preference(v6, udp, 1),
            local_preference(v4, udp, 0),
            local_preference(v4, udp, 1),
            local_preference(loopback, udp, 0),
            local_preference(v6, tcp, 0),
        ];
        assert!(order.is_sorted_by(|a, b| a > b), "{order:?}");
    }
}
