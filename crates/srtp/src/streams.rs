//! A bounded table of streams by SSRC.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What is known of each stream; at most `max` of them.
#[derive(Debug)]
pub(crate) struct Streams<T> {
    list: Vec<(u32, T)>,
    /// Where in the list the stream of an SSRC is.
    places: HashMap<u32, usize, BuildHasherDefault<SsrcHasher>>,
    /// The place that was asked for last: packets of one stream often follow each other.
    last: usize,
    max: usize,
}

impl<T> Streams<T> {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            list: Vec::new(),
            places: HashMap::default(),
            last: 0,
            max,
        }
    }

    pub(crate) fn stream(&mut self, ssrc: u32) -> Option<&mut T> {
        let last = self.list.get(self.last);
        if last.is_none_or(|(known, _)| *known != ssrc) {
            self.last = *self.places.get(&ssrc)?;
        }
        self.list.get_mut(self.last).map(|(_, stream)| stream)
    }

    /// Whether one more stream has a place.
    pub(crate) fn has_room(&self) -> bool {
        self.list.len() < self.max
    }

    /// Adds a stream, or replaces the one with its SSRC, if there is room.
    pub(crate) fn insert(&mut self, ssrc: u32, stream: T) {
        if !self.has_room() {
            return;
        }
        self.remove(ssrc);
        self.places.insert(ssrc, self.list.len());
        self.list.push((ssrc, stream));
    }

    pub(crate) fn remove(&mut self, ssrc: u32) {
        let Some(place) = self.places.remove(&ssrc) else {
            return;
        };
        self.list.swap_remove(place);
        if let Some((moved, _)) = self.list.get(place) {
            self.places.insert(*moved, place);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
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
    fn each_stream_stays_its_own() {
        let mut streams = Streams::new(5);
        for ssrc in 0..5 {
            streams.insert(ssrc, ssrc * 10);
        }
        assert_eq!(streams.stream(1), Some(&mut 10));
        // The one that was asked for last goes, and the last one of the list takes its place.
        streams.remove(1);
        streams.remove(1);
        assert_eq!(streams.stream(1), None);
        streams.insert(0, 7);
        for (ssrc, stream) in [(4, 40), (2, 20), (2, 20), (0, 7), (3, 30)] {
            assert_eq!(streams.stream(ssrc), Some(&mut { stream }), "{ssrc}");
        }
        assert_eq!(streams.len(), 4);
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
