//! Records a browser's microphone and camera into a file that any player plays, without decoding them.
//!
//! `cargo run -p gannet --example record -- call.webm`; the rest goes as in `custom_transform.rs`, with
//! `getUserMedia({ audio: true, video: true })`. Ctrl-C ends the recording, or the browser that leaves.

#![allow(clippy::print_stdout, reason = "it is what the user copies")]

use std::fs::File;
use std::io::BufWriter;
use std::time::{Instant, SystemTime};

use gannet::PeerConnectionState::{Closed, Failed};
use gannet::codecs::{EncodedFrame, Rotation};
use gannet::media::{CaptureClock, WebmCodec, WebmRecorder, WebmWriteError};
use gannet::ortc::rtp::{Frame, Rotation as Turned};
use gannet::{Configuration, Event, PeerConnection, SessionDescription};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which file?")?;
    let started = Instant::now();
    let connection = PeerConnection::new(Configuration::default())?;
    let offer = SessionDescription::offer(std::io::read_to_string(std::io::stdin())?);
    connection.set_remote_description(offer).await?;
    let answer = connection.create_answer().await?;
    connection.set_local_description(answer).await?;
    let (frames, received) = mpsc::channel(64);
    let tracks = take_tracks(&connection, frames);
    let codecs: Vec<_> = tracks.iter().map(|(codec, _)| *codec).collect();
    let recorder = WebmRecorder::file(BufWriter::new(File::create(path)?), &codecs)?;
    // Files block, so that the recorder has a thread of its own.
    let recording =
        tokio::task::spawn_blocking(move || record(recorder, &tracks, received, started));
    connection.gathering_complete().await;
    println!("{}", connection.local_description().ok_or("no answer")?.sdp);
    tokio::select! {
        () = ended(&connection) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    // Now the tracks end, and with them the recording.
    connection.close();
    recording.await??;
    Ok(())
}

/// Hands the frames of all tracks on, as they come; says their codecs and clock rates.
fn take_tracks(
    connection: &PeerConnection,
    frames: mpsc::Sender<(usize, Frame)>,
) -> Vec<(WebmCodec, u32)> {
    let mut tracks = Vec::new();
    for transceiver in connection.transceivers() {
        let parameters = transceiver.receiver().parameters();
        let Some(codec) = parameters.as_ref().and_then(|found| found.primary_codec()) else {
            continue;
        };
        let kind = WebmCodec::from_name(&codec.name);
        let (Some(kind), Some(stream)) = (kind, transceiver.receiver().encoded()) else {
            continue;
        };
        let (index, name, frames) = (tracks.len(), codec.name.clone(), frames.clone());
        tracks.push((kind, codec.clock_rate));
        tokio::spawn(async move {
            while let Some(received) = stream.recv().await {
                // Should the browser change to another codec, the track pauses.
                let is_wanted = received.codec.name == name;
                if is_wanted && frames.send((index, received.frame)).await.is_err() {
                    break;
                }
            }
        });
    }
    tracks
}

fn record(
    mut recorder: WebmRecorder<BufWriter<File>>,
    tracks: &[(WebmCodec, u32)],
    mut received: mpsc::Receiver<(usize, Frame)>,
    started: Instant,
) -> Result<(), WebmWriteError> {
    let mut clock = CaptureClock::new();
    let streams: Vec<_> = tracks
        .iter()
        .map(|(_, rate)| clock.add_stream(*rate))
        .collect();
    while let Some((track, frame)) = received.blocking_recv() {
        let arrival = frame.first_arrival.saturating_duration_since(started);
        let sent = frame.ntp.map(|ntp| ntp.to_system_time());
        let sent = sent.and_then(|sent| sent.duration_since(SystemTime::UNIX_EPOCH).ok());
        let time = clock.time(streams[track], frame.timestamp.0, arrival, sent);
        let encoded = EncodedFrame::new(frame.data.clone(), time, frame.keyframe);
        let written = recorder.write(track, &encoded.with_rotation(rotation(&frame)));
        // What does not fit into the recording is left out.
        if let Err(error @ WebmWriteError::Io(_)) = written {
            return Err(error);
        }
    }
    recorder.finish()?;
    Ok(())
}

fn rotation(frame: &Frame) -> Rotation {
    match frame.orientation.map(|orientation| orientation.rotation) {
        None | Some(Turned::None) => Rotation::Deg0,
        Some(Turned::Clockwise90) => Rotation::Deg90,
        Some(Turned::Half) => Rotation::Deg180,
        Some(Turned::Clockwise270) => Rotation::Deg270,
    }
}

async fn ended(connection: &PeerConnection) {
    use Event::ConnectionStateChange as Change;
    while !matches!(
        connection.next_event().await,
        None | Some(Change(Closed | Failed))
    ) {}
}
