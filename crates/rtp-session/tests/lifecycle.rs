//! What happens over the whole life of a session: before video begins, and after it was closed.

mod peer;

use std::time::{Duration, Instant};

use gannet_netsim::{start, wall_clock_start};
use gannet_rtp::extension::TransportSequence;
use gannet_rtp::{RtpHeader, RtpWriter, WallClock};
use gannet_rtp_session::{BitrateLimits, EncodedFrame, RtpSession, SessionConfig, TransmitKind};

use self::peer::{
    VIDEO_SSRC, audio_sender, extensions, session, video_receiver, video_sender, vp8_frame,
};

fn at(ms: u64) -> Instant {
    start() + Duration::from_millis(ms)
}

fn sent(session: &mut RtpSession, now: Instant) -> (usize, usize) {
    let (mut media, mut control) = (0, 0);
    let mut buffer = Vec::new();
    while let Some(transmit) = session.poll_transmit(now, &mut buffer) {
        match transmit.kind {
            TransmitKind::Rtp => media += 1,
            TransmitKind::Rtcp => control += 1,
        }
        buffer.clear();
    }
    (media, control)
}

// Feedback that was due after the end was tried without end, and a report that was due was waited for at once,
// again and again.
#[test]
fn a_closed_session_has_nothing_to_do() {
    let mut session = session(1);
    let sender = session.add_sender(start(), video_sender()).unwrap();
    session.add_receiver(start(), video_receiver()).unwrap();
    let header = RtpHeader {
        marker: true,
        payload_type: 96,
        sequence_number: 1.into(),
        timestamp: 3000.into(),
        ssrc: VIDEO_SSRC + 1,
    };
    let mut packet = Vec::new();
    let mut writer = RtpWriter::new(&mut packet, &header);
    writer.extension(&extensions(), &TransportSequence(1));
    writer.payload(&[0x10, 0]);
    session.handle_rtp(at(0), &packet);
    let frame = EncodedFrame::new(vp8_frame(0, None, 500), 0, true);
    session.send_frame(at(0), sender, frame).unwrap();
    sent(&mut session, at(0));
    session.close(at(10));
    assert_eq!(sent(&mut session, at(10)), (0, 1), "goodbye");
    assert_eq!(session.poll_timeout(), None);
    session.handle_rtp(at(20), &packet);
    session.handle_timeout(at(5000));
    assert_eq!(sent(&mut session, at(5000)), (0, 0));
    assert_eq!(session.poll_timeout(), None);
}

// The pacer counted what audio took, and gave nothing back before there was video: it waited for half a minute.
#[test]
fn video_begins_at_once_after_an_hour_of_audio() {
    let mut session = session(1);
    let audio = session.add_sender(start(), audio_sender()).unwrap();
    let video = session.add_sender(start(), video_sender()).unwrap();
    let mut now = start();
    for number in 0..3600 * 50 {
        let frame = EncodedFrame::new(vec![0x78; 80].into(), number * 960, true);
        session.send_frame(now, audio, frame).unwrap();
        assert!(sent(&mut session, now).0 == 1);
        while session.poll_event().is_some() {}
        now += Duration::from_millis(20);
    }
    let frame = EncodedFrame::new(vp8_frame(0, None, 5000), 0, true);
    session.send_frame(now, video, frame).unwrap();
    assert_eq!(sent(&mut session, now).0, 5);
}

// What audio takes beyond the pacer's rate is not held against video for longer than a moment.
#[test]
fn much_audio_holds_video_back_for_a_moment_only() {
    let mut session = session(1);
    let limits = BitrateLimits {
        min: 50_000,
        start: 50_000,
        max: 50_000,
    };
    session.set_bitrate_limits(start(), limits);
    let audio = session.add_sender(start(), audio_sender()).unwrap();
    let video = session.add_sender(start(), video_sender()).unwrap();
    let frame = EncodedFrame::new(vp8_frame(0, None, 500), 0, true);
    session.send_frame(start(), video, frame).unwrap();
    sent(&mut session, start());
    let mut now = start();
    // 440 kbit/s, for a minute.
    for number in 0..3000 {
        let frame = EncodedFrame::new(vec![0x78; 1100].into(), number * 960, true);
        session.send_frame(now, audio, frame).unwrap();
        sent(&mut session, now);
        while session.poll_event().is_some() {}
        now += Duration::from_millis(20);
    }
    let frame = EncodedFrame::new(vp8_frame(1, Some(0), 500), 3000, false);
    session.send_frame(now, video, frame).unwrap();
    let waited = (0..2000).find(|ms| sent(&mut session, now + Duration::from_millis(*ms)).0 > 0);
    assert!(waited.is_some_and(|ms| ms < 550), "{waited:?}");
}

// Times beyond all times overflowed, and reports without a pause were sent without end.
#[test]
fn the_longest_and_the_shortest_times_can_be_configured() {
    for time in [Duration::ZERO, Duration::MAX] {
        let clock = WallClock::new(start(), wall_clock_start());
        let mut config = SessionConfig::new(clock, 1, "peer");
        config.report_interval = time;
        let mut session = RtpSession::new(config);
        let sender = session.add_sender(start(), video_sender()).unwrap();
        let mut parameters = video_receiver();
        parameters.max_wait = time;
        session.add_receiver(start(), parameters).unwrap();
        let mut other = RtpSession::new(SessionConfig::new(clock, 2, "other"));
        let source = other.add_sender(start(), video_sender()).unwrap();
        for number in 0..3 {
            let frame = EncodedFrame::new(vp8_frame(number, None, 500), number * 3000, true);
            session.send_frame(start(), sender, frame.clone()).unwrap();
            other.send_frame(start(), source, frame).unwrap();
        }
        let mut buffer = Vec::new();
        for number in 0..3 {
            buffer.clear();
            other.poll_transmit(start(), &mut buffer).unwrap();
            if number != 1 {
                session.handle_rtp(start(), &buffer);
            }
        }
        let mut wakes = 0;
        while let Some(next) = session.poll_timeout().filter(|next| *next <= at(1000)) {
            session.handle_timeout(next);
            sent(&mut session, next);
            wakes += 1;
            assert!(wakes < 300, "{time:?}");
        }
    }
}

#[test]
fn a_maximum_below_the_minimum_is_the_minimum_too() {
    let mut session = session(1);
    session.add_sender(start(), video_sender()).unwrap();
    let limits = BitrateLimits {
        min: 50_000,
        start: 300_000,
        max: 20_000,
    };
    session.set_bitrate_limits(start(), limits);
    session.handle_timeout(at(1000));
    let bitrate = session.stats(at(1000)).transport.available_outgoing_bitrate;
    assert_eq!(bitrate, 20_000);
}
