//! INIT chunks in descriptions (draft-hancke-tsvwg-snap).

mod peers;

use gannet_jsep::{Description, LocalTransport, MediaKind};
use gannet_sdp::attribute::SctpInit;
use peers::*;

/// The INIT chunk of the example in draft-hancke-tsvwg-snap.
const INIT: &str = "AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLA";

fn with_init(transport: &LocalTransport, byte: u8) -> LocalTransport {
    let mut init = SctpInit(INIT).decode().unwrap();
    // The tag.
    init[7] = byte;
    LocalTransport {
        sctp_init: Some(init),
        ..transport.clone()
    }
}

#[test]
fn inits_are_said_by_both_or_do_not_count() {
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    let (sa, sb) = (with_init(&ta, 1), with_init(&tb, 2));
    for (ta, tb) in [(&sa, &sb), (&sa, &tb), (&ta, &sb), (&ta, &tb)] {
        let (mut a, mut b) = (jsep(1), jsep(2));
        a.open_data();
        let (ours, theirs) = exchange((&mut a, ta), (&mut b, tb));
        let both = ta.sctp_init.is_some() && tb.sctp_init.is_some();
        let said = |init: &LocalTransport| init.sctp_init.clone().filter(|_| both);
        assert_eq!(ours.sctp.unwrap().remote_init, said(tb));
        assert_eq!(theirs.sctp.unwrap().remote_init, said(ta));
        let answer = b.local_description().unwrap();
        assert_eq!(answer.sdp.contains("a=sctp-init:"), both);
    }
}

// "Modifying the session" of the draft: the value stays, whoever offers.
#[test]
fn an_init_is_repeated_in_later_descriptions() {
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    let (mut a, mut b) = (jsep(1), jsep(2));
    a.open_data();
    exchange((&mut a, &with_init(&ta, 1)), (&mut b, &with_init(&tb, 2)));
    b.add_track(MediaKind::Audio, sender("y", 7, None));
    let (ours, theirs) = exchange((&mut b, &tb), (&mut a, &with_init(&ta, 9)));
    assert_eq!(ours.sctp.unwrap().remote_init, with_init(&ta, 1).sctp_init);
    assert_eq!(
        theirs.sctp.unwrap().remote_init,
        with_init(&tb, 2).sctp_init
    );
}

#[test]
fn what_is_no_init_is_not_answered() {
    let (ta, tb) = (transport("aaaa"), transport("bbbb"));
    for bad in ["AQAAHols", "a b", "AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoL"] {
        let (mut a, mut b) = (jsep(1), jsep(2));
        a.open_data();
        let offer = a.create_offer(&with_init(&ta, 0x1d)).unwrap();
        assert!(offer.sdp.contains(INIT));
        let offer = Description {
            sdp: offer.sdp.replace(INIT, bad),
            ..offer
        };
        b.set_remote(&offer).unwrap();
        let answer = b.create_answer(&with_init(&tb, 2)).unwrap();
        assert!(!answer.sdp.contains("a=sctp-init"), "{bad}");
        assert_eq!(
            b.set_local(&answer).unwrap().sctp.unwrap().remote_init,
            None
        );
    }
}
