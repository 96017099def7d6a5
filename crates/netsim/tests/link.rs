//! The link model, measured: what it promises, counted over many datagrams and seeds.

use std::time::{Duration, Instant};

use gannet_netsim::{GilbertElliott, Link, LinkConfig, start};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn numbered(number: u32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn number(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet.try_into().expect("four bytes"))
}

/// Sends `count` numbered datagrams, one each `interval`, and returns what arrived, when and in
/// which order.
fn run(link: &mut Link, count: u32, interval: Duration) -> Vec<(Instant, u32)> {
    let mut arrived = Vec::new();
    for i in 0..count {
        let now = start() + interval * i;
        collect(link, now, &mut arrived);
        link.send(now, numbered(i));
    }
    collect(link, start() + Duration::from_secs(100_000), &mut arrived);
    arrived
}

/// Goes from wake-up to wake-up, up to `until`.
fn collect(link: &mut Link, until: Instant, arrived: &mut Vec<(Instant, u32)>) {
    while let Some(at) = link.next_wakeup().filter(|at| *at <= until) {
        while let Some(packet) = link.poll(at) {
            arrived.push((at, number(&packet)));
        }
    }
}

#[test]
fn an_ideal_link_changes_nothing() {
    let mut link = Link::new(LinkConfig::new(), 1);
    let arrived = run(&mut link, 100, MS);
    let expected: Vec<_> = (0..100).map(|i| (start() + MS * i, i)).collect();
    assert_eq!(arrived, expected);
    assert_eq!(link.next_wakeup(), None);
}

#[test]
fn delay_is_exact() {
    let mut link = Link::new(LinkConfig::new().delay(30 * MS), 1);
    link.send(start(), vec![1]);
    assert_eq!(link.next_wakeup(), Some(start() + 30 * MS));
    assert_eq!(link.poll(start() + 30 * MS - Duration::from_nanos(1)), None);
    assert_eq!(link.poll(start() + 30 * MS), Some(vec![1]));
    assert_eq!(link.poll(start() + 30 * MS), None);
}

#[test]
fn loss_has_its_mean_and_is_independent() {
    for (seed, loss) in [(1, 0.01), (2, 0.1), (3, 0.5)] {
        let mut link = Link::new(LinkConfig::new().loss(loss), seed);
        let arrived = run(&mut link, 100_000, MS);
        let lost = 100_000 - arrived.len();
        // Four standard deviations of a binomial distribution.
        let sigma = (100_000.0 * loss * (1.0 - loss)).sqrt();
        assert!(
            (lost as f64 - 100_000.0 * loss).abs() < 4.0 * sigma,
            "{loss}: {lost}"
        );
        // Two losses in a row are as likely as independence makes them.
        let gaps = arrived.windows(2).map(|pair| pair[1].1 - pair[0].1 - 1);
        let doubles: u32 = gaps.map(|gap| gap.saturating_sub(1)).sum();
        let expected = 100_000.0 * loss * loss;
        assert!((f64::from(doubles) - expected).abs() < 6.0 * expected.sqrt() + 5.0);
        assert_eq!(link.stats().lost, lost as u64);
    }
}

#[test]
fn loss_of_all_and_of_nothing() {
    assert_eq!(
        run(&mut Link::new(LinkConfig::new().loss(1.0), 1), 1000, MS),
        []
    );
    assert_eq!(
        run(&mut Link::new(LinkConfig::new().loss(0.0), 1), 1000, MS).len(),
        1000
    );
}

