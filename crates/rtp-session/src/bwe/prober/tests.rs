use gannet_rtp::RtcpWriter;
use gannet_rtp::rtcp::{RtcpPacket, packets};
use gannet_wire::Serial16;

use super::*;
use crate::parameters::BitrateLimits;

const RTT: Option<Duration> = Some(Duration::from_millis(40));

const LIMITS: BitrateLimits = BitrateLimits {
    min: 50_000,
    start: 300_000,
    max: 5_000_000,
};

fn at(micros: u64) -> Instant {
    gannet_netsim::start() + Duration::from_micros(micros)
}

fn feed(side: &mut SendSide, now: u64, base: u16, arrivals: &[Option<i64>]) {
    let mut bytes = Vec::new();
    let mut rest = arrivals;
    let mut base = base;
    // What one message cannot say, others do: times far from each other.
    while !rest.is_empty() {
        bytes.clear();
        let covered = RtcpWriter::new(&mut bytes).transport_feedback(
            1,
            2,
            Serial16(base),
            0,
            rest.iter().copied(),
        );
        if covered == 0 {
            return;
        }
        match packets(&bytes).next() {
            Some(Ok(RtcpPacket::TransportFeedback(feedback))) => {
                side.on_feedback(at(now), &feedback, RTT);
            }
            other => panic!("{other:?}"),
        }
        rest = &rest[usize::from(covered)..];
        base += covered;
    }
}

/// Ticks of 250 us.
fn ticks(micros: u64) -> i64 {
    (micros / 250) as i64
}

/// A side that has had feedback on a packet of media at 60 ms, and sends its first probe from then on: when
/// each packet left. The first one of them has the number 2.
fn probing() -> (SendSide, Vec<u64>) {
    let mut side = SendSide::new(at(0), LIMITS);
    side.on_sent(at(0), 1000);
    feed(&mut side, 60_000, 1, &[Some(ticks(20_000))]);
    side.begin_probe(at(60_000));
    let sent = send_probe(&mut side);
    assert!(sent.len() >= 8, "{sent:?}");
    (side, sent)
}

fn send_probe(side: &mut SendSide) -> Vec<u64> {
    let mut sent = Vec::new();
    while let Some(next) = side.next_probe_departure() {
        let micros = next.saturating_duration_since(at(0)).as_micros() as u64 + 1;
        let len = side.probe_due(at(micros)).unwrap();
        side.on_padding_sent(at(micros), len);
        sent.push(micros);
    }
    sent
}

fn estimate(side: &SendSide) -> u64 {
    side.target(at(0))
}

/// After feedback with these arrivals for the packets of the probe: the estimate.
fn result(arrivals: impl Fn(usize, u64) -> Option<u64>) -> u64 {
    let (mut side, sent) = probing();
    let arrivals: Vec<_> = sent
        .iter()
        .enumerate()
        .map(|(index, sent)| arrivals(index, *sent).map(ticks))
        .collect();
    feed(&mut side, 150_000, 2, &arrivals);
    estimate(&side)
}

#[test]
fn the_first_feedback_begins_a_probe_and_the_next_one_ends_it() {
    let near = |estimate: u64, expected: u64| {
        assert!(estimate.abs_diff(expected) < expected / 12, "{estimate}");
    };
    near(result(|_, sent| Some(sent + 20_000)), 900_000);
    // At half the rate, twice as long.
    let narrow = result(|_, sent| Some(60_000 + (sent - 60_000) * 2 + 20_000));
    near(narrow, 430_000);
    // Without feedback nothing begins.
    let mut side = SendSide::new(at(0), LIMITS);
    side.on_sent(at(0), 1000);
    side.begin_probe(at(60_000));
    assert_eq!(side.next_probe_departure(), None);
    feed(&mut side, 60_000, 1, &[Some(80)]);
    side.begin_probe(at(60_001));
    assert_eq!(side.next_probe_departure(), None, "it is old");
}

#[test]
fn what_the_other_end_may_say_raises_it_no_higher_than_what_was_sent() {
    let unchanged = |estimate: u64| assert!(estimate <= 310_000, "{estimate}");
    unchanged(result(|_, _| Some(80_000)));
    unchanged(result(|_, sent| Some(80_000 + (sent - 60_000) / 4)));
    unchanged(result(|index, _| (index % 2 == 0).then_some(90_000)));
    unchanged(result(|_, _| None));
    // Backwards it is as long as forwards.
    let backwards = result(|_, sent| Some(900_000 - sent));
    assert!(backwards < 1_000_000, "{backwards}");
    let scattered = result(|index, _| Some(80_000 + (index as u64 * 7919) % 50 * 1000));
    assert!(scattered < 1_000_000, "{scattered}");
}

#[test]
fn packets_that_were_never_sent_are_no_part_of_it() {
    let (mut side, sent) = probing();
    let next = 2 + sent.len() as u16;
    let arrivals: Vec<_> = (0..100).map(|index| Some(index * 4)).collect();
    for base in [next, next + 1000, 40_000, 65_000] {
        feed(&mut side, 100_000, base, &arrivals);
    }
    assert_eq!(side.prober.cluster.as_ref().unwrap().measure(), None);
    // The answers come in three parts, the last one first, and the first one twice.
    let parts = [(6, sent.len()), (3, 6), (0, 3), (0, 3)];
    for (from, to) in parts {
        let part: Vec<_> = sent[from..to]
            .iter()
            .map(|sent| Some(ticks(sent + 20_000)))
            .collect();
        feed(&mut side, 150_000, 2 + from as u16, &part);
    }
    assert!(estimate(&side) > 800_000, "{}", estimate(&side));
    assert!(side.prober.cluster.is_none());
}

