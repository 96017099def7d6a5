//! A bounded table of streams by SSRC.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What is known of each stream; at most `max` of them.
#[derive(Debug)]
pub(crate) struct Streams<T> {
    by_ssrc: HashMap<u32, T, BuildHasherDefault<SsrcHasher>>,
    max: usize,
}

impl<T> Streams<T> {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            by_ssrc: HashMap::default(),
            max,
        }
    }

    pub(crate) fn stream(&mut self, ssrc: u32) -> Option<&mut T> {
        self.by_ssrc.get_mut(&ssrc)
    }

    /// Whether one more stream has a place.
    pub(crate) fn has_room(&self) -> bool {
        self.by_ssrc.len() < self.max
    }

    /// Adds a stream, if there is room.
    pub(crate) fn insert(&mut self, ssrc: u32, stream: T) {
        if self.has_room() {
            self.by_ssrc.insert(ssrc, stream);
        }
    }

    pub(crate) fn remove(&mut self, ssrc: u32) {
        self.by_ssrc.remove(&ssrc);
    }

    pub(crate) fn len(&self) -> usize {
        self.by_ssrc.len()
    }
}

/// Multiplies by 2^64 / φ: SSRCs are random, and only peers with the key can add streams, to a table
/// that is bounded; so nothing is gained from collisions.
#[derive(Clone, Copy, Default)]
struct SsrcHasher(u64);

impl Hasher for SsrcHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        let mixed = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded() {
        let mut streams = Streams::new(3);
        for ssrc in 0..10 {
            streams.insert(ssrc, ());
        }
        assert_eq!(streams.len(), 3);
        assert!(!streams.has_room());
        streams.remove(1);
        assert!(streams.has_room());
        streams.insert(9, ());
        assert!(streams.stream(9).is_some());
        assert!(streams.stream(1).is_none());
    }

    #[test]
    fn neighbours_do_not_collide() {
        let hashes: std::collections::HashSet<u64> = (0..10_000)
            .map(|ssrc| {
                let mut hasher = SsrcHasher::default();
                hasher.write_u32(ssrc);
                hasher.finish() & 0xffff
            })
            .collect();
        assert!(hashes.len() > 8_000, "{}", hashes.len());
    }
}