#[test]
fn bursts_have_their_mean_loss_and_length() {
    for (loss, burst) in [(0.05, 4.0), (0.2, 10.0), (0.1, 1.2)] {
        let config = LinkConfig::new().burst_loss(GilbertElliott::bursts(loss, burst));
        let arrived = run(&mut Link::new(config, 5), 400_000, MS);
        let lost = 400_000 - arrived.len();
        let gaps: Vec<u32> = arrived
            .windows(2)
            .map(|pair| pair[1].1 - pair[0].1 - 1)
            .filter(|gap| *gap > 0)
            .collect();
        let mean_burst = f64::from(gaps.iter().sum::<u32>()) / gaps.len() as f64;
        assert!(
            (lost as f64 / 400_000.0 / loss - 1.0).abs() < 0.06,
            "loss {lost}"
        );
        assert!(
            (mean_burst / burst - 1.0).abs() < 0.06,
            "burst {mean_burst}"
        );
    }
}

#[test]
fn jitter_is_evenly_spread_and_keeps_the_order() {
    let config = LinkConfig::new().delay(50 * MS).jitter(10 * MS);
    // Far apart, so that nothing has to wait for the one before it.
    let arrived = run(&mut Link::new(config.clone(), 1), 20_000, 20 * MS);
    let mut tenths = [0_u32; 10];
    for (at, i) in &arrived {
        let jitter = *at - (start() + 20 * MS * *i + 50 * MS);
        assert!(jitter <= 10 * MS);
        tenths[(jitter.as_nanos() / 1_000_001) as usize] += 1;
    }
    assert!(
        tenths.iter().all(|count| (1800..2200).contains(count)),
        "{tenths:?}"
    );

    // Close together, they bunch up but never overtake.
    let arrived = run(&mut Link::new(config, 1), 20_000, MS / 10);
    assert!(arrived.is_sorted());
    assert!(arrived.iter().map(|(_, i)| *i).eq(0..20_000));
}

#[test]
fn reordering_happens_as_often_as_asked_and_lets_others_overtake() {
    let mut link = Link::new(LinkConfig::new().delay(5 * MS).reorder(0.1, 3 * MS), 1);
    let arrived = run(&mut link, 10_000, MS);
    assert_eq!(arrived.len(), 10_000);
    let late = arrived
        .iter()
        .filter(|(at, i)| *at == start() + MS * *i + 8 * MS)
        .count();
    let in_time = arrived
        .iter()
        .filter(|(at, i)| *at == start() + MS * *i + 5 * MS)
        .count();
    assert_eq!(late + in_time, 10_000);
    assert!((900..1100).contains(&late), "{late}");
    assert_eq!(link.stats().reordered, late as u64);
    assert!(!arrived.iter().map(|(_, i)| *i).is_sorted());
}

#[test]
fn duplicates_come_twice() {
    let mut link = Link::new(LinkConfig::new().duplicate(0.25).jitter(MS), 1);
    let arrived = run(&mut link, 10_000, MS);
    let copies = arrived.len() - 10_000;
    assert!((2300..2700).contains(&copies), "{copies}");
    let mut times = vec![0; 10_000];
    arrived.iter().for_each(|(_, i)| times[*i as usize] += 1);
    assert!(times.iter().all(|times| (1..=2).contains(times)));
    assert_eq!(link.stats().duplicated, copies as u64);
    assert_eq!(link.stats().delivered, arrived.len() as u64);
}

#[test]
fn corruption_changes_exactly_one_byte() {
    let mut link = Link::new(LinkConfig::new().corrupt(0.5), 1);
    let mut hits = [0_u32; 20];
    for _ in 0..10_000 {
        link.send(start(), vec![0; 20]);
        let packet = link.poll(start()).expect("nothing is lost");
        let changed: Vec<usize> = (0..20).filter(|i| packet[*i] != 0).collect();
        assert!(changed.len() <= 1);
        changed.iter().for_each(|i| hits[*i] += 1);
    }
    assert!(
        hits.iter().all(|count| (180..330).contains(count)),
        "{hits:?}"
    );
    assert_eq!(u64::from(hits.iter().sum::<u32>()), link.stats().corrupted);
    link.send(start(), vec![]);
    assert_eq!(
        link.poll(start()),
        Some(vec![]),
        "an empty datagram has nothing to corrupt"
    );
}

