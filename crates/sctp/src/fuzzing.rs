//! The bodies of the fuzz targets.

use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use gannet_crypto::Rng;
use gannet_wire::{Serial16, Serial32};

use crate::congestion::Algorithm;
use crate::packet::{
    Chunk, Data, DuplicateTsns, ForwardTsn, Fragment, GapBlock, GapBlocks, IData, IForwardTsn,
    Packet, PacketBuilder, Sack, SkippedMessage, SkippedMessages, SkippedStream, SkippedStreams,
    WriteChunk,
};
use crate::{Association, Config, Ppid, Reliability, SendOptions, StreamId};

/// Bytes into the parsers: nothing panics, and what was parsed can be written and parsed again.
pub fn packet(data: &[u8]) {
    let Ok(packet) = Packet::parse(data) else {
        return;
    };
    let _ = packet.verify_checksum();
    for raw in packet.chunks().map_while(Result::ok) {
        let Ok(chunk) = Chunk::parse(raw) else {
            continue;
        };
        let _ = chunk.to_string();
        let mut written = Vec::new();
        if !write(&chunk, &mut written) {
            continue;
        }
        let (again, rest) = crate::packet::RawChunk::parse(&written).expect("we wrote it");
        assert!(rest.is_empty());
        assert_eq!(Chunk::parse(again).expect("we wrote it"), chunk);
    }
}

fn write(chunk: &Chunk<'_>, buf: &mut Vec<u8>) -> bool {
    match chunk {
        Chunk::Data(chunk) => chunk.write(buf),
        Chunk::IData(chunk) => chunk.write(buf),
        Chunk::Sack(chunk) => chunk.write(buf),
        Chunk::Heartbeat(chunk) => chunk.write(buf),
        Chunk::HeartbeatAck(chunk) => chunk.write(buf),
        Chunk::Abort(chunk) => chunk.write(buf),
        Chunk::Error(chunk) => chunk.write(buf),
        Chunk::Shutdown(chunk) => chunk.write(buf),
        Chunk::CookieEcho(chunk) => chunk.write(buf),
        Chunk::ForwardTsn(chunk) => chunk.write(buf),
        Chunk::IForwardTsn(chunk) => chunk.write(buf),
        Chunk::ReConfig(chunk) => chunk.write(buf),
        _ => return false,
    }
    true
}

/// What happens to an association.
#[derive(Debug, Arbitrary)]
pub enum Command<'a> {
    /// The user sends.
    Send {
        /// On which stream.
        stream: u8,
        /// How much.
        len: u16,
        /// In order or not.
        ordered: bool,
        /// How hard to try.
        retransmits: Option<u8>,
    },
    /// The user resets a stream.
    Reset(u8),
    /// The user wants the peer to reset a stream.
    ResetIncoming(u8),
    /// The user adds streams.
    AddStreams(u8),
    /// The user shuts down.
    Shutdown,
    /// The user takes messages.
    Read(u8),
    /// Time passes, in milliseconds.
    Wait(u16),
    /// Packets go to the other end, as many as said; the bits of the mask say which are lost.
    Deliver {
        /// How many.
        count: u8,
        /// Which are lost.
        lost: u8,
    },
    /// A packet goes to the other end, changed, with a checksum that is right.
    Corrupt {
        /// Where.
        at: u16,
        /// How.
        with: u8,
    },
    /// Chunks come from a peer that knows the tag.
    Inject(&'a [u8]),
    /// The packet size changes.
    PacketSize(u16),
    /// The user aborts.
    Abort,
    /// A chunk comes from a peer that knows what is going on, and lies.
    Lie(Lie),
}

/// What a hostile peer says. TSNs are relative to what the end has sent or received last.
#[derive(Debug, Arbitrary)]
pub enum Lie {
    /// An acknowledgement of what was not received, with a window that is not there.
    Sack {
        /// From the last TSN that was sent.
        cumulative: i8,
        /// The window.
        window: u32,
        /// Gap blocks.
        blocks: [(u16, u16); 3],
        /// A TSN that is said to be a duplicate, from the last one sent.
        duplicate: i8,
    },
    /// Tiny fragments on many streams, with gaps in between.
    Data {
        /// From the last TSN that arrived in order.
        tsn: i32,
        /// The distance from one to the next.
        step: u8,
        /// How many, up to 40: there are hundreds of commands.
        count: u8,
        /// The first stream.
        stream: u16,
        /// SSN or MID.
        number: u8,
        /// The U, B and E bits.
        flags: u8,
        /// How long each is.
        len: u8,
    },
    /// FORWARD TSN and I-FORWARD-TSN far ahead.
    Forward {
        /// From the last TSN that arrived in order.
        tsn: i32,
        /// A stream.
        stream: u16,
        /// Its number.
        number: u16,
    },
    /// INIT, again and again: up to 20 times.
    Inits(u8),
}

