//! One picture of 640x480, or one packet of 20 ms, through each codec and conversion.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use gannet_codecs::{
    AudioCodec, AudioConverter, AudioEncoderConfig, AudioFormat, AudioFrame, EncodedFrame,
    I420Buffer, VideoCodec, VideoEncoderConfig, VideoFrame, from_ticks, geometry,
    rgb::{self, PixelFormat},
};

/// Texture that moves, with some noise in it, as from a camera.
fn pictures() -> Vec<VideoFrame> {
    let mut noise = 1u32;
    let picture = |index: u64| {
        let mut buffer = I420Buffer::new(640, 480).unwrap();
        for (y, row) in buffer.planes_mut()[0].rows().enumerate() {
            for (x, luma) in row.iter_mut().enumerate() {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (x, y) = (x as f32 + index as f32 * 3.0, y as f32 + index as f32);
                let shade = 110.0 + 50.0 * (x / 17.0).sin() + 40.0 * (y / 11.0).cos();
                *luma = (shade as u32 + (noise >> 29)) as u8;
            }
        }
        VideoFrame::new(buffer, from_ticks(index, 30))
    };
    (0..60).map(picture).collect()
}

fn video(criterion: &mut Criterion) {
    let pictures = pictures();
    for codec in VideoCodec::ALL {
        let config = VideoEncoderConfig {
            threads: 1,
            ..VideoEncoderConfig::default()
        };
        let mut encoder = codec.encoder(&config).unwrap();
        let mut time = 0;
        criterion.bench_function(&format!("{codec} encode 640x480"), |bencher| {
            bencher.iter(|| {
                let picture = pictures[time as usize % pictures.len()].clone();
                time += 1;
                encoder
                    .encode(&picture.with_timestamp(from_ticks(time, 30)))
                    .unwrap()
            });
        });
        let mut encoder = codec.encoder(&config).unwrap();
        let frames: Vec<EncodedFrame> = pictures
            .iter()
            .filter_map(|picture| encoder.encode(picture).unwrap())
            .collect();
        let mut decoder = codec.decoder().unwrap();
        let mut next = 0;
        criterion.bench_function(&format!("{codec} decode 640x480"), |bencher| {
            bencher.iter(|| {
                let frame = &frames[next % frames.len()];
                next += 1;
                decoder.decode(frame).unwrap()
            });
        });
    }
}

fn audio(criterion: &mut Criterion) {
    for codec in AudioCodec::ALL {
        let mut encoder = codec.encoder(&AudioEncoderConfig::default()).unwrap();
        let mut decoder = codec.decoder().unwrap();
        let format = encoder.format();
        let count = format.sample_rate as usize / 50 * usize::from(format.channels);
        let samples: Vec<i16> = (0..count)
            .map(|i| (8_000.0 * (i as f32 / 9.0).sin()) as i16)
            .collect();
        let frame = AudioFrame::new(samples, format, Duration::ZERO).unwrap();
        criterion.bench_function(&format!("{codec} encode 20 ms"), |bencher| {
            bencher.iter(|| encoder.encode(black_box(&frame)).unwrap());
        });
        let packet = encoder.encode(&frame).unwrap().remove(0);
        criterion.bench_function(&format!("{codec} decode 20 ms"), |bencher| {
            bencher.iter(|| decoder.decode(black_box(&packet)).unwrap());
        });
    }
    let mut converter = AudioConverter::new(AudioFormat::mono(16_000)).unwrap();
    let frame = AudioFrame::silence(960, AudioFormat::stereo(48_000), Duration::ZERO).unwrap();
    let mut time = 0;
    criterion.bench_function("48 kHz stereo to 16 kHz mono, 20 ms", |bencher| {
        bencher.iter(|| {
            time += 960;
            converter.convert(&frame.clone().with_timestamp(from_ticks(time, 48_000)))
        });
    });
}

fn conversions(criterion: &mut Criterion) {
    let picture = &pictures()[0];
    let buffer = picture.buffer();
    criterion.bench_function("I420 to RGBA 640x480", |bencher| {
        bencher.iter(|| rgb::from_i420(black_box(buffer), PixelFormat::Rgba));
    });
    let pixels = rgb::from_i420(buffer, PixelFormat::Rgba);
    criterion.bench_function("RGBA to I420 640x480", |bencher| {
        bencher.iter(|| rgb::to_i420(black_box(&pixels), 640, 480, PixelFormat::Rgba));
    });
    criterion.bench_function("scale 640x480 to 320x240", |bencher| {
        bencher.iter(|| geometry::scale(black_box(buffer), 320, 240));
    });
    criterion.bench_function("scale 640x480 to 1280x720", |bencher| {
        bencher.iter(|| geometry::scale(black_box(buffer), 1_280, 720));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20);
    targets = video, audio, conversions
}
criterion_main!(benches);
