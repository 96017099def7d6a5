//! `gannet serve --play`.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gannet::codecs::{AudioFormat, EncodedFrame};
use gannet::media::{EncodedSource, MediaFile, Source, Tone, WavRecorder};
use gannet::{EncodedFrames, MediaKind, PeerConnection};

use support::Server;

/// More than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../media/tests/data")
        .join(name)
}

/// A file of the test's own, which goes with it.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, content: &[u8]) -> Self {
        let name = format!("gannet-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A second of a tone.
fn wav() -> Vec<u8> {
    let mut tone = Tone::new(440.0, 0.5, AudioFormat::mono(48_000)).unwrap();
    let mut file = std::io::Cursor::new(Vec::new());
    let mut recorder = WavRecorder::new(&mut file);
    for index in 0..50 {
        let piece = tone.frame_at(index * tone.interval()).unwrap();
        recorder.write(&piece).unwrap();
    }
    recorder.finish().unwrap();
    file.into_inner()
}

/// What comes back, by kind.
fn received(call: &PeerConnection, kind: MediaKind) -> EncodedFrames {
    let transceivers = call.transceivers();
    let found = transceivers.iter().find(|found| found.kind() == kind);
    found.unwrap().receiver().encoded().unwrap()
}

async fn frames(from: &EncodedFrames, count: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < count {
        let frame = tokio::time::timeout(PATIENCE, from.recv()).await;
        let frame = frame.expect("frames come").expect("the call goes on");
        all.push(frame.frame.data.to_vec());
    }
    all
}

/// The first so many frames of a file.
fn content(path: &Path, kind: gannet::media::MediaKind, count: usize) -> Vec<Vec<u8>> {
    let file = MediaFile::open(path).unwrap();
    let mut track = file.track(kind).unwrap();
    let frames = std::iter::from_fn(|| track.next_frame().unwrap());
    let data = |frame: EncodedFrame| frame.data.to_vec();
    frames.map(data).take(count).collect()
}

#[tokio::test]
async fn a_page_gets_the_file_as_it_is() {
    for name in ["vp8.webm", "vp9.mp4", "fragmented.mp4"] {
        let path = data(name);
        let server = Server::start(&["--play", path.to_str().unwrap()]);
        let kinds = [MediaKind::Video, MediaKind::Audio];
        let call = server.call(&kinds, "file").await;
        let (video, audio) = (
            received(&call, MediaKind::Video),
            received(&call, MediaKind::Audio),
        );
        let (seen, heard) = tokio::join!(frames(&video, 12), frames(&audio, 20));
        assert!(
            seen == content(&path, gannet::media::MediaKind::Video, 12),
            "{name}"
        );
        assert!(
            heard == content(&path, gannet::media::MediaKind::Audio, 20),
            "{name}"
        );
        // It goes round: there is more than the file has.
        frames(&audio, 20).await;
    }
}

#[tokio::test]
async fn pictures_that_are_shown_in_another_order_are_encoded_again() {
    let path = data("reordered.mp4");
    let server = Server::start(&["--play", path.to_str().unwrap()]);
    let call = server.call(&[MediaKind::Video], "file").await;
    let seen = frames(&received(&call, MediaKind::Video), 24).await;
    let own = content(&path, gannet::media::MediaKind::Video, 12);
    assert!(seen.iter().all(|frame| !own.contains(frame)));
}

#[tokio::test]
async fn sound_alone_is_played() {
    let wav = Temporary::new("tone.txt", &wav());
    for path in [data("sound.opus"), wav.0.clone()] {
        let server = Server::start(&["--play", path.to_str().unwrap()]);
        let kinds = [MediaKind::Audio];
        let call = server.call(&kinds, "file").await;
        frames(&received(&call, MediaKind::Audio), 60).await;
    }
}

#[test]
fn what_can_not_be_played_is_said_in_a_sentence() {
    let text = Temporary::new("letter.webm", b"To whom it may concern");
    let missing = Path::new("/nowhere/at/all.webm");
    for (path, reason) in [
        (
            &*text.0,
            "it is neither WAV nor WebM, Matroska, MP4 or Ogg Opus",
        ),
        (missing, "No such file or directory (os error 2)"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_gannet"))
            .args(["serve", "--host", "127.0.0.1", "--port", "0", "--play"])
            .arg(path)
            .output()
            .unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = format!("gannet: '{}' can not be played: {reason}\n", path.display());
        assert_eq!(said, expected);
    }
}
