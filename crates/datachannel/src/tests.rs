//! Two tables over a simulated link.

mod room;

use std::time::{Duration, Instant};

use bytes::Bytes;
use gannet_crypto::Rng;
use gannet_netsim::{Direction, LinkConfig, Pair, Peer, Verdict};
use gannet_sctp::packet::{Chunk, Packet};
use gannet_sctp::{Association, CloseReason, Config, Ppid, Reliability, SendOptions, StreamId};

use crate::dcep::{Dcep, Open};
use crate::*;

const MS: Duration = Duration::from_millis(1);

#[derive(Debug)]
struct End {
    channels: DataChannels,
    events: Vec<Event>,
    messages: Vec<(ChannelId, Message)>,
    reads: bool,
    /// Whether events are taken as they come.
    hears: bool,
}

impl End {
    fn new() -> Self {
        Self {
            channels: DataChannels::new(DataChannelConfig::default()),
            events: Vec::new(),
            messages: Vec::new(),
            reads: true,
            hears: true,
        }
    }

    fn start(&mut self, now: Instant, role: Role, seed: u64, config: &Config) {
        let provider = gannet_crypto::default_provider();
        let rng = Rng::insecure_from_u64(seed);
        let association = Association::new(config.clone(), &provider, rng, now);
        self.channels.start(now, association, role);
    }

    fn collect(&mut self) {
        while self.hears {
            let Some(event) = self.channels.poll_event() else {
                break;
            };
            if let (Event::Message(id), true) = (&event, self.reads) {
                while let Some(message) = self.channels.receive(*id) {
                    self.messages.push((*id, message));
                }
            }
            self.events.push(event);
        }
    }

    fn has(&self, event: &Event) -> bool {
        self.events.contains(event)
    }

    /// The channel that the peer opened with a label.
    fn incoming(&self, label: &str) -> Option<ChannelId> {
        self.events.iter().find_map(|event| match event {
            Event::Incoming(id) if self.channels.init(*id)?.label == label => Some(*id),
            _ => None,
        })
    }

    fn open(&mut self, now: Instant, label: &str) -> ChannelId {
        let init = ChannelInit {
            label: label.into(),
            ..ChannelInit::default()
        };
        self.channels.open(now, init).unwrap()
    }
}

impl Peer for End {
    fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.channels.handle_packet(now, packet);
        self.collect();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.channels.handle_timeout(now);
        self.collect();
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> bool {
        let sent = self.channels.poll_transmit(now, buf).is_some();
        self.collect();
        sent
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.channels.poll_timeout()
    }
}

type Ends = Pair<End, End>;

fn link() -> LinkConfig {
    LinkConfig::new().delay(10 * MS)
}

fn started(seed: u64, config: &Config, link: LinkConfig) -> Ends {
    let mut pair = Pair::new(seed, End::new(), End::new()).link(link);
    let now = pair.now();
    pair.a.start(now, Role::Client, seed * 2, config);
    pair.b.start(now, Role::Server, seed * 2 + 1, config);
    pair
}

fn connected(seed: u64, link: LinkConfig) -> Ends {
    let mut pair = started(seed, &Config::default(), link);
    pair.run_until(|a, b| a.channels.is_connected() && b.channels.is_connected());
    pair
}

fn text(text: &str) -> Message {
    Message::Text(text.into())
}

#[test]
fn a_channel_is_opened_and_used_both_ways() {
    let mut pair = connected(1, link());
    let now = pair.now();
    let init = ChannelInit {
        label: "chat".into(),
        protocol: "irc".into(),
        ordered: false,
        reliability: Reliability::MaxRetransmits(3),
        priority: Priority::High,
        negotiated: None,
    };
    let here = pair.a.channels.open(now, init.clone()).unwrap();
    assert_eq!(pair.a.channels.state(here), ChannelState::Open);
    pair.a.channels.send(now, here, text("ping")).unwrap();
    pair.run_until(|_, b| !b.messages.is_empty());
    let there = pair.b.incoming("chat").unwrap();
    assert_eq!(pair.b.channels.init(there), Some(&init));
    assert_eq!(pair.b.channels.stream_id(there), Some(0));
    assert_eq!(pair.b.messages, [(there, text("ping"))]);
    let now = pair.now();
    let pong = Message::Binary(Bytes::from_static(b"pong"));
    pair.b.channels.send(now, there, pong.clone()).unwrap();
    pair.run_until(|a, _| !a.messages.is_empty());
    assert_eq!(pair.a.messages, [(here, pong)]);
    let stats = pair.b.channels.channel_stats(there).unwrap();
    assert_eq!((stats.messages_sent, stats.bytes_received), (1, 4));
}

