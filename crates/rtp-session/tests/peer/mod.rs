//! A session with an encoder and a decoder that only pretend, for tests over a simulated network.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test includes this, and uses its part"
)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_netsim::{Pair, Peer, start, wall_clock_start};
use gannet_rtp::extension::{ExtensionKind, ExtensionMap};
use gannet_rtp::{PacketKind, RtpPacket, WallClock, classify};
use gannet_rtp_payload::PayloadFormat;
use gannet_rtp_session::{
    CodecParameters, EncodedFrame, Event, Feedback, Frame, MediaKind, ReceiveParameters,
    ReceiverId, RtpSession, SendParameters, SenderId, SessionConfig,
};

pub const VIDEO_SSRC: u32 = 0x1111_1111;
pub const RTX_SSRC: u32 = 0x2222_2222;
pub const AUDIO_SSRC: u32 = 0x3333_3333;

pub const VP8: CodecParameters = CodecParameters {
    payload_type: 96,
    format: PayloadFormat::Vp8,
    clock_rate: 90_000,
    rtx_payload_type: Some(97),
};

pub const OPUS: CodecParameters = CodecParameters {
    payload_type: 111,
    format: PayloadFormat::Opus,
    clock_rate: 48_000,
    rtx_payload_type: None,
};

pub fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    map.insert(1, ExtensionKind::AudioLevel).unwrap();
    map.insert(2, ExtensionKind::AbsoluteSendTime).unwrap();
    map.insert(3, ExtensionKind::TransportSequence).unwrap();
    map.insert(4, ExtensionKind::Mid).unwrap();
    map.insert(10, ExtensionKind::Rid).unwrap();
    map.insert(11, ExtensionKind::RepairedRid).unwrap();
    map
}

pub fn video_sender() -> SendParameters {
    let mut parameters = SendParameters::new(MediaKind::Video, VIDEO_SSRC, VP8);
    parameters.rtx_ssrc = Some(RTX_SSRC);
    parameters.mid = Some("1".into());
    parameters.extensions = extensions();
    parameters.feedback = Feedback::ALL;
    parameters
}

pub fn video_receiver() -> ReceiveParameters {
    let mut parameters = ReceiveParameters::new(MediaKind::Video, vec![VP8]);
    parameters.mid = Some("1".into());
    parameters.extensions = extensions();
    parameters.feedback = Feedback::ALL;
    parameters
}

pub fn audio_sender() -> SendParameters {
    let mut parameters = SendParameters::new(MediaKind::Audio, AUDIO_SSRC, OPUS);
    parameters.mid = Some("0".into());
    parameters.extensions = extensions();
    parameters.feedback.transport_cc = true;
    parameters
}

pub fn audio_receiver() -> ReceiveParameters {
    let mut parameters = ReceiveParameters::new(MediaKind::Audio, vec![OPUS]);
    parameters.mid = Some("0".into());
    parameters.extensions = extensions();
    parameters.feedback.transport_cc = true;
    parameters
}

pub fn session(seed: u64) -> RtpSession {
    let clock = WallClock::new(start(), wall_clock_start());
    RtpSession::new(SessionConfig::new(clock, seed, format!("peer-{seed}")))
}

/// What a VP8 encoder might put out: a frame header, the number of the frame and of the frame that it
/// refers to, then filling.
pub fn vp8_frame(number: u32, refers_to: Option<u32>, len: usize) -> Bytes {
    let mut frame = match refers_to {
        None => vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01],
        Some(_) => vec![0x11, 0, 0],
    };
    frame.extend(number.to_be_bytes());
    frame.extend(refers_to.unwrap_or(u32::MAX).to_be_bytes());
    frame.extend((frame.len()..len).map(|at| (at as u8).wrapping_mul(31) ^ number as u8));
    frame.into()
}

