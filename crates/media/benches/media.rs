//! What happens to each picture: made, changed, marked, handed over.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use gannet_media::{Source, TestPattern, Track, frame_code, transform};

fn pictures(criterion: &mut Criterion) {
    let mut pattern = TestPattern::new(640, 480, 30).unwrap();
    criterion.bench_function("test pattern 640x480", |bencher| {
        bencher.iter(|| pattern.frame_at(black_box(Duration::from_millis(1_234))));
    });
    let frame = pattern.frame_at(Duration::from_millis(1_234)).unwrap();
    for name in transform::NAMES {
        let mut transform = transform::by_name(name).unwrap();
        criterion.bench_function(&format!("transform {name} 640x480"), |bencher| {
            bencher.iter(|| transform.apply(black_box(&frame)));
        });
    }
    criterion.bench_function("read frame code 640x480", |bencher| {
        bencher.iter(|| frame_code::read(black_box(frame.buffer())));
    });
    let (writer, track) = Track::new("t", 2);
    criterion.bench_function("track write and read", |bencher| {
        bencher.iter(|| {
            writer.write(frame.clone()).unwrap();
            track.try_recv()
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = pictures
}
criterion_main!(benches);