#[test]
fn all_forms_of_messages_arrive() {
    let mut pair = connected(2, link());
    let now = pair.now();
    let id = pair.a.open(now, "forms");
    let messages = [
        text(""),
        text("grüße, 世界"),
        Message::Binary(Bytes::new()),
        Message::Binary(Bytes::from(vec![7; 200_000])),
    ];
    for message in &messages {
        pair.a.channels.send(now, id, message.clone()).unwrap();
    }
    pair.run_until(|_, b| b.messages.len() == messages.len());
    assert!(
        pair.b
            .messages
            .iter()
            .map(|(_, message)| message)
            .eq(&messages)
    );
}

#[test]
fn channels_opened_before_the_association_open_with_it() {
    let mut pair = Pair::new(3, End::new(), End::new()).link(link());
    let now = pair.now();
    let early = pair.a.open(now, "early");
    assert_eq!(pair.a.channels.state(early), ChannelState::Connecting);
    let refused = pair.a.channels.send(now, early, text("x"));
    assert_eq!(refused, Err(SendError::NotOpen(ChannelState::Connecting)));
    let closed = pair.a.open(now, "closed");
    pair.a.channels.close(now, closed);
    pair.a.start(now, Role::Server, 1, &Config::default());
    pair.b.start(now, Role::Client, 2, &Config::default());
    pair.run_until(|_, b| b.incoming("early").is_some());
    assert_eq!(
        pair.a.channels.stream_id(early),
        Some(1),
        "the server has odd ids"
    );
    assert!(pair.a.has(&Event::Closed(closed)));
    assert_eq!(pair.b.channels.channels().count(), 1);
}

#[test]
fn negotiated_channels_say_nothing() {
    let mut pair = connected(4, link());
    let now = pair.now();
    let init = ChannelInit {
        negotiated: Some(1000),
        ..ChannelInit::default()
    };
    let here = pair.a.channels.open(now, init.clone()).unwrap();
    let there = pair.b.channels.open(now, init.clone()).unwrap();
    assert_eq!(
        pair.a.channels.open(now, init),
        Err(OpenError::IdInUse(1000))
    );
    pair.a.channels.send(now, here, text("hi")).unwrap();
    pair.run_until(|_, b| !b.messages.is_empty());
    assert_eq!(pair.b.messages, [(there, text("hi"))]);
    let invalid = ChannelInit {
        negotiated: Some(65535),
        ..ChannelInit::default()
    };
    let error = pair.a.channels.open(now, invalid);
    assert!(matches!(error, Err(OpenError::InvalidId { id: 65535, .. })));
}

#[test]
fn closing_resets_both_ways_and_frees_the_id() {
    for seed in 0..30 {
        let link = link().loss([0.0, 0.2][seed as usize % 2]);
        let mut pair = connected(seed, link);
        for round in 0..3 {
            let now = pair.now();
            let here = pair.a.open(now, "brief");
            assert_eq!(pair.a.channels.stream_id(here), Some(0), "round {round}");
            for _ in 0..5 {
                pair.a.channels.send(now, here, text("last words")).unwrap();
            }
            pair.a.channels.close(now, here);
            assert_eq!(pair.a.channels.state(here), ChannelState::Closing);
            pair.run_until(|a, b| {
                a.has(&Event::Closed(here))
                    && b.events
                        .iter()
                        .any(|event| matches!(event, Event::Closed(_)))
            });
            assert_eq!(pair.b.messages.len(), 5, "seed {seed}");
            let closing = pair
                .b
                .events
                .iter()
                .any(|event| matches!(event, Event::Closing(_)));
            assert!(closing);
            assert_eq!(pair.a.channels.channels().count(), 0);
            assert_eq!(pair.b.channels.channels().count(), 0);
            for end in [&pair.a, &pair.b] {
                let stats = end.channels.stats();
                let counts = (stats.data_channels_opened, stats.data_channels_closed);
                assert_eq!(counts, (round + 1, round + 1));
            }
            pair.b.messages.clear();
            pair.a.events.clear();
            pair.b.events.clear();
        }
    }
}

