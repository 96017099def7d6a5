use super::bounds::packet_for;
use super::*;
use crate::ReconfigError;
use crate::packet::{
    IncomingReset, OutgoingReset, ReConfig, ReConfigParameter, ReConfigResponse, ReConfigResult,
    StreamIds, TsnReset,
};
use crate::timer::Timer;

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

/// Hands one parameter to an end, as from its peer.
fn hand(end: &mut End, now: Instant, first: ReConfigParameter<'_>) {
    let chunk = ReConfig {
        first,
        second: None,
    };
    let packet = packet_for(end, &chunk);
    end.association.handle_packet(now, &packet);
    end.collect();
}

/// The answer in the next packet of an end.
fn answer(end: &mut End, now: Instant) -> (u32, ReConfigResult) {
    let answer = transmit(end, now).unwrap();
    let packet = Packet::parse(&answer).unwrap();
    let chunk = packet.chunks().next().unwrap().unwrap();
    let Chunk::ReConfig(chunk) = Chunk::parse(chunk).unwrap() else {
        panic!("{answer:?}");
    };
    let ReConfigParameter::Response(response) = &chunk.first else {
        panic!("{chunk}");
    };
    (response.response_number, response.result)
}

#[test]
fn the_peer_resets_streams_that_it_is_asked_to() {
    for seed in 0..40 {
        let link = quick_link()
            .loss([0.0, 0.2][seed as usize % 2])
            .reorder(0.1, 20 * MS);
        let mut pair = connected(seed, &Config::default(), link);
        for round in 0..3 {
            let now = pair.now();
            for i in 0..5 {
                pair.b.send(now, 7, pattern(i, 3000));
            }
            let asked = pair.a.association.reset_incoming_streams(&[StreamId(7)]);
            assert_eq!(asked, Ok(()));
            // It comes behind what the peer has queued, and the peer hears of it too.
            pair.run_until(|a, b| {
                a.has(&Event::IncomingStreamsReset(vec![StreamId(7)]))
                    && b.has(&Event::OutgoingStreamsReset(vec![StreamId(7)]))
            });
            assert_eq!(pair.a.messages.len(), 5, "seed {seed} round {round}");
            pair.a.events.clear();
            pair.b.events.clear();
            pair.a.messages.clear();
        }
    }
}

#[test]
fn many_streams_of_the_peer_are_asked_for_in_parts() {
    let mut pair = connected(5, &Config::default(), quick_link());
    let streams: Vec<StreamId> = (0..300).map(StreamId).collect();
    pair.a.association.reset_incoming_streams(&streams).unwrap();
    let mut seen = Vec::new();
    pair.run_until(|a, _| {
        for event in a.events.drain(..) {
            if let Event::IncomingStreamsReset(streams) = event {
                seen.extend(streams);
            }
        }
        seen.len() >= 300
    });
    assert_eq!(seen, streams);
    let invalid = StreamId(pair.a.association.inbound_streams());
    assert_eq!(
        pair.a.association.reset_incoming_streams(&[invalid]),
        Err(ReconfigError::InvalidStream(invalid))
    );
}

#[test]
fn a_peer_may_refuse_to_reset_its_streams() {
    let mut pair = connected(6, &Config::default(), quick_link());
    let now = pair.now();
    let number = pair.a.association.core.identity.initial_tsn.0;
    let streams = vec![StreamId(3)];
    pair.a.association.reset_incoming_streams(&streams).unwrap();
    assert!(transmit(&mut pair.a, now).is_some());
    let denied = ReConfigResponse {
        response_number: number,
        result: ReConfigResult::Denied,
        tsns: None,
    };
    hand(&mut pair.a, now, ReConfigParameter::Response(denied));
    assert!(pair.a.has(&Event::IncomingStreamsResetFailed(streams)));
}

