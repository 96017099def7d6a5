//! Two agents find each other.

mod peers;

use gannet_ice::*;
use gannet_netsim::LinkConfig;
use peers::*;

use IceTransportState as S;

fn pair_of_roles(a: Role, b: Role) -> (Config, Config) {
    (Config::new(a), Config::new(b))
}

#[test]
fn data_can_flow_after_one_round_trip_and_nomination_takes_two() {
    let mut world = World::simple(1);
    world.signal();
    let connected = world.run_until_connected();
    assert!(connected <= ms(40), "{connected:?}");
    world.run_until_nominated();
    assert!(world.net.elapsed() <= ms(81), "{:?}", world.net.elapsed());
    world.assert_data_flows();
    assert_eq!(world.states(), (S::Completed, S::Completed));
    let a = &world.net[world.a];
    assert_eq!(a.states, [S::Checking, S::Connected, S::Completed]);
    assert_eq!(a.selected.len(), 1);
    assert_eq!(a.selected[0].remote.socket_address(), Some(at(B)));
}

#[test]
fn with_loss_both_sides_always_agree() {
    for loss in [0.0, 0.1, 0.3] {
        for seed in 0..40 {
            let link = LinkConfig::new()
                .delay(ms(20))
                .jitter(ms(10))
                .loss(loss / 2.0);
            let (a, b) = pair_of_roles(Role::Controlling, Role::Controlled);
            let mut world = World::new(seed, a, b, &link);
            world.signal();
            world.run_until_nominated();
            let took = world.net.elapsed();
            let limit = if loss == 0.0 { ms(300) } else { secs(20) };
            assert!(took < limit, "seed {seed}, loss {loss}: {took:?}");
            let a = world.net[world.a].nominated().unwrap();
            let b = world.net[world.b].nominated().unwrap();
            assert_eq!(a.local.socket_address(), b.remote.socket_address());
            assert_eq!(a.remote.socket_address(), b.local.socket_address());
            world.assert_data_flows();
        }
    }
}

#[test]
fn ipv6_is_preferred() {
    let mut world = World::simple(3);
    let (a6, b6) = ("2001:db8::1", "2001:db8:1::2");
    let now = world.net.now();
    let (a, b) = (world.a, world.b);
    world.net.add_address(a, world.cable_a, ip(a6));
    world.net.add_address(b, world.cable_b, ip(b6));
    world.net[a].agent.add_local_host(now, at(a6));
    world.net[b].agent.add_local_host(now, at(b6));
    world.net[a].drain_events();
    world.net[b].drain_events();
    world.signal();
    world.run_until_nominated();
    assert_eq!(
        world.net[a].nominated().unwrap().remote.socket_address(),
        Some(at(b6))
    );
    assert_eq!(
        world.net[b].nominated().unwrap().remote.socket_address(),
        Some(at(a6))
    );
}

#[test]
fn role_conflicts_are_resolved_both_ways() {
    for role in [Role::Controlling, Role::Controlled] {
        for seed in 0..20 {
            let link = LinkConfig::new().delay(ms(10));
            let (a, b) = pair_of_roles(role, role);
            let mut world = World::new(seed, a, b, &link);
            world.signal();
            world.run_until_nominated();
            let (a, b) = (&world.net[world.a], &world.net[world.b]);
            assert_ne!(a.agent.role(), b.agent.role(), "seed {seed}");
            assert_eq!(a.role_changes + b.role_changes, 1, "seed {seed}");
            world.assert_data_flows();
        }
    }
}

#[test]
fn lite_and_full_in_both_roles() {
    for (a_lite, b_lite) in [(true, false), (false, true)] {
        let (mut a, mut b) = pair_of_roles(Role::Controlling, Role::Controlled);
        a.lite = a_lite;
        b.lite = b_lite;
        let mut world = World::new(5, a, b, &LinkConfig::new().delay(ms(10)));
        world.signal();
        world.run_until_nominated();
        let lite = if a_lite { world.a } else { world.b };
        assert_eq!(world.net[lite].agent.role(), Role::Controlled);
        assert_eq!(
            world.net[lite].agent.pair_stats()[0].counters.requests_sent,
            0
        );
        world.assert_data_flows();
        assert_eq!(world.states(), (S::Completed, S::Completed));
        // And it stays so.
        world.net.run_for(secs(120));
        assert_eq!(world.states(), (S::Completed, S::Completed));
    }
}

#[test]
fn two_lite_agents_are_refused() {
    let (mut a, mut b) = pair_of_roles(Role::Controlling, Role::Controlled);
    a.lite = true;
    b.lite = true;
    let mut world = World::new(6, a, b, &LinkConfig::new());
    let parameters = world.net[world.b].agent.local_parameters().clone();
    let now = world.net.now();
    let refused = world.net[world.a]
        .agent
        .set_remote_parameters(now, parameters);
    assert_eq!(refused, Err(SetRemoteParametersError::BothLite));
}

