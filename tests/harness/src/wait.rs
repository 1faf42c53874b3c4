//! Waiting for what has no event of its own: a condition, a deadline, a name for what did not come.

use std::thread;
use std::time::{Duration, Instant};

/// Short enough not to show in a latency, long enough to leave the processor to what is waited for.
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

/// [`eventually`] for a test on tokio's or actix's runtime, which goes on running meanwhile.
///
/// # Panics
///
/// When the condition does not hold within `within`; the message names `what`.
pub async fn eventually_async(within: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    eventually_some_async(within, what, || condition().then_some(())).await;
}

/// [`eventually_some`] for a test on tokio's or actix's runtime, which goes on running meanwhile.
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