struct End {
    association: Association,
    packets: Vec<Vec<u8>>,
}

impl End {
    fn new(config: Config, seed: u64, now: Instant) -> Self {
        let provider = gannet_crypto::default_provider();
        let rng = Rng::insecure_from_u64(seed);
        Self {
            association: Association::new(config, &provider, rng, now),
            packets: Vec::new(),
        }
    }

    fn transmit(&mut self, now: Instant) {
        for _ in 0..64 {
            let mut buf = Vec::new();
            if self.association.poll_transmit(now, &mut buf).is_none() {
                break;
            }
            self.packets.push(buf);
        }
        while self.association.poll_event().is_some() {}
    }

    fn fire(&mut self, now: Instant) {
        if self.association.poll_timeout().is_some_and(|at| at <= now) {
            self.association.handle_timeout(now);
            let next = self.association.poll_timeout();
            assert!(next.is_none_or(|at| at > now), "a timer spins");
        }
    }
}

/// Commands on both ends, with time and a hostile network: nothing panics, nothing spins, memory is
/// bounded.
pub fn association(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(flags) = u8::arbitrary(&mut input) else {
        return;
    };
    let mut now = START.with(|start| *start);
    let config = |bit: u8| Config {
        interleaving: flags & bit != 0,
        zero_checksum: flags & 4 != 0,
        congestion: [Algorithm::NewReno, Algorithm::Cubic, Algorithm::default()]
            [usize::from(flags >> 3) % 3],
        receive_window: 64 * 1024,
        max_incoming_message_size: 32 * 1024,
        outbound_streams: 300,
        max_probed_packet_size: (flags & 0x80 != 0).then_some(1400),
        ..Config::default()
    };
    let mut ends = [End::new(config(1), 1, now), End::new(config(2), 2, now)];
    ends[0].association.connect(now);
    if flags & 0x20 != 0 {
        ends[1].association.connect(now);
    }
    if flags & 0x40 != 0 {
        for _ in 0..4 {
            deliver(&mut ends, 0, 8, 0, now);
            deliver(&mut ends, 1, 8, 0, now);
        }
    }
    for _ in 0..400 {
        let Ok((side, command)) = <(bool, Command<'_>)>::arbitrary(&mut input) else {
            break;
        };
        run(&mut ends, usize::from(side), command, &mut now);
        for end in &mut ends {
            end.fire(now);
            end.transmit(now);
            end.packets.truncate(1000);
            let stats = end.association.stats();
            assert!(stats.bytes_in_flight < 64 * 1024 * 1024);
            // The window, as much again for what fills gaps, the headroom for bookkeeping, and a packet.
            let most = 2 * end.association.config().receive_window + 4 * 1024 * 1024 + 70_000;
            assert!(end.association.held() <= most);
        }
        if input.is_empty() {
            break;
        }
    }
}

thread_local! {
    #[allow(clippy::disallowed_methods, reason = "a fuzz target has to begin some time")]
    static START: Instant = Instant::now();
}

fn deliver(ends: &mut [End; 2], from: usize, count: u8, lost: u8, now: Instant) {
    ends[from].transmit(now);
    let count = usize::from(count).min(ends[from].packets.len());
    let packets: Vec<Vec<u8>> = ends[from].packets.drain(..count).collect();
    for (i, packet) in packets.iter().enumerate() {
        if lost >> (i % 8) & 1 == 0 {
            ends[1 - from].association.handle_packet(now, packet);
        }
    }
}

