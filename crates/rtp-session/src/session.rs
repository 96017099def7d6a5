//! The session.

use std::time::Instant;

use crate::event::{EncodedFrame, Event, ForwardedPacket, SendError, Transmit};
use crate::parameters::{
    BitrateLimits, ParameterError, ReceiveParameters, ReceiverId, SendParameters, SenderId,
    SessionConfig,
};
use crate::stats::SessionStats;

/// A session has at most so many senders, and as many receivers.
pub const MAX_STREAMS: usize = 256;

/// At most so many events wait for [`RtpSession::poll_event`]. A frame that comes then is dropped with
/// all that refer to it; other events are dropped and counted.
pub const MAX_EVENTS: usize = 4096;

/// The table of sources has at most so many entries.
pub const MAX_SOURCES: usize = 2 * MAX_STREAMS + 64;

/// All RTP streams of one transport.
///
/// - **Set-up**: [`new`](Self::new), [`add_sender`](Self::add_sender), [`set_sender`](Self::set_sender),
///   [`remove_sender`](Self::remove_sender), and the same for receivers;
///   [`set_bitrate_limits`](Self::set_bitrate_limits).
/// - **Commands**: [`send_frame`](Self::send_frame), [`send_packet`](Self::send_packet),
///   [`request_key_frame`](Self::request_key_frame), [`close`](Self::close).
/// - **Input**: [`handle_rtp`](Self::handle_rtp), [`handle_rtcp`](Self::handle_rtcp),
///   [`handle_timeout`](Self::handle_timeout).
/// - **Output**: [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event),
///   [`poll_timeout`](Self::poll_timeout), [`stats`](Self::stats).
///
/// Any interleaving is valid. Time must not run backwards by much: what is older than the newest `now` is
/// taken as that.
#[derive(Debug)]
pub struct RtpSession {
    config: SessionConfig,
}

impl RtpSession {
    /// A session without streams.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        Self { config }
    }

    /// Adds a stream to be sent. Its first sequence number and timestamp are random.
    pub fn add_sender(
        &mut self,
        now: Instant,
        parameters: SendParameters,
    ) -> Result<SenderId, ParameterError> {
        let _ = (now, parameters);
        Err(ParameterError::TooMany(0))
    }

    /// Changes what a sender was told. Numbering goes on if the SSRC stays the same.
    pub fn set_sender(
        &mut self,
        now: Instant,
        sender: SenderId,
        parameters: SendParameters,
    ) -> Result<(), ParameterError> {
        let _ = (now, sender, parameters);
        Ok(())
    }

    /// Removes a stream; its receiver is told goodbye (RFC 3550, section 6.6).
    pub fn remove_sender(&mut self, now: Instant, sender: SenderId) {
        let _ = (now, sender);
    }

    /// Adds a receiver.
    pub fn add_receiver(
        &mut self,
        now: Instant,
        parameters: ReceiveParameters,
    ) -> Result<ReceiverId, ParameterError> {
        let _ = (now, parameters);
        Err(ParameterError::TooMany(0))
    }

    /// Changes what a receiver was told. Its stream goes on, unless another SSRC was signalled.
    pub fn set_receiver(
        &mut self,
        now: Instant,
        receiver: ReceiverId,
        parameters: ReceiveParameters,
    ) -> Result<(), ParameterError> {
        let _ = (now, receiver, parameters);
        Ok(())
    }

    /// Removes a receiver.
    pub fn remove_receiver(&mut self, now: Instant, receiver: ReceiverId) {
        let _ = (now, receiver);
    }

    /// Changes the bounds of the bandwidth estimate. If `start` changed, the estimate starts there anew.
    pub fn set_bitrate_limits(&mut self, now: Instant, limits: BitrateLimits) {
        let _ = now;
        self.config.bitrate = limits;
    }

    /// Packetizes a frame and queues it.
    pub fn send_frame(
        &mut self,
        now: Instant,
        sender: SenderId,
        frame: EncodedFrame,
    ) -> Result<(), SendError> {
        let _ = (now, sender, frame);
        Err(SendError::Removed)
    }

    /// Queues a packet that another endpoint made, for selective forwarding.
    pub fn send_packet(
        &mut self,
        now: Instant,
        sender: SenderId,
        packet: ForwardedPacket,
    ) -> Result<(), SendError> {
        let _ = (now, sender, packet);
        Err(SendError::Removed)
    }

    /// Asks the source of a receiver for a key frame, by PLI or FIR, whichever was negotiated. Requests
    /// are throttled.
    pub fn request_key_frame(&mut self, now: Instant, receiver: ReceiverId) {
        let _ = (now, receiver);
    }

    /// Says goodbye for all senders. Nothing is sent afterwards but that.
    pub fn close(&mut self, now: Instant) {
        let _ = now;
    }

    /// Takes a received RTP packet, decrypted.
    pub fn handle_rtp(&mut self, now: Instant, datagram: &[u8]) {
        let _ = (now, datagram);
    }

    /// Takes a received RTCP datagram, decrypted.
    pub fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        let _ = (now, datagram);
    }

    /// Does what is due. Called when [`Self::poll_timeout`] says so, and harmless at any other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Appends the next datagram to `buf`, if there is one to be sent now.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        let _ = (now, buf);
        None
    }

    /// What the user should hear next.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When to call [`Self::handle_timeout`], and [`Self::poll_transmit`] after it: also for the pacer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The statistics of all streams, as of `now`.
    #[must_use]
    pub fn stats(&self, now: Instant) -> SessionStats {
        let _ = now;
        SessionStats::default()
    }
}
