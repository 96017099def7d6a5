#![allow(clippy::disallowed_methods, reason = "tests have threads and a clock")]

use gannet_codecs::{AudioCodec, VideoCodec};

use super::*;

fn video(capacity: usize) -> (EncodedTrackWriter, EncodedTrack) {
    EncodedTrack::new("v", EncodedFormat::video(VideoCodec::Vp8), capacity)
}

fn audio(capacity: usize) -> (EncodedTrackWriter, EncodedTrack) {
    EncodedTrack::new("a", EncodedFormat::audio(AudioCodec::Opus), capacity)
}

fn write(writer: &EncodedTrackWriter, number: u64, keyframe: bool) -> Result<Written, Ended> {
    sized(writer, number, keyframe, 1)
}

fn sized(
    writer: &EncodedTrackWriter,
    number: u64,
    keyframe: bool,
    octets: usize,
) -> Result<Written, Ended> {
    let frame = EncodedFrame::new(vec![0; octets], Duration::from_secs(number), keyframe);
    writer.write(EncodedTrackFrame {
        frame,
        captured: anchor(),
        encoding: None,
    })
}

fn anchor() -> Instant {
    Instant::now()
}

/// The numbers of the frames that wait.
fn numbers(track: &EncodedTrack) -> Vec<u64> {
    std::iter::from_fn(|| track.try_recv())
        .map(|frame| frame.frame.timestamp.as_secs())
        .collect()
}

#[test]
fn pictures_begin_at_a_key_frame_which_is_asked_for() {
    let (writer, track) = video(8);
    assert!(writer.take_key_frame_request() && writer.needs_key_frame());
    assert!(!writer.take_key_frame_request(), "it was taken");
    assert_eq!(write(&writer, 0, false), Ok(Written::Skipped));
    assert_eq!(write(&writer, 1, true), Ok(Written::Queued));
    assert_eq!(write(&writer, 2, false), Ok(Written::Queued));
    assert!(!writer.needs_key_frame());
    assert_eq!(numbers(&track), [1, 2]);
    let expected = TrackStats {
        frames_written: 3,
        frames_read: 2,
        frames_dropped: 1,
    };
    assert_eq!((track.stats(), writer.stats()), (expected, expected));
}

#[test]
fn a_full_queue_of_pictures_goes_on_with_a_key_frame() {
    let (writer, track) = video(3);
    write(&writer, 0, true).unwrap();
    writer.take_key_frame_request();
    for number in 1..3 {
        assert_eq!(write(&writer, number, false), Ok(Written::Queued));
    }
    assert_eq!(write(&writer, 3, false), Ok(Written::Skipped));
    assert!(writer.take_key_frame_request());
    assert_eq!(write(&writer, 4, false), Ok(Written::Skipped));
    assert_eq!(numbers(&track), [] as [u64; 0]);
    write(&writer, 5, true).unwrap();
    write(&writer, 6, false).unwrap();
    write(&writer, 7, false).unwrap();
    // A key frame that finds it full pushes all out that is before it, and nobody need make another.
    assert_eq!(write(&writer, 8, true), Ok(Written::Queued));
    assert!(!writer.take_key_frame_request());
    assert_eq!(numbers(&track), [8]);
    assert_eq!(track.stats().frames_dropped, 3 + 2 + 3);
}

#[test]
fn octets_are_bounded_too() {
    let (writer, track) = video(100);
    sized(&writer, 0, true, MAX_OCTETS - 1).unwrap();
    assert_eq!(sized(&writer, 1, false, 1), Ok(Written::Queued));
    assert_eq!(sized(&writer, 2, false, 1), Ok(Written::Skipped));
    // One alone may be larger.
    assert_eq!(sized(&writer, 3, true, MAX_OCTETS + 1), Ok(Written::Queued));
    assert_eq!(numbers(&track), [3]);
    assert_eq!(write(&writer, 4, false), Ok(Written::Queued));
}

#[test]
fn a_full_queue_of_sound_loses_the_oldest() {
    let (writer, track) = audio(2);
    assert!(!writer.take_key_frame_request() && !writer.needs_key_frame());
    for number in 0..4 {
        assert_eq!(write(&writer, number, true), Ok(Written::Queued));
    }
    track.skip_to_key_frame();
    track.request_key_frame();
    assert!(!writer.take_key_frame_request());
    assert_eq!(numbers(&track), [2, 3]);
    assert_eq!(track.stats().frames_dropped, 2);
}

#[test]
fn the_reader_is_heard() {
    let (writer, track) = video(8);
    writer.take_key_frame_request();
    write(&writer, 0, true).unwrap();
    assert_eq!(writer.target_bitrate(), None);
    track.set_target_bitrate(5);
    assert_eq!(writer.target_bitrate(), Some(5));
    track.skip_to_key_frame();
    assert!(writer.needs_key_frame() && writer.take_key_frame_request());
    assert_eq!(write(&writer, 1, false), Ok(Written::Skipped));
    write(&writer, 2, true).unwrap();
    track.request_key_frame();
    assert!(!writer.needs_key_frame() && writer.take_key_frame_request());
    assert_eq!(numbers(&track), [2]);
}

#[test]
fn what_is_not_wanted_is_not_kept() {
    let (writer, track) = video(8);
    write(&writer, 0, true).unwrap();
    track.set_wanted(false);
    assert!(!writer.is_wanted() && !writer.wait_until_wanted(Duration::ZERO));
    assert!(!writer.take_key_frame_request());
    assert_eq!(write(&writer, 1, true), Ok(Written::Skipped));
    track.set_wanted(true);
    track.set_wanted(true);
    assert!(writer.wait_until_wanted(Duration::ZERO) && writer.take_key_frame_request());
    assert_eq!(write(&writer, 2, false), Ok(Written::Skipped));
    write(&writer, 3, true).unwrap();
    assert_eq!(numbers(&track), [3]);
}

#[test]
fn a_writer_waits_for_a_reader() {
    let (writer, track) = video(8);
    track.set_wanted(false);
    let waiting = std::thread::spawn(move || writer.wait_until_wanted(Duration::from_secs(60)));
    track.set_wanted(true);
    assert!(waiting.join().unwrap());
    let (writer, track) = video(8);
    track.set_wanted(false);
    let waiting = std::thread::spawn(move || writer.wait_until_wanted(Duration::from_secs(60)));
    drop(track);
    assert!(!waiting.join().unwrap());
}

#[test]
fn both_ends_can_end_it() {
    let (writer, track) = video(8);
    write(&writer, 0, true).unwrap();
    drop(writer);
    assert_eq!(track.ready_state(), ReadyState::Live);
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(_)) = track.poll_recv(&mut context) else {
        panic!("what was written is read");
    };
    assert!(matches!(track.poll_recv(&mut context), Poll::Ready(None)));
    assert_eq!(track.ready_state(), ReadyState::Ended);
    let (writer, track) = video(8);
    assert!(track.poll_recv(&mut context).is_pending());
    track.stop();
    assert!(writer.is_ended() && !writer.is_wanted());
    assert_eq!(write(&writer, 0, true), Err(Ended));
}
