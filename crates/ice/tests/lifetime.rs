//! What happens after two agents have found each other.

mod peers;

use gannet_ice::*;
use gannet_netsim::{Direction, LinkConfig};
use peers::*;

use IceTransportState as S;

fn connected(seed: u64) -> World {
    let mut world = World::simple(seed);
    world.signal();
    world.run_until_nominated();
    world.net.run_for(ms(200));
    assert_eq!(world.states(), (S::Completed, S::Completed));
    world
}

#[test]
fn an_idle_pair_stays_and_wakes_for_consent_only() {
    let mut world = connected(1);
    let before = world.net[world.a].transmits;
    world.net.run_for(secs(300));
    assert_eq!(world.states(), (S::Completed, S::Completed));
    let a = &world.net[world.a];
    // Per second a consent check of ours in five, an answer to the peer's in five, and a few probes.
    let sent = a.transmits - before;
    assert!((100..220).contains(&sent), "{sent} packets in 300 s");
    assert!(a.wakeups < 220, "{} wake-ups", a.wakeups);
    let pair = a.nominated().unwrap();
    assert!(pair.counters.consent_requests_sent >= 50);
    assert_eq!(pair.counters.current_round_trip_time, Some(ms(40)));
}

#[test]
fn a_peer_that_vanishes_is_noticed() {
    for seed in 0..50 {
        let mut world = connected(seed);
        let (a, b) = (world.a, world.b);
        world.net.run_for(ms(seed * 700));
        world.net[b].dead = true;
        let gone = world.net.now();
        world
            .net
            .run_until(|net| net[a].agent.state() == S::Disconnected);
        let took = world.net.now() - gone;
        assert!(took <= secs(5), "seed {seed}: {took:?}");
        world.net.run_until(|net| net[a].agent.state() == S::Failed);
        let took = world.net.now() - gone;
        assert!(took <= secs(30), "seed {seed}: {took:?}");
        // Failed is the end: it sends nothing, not even data.
        let sent = world.net[a].transmits;
        world.net[a].send(b"\x80anybody?");
        world.net.run_for(secs(60));
        assert_eq!(world.net[a].transmits, sent);
        assert_eq!(world.net[a].agent.poll_timeout(), None);
    }
}

#[test]
fn a_lite_agent_notices_too() {
    let mut lite = Config::new(Role::Controlled);
    lite.lite = true;
    let link = LinkConfig::new().delay(ms(10));
    let mut world = World::new(3, Config::new(Role::Controlling), lite, &link);
    world.signal();
    world.run_until_nominated();
    let (a, b) = (world.a, world.b);
    world.net.run_for(secs(20));
    world.net[a].dead = true;
    let gone = world.net.now();
    world
        .net
        .run_until(|net| net[b].agent.state() == S::Disconnected);
    world.net.run_until(|net| net[b].agent.state() == S::Failed);
    assert!(world.net.now() - gone <= ms(30_100));
}

#[test]
fn a_pause_is_survived() {
    let mut world = connected(4);
    let (a, b) = (world.a, world.b);
    world.net.set_up(world.cable_b, false);
    world.net.run_for(secs(15));
    assert_eq!(world.states(), (S::Disconnected, S::Disconnected));
    world.net.set_up(world.cable_b, true);
    world.net.run_for(secs(2));
    assert_eq!(world.states(), (S::Completed, S::Completed));
    assert_eq!(world.net[a].selected.len(), 1);
    assert_eq!(world.net[b].selected.len(), 1);
    world.assert_data_flows();
}

#[test]
fn loss_alone_neither_disconnects_nor_ends_it() {
    for seed in 0..10 {
        let mut world = connected(seed);
        world
            .net
            .set_link(world.cable_a, LinkConfig::new().delay(ms(10)).loss(0.1));
        world.net.run_for(secs(120));
        for host in [world.a, world.b] {
            let states = &world.net[host].states;
            assert!(
                !states.contains(&S::Disconnected),
                "seed {seed}: {states:?}"
            );
        }
    }
}

#[test]
fn consent_ends_in_one_direction_only_when_answers_stop() {
    // A hears B, and B hears nothing of A: A's checks go unanswered, and A must stop sending.
    let mut world = connected(6);
    let (a, b) = (world.a, world.b);
    let silence = LinkConfig::new().loss(1.0);
    let now = world.net.now();
    let (cable, direction) = (world.cable_a, Direction::AToB);
    world
        .net
        .cable_mut(cable, direction)
        .set_config(now, silence);
    world.net.run_until(|net| net[a].agent.state() == S::Failed);
    assert!(world.net.now() - now <= secs(31));
    world.net.run_until(|net| net[b].agent.state() == S::Failed);
}

