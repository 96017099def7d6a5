//! Which shard looks after a connection.

use std::time::Instant;

/// By how many batches of datagrams the other shards must be ahead of the home before the connection moves. A move costs two
/// requests and two wake-ups, which is little beside the work for so many batches; paths in several shards that are used
/// alike rarely come to it.
const MOVE_AFTER: u32 = 64;

/// A connection's home: the shard whose timers wake it, which users ask to attend to it, and whose sockets send for it.
///
/// The connection's lock guards it, so that it is one shard at any time. It is chosen by turns at first, and is where the
/// peer's datagrams come in as soon as there are any: that shard then does everything alone. Later it moves only if
/// others have received so much more that the first choice was wrong; a connection with paths in several shards
/// stays where it is.
#[derive(Debug, Default)]
pub(crate) struct Home {
    shard: usize,
    /// The wake-up that the shard's timers have noted.
    armed: Option<Instant>,
    /// The shard that was asked to attend to the connection, and has not yet.
    asked: Option<usize>,
    /// Whether the peer's datagrams have come in here.
    heard: bool,
    /// How far other shards are ahead of it, in batches.
    elsewhere: u32,
    /// The connection is off the endpoint: nobody looks after it any more.
    left: bool,
}

impl Home {
    /// The shard that looks after the connection.
    pub(super) const fn shard(&self) -> usize {
        self.shard
    }

    /// The connection is new, and `shard` looks after it.
    pub(super) const fn settle(&mut self, shard: usize) {
        self.shard = shard;
    }

    /// Datagrams came in to `shard` that are the peer's beyond doubt. If that makes it the home, the old one is
    /// returned: it may hold the connection still, and `shard` is to attend to it.
    pub(super) fn heard_at(&mut self, shard: usize) -> Option<usize> {
        if shard == self.shard {
            self.heard = true;
            self.elsewhere = self.elsewhere.saturating_sub(1);
            return None;
        }
        if self.left {
            return None;
        }
        self.elsewhere += 1;
        if self.heard && self.elsewhere < MOVE_AFTER {
            return None;
        }
        self.heard = true;
        self.elsewhere = 0;
        self.armed = None;
        Some(std::mem::replace(&mut self.shard, shard))
    }

    /// Whether a wake-up at `next` is to be noted: it comes before the one that is.
    pub(crate) fn is_late_for(&self, next: Option<Instant>) -> bool {
        !self.left && next.is_some_and(|next| self.armed.is_none_or(|armed| next < armed))
    }

    /// The shard has noted this wake-up, and no other.
    pub(crate) const fn arm(&mut self, at: Instant) {
        self.armed = Some(at);
    }

    /// The shard has no wake-up any more.
    pub(super) const fn disarm(&mut self) {
        self.armed = None;
    }

    /// The shard to ask to attend to the connection, unless one was asked already: once is enough.
    pub(super) const fn ask(&mut self) -> Option<usize> {
        if self.left || self.asked.is_some() {
            return None;
        }
        self.asked = Some(self.shard);
        self.asked
    }

    /// `shard` attends to the connection now.
    pub(super) fn attended_by(&mut self, shard: usize) {
        self.asked.take_if(|asked| *asked == shard);
    }

    /// The connection leaves the endpoint.
    pub(super) const fn leave(&mut self) {
        self.left = true;
    }

    /// Whether it has left.
    pub(super) const fn has_left(&self) -> bool {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(shard: usize) -> Home {
        let mut home = Home::default();
        home.settle(shard);
        home
    }

    #[test]
    fn the_first_datagrams_decide_where_it_is() {
        let mut home = at(0);
        home.arm(Instant::now());
        assert_eq!(home.heard_at(2), Some(0));
        assert_eq!(home.shard(), 2);
        // The old home's wake-up is no longer one.
        assert!(home.is_late_for(Some(Instant::now() + Duration::from_secs(60))));
        assert_eq!(home.heard_at(1), None);
        assert_eq!(home.heard_at(2), None);
        assert_eq!(home.shard(), 2);
    }

    #[test]
    fn paths_in_two_shards_do_not_move_it_to_and_fro() {
        let mut home = at(0);
        home.heard_at(0);
        for _ in 0..1000 {
            assert_eq!(home.heard_at(1), None);
            assert_eq!(home.heard_at(0), None);
        }
        // A path that is used twice as much draws it there, once.
        let moves = (0..1000).filter(|_| {
            let moved = [home.heard_at(1), home.heard_at(1), home.heard_at(0)];
            moved.iter().flatten().count() > 0
        });
        assert_eq!(moves.count(), 1);
        assert_eq!(home.shard(), 1);
    }

    #[test]
    fn it_follows_a_path_that_changed() {
        let mut home = at(0);
        for _ in 0..1000 {
            home.heard_at(0);
        }
        for _ in 1..MOVE_AFTER {
            assert_eq!(home.heard_at(3), None);
        }
        assert_eq!(home.heard_at(3), Some(0));
        assert_eq!(home.heard_at(3), None);
    }

    #[test]
    fn one_shard_is_asked_once_until_it_has_attended() {
        let mut home = at(0);
        assert_eq!(home.ask(), Some(0));
        assert_eq!(home.ask(), None);
        assert_eq!(home.heard_at(1), Some(0));
        // The new home attends, but the request still lies with the old one, which will pass it on.
        home.attended_by(1);
        assert_eq!(home.ask(), None);
        home.attended_by(0);
        assert_eq!(home.ask(), Some(1));
    }

    #[test]
    fn what_has_left_is_neither_woken_nor_asked_for_nor_moved() {
        let mut home = at(0);
        home.leave();
        assert!(!home.is_late_for(Some(Instant::now())));
        assert_eq!(home.ask(), None);
        assert_eq!(home.heard_at(1), None);
    }
}
