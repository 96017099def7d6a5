//! Parsing RTP, and writing it into a buffer with room, allocates nothing; nor does RTCP.
#![allow(unsafe_code, reason = "a global allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gannet_rtp::extension::{
    AbsoluteSendTime, ExtensionKind, ExtensionMap, Mid, TransportSequence,
};
use gannet_rtp::rtcp::{ReportBlock, RtcpPacket, packets};
use gannet_rtp::{RtcpWriter, RtpHeader, RtpPacket, RtpWriter};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1, 2, 3]))), 1);
}

#[test]
fn rtp() {
    let mut map = ExtensionMap::new();
    map.insert(1, ExtensionKind::Mid).unwrap();
    map.insert(2, ExtensionKind::AbsoluteSendTime).unwrap();
    map.insert(3, ExtensionKind::TransportSequence).unwrap();
    let header = RtpHeader {
        marker: true,
        payload_type: 96,
        sequence_number: 1.into(),
        timestamp: 2.into(),
        ssrc: 3,
    };
    let mid = Mid::new("video").unwrap();
    let mut buffer = Vec::with_capacity(1500);
    let count = allocations(|| {
        for sequence in 0..100 {
            buffer.clear();
            let mut writer = RtpWriter::new(&mut buffer, &header);
            writer.extension(&map, &mid);
            writer.extension(&map, &AbsoluteSendTime(5));
            writer.extension(&map, &TransportSequence(sequence));
            writer.payload(&[7; 1000]);
            let packet = RtpPacket::parse(&buffer).unwrap();
            assert_eq!(packet.extension(&map), Some(TransportSequence(sequence)));
            assert_eq!(packet.extension(&map), Some(mid));
            assert_eq!(packet.payload().len(), 1000);
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn rtcp() {
    let mut buffer = Vec::with_capacity(1500);
    let arrivals = [Some(1), None, Some(500), Some(501)];
    let count = allocations(|| {
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.receiver_report(1, &[ReportBlock::default(); 3]);
        writer.cname(1, b"gannet");
        writer.nack(1, 2, [5.into(), 7.into()], 10);
        let base = 9.into();
        writer.transport_feedback(1, 2, base, 0, arrivals.into_iter().cycle().take(60));
        let statuses = packets(&buffer)
            .flatten()
            .map(|packet| match packet {
                RtcpPacket::TransportFeedback(feedback) => feedback.statuses().count(),
                RtcpPacket::Nack(nack) => nack.sequence_numbers().count(),
                _ => 0,
            })
            .sum::<usize>();
        assert_eq!(statuses, 62);
    });
    assert_eq!(count, 0);
}
