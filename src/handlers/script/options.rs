//! [`Script`]: the settings of a program that is run on each change.

use std::time::Duration;

use crate::handlers::{
    longest::LONGEST,
    options::{HandlerOptions, handler_setters},
    process::{Environment, OrphanPolicy, OutputTo, Program, ProgramError},
    retry_policy::RetryPolicy,
    run_stats::RunEnded,
    task_queue::QueueMode,
};

/// A program to run on each change.
///
/// | setting | [`command`](Self::command) | [`service`](Self::service) |
/// |---|---|---|
/// | timeout | none | 30 s |
/// | grace between SIGTERM and SIGKILL | 5 s | 5 s |
/// | states that arrive during a run | coalesced | coalesced |
/// | output | inherited | the last 4 KiB logged |
/// | a failed run | ends the handler | is [retried](RetryPolicy) |
/// | a program that cannot be started | ends the handler, unless descriptors, processes or memory are short | is tried again until it starts |
/// | splay | none | none |
/// | standard input | the state | the state |
/// | forks that outlive the program | left alone | left alone |
/// | environment | inherited | inherited, without the variables of systemd |
///
/// The settings of a command are those of [`consul watch`](https://developer.hashicorp.com/consul/commands/watch).
/// The settings of a service are those of the agent's
/// [`watches`](https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches), with a timeout and with
/// retries, which those lack.
///
/// A program that was not started has not failed: that counts as no attempt. An
/// [`ErrorHandler`](crate::handlers::ErrorHandler) that takes the [`events`](Self::events) runs a program when runs
/// fail for long.
///
/// The next state arrives, and a [checkpoint](crate::checkpoint) is written, when a state counts as handled:
/// when its run has ended, even if it failed and is retried; in a queue, when it waits there; in parallel, when
/// its run begins.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) program: Program,
    pub(super) options: HandlerOptions<RunEnded>,
    pub(super) timeout: Option<Duration>,
    pub(super) orphans: OrphanPolicy,
    pub(super) mode: QueueMode,
    pub(super) ends_on_failure: bool,
    pub(super) first_may_repeat: bool,
}

impl Script {
    /// The default timeout of a service's program: 30 s.
    pub const SERVICE_TIMEOUT: Duration = Duration::from_secs(30);
    /// The default time between SIGTERM and SIGKILL: 5 s.
    pub const GRACE: Duration = HandlerOptions::<RunEnded>::GRACE;

    /// Runs a program as `consul watch` does.
    pub fn command(program: Program) -> Self {
        Self {
            program,
            options: HandlerOptions::default(),
            timeout: None,
            orphans: OrphanPolicy::Leave,
            mode: QueueMode::Coalesce,
            ends_on_failure: true,
            first_may_repeat: false,
        }
    }

    /// Runs a program as an unattended service does.
    pub fn service(program: Program) -> Self {
        let program = program.with_environment(|all| all.deny(Environment::SERVICE_MANAGER));
        Self {
            timeout: Some(Self::SERVICE_TIMEOUT),
            options: HandlerOptions {
                output: OutputTo::Log,
                retry: Some(RetryPolicy::default()),
                ..HandlerOptions::default()
            },
            ends_on_failure: false,
            ..Self::command(program)
        }
    }

    handler_setters!(
        label,
        payload,
        stop_signal,
        output,
        retry,
        splay,
        events(RunEnded)
    );

    /// Sets the time that a run may take; `None` is no limit. After it the program and all that it forked get
    /// SIGTERM, and after the grace period SIGKILL.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into().map(|timeout| timeout.min(LONGEST));
        self
    }

    /// Sets the time between SIGTERM and SIGKILL (default 5 s).
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace.min(LONGEST);
        self
    }

    /// Sets the policy for processes that outlive the program that forked them.
    #[must_use]
    pub fn orphans(mut self, orphans: OrphanPolicy) -> Self {
        self.orphans = orphans;
        self
    }

    /// Runs one program at a time. Of the states that arrive meanwhile only the newest is run. The default.
    #[must_use]
    pub fn coalesce(mut self) -> Self {
        self.mode = QueueMode::Coalesce;
        self
    }

    /// Runs one program at a time, for every state in order, as long as no more than `most` (at least one)
    /// wait. Further ones are coalesced. A failed run is retried before the next state.
    #[must_use]
    pub fn queue(mut self, most: usize) -> Self {
        self.mode = QueueMode::Queue(most.max(1));
        self
    }

    /// Runs up to `most` (at least one) programs at the same time. Further states are coalesced meanwhile.
    #[must_use]
    pub fn parallel(mut self, most: usize) -> Self {
        self.mode = QueueMode::Parallel(most.max(1));
        self
    }

    /// Sets whether the handler ends when a run has failed for good, as `consul watch` does. The failed state is
    /// then not acknowledged, so that no checkpoint takes it for handled.
    #[must_use]
    pub fn end_on_failure(mut self, ends: bool) -> Self {
        self.ends_on_failure = ends;
        self
    }

    /// Marks the first state as one that may have been handled in part, by a run that ended with its process: see
    /// [`Checkpoint::is_begun`](crate::checkpoint::Checkpoint::is_begun). Its program finds
    /// `CONSUL_WATCH_REPEATED=1` in its environment.
    #[must_use]
    pub fn first_may_repeat(mut self, repeats: bool) -> Self {
        self.first_may_repeat = repeats;
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
