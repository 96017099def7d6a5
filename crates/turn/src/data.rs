//! Data to and from peers (RFC 8656, sections 11 and 12).

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use gannet_stun::{
    Attribute, ChannelData, Class, Message, MessageWriter, Method, Seal, TransactionId,
};

use crate::PeerError;
use crate::client::{Client, Incoming, State};
use crate::peers::{Channel, Grant};
use crate::requests::Asked;

impl Client {
    /// Takes a message from the server: one datagram, or one message of the stream.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Incoming {
        if ChannelData::is_channel_data(packet) {
            return self.handle_channel_data(packet);
        }
        let Ok(message) = Message::parse(packet) else {
            self.dropped += 1;
            return Incoming::Dropped;
        };
        match (message.class(), message.method()) {
            (Class::Success | Class::Error, _) => {
                self.handle_response(now, &message);
                Incoming::Consumed
            }
            (Class::Indication, Method::DATA) => self.handle_data_indication(packet, &message),
            _ => {
                self.dropped += 1;
                Incoming::Dropped
            }
        }
    }

    fn handle_channel_data(&mut self, packet: &[u8]) -> Incoming {
        let received = ChannelData::parse(packet).ok();
        let data = received.and_then(|received| {
            let peer = self.peers.peer_of(received.channel)?;
            Some((peer, received.data))
        });
        self.deliver(packet, data)
    }

    fn handle_data_indication(&mut self, packet: &[u8], message: &Message<'_>) -> Incoming {
        let mut peer = None;
        let mut data = None;
        for attribute in message.decoded() {
            match attribute {
                Attribute::XorPeerAddress(address) => peer = peer.or(Some(address)),
                Attribute::Data(bytes) => data = data.or(Some(bytes)),
                _ => {}
            }
        }
        self.deliver(packet, peer.zip(data))
    }

    /// Data of a peer that has no permission is not the server's to deliver.
    fn deliver(&mut self, packet: &[u8], data: Option<(SocketAddr, &[u8])>) -> Incoming {
        match data {
            Some((peer, data)) if self.peers.may_reach(peer.ip()) => Incoming::Data {
                peer,
                data: range_within(packet, data),
            },
            _ => {
                self.dropped += 1;
                Incoming::Dropped
            }
        }
    }

    /// Sends data to `peer` by a channel from now on, which costs 4 bytes a packet instead of 36. It is
    /// kept up as the permission is; until the server has bound it, [`Self::wrap`] does without.
    pub fn bind_channel(&mut self, now: Instant, peer: SocketAddr) -> Result<(), PeerError> {
        self.create_permission(now, peer.ip())?;
        if self
            .peers
            .channels
            .iter()
            .any(|channel| channel.peer == peer)
        {
            return Ok(());
        }
        let max = self.config.max_peers;
        if self.peers.channels.len() >= max {
            return Err(PeerError::TooMany(max));
        }
        let number = self.peers.unused_channel().ok_or(PeerError::TooMany(max))?;
        self.peers.channels.push(Channel {
            number,
            peer,
            grant: Grant::Asked(false),
        });
        self.ask(now, Asked::channel(number, peer));
        Ok(())
    }

    /// Wraps the datagram that stands in `buffer` from `start` on, so that it goes to `peer` when it is
    /// sent to the server, whose address it gives.
    ///
    /// `None` if there is no allocation, or the datagram is too long to be wrapped; then `buffer` is cut
    /// back to `start`.
    pub fn wrap(
        &mut self,
        peer: SocketAddr,
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Option<SocketAddr> {
        let len = buffer.len().saturating_sub(start);
        if self.state != State::Allocated || start > buffer.len() || len > 65_000 {
            buffer.truncate(start);
            return None;
        }
        match self.peers.bound_channel(peer) {
            Some(channel) => {
                let [a, b] = channel.number().to_be_bytes();
                let [c, d] = (len as u16).to_be_bytes();
                buffer.splice(start..start, [a, b, c, d]);
                if self.config.transport.is_stream() {
                    let padded = len.next_multiple_of(4);
                    buffer.resize(buffer.len() + (padded - len), 0);
                }
            }
            None => {
                let data = buffer.split_off(start);
                let id = TransactionId::random(&mut self.rng);
                let mut writer = MessageWriter::new(buffer, Class::Indication, Method::SEND, id);
                writer.attribute(&Attribute::XorPeerAddress(peer));
                writer.attribute(&Attribute::Data(&data));
                writer.finish(Seal::NONE).ok()?;
            }
        }
        Some(self.config.server)
    }
}

/// Where `part` stands in `whole`, which it was cut from.
fn range_within(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start.saturating_add(part.len())
}