#[test]
fn what_never_opened_is_not_counted() {
    let mut pair = connected(1, link());
    let now = pair.now();
    pair.a.open(now, "open");
    let count = |channels: &DataChannels| {
        let stats = channels.stats();
        (stats.data_channels_opened, stats.data_channels_closed)
    };
    assert_eq!(count(&pair.a.channels), (1, 0));
    pair.run_until(|_, b| count(&b.channels) == (1, 0));
    let mut alone = DataChannels::new(DataChannelConfig::default());
    let channel = alone.open(now, ChannelInit::default()).unwrap();
    alone.close(now, channel);
    assert_eq!(count(&alone), (0, 0));
}

#[test]
fn both_ends_close_at_once() {
    let mut pair = connected(5, link());
    let now = pair.now();
    let here = pair.a.open(now, "x");
    pair.run_until(|_, b| b.incoming("x").is_some());
    let there = pair.b.incoming("x").unwrap();
    let now = pair.now();
    pair.a.channels.close(now, here);
    pair.b.channels.close(now, there);
    pair.run_until(|a, b| a.has(&Event::Closed(here)) && b.has(&Event::Closed(there)));
}

/// RFC 6525, section 5.2.3: a peer may have our side of a stream reset.
#[test]
fn a_channel_whose_stream_the_peer_has_reset_is_closed() {
    let mut pair = connected(5, link());
    let now = pair.now();
    let here = pair.a.open(now, "x");
    pair.run_until(|_, b| b.incoming("x").is_some());
    let there = pair.b.incoming("x").unwrap();
    let association = pair.a.channels.association_mut().unwrap();
    association.reset_incoming_streams(&[StreamId(0)]).unwrap();
    pair.run_until(|_, b| b.has(&Event::Closing(there)));
    let refused = pair.b.channels.send(pair.now(), there, text("late"));
    assert!(refused.is_err());
    pair.run_until(|a, b| a.has(&Event::Closed(here)) && b.has(&Event::Closed(there)));
}

#[test]
fn messages_of_a_closed_channel_can_still_be_taken() {
    let mut pair = connected(6, link());
    pair.b.reads = false;
    let now = pair.now();
    let here = pair.a.open(now, "x");
    pair.a.channels.send(now, here, text("kept")).unwrap();
    pair.a.channels.close(now, here);
    pair.run_until(|a, _| a.has(&Event::Closed(here)));
    let there = pair.b.incoming("x").unwrap();
    pair.run_until(|_, b| b.has(&Event::Closed(there)));
    assert_eq!(pair.b.channels.state(there), ChannelState::Closed);
    assert_eq!(pair.b.channels.receive(there), Some(text("kept")));
    assert_eq!(pair.b.channels.receive(there), None);
    assert_eq!(pair.b.channels.channels().count(), 0);
}

#[test]
fn a_channel_that_nobody_reads_holds_the_sender_back() {
    let config = Config {
        receive_window: 600_000,
        ..Config::default()
    };
    let mut pair = started(7, &config, link());
    pair.run_until(|a, b| a.channels.is_connected() && b.channels.is_connected());
    pair.b.reads = false;
    let now = pair.now();
    let here = pair.a.open(now, "x");
    pair.a
        .channels
        .set_buffered_amount_low_threshold(here, 100_000);
    let block = Message::Binary(Bytes::from(vec![1; 50_000]));
    for _ in 0..60 {
        pair.a.channels.send(now, here, block.clone()).unwrap();
    }
    pair.run_for(Duration::from_secs(20));
    assert!(pair.a.channels.buffered_amount(here) > 2_000_000);
    assert!(!pair.a.has(&Event::BufferedAmountLow(here)));
    let there = pair.b.incoming("x").unwrap();
    let mut received = 0;
    while received < 60 {
        while pair.b.channels.receive(there).is_some() {
            received += 1;
        }
        pair.run_for(20 * MS);
    }
    assert_eq!(pair.a.channels.buffered_amount(here), 0);
    let low = Event::BufferedAmountLow(here);
    assert_eq!(
        pair.a.events.iter().filter(|event| **event == low).count(),
        1
    );
}

