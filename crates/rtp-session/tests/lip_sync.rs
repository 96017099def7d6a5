//! What is forwarded keeps the times at which it was captured: sender reports are translated on the way.

mod peer;

use std::time::{Duration, Instant};

use gannet_netsim::{start, wall_clock_start};
use gannet_rtp::WallClock;
use gannet_rtp_payload::PayloadHead;
use gannet_rtp_session::{
    Delivery, EncodedFrame, Event, ForwardedPacket, ReceiverId, RtpSession, SenderId,
    SessionConfig, TransmitKind,
};
use gannet_wire::Serial32;

use self::peer::{
    AUDIO_SSRC, audio_receiver, audio_sender, video_receiver, video_sender, vp8_frame,
};

/// How long sound and pictures, and the reports on them, are on their way to the forwarder, in ms.
const SOUND_DELAY: u64 = 20;
const PICTURE_DELAY: u64 = 250;

fn at(ms: u64) -> Instant {
    start() + Duration::from_millis(ms)
}

/// A session whose wall clock is ahead of others by so much.
fn session(seed: u64, ahead: Duration) -> RtpSession {
    let clock = WallClock::new(start(), wall_clock_start() + ahead);
    RtpSession::new(SessionConfig::new(clock, seed, "session"))
}

/// Datagrams on their way: when they arrive, what they are.
type Path = Vec<(Instant, TransmitKind, Vec<u8>)>;

fn leave(
    session: &mut RtpSession,
    now: Instant,
    path: &mut Path,
    mut delay: impl FnMut(&[u8]) -> u64,
) {
    session.handle_timeout(now);
    let mut buffer = Vec::new();
    while let Some(transmit) = session.poll_transmit(now, &mut buffer) {
        let datagram = std::mem::take(&mut buffer);
        let arrival = now + Duration::from_millis(delay(&datagram));
        path.push((arrival, transmit.kind, datagram));
    }
}

fn arrive(session: &mut RtpSession, now: Instant, path: &mut Path) {
    path.sort_by_key(|(at, ..)| *at);
    while path.first().is_some_and(|(at, ..)| *at <= now) {
        let (at, kind, datagram) = path.remove(0);
        match kind {
            TransmitKind::Rtp => session.handle_rtp(at, &datagram),
            TransmitKind::Rtcp => session.handle_rtcp(at, &datagram),
        }
    }
}

/// A source of sound and pictures, a forwarder, a viewer.
struct Call {
    source: RtpSession,
    middle: RtpSession,
    viewer: RtpSession,
    /// Sound and pictures: what the source sends, the forwarder receives and sends, the viewer receives.
    sources: [SenderId; 2],
    received: [ReceiverId; 2],
    forwarded: [SenderId; 2],
    viewed: [ReceiverId; 2],
    near: Path,
    far: Path,
    reports: u32,
    /// Whether the viewer's side is told the times of capture.
    tells: bool,
    /// What the viewer computes: how late sound, and pictures, are said to be, in ms.
    late: [Vec<f64>; 2],
}

impl Call {
    fn new(tells: bool) -> Self {
        // The clocks have nothing to do with each other.
        let mut source = session(1, Duration::from_secs(86_400));
        let mut middle = session(2, Duration::ZERO);
        let mut viewer = session(3, Duration::from_secs(77));
        let (mut audio, mut video) = (audio_receiver(), video_receiver());
        let send = || [audio_sender(), video_sender()];
        let viewed = [audio.clone(), video.clone()];
        (audio.delivery, video.delivery) = (Delivery::Packets, Delivery::Packets);
        Self {
            sources: send().map(|sender| source.add_sender(start(), sender).unwrap()),
            received: [audio, video].map(|to| middle.add_receiver(start(), to).unwrap()),
            forwarded: send().map(|sender| middle.add_sender(start(), sender).unwrap()),
            viewed: viewed.map(|to| viewer.add_receiver(start(), to).unwrap()),
            source,
            middle,
            viewer,
            near: Path::new(),
            far: Path::new(),
            reports: 0,
            tells,
            late: [Vec::new(), Vec::new()],
        }
    }

    fn run(&mut self, seconds: u64) {
        for ms in 0..seconds * 1000 {
            let now = at(ms);
            self.capture(ms);
            let reports = &mut self.reports;
            leave(&mut self.source, now, &mut self.near, |datagram| {
                delay(datagram, reports)
            });
            arrive(&mut self.middle, now, &mut self.near);
            self.forward(now);
            leave(&mut self.middle, now, &mut self.far, |_| 5);
            arrive(&mut self.viewer, now, &mut self.far);
            leave(&mut self.viewer, now, &mut Path::new(), |_| 0);
            self.view();
        }
    }

    /// Sound each 20 ms, and a picture each 40 ms.
    fn capture(&mut self, ms: u64) {
        let number = (ms / 20) as u32;
        let sound = EncodedFrame::new(vec![1; 80].into(), number * 960, true);
        let picture = vp8_frame(number / 2, (number / 2).checked_sub(1), 900);
        let picture = EncodedFrame::new(picture, number * 1800, number == 0);
        for ((sender, mut frame), interval) in
            self.sources.into_iter().zip([sound, picture]).zip([20, 40])
        {
            if ms.is_multiple_of(interval) {
                frame.captured = Some(at(ms));
                self.source.send_frame(at(ms), sender, frame).unwrap();
            }
        }
    }

