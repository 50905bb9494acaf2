//! Places of the clients that are there at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Silence after which a client leaves its place to another that finds none free.
const SILENT: Duration = Duration::from_secs(10);

/// All places.
#[derive(Debug)]
pub struct Seats {
    most: usize,
    taken: Mutex<Vec<Arc<Place>>>,
}

/// One client's place; free again when dropped.
#[derive(Debug)]
pub struct Seat<'a> {
    seats: &'a Seats,
    place: Arc<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// Since when a request is waited for.
    silent: Mutex<Option<Instant>>,
    /// Whether another needs it.
    needed: AtomicBool,
}

impl Seats {
    /// `most` free places.
    pub fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    /// A place, if one is free.
    pub fn take(&self) -> Option<Seat<'_>> {
        let mut taken = lock(&self.taken);
        (taken.len() < self.most).then(|| {
            let place = Arc::new(Place::default());
            taken.push(place.clone());
            Seat { seats: self, place }
        })
    }

    /// Asks the client that has been silent the longest to leave, and returns whether there is one that will.
    pub fn ask_to_leave(&self) -> bool {
        let taken = lock(&self.taken);
        let leaving = taken.iter().any(|place| place.needed.load(Ordering::SeqCst));
        let since = |place: &&Arc<Place>| *lock(&place.silent);
        let first = taken.iter().filter(|p| since(p).is_some_and(|s| s.elapsed() >= SILENT)).min_by_key(since);
        if let Some(place) = first.filter(|_| !leaving) {
            place.needed.store(true, Ordering::SeqCst);
        }
        leaving || first.is_some()
    }
}

impl Seat<'_> {
    /// Notes whether a request is waited for. Who asks something keeps the place.
    pub fn set_silent(&self, silent: bool) {
        *lock(&self.place.silent) = silent.then(Instant::now);
        self.place.needed.fetch_and(silent, Ordering::SeqCst);
    }

    /// Whether another needs the place.
    pub fn is_needed(&self) -> bool {
        self.place.needed.load(Ordering::SeqCst)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        lock(&self.seats.taken).retain(|place| !Arc::ptr_eq(place, &self.place));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silent_client_leaves_its_place() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take().unwrap(), seats.take().unwrap());
        assert!(seats.take().is_none() && !seats.ask_to_leave());
        // One that was asked to decide, and one that has just been.
        second.set_silent(true);
        assert!(!seats.ask_to_leave());
        *lock(&second.place.silent) = Instant::now().checked_sub(SILENT);
        *lock(&first.place.silent) = Instant::now().checked_sub(2 * SILENT);
        assert!(seats.ask_to_leave() && first.is_needed() && !second.is_needed());
        // One place is enough.
        assert!(seats.ask_to_leave() && !second.is_needed());
        // It asks something after all, and the other is next.
        first.set_silent(false);
        assert!(!first.is_needed() && seats.ask_to_leave() && second.is_needed());
        drop(first);
        assert!(seats.take().is_some());
    }
}
