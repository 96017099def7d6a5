use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gannet_netsim::Peer;
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event,
    Payload, PayloadProtocolIdentifier, ServerConfig, StreamEvent, TransportConfig,
};
use rtc_shared::{TransportMessage, TransportProtocol};

use crate::{MAX_MESSAGE, PACKET_SIZE, STREAM, Sctp, WINDOW};

/// rtc-sctp, which webrtc-rs uses.
pub struct RtcSctp {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    connected: bool,
    packets: VecDeque<Bytes>,
    messages: VecDeque<Bytes>,
}

fn remote() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 5000))
}

fn transport() -> TransportConfig {
    TransportConfig::default()
        .with_max_receive_buffer_size(WINDOW as u32)
        .with_max_message_size(MAX_MESSAGE as u32)
}

impl RtcSctp {
    pub fn new() -> Self {
        let mut config = EndpointConfig::new();
        config.max_payload_size((PACKET_SIZE - 12 - 16) as u32);
        let server = ServerConfig::new(transport());
        let local = SocketAddr::from(([10, 0, 0, 2], 5000));
        let server = Some(Arc::new(server));
        Self {
            endpoint: Endpoint::new(local, TransportProtocol::UDP, Arc::new(config), server),
            association: None,
            connected: false,
            packets: VecDeque::new(),
            messages: VecDeque::new(),
        }
    }

    fn take(packets: &mut VecDeque<Bytes>, transmit: TransportMessage<Payload>) {
        if let Payload::RawEncode(contents) = transmit.message {
            packets.extend(contents);
        }
    }

    fn drive(&mut self, now: Instant) {
        let Some((handle, association)) = &mut self.association else {
            return;
        };
        while let Some(event) = association.poll_endpoint_event() {
            self.endpoint.handle_event(*handle, event);
        }
        while let Some(event) = association.poll() {
            match event {
                Event::Connected => self.connected = true,
                Event::Stream(StreamEvent::Readable { id }) => {
                    if let Ok(mut stream) = association.stream(id) {
                        while let Ok(Some(mut chunks)) = stream.read() {
                            let mut whole = Vec::with_capacity(chunks.len());
                            while let Some(chunk) = chunks.next(MAX_MESSAGE) {
                                whole.extend_from_slice(&chunk.bytes);
                            }
                            self.messages.push_back(whole.into());
                        }
                    }
                }
                _ => {}
            }
        }
        while let Some(transmit) = association.poll_transmit(now) {
            Self::take(&mut self.packets, transmit);
        }
    }
}

impl Default for RtcSctp {
    fn default() -> Self {
        Self::new()
    }
}

impl Peer for RtcSctp {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        let data = Bytes::copy_from_slice(packet);
        match self.endpoint.handle(now, remote(), None, data) {
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                if let Some((_, association)) = &mut self.association {
                    association.handle_event(event);
                }
            }
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.association = Some((handle, association));
            }
            Some(_) | None => {}
        }
        self.drive(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(now);
        }
        self.drive(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        if self.packets.is_empty() {
            self.drive(now);
        }
        match self.packets.pop_front() {
            Some(packet) => {
                buf.extend_from_slice(&packet);
                true
            }
            None => false,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.as_ref()?.1.poll_timeout()
    }
}

impl Sctp for RtcSctp {
    fn connect(&mut self, now: Instant) {
        let config = ClientConfig::new(transport());
        self.association = self.endpoint.connect(now, config, remote()).ok();
        self.drive(now);
    }

    fn is_connected(&self) -> bool {
        self.connected
    }

    fn send(&mut self, now: Instant, data: Bytes) -> bool {
        let Some((_, association)) = &mut self.association else {
            return false;
        };
        let ppi = PayloadProtocolIdentifier::Binary;
        if association.stream(STREAM).is_err() {
            let _ = association.open_stream(STREAM, ppi);
        }
        let sent = association
            .stream(STREAM)
            .is_ok_and(|mut stream| stream.write_chunk_with_ppi(now, &data, ppi).is_ok());
        self.drive(now);
        sent
    }

    fn receive(&mut self) -> Option<Bytes> {
        self.messages.pop_front()
    }

    fn buffered(&mut self) -> usize {
        let Some((_, association)) = &mut self.association else {
            return 0;
        };
        association
            .stream(STREAM)
            .and_then(|stream| stream.buffered_amount())
            .unwrap_or(0)
    }
}
