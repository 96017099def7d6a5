//! Our agent with aioice, in both roles: directly, and through coturn.

mod support;

use std::time::Duration;

use support::{Call, Coturn, HOST, Program};

/// `selected` is how our selected pair begins. Its end depends on what is faster: the signalling of aioice's
/// candidate, or a check from there.
fn with_aioice(ours: &[&str], theirs: &[&str], selected: &str) {
    for (role, other) in [("controlling", "controlled"), ("controlled", "controlling")] {
        let words = [&[role, HOST], ours].concat();
        let ours = Program::ours("ours", &Vec::new(), &words, None);
        let theirs = Program::aioice(&[&[other], theirs].concat());
        let mut call = Call::new(ours, theirs);
        assert!(call.connects(Duration::from_secs(30)), "{role}: no path");
        call.assert_data_flows(50);
        let completed = call.run(Duration::from_secs(20), |ours, _| {
            ours.has_said("state Completed")
        });
        assert!(completed, "{role}: it is not completed");
        let last = call.a.last("selected").unwrap();
        assert!(last.starts_with(selected), "{role}: {last}");
    }
}

#[test]
fn directly() {
    with_aioice(&[], &[], "selected Host ");
}

#[test]
fn with_a_stun_server() {
    let coturn = Coturn::start(HOST, &Vec::new());
    let server = coturn.server("stun");
    with_aioice(&[&server], &[&server], "selected Host ");
}

#[test]
fn through_our_relay_over_udp() {
    let coturn = Coturn::start(HOST, &Vec::new());
    let server = coturn.server("turn");
    with_aioice(&["relay-only", &server], &[], "selected Relayed ");
}

#[test]
fn through_our_relay_over_tcp() {
    let coturn = Coturn::start(HOST, &Vec::new());
    let server = coturn.server("turn-tcp");
    with_aioice(&["relay-only", &server], &[], "selected Relayed ");
}

#[test]
fn through_both_relays() {
    let coturn = Coturn::start(HOST, &Vec::new());
    let server = coturn.server("turn");
    with_aioice(
        &["relay-only", &server],
        &["relay-only", &server],
        "selected Relayed ",
    );
}