fn run(ends: &mut [End; 2], side: usize, command: Command<'_>, now: &mut Instant) {
    let other = 1 - side;
    let association = &mut ends[side].association;
    match command {
        Command::Send {
            stream,
            len,
            ordered,
            retransmits,
        } => {
            let options = SendOptions {
                ordered,
                reliability: retransmits.map_or(Reliability::Reliable, |max| {
                    Reliability::MaxRetransmits(u16::from(max))
                }),
            };
            let data = Bytes::from(vec![0; usize::from(len)]);
            let stream = StreamId(u16::from(stream));
            let _ = association.send(*now, stream, Ppid(53), data, options);
        }
        Command::Reset(stream) => {
            let _ = association.reset_streams(&[StreamId(u16::from(stream))]);
        }
        Command::ResetIncoming(stream) => {
            let _ = association.reset_incoming_streams(&[StreamId(u16::from(stream))]);
        }
        Command::AddStreams(count) => {
            let _ = association.add_streams(u16::from(count));
        }
        Command::Shutdown => association.shutdown(*now),
        Command::Read(count) => {
            for _ in 0..count {
                association.poll_message();
            }
        }
        Command::Wait(ms) => *now += Duration::from_millis(u64::from(ms)),
        Command::Deliver { count, lost } => deliver(ends, side, count, lost, *now),
        Command::Corrupt { at, with } => {
            if let Some(mut packet) = ends[side].packets.pop() {
                let at = usize::from(at) % packet.len();
                packet[at] ^= with;
                let crc = crate::packet::checksum(&packet).to_le_bytes();
                packet[8..12].copy_from_slice(&crc);
                ends[other].association.handle_packet(*now, &packet);
            }
        }
        Command::Inject(chunks) => {
            let header = association.own_header();
            let mut packet = Vec::new();
            let mut builder = PacketBuilder::new(&mut packet, header, 65_536);
            builder.push_encoded(chunks);
            if builder.finish(false).is_some() {
                association.handle_packet(*now, &packet);
            }
        }
        Command::PacketSize(size) => association.set_max_packet_size(usize::from(size)),
        Command::Lie(lie) => tell(association, &lie, *now),
        Command::Abort => association.abort("fuzz"),
    }
}

/// Hands a lie to the end that it is meant for.
fn tell(association: &mut Association, lie: &Lie, now: Instant) {
    let (sent, received) = association.last_tsns();
    let interleaving = association.stats().interleaving;
    let mut chunks = Vec::new();
    match *lie {
        Lie::Sack {
            cumulative,
            window,
            blocks,
            duplicate,
        } => {
            let near = |offset: i8| Serial32(sent.wrapping_add_signed(offset.into()));
            let blocks = blocks.map(|(start, end)| GapBlock { start, end });
            Sack {
                cumulative_tsn_ack: near(cumulative),
                a_rwnd: window,
                gap_blocks: GapBlocks::new(&blocks),
                duplicates: DuplicateTsns::new(&[near(duplicate)]),
            }
            .write(&mut chunks);
        }
        Lie::Data {
            tsn,
            step,
            count,
            stream,
            number,
            flags,
            len,
        } => {
            let payload = vec![0; usize::from(len)];
            let fragment = Fragment {
                beginning: flags & 2 != 0,
                end: flags & 1 != 0,
                unordered: flags & 4 != 0,
                immediate: flags & 8 != 0,
            };
            for i in 0..u32::from(count % 40) {
                let tsn = received
                    .wrapping_add_signed(tsn)
                    .wrapping_add(i * u32::from(step));
                let stream = StreamId(stream.wrapping_add(i as u16));
                if interleaving {
                    let chunk = IData {
                        tsn: Serial32(tsn),
                        stream,
                        mid: Serial32(number.into()),
                        ppid: Ppid(53),
                        fsn: i,
                        fragment,
                        payload: &payload,
                    };
                    chunk.write(&mut chunks);
                } else {
                    let chunk = Data {
                        tsn: Serial32(tsn),
                        stream,
                        ssn: Serial16(number.into()),
                        ppid: Ppid(53),
                        fragment,
                        payload: &payload,
                    };
                    chunk.write(&mut chunks);
                }
            }
        }
        Lie::Forward {
            tsn,
            stream,
            number,
        } => {
            let new_cumulative_tsn = Serial32(received.wrapping_add_signed(tsn));
            let stream = StreamId(stream);
            if interleaving {
                IForwardTsn {
                    new_cumulative_tsn,
                    messages: SkippedMessages::Owned(&[SkippedMessage {
                        stream,
                        unordered: number & 1 != 0,
                        mid: Serial32(number.into()),
                    }]),
                }
                .write(&mut chunks);
            } else {
                ForwardTsn {
                    new_cumulative_tsn,
                    streams: SkippedStreams::Owned(&[SkippedStream {
                        stream,
                        ssn: Serial16(number),
                    }]),
                }
                .write(&mut chunks);
            }
        }
        Lie::Inits(count) => {
            let header = crate::packet::CommonHeader {
                verification_tag: 0,
                ..association.own_header()
            };
            let chunk = association.local_init();
            for _ in 0..count % 20 {
                let mut packet = Vec::new();
                let mut builder = PacketBuilder::new(&mut packet, header, 2000);
                builder.push_encoded(&chunk);
                builder.finish(false);
                association.handle_packet(now, &packet);
            }
            return;
        }
    }
    let mut packet = Vec::new();
    let mut builder = PacketBuilder::new(&mut packet, association.own_header(), 65_536);
    builder.push_encoded(&chunks);
    if builder.finish(false).is_some() {
        association.handle_packet(now, &packet);
    }
}