#[test]
fn restart_while_data_flows() {
    for seed in 0..10 {
        let mut world = connected(seed);
        let (a, b) = (world.a, world.b);
        let old = world.net[a].agent.local_parameters().clone();
        let now = world.net.now();
        // A restarts; the offer takes 300 ms to B, and the answer as long back.
        world.net[a].agent.restart(now);
        world.net[a].drain_events();
        assert_ne!(world.net[a].agent.local_parameters(), &old);
        world.assert_data_flows();
        let now = world.net.now();
        world.net[b].agent.restart(now);
        world.net[b].drain_events();
        world.parameters(a, b);
        world.trickle(a, b);
        world.assert_data_flows();
        world.parameters(b, a);
        world.trickle(b, a);
        world.end_of_candidates();
        world.run_until_nominated();
        world.assert_data_flows();
        assert_eq!(world.states(), (S::Completed, S::Completed));
        for host in [a, b] {
            let states = &world.net[host].states;
            let bad = |state: &S| matches!(state, S::Disconnected | S::Failed);
            assert!(!states.iter().any(bad), "{states:?}");
            assert_eq!(world.net[host].selected.len(), 2);
        }
    }
}

/// 200 packets a second each way, 10 % loss, and a restart every 5 s: no packet is lost that the network
/// does not lose, and none that is sent is refused.
#[test]
fn restart_under_load() {
    for loss in [0.0, 0.1] {
        let mut world = connected(31);
        let (a, b) = (world.a, world.b);
        let link = LinkConfig::new().delay(ms(10)).loss(loss / 2.0);
        world.net.set_link(world.cable_a, link.clone());
        world.net.set_link(world.cable_b, link);
        let mut sent = 0_usize;
        for tick in 0..6_000 {
            world.net[a].send(b"\x80 from A");
            world.net[b].send(b"\x80 from B");
            sent += 1;
            world.net.run_for(ms(5));
            let now = world.net.now();
            match tick % 1_000 {
                // A's offer, 100 ms later B's answer, 100 ms later A hears it.
                500 => {
                    world.net[a].agent.restart(now);
                    world.net[a].drain_events();
                }
                520 => {
                    world.net[b].agent.restart(now);
                    world.net[b].drain_events();
                    world.parameters(a, b);
                    world.trickle(a, b);
                }
                540 => {
                    world.parameters(b, a);
                    world.trickle(b, a);
                    world.end_of_candidates();
                }
                _ => {}
            }
        }
        world.net.run_for(ms(100));
        assert_eq!(world.states(), (S::Completed, S::Completed));
        for host in [a, b] {
            let peer = &world.net[host];
            assert_eq!(peer.selected.len(), 7, "6 restarts");
            let bad = |state: &S| matches!(state, S::Disconnected | S::Failed);
            assert!(!peer.states.iter().any(bad), "{:?}", peer.states);
            let received = peer.received.len() as f64 / sent as f64;
            let expected = 1.0 - loss;
            assert!(
                (received - expected).abs() < 0.02,
                "{received} of {expected}"
            );
            assert!(loss > 0.0 || peer.received.len() == sent, "{received}");
        }
    }
}

#[test]
fn restart_after_failure() {
    let mut world = connected(11);
    let (a, b) = (world.a, world.b);
    world.net.set_up(world.cable_b, false);
    world.net.run_for(secs(60));
    assert_eq!(world.states(), (S::Failed, S::Failed));
    world.net.set_up(world.cable_b, true);
    let now = world.net.now();
    for host in [a, b] {
        world.net[host].agent.restart(now);
        world.net[host].drain_events();
    }
    world.signal();
    world.run_until_nominated();
    world.assert_data_flows();
}

#[test]
fn other_credentials_without_a_restart_are_refused() {
    let mut world = connected(12);
    let mut parameters = world.net[world.a].agent.local_parameters().clone();
    let now = world.net.now();
    let b = &mut world.net[world.b].agent;
    assert_eq!(b.set_remote_parameters(now, parameters.clone()), Ok(()));
    parameters.password = "abcdefghijklmnopqrstuvwx".to_owned();
    assert_eq!(
        b.set_remote_parameters(now, parameters),
        Err(SetRemoteParametersError::NeedsRestart)
    );
}

