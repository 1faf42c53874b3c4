//! Waits for conditions that have no event of their own, each with a deadline and a name.

use std::thread;
use std::time::{Duration, Instant};

/// Ends a test that has failed. Whatever a test waits for comes much sooner, even on a loaded machine, so this is
/// no measure of anything.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Short enough not to show in a latency, long enough to leave the processor to others.
const STEP: Duration = Duration::from_millis(10);

/// Waits until `condition` holds.
///
/// # Panics
///
/// When it does not within `within`; the message names `what`.
#[track_caller]
pub fn eventually(within: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    eventually_some(within, what, || condition().then_some(()));
}

/// Waits until `find` finds something, and returns it.
///
/// # Panics
///
/// When it finds nothing within `within`; the message names `what`.
#[track_caller]
pub fn eventually_some<T>(within: Duration, what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: did not come within {within:?}"
        );
        thread::sleep(STEP);
    }
}

/// [`eventually`] for a test on tokio's or actix's runtime, which keeps running meanwhile.
///
/// # Panics
///
/// When the condition does not hold within `within`; the message names `what`.
pub async fn eventually_async(within: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    eventually_some_async(within, what, || condition().then_some(())).await;
}

/// [`eventually_some`] for a test on tokio's or actix's runtime, which keeps running meanwhile.
///
/// # Panics
///
/// When nothing is found within `within`; the message names `what`.
pub async fn eventually_some_async<T>(
    within: Duration,
    what: &str,
    mut find: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: did not come within {within:?}"
        );
        tokio::time::sleep(STEP).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_was_found() {
        let mut turns = 0;
        let found = eventually_some(Duration::from_secs(5), "the third turn", || {
            turns += 1;
            (turns == 3).then_some(turns)
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "the impossible: did not come within 20ms")]
    fn names_what_did_not_come() {
        eventually(Duration::from_millis(20), "the impossible", || false);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn waits_without_holding_up_the_runtime() {
        let flag = std::rc::Rc::new(std::cell::Cell::new(false));
        let setter = {
            let flag = flag.clone();
            async move { flag.set(true) }
        };
        tokio::join!(
            eventually_async(Duration::from_secs(5), "the flag", || flag.get()),
            setter
        );
    }
}
