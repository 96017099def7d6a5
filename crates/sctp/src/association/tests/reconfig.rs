use super::*;
use crate::ReconfigError;

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