#[test]
fn a_peer_that_signals_no_candidates_is_found_by_its_checks() {
    let mut world = World::simple(7);
    let (a, b) = (world.a, world.b);
    world.parameters(a, b);
    world.parameters(b, a);
    world.trickle(b, a);
    world.end_of_candidates();
    world.run_until_nominated();
    let remote = world.net[b].nominated().unwrap().remote;
    assert_eq!(remote.candidate_type, CandidateType::PeerReflexive);
    assert_eq!(remote.socket_address(), Some(at(A)));
    world.assert_data_flows();
}

#[test]
fn trickle_may_be_late_or_double_or_before_the_credentials() {
    // Late: B's candidates come after 20 s of nothing.
    let mut world = World::simple(8);
    let (a, b) = (world.a, world.b);
    world.parameters(a, b);
    world.parameters(b, a);
    world.net.run_for(secs(20));
    assert_eq!(world.states(), (S::New, S::New));
    world.trickle(a, b);
    world.trickle(b, a);
    world.run_until_connected();

    // Before the credentials, and twice.
    let mut world = World::simple(9);
    let (a, b) = (world.a, world.b);
    for _ in 0..2 {
        world.net[a].told = 0;
        world.net[b].told = 0;
        world.trickle(a, b);
        world.trickle(b, a);
    }
    world.net.run_for(secs(1));
    world.parameters(a, b);
    world.parameters(b, a);
    world.run_until_connected();
    assert_eq!(world.net[a].agent.pair_stats().len(), 1);
}

/// B signals nothing, ever, and sends nothing to A either: there is nothing that A could check.
#[test]
fn trickle_that_never_comes_ends_in_patience() {
    let mut world = World::simple(15);
    let (a, b) = (world.a, world.b);
    world.parameters(a, b);
    world.parameters(b, a);
    // Without the end of candidates, they may always come.
    world.net.run_for(secs(300));
    assert_eq!(world.states(), (S::New, S::New));
    // With it, only checks of the peer's may: RFC 8863 gives them their time.
    world.end_of_candidates();
    world.net.run_for(secs(39));
    assert_eq!(world.states(), (S::Checking, S::Checking));
    world.net.run_for(secs(1));
    assert_eq!(world.states(), (S::Failed, S::Failed));
    let sent = world.net[a].transmits + world.net[b].transmits;
    assert_eq!(sent, 0);
}

/// Candidates that come late find a connection that is there already, and improve it.
#[test]
fn a_better_candidate_that_comes_late_takes_over() {
    for nomination in [Nomination::Regular, Nomination::Renomination] {
        let (mut a, b) = pair_of_roles(Role::Controlling, Role::Controlled);
        a.nomination = nomination;
        let mut world = World::new(16, a, b, &LinkConfig::new().delay(ms(10)));
        let (a, b) = (world.a, world.b);
        let now = world.net.now();
        // The way that is known first is announced as one behind a NAT.
        let mut reflexive = world.net[b].candidates[0].clone();
        reflexive.candidate_type = CandidateType::ServerReflexive;
        reflexive.priority = 1_694_498_815;
        world.parameters(a, b);
        world.parameters(b, a);
        world.net[a]
            .agent
            .add_remote_candidate(now, reflexive)
            .unwrap();
        world.run_until_nominated();
        world.net.run_for(secs(10));
        let better = ip("198.51.100.99");
        let cable = world.cable_b;
        world.net.add_address(b, cable, better);
        let now = world.net.now();
        world.net[b].agent.add_local_host(now, at("198.51.100.99"));
        world.net[b].drain_events();
        world.net[b].told = 1;
        world.trickle(b, a);
        world.end_of_candidates();
        world.net.run_until(|net| {
            let theirs = net[a]
                .nominated()
                .and_then(|pair| pair.remote.socket_address());
            let ours = net[b]
                .nominated()
                .and_then(|pair| pair.local.socket_address());
            theirs == Some(at("198.51.100.99")) && ours == theirs
        });
        assert!(world.net.now() - now < secs(2));
        world.assert_data_flows();
    }
}

#[test]
fn checks_that_come_before_the_peers_credentials_are_answered_and_used() {
    let mut world = World::simple(10);
    let (a, b) = (world.a, world.b);
    // A knows all of B; B's application has not heard of A yet.
    world.parameters(b, a);
    world.trickle(b, a);
    world.net.run_for(ms(100));
    assert!(world.net[a].is_connected());
    assert_eq!(world.net[b].agent.state(), S::New);
    world.parameters(a, b);
    world.run_until_nominated();
    world.assert_data_flows();
}

