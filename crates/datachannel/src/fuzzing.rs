//! The body of the fuzz target.

use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use gannet_crypto::Rng;
use gannet_sctp::{Association, Config, Ppid, Reliability, SendOptions, StreamId};

use crate::dcep::Dcep;
use crate::{
    ChannelId, ChannelInit, ChannelState, DataChannelConfig, DataChannels, Event, Message, Role,
};

/// What happens to the channels.
#[derive(Debug, Arbitrary)]
enum Command<'a> {
    Open {
        negotiated: Option<u8>,
        ordered: bool,
        retransmits: Option<u8>,
        label: &'a str,
    },
    Send {
        channel: u8,
        text: bool,
        len: u16,
    },
    Close(u8),
    Receive(u8),
    Threshold(u8, u16),
    Wait(u16),
    Deliver {
        count: u8,
        lost: u8,
    },
    /// The peer says something on a stream, whatever it is.
    Raw {
        stream: u8,
        ppid: u8,
        data: &'a [u8],
    },
    Shutdown,
}

struct End {
    channels: DataChannels,
    known: Vec<ChannelId>,
    closed: Vec<ChannelId>,
    packets: Vec<Vec<u8>>,
}

impl End {
    fn new(role: Role, seed: u64, now: Instant) -> Self {
        let provider = gannet_crypto::default_provider();
        let config = Config {
            receive_window: 64 * 1024,
            max_incoming_message_size: 32 * 1024,
            ..Config::default()
        };
        let rng = Rng::insecure_from_u64(seed);
        let association = Association::new(config, &provider, rng, now);
        let mut channels = DataChannels::new(DataChannelConfig { max_channels: 20 });
        channels.start(now, association, role);
        Self {
            channels,
            known: Vec::new(),
            closed: Vec::new(),
            packets: Vec::new(),
        }
    }

    fn settle(&mut self, now: Instant) {
        if self.channels.poll_timeout().is_some_and(|at| at <= now) {
            self.channels.handle_timeout(now);
        }
        for _ in 0..64 {
            let mut buf = Vec::new();
            if self.channels.poll_transmit(now, &mut buf).is_none() {
                break;
            }
            self.packets.push(buf);
        }
        self.packets.truncate(1000);
        while let Some(event) = self.channels.poll_event() {
            match event {
                Event::Incoming(id) => self.known.push(id),
                Event::Closed(id) => {
                    assert!(!self.closed.contains(&id), "closed twice");
                    assert_eq!(self.channels.state(id), ChannelState::Closed);
                    self.closed.push(id);
                }
                _ => {}
            }
        }
        assert!(self.channels.channels().count() <= 20);
    }

    fn channel(&self, index: u8) -> Option<ChannelId> {
        self.known
            .get(usize::from(index) % self.known.len().max(1))
            .copied()
    }
}

thread_local! {
    #[allow(clippy::disallowed_methods, reason = "a fuzz target has to begin some time")]
    static START: Instant = Instant::now();
}

/// Commands on both ends, with time and a hostile network.
pub fn commands(data: &[u8]) {
    let _ = Dcep::parse(data);
    let mut input = Unstructured::new(data);
    let mut now = START.with(|start| *start);
    let mut ends = [
        End::new(Role::Client, 1, now),
        End::new(Role::Server, 2, now),
    ];
    for _ in 0..6 {
        for side in 0..2 {
            deliver(&mut ends, side, 8, 0, now);
        }
    }
    for _ in 0..300 {
        let Ok((side, command)) = <(bool, Command<'_>)>::arbitrary(&mut input) else {
            break;
        };
        run(&mut ends, usize::from(side), command, &mut now);
        for end in &mut ends {
            end.settle(now);
        }
        if input.is_empty() {
            break;
        }
    }
}

fn deliver(ends: &mut [End; 2], from: usize, count: u8, lost: u8, now: Instant) {
    ends[from].settle(now);
    let count = usize::from(count).min(ends[from].packets.len());
    let packets: Vec<Vec<u8>> = ends[from].packets.drain(..count).collect();
    for (i, packet) in packets.iter().enumerate() {
        if lost >> (i % 8) & 1 == 0 {
            ends[1 - from].channels.handle_packet(now, packet);
        }
    }
}

fn run(ends: &mut [End; 2], side: usize, command: Command<'_>, now: &mut Instant) {
    let end = &mut ends[side];
    match command {
        Command::Open {
            negotiated,
            ordered,
            retransmits,
            label,
        } => {
            let init = ChannelInit {
                label: label.into(),
                ordered,
                reliability: retransmits.map_or(Reliability::Reliable, |max| {
                    Reliability::MaxRetransmits(u16::from(max))
                }),
                negotiated: negotiated.map(u16::from),
                ..ChannelInit::default()
            };
            if let Ok(id) = end.channels.open(*now, init) {
                end.known.push(id);
            }
        }
        Command::Send { channel, text, len } => {
            if let Some(id) = end.channel(channel) {
                let message = if text {
                    Message::Text("x".repeat(usize::from(len)))
                } else {
                    Message::Binary(Bytes::from(vec![0; usize::from(len)]))
                };
                let _ = end.channels.send(*now, id, message);
            }
        }
        Command::Close(channel) => {
            if let Some(id) = end.channel(channel) {
                end.channels.close(*now, id);
            }
        }
        Command::Receive(channel) => {
            if let Some(id) = end.channel(channel) {
                end.channels.receive(id);
            }
        }
        Command::Threshold(channel, threshold) => {
            if let Some(id) = end.channel(channel) {
                end.channels
                    .set_buffered_amount_low_threshold(id, usize::from(threshold));
            }
        }
        Command::Wait(ms) => *now += Duration::from_millis(u64::from(ms)),
        Command::Deliver { count, lost } => deliver(ends, side, count, lost, *now),
        Command::Raw { stream, ppid, data } => {
            if let Some(association) = end.channels.association_mut() {
                let data = Bytes::copy_from_slice(data);
                let ppid = Ppid(u32::from(ppid % 64));
                let stream = StreamId(u16::from(stream));
                let _ = association.send(*now, stream, ppid, data, SendOptions::default());
            }
        }
        Command::Shutdown => end.channels.shutdown(*now),
    }
}
