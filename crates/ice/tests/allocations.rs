//! The hot paths allocate nothing: data in and out on an established pair, and reading a check. And how
//! much memory an agent takes.

mod peers;

use gannet_alloc_count::{allocations, count};
use gannet_ice::*;
use peers::*;

#[test]
fn data_on_an_established_pair() {
    let mut world = World::simple(1);
    world.signal();
    world.run_until_nominated();
    world.net.run_for(secs(1));
    let now = world.net.now();
    let agent = &mut world.net[world.a].agent;
    let mut packet = vec![0x80; 1200];
    let allocations = allocations(|| {
        for _ in 0..1000 {
            let incoming = agent.handle_packet(now, at(A), at(B), Protocol::Udp, &packet);
            assert!(matches!(incoming, Incoming::Data(_)));
            assert!(agent.transmit_data(now, &mut packet, 0).is_some());
            let _ = agent.poll_timeout();
        }
    });
    assert_eq!(allocations, 0);
}

#[test]
fn reading_a_check() {
    let mut world = World::simple(2);
    world.signal();
    let now = world.net.now();
    let mut packet = Vec::new();
    world.net[world.a]
        .agent
        .poll_transmit(now, &mut packet)
        .unwrap();
    let password = world.net[world.b].agent.local_parameters().password.clone();
    let provider = gannet_crypto::default_provider();
    let key = gannet_stun::IntegrityKey::short_term(&provider, &password);
    let allocations = allocations(|| {
        for _ in 0..1000 {
            assert!(username_fragment_of(&packet).is_some());
            let message = gannet_stun::Message::parse(&packet).unwrap();
            assert!(message.verify(&key).is_ok());
            assert_eq!(message.decoded().count(), 3);
        }
    });
    assert_eq!(allocations, 0);
}

/// What is given back when the agent goes, and itself.
fn footprint(agent: IceAgent) -> usize {
    let (given_back, ()) = count(|| drop(agent));
    size_of::<IceAgent>() + given_back.bytes.unsigned_abs()
}

/// `cargo test -p gannet-ice --test allocations -- --nocapture memory` prints it.
#[test]
#[allow(clippy::print_stdout, reason = "a measurement")]
fn memory_of_an_idle_agent() {
    let mut world = World::simple(3);
    let fresh = || {
        let config = Config::new(Role::Controlling);
        let rng = gannet_crypto::Rng::insecure_from_u64(1);
        IceAgent::new(config, gannet_crypto::default_provider(), rng)
    };
    world.signal();
    world.run_until_nominated();
    world.net.run_for(secs(60));
    let connected = std::mem::replace(&mut world.net[world.a].agent, fresh());
    let connected = footprint(connected);
    let new = footprint(fresh());
    println!("a new agent: {new} bytes; one with a path, idle for a minute: {connected} bytes");
    assert!(new < 6_144, "{new}");
    assert!(connected < 16_384, "{connected}");
}