/// Lets A say something on a raw stream.
fn say(pair: &mut Ends, stream: u16, ppid: u32, data: &[u8]) {
    let now = pair.now();
    let association = pair.a.channels.association_mut().unwrap();
    let data = Bytes::copy_from_slice(data);
    let options = SendOptions::default();
    association
        .send(now, StreamId(stream), Ppid(ppid), data, options)
        .unwrap();
    pair.run_for(Duration::from_secs(2));
}

fn open_message(label: &str) -> Vec<u8> {
    let init = ChannelInit {
        label: label.into(),
        ..ChannelInit::default()
    };
    let mut bytes = Vec::new();
    Dcep::Open(Open::from_init(&init)).write(&mut bytes);
    bytes
}

#[test]
fn what_breaks_the_rules_is_closed() {
    let mut pair = connected(8, link());
    // An id of the other's.
    say(&mut pair, 1, 50, &open_message("odd"));
    // Not UTF-8, not DCEP.
    let mut bad = open_message("bad");
    bad[12] = 0xff;
    say(&mut pair, 2, 50, &bad);
    say(&mut pair, 4, 50, &[9, 9]);
    assert_eq!(pair.b.channels.channels().count(), 0);
    // A second OPEN closes the channel.
    say(&mut pair, 6, 50, &open_message("twice"));
    let id = pair.b.incoming("twice").unwrap();
    say(&mut pair, 6, 50, &open_message("twice"));
    assert_eq!(pair.b.channels.state(id), ChannelState::Closing);
    // Data without a channel and of unknown kinds is dropped, and holds nothing.
    say(&mut pair, 8, 53, b"nobody");
    say(&mut pair, 10, 50, &open_message("odd kinds"));
    say(&mut pair, 10, 99, b"what?");
    assert!(pair.b.messages.is_empty());
    let association = pair.b.channels.association().unwrap();
    let window = association.config().receive_window - association.stats().local_window;
    assert!(window < 500, "{window}");
}

#[test]
fn partial_messages_are_put_together() {
    let mut pair = connected(9, link());
    say(&mut pair, 0, 50, &open_message("old"));
    say(&mut pair, 0, 54, b"to");
    say(&mut pair, 0, 54, b"get");
    say(&mut pair, 0, 51, b"her");
    say(&mut pair, 0, 52, &[1, 2]);
    say(&mut pair, 0, 53, &[3]);
    let messages: Vec<_> = pair
        .b
        .messages
        .drain(..)
        .map(|(_, message)| message)
        .collect();
    let binary = Message::Binary(Bytes::from_static(&[1, 2, 3]));
    assert_eq!(messages, [text("together"), binary]);
}

#[test]
fn a_peer_that_opens_too_much_is_refused() {
    let mut pair = connected(10, link());
    pair.b.channels.config.max_channels = 3;
    for stream in 0..6 {
        say(&mut pair, stream * 2, 50, &open_message("x"));
    }
    assert_eq!(pair.b.channels.channels().count(), 3);
}

// RFC 8832, section 6: until something comes back, unordered channels send in order, behind OPEN.
#[test]
fn data_behind_open_is_ordered() {
    for seed in 0..30 {
        let link = link().reorder(0.5, 15 * MS).loss(0.2);
        let mut pair = connected(seed, link);
        let now = pair.now();
        let init = ChannelInit {
            label: "unordered".into(),
            ordered: false,
            ..ChannelInit::default()
        };
        let id = pair.a.channels.open(now, init).unwrap();
        for i in 0..20_u8 {
            let data = Message::Binary(Bytes::from(vec![i; 900]));
            pair.a.channels.send(now, id, data).unwrap();
        }
        pair.run_until(|_, b| b.messages.len() == 20);
    }
}

#[test]
fn the_end_of_the_association_ends_all_channels() {
    let mut pair = connected(11, link());
    let now = pair.now();
    let one = pair.a.open(now, "one");
    let two = pair.a.open(now, "two");
    pair.run_until(|_, b| b.incoming("two").is_some());
    let now = pair.now();
    pair.b.channels.abort(now, "enough");
    pair.run_until(|a, _| a.has(&Event::Closed(one)) && a.has(&Event::Closed(two)));
    assert!(matches!(
        pair.a.events.last(),
        Some(Event::Disconnected(CloseReason::AbortedByPeer(_)))
    ));
    let now = pair.now();
    let refused = pair.a.channels.open(now, ChannelInit::default());
    assert_eq!(refused, Err(OpenError::Disconnected));
    assert_eq!(
        pair.a.channels.send(now, one, text("x")),
        Err(SendError::NotOpen(ChannelState::Closed))
    );
}

