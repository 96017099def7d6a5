//! What waits to be written to a stream.

use std::sync::Mutex;

use gannet_ortc::ice::{Protocol, write_frame};
use tokio::sync::Notify;

use crate::endpoint::lock;

/// The most bytes that wait: a third of a second at 6 Mbit/s. More would only be late.
const MAX_WAITING: usize = 256 * 1024;

/// A bounded buffer between the session and the task of a stream.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    closed: bool,
}

impl Outbox {
    /// Adds a packet in the stream's framing. False if there is no room for it.
    pub(super) fn push(&self, protocol: Protocol, packet: &[u8]) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.closed || waiting.bytes.len() + packet.len() > MAX_WAITING {
            return false;
        }
        let pushed = match protocol {
            Protocol::Tcp => write_frame(&mut waiting.bytes, packet),
            Protocol::Udp | Protocol::TurnTcp | Protocol::TurnTls => {
                waiting.bytes.extend_from_slice(packet);
                true
            }
        };
        drop(waiting);
        self.wake.notify_one();
        pushed
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.wake.notify_one();
    }

    /// Waits for bytes and takes all of them in place of what `bytes` held. False once it is closed and
    /// empty.
    pub(super) async fn take(&self, bytes: &mut Vec<u8>) -> bool {
        loop {
            bytes.clear();
            {
                let mut waiting = lock(&self.waiting);
                std::mem::swap(&mut waiting.bytes, bytes);
                if !bytes.is_empty() {
                    return true;
                }
                if waiting.closed {
                    return false;
                }
            }
            self.wake.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn packets_are_framed_and_what_does_not_fit_is_refused() {
        let outbox = Outbox::default();
        assert!(outbox.push(Protocol::Tcp, b"ab"));
        assert!(outbox.push(Protocol::TurnTcp, b"cd"));
        let mut bytes = b"old".to_vec();
        assert!(outbox.take(&mut bytes).await);
        assert_eq!(bytes, b"\x00\x02abcd");
        let packet = [0; 1000];
        let pushed = (0..1000).filter(|_| outbox.push(Protocol::TurnTls, &packet));
        assert_eq!(pushed.count(), MAX_WAITING / 1000);
    }

    #[tokio::test]
    async fn what_waits_is_written_before_the_end() {
        let outbox = Outbox::default();
        assert!(outbox.push(Protocol::TurnTcp, b"goodbye"));
        outbox.close();
        assert!(!outbox.push(Protocol::TurnTcp, b"late"));
        let mut bytes = Vec::new();
        assert!(outbox.take(&mut bytes).await);
        assert_eq!(bytes, b"goodbye");
        assert!(!outbox.take(&mut bytes).await);
    }
}
