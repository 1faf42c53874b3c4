//! [`Exec`]: the settings of a program that is kept running.

use std::{path::PathBuf, time::Duration};

use consul_watch_actors::Backoff;

use crate::handlers::{
    longest::LONGEST,
    options::{HandlerOptions, handler_setters},
    process::{Environment, Program, ProgramError},
    run_stats::RunEnded,
    signal::Signal,
};

/// The effect of a change on the running program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnChange {
    /// Sends it this signal.
    Signal(Signal),
    /// Ends it and starts it again.
    Restart,
    /// Nothing: it reads the [state file](Exec::state_file) when it likes.
    Nothing,
}

/// A program to keep running, as [consul-template's exec mode](https://github.com/hashicorp/consul-template/blob/main/docs/modes.md#exec-mode)
/// does.
///
/// | setting | default |
/// |---|---|
/// | started | with the first state |
/// | on a change | SIGHUP |
/// | started again after its exit | after 1 s to 60 s, with full jitter, from 1 s again after 10 s of running |
/// | ended by | SIGTERM, and SIGKILL after 5 s |
/// | output | inherited |
/// | environment | inherited, without the variables of systemd |
///
/// The program has to stay in the foreground: when it exits, all that it forked is ended before it is started
/// again. Its stdin is empty. It reads the state from the [state file](Self::state_file), or asks Consul.
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
    /// Keeps this program running.
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

    handler_setters!(label, stop_signal, output, splay, events(RunEnded));

    /// Sets the effect of a change (default: SIGHUP).
    ///
    /// A signal may end a program that has not installed its handler yet. The program is then started again
    /// with the newest state.
    #[must_use]
    pub fn on_change(mut self, on_change: OnChange) -> Self {
        self.on_change = on_change;
        self
    }

    /// Starts it with the handler and not with the first state, which is then a change like any other.
    #[must_use]
    pub fn start_at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// Sets the pauses before it is started again after an exit of any kind.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets the time it may take to exit before it is killed (default 5 s). For a
    /// [`StopHandler`](crate::handlers::StopHandler) too, this time counts and not the message's, since a
    /// program that keeps running is asked to exit at once.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace.min(LONGEST);
        self
    }

    /// Keeps the newest state in this file, as the JSON that Consul's handlers receive and a newline. It is
    /// written before the program is started, signalled or restarted. It is replaced as a whole, and only our
    /// own user may read it. While it cannot be written, the running program learns of no change, and each try is
    /// reported as a run that was not started.
    #[must_use]
    pub fn state_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.state_file = Some(file.into());
        self
    }

    /// Checks the settings without running anything.
    ///
    /// # Errors
    ///
    /// As [`Program::validate`].
    pub fn validate(&self) -> Result<(), ProgramError> {
        self.program.validate()
    }
}
