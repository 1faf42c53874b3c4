//! How a program is kept running.

use std::{path::PathBuf, time::Duration};

use consul_watch_actors::Backoff;

use crate::handlers::{
    options::{HandlerOptions, handler_setters},
    process::{Environment, Program, ProgramError},
    run_stats::RunEnded,
    signal::Signal,
};

/// What a change does to the program that is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnChange {
    /// It gets this signal.
    Signal(Signal),
    /// It is ended and started again.
    Restart,
}

/// A program to keep running, and how: consul-template's exec mode.
///
/// | setting | default |
/// |---|---|
/// | started | with the first state |
/// | on a change | SIGHUP |
/// | started again after its exit | after 1 s to 60 s, with full jitter, from 1 s again after 10 s of running |
/// | ended by | SIGTERM, and SIGKILL after 5 s |
/// | output | where ours goes |
/// | environment | inherited, but for what systemd says to us |
///
/// It stays in the foreground: what it has forked when it exits is ended before it is started again. Its
/// stdin is empty: what a program that goes on running is to know comes by the
/// [state file](Self::state_file), or it asks Consul itself.
#[derive(Debug, Clone)]
pub struct Exec {
    pub(super) program: Program,
    pub(super) options: HandlerOptions<RunEnded>,
    pub(super) on_change: OnChange,
    pub(super) at_once: bool,
    pub(super) backoff: Backoff,
    pub(super) state_file: Option<PathBuf>,
}

impl Exec {
    /// A program to keep running.
    pub fn new(program: Program) -> Self {
        const MIN_PAUSE: Duration = Duration::from_secs(1);
        const LONGEST: Duration = Duration::from_secs(60);
        Self {
            program: program.with_environment(|all| all.deny(Environment::SERVICE_MANAGER)),
            options: HandlerOptions::default(),
            on_change: OnChange::Signal(Signal::HUP),
            at_once: false,
            backoff: Backoff::new(MIN_PAUSE, LONGEST).unwrap_or_default(),
            state_file: None,
        }
    }

    handler_setters!(stop_signal, output, splay, events(RunEnded));

    /// Sets what a change does to it (default: SIGHUP).
    ///
    /// A program that is signalled before it has said what to do with the signal may end by it; it is then
    /// started again, with the newest state.
    #[must_use]
    pub fn on_change(mut self, on_change: OnChange) -> Self {
        self.on_change = on_change;
        self
    }

    /// Starts it with the handler, not with the first state, which is then a change like any other.
    #[must_use]
    pub fn start_at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// Sets the pauses after which it is started again when it has exited, in whatever way.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets how long it may take to end before it is killed (default 5 s). At a
    /// [`StopHandler`](crate::handlers::StopHandler) this grace counts, not the message's: a program that
    /// goes on running is asked to end at once.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace;
        self
    }

    /// Keeps the newest state in this file, as the JSON that Consul's handlers get and a newline: written
    /// before the program is started, and before it is signalled or restarted. It is replaced as a whole, and
    /// only our own user may read it.
    #[must_use]
    pub fn state_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.state_file = Some(file.into());
        self
    }

    /// Checks what can be checked without running anything.
    ///
    /// # Errors
    ///
    /// As [`Program::validate`].
    pub fn validate(&self) -> Result<(), ProgramError> {
        self.program.validate()
    }
}
