//! What happens where there is no room: in the send buffer, or among the events.

use super::*;

// Bulk data fills the send buffer all the time; channels come and go beside it.
#[test]
fn channels_are_opened_while_the_send_buffer_is_full() {
    let config = Config {
        send_buffer: 200_000,
        ..Config::default()
    };
    let mut pair = started(42, &config, link().rate(2_000_000).queue(50_000));
    pair.run_until(|a, b| a.channels.is_connected() && b.channels.is_connected());
    let now = pair.now();
    let bulk = pair.a.open(now, "bulk");
    let message = Message::Binary(Bytes::from(vec![1; 10_000]));
    let fill = |pair: &mut Ends| {
        let now = pair.now();
        while pair.a.channels.send(now, bulk, message.clone()).is_ok() {}
        while pair.a.channels.send(now, bulk, text(".")).is_ok() {}
    };
    fill(&mut pair);
    let ours = pair.a.open(now, "ours");
    let init = ChannelInit {
        label: "theirs".into(),
        ordered: false,
        ..ChannelInit::default()
    };
    let theirs = pair.b.channels.open(now, init).unwrap();
    for _ in 0..100 {
        pair.run_for(MS);
        fill(&mut pair);
    }
    assert!(pair.a.incoming("theirs").is_some());
    pair.run_for(Duration::from_secs(5));
    assert!(pair.b.incoming("ours").is_some());
    assert_eq!(pair.a.channels.state(ours), ChannelState::Open);
    assert!(!pair.b.channels.channels[&theirs].awaits_ack);
}

// Whoever comes back after a long time hears everything at once, though nothing happens any more.
#[test]
fn events_that_had_no_room_come_when_there_is() {
    let mut pair = connected(43, link());
    pair.b.hears = false;
    for _ in 0..4 {
        let now = pair.now();
        let ids: Vec<_> = (0..500).map(|i| pair.a.open(now, &i.to_string())).collect();
        for id in ids {
            pair.a.channels.close(now, id);
        }
        pair.run_for(Duration::from_secs(10));
    }
    pair.b.hears = true;
    pair.b.collect();
    let incoming = |event: &&Event| matches!(event, Event::Incoming(_));
    assert_eq!(pair.b.events.iter().filter(incoming).count(), 2000);
}
