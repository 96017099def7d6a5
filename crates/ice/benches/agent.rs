//! What an agent costs on an established pair: a check handled and answered, data in, data out. Time is
//! that of the thread's processor, so that a busy machine disturbs less.

#[path = "../tests/peers/mod.rs"]
mod peers;

use cpu_time::ThreadTime;
use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use gannet_ice::{Incoming, Protocol};
use peers::*;

fn established() -> World {
    let mut world = World::simple(1);
    world.signal();
    world.run_until_nominated();
    world.net.run_for(secs(1));
    world
}

/// A consent check of B's, as A gets it.
fn check_of_b(world: &mut World) -> Vec<u8> {
    let mut now = world.net.now();
    let agent = &mut world.net[world.b].agent;
    let mut packet = Vec::new();
    loop {
        now += ms(100);
        agent.handle_timeout(now);
        packet.clear();
        if agent.poll_transmit(now, &mut packet).is_some() {
            return packet;
        }
    }
}

fn timed<T>(bencher: &mut Bencher<'_>, mut work: impl FnMut() -> T) {
    bencher.iter_custom(|count| {
        let start = ThreadTime::now();
        for _ in 0..count {
            std::hint::black_box(work());
        }
        start.elapsed()
    });
}

fn agent(criterion: &mut Criterion) {
    let mut world = established();
    let check = check_of_b(&mut world);
    let now = world.net.now();
    let agent = &mut world.net[world.a].agent;
    let (from, to) = (at(A), at(B));
    let mut buffer = Vec::with_capacity(2048);
    criterion.bench_function("a check, handled and answered", |bencher| {
        timed(bencher, || {
            let incoming = agent.handle_packet(now, from, to, Protocol::Udp, &check);
            assert_eq!(incoming, Incoming::Consumed);
            buffer.clear();
            agent.poll_transmit(now, &mut buffer)
        });
    });
    let packet = vec![0x80; 1200];
    criterion.bench_function("handle_packet, data on an established pair", |bencher| {
        timed(bencher, || {
            let incoming = agent.handle_packet(now, from, to, Protocol::Udp, &packet);
            assert_eq!(incoming, Incoming::Data(0..1200));
        });
    });
    let mut packet = packet;
    criterion.bench_function("transmit_data, data on an established pair", |bencher| {
        timed(bencher, || agent.transmit_data(now, &mut packet, 0));
    });
}

criterion_group!(benches, agent);
criterion_main!(benches);