#[test]
fn feedback_on_an_old_probe_does_not_meet_a_new_one() {
    let (mut side, sent) = probing();
    // None of it came back, and the wait is over.
    side.on_sent(at(2_000_000), 1000);
    let newest = 2 + sent.len() as u16;
    feed(&mut side, 2_060_000, newest, &[Some(ticks(2_020_000))]);
    assert!(side.prober.cluster.is_none());
    // The next one begins after a second.
    side.on_sent(at(3_060_000), 1000);
    feed(&mut side, 3_120_000, newest + 1, &[Some(ticks(3_080_000))]);
    side.begin_probe(at(3_120_000));
    assert!(side.prober.cluster.is_some());
    let again = send_probe(&mut side);
    let late: Vec<_> = sent.iter().map(|sent| Some(ticks(sent + 20_000))).collect();
    feed(&mut side, 3_200_000, 2, &late);
    assert!(estimate(&side) < 400_000, "{}", estimate(&side));
    let arrivals: Vec<_> = again
        .iter()
        .map(|sent| Some(ticks(sent + 20_000)))
        .collect();
    feed(&mut side, 3_250_000, newest + 2, &arrivals);
    assert!(estimate(&side) > 800_000, "{}", estimate(&side));
}

#[test]
fn a_probe_ends_when_the_queue_grows_and_none_begins_behind_one() {
    let mut side = SendSide::new(at(0), LIMITS);
    for _ in 0..20 {
        side.on_sent(at(0), 1000);
    }
    feed(&mut side, 60_000, 1, &[Some(ticks(20_000))]);
    side.begin_probe(at(60_000));
    assert!(side.next_probe_departure().is_some());
    let len = side.probe_due(at(60_000)).unwrap();
    side.on_padding_sent(at(60_000), len);
    feed(&mut side, 65_000, 2, &[Some(ticks(70_000))]);
    assert!(side.next_probe_departure().is_some(), "50 ms are endured");
    feed(&mut side, 70_000, 3, &[Some(ticks(85_000))]);
    assert_eq!(side.next_probe_departure(), None, "65 ms are not");
    side.begin_probe(at(70_000));
    feed(&mut side, 2_000_000, 4, &[Some(ticks(55_000))]);
    side.begin_probe(at(2_000_000));
    assert_eq!(side.next_probe_departure(), None, "35 ms of queue");
    feed(&mut side, 2_100_000, 5, &[Some(ticks(45_000))]);
    side.begin_probe(at(2_100_000));
    assert!(side.next_probe_departure().is_some(), "25 ms");
}

#[test]
fn no_probe_is_faster_than_what_the_other_end_receives() {
    let aim = |remb: Option<u64>| {
        let mut side = SendSide::new(at(0), LIMITS);
        side.on_sent(at(0), 1000);
        remb.into_iter().for_each(|remb| side.on_remb(at(0), remb));
        feed(&mut side, 60_000, 1, &[Some(80)]);
        side.begin_probe(at(60_000));
        side.prober.cluster.as_ref().map(|cluster| cluster.aim())
    };
    assert!(aim(None).unwrap() >= 900_000);
    assert_eq!(aim(Some(500_000)), Some(500_000));
    assert_eq!(aim(Some(300_000)), None);
}

#[test]
fn who_has_nothing_to_fill_it_with_ends_it() {
    let mut side = SendSide::new(at(0), LIMITS);
    side.on_sent(at(0), 1000);
    feed(&mut side, 60_000, 1, &[Some(80)]);
    side.begin_probe(at(60_000));
    side.abort_probe();
    assert_eq!(side.next_probe_departure(), None);
    // One that was sent is waited for.
    let (mut side, _) = probing();
    side.abort_probe();
    assert!(side.prober.cluster.is_some());
}

#[test]
fn padding_that_is_lost_sets_no_limit() {
    let mut side = SendSide::new(at(0), LIMITS);
    let mut feed_rounds = |padding_arrives: bool, media_arrives: bool| {
        for _ in 0..40 {
            let now = 50_000 * (u64::from(side.next_sequence()) / 10 + 1);
            let base = side.next_sequence();
            (0..5).for_each(|_| side.on_sent(at(now), 500));
            (0..5).for_each(|_| side.on_padding_sent(at(now), 500));
            let arrival = |arrives: bool| arrives.then_some(ticks(now + 20_000));
            // The last packet is one of media: feedback ends with one that arrived.
            side.on_sent(at(now), 500);
            let mut arrivals = vec![arrival(media_arrives); 5];
            arrivals.extend([arrival(padding_arrives); 5]);
            arrivals.push(arrival(true));
            feed(&mut side, now + 40_000, base, &arrivals);
        }
        side.loss.limit().is_some()
    };
    assert!(!feed_rounds(false, true));
    assert!(feed_rounds(true, false));
}
