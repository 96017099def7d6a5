//! Our agents through coturn, over UDP, TCP and TLS.

mod support;

use std::time::Duration;

use support::{Call, Coturn, HOST, Program};

/// Both sides may use nothing but relays.
fn through_relays(kinds: [&str; 2]) {
    let coturn = Coturn::start(HOST, &Vec::new());
    let none = Vec::new();
    let servers = kinds.map(|kind| coturn.server(kind));
    let ca = Some(&coturn.certificate);
    let a = Program::ours(
        "A",
        &none,
        &["controlling", HOST, "relay-only", &servers[0]],
        ca,
    );
    let b = Program::ours(
        "B",
        &none,
        &["controlled", HOST, "relay-only", &servers[1]],
        ca,
    );
    let mut call = Call::new(a, b);
    assert!(
        call.connects(Duration::from_secs(20)),
        "{kinds:?} do not connect"
    );
    call.assert_data_flows(50);
    for program in [&call.a, &call.b] {
        let selected = program.last("selected").unwrap();
        assert!(selected.starts_with("selected Relayed"), "{selected}");
    }
}

#[test]
fn over_udp() {
    through_relays(["turn", "turn"]);
}

#[test]
fn over_tcp() {
    through_relays(["turn-tcp", "turn-tcp"]);
}

#[test]
fn over_tls() {
    through_relays(["turns", "turns"]);
}

#[test]
fn over_udp_on_one_side_and_tls_on_the_other() {
    through_relays(["turn", "turns"]);
}

#[test]
fn its_stun_shows_our_address() {
    let coturn = Coturn::start(HOST, &Vec::new());
    let none = Vec::new();
    let server = coturn.server("stun");
    let a = Program::ours("A", &none, &["controlling", HOST, &server], None);
    let b = Program::ours("B", &none, &["controlled", HOST, &server], None);
    let mut call = Call::new(a, b);
    assert!(call.connects(Duration::from_secs(20)));
    let ended = call.run(Duration::from_secs(12), |a, b| {
        a.has_said("end") && b.has_said("end")
    });
    assert!(ended, "gathering does not end");
    // The reflexive address is the host's own, which makes it no candidate of its own.
    assert!(!call.a.has_said("# ServerError") && !call.b.has_said("# ServerError"));
}

#[test]
fn a_wrong_password_is_told() {
    let coturn = Coturn::start(HOST, &Vec::new());
    let server = coturn.server("turn");
    let none = ["env", "TURN_PASSWORD=wrong"].map(str::to_owned).into();
    let a = Program::ours("A", &none, &["controlling", HOST, &server], None);
    let b = Program::ours("B", &Vec::new(), &["controlled", HOST], None);
    let mut call = Call::new(a, b);
    let told = call.run(Duration::from_secs(10), |a, _| a.has_said("# ServerError"));
    assert!(told, "nothing is said of the password");
    assert!(call.a.last("# ServerError").unwrap().contains("401"));
    // And it holds nothing up.
    assert!(call.connects(Duration::from_secs(10)));
}
