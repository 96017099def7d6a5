//! The source: a session on a socket and a thread, which sends frames that are no pictures.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use gannet::crypto::{HashAlgorithm, Rng};
use gannet::ortc::ice::{Candidate, Protocol, Role};
use gannet::ortc::parameters::{Fingerprint, RtpEncodingParameters, SctpParameters};
use gannet::ortc::rtp::{self, EncodedFrame, SenderId};
use gannet::ortc::{DtlsTransportState, Event, Session, SessionConfig};
use gannet::{Certificate, Direction, MediaKind, SessionDescription, default_provider};
use gannet_jsep::{IceCandidate, Jsep, LocalTransport, SenderInit};

use crate::{Error, capabilities};

/// Frames a second.
const FRAMES: u32 = 60;
/// What the largest packet has of a frame: the rest of its 1,190 bytes is headers and a tag.
const PIECE: usize = 1142;

pub(crate) struct Source {
    session: Session,
    socket: UdpSocket,
    local: SocketAddr,
    sender: SenderId,
    wants_key_frame: bool,
}

/// A source that sends.
pub(crate) struct Filming {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Filming {
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
    }
}

impl Source {
    /// A source whose offer `answer` answers.
    pub(crate) fn connect(
        sections: usize,
        answer: impl FnOnce(&str) -> Result<String, Error>,
    ) -> Result<Self, Error> {
        let provider = default_provider();
        let mut config = SessionConfig::new(Role::Controlling, Certificate::generate(&*provider)?);
        (config.bitrate.start, config.bitrate.max) = (100_000_000, 400_000_000);
        let mut rng = Rng::from_seed(provider.random_seed());
        let now = Instant::now();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let local = socket.local_addr()?;
        let mut session = Session::new(
            config,
            Arc::clone(&provider),
            rng.fork(),
            now,
            SystemTime::now(),
        );
        session.ice_mut().add_local_host(now, local);
        session.ice_mut().set_end_of_local_hosts(now);
        let mut jsep = Jsep::new(gannet_jsep::Configuration {
            session_id: rng.u64() >> 1,
            cname: "source".to_owned(),
            capabilities: capabilities(),
            sctp: SctpParameters::default(),
        });
        for _ in 0..sections {
            let encoding = RtpEncodingParameters {
                ssrc: Some(rng.u32().max(1)),
                rtx_ssrc: Some(rng.u32().max(1)),
                ..RtpEncodingParameters::default()
            };
            let init = SenderInit {
                encodings: vec![encoding],
                ..SenderInit::default()
            };
            jsep.add_transceiver(MediaKind::Video, Direction::SendOnly, init);
        }
        let ice = session.ice();
        let candidates = ice.local_candidates();
        let der = session.certificate().der();
        let transport = LocalTransport {
            ice: ice.local_parameters().clone(),
            fingerprints: vec![Fingerprint::of(&*provider, HashAlgorithm::Sha256, der)],
            candidates: candidates
                .filter_map(|found| IceCandidate::new(&found.to_string()).ok())
                .collect(),
            end_of_candidates: true,
            sctp_init: None,
        };
        let offer = jsep.create_offer(&transport)?;
        jsep.set_local(&offer)?;
        let answer = SessionDescription::answer(answer(&offer.sdp)?);
        let changes = jsep.set_remote(&answer)?;
        let plan = changes.transport.ok_or("there is no transport")?;
        session.ice_mut().set_role(plan.ice_role);
        session
            .ice_mut()
            .set_remote_parameters(now, plan.remote_ice)?;
        for candidate in &plan.remote_candidates {
            let candidate: Candidate = candidate.to_string().parse()?;
            session.ice_mut().add_remote_candidate(now, candidate)?;
        }
        session.start_dtls(now, plan.dtls_role.into(), plan.remote_fingerprints);
        let mut sections = changes.media.into_iter().rev();
        let media = sections.find_map(|media| media.send);
        let sender = session.add_sender(now, &media.ok_or("nothing is sent")?)?;
        let mut source = Self {
            session,
            socket,
            local,
            sender,
            wants_key_frame: true,
        };
        while source.session.dtls_state() != DtlsTransportState::Connected {
            source.turn(Duration::from_millis(5))?;
        }
        Ok(source)
    }

    /// Sends frames of so many packets a second together, on a thread.
    pub(crate) fn film(mut self, rate: u32) -> Filming {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (started, mut frames) = (Instant::now(), 0);
            while !stopped.load(Ordering::Relaxed) {
                let due = started + Duration::from_secs(1) * frames / FRAMES;
                let now = Instant::now();
                if due <= now {
                    // Over a second, the frames have as many packets as are asked for.
                    let packets = (frames + 1) * rate / FRAMES - frames * rate / FRAMES;
                    self.send(now, frames, packets);
                    frames += 1;
                }
                let wait = due.saturating_duration_since(Instant::now());
                if let Err(error) = self.turn(wait.min(Duration::from_millis(1))) {
                    return eprintln!("the source ends: {error}");
                }
            }
        });
        Filming { stop, thread }
    }

    fn send(&mut self, now: Instant, number: u32, packets: u32) {
        let key = std::mem::take(&mut self.wants_key_frame);
        let mut data = vec![7; PIECE * packets as usize];
        if let Some(first) = data.first_mut() {
            *first = if key { 0x10 } else { 0x11 };
        }
        let frame = EncodedFrame::new(data.into(), number.wrapping_mul(90_000 / FRAMES), key);
        let sent = self.session.rtp_mut().send_frame(now, self.sender, frame);
        self.wants_key_frame |= sent.is_err();
    }

    /// Sends and receives, and waits for so long at most.
    fn turn(&mut self, wait: Duration) -> Result<(), Error> {
        let mut datagram = Vec::new();
        let now = Instant::now();
        self.session.handle_timeout(now);
        while let Some(transmit) = self.session.poll_transmit(now, &mut datagram) {
            if transmit.protocol == Protocol::Udp {
                self.socket.send_to(&datagram, transmit.remote)?;
            }
            datagram.clear();
        }
        self.socket
            .set_read_timeout(Some(wait.max(Duration::from_micros(100))))?;
        let mut buffer = [0; 2048];
        if let Ok((len, remote)) = self.socket.recv_from(&mut buffer) {
            let (now, local) = (Instant::now(), self.local);
            let datagram = &mut buffer[..len];
            self.session
                .handle_packet(now, local, remote, Protocol::Udp, datagram);
        }
        while let Some(event) = self.session.poll_event() {
            if let Event::Rtp(rtp::Event::KeyFrameRequested(_)) = event {
                self.wants_key_frame = true;
            }
        }
        Ok(())
    }
}
