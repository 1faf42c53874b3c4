//! Random numbers that a seed repeats.

use std::time::Duration;

/// The random number generator of all tests.
pub use fastrand::Rng;

/// Returns the seed of this run, from `CONSUL_WATCH_SEED` or else random, and prints it.
///
/// # Panics
///
/// When `CONSUL_WATCH_SEED` is not a number.
pub fn seed() -> u64 {
    let seed = match std::env::var("CONSUL_WATCH_SEED") {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("CONSUL_WATCH_SEED is {text:?}, which is not a number")),
        Err(_) => fastrand::u64(..),
    };
    println!("CONSUL_WATCH_SEED={seed}");
    seed
}

/// The choices that random tests make.
pub trait Choices {
    /// Returns `true` once in so many times.
    fn one_in(&mut self, times: u64) -> bool;

    /// Returns one of the elements.
    ///
    /// # Panics
    ///
    /// When there is none.
    fn pick<T: Copy>(&mut self, of: &[T]) -> T;

    /// Returns a time from nothing up to so many milliseconds.
    fn up_to_ms(&mut self, max: u64) -> Duration;
}

impl Choices for Rng {
    fn one_in(&mut self, times: u64) -> bool {
        self.u64(..times) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.usize(..of.len())]
    }

    fn up_to_ms(&mut self, max: u64) -> Duration {
        Duration::from_millis(self.u64(..=max))
    }
}
