//! Frames into a file.

use std::fs::File;
use std::io::BufWriter;
use std::time::{Duration, Instant, SystemTime};

use gannet::codecs::{EncodedFrame, Rotation};
use gannet::media::{CaptureClock, CaptureStream, WebmCodec, WebmRecorder, WebmWriteError};
use gannet::ortc::rtp::{Frame, Rotation as Turned};
use gannet::{MediaKind, ReceivedFrame};
use thiserror::Error;
use tokio::sync::mpsc;

use super::Received;

/// How long the file's beginning waits for the other kind, to know its codec: pictures come with their next key frame.
const OTHER_KIND: Duration = Duration::from_secs(10);
/// How many bytes wait meanwhile.
const MAX_WAITING: usize = 16 << 20;

/// Why a recording fails.
#[derive(Debug, Error)]
pub(crate) enum RecordError {
    #[error(transparent)]
    Write(#[from] WebmWriteError),
    #[error("nothing came that could be recorded")]
    Nothing,
}

/// A file that is being recorded.
pub(super) struct Recording {
    output: BufWriter<File>,
    started: Instant,
}

impl Recording {
    pub(super) fn new(file: File) -> Self {
        Self {
            output: BufWriter::new(file),
            started: Instant::now(),
        }
    }

    /// Records until there are no more frames. It blocks.
    pub(super) fn run(self, mut frames: mpsc::Receiver<Received>) -> Result<(), RecordError> {
        let beginning = Beginning::wait(&mut frames);
        let mut tracks = Tracks::new(&beginning.codecs, self.started);
        let codecs: Vec<_> = beginning.codecs.iter().map(|(_, codec)| *codec).collect();
        if codecs.is_empty() {
            return Err(RecordError::Nothing);
        }
        let mut recorder = WebmRecorder::file(self.output, &codecs)?;
        let later = std::iter::from_fn(|| frames.blocking_recv());
        for (kind, received) in beginning.frames.into_iter().chain(later) {
            let Some((index, frame)) = tracks.place(kind, &received) else {
                continue;
            };
            match recorder.write(index, &frame) {
                // What does not fit into the recording is left out.
                Ok(())
                | Err(WebmWriteError::FrameTooLarge { .. } | WebmWriteError::TooLate { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let stats = recorder.stats();
        recorder.finish()?;
        tracing::info!(?stats, "the recording is over");
        Ok(())
    }
}

/// What came before the codecs were known.
#[derive(Default)]
struct Beginning {
    /// Those that came first.
    codecs: Vec<(MediaKind, WebmCodec)>,
    frames: Vec<Received>,
}

impl Beginning {
    /// Waits for a frame of each kind, but not for ever.
    fn wait(frames: &mut mpsc::Receiver<Received>) -> Self {
        let mut beginning = Self::default();
        let mut bytes = 0;
        while let Some((kind, received)) = frames.blocking_recv() {
            let known = WebmCodec::from_name(&received.codec.name);
            let Some(codec) = known.filter(|codec| *codec != WebmCodec::Av1) else {
                continue;
            };
            if beginning.codecs.iter().all(|(known, _)| *known != kind) {
                beginning.codecs.push((kind, codec));
            }
            bytes += received.frame.data.len();
            let arrival = received.frame.first_arrival;
            beginning.frames.push((kind, received));
            let waited = beginning
                .frames
                .first()
                .map(|(_, first)| arrival.saturating_duration_since(first.frame.first_arrival));
            let is_late = waited.is_some_and(|waited| waited > OTHER_KIND);
            if beginning.codecs.len() == 2 || is_late || bytes > MAX_WAITING {
                break;
            }
        }
        beginning
    }
}

/// The tracks of the file.
struct Tracks {
    list: Vec<Track>,
    clock: CaptureClock,
    started: Instant,
}

struct Track {
    kind: MediaKind,
    codec: WebmCodec,
    stream: CaptureStream,
    /// Whether somebody was told that not all of it is recorded.
    has_warned: bool,
}

impl Tracks {
    fn new(codecs: &[(MediaKind, WebmCodec)], started: Instant) -> Self {
        let mut clock = CaptureClock::new();
        let tracks = codecs.iter().map(|(kind, codec)| {
            let rate = match kind {
                MediaKind::Audio => 48_000,
                MediaKind::Video => 90_000,
            };
            Track {
                kind: *kind,
                codec: *codec,
                stream: clock.add_stream(rate),
                has_warned: false,
            }
        });
        Self {
            list: tracks.collect(),
            clock,
            started,
        }
    }

    /// The track of a frame, and the frame as a file has it; `None` for what has no place in the file.
    fn place(
        &mut self,
        kind: MediaKind,
        received: &ReceivedFrame,
    ) -> Option<(usize, EncodedFrame)> {
        let mut tracks = self.list.iter_mut();
        let Some(index) = tracks.position(|track| track.kind == kind) else {
            tracing::debug!(%kind, "a kind that came too late is not recorded");
            return None;
        };
        let track = self.list.get_mut(index)?;
        if WebmCodec::from_name(&received.codec.name) != Some(track.codec) {
            if !track.has_warned {
                let codec = &received.codec.name;
                tracing::warn!(codec, "the codec has changed: the track pauses");
                track.has_warned = true;
            }
            return None;
        }
        let frame = &received.frame;
        let arrival = frame.first_arrival.saturating_duration_since(self.started);
        let sent = frame.ntp.map(|ntp| ntp.to_system_time());
        let sent = sent.and_then(|sent| sent.duration_since(SystemTime::UNIX_EPOCH).ok());
        let time = self
            .clock
            .time(track.stream, frame.timestamp.0, arrival, sent);
        let encoded = EncodedFrame::new(frame.data.clone(), time, frame.keyframe);
        Some((index, encoded.with_rotation(rotation(frame))))
    }
}

fn rotation(frame: &Frame) -> Rotation {
    match frame.orientation.map(|orientation| orientation.rotation) {
        None | Some(Turned::None) => Rotation::Deg0,
        Some(Turned::Clockwise90) => Rotation::Deg90,
        Some(Turned::Half) => Rotation::Deg180,
        Some(Turned::Clockwise270) => Rotation::Deg270,
    }
}
