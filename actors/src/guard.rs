//! Who asks a server that was away, and when.

mod line;
mod turn;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use self::line::Line;
pub(crate) use self::{line::Comer, turn::Turn};
use crate::Backoff;

/// Keeps watches from storming a server that comes back. A clone shares it.
///
/// All watches of one server share a guard ([`Source::guard`](crate::Source::guard)). A failure that says
/// that the server is away ([`Failure::outage`](crate::Failure::outage)) makes their next attempts queue:
///
/// - **While it is away, one of them asks**, the one that failed least often and among those the one with
///   most subscribers. When it fails, the next one asks after a pause with full jitter that doubles from the
///   [`Backoff`]'s base to [`MAX_PROBE_INTERVAL`](Self::MAX_PROBE_INTERVAL), or to the back-off's own ceiling if that is lower (and never
///   below the base).
/// - **Any answer says that it is back**: then all come, those with most subscribers first and
///   [`MAX_CONCURRENT`](Self::MAX_CONCURRENT) at a time.
/// - A watch that is new or was [reset](crate::Reset) does not wait for that answer, only for its turn among
///   those that ask at once, so that it soon has an error of its own to tell.
///
/// An attempt that takes longer than [`PROBE_TIMEOUT`](Self::PROBE_TIMEOUT) counts no more, so one that hangs holds up
/// nobody. A watch in the queue holds no connection and can be stopped and reset as ever.
#[derive(Clone, Default)]
pub struct ReconnectGate(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// What the line says, to be read with every answer.
    away: AtomicBool,
    line: Mutex<Line>,
}

impl ReconnectGate {
    /// How many watches ask at a time when the server is back: enough to keep it busy.
    pub const MAX_CONCURRENT: usize = 32;
    /// How long an attempt counts among these, and how long the one that asks while the server is away may
    /// take before another one asks too: 2 s.
    pub const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
    /// The longest pause between two attempts while the server is away: 5 s. It is short since no more than
    /// one watch asks, however many there are.
    pub const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(5);

    /// A guard of a server that is not known to be away.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the server is known to be away.
    pub fn is_down(&self) -> bool {
        self.0.away.load(Ordering::Acquire)
    }

    /// The server has answered, whatever it said.
    pub(crate) fn found(&self) {
        if self.is_down() {
            let wake = {
                let mut line = self.line();
                line.found(Instant::now());
                self.0.away.store(false, Ordering::Release);
                line.advance(Instant::now())
            };
            turn::wake(wake);
        }
    }

    /// An attempt has found that the server is away: the pause of this watch, which has just drawn `own`, and
    /// when the next attempt of any watch comes.
    pub(crate) fn lost(
        &self,
        turn: Option<Turn>,
        backoff: &mut Backoff,
        own: Duration,
    ) -> (Duration, Instant) {
        let now = Instant::now();
        let mut line = self.line();
        let pause = line.lost(turn.as_ref().map(Turn::standing), backoff, now);
        self.0.away.store(true, Ordering::Release);
        let next = line.next_probe().unwrap_or(now);
        // Whoever asks next has to know that the time is another one.
        let informed = pause.and_then(|_| line.informed());
        drop(line);
        turn::wake(informed);
        // Only now, since giving it up locks the line too.
        drop(turn);
        (pause.unwrap_or(own), next)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ReconnectGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("away", &self.is_down())
            .finish_non_exhaustive()
    }
}
