//! The gate that admits watches to a server that was down, a few at a time (no thundering herd).
//!
//! While the server is down, one watch at a time probes it (half-open). Any response opens the gate.
//!
//! [`queue`] decides, without clock and without I/O; [`permit`] waits for its decision. Every waiting watch
//! looks at the clock itself, so a blocked thread delays only its own watches.

mod permit;
mod queue;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use self::queue::Queue;
pub(crate) use self::{permit::Permit, queue::Candidate};
use super::backoff::Backoff;

/// A gate that keeps watches from storming a server that comes back. A clone shares it.
///
/// All watches of one server share a gate ([`Source::reconnect_gate`](crate::Source::reconnect_gate)). A
/// failure that shows that the server is down ([`Failure::with_outage`](crate::Failure::with_outage)) queues the next
/// attempts of all of them, so that no thundering herd meets the server when it comes back:
///
/// - **While the server is down, one watch probes it**: the one with the fewest failures in a row, and among
///   those the one with the most subscribers. When the probe fails, the next one follows after a pause with
///   full jitter, which doubles from the [`Backoff`]'s base to
///   [`MAX_PROBE_INTERVAL`](Self::MAX_PROBE_INTERVAL) (to the back-off's own ceiling if that is lower, and
///   never below the base).
/// - **Any answer shows that the server is back**: then all reconnect, those with the most subscribers
///   first, and [`MAX_CONCURRENT`](Self::MAX_CONCURRENT) at a time.
/// - A watch that is new or was [reset](crate::Reset) does not wait for that answer, only for one of these
///   permits, so that it soon has an error of its own to report.
///
/// An attempt that takes longer than [`PROBE_TIMEOUT`](Self::PROBE_TIMEOUT) no longer counts, so one that
/// hangs delays no other. A watch in the queue holds no connection, and can be stopped and reset as ever.
#[derive(Clone, Default)]
pub struct ReconnectGate(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// A copy of the queue's, read with every answer without the lock.
    down: AtomicBool,
    queue: Mutex<Queue>,
}

impl ReconnectGate {
    /// The number of watches that reconnect at a time when the server is back: 32 (ours), enough to keep it busy.
    pub const MAX_CONCURRENT: usize = 32;
    /// The time that an attempt counts among these, and that a probe may take before another watch probes,
    /// too: 2 s (ours).
    pub const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
    /// The longest pause between two probes while the server is down: 5 s (ours). It can be short, since one watch
    /// probes for all.
    pub const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(5);

    /// Makes a gate for a server that is not known to be down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the server is known to be down.
    pub fn is_down(&self) -> bool {
        self.0.down.load(Ordering::Acquire)
    }

    /// Records an answer of the server, whatever it said. Returns the time that the server was down, if this
    /// ends an outage.
    pub(crate) fn record_success(&self) -> Option<Duration> {
        if !self.is_down() {
            return None;
        }
        let (down_for, wake) = {
            let mut queue = self.queue();
            let down_for = queue.record_success(Instant::now());
            self.0.down.store(false, Ordering::Release);
            (down_for, queue.advance(Instant::now()))
        };
        permit::wake(wake);
        Some(down_for)
    }

    /// Records an attempt that found the server down. Returns the pause of this watch, which has just drawn
    /// `own` from its own back-off, and the time of the next probe by any watch.
    pub(crate) fn record_outage(
        &self,
        permit: Option<Permit>,
        backoff: &mut Backoff,
        own: Duration,
    ) -> (Duration, Instant) {
        let now = Instant::now();
        let mut queue = self.queue();
        let pause = queue.record_outage(permit.as_ref().map(Permit::ticket), backoff, now);
        self.0.down.store(true, Ordering::Release);
        let next = queue.next_probe_at().unwrap_or(now);
        // The next to probe waits for another time now.
        let waker = pause.and_then(|_| queue.next_waker());
        drop(queue);
        permit::wake(waker);
        // Only now, since dropping it locks the queue too.
        drop(permit);
        (pause.unwrap_or(own), next)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ReconnectGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectGate")
            .field("down", &self.is_down())
            .finish_non_exhaustive()
    }
}