/// A has Wi-Fi and a cable; both work, one is better.
fn two_ways(seed: u64) -> World {
    let mut world = World::simple(seed);
    let slow = LinkConfig::new().delay(ms(30));
    let second = ip("203.0.113.9");
    let (a, internet) = (world.a, world.internet);
    world.net.attach(a, internet, second, slow);
    let now = world.net.now();
    world.net[a].agent.add_local_host(now, at("203.0.113.9"));
    world.net[a].drain_events();
    world.signal();
    world.run_until_nominated();
    world.net.run_for(secs(2));
    assert_eq!(
        world.net[a].nominated().unwrap().local.socket_address(),
        Some(at(A))
    );
    world
}

#[test]
fn when_the_path_dies_another_takes_over() {
    for seed in 0..10 {
        let mut world = two_ways(seed);
        let (a, b) = (world.a, world.b);
        world.net.set_up(world.cable_a, false);
        let gone = world.net.now();
        world.net.run_until(|net| {
            let other = Some(at("203.0.113.9"));
            let a_uses = net[a]
                .nominated()
                .and_then(|pair| pair.local.socket_address());
            let b_uses = net[b]
                .nominated()
                .and_then(|pair| pair.remote.socket_address());
            a_uses == other && b_uses == other
        });
        let took = world.net.now() - gone;
        assert!(took < secs(12), "seed {seed}: {took:?}");
        world.net.run_for(secs(60));
        assert_eq!(world.states(), (S::Completed, S::Completed));
        world.assert_data_flows();
    }
}

#[test]
fn when_the_interface_goes_another_takes_over_at_once() {
    let mut world = two_ways(21);
    let (a, b) = (world.a, world.b);
    world.net.set_up(world.cable_a, false);
    let now = world.net.now();
    world.net[a].agent.remove_local_address(now, ip(A));
    world.net[a].drain_events();
    world.net.run_until(|net| {
        net[a].nominated().is_some()
            && net[b]
                .agent
                .selected_pair()
                .is_some_and(|pair| pair.remote.socket_address() == Some(at("203.0.113.9")))
    });
    assert!(
        world.net.now() - now < secs(2),
        "{:?}",
        world.net.now() - now
    );
    world.assert_data_flows();
}

/// The other way worked once, a minute ago: it is checked again before it is trusted.
#[test]
fn what_worked_long_ago_is_checked_again() {
    let mut world = two_ways(25);
    let (a, b) = (world.a, world.b);
    world.net.run_for(secs(60));
    world.net.set_up(world.cable_a, false);
    let now = world.net.now();
    world.net[a].agent.remove_local_address(now, ip(A));
    world.net[a].drain_events();
    world.net.run_until(|net| {
        let remote = net[b].agent.selected_pair().map(|pair| pair.remote);
        net[a].nominated().is_some()
            && remote.is_some_and(|r| r.socket_address() == Some(at("203.0.113.9")))
    });
    assert!(
        world.net.now() - now < secs(2),
        "{:?}",
        world.net.now() - now
    );
    for host in [a, b] {
        assert!(!world.net[host].states.contains(&S::Failed));
    }
    world.assert_data_flows();
}

#[test]
fn a_lite_agent_restarts_too() {
    let mut lite = Config::new(Role::Controlled);
    lite.lite = true;
    let link = LinkConfig::new().delay(ms(10));
    let mut world = World::new(26, Config::new(Role::Controlling), lite, &link);
    world.signal();
    world.run_until_nominated();
    world.net.run_for(secs(60));
    let now = world.net.now();
    for host in [world.a, world.b] {
        world.net[host].agent.restart(now);
        world.net[host].drain_events();
    }
    // The old path goes on while nothing is signalled.
    world.net.run_for(secs(20));
    let b = world.b;
    let timeout = world.net[b].agent.poll_timeout();
    assert!(
        timeout.is_some_and(|at| at > world.net.now()),
        "no timer is due for ever"
    );
    world.assert_data_flows();
    world.signal();
    world.run_until_nominated();
    world.assert_data_flows();
}

#[test]
fn a_new_interface_saves_the_call() {
    let mut world = connected(22);
    let (a, internet) = (world.a, world.internet);
    let now = world.net.now();
    world.net.set_up(world.cable_a, false);
    world.net[a].agent.remove_local_address(now, ip(A));
    world.net[a].drain_events();
    assert_eq!(world.net[a].agent.state(), S::Disconnected);
    world.net.run_for(secs(1));
    world.net.attach(
        a,
        internet,
        ip("203.0.113.9"),
        LinkConfig::new().delay(ms(10)),
    );
    let now = world.net.now();
    // The peer is not told: it learns of the new address by the checks from there.
    world.net[a].agent.add_local_host(now, at("203.0.113.9"));
    world.net[a].drain_events();
    world.run_until_connected();
    world.net.run_for(secs(8));
    world.assert_data_flows();
}

