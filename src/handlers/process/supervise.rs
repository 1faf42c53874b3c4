//! A child's life: fed, listened to, and ended when it must be.

use std::{future::pending, pin::pin, time::Duration};

use futures_util::{FutureExt, future::FusedFuture};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    process::ChildStdin,
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Exit, Output, ProgramError,
    process_group::ProcessGroup,
    spawn::SpawnedChild,
    termination::{Termination, TerminationReason, TerminationStep},
};
use crate::handlers::Signal;

/// How long output is read on after the child's exit: enough for what is in the pipe, whoever holds it open.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(200);

/// How often a group that was asked to end is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How long a killed group is waited for: killing is a matter of milliseconds, unless the disk hangs.
const REAP_TIMEOUT: Duration = Duration::from_secs(1);

/// What becomes of processes that a program has forked and that outlive its own exit.
///
/// Whatever is chosen, they cannot hold up the handler, even if they hold its pipes open; and a program that
/// has to be ended is ended with all it has forked. A process that has left the program's process group, as a
/// daemon does, is always left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OrphanPolicy {
    /// They live on, as Consul has it: handlers start daemons by `daemon &`.
    #[default]
    Leave,
    /// They are asked to end, and killed after the grace period.
    End,
}

/// How patient to be with a child.
#[derive(Debug, Clone, Copy)]
pub(in crate::handlers) struct RunLimits {
    pub(in crate::handlers) timeout: Option<Duration>,
    pub(in crate::handlers) stop_signal: Signal,
    pub(in crate::handlers) grace: Duration,
    pub(in crate::handlers) orphans: OrphanPolicy,
}

/// Something to do with a child that runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::handlers) enum ChildCommand {
    /// Send it a signal.
    Signal(Signal),
    /// Let it end by itself within this time, and end it then.
    Finish(Duration),
}

/// The way orders go.
pub(in crate::handlers) type CommandSender = UnboundedSender<ChildCommand>;

/// How a child came to its end.
#[derive(Debug)]
pub(in crate::handlers) struct ChildOutcome {
    pub(in crate::handlers) exit: Exit,
    pub(in crate::handlers) output: Output,
    pub(in crate::handlers) duration: Duration,
}

impl ChildOutcome {
    /// The end of a child that was never born.
    pub(in crate::handlers) fn not_started(error: ProgramError) -> Self {
        Self {
            exit: error.into(),
            output: Output::default(),
            duration: Duration::ZERO,
        }
    }
}

/// Accompanies a child until it is reaped. Dropped before, it kills the child's group.
pub(in crate::handlers) async fn supervise(
    spawned: SpawnedChild,
    input: Vec<u8>,
    limits: RunLimits,
    mut commands: UnboundedReceiver<ChildCommand>,
) -> ChildOutcome {
    // In this order the group is killed before its leader, if all this is dropped.
    let SpawnedChild {
        mut child,
        group,
        stdin,
        output: pipe,
        program,
    } = spawned;
    let begun = Instant::now();
    let mut termination = Termination::begin(limits.timeout, begun);
    let mut output = Output::default();
    let status = {
        let mut streams =
            pin!(async { tokio::join!(feed(stdin, input), drain(pipe, &mut output)) }.fuse());
        let mut ordering = true;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                () = until(termination.due()) => match termination.advance(limits.grace, Instant::now()) {
                    Some(TerminationStep::Terminate) => group.terminate(limits.stop_signal),
                    Some(TerminationStep::Kill) => group.signal(Signal::KILL),
                    None => {}
                },
                order = commands.recv(), if ordering => match order {
                    Some(ChildCommand::Signal(signal)) => group.signal(signal),
                    Some(ChildCommand::Finish(within)) => termination.finish(within, Instant::now()),
                    None => ordering = false,
                },
                _ = &mut streams, if !streams.is_terminated() => {}
            }
        };
        let left = match (termination.ending(), limits.orphans) {
            (Some(_), _) => Some(termination),
            (None, OrphanPolicy::End) => {
                group.terminate(limits.stop_signal);
                Some(Termination::Terminating(
                    Instant::now() + limits.grace,
                    TerminationReason::ChildCommand,
                ))
            }
            (None, OrphanPolicy::Leave) => None,
        };
        if let Some(left) = left {
            let mut empty = pin!(emptied(&group, left));
            loop {
                tokio::select! {
                    () = &mut empty => break,
                    _ = &mut streams, if !streams.is_terminated() => {}
                }
            }
        }
        if !streams.is_terminated() {
            // Whoever holds the pipes now is not the child.
            let _ = timeout(DRAIN_TIMEOUT, streams).await;
        }
        status
    };
    group.release();
    let exit = match (termination.ending(), status) {
        (Some(TerminationReason::Timeout(after)), _) => Exit::TimedOut { after },
        (Some(TerminationReason::ChildCommand), _) => Exit::Stopped,
        (None, Ok(status)) => status.into(),
        (None, Err(source)) => ProgramError::Wait { program, source }.into(),
    };
    ChildOutcome {
        exit,
        output,
        duration: begun.elapsed(),
    }
}

/// Writes what the child is fed. A child that reads none of it, or a part, may do so.
async fn feed(stdin: Option<ChildStdin>, input: Vec<u8>) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(&input).await;
    }
}

/// Reads what the child prints, to the end of all who hold the pipe.
async fn drain(pipe: Option<pipe::Receiver>, output: &mut Output) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        output.push(&chunk[..read]);
    }
}

/// Waits until a group that was told to end has no member, and kills it when its time is over.
async fn emptied(group: &ProcessGroup, termination: Termination) {
    let kill_at = termination.due().unwrap_or_else(Instant::now);
    while group.is_alive() && Instant::now() < kill_at {
        sleep(POLL_INTERVAL).await;
    }
    // A dead member counts until its new parent, the system's first process, has taken note of it.
    let give_up_at = Instant::now() + REAP_TIMEOUT;
    while group.is_alive() && Instant::now() < give_up_at {
        group.signal(Signal::KILL);
        sleep(POLL_INTERVAL).await;
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
