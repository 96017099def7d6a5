use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dcsctp::api::{
    DcSctpSocket, Message, Options, PpId, SendOptions, SocketEvent, SocketState, SocketTime,
    StreamId,
};
use gannet_netsim::Peer;

use crate::{MAX_MESSAGE, PACKET_SIZE, STREAM, Sctp, WINDOW};

/// dcsctp, by the authors of libwebrtc's.
pub struct DcSctp {
    socket: Box<dyn DcSctpSocket>,
    packets: VecDeque<Vec<u8>>,
}

impl DcSctp {
    pub fn new(interleaving: bool) -> Self {
        let options = Options {
            mtu: PACKET_SIZE,
            max_message_size: MAX_MESSAGE,
            max_receiver_window_buffer_size: WINDOW,
            max_send_buffer_size: 64 * 1024 * 1024,
            per_stream_send_queue_limit: 64 * 1024 * 1024,
            enable_message_interleaving: interleaving,
            max_retransmissions: None,
            ..Options::default()
        };
        Self {
            socket: dcsctp::new_socket("peer", &options),
            packets: VecDeque::new(),
        }
    }

    fn time(now: Instant) -> SocketTime {
        SocketTime::zero() + now.saturating_duration_since(gannet_netsim::start())
    }

    fn collect(&mut self) {
        while let Some(event) = self.socket.poll_event() {
            if let SocketEvent::SendPacket(packet) = event {
                self.packets.push_back(packet);
            }
        }
    }
}

impl Peer for DcSctp {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.socket.advance_time(Self::time(now));
        self.socket.handle_input(packet);
        self.collect();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.socket.advance_time(Self::time(now));
        self.collect();
    }

    fn poll_transmit(&mut self, _now: Instant, buf: &mut Vec<u8>) -> bool {
        self.collect();
        match self.packets.pop_front() {
            Some(packet) => {
                buf.extend_from_slice(&packet);
                true
            }
            None => false,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let at = self.socket.poll_timeout() - SocketTime::zero();
        (at < Duration::from_secs(1_000_000)).then(|| gannet_netsim::start() + at)
    }
}

impl Sctp for DcSctp {
    fn connect(&mut self, now: Instant) {
        self.socket.advance_time(Self::time(now));
        self.socket.connect();
        self.collect();
    }

    fn is_connected(&self) -> bool {
        self.socket.state() == SocketState::Connected
    }

    fn send(&mut self, now: Instant, data: Bytes) -> bool {
        self.socket.advance_time(Self::time(now));
        let message = Message::new(StreamId(STREAM), PpId(53), data.to_vec());
        let sent = self.socket.send(message, &SendOptions::default()).is_ok();
        self.collect();
        sent
    }

    fn receive(&mut self) -> Option<Bytes> {
        self.socket
            .get_next_message()
            .map(|message| message.payload.into())
    }

    fn buffered(&mut self) -> usize {
        self.socket.buffered_amount(StreamId(STREAM))
    }
}
