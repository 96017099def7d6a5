use super::bounds::packet_for;
use super::*;
use crate::ReconfigError;
use crate::packet::{ReConfig, ReConfigParameter, ReConfigResult, TsnReset};

#[test]
fn a_stream_is_reset_behind_its_messages() {
    for seed in 0..40 {
        let config = Config {
            interleaving: seed % 2 == 0,
            ..Config::default()
        };
        let link = quick_link()
            .loss([0.0, 0.2][seed as usize % 2])
            .reorder(0.1, 20 * MS);
        let mut pair = connected(seed, &config, link);
        for round in 0..3 {
            let now = pair.now();
            for i in 0..5 {
                pair.a.send(now, 7, pattern(i, 3000));
            }
            pair.a.send(now, 8, "other");
            pair.a.association.reset_streams(&[StreamId(7)]).unwrap();
            let refused = pair.a.association.send(
                now,
                StreamId(7),
                Ppid(0),
                Bytes::from_static(b"x"),
                SendOptions::default(),
            );
            assert!(refused.is_err());
            pair.run_until(|a, b| {
                a.has(&Event::OutgoingStreamsReset(vec![StreamId(7)]))
                    && b.has(&Event::IncomingStreamsReset(vec![StreamId(7)]))
                    && b.messages.len() == 6
            });
            assert_eq!(pair.b.messages.len(), 6, "seed {seed} round {round}");
            pair.a.events.clear();
            pair.b.events.clear();
            pair.b.messages.clear();
        }
    }
}

#[test]
fn both_ends_reset_at_once() {
    for seed in 0..20 {
        let mut pair = connected(seed, &Config::default(), quick_link().loss(0.1));
        pair.a
            .association
            .reset_streams(&[StreamId(1), StreamId(2)])
            .unwrap();
        pair.b.association.reset_streams(&[StreamId(1)]).unwrap();
        pair.run_until(|a, b| {
            let reset = |end: &End| {
                let is_reset = |event: &Event| matches!(event, Event::OutgoingStreamsReset(_));
                end.events.iter().any(is_reset)
            };
            reset(a) && reset(b)
        });
        assert!(
            pair.b
                .has(&Event::IncomingStreamsReset(vec![StreamId(1), StreamId(2)]))
        );
        assert!(pair.a.has(&Event::IncomingStreamsReset(vec![StreamId(1)])));
    }
}

#[test]
fn streams_are_added() {
    let config = Config {
        outbound_streams: 10,
        inbound_streams: 100,
        ..Config::default()
    };
    let mut pair = connected(1, &config, quick_link());
    assert_eq!(pair.a.association.outbound_streams(), 10);
    pair.a.association.add_streams(20).unwrap();
    pair.run_until(|a, _| a.has(&Event::StreamsAdded(30)));
    let now = pair.now();
    pair.a.send(now, 29, "new");
    pair.run_until(|_, b| !b.messages.is_empty());
    pair.a.association.add_streams(71).unwrap();
    pair.run_until(|a, _| a.has(&Event::StreamsAddFailed));
    assert_eq!(
        pair.a.association.add_streams(65_535),
        Err(ReconfigError::TooManyStreams)
    );
}

#[test]
fn many_resets_at_once_are_split() {
    let mut pair = connected(2, &Config::default(), quick_link());
    let streams: Vec<StreamId> = (0..500).map(StreamId).collect();
    pair.a.association.reset_streams(&streams).unwrap();
    let mut seen = 0;
    pair.run_until(|a, _| {
        for event in a.events.drain(..) {
            if let Event::OutgoingStreamsReset(streams) = event {
                seen += streams.len();
            }
        }
        seen == 500
    });
}

#[test]
fn resetting_needs_an_association_and_a_stream() {
    let mut end = End::new(Config::default(), 1);
    let reset = |end: &mut End, id| end.association.reset_streams(&[StreamId(id)]);
    assert_eq!(reset(&mut end, 1), Err(ReconfigError::NotConnected));
    let config = Config {
        outbound_streams: 10,
        ..Config::default()
    };
    let mut pair = connected(3, &config, quick_link());
    let invalid = ReconfigError::InvalidStream(StreamId(10));
    assert_eq!(reset(&mut pair.a, 10), Err(invalid));
}

// RFC 6525, sections 5.2.1 and 5.2.4: TSNs are never reset, and who asks is told so, as often as it asks.
#[test]
fn a_tsn_reset_is_denied() {
    let mut pair = connected(4, &Config::default(), quick_link());
    let first = pair.a.association.core.identity.initial_tsn.0;
    let ask = |pair: &mut Ends, request_number| {
        let now = pair.now();
        let request = ReConfig {
            first: ReConfigParameter::TsnReset(TsnReset { request_number }),
            second: None,
        };
        let packet = packet_for(&pair.b, &request);
        pair.b.association.handle_packet(now, &packet);
        let answer = transmit(&mut pair.b, now).unwrap();
        let packet = Packet::parse(&answer).unwrap();
        let mut chunks = packet.chunks();
        let Chunk::ReConfig(chunk) = Chunk::parse(chunks.next().unwrap().unwrap()).unwrap() else {
            panic!("{answer:?}");
        };
        let ReConfigParameter::Response(response) = &chunk.first else {
            panic!("{chunk}");
        };
        assert_eq!(response.response_number, request_number);
        response.result
    };
    assert_eq!(ask(&mut pair, first), ReConfigResult::Denied);
    assert_eq!(ask(&mut pair, first), ReConfigResult::Denied, "again");
    let ahead = first.wrapping_add(7);
    assert_eq!(ask(&mut pair, ahead), ReConfigResult::BadSequenceNumber);
    let next = first.wrapping_add(1);
    assert_eq!(ask(&mut pair, next), ReConfigResult::Denied);
    // The association goes on with the TSNs that it had.
    let now = pair.now();
    pair.a.send(now, 1, "still here");
    pair.run_until(|_, b| b.messages.len() == 1);
}