/// A machine that slept for an hour has no consent any more.
#[test]
fn after_an_hour_of_sleep_consent_is_gone() {
    let mut world = connected(23);
    let (a, b) = (world.a, world.b);
    let far = world.net.now() + secs(3600);
    world.net[a].agent.handle_timeout(far);
    assert_eq!(world.net[a].agent.state(), S::Failed);
    // A packet from before the jump, and time that seems to stand still.
    let now = world.net.now();
    world.net[a].agent.handle_timeout(now);
    let _ = world.net[a]
        .agent
        .handle_packet(now, at(A), at(B), Protocol::Udp, b"\x80late");
    world.net.run_until(|net| net[b].agent.state() == S::Failed);
}

/// A jump that consent outlives is a pause: the state says so, and the connection comes back.
#[test]
fn a_short_jump_of_the_clock_is_a_pause() {
    for jump in [4, 10, 20, 27] {
        let mut world = connected(27);
        let (a, b) = (world.a, world.b);
        let later = world.net.now() + secs(jump);
        world.net[a].agent.handle_timeout(later);
        world.net[a].drain_events();
        assert_eq!(
            world.net[a].agent.state() == S::Disconnected,
            jump >= 5,
            "{jump} s"
        );
        // The clock of the others goes on as before, so that A's is ahead, and then waits for them.
        world.net.run_for(secs(jump + 5));
        assert_eq!(world.states(), (S::Completed, S::Completed), "{jump} s");
        world.assert_data_flows();
        for host in [a, b] {
            assert!(!world.net[host].states.contains(&S::Failed), "{jump} s");
        }
    }
}

/// Each call is told a time that is up to 10 s off, forwards or backwards.
#[test]
fn a_clock_that_jumps_about_breaks_nothing() {
    let mut world = connected(28);
    let (a, b) = (world.a, world.b);
    let mut rng = gannet_crypto::Rng::insecure_from_u64(5);
    for _ in 0..2_000 {
        let now = world.net.now() + secs(10);
        let off = now - ms(rng.below(20_000));
        let agent = &mut world.net[a].agent;
        agent.handle_timeout(off);
        let mut packet = Vec::new();
        for _ in 0..200 {
            if agent.poll_transmit(off, &mut packet).is_none() {
                break;
            }
        }
        assert_eq!(agent.poll_transmit(off, &mut packet), None, "it never ends");
        let _ = agent.handle_packet(off, at(A), at(B), Protocol::Udp, b"\x80data");
        assert!(agent.poll_timeout().is_none_or(|at| at > off));
        world.net[a].drain_events();
    }
    // The clock is right again.
    world.net.run_for(secs(40));
    assert!(world.net[b].is_connected(), "{:?}", world.states());
    world.assert_data_flows();
}

#[test]
fn a_closed_agent_is_quiet() {
    let mut world = connected(24);
    let (a, b) = (world.a, world.b);
    world.net[a].agent.close();
    world.net[a].agent.close();
    world.net[a].drain_events();
    assert_eq!(world.net[a].states.last(), Some(&S::Closed));
    let now = world.net.now();
    let agent = &mut world.net[a].agent;
    assert_eq!(agent.poll_timeout(), None);
    assert_eq!(agent.poll_transmit(now, &mut Vec::new()), None);
    assert_eq!(agent.transmit_data(now, &mut vec![1], 0), None);
    let candidate = agent.local_candidates().next().unwrap().clone();
    assert!(agent.add_remote_candidate(now, candidate).is_err());
    agent.add_local_host(now, at("203.0.113.9"));
    agent.restart(now);
    world.net.run_until(|net| net[b].agent.state() == S::Failed);
}

/// A restart keeps the path that there was, but not when its socket is gone.
#[test]
fn a_restart_does_not_keep_a_path_whose_interface_goes() {
    let mut world = World::simple(31);
    world.signal();
    world.run_until_nominated();
    let a = world.a;
    let now = world.net.now();
    let agent = &mut world.net[a].agent;
    agent.restart(now);
    assert_eq!(agent.state(), S::Connected);
    let mut data = b"\x80 on the old path".to_vec();
    assert!(agent.transmit_data(now, &mut data, 0).is_some());
    agent.remove_local_address(now, ip(A));
    assert_eq!(agent.transmit_data(now, &mut data, 0), None);
    assert_eq!(agent.state(), S::New);
}
