//! A packet of a known stream costs no allocation, and a stream costs few bytes.
//!
//! Only what Rust code allocates is counted.

#![cfg(feature = "aws-lc-rs")]
#![allow(
    unsafe_code,
    reason = "an allocator that counts is an unsafe trait to implement"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gannet_srtp::{Cryptex, MasterKey, Profile, Receiver, ReceiverConfig, Sender, SenderConfig};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get().wrapping_add(layout.size())));
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.with(|bytes| bytes.set(bytes.get().wrapping_sub(layout.size())));
        // SAFETY: the pointer came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn contexts(profile: Profile, max_streams: usize) -> (Sender, Receiver) {
    let crypto = gannet_crypto::default_provider();
    let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
    let key = MasterKey::new(profile, &key, &salt).unwrap();
    let sending = SenderConfig {
        cryptex: true,
        max_streams,
        ..SenderConfig::default()
    };
    let receiving = ReceiverConfig {
        cryptex: Cryptex::Accept,
        max_streams,
        ..ReceiverConfig::default()
    };
    (
        Sender::new(&*crypto, &key, sending).unwrap(),
        Receiver::new(&*crypto, &key, receiving).unwrap(),
    )
}

fn rtp(ssrc: u32, sequence_number: u16, packet: &mut Vec<u8>) {
    packet.clear();
    packet.extend([0x91, 96]);
    packet.extend(sequence_number.to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 0, 0, 0]);
    packet.extend([0x42; 1_000]);
}

#[test]
fn a_packet_of_a_known_stream_allocates_nothing() {
    for profile in Profile::ALL {
        let (mut sender, mut receiver) = contexts(profile, 10);
        let mut packet = Vec::with_capacity(1_500);
        let mut counted = 0;
        for sequence_number in 0..100 {
            let before = ALLOCATIONS.with(Cell::get);
            rtp(7, sequence_number, &mut packet);
            sender.protect_rtp(&mut packet, 0).unwrap();
            receiver.unprotect_rtp(&mut packet).unwrap();
            packet.clear();
            packet.extend([0x80, 201, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4]);
            sender.protect_rtcp(&mut packet, 0).unwrap();
            receiver.unprotect_rtcp(&mut packet).unwrap();
            let allocations = ALLOCATIONS.with(Cell::get) - before;
            if sequence_number == 0 {
                counted = allocations;
            } else {
                assert_eq!(allocations, 0, "{profile}, packet {sequence_number}");
            }
        }
        assert!(
            counted > 0,
            "the first packet of a stream makes a place for it"
        );
    }
}

#[test]
fn a_stream_takes_few_bytes() {
    const STREAMS: u32 = 1 << 14;
    let (mut sender, mut receiver) = contexts(Profile::AeadAes128Gcm, STREAMS as usize);
    let mut packet = Vec::with_capacity(1_500);
    let before = BYTES.with(Cell::get);
    for ssrc in 0..STREAMS {
        rtp(ssrc, 1, &mut packet);
        sender.protect_rtp(&mut packet, 0).unwrap();
    }
    let sending = (BYTES.with(Cell::get) - before) / STREAMS as usize;
    for ssrc in 0..STREAMS {
        rtp(ssrc, 2, &mut packet);
        sender.protect_rtp(&mut packet, 0).unwrap();
        receiver.unprotect_rtp(&mut packet).unwrap();
    }
    let both = (BYTES.with(Cell::get) - before) / STREAMS as usize;
    // 128 bytes are a window of 1,024 bits; the table is at worst half empty.
    assert!(sending <= 220, "{sending} bytes for a stream that is sent");
    assert!(
        both - sending <= 220,
        "{} bytes for one received",
        both - sending
    );
}