#[test]
fn a_shutdown_delivers_and_ends() {
    let mut pair = connected(12, link());
    let now = pair.now();
    let id = pair.a.open(now, "x");
    pair.a.channels.send(now, id, text("bye")).unwrap();
    pair.a.channels.shutdown(now);
    let shut = Event::Disconnected(CloseReason::Shutdown);
    pair.run_until(|a, b| a.has(&shut) && b.has(&shut));
    assert_eq!(pair.b.messages.len(), 1);
}

#[test]
fn many_channels_share_an_association() {
    let mut pair = connected(13, link().loss(0.05));
    let now = pair.now();
    for i in 0..100 {
        let (end, label) = if i % 2 == 0 {
            (&mut pair.a, format!("a{i}"))
        } else {
            (&mut pair.b, format!("b{i}"))
        };
        let id = end.open(now, &label);
        end.channels.send(now, id, Message::Text(label)).unwrap();
    }
    pair.run_until(|a, b| a.messages.len() == 50 && b.messages.len() == 50);
    for (id, message) in &pair.b.messages {
        let label = &pair.b.channels.init(*id).unwrap().label;
        assert_eq!(message, &text(label));
    }
}

// A channel that the peer has closed is given up by its user, who has not read everything.
#[test]
fn closing_a_closed_channel_drops_what_waits() {
    let mut pair = connected(40, link());
    pair.b.reads = false;
    let now = pair.now();
    let here = pair.a.open(now, "short");
    let message = Message::Binary(Bytes::from(vec![1; 100_000]));
    pair.a.channels.send(now, here, message).unwrap();
    pair.run_until(|_, b| b.incoming("short").is_some());
    let there = pair.b.incoming("short").unwrap();
    let now = pair.now();
    pair.a.channels.close(now, here);
    pair.run_until(|a, b| a.has(&Event::Closed(here)) && b.has(&Event::Closed(there)));
    let now = pair.now();
    pair.b.channels.close(now, there);
    assert_eq!(pair.b.channels.receive(there), None);
    assert_eq!(pair.b.channels.channels().count(), 0);
    let association = pair.b.channels.association().unwrap();
    let window = association.config().receive_window;
    assert_eq!(association.stats().local_window, window);
}

// The answer to our reset is lost, and the peer uses the stream again before we ask once more.
#[test]
fn a_stream_may_be_used_again_before_we_know_that_it_is_free() {
    let mut pair = connected(41, link());
    let mut is_lost = false;
    pair = pair.intercept(move |direction, packet| {
        let packet = Packet::parse(packet).unwrap();
        let says = |text| {
            let chunks = packet
                .chunks()
                .map(|chunk| Chunk::parse(chunk.unwrap()).unwrap().to_string());
            chunks.into_iter().any(|chunk| chunk.contains(text))
        };
        if direction == Direction::BToA && !is_lost && says("response=") {
            is_lost = true;
            return Verdict::Drop;
        }
        Verdict::Pass
    });
    let now = pair.now();
    let first = pair.b.open(now, "first");
    pair.run_until(|a, _| a.incoming("first").is_some());
    pair.run_for(Duration::from_secs(1));
    let now = pair.now();
    pair.b.channels.close(now, first);
    pair.run_until(|_, b| b.has(&Event::Closed(first)));
    let now = pair.now();
    let second = pair.b.open(now, "second");
    assert_eq!(pair.b.channels.stream_id(second), Some(1));
    pair.b.channels.send(now, second, text("hello")).unwrap();
    pair.run_until(|a, _| {
        a.messages
            .iter()
            .any(|(_, message)| *message == text("hello"))
    });
    let there = pair.a.incoming("second").unwrap();
    let now = pair.now();
    pair.a.channels.send(now, there, text("hi")).unwrap();
    pair.run_until(|_, b| b.messages == [(second, text("hi"))]);
}
