//! Bytes on their way to and from all clients together: long messages wait for others, or are refused.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that long messages may take at once, those of all clients together.
const MOST: usize = 64 << 20;

/// Room for long messages.
#[derive(Debug, Default)]
pub struct Room(AtomicUsize);

impl Room {
    /// Room for `bytes`, if there is; more than all of it only for who is alone.
    pub fn take(&self, bytes: usize) -> Option<Share<'_>> {
        let more = |taken: usize| (taken == 0 || taken.saturating_add(bytes) <= MOST).then_some(taken + bytes);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok().map(|_| Share(&self.0, bytes))
    }
}

/// Room that is given back when dropped.
#[derive(Debug)]
pub struct Share<'a>(&'a AtomicUsize, usize);

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clients_share_the_room() {
        let room = Room::default();
        let first = room.take(MOST - 1).unwrap();
        let second = room.take(1).unwrap();
        assert!(room.take(1).is_none());
        drop(first);
        assert!(room.take(MOST).is_none());
        drop(second);
        // Who is alone may have more than all.
        let all = room.take(2 * MOST).unwrap();
        assert!(room.take(1).is_none());
        drop(all);
        assert!(room.take(MOST).is_some());
    }
}
