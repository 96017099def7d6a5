//! Application data is sealed and opened without an allocation.

#![allow(
    unsafe_code,
    reason = "an allocator that counts is an unsafe trait to implement"
)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gannet_dtls::{CipherSuite, Versions};
use support::{configs, connect, good_link, pair};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn data_is_sealed_and_opened_without_an_allocation() {
    for suite in CipherSuite::ALL.into_iter().filter(|suite| {
        let name = format!("{suite:?}");
        !name.contains("Rsa")
    }) {
        let versions = Versions::Only(suite.version());
        let configs = configs().map(|config| config.versions(versions).suites([suite]));
        let mut pair = pair(1, configs, good_link());
        connect(&mut pair);
        pair.run_until_idle();
        let now = gannet_netsim::start();
        let (mut buf, data) = (Vec::with_capacity(1500), [7; 1200]);
        let mut received = 0;
        let before = ALLOCATIONS.with(Cell::get);
        for _ in 0..10 {
            buf.clear();
            let client = &mut pair.a.connection;
            client
                .seal(&mut buf, |buf| buf.extend_from_slice(&data))
                .unwrap();
            let server = &mut pair.b.connection;
            server.handle_packet(now, &mut buf, |data| received += data.len());
            assert!(server.poll_transmit(now, &mut buf).is_none());
        }
        let allocations = ALLOCATIONS.with(Cell::get) - before;
        assert_eq!((allocations, received), (0, 12_000), "{suite:?}");
    }
}
