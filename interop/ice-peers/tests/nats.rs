//! Two of our agents behind NATs of the kernel, with coturn on the public side: they connect exactly where
//! theory says so.

mod support;

use std::time::Duration;

use support::nats::Kind::{self, Blocked, Cone, Symmetric};
use support::nats::{Nats, PUBLIC};
use support::{Call, Coturn, Program};

/// `selected` is how A's selected pair begins; `None` if there must be none.
fn call(kinds: [Kind; 2], servers: &[&str], selected: Option<&str>) {
    let nats = Nats::new(kinds);
    let coturn = Coturn::start(PUBLIC, &nats.host('p'));
    let servers: Vec<_> = servers.iter().map(|kind| coturn.server(kind)).collect();
    let program = |name: char, role, address| {
        let mut words = vec![role, address];
        words.extend(servers.iter().map(String::as_str));
        let ca = Some(&coturn.certificate);
        Program::ours(&name.to_string(), &nats.host(name), &words, ca)
    };
    let a = program('a', "controlling", "10.1.0.2");
    let b = program('b', "controlled", "10.2.0.2");
    let mut call = Call::new(a, b);
    let Some(selected) = selected else {
        let connected = call.connects(Duration::from_secs(12));
        assert!(!connected, "{kinds:?} can not connect without a relay");
        return;
    };
    assert!(
        call.connects(Duration::from_secs(20)),
        "{kinds:?} do not connect"
    );
    call.assert_data_flows(20);
    let last = call.a.last("selected").unwrap();
    assert!(
        last.contains(selected),
        "{kinds:?}: {last}, expected {selected}"
    );
}

#[test]
fn two_cones_with_stun() {
    call([Cone, Cone], &["stun"], Some("Reflexive"));
}

#[test]
fn two_cones_prefer_the_direct_way_to_a_relay() {
    call([Cone, Cone], &["stun", "turn"], Some("Reflexive"));
}

#[test]
fn two_symmetric_nats_with_stun_do_not_meet() {
    call([Symmetric, Symmetric], &["stun"], None);
}

#[test]
fn two_symmetric_nats_with_turn() {
    call([Symmetric, Symmetric], &["stun", "turn"], Some("Relayed"));
}

#[test]
fn a_cone_and_a_symmetric_nat_with_stun_do_not_meet() {
    call([Cone, Symmetric], &["stun"], None);
}

#[test]
fn a_cone_and_a_symmetric_nat_with_turn() {
    call([Cone, Symmetric], &["stun", "turn"], Some("Relayed"));
}

#[test]
fn behind_a_firewall_without_udp_by_tcp() {
    call([Blocked, Cone], &["turn", "turn-tcp"], Some("Relayed"));
}

#[test]
fn behind_two_firewalls_without_udp_by_tls() {
    call([Blocked, Blocked], &["turns"], Some("Relayed"));
}
