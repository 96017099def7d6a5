//! Five seconds of the test pattern and a tone, encoded and recorded:
//! `cargo run -p gannet-media --example record_pattern -- FILE [vp8|vp9|h264] [live|cut]`.
//!
//! `live` writes as into a pipe, `cut` stops without finishing. A file named `.opus` gets the tone alone.

use std::{
    fs::File,
    io::{BufWriter, Write},
    time::Duration,
};

use gannet_codecs::{AudioCodec, AudioEncoderConfig, VideoCodec, VideoEncoderConfig};
use gannet_media::{
    AudioFormat, EncodedFrame, OggOpusRecorder, Source, TestPattern, Tone, WebmCodec, WebmRecorder,
};

const SECONDS: u32 = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which file?")?;
    let codec = arguments.next().unwrap_or_else(|| "vp8".into());
    let form = arguments.next().unwrap_or_default();
    let output = BufWriter::new(File::create(&path)?);
    if path.ends_with(".opus") {
        let mut recorder = OggOpusRecorder::new(output, 1)?;
        for packet in sound()? {
            recorder.write(&packet)?;
        }
        recorder.finish()?;
        return Ok(());
    }
    let video = VideoCodec::from_name(&codec).ok_or("no such codec")?;
    let tracks = [
        WebmCodec::Opus,
        WebmCodec::from_name(&codec).ok_or("no such codec")?,
    ];
    let mut recorder = match &form[..] {
        "live" => WebmRecorder::live(output, &tracks)?,
        _ => WebmRecorder::file(output, &tracks)?,
    };
    // All sound first would be more than the recorder puts in order: second by second they mix.
    let mut frames: Vec<_> = sound()?.into_iter().map(|frame| (0, frame)).collect();
    frames.extend(pictures(video)?.into_iter().map(|frame| (1, frame)));
    frames.sort_by_key(|(_, frame)| frame.timestamp);
    for (track, frame) in &frames {
        recorder.write(*track, frame)?;
    }
    if form == "cut" {
        recorder.flush()?;
    } else {
        recorder.finish()?.flush()?;
    }
    Ok(())
}

fn sound() -> Result<Vec<EncodedFrame>, Box<dyn std::error::Error>> {
    let mut tone = Tone::new(440.0, 0.3, AudioFormat::stereo(48_000))?;
    let mut encoder = AudioCodec::Opus.encoder(&AudioEncoderConfig::default())?;
    let mut packets = Vec::new();
    for index in 0..SECONDS * 50 {
        let piece = tone
            .frame_at(Duration::from_millis(20) * index)
            .ok_or("it never ends")?;
        packets.extend(encoder.encode(&piece)?);
    }
    Ok(packets)
}

fn pictures(codec: VideoCodec) -> Result<Vec<EncodedFrame>, Box<dyn std::error::Error>> {
    let mut pattern = TestPattern::new(640, 360, 30)?;
    let mut encoder = codec.encoder(&VideoEncoderConfig::default())?;
    let mut frames = Vec::new();
    for index in 0..SECONDS * 30 {
        if index % 60 == 0 {
            encoder.request_keyframe();
        }
        let picture = pattern
            .frame_at(pattern.interval() * index)
            .ok_or("it never ends")?;
        frames.extend(encoder.encode(&picture)?);
    }
    Ok(frames)
}