#[test]
fn the_rate_is_exact_over_many_datagrams() {
    // 7 is not a divisor of anything here: the remainders must add up.
    for rate in [1_000_000, 7_000_003] {
        let mut link = Link::new(LinkConfig::new().rate(rate), 1);
        for _ in 0..10_000 {
            link.send(start(), vec![0; 1250]);
        }
        let mut last = start();
        while let Some(at) = link.next_wakeup() {
            while link.poll(at).is_some() {
                last = at;
            }
        }
        let exact = 10_000.0 * 1250.0 * 8.0 / rate as f64;
        let error = (last - start()).as_secs_f64() - exact;
        assert!(error.abs() < 2e-9, "{rate}: off by {error}");
    }
}

#[test]
fn an_idle_bottleneck_saves_nothing_up() {
    let mut link = Link::new(LinkConfig::new().rate(8_000).delay(MS), 1);
    link.send(start(), vec![0; 10]);
    assert_eq!(link.poll(start() + 11 * MS), Some(vec![0; 10]));
    let later = start() + Duration::from_secs(5);
    link.send(later, vec![0; 10]);
    link.send(later, vec![0; 10]);
    assert_eq!(link.poll(later + 10 * MS), None);
    assert_eq!(link.poll(later + 11 * MS), Some(vec![0; 10]));
    assert_eq!(link.poll(later + 20 * MS), None);
    assert_eq!(link.poll(later + 21 * MS), Some(vec![0; 10]));
}

#[test]
fn the_queue_drops_its_tail() {
    let mut link = Link::new(LinkConfig::new().rate(8_000).queue(250), 1);
    for i in 0..5 {
        link.send(start(), vec![i; 100]);
    }
    // The first is leaving, two wait, the fourth and fifth do not fit.
    assert_eq!((link.stats().queue_full, link.queued_bytes()), (2, 200));
    link.send(start(), vec![5; 50]);
    assert_eq!((link.stats().queue_full, link.queued_bytes()), (2, 250));
    assert_eq!(link.stats().queue_peak, 250);
    let end = start() + Duration::from_secs(1);
    let arrived: Vec<u8> = std::iter::from_fn(|| link.poll(end))
        .map(|packet| packet[0])
        .collect();
    assert_eq!(arrived, [0, 1, 2, 5]);
    assert_eq!(link.queued_bytes(), 0);
}

#[test]
fn a_new_rate_holds_for_what_waits() {
    let mut link = Link::new(LinkConfig::new().rate(8_000), 1);
    for i in 0..3 {
        link.send(start(), vec![i; 100]);
    }
    // 100 ms each; after 50 ms it becomes ten times as fast.
    link.set_config(start() + 50 * MS, LinkConfig::new().rate(80_000));
    assert_eq!(link.poll(start() + 99 * MS), None);
    assert_eq!(link.poll(start() + 100 * MS), Some(vec![0; 100]));
    assert_eq!(link.poll(start() + 109 * MS), None);
    assert_eq!(link.poll(start() + 110 * MS), Some(vec![1; 100]));
    // And without any rate the rest leaves at once.
    link.set_config(start() + 111 * MS, LinkConfig::new());
    assert_eq!(link.poll(start() + 111 * MS), Some(vec![2; 100]));
    assert_eq!(link.next_wakeup(), None);
}

#[test]
fn the_mtu_drops_what_is_longer() {
    let mut link = Link::new(LinkConfig::new().mtu(1200), 1);
    link.send(start(), vec![0; 1200]);
    link.send(start(), vec![0; 1201]);
    assert_eq!(link.poll(start()).map(|packet| packet.len()), Some(1200));
    assert_eq!(link.poll(start()), None);
    assert_eq!((link.stats().too_big, link.stats().dropped()), (1, 1));
}

