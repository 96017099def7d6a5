//! Packets in, frames out.

use super::*;

const VP8: PayloadFormat = PayloadFormat::Vp8;
const PATIENCE: Duration = Duration::from_millis(50);

fn at(ms: u64) -> Instant {
    gannet_netsim::start() + Duration::from_millis(ms)
}

/// A VP8 payload: S, and in the first byte of the frame header P.
fn payload(start: bool, key: bool) -> Vec<u8> {
    let mut payload = vec![if start { 0x10 } else { 0 }];
    if start {
        let mut header = vec![if key { 0x10 } else { 0x11 }, 0, 0];
        header.extend(if key {
            &[0x9d, 0x01, 0x2a, 0x40, 1, 0xf0, 0][..]
        } else {
            &[]
        });
        payload.extend(header);
    }
    payload.extend([7; 20]);
    payload
}

/// A VP8 payload of one whole frame in a temporal layer.
fn layered(tl0: u8, layer: u8, sync: bool, key: bool) -> Vec<u8> {
    let mut bytes = vec![0x90, 0x60, tl0, layer << 6 | u8::from(sync) << 5];
    bytes.extend(&payload(true, key)[1..]);
    bytes
}

struct Rig {
    buffer: VideoBuffer,
    now: u64,
}

impl Rig {
    fn new() -> Self {
        Self {
            buffer: VideoBuffer::new(),
            now: 0,
        }
    }

    fn put(&mut self, sequence: u64, frame: u32, marker: bool, payload: &[u8]) -> Inserted {
        let packet = VideoPacket {
            sequence,
            timestamp: Serial32(frame * 3000),
            marker,
            payload_type: 96,
            format: VP8,
            payload,
            orientation: None,
        };
        self.buffer.insert(at(self.now), &packet)
    }

    /// Puts one whole frame of `count` packets, without those in `missing`.
    fn frame(&mut self, first: u64, count: u64, frame: u32, key: bool, missing: &[u64]) {
        for index in 0..count {
            if !missing.contains(&index) {
                let payload = payload(index == 0, key);
                self.put(first + index, frame, index == count - 1, &payload);
            }
        }
    }

    /// The frames that come out, by number.
    fn out(&mut self) -> Vec<u32> {
        let now = at(self.now);
        std::iter::from_fn(|| self.buffer.next_frame(now, PATIENCE))
            .map(|frame| frame.timestamp.0 / 3000)
            .collect()
    }
}

#[test]
fn a_frame_comes_out_with_its_last_packet() {
    let mut rig = Rig::new();
    rig.put(10, 1, false, &payload(true, true));
    assert_eq!(rig.out(), []);
    rig.put(11, 1, true, &payload(false, true));
    assert_eq!(rig.out(), [1]);
    rig.put(13, 2, true, &payload(false, false));
    assert_eq!(rig.out(), []);
    rig.put(12, 2, false, &payload(true, false));
    assert_eq!(rig.out(), [2]);
}

#[test]
fn without_a_marker_the_next_frame_ends_it() {
    let mut rig = Rig::new();
    rig.put(1, 1, false, &payload(true, true));
    rig.put(2, 2, true, &payload(true, false));
    assert_eq!(rig.out(), [1, 2]);
}

#[test]
fn it_starts_with_a_key_frame() {
    let mut rig = Rig::new();
    rig.frame(1, 1, 1, false, &[]);
    assert_eq!(rig.out(), []);
    assert!(rig.buffer.needs_key_frame());
    rig.frame(2, 2, 2, true, &[]);
    rig.frame(4, 1, 3, false, &[]);
    assert_eq!(rig.out(), [2, 3]);
    assert!(!rig.buffer.needs_key_frame());
    assert_eq!(rig.buffer.frames_dropped, 1);
}

