use super::*;

fn at(micros: u64) -> Instant {
    gannet_netsim::start() + Duration::from_micros(micros)
}

/// Sends padding, and `media` packets of 1,200 bytes at once after 5 ms. Milliseconds and bytes.
fn send(cluster: &mut Cluster, padding: usize, media: usize) -> Vec<(f64, u32)> {
    let mut sent = Vec::new();
    let mut media = media;
    while let Some(next) = cluster.next_departure() {
        let elapsed = (next - at(0)).as_secs_f64() * 1e3;
        if elapsed >= 5.0 {
            for _ in 0..std::mem::take(&mut media) {
                cluster.on_sent(at(5000), 1200);
                sent.push((5.0, 1200));
            }
        }
        let Some(next) = cluster.next_departure() else {
            break;
        };
        if cluster.due(next).is_some() {
            cluster.on_sent(next, padding);
            sent.push(((next - at(0)).as_secs_f64() * 1e3, padding as u32));
        }
    }
    sent
}

/// Through a line of so many bits per second, 20 ms long: when each packet arrives.
fn through(rate: f64, sent: &[(f64, u32)]) -> Vec<f64> {
    let mut free = 0.0_f64;
    sent.iter()
        .map(|(at, bytes)| {
            free = free.max(*at) + f64::from(*bytes) * 8000.0 / rate;
            free + 20.0
        })
        .collect()
}

fn probe(aim: u64, padding: usize, media: usize, rate: f64) -> (Vec<(f64, u32)>, Option<Measured>) {
    let mut cluster = Cluster::new(at(0), aim);
    let sent = send(&mut cluster, padding, media);
    for ((send, bytes), arrival) in sent.iter().zip(through(rate, &sent)) {
        cluster.on_arrival(*send, arrival, *bytes, false);
    }
    assert!(cluster.is_over(at(50_000), Duration::ZERO));
    (sent, cluster.measure())
}

fn is_near(measured: Option<Measured>, bitrate: f64, saturated: bool) {
    let measured = measured.unwrap();
    assert_eq!(measured.saturated, saturated, "{measured:?}");
    let part = measured.bitrate / bitrate;
    assert!((0.93..1.07).contains(&part), "{measured:?}, not {bitrate}");
}

#[test]
fn a_wide_line_gives_what_was_sent_and_a_narrow_one_what_it_carries() {
    for (aim, padding) in [(150_000, 48), (900_000, 280), (6_000_000, 1200)] {
        let (sent, measured) = probe(aim, padding, 0, 100e6);
        assert!(sent.len() >= 8, "{sent:?}");
        let length = sent.last().unwrap().0;
        assert!((15.0..45.0).contains(&length), "{aim}: {length} ms");
        is_near(measured, aim as f64, false);
        let half = aim as f64 / 2.0;
        is_near(probe(aim, padding, 0, half).1, 0.95 * half, true);
    }
}

#[test]
fn media_that_leaves_at_once_in_its_middle_makes_it_no_shorter() {
    let (sent, measured) = probe(900_000, 280, 5, 100e6);
    assert!(sent.last().unwrap().0 >= 19.9, "{sent:?}");
    let bits: u32 = sent.iter().map(|(_, bytes)| bytes * 8).sum();
    is_near(measured, f64::from(bits) / 0.02, false);
    is_near(probe(900_000, 280, 5, 1e6).1, 950_000.0, true);
}

#[test]
fn it_ends_when_nothing_can_be_sent() {
    let mut cluster = Cluster::new(at(0), 100_000);
    assert!(cluster.due(at(0)).is_some());
    cluster.on_sent(at(0), 100_000);
    assert_eq!(cluster.next_departure(), Some(at(200_000)));
    assert_eq!(cluster.due(at(199_999)), None);
    assert!(!cluster.is_complete());
    assert_eq!(cluster.due(at(200_000)), None);
    assert!(cluster.is_complete());
    assert_eq!(cluster.next_departure(), None);
}

#[test]
fn it_has_an_end_whatever_it_aims_at() {
    for aim in [0, 1, 1000, u64::MAX] {
        let mut cluster = Cluster::new(at(0), aim);
        assert!(cluster.aim() <= MAX_AIM);
        let sent = send(&mut cluster, 1200, 0);
        let bytes: u64 = sent.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
        assert!(bytes <= 250_000 + 8 * 1200, "{aim}: {bytes}");
        assert!(cluster.is_complete());
    }
}

/// A cluster of ten packets of 250 bytes, one each 2 ms: a megabit per second.
fn sent_cluster() -> Cluster {
    let mut cluster = Cluster::new(at(0), 1_000_000);
    for index in 0..11 {
        cluster.on_sent(at(2000 * index), 250);
    }
    assert!(cluster.is_complete());
    cluster
}

#[test]
fn one_lost_packet_in_ten_is_no_harm_and_three_are() {
    for lost in 0..5_u32 {
        let mut cluster = sent_cluster();
        for index in 0..11 {
            if index >= 4 && index < 4 + lost {
                cluster.on_loss();
            } else {
                let sent = f64::from(index) * 2.0;
                cluster.on_arrival(sent, sent + 20.0, 250, false);
            }
        }
        assert!(cluster.is_over(at(22_000), Duration::from_secs(1)));
        let measured = cluster.measure();
        assert_eq!(measured.is_some(), lost <= 2, "{lost}: {measured:?}");
        // What was lost is not counted as carried.
        if lost == 2 {
            is_near(measured, 800_000.0, false);
        }
    }
}

#[test]
fn a_packet_that_was_taken_for_lost_counts_when_it_comes() {
    let mut cluster = sent_cluster();
    for index in 0..11 {
        if index % 2 == 0 {
            cluster.on_arrival(f64::from(index) * 2.0, f64::from(index) * 2.0, 250, false);
        } else {
            cluster.on_loss();
        }
    }
    assert_eq!(cluster.measure(), None);
    for index in [9, 7, 5, 3, 1] {
        // In the wrong order.
        cluster.on_arrival(f64::from(index) * 2.0, f64::from(index) * 2.0, 250, true);
    }
    assert_eq!(cluster.lost, 0);
    is_near(cluster.measure(), 1e6, false);
}

#[test]
fn feedback_that_does_not_come_is_not_waited_for() {
    let mut cluster = sent_cluster();
    cluster.on_arrival(0.0, 0.0, 250, false);
    let round_trip = Duration::from_millis(100);
    assert!(!cluster.is_over(at(619_999), round_trip));
    assert!(cluster.is_over(at(620_000), round_trip));
    assert_eq!(cluster.measure(), None);
}

#[test]
fn impossible_times_measure_nothing() {
    let measure = |arrival: fn(f64) -> f64| {
        let mut cluster = sent_cluster();
        for index in 0..11 {
            let sent = f64::from(index) * 2.0;
            cluster.on_arrival(sent, arrival(sent), 250, false);
        }
        cluster.measure()
    };
    assert_eq!(measure(|_| 5.0), None, "all at once");
    assert_eq!(measure(|sent| sent / 3.0), None, "three times as fast");
    assert_eq!(measure(|sent| sent * 100.0), None, "over seconds");
    // Backwards they have a length too, and it says no more than was sent.
    is_near(measure(|sent| -sent), 1e6, false);
    assert_eq!(measure(|sent| if sent < 10.0 { 0.0 } else { 1e12 }), None);
}
