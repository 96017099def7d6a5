//! Counts what a piece of code allocates: for tests that hold a hot path to allocating nothing.
//!
//! A test that uses this crate has its allocator, which counts and leaves the work to the system's. Each
//! thread counts for itself, so that tests side by side do not disturb each other; what code allocates on
//! other threads, and what C code allocates, is not seen.
//!
//! ```
//! let (count, sum) = gannet_alloc_count::count(|| vec![1, 2, 3].iter().sum::<i32>());
//! assert_eq!((count.allocations, count.bytes, sum), (1, 0, 6));
//! ```
#![allow(
    unsafe_code,
    reason = "an allocator is an unsafe trait to implement; here is the only one"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What some code allocated on its thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often memory was asked for; growing a buffer counts as once.
    pub allocations: usize,
    /// The bytes that are held now and were not before; negative if more were given back.
    pub bytes: isize,
}

/// Runs `work`, and counts what it allocates on this thread.
pub fn count<R>(work: impl FnOnce() -> R) -> (Count, R) {
    let before = COUNT.get();
    let result = work();
    let after = COUNT.get();
    let count = Count {
        allocations: after.allocations - before.allocations,
        bytes: after.bytes - before.bytes,
    };
    (count, result)
}

/// How often `work` asks for memory on this thread: [`Count::allocations`] alone.
pub fn allocations(work: impl FnOnce()) -> usize {
    count(work).0.allocations
}

thread_local! {
    /// Needs no initialization and no destructor, so that it can be used whenever memory is.
    static COUNT: Cell<Count> = const { Cell::new(Count { allocations: 0, bytes: 0 }) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

/// Notes that memory of `before` bytes (0 if new) became one of `after` bytes (0 if given back).
fn note(before: usize, after: usize) {
    let mut count = COUNT.get();
    count.allocations += usize::from(after > 0);
    count.bytes += after.cast_signed() - before.cast_signed();
    COUNT.set(count);
}

// SAFETY: every call is handed on to the system's allocator as it is, and what is noted about it neither
// allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(0, layout.size());
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(0, layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(layout.size(), size);
        // SAFETY: as above; `pointer` came from `System`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(layout.size(), 0);
        // SAFETY: as above; `pointer` came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn every_way_to_get_memory_counts() {
        let (new, buffer) = count(|| black_box(Vec::<u8>::with_capacity(100)));
        assert_eq!((new.allocations, new.bytes), (1, 100));
        let (zeroed, zeros) = count(|| black_box(vec![0_u8; 50]));
        assert_eq!((zeroed.allocations, zeroed.bytes), (1, 50));
        let (grown, buffer) = count(|| {
            let mut buffer = buffer;
            buffer.reserve_exact(300);
            black_box(buffer)
        });
        assert_eq!((grown.allocations, grown.bytes), (1, 200));
        let (given_back, ()) = count(|| drop((buffer, zeros)));
        assert_eq!((given_back.allocations, given_back.bytes), (0, -350));
        assert_eq!(count(|| black_box(7)), (Count::default(), 7));
        assert_eq!(
            allocations(|| drop(black_box([Box::new(1), Box::new(2)]))),
            2
        );
    }

    #[test]
    fn a_thread_counts_for_itself() {
        let (own, other) = count(|| {
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| count(|| black_box(vec![1_u8; 1 << 20])));
                thread.join().unwrap()
            })
        });
        assert_eq!((other.0.allocations, other.0.bytes), (1, 1 << 20));
        // Those of starting a thread.
        assert!(own.bytes < 1 << 20, "{own:?}");
    }
}
