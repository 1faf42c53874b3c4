//! The pace of proofs, for the leader's sake: it answers them all, and many watches may need one at once.

use std::time::Duration;

/// The time for which a proof may hold back the other changes of an answer.
pub(super) const MAX_HOLD_BACK: Duration = Duration::from_secs(1);

/// The longest pause before a held answer that lacks entries is confirmed.
const MAX_JITTER: Duration = Duration::from_millis(100);

/// Waits for a random time, so that processes that lack the same entry do not all ask at once.
pub(super) async fn jitter() {
    tokio::time::sleep(MAX_JITTER.mul_f64(fastrand::f64())).await;
}
