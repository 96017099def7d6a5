//! SRTP, ours beside peers': each alone, one after the other. `srtp_in_turns` is for comparing them.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gannet_bench::srtp::{LENGTHS, PROFILES, contestants};

fn srtp(c: &mut Criterion) {
    for profile in PROFILES {
        let mut group = c.benchmark_group(format!("srtp/{profile}"));
        group.throughput(Throughput::Elements(1));
        for mut contestant in contestants(profile, LENGTHS[0].0) {
            let name = format!("{}, {}", contestant.name, contestant.work);
            group.bench_function(name, |b| b.iter_custom(|count| contestant.run(count)));
        }
        group.finish();
    }
}

criterion_group!(benches, srtp);
criterion_main!(benches);
