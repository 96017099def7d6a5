//! What happens over the whole life of a session: before video begins, and after it was closed.

mod peer;

use std::time::{Duration, Instant};

use gannet_netsim::start;
use gannet_rtp::extension::TransportSequence;
use gannet_rtp::{RtpHeader, RtpWriter};
use gannet_rtp_session::{EncodedFrame, RtpSession, TransmitKind};

use self::peer::{VIDEO_SSRC, extensions, session, video_receiver, video_sender, vp8_frame};

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
