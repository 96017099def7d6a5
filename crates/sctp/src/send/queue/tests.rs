use std::time::Duration;

use super::*;

fn queue(kind: SchedulerKind) -> SendQueue {
    SendQueue::new(kind, 100_000)
}

fn push(queue: &mut SendQueue, stream: u16, len: usize) {
    let options = SendOptions::default();
    let data = Bytes::from(vec![stream as u8; len]);
    queue.push(Instant::now(), StreamId(stream), Ppid(51), data, options);
}

fn pull_with(queue: &mut SendQueue, now: Instant, interleaving: bool) -> (Pulled, Vec<Event>) {
    let mut events = VecDeque::new();
    let context = PullContext {
        interleaving,
        partial_reliability: true,
        first_in_packet: true,
        events: &mut events,
        abandoned: &mut 0,
    };
    let pulled = queue.pull(now, 1000, 77, context);
    (pulled, events.into())
}

/// The streams and lengths of all fragments, in order.
fn drain(queue: &mut SendQueue, interleaving: bool) -> Vec<(u16, usize)> {
    let mut fragments = Vec::new();
    while let (Pulled::Fragment(fragment), _) = pull_with(queue, Instant::now(), interleaving) {
        fragments.push((fragment.stream.0, fragment.payload.len()));
    }
    assert!(queue.is_empty());
    assert_eq!(queue.buffered(), 0);
    fragments
}

#[test]
fn a_message_is_cut_into_fragments() {
    let mut queue = queue(SchedulerKind::RoundRobin);
    push(&mut queue, 1, 2500);
    let mut seen = Vec::new();
    while let (Pulled::Fragment(f), _) = pull_with(&mut queue, Instant::now(), true) {
        seen.push((
            f.payload.len(),
            f.fragment.beginning,
            f.fragment.end,
            f.fsn,
            f.number,
        ));
    }
    assert_eq!(
        seen,
        [
            (1000, true, false, 0, 0),
            (1000, false, false, 1, 0),
            (500, false, true, 2, 0)
        ]
    );
}

#[test]
fn without_interleaving_a_message_is_finished_first() {
    let mut queue = queue(SchedulerKind::RoundRobin);
    push(&mut queue, 1, 1500);
    push(&mut queue, 1, 10);
    push(&mut queue, 2, 1500);
    assert_eq!(
        drain(&mut queue, false),
        [(1, 1000), (1, 500), (2, 1000), (2, 500), (1, 10)]
    );
}

#[test]
fn with_interleaving_streams_take_turns_by_fragment() {
    let mut queue = queue(SchedulerKind::RoundRobin);
    push(&mut queue, 1, 2500);
    push(&mut queue, 2, 2000);
    assert_eq!(
        drain(&mut queue, true),
        [(1, 1000), (2, 1000), (1, 1000), (2, 1000), (1, 500)]
    );
}

#[test]
fn first_come_first_served_follows_the_order_of_sending() {
    let mut queue = queue(SchedulerKind::FirstComeFirstServed);
    for stream in [5, 1, 5, 3, 1] {
        push(&mut queue, stream, 100);
    }
    let streams: Vec<u16> = drain(&mut queue, true).iter().map(|f| f.0).collect();
    assert_eq!(streams, [5, 1, 5, 3, 1]);
}

#[test]
fn priorities_come_first() {
    let mut queue = queue(SchedulerKind::Priority);
    queue.set_priority(StreamId(2), 512);
    queue.set_priority(StreamId(3), 128);
    for stream in [3, 1, 2, 3, 2] {
        push(&mut queue, stream, 100);
    }
    let streams: Vec<u16> = drain(&mut queue, true).iter().map(|f| f.0).collect();
    assert_eq!(streams, [2, 2, 1, 3, 3]);
}

#[test]
fn weights_share_the_bandwidth() {
    let mut queue = queue(SchedulerKind::WeightedFair);
    queue.set_priority(StreamId(1), 256);
    queue.set_priority(StreamId(2), 1024);
    for _ in 0..40 {
        push(&mut queue, 1, 900);
        push(&mut queue, 2, 900);
    }
    let mut first_half = [0; 3];
    for _ in 0..40 {
        if let (Pulled::Fragment(f), _) = pull_with(&mut queue, Instant::now(), true) {
            first_half[usize::from(f.stream.0)] += 1;
        }
    }
    assert!((7..=9).contains(&first_half[1]), "{first_half:?}");
}

#[test]
fn expired_messages_are_not_sent() {
    let mut queue = queue(SchedulerKind::RoundRobin);
    let now = Instant::now();
    let options = SendOptions {
        ordered: true,
        reliability: Reliability::MaxLifetime(Duration::from_millis(10)),
    };
    let data = Bytes::from(vec![0; 1500]);
    for _ in 0..2 {
        queue.push(now, StreamId(1), Ppid(0), data.clone(), options);
    }
    assert!(matches!(
        pull_with(&mut queue, now, false).0,
        Pulled::Fragment(_)
    ));
    let later = now + Duration::from_millis(10);
    let (pulled, _) = pull_with(&mut queue, later, false);
    assert!(matches!(
        pulled,
        Pulled::Expired {
            stream: StreamId(1),
            first_tsn: 77
        }
    ));
    let mut events = VecDeque::new();
    let (len, rest) = queue.discard_rest(StreamId(1), 77, &mut events).unwrap();
    assert_eq!((len, rest.fsn, rest.number), (500, 1, 0));
    assert!(queue.discard_rest(StreamId(1), 77, &mut events).is_none());
    let (pulled, events) = pull_with(&mut queue, later, false);
    assert!(matches!(pulled, Pulled::Empty));
    let abandoned = Event::MessageAbandoned {
        stream: StreamId(1),
        len: 1500,
    };
    assert!(events.contains(&abandoned));
    // The number of the message that was never started is used by the next one.
    push(&mut queue, 1, 10);
    let (Pulled::Fragment(fragment), _) = pull_with(&mut queue, later, false) else {
        panic!("nothing to send");
    };
    assert_eq!(fragment.number, 1);
}

#[test]
fn the_user_hears_of_room() {
    let mut queue = queue(SchedulerKind::RoundRobin);
    queue.set_low_threshold(StreamId(1), 500);
    push(&mut queue, 1, 90_000);
    assert!(!queue.has_room(20_000));
    let (mut low, mut writable) = (0, 0);
    while let (Pulled::Fragment(_), events) = pull_with(&mut queue, Instant::now(), false) {
        for event in events {
            match event {
                Event::BufferedAmountLow(StreamId(1)) => low += 1,
                Event::Writable => {
                    writable += 1;
                    assert_eq!(queue.buffered(), 50_000);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((low, writable), (1, 1));
}