#[test]
fn the_first_packets_may_be_out_of_order() {
    let mut rig = Rig::new();
    rig.put(11, 1, true, &payload(false, true));
    assert_eq!(rig.out(), []);
    assert!(rig.buffer.needs_key_frame());
    rig.put(10, 1, false, &payload(true, true));
    assert_eq!(rig.out(), [1]);
}

#[test]
fn the_beginning_is_waited_for_in_front_of_the_first_packet() {
    let mut rig = Rig::new();
    rig.frame(200, 2, 3, false, &[]);
    assert_eq!(rig.out(), []);
    assert_eq!(rig.buffer.base(), 200 - BEFORE_FIRST);
    rig.now = 90;
    rig.frame(198, 2, 2, false, &[]);
    rig.frame(195, 3, 1, true, &[1]);
    assert_eq!(rig.out(), []);
    rig.put(196, 1, false, &payload(false, true));
    let now = at(rig.now);
    let frame = rig.buffer.next_frame(now, PATIENCE).unwrap();
    // Nobody knows whether there were packets before it.
    assert_eq!((frame.sequence, frame.lost), (195, 0));
    assert_eq!(rig.out(), [2, 3]);
}

#[test]
fn a_key_frame_that_comes_first_waits_for_nothing() {
    let mut rig = Rig::new();
    rig.put(200, 1, true, &payload(true, true));
    assert_eq!(rig.buffer.base(), 200);
    assert_eq!(rig.out(), [1]);
    // Numbers begin somewhere.
    let mut rig = Rig::new();
    rig.put(3, 1, true, &payload(false, true));
    assert_eq!(rig.buffer.base(), 0);
}

#[test]
fn a_hole_holds_back_what_is_behind_it() {
    let mut rig = Rig::new();
    rig.frame(1, 2, 1, true, &[]);
    rig.frame(3, 3, 2, false, &[1]);
    rig.frame(6, 1, 3, false, &[]);
    assert_eq!(rig.out(), [1]);
    assert_eq!(rig.buffer.hole_since(), Some(at(0)));
    rig.now = 40;
    rig.put(4, 2, false, &payload(false, false));
    assert_eq!(rig.out(), [2, 3]);
    assert_eq!(rig.buffer.hole_since(), None);
}

#[test]
fn a_hole_that_stays_costs_everything_up_to_a_key_frame() {
    let mut rig = Rig::new();
    rig.frame(1, 2, 1, true, &[]);
    rig.frame(3, 3, 2, false, &[1]);
    rig.frame(6, 1, 3, false, &[]);
    assert_eq!(rig.out(), [1]);
    let wait = Duration::from_millis(500);
    assert!(!rig.buffer.give_up(at(499), wait));
    assert!(rig.buffer.give_up(at(500), wait));
    assert_eq!(rig.out(), []);
    assert!(rig.buffer.needs_key_frame());
    assert_eq!(
        rig.put(4, 2, false, &payload(false, false)),
        Inserted::Discarded
    );
    rig.frame(7, 2, 4, true, &[]);
    let frame = rig.buffer.next_frame(at(501), PATIENCE).unwrap();
    assert_eq!((frame.timestamp.0 / 3000, frame.lost), (4, 1));
    assert_eq!(rig.buffer.frames_dropped, 2);
}

#[test]
fn a_complete_key_frame_ends_the_wait() {
    let mut rig = Rig::new();
    rig.frame(1, 1, 1, true, &[]);
    rig.frame(2, 2, 2, false, &[0]);
    rig.frame(4, 2, 3, true, &[1]);
    assert_eq!(rig.out(), [1]);
    rig.put(5, 3, true, &payload(false, true));
    assert_eq!(rig.out(), []);
    let max_wait = Duration::from_millis(500);
    let due = |rig: &Rig| rig.buffer.next_timeout(PATIENCE, max_wait);
    assert_eq!(due(&rig), Some(at(50)));
    rig.now = 50;
    assert_eq!(rig.out(), [3]);
    assert_eq!(rig.buffer.base(), 6);
    assert_eq!(due(&rig), None);
}

