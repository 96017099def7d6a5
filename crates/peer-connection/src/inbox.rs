//! Received frames on their way from the connection to a decoder or a program.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Notify;

use crate::endpoint::lock;

/// How many frames wait at most: two seconds of video, more than one of audio. A decoder that is later
/// than that shows the past.
const CAPACITY: usize = 64;

/// A bounded queue; each item goes to one reader. When it is full, everything in it is dropped, because frames refer
/// to those before them; the reader is told.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    queue: Mutex<Queue<T>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    dropped: u64,
    overflowed: bool,
    closed: bool,
}

/// What an [`Inbox`] gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery<T> {
    /// The next item.
    Item(T),
    /// Items were dropped before the next one.
    Overflow,
}

impl<T> Inbox<T> {
    pub(crate) fn new() -> Self {
        let queue = Queue {
            items: VecDeque::new(),
            dropped: 0,
            overflowed: false,
            closed: false,
        };
        Self {
            queue: Mutex::new(queue),
            arrived: Notify::new(),
        }
    }

    /// Adds an item.
    pub(crate) fn push(&self, item: T) {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return;
        }
        if queue.items.len() == CAPACITY {
            queue.dropped += queue.items.len() as u64;
            queue.overflowed = true;
            queue.items.clear();
        }
        queue.items.push_back(item);
        drop(queue);
        self.arrived.notify_one();
    }

    /// Waits for the next item; `None` when it was closed and is empty.
    pub(crate) async fn recv(&self) -> Option<Delivery<T>> {
        loop {
            {
                let mut queue = lock(&self.queue);
                if std::mem::take(&mut queue.overflowed) {
                    return Some(Delivery::Overflow);
                }
                if let Some(item) = queue.items.pop_front() {
                    return Some(Delivery::Item(item));
                }
                if queue.closed {
                    // Whoever else waits is told too.
                    self.arrived.notify_one();
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// No more items come.
    pub(crate) fn close(&self) {
        lock(&self.queue).closed = true;
        self.arrived.notify_one();
    }

    /// How many items were dropped because nobody read them in time.
    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.queue).dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_inbox_starts_over_and_says_so() {
        let inbox = Inbox::new();
        for number in 0..=CAPACITY {
            inbox.push(number);
        }
        inbox.close();
        inbox.push(0);
        assert_eq!(inbox.recv().await, Some(Delivery::Overflow));
        assert_eq!(inbox.recv().await, Some(Delivery::Item(CAPACITY)));
        assert_eq!(inbox.recv().await, None);
        assert_eq!(inbox.dropped(), CAPACITY as u64);
    }
}