#[test]
fn names_are_resolved_by_the_driver() {
    let mut world = World::simple(11);
    let (a, b) = (world.a, world.b);
    world.parameters(a, b);
    world.parameters(b, a);
    let mut candidate = world.net[b].candidates[0].clone();
    let name = "6f0a6a5e-7a3c-4f2e-8f5d-0c6f4a9d2b11.local";
    candidate.address = CandidateAddress::Name(name.to_owned());
    let now = world.net.now();
    world.net[a]
        .agent
        .add_remote_candidate(now, candidate.clone())
        .unwrap();
    world.net[a]
        .agent
        .add_remote_candidate(now, candidate)
        .unwrap();
    world.net[a].drain_events();
    let requests = std::mem::take(&mut world.net[a].requests);
    let [
        Request::ResolveName { id, name: asked },
        Request::ResolveName { id: second, .. },
    ] = &requests[..]
    else {
        panic!("{requests:?}");
    };
    assert_eq!(asked, name);
    world.net[a].agent.handle_resolved(now, *second, &[]);
    world.net[a].agent.handle_resolved(now, *id, &[ip(B)]);
    // An answer that nobody asked for changes nothing.
    world.net[a].agent.handle_resolved(now, *id, &[ip(A)]);
    world.run_until_nominated();
}

#[test]
fn a_hundred_candidates_on_each_side() {
    let mut world = World::simple(12);
    let (a, b) = (world.a, world.b);
    world.parameters(a, b);
    world.parameters(b, a);
    let now = world.net.now();
    // 99 that lead nowhere come first, with a higher priority.
    for n in 0..99_u32 {
        let nowhere = Candidate {
            address: CandidateAddress::Ip([203, 0, 113, n as u8].into()),
            priority: 0x7fff_ff00 + n,
            username_fragment: None,
            ..world.net[b].candidates[0].clone()
        };
        world.net[a]
            .agent
            .add_remote_candidate(now, nowhere.clone())
            .unwrap();
        world.net[b]
            .agent
            .add_remote_candidate(now, nowhere)
            .unwrap();
    }
    world.trickle(a, b);
    world.trickle(b, a);
    world.run_until_nominated();
    assert!(world.net.elapsed() < secs(10), "{:?}", world.net.elapsed());
    world.assert_data_flows();
}

#[test]
fn nobody_there_fails_after_patience_and_not_before() {
    let mut world = World::simple(13);
    world.signal();
    world.net.set_up(world.cable_b, false);
    world.net.run_for(secs(39));
    assert_eq!(world.states(), (S::Checking, S::Checking));
    world.net.run_for(secs(1));
    assert_eq!(world.states(), (S::Failed, S::Failed));
    world.net.run_for(secs(60));
    assert_eq!(world.net[world.a].agent.poll_timeout(), None);
}

#[test]
fn wrong_passwords_connect_nothing() {
    let mut world = World::simple(14);
    let (a, b) = (world.a, world.b);
    let now = world.net.now();
    for (from, to) in [(a, b), (b, a)] {
        let mut parameters = world.net[from].agent.local_parameters().clone();
        parameters.password = "wrongwrongwrongwrongwrong".to_owned();
        world.net[to]
            .agent
            .set_remote_parameters(now, parameters)
            .unwrap();
        world.trickle(from, to);
    }
    world.net.run_for(secs(10));
    assert_eq!(world.states(), (S::Checking, S::Checking));
    assert!(world.net[a].agent.stats().unauthenticated > 0);
    assert!(world.net[a].agent.remote_candidates().count() == 1);
}

/// Datagrams stand for the frames of a TCP connection here.
#[test]
fn a_passive_tcp_candidate_is_connected_to() {
    let (mut a, b) = pair_of_roles(Role::Controlling, Role::Controlled);
    a.tcp = true;
    let mut world = World::new(20, a, b, &LinkConfig::new().delay(ms(10)));
    let (a, b) = (world.a, world.b);
    let now = world.net.now();
    let listener = std::net::SocketAddr::new(ip(B), 6000);
    world.net[b].tcp_port = Some(6000);
    world.net[b].agent.add_local_tcp_listener(now, listener);
    world.net[b].drain_events();
    let passive = world.net[b].candidates.last().unwrap().clone();
    assert!(passive.to_string().contains("tcptype passive"), "{passive}");
    world.parameters(a, b);
    world.parameters(b, a);
    // Only TCP is signalled, and UDP goes nowhere.
    world.net[a]
        .agent
        .add_remote_candidate(now, passive.clone())
        .unwrap();
    world.net[a].drain_events();
    let Some(Request::ConnectPeer { id, address, .. }) = world.net[a].requests.pop() else {
        panic!("no request to connect");
    };
    assert_eq!(address, listener);
    let local = std::net::SocketAddr::new(ip(A), 7000);
    world.net[a].tcp_port = Some(7000);
    world.net[a].agent.handle_peer_connected(now, id, local);
    world.run_until_nominated();
    let pair = world.net[b].nominated().unwrap();
    assert_eq!(
        pair.local.transport,
        CandidateTransport::Tcp(TcpType::Passive)
    );
    assert_eq!(pair.remote.socket_address(), Some(local));
    world.assert_data_flows();
    // The connection breaks: there is no other pair.
    let now = world.net.now();
    world.net[a]
        .agent
        .handle_peer_disconnected(now, local, listener);
    assert_eq!(world.net[a].agent.state(), S::Disconnected);
    // Who does not want TCP does not take such candidates.
    let refused = world.net[b].agent.add_remote_candidate(now, passive);
    assert_eq!(refused, Err(AddRemoteCandidateError::Transport));
}