#[test]
fn a_link_that_is_down_keeps_only_what_is_on_its_way() {
    let mut link = Link::new(LinkConfig::new().rate(8_000).delay(500 * MS), 1);
    for i in 0..3 {
        link.send(start(), vec![i; 100]);
    }
    link.set_up(start() + 150 * MS, false);
    assert!(!link.is_up());
    link.send(start() + 160 * MS, vec![3]);
    let end = start() + Duration::from_secs(9);
    assert_eq!(link.poll(end), Some(vec![0; 100]), "it had left the queue");
    assert_eq!(link.poll(end), None);
    assert_eq!(link.stats().down, 3);
    link.set_up(end, true);
    link.send(end, vec![4]);
    assert_eq!(link.poll(end + Duration::from_secs(1)), Some(vec![4]));
}

#[test]
fn one_seed_is_one_run() {
    let config = LinkConfig::new()
        .delay(10 * MS)
        .jitter(5 * MS)
        .loss(0.1)
        .burst_loss(GilbertElliott::bursts(0.05, 3.0))
        .duplicate(0.05)
        .reorder(0.1, 4 * MS);
    let runs = [7, 7, 8].map(|seed| run(&mut Link::new(config.clone(), seed), 2000, MS));
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[test]
fn the_same_datagrams_are_lost_whatever_else_happens() {
    let quick = LinkConfig::new().loss(0.2);
    let slow = quick
        .clone()
        .delay(100 * MS)
        .jitter(50 * MS)
        .rate(1_000_000);
    let survivors = [quick, slow].map(|config| {
        let arrived = run(&mut Link::new(config, 3), 1000, MS);
        arrived.into_iter().map(|(_, i)| i).collect::<Vec<_>>()
    });
    assert_eq!(survivors[0], survivors[1]);
}

#[test]
#[should_panic(expected = "not a probability")]
fn percent_are_not_probabilities() {
    let _ = LinkConfig::new().loss(5.0);
}

#[test]
#[should_panic(expected = "a link that is down")]
fn a_rate_of_zero_is_refused() {
    let _ = LinkConfig::new().rate(0);
}

#[test]
#[should_panic(expected = "cannot be had")]
fn impossible_bursts_are_refused() {
    let _ = GilbertElliott::bursts(0.9, 1.0);
}

fn configs() -> impl Strategy<Value = LinkConfig> {
    let chance = || prop_oneof![Just(0.0), 0.0..=1.0];
    (
        (0_u32..50, 0_u32..50, chance(), chance()),
        (
            chance(),
            chance(),
            1_000_u64..1_000_000,
            0_usize..5_000,
            1_usize..2_000,
        ),
    )
        .prop_map(
            |((delay, jitter, loss, reorder), (duplicate, corrupt, rate, queue, mtu))| {
                LinkConfig::new()
                    .delay(MS * delay)
                    .jitter(MS * jitter)
                    .loss(loss)
                    .reorder(reorder, 20 * MS)
                    .duplicate(duplicate)
                    .corrupt(corrupt)
                    .rate(rate)
                    .queue(queue)
                    .mtu(mtu)
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_datagram_is_accounted_for(
        config in configs(),
        seed: u64,
        sizes in prop::collection::vec(0_usize..1500, 0..100),
        change in prop::option::of((0_usize..100, configs())),
    ) {
        let mut link = Link::new(config, seed);
        let mut delivered = 0;
        let mut now = start();
        for (i, size) in sizes.iter().enumerate() {
            now += MS * (i as u32 % 7);
            if let Some((when, config)) = &change && *when == i {
                link.set_config(now, config.clone());
            }
            link.send(now, vec![0; *size]);
            while link.poll(now).is_some() { delivered += 1; }
        }
        while let Some(at) = link.next_wakeup() {
            now = now.max(at);
            while link.poll(now).is_some() { delivered += 1; }
        }
        let stats = link.stats();
        prop_assert_eq!(stats.sent, sizes.len() as u64);
        prop_assert_eq!(stats.delivered, delivered);
        prop_assert_eq!(stats.sent + stats.duplicated, stats.delivered + stats.dropped());
        prop_assert_eq!(link.queued_bytes(), 0);
    }
}
