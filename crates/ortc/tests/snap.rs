//! SCTP's setup in signaling (draft-hancke-tsvwg-snap): both ends, one end, and nonsense.

mod call;

use std::time::Duration;

use bytes::Bytes;
use gannet_netsim::LinkConfig;
use gannet_ortc::data::{ChannelInit, Message};
use gannet_ortc::dtls::Versions;
use gannet_ortc::parameters::SctpParameters;

use self::call::Call;

/// Both sides' INIT chunks go through signaling if `both`, else that of `a` alone.
fn call_with_inits(both: bool) -> Call {
    let mut call = Call::new(
        21,
        Versions::default(),
        LinkConfig::new().delay(Duration::from_millis(25)),
    );
    let now = call.now();
    let (a, b) = (call.a, call.b);
    let from_a = call.network[a].session.sctp_init(now).to_vec();
    let from_b = both.then(|| call.network[b].session.sctp_init(now).to_vec());
    let remote = SctpParameters::default();
    // Who has not said its own INIT does not use the peer's either.
    let for_b = both.then_some(from_a);
    let a = &mut call.network[a].session;
    a.start_sctp(now, 5000, remote, from_b);
    let b = &mut call.network[b].session;
    b.start_sctp(now, 5000, remote, for_b);
    call
}

/// How long it takes after DTLS until a channel has brought its first message.
fn time_to_first_message(mut call: Call) -> Duration {
    call.connect();
    let connected = call.network.elapsed();
    let (a, b) = (call.a, call.b);
    call.network
        .run_until(|network| network[a].session.channels().is_connected());
    let now = call.now();
    let channels = call.network[a].session.channels_mut();
    let channel = channels.open(now, ChannelInit::default()).unwrap();
    let hello = Message::Binary(Bytes::from_static(b"hello"));
    channels.send(now, channel, hello).unwrap();
    call.network
        .run_until(|network| network[b].messages.len() == 1);
    assert!(call.network[a].session.channels().is_connected());
    call.network.elapsed() - connected
}

// draft-hancke-tsvwg-snap: nothing but the way there is left of SCTP's two and a half round trips.
#[test]
fn inits_in_signaling_spare_the_handshake() {
    let plain = Call::new(
        21,
        Versions::default(),
        LinkConfig::new().delay(Duration::from_millis(25)),
    );
    let with_handshake = time_to_first_message(plain);
    let without = time_to_first_message(call_with_inits(true));
    assert!(without <= Duration::from_millis(52), "{without:?}");
    assert!(
        with_handshake >= without + Duration::from_millis(50),
        "{with_handshake:?}"
    );
    // One side alone: there is a handshake, from the INIT that was announced.
    let mut call = call_with_inits(false);
    let a = call.a;
    let now = call.now();
    let announced = call.network[a].session.sctp_init(now).to_vec();
    call.connect();
    call.network
        .run_until(|network| network[a].session.channels().is_connected());
    let association = call.network[a].session.channels().association().unwrap();
    assert_eq!(association.local_init(), announced);
    assert_eq!(
        time_to_first_message(call_with_inits(false)),
        with_handshake
    );
}

#[test]
fn an_init_that_is_none_is_as_if_it_were_not_there() {
    let mut call = call_with_inits(true);
    let now = call.now();
    for host in [call.a, call.b] {
        let bad = Some(vec![1, 0, 0, 20]);
        let session = &mut call.network[host].session;
        session.start_sctp(now, 5000, SctpParameters::default(), bad);
    }
    time_to_first_message(call);
}