/// Number and reference of a frame of [`vp8_frame`], after a check of the rest.
pub fn read_vp8_frame(data: &[u8]) -> (u32, Option<u32>) {
    let header = if data[0] & 1 == 0 { 10 } else { 3 };
    let word = |at: usize| u32::from_be_bytes(data[at..at + 4].try_into().unwrap());
    let (number, reference) = (word(header), word(header + 4));
    for (at, byte) in data.iter().enumerate().skip(header + 8) {
        assert_eq!(
            *byte,
            (at as u8).wrapping_mul(31) ^ number as u8,
            "byte {at} of frame {number}"
        );
    }
    (number, (reference != u32::MAX).then_some(reference))
}

/// An encoder of 30 frames a second that follows its target, and makes key frames when asked.
#[derive(Debug)]
pub struct Camera {
    pub sender: SenderId,
    pub bitrate: u64,
    pub frames: u32,
    pub key_frames: u32,
    begins: Instant,
    next: Instant,
    key_frame_wanted: bool,
    until: Instant,
    pub targets: Vec<(Instant, u64)>,
    /// If given, the encoder does not follow its target.
    pub fixed: Option<u64>,
    /// If given, every so manieth frame is a key frame, asked for or not.
    pub key_frame_interval: Option<u32>,
}

/// A source of 50 packets a second.
#[derive(Debug)]
pub struct Microphone {
    sender: SenderId,
    next: Instant,
    pub frames: u32,
    until: Instant,
}

/// Frames that came out, with the time when they did.
#[derive(Debug, Default)]
pub struct Screen {
    pub frames: Vec<(Instant, Frame)>,
    pub last: Option<u32>,
}

#[derive(Debug)]
pub struct Endpoint {
    pub session: RtpSession,
    pub camera: Option<Camera>,
    pub microphone: Option<Microphone>,
    pub video: Screen,
    pub audio: Screen,
    pub others: Vec<Event>,
    pub video_receiver: Option<ReceiverId>,
    pub audio_receiver: Option<ReceiverId>,
    /// When the packets with a marker arrived: the last ones of their frames.
    pub marker_arrivals: Vec<Instant>,
    now: Instant,
}

impl Endpoint {
    pub fn new(seed: u64) -> Self {
        Self {
            session: session(seed),
            camera: None,
            microphone: None,
            video: Screen::default(),
            audio: Screen::default(),
            others: Vec::new(),
            video_receiver: None,
            audio_receiver: None,
            marker_arrivals: Vec::new(),
            now: start(),
        }
    }

    pub fn with_camera(mut self, parameters: SendParameters, length: Duration) -> Self {
        let sender = self.session.add_sender(start(), parameters).unwrap();
        self.camera = Some(Camera {
            sender,
            bitrate: 0,
            frames: 0,
            key_frames: 0,
            begins: start(),
            next: start(),
            key_frame_wanted: true,
            until: start() + length,
            targets: Vec::new(),
            fixed: None,
            key_frame_interval: None,
        });
        self.handle_events();
        self
    }

    /// The camera begins so much later.
    pub fn delay_camera(&mut self, by: Duration) {
        if let Some(camera) = &mut self.camera {
            camera.next += by;
            camera.begins += by;
        }
    }

    pub fn with_microphone(mut self, parameters: SendParameters, length: Duration) -> Self {
        let sender = self.session.add_sender(start(), parameters).unwrap();
        let until = start() + length;
        self.microphone = Some(Microphone {
            sender,
            next: start(),
            frames: 0,
            until,
        });
        self
    }

    pub fn with_video_receiver(mut self, parameters: ReceiveParameters) -> Self {
        self.video_receiver = Some(self.session.add_receiver(start(), parameters).unwrap());
        self
    }

    pub fn with_audio_receiver(mut self, parameters: ReceiveParameters) -> Self {
        self.audio_receiver = Some(self.session.add_receiver(start(), parameters).unwrap());
        self
    }