    fn forward(&mut self, now: Instant) {
        while let Some(event) = self.middle.poll_event() {
            let Event::Packet(packet) = event else {
                continue;
            };
            let stream = usize::from(packet.receiver != self.received[0]);
            let shift = [7, 1 << 31][stream];
            let forwarded = ForwardedPacket {
                payload: packet.payload,
                head: PayloadHead::default(),
                sequence_number: Some(packet.sequence_number.plus(500)),
                timestamp: Serial32(packet.timestamp.0.wrapping_add(shift)),
                captured: packet.captured.filter(|_| self.tells),
                marker: packet.marker,
                starts_key_frame: false,
                audio_level: None,
                orientation: None,
            };
            self.middle
                .send_packet(now, self.forwarded[stream], forwarded)
                .unwrap();
        }
    }

    fn view(&mut self) {
        let clock = WallClock::new(start(), wall_clock_start());
        while let Some(event) = self.viewer.poll_event() {
            let Event::Frame(frame) = event else { continue };
            let stream = usize::from(frame.receiver != self.viewed[0]);
            let late = &mut self.late[stream];
            let captured = at(late.len() as u64 * [20, 40][stream]);
            // No report has come yet, or there is a difference in one direction.
            late.push(frame.ntp.map_or(f64::NAN, |ntp| {
                let real = clock.ntp(captured);
                (ntp.since(real).as_secs_f64() - real.since(ntp).as_secs_f64()) * 1000.0
            }));
        }
    }

    /// The largest difference between what was captured at the same time, of what came after so many seconds.
    fn largest_difference(&self, seconds: usize) -> f64 {
        let [sound, pictures] = &self.late;
        let pairs = sound.iter().step_by(2).zip(pictures).skip(seconds * 25);
        pairs
            .map(|(sound, picture)| (sound - picture).abs())
            .fold(0.0, |largest, difference| {
                match difference > largest || difference.is_nan() {
                    true => difference,
                    false => largest,
                }
            })
    }
}

/// Each stream has its delay; every other report comes by that of the pictures, with the first one.
fn delay(datagram: &[u8], reports: &mut u32) -> u64 {
    let is_sound = match datagram[1] {
        200 => {
            *reports += 1;
            reports.is_multiple_of(2)
        }
        _ => datagram[8..12] == AUDIO_SSRC.to_be_bytes(),
    };
    if is_sound { SOUND_DELAY } else { PICTURE_DELAY }
}

#[test]
fn sound_and_pictures_stay_together_however_late_they_are() {
    let mut call = Call::new(true);
    call.run(260);
    let difference = call.largest_difference(4);
    assert!(difference < 5.0, "{difference} ms");
    // As a whole they are late by the shortest delay in the end, although the first report was later.
    let [sound, _] = &call.late;
    let (early, late) = (sound[200], sound[sound.len() - 1]);
    assert!((early - PICTURE_DELAY as f64).abs() < 30.0, "{early} ms");
    assert!((late - SOUND_DELAY as f64).abs() < 1.0, "{late} ms");
}

// Without the times of capture those of arrival are told.
#[test]
fn without_times_of_capture_they_are_as_far_apart_as_they_came() {
    let mut call = Call::new(false);
    call.run(10);
    let difference = call.largest_difference(4);
    assert!((225.0..235.0).contains(&difference), "{difference} ms");
}

/// What a receiver knows of when packets of a source were captured: `None`, or how late that is, in ms.
fn heard(middle: &mut RtpSession, ssrc: u32, from: u64, delay: u64) -> Vec<Option<u64>> {
    let mut source = session(u64::from(ssrc), Duration::from_secs(100));
    let mut parameters = audio_sender();
    parameters.ssrc = ssrc;
    let sender = source.add_sender(start(), parameters).unwrap();
    let mut path = Path::new();
    let mut heard = Vec::new();
    for ms in (from..from + 4000).step_by(20) {
        let mut frame = EncodedFrame::new(vec![1; 80].into(), ms as u32 * 48, true);
        frame.captured = Some(at(ms));
        source.send_frame(at(ms), sender, frame).unwrap();
        leave(&mut source, at(ms), &mut path, |_| delay);
        arrive(middle, at(ms + 19), &mut path);
        while let Some(event) = middle.poll_event() {
            if let Event::Packet(packet) = event {
                let age = |captured| packet.arrival.saturating_duration_since(captured);
                heard.push(
                    packet
                        .captured
                        .map(|captured| age(captured).as_millis() as u64),
                );
            }
        }
    }
    heard
}

// Another source takes over: nothing is said until it has reported, and then what it says.
#[test]
fn another_source_has_times_of_its_own() {
    let mut middle = session(9, Duration::ZERO);
    let mut audio = audio_receiver();
    audio.delivery = Delivery::Packets;
    middle.add_receiver(start(), audio).unwrap();
    for (ssrc, from) in [(5, 0), (6, 10_000)] {
        let heard = heard(&mut middle, ssrc, from, 10);
        let unknown = heard.iter().take_while(|late| late.is_none()).count();
        assert!((10..40).contains(&unknown), "{unknown}");
        let known = &heard[unknown..];
        assert!(
            known.iter().all(|late| matches!(late, Some(0..=10))),
            "{known:?}"
        );
    }
}
