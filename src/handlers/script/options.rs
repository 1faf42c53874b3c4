//! How a program is run.

use std::time::Duration;

use crate::handlers::{
    options::{HandlerOptions, handler_setters},
    process::{Environment, OrphanPolicy, OutputTo, Program, ProgramError},
    retry_policy::RetryPolicy,
    run_stats::RunEnded,
    task_queue::QueueMode,
};

/// A program to run on each change, and how.
///
/// | setting | [`command`](Self::command) | [`service`](Self::service) |
/// |---|---|---|
/// | timeout | none | 30 s |
/// | grace between SIGTERM and SIGKILL | 5 s | 5 s |
/// | states that come during a run | folded | folded |
/// | output | where ours goes | the last 4 KiB logged |
/// | a failed run | ends the handler | is [tried again](RetryPolicy) |
/// | splay | none | none |
/// | forks that outlive the program | left alone | left alone |
/// | environment | inherited | inherited, but for what systemd says to us |
///
/// The command's are those of `consul watch` (Consul's docs, "Consul Watch"); the service's are those of the
/// agent's `watches` ("Watches Overview and Reference") with a timeout and with retries, which those lack.
///
/// When a state counts as handled, for a [checkpoint](crate::checkpoint) and for the next one to come: folding,
/// when its run has ended, even if it has failed and is to be tried again; in a queue, when it waits there; in
/// parallel, when its run begins.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) program: Program,
    pub(super) options: HandlerOptions<RunEnded>,
    pub(super) timeout: Option<Duration>,
    pub(super) orphans: OrphanPolicy,
    pub(super) mode: QueueMode,
    pub(super) ends_on_failure: bool,
    pub(super) on_error: Option<Program>,
}

impl Script {
    /// The default timeout of a service's program: 30 s.
    pub const SERVICE_TIMEOUT: Duration = Duration::from_secs(30);
    /// The default time between SIGTERM and SIGKILL: 5 s.
    pub const GRACE: Duration = HandlerOptions::<RunEnded>::GRACE;

    /// A program as `consul watch` runs it.
    pub fn command(program: Program) -> Self {
        Self {
            program,
            options: HandlerOptions::default(),
            timeout: None,
            orphans: OrphanPolicy::Leave,
            mode: QueueMode::Coalesce,
            ends_on_failure: true,
            on_error: None,
        }
    }

    /// A program as a service runs it that nobody looks at.
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

    handler_setters!(stop_signal, output, retry, splay, events(RunEnded));

    /// Sets how long a run may take; `None` is for ever. Then the program and all it has forked get SIGTERM,
    /// and after the grace period SIGKILL.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets the time between SIGTERM and SIGKILL (default 5 s).
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace;
        self
    }

    /// Sets what becomes of forks that outlive the program.
    #[must_use]
    pub fn orphans(mut self, orphans: OrphanPolicy) -> Self {
        self.orphans = orphans;
        self
    }

    /// One run at a time; of the states that come meanwhile only the newest is run. The default.
    #[must_use]
    pub fn coalesce(mut self) -> Self {
        self.mode = QueueMode::Coalesce;
        self
    }

    /// One run at a time, and every state is run, in order, as long as no more than `most` (at least one)
    /// wait; beyond that they are folded. A failed run is tried again before the next state.
    #[must_use]
    pub fn queue(mut self, most: usize) -> Self {
        self.mode = QueueMode::Queue(most.max(1));
        self
    }

    /// Up to `most` (at least one) runs at the same time. Further states are folded meanwhile.
    #[must_use]
    pub fn parallel(mut self, most: usize) -> Self {
        self.mode = QueueMode::Parallel(most.max(1));
        self
    }

    /// Whether the handler ends when a run has failed for good, as `consul watch` does. The failed state is
    /// then not acknowledged: no checkpoint takes it for handled.
    #[must_use]
    pub fn end_on_failure(mut self, ends: bool) -> Self {
        self.ends_on_failure = ends;
        self
    }

    /// Runs this program when a run has failed, and when a watch is in trouble if the handler is given to
    /// `Observe`. It is told by `CONSUL_WATCH_ERROR`, and on stdin by JSON: `{"path", "error", "output"}`.
    /// One at a time; of the troubles that come meanwhile the newest is told. Its own failure is logged.
    #[must_use]
    pub fn on_error(mut self, program: Program) -> Self {
        self.on_error = Some(program);
        self
    }

    /// Checks what can be checked without running anything.
    ///
    /// # Errors
    ///
    /// As [`Program::validate`], of both programs.
    pub fn validate(&self) -> Result<(), ProgramError> {
        self.program.validate()?;
        self.on_error.as_ref().map_or(Ok(()), Program::validate)
    }
}