// RFC 6525, section 5.2.2, E1.
#[test]
fn the_reset_that_was_asked_for_is_an_answer() {
    let mut pair = connected(7, &Config::default(), quick_link());
    let now = pair.now();
    let number = pair.a.association.core.identity.initial_tsn.0;
    let streams = [StreamId(3)];
    pair.a.association.reset_incoming_streams(&streams).unwrap();
    assert!(transmit(&mut pair.a, now).is_some());
    assert!(pair.a.association.core.timers.is_running(Timer::ReConfig));
    let first = pair.b.association.core.identity.initial_tsn.0;
    let reset = |response_number, request_number| {
        ReConfigParameter::OutgoingReset(OutgoingReset {
            request_number,
            response_number,
            last_tsn: first.wrapping_sub(1),
            streams: StreamIds::Owned(&streams),
        })
    };
    hand(&mut pair.a, now, reset(number.wrapping_sub(1), first));
    assert!(pair.a.association.core.timers.is_running(Timer::ReConfig));
    hand(&mut pair.a, now, reset(number, first.wrapping_add(1)));
    assert!(!pair.a.association.core.timers.is_running(Timer::ReConfig));
}

// RFC 6525, section 5.2.3: no streams are all streams, and what is being reset already needs nothing.
#[test]
fn a_peer_that_asks_for_all_streams_gets_those_that_were_used() {
    let mut pair = connected(8, &Config::default(), quick_link());
    let now = pair.now();
    pair.b.send(now, 2, "two");
    pair.b.send(now, 900, "nine hundred");
    pair.run_until(|a, _| a.messages.len() == 2);
    let number = pair.a.association.core.identity.initial_tsn.0;
    let all = |request_number| {
        ReConfigParameter::IncomingReset(IncomingReset {
            request_number,
            streams: StreamIds::Owned(&[]),
        })
    };
    let now = pair.now();
    for (number, result) in [
        (number, ReConfigResult::Performed),
        (number.wrapping_add(1), ReConfigResult::NothingToDo),
    ] {
        hand(&mut pair.b, now, all(number));
        assert_eq!(answer(&mut pair.b, now), (number, result));
    }
    let used = vec![StreamId(2), StreamId(900)];
    pair.run_until(|_, b| b.has(&Event::OutgoingStreamsReset(used.clone())));
    assert!(pair.a.has(&Event::IncomingStreamsReset(used)));
}

#[test]
fn requests_whose_answers_have_no_place_are_not_taken() {
    let mut pair = connected(9, &Config::default(), quick_link());
    let now = pair.now();
    let first = pair.a.association.core.identity.initial_tsn.0;
    for stream in 0..20_u16 {
        let request = IncomingReset {
            request_number: first.wrapping_add(stream.into()),
            streams: StreamIds::Owned(&[StreamId(stream)]),
        };
        hand(&mut pair.b, now, ReConfigParameter::IncomingReset(request));
    }
    let resetting = |pair: &Ends, stream| {
        let queue = &pair.b.association.core.queue;
        queue.is_resetting(StreamId(stream))
    };
    assert!(resetting(&pair, 7));
    assert!(!resetting(&pair, 8));
    // When the answers have left, the next one has its turn.
    assert_eq!(answer(&mut pair.b, now), (first, ReConfigResult::Performed));
    let request = IncomingReset {
        request_number: first.wrapping_add(8),
        streams: StreamIds::Owned(&[StreamId(8)]),
    };
    hand(&mut pair.b, now, ReConfigParameter::IncomingReset(request));
    assert!(resetting(&pair, 8));
}

// RFC 6525, sections 5.2.1 and 5.2.4: TSNs are never reset, and who asks is told so, as often as it asks.
#[test]
fn a_tsn_reset_is_denied() {
    let mut pair = connected(4, &Config::default(), quick_link());
    let first = pair.a.association.core.identity.initial_tsn.0;
    let ask = |pair: &mut Ends, request_number| {
        let now = pair.now();
        let request = ReConfigParameter::TsnReset(TsnReset { request_number });
        hand(&mut pair.b, now, request);
        let (number, result) = answer(&mut pair.b, now);
        assert_eq!(number, request_number);
        result
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
