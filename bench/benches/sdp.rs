//! An offer of Chromium with three sections, parsed and written, ours beside peers'.
//!
//! Ours keeps the lines and types values when they are asked for; rtc-sdp keeps attributes as names and
//! values and types none; webrtc-sdp types all of them at once, so beside it stands ours with every line
//! typed (`check`).

use std::io::Cursor;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gannet_bench::repeated;
use gannet_sdp::SessionDescription;

const OFFER: &str =
    include_str!("../../crates/sdp/tests/texts/chromium-av-data-offer-gathered.sdp");

fn sdp(c: &mut Criterion) {
    let mut group = c.benchmark_group("sdp/parse");
    group.throughput(Throughput::Bytes(OFFER.len() as u64));
    group.bench_function("gannet", |b| {
        b.iter_custom(|n| repeated(n, || SessionDescription::parse(OFFER).unwrap()));
    });
    group.bench_function("gannet, every attribute typed", |b| {
        b.iter_custom(|n| {
            repeated(n, || {
                let description = SessionDescription::parse(OFFER).unwrap();
                description.check().unwrap();
                description
            })
        });
    });
    group.bench_function("rtc-sdp", |b| {
        use rtc_sdp::SessionDescription;
        b.iter_custom(|n| {
            repeated(n, || {
                SessionDescription::unmarshal(&mut Cursor::new(OFFER.as_bytes())).unwrap()
            })
        });
    });
    group.bench_function("webrtc-sdp, every attribute typed", |b| {
        b.iter_custom(|n| repeated(n, || webrtc_sdp::parse_sdp(OFFER, false).unwrap()));
    });
    group.finish();

    let mut group = c.benchmark_group("sdp/write");
    group.throughput(Throughput::Bytes(OFFER.len() as u64));
    let ours = SessionDescription::parse(OFFER).unwrap();
    group.bench_function("gannet", |b| {
        b.iter_custom(|n| repeated(n, || ours.to_string()));
    });
    let rtc = rtc_sdp::SessionDescription::unmarshal(&mut Cursor::new(OFFER.as_bytes())).unwrap();
    group.bench_function("rtc-sdp", |b| {
        b.iter_custom(|n| repeated(n, || rtc.marshal()));
    });
    let typed = webrtc_sdp::parse_sdp(OFFER, false).unwrap();
    group.bench_function("webrtc-sdp", |b| {
        b.iter_custom(|n| repeated(n, || typed.to_string()));
    });
    group.finish();
}

criterion_group!(benches, sdp);
criterion_main!(benches);