#[test]
fn a_key_frame_leaves_a_young_hole_to_retransmissions() {
    let mut rig = Rig::new();
    rig.frame(1, 1, 1, true, &[]);
    rig.frame(2, 2, 2, false, &[0]);
    rig.frame(4, 2, 3, true, &[]);
    assert_eq!(rig.out(), [1]);
    rig.now = 49;
    rig.put(2, 2, false, &payload(true, false));
    assert_eq!(rig.out(), [2, 3]);
    // An incomplete one ends no wait at all.
    rig.frame(6, 2, 4, false, &[0]);
    rig.frame(8, 2, 5, true, &[1]);
    rig.now = 200;
    assert_eq!(rig.out(), []);
    let max_wait = Duration::from_millis(500);
    assert_eq!(rig.buffer.next_timeout(PATIENCE, max_wait), Some(at(549)));
}

#[test]
fn a_frame_whose_beginning_is_lost_is_never_handed_out() {
    let mut rig = Rig::new();
    rig.put(5, 1, true, &payload(false, true));
    rig.frame(6, 1, 2, false, &[]);
    assert_eq!(rig.out(), []);
    assert!(rig.buffer.give_up(at(500), Duration::from_millis(500)));
    assert_eq!(rig.out(), []);
    assert_eq!(rig.buffer.frames_dropped, 2);
    assert!(rig.buffer.needs_key_frame());
}

#[test]
fn padding_belongs_to_no_frame() {
    let mut rig = Rig::new();
    rig.frame(1, 1, 1, true, &[]);
    rig.put(2, 1, false, &[]);
    rig.put(3, 1, false, &[]);
    rig.put(4, 2, false, &payload(true, false));
    rig.put(5, 1, false, &[]);
    rig.put(6, 2, true, &payload(false, false));
    assert_eq!(rig.out(), [1, 2]);
}

#[test]
fn layer_numbers_prove_that_nothing_is_missing() {
    let mut rig = Rig::new();
    rig.put(1, 1, true, &layered(0, 0, false, true));
    // Of the upper layer, and lost: 2.
    rig.put(3, 3, true, &layered(1, 0, false, false));
    rig.put(4, 4, true, &layered(1, 1, false, false));
    rig.put(5, 5, true, &layered(2, 0, false, false));
    rig.put(6, 6, true, &layered(2, 1, true, false));
    rig.put(7, 7, true, &layered(2, 1, false, false));
    assert_eq!(rig.out(), [1]);
    assert!(rig.buffer.give_up(at(500), Duration::from_millis(500)));
    // 4 may refer to 2.
    assert_eq!(rig.out(), [3, 5, 6, 7]);
}

#[test]
fn a_lost_base_layer_is_noticed() {
    let mut rig = Rig::new();
    rig.put(1, 1, true, &layered(255, 0, false, true));
    rig.put(3, 3, true, &layered(1, 0, false, false));
    assert_eq!(rig.out(), [1]);
    rig.buffer.give_up(at(500), Duration::ZERO);
    assert_eq!(rig.out(), []);
    assert!(rig.buffer.needs_key_frame());
}

#[test]
fn the_row_is_bounded() {
    let mut rig = Rig::new();
    rig.frame(1, 1, 1, true, &[]);
    rig.out();
    for sequence in 0..10_000 {
        let overflow = rig.put(3 + sequence, 2, false, &payload(false, false));
        assert!(rig.buffer.slots.len() <= MAX_PACKETS);
        assert_eq!(rig.out(), []);
        if overflow == Inserted::Overflow {
            assert!(rig.buffer.needs_key_frame());
        }
    }
    assert_eq!(
        rig.put(1 << 40, 3, true, &payload(true, true)),
        Inserted::Overflow
    );
    assert_eq!(rig.out(), [3]);
    assert!(rig.buffer.spare.len() <= MAX_SPARE);
}
