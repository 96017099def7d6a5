//! Files, played to senders.

use std::time::{Duration, Instant};

use gannet_media::{
    AudioFrame, EncodedPlayer, EncodedTrack, EncodedTrackFrame, EncodedTrackWriter, MediaFile,
    MediaFileTrack, MediaKind, PlayerError, Source, Track, TrackWriter, VideoFrame,
};
use thiserror::Error;

use crate::decoding::start;
use crate::error::ReplaceEncodedError;
use crate::transceiver::RtpSender;

/// How many decoded frames wait for their encoder.
const QUEUE: usize = 3;
/// How many encoded ones wait for the network: the player gives no more at once.
const ENCODED_QUEUE: usize = 256;
/// How long one sender waits for another before the file begins without it.
const TOGETHER: Duration = Duration::from_secs(2);

/// How a part of a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlayedAs {
    /// Its frames are sent as they are.
    Encoded,
    /// They are decoded, and encoded again for the peer.
    Decoded,
}

/// What is played of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilePlayback {
    /// Its sound, if it has any and there was a sender for it.
    pub audio: Option<PlayedAs>,
    /// Its pictures, if it has any and there was a sender for them.
    pub video: Option<PlayedAs>,
}

/// Why a file is not played. The senders keep what they had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlayFileError {
    /// It cannot be read any more, or the peer does not take its codec and nothing here decodes it.
    #[error(transparent)]
    Player(#[from] PlayerError),
    /// A sender does not take it.
    #[error(transparent)]
    Sender(#[from] ReplaceEncodedError),
}

/// Plays a file to senders in real time, sound and pictures in step, once or in a loop; on one thread, which ends with the
/// file, or when all senders have other tracks or are gone. The first sender of each kind is used, if the file has such a track.
///
/// Frames are sent as they are if the peer agreed to their codec and they are shown in the order in which they are decoded
/// ([`MediaFile::is_reordered`]), else decoded and encoded again. So call it when the
/// descriptions are exchanged: as long as nothing was agreed on, they will be sent as they are or, if that turns out not to be
/// possible, not at all ([`RtpSender::encoded_state`]). A file whose frames are sent as they are begins when the connection
/// is there.
///
/// A file has the key frames that it has: whoever loses a picture sees none until the next of them. Nor does it adapt its
/// bit rate to the line.
///
/// # Errors
///
/// If the file can not be read any more, or a track can neither be sent nor decoded.
pub fn play_file(
    file: &MediaFile,
    is_looping: bool,
    senders: &[RtpSender],
) -> Result<FilePlayback, PlayFileError> {
    let mut playback = FilePlayback::default();
    let (mut parts, mut attached) = (Vec::new(), Vec::new());
    for kind in [MediaKind::Video, MediaKind::Audio] {
        let is_of_kind = |sender: &&RtpSender| sender.kind().as_str() == kind.as_str();
        let Some(sender) = senders.iter().find(is_of_kind) else {
            continue;
        };
        if !file.has(kind) {
            continue;
        }
        let (part, track) = prepare(file, kind, is_looping, sender)?;
        let played = match &track {
            PlayedTrack::Encoded(_) => Some(PlayedAs::Encoded),
            PlayedTrack::Pictures(_) | PlayedTrack::Sound(_) => Some(PlayedAs::Decoded),
        };
        match kind {
            MediaKind::Audio => playback.audio = played,
            MediaKind::Video => playback.video = played,
        }
        parts.push(part);
        attached.push((sender, track));
    }
    for (sender, track) in attached {
        match track {
            PlayedTrack::Encoded(track) => sender.replace_encoded(Some(track))?,
            PlayedTrack::Pictures(track) => sender.replace_track(Some(track.into())),
            PlayedTrack::Sound(track) => sender.replace_track(Some(track.into())),
        }
    }
    if !parts.is_empty() {
        start("gannet-play-file", move || run(parts));
    }
    Ok(playback)
}

/// What a sender is given.
enum PlayedTrack {
    Encoded(EncodedTrack),
    Pictures(Track<VideoFrame>),
    Sound(Track<AudioFrame>),
}

/// A track of the file, and who it goes to.
struct Part {
    output: Output,
    /// When it is to be asked next.
    time: Duration,
}

enum Output {
    Encoded(Box<EncodedPlayer<MediaFileTrack>>, EncodedTrackWriter),
    Pictures(Box<dyn Source<Frame = VideoFrame>>, TrackWriter<VideoFrame>),
    Sound(Box<dyn Source<Frame = AudioFrame>>, TrackWriter<AudioFrame>),
}

fn prepare(
    file: &MediaFile,
    kind: MediaKind,
    is_looping: bool,
    sender: &RtpSender,
) -> Result<(Part, PlayedTrack), PlayerError> {
    let id = "file";
    let in_order = !(kind == MediaKind::Video && file.is_reordered());
    let format = file.format(kind).filter(|_| in_order);
    let as_it_is = format.filter(|format| sender.takes(format) != Some(false));
    let (output, track) = match (as_it_is, kind) {
        (Some(format), _) => {
            let player = file.encoded(kind, is_looping)?;
            let (writer, track) = EncodedTrack::new(id, format, ENCODED_QUEUE);
            let output = Output::Encoded(Box::new(player), writer);
            (output, PlayedTrack::Encoded(track))
        }
        (None, MediaKind::Video) => {
            let (writer, track) = Track::new(id, QUEUE);
            let output = Output::Pictures(file.pictures(is_looping)?, writer);
            (output, PlayedTrack::Pictures(track))
        }
        (None, MediaKind::Audio) => {
            let (writer, track) = Track::new(id, QUEUE);
            let output = Output::Sound(file.sound(is_looping)?, writer);
            (output, PlayedTrack::Sound(track))
        }
    };
    let time = Duration::ZERO;
    Ok((Part { output, time }, track))
}

/// The thread.
fn run(mut parts: Vec<Part>) {
    wait_until_wanted(&mut parts);
    let started = Instant::now();
    while let Some(index) = (0..parts.len()).min_by_key(|index| parts[*index].time) {
        let part = &mut parts[index];
        std::thread::sleep(part.time.saturating_sub(started.elapsed()));
        if part.play(started) {
            part.time += part.interval();
        } else {
            parts.swap_remove(index);
        }
    }
}

/// Waits until everybody wants frames, or somebody has waited long enough for the others. Who is gone is forgotten.
fn wait_until_wanted(parts: &mut Vec<Part>) {
    const LOOK: Duration = Duration::from_millis(500);
    let mut since: Option<Instant> = None;
    while since.is_none_or(|at| at.elapsed() < TOGETHER) {
        parts.retain(|part| !part.is_gone());
        let mut waiting = parts.iter().filter_map(Part::unwanted);
        let Some(first) = waiting.next() else {
            return;
        };
        let others = waiting.count();
        let encoded = parts.iter().filter(|part| part.is_encoded()).count();
        if others + 1 < encoded {
            since.get_or_insert_with(Instant::now);
        }
        first.wait_until_wanted(LOOK);
    }
}

impl Part {
    fn interval(&self) -> Duration {
        match &self.output {
            Output::Encoded(player, _) => player.interval(),
            Output::Pictures(source, _) => source.interval(),
            Output::Sound(source, _) => source.interval(),
        }
    }

    /// Plays what is due; whether there is more, and somebody who wants it.
    fn play(&mut self, started: Instant) -> bool {
        match &mut self.output {
            Output::Encoded(player, writer) => {
                let Some(due) = player.frame_at(self.time) else {
                    return false;
                };
                // The player gives the frames of the next 10 ms; none is said to be of the future.
                let zero = started.checked_sub(player.interval()).unwrap_or(started);
                due.into_iter().all(|frame| {
                    let captured = zero + frame.timestamp;
                    let frame = EncodedTrackFrame {
                        frame,
                        captured,
                        encoding: None,
                    };
                    writer.write(frame).is_ok()
                }) && !writer.is_ended()
            }
            Output::Pictures(source, writer) => source
                .frame_at(self.time)
                .is_some_and(|frame| writer.write(frame).is_ok()),
            Output::Sound(source, writer) => source
                .frame_at(self.time)
                .is_some_and(|frame| writer.write(frame).is_ok()),
        }
    }

    const fn is_encoded(&self) -> bool {
        matches!(self.output, Output::Encoded(..))
    }

    fn is_gone(&self) -> bool {
        match &self.output {
            Output::Encoded(_, writer) => writer.is_ended(),
            Output::Pictures(_, writer) => writer.is_ended(),
            Output::Sound(_, writer) => writer.is_ended(),
        }
    }

    /// The way to a sender that does not want frames yet.
    fn unwanted(&self) -> Option<&EncodedTrackWriter> {
        match &self.output {
            Output::Encoded(_, writer) if !writer.is_wanted() => Some(writer),
            _ => None,
        }
    }
}