    fn run_camera(&mut self) {
        let Some(camera) = &mut self.camera else {
            return;
        };
        while camera.next <= self.now && camera.next < camera.until {
            let key = std::mem::take(&mut camera.key_frame_wanted)
                || camera
                    .key_frame_interval
                    .is_some_and(|interval| camera.frames.is_multiple_of(interval));
            let bitrate = camera.fixed.unwrap_or(camera.bitrate);
            let mean = (bitrate / 8 / 30) as usize;
            let len = if key { mean * 4 } else { mean }.max(40);
            let number = camera.frames;
            let reference = (!key).then(|| number - 1);
            let frame = EncodedFrame::new(vp8_frame(number, reference, len), number * 3000, key);
            self.session
                .send_frame(self.now, camera.sender, frame)
                .unwrap();
            camera.frames += 1;
            camera.key_frames += u32::from(key);
            camera.next = camera.begins + Duration::from_micros(33_333) * camera.frames;
        }
    }

    fn run_microphone(&mut self) {
        let Some(microphone) = &mut self.microphone else {
            return;
        };
        while microphone.next <= self.now && microphone.next < microphone.until {
            let mut data = vec![0x78; 100];
            data[1..5].copy_from_slice(&microphone.frames.to_be_bytes());
            let frame = EncodedFrame::new(data.into(), microphone.frames * 960, true);
            self.session
                .send_frame(self.now, microphone.sender, frame)
                .unwrap();
            microphone.frames += 1;
            microphone.next += Duration::from_millis(20);
        }
    }

    fn handle_events(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Frame(frame) if Some(frame.receiver) == self.audio_receiver => {
                    self.audio.frames.push((self.now, *frame));
                }
                Event::Frame(frame) => {
                    let (number, reference) = read_vp8_frame(&frame.data);
                    // A frame is never handed out without the one that it refers to.
                    if reference.is_some() {
                        assert_eq!(reference, self.video.last, "frame {number}");
                    }
                    assert_eq!(frame.keyframe, reference.is_none());
                    self.video.last = Some(number);
                    self.video.frames.push((self.now, *frame));
                }
                Event::KeyFrameRequested(_) => {
                    if let Some(camera) = &mut self.camera {
                        camera.key_frame_wanted = true;
                    }
                    self.others.push(event);
                }
                Event::TargetBitrate { bitrate, .. } => {
                    if let Some(camera) = &mut self.camera {
                        camera.bitrate = bitrate;
                        camera.targets.push((self.now, bitrate));
                    }
                }
                event => self.others.push(event),
            }
        }
    }

    /// The longest time between two frames of video that came out.
    pub fn longest_gap(&self) -> Duration {
        self.video
            .frames
            .windows(2)
            .map(|pair| pair[1].0 - pair[0].0)
            .max()
            .unwrap_or_default()
    }
}

impl Peer for Endpoint {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.now = now;
        match classify(packet) {
            PacketKind::Rtp => {
                self.session.handle_rtp(now, packet);
                if RtpPacket::parse(packet).is_ok_and(|packet| packet.marker()) {
                    self.marker_arrivals.push(now);
                }
            }
            PacketKind::Rtcp => self.session.handle_rtcp(now, packet),
            _ => {}
        }
        self.handle_events();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.session.handle_timeout(now);
        self.handle_events();
        self.run_camera();
        self.run_microphone();
        self.handle_events();
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        self.now = now;
        let sent = self.session.poll_transmit(now, buf);
        if let Some(sent) = sent {
            assert_eq!(sent.len, buf.len());
            assert!(sent.len <= 1200);
        }
        sent.is_some()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let camera = self
            .camera
            .as_ref()
            .filter(|camera| camera.next < camera.until);
        let microphone = self.microphone.as_ref().filter(|m| m.next < m.until);
        [
            self.session.poll_timeout(),
            camera.map(|camera| camera.next),
            microphone.map(|microphone| microphone.next),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// A camera and a microphone on one side, receivers for both on the other.
pub fn one_way(seed: u64, length: Duration) -> Pair<Endpoint, Endpoint> {
    let a = Endpoint::new(2 * seed + 1)
        .with_camera(video_sender(), length)
        .with_microphone(audio_sender(), length);
    let b = Endpoint::new(2 * seed + 2)
        .with_video_receiver(video_receiver())
        .with_audio_receiver(audio_receiver());
    Pair::new(seed, a, b)
}
