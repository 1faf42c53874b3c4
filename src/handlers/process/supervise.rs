//! Supervises a child process: writes its input, reads its output, and ends it when it has to.

use std::{future::pending, pin::pin, time::Duration};

use futures_util::{FutureExt, future::FusedFuture};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Exit, Output, ProgramError,
    process_group::{LeftGroup, Members, ProcessGroup},
    spawn::SpawnedChild,
    termination::{Termination, TerminationReason, TerminationStep, far},
};
use crate::handlers::Signal;

/// The time to read the rest of the output after the child's exit. A process that holds the pipe open cannot
/// extend it.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(200);

/// The times between two checks of a group that was asked to exit.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(10);
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The time to wait for a killed group. It takes milliseconds, unless the disk hangs.
const REAP_TIMEOUT: Duration = Duration::from_secs(1);

/// The policy for processes that a program forked and that outlive its exit.
///
/// With either policy they cannot delay the handler, even if they hold its pipes open, and a program that the
/// handler ends is ended with all that it forked. A process that has left the program's process group, as a
/// daemon does, is always left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OrphanPolicy {
    /// They live on, as in Consul, where handlers start daemons by `daemon &`. What they write to a pipe of the
    /// handler is read and dropped from then on.
    #[default]
    Leave,
    /// They are asked to exit, and killed after the grace period.
    End,
}

/// The limits of a child's run.
#[derive(Debug, Clone, Copy)]
pub(in crate::handlers) struct RunLimits {
    pub(in crate::handlers) timeout: Option<Duration>,
    pub(in crate::handlers) stop_signal: Signal,
    pub(in crate::handlers) grace: Duration,
    pub(in crate::handlers) orphans: OrphanPolicy,
}

/// A command for the supervision of a child.
#[derive(Debug, Clone, Copy)]
pub(in crate::handlers) enum ChildCommand {
    /// Send it a signal.
    Signal(Signal),
    /// Let it finish within this time, and end it then.
    Finish(Duration),
}

/// The sender of commands for one child.
pub(in crate::handlers) type CommandSender = UnboundedSender<ChildCommand>;

/// The outcome of a child's run.
#[derive(Debug)]
pub(in crate::handlers) struct ChildOutcome {
    pub(in crate::handlers) exit: Exit,
    pub(in crate::handlers) output: Output,
    pub(in crate::handlers) duration: Duration,
    /// The processes that should have been ended, and could not be.
    pub(in crate::handlers) left: Option<LeftGroup>,
}

impl ChildOutcome {
    /// The outcome of a child that could not be started.
    pub(in crate::handlers) fn not_started(error: ProgramError) -> Self {
        Self {
            exit: error.into(),
            output: Output::default(),
            duration: Duration::ZERO,
            left: None,
        }
    }
}

/// Supervises a child until it is reaped. If the future is dropped before, it kills the child's group.
pub(in crate::handlers) async fn supervise(
    spawned: SpawnedChild,
    limits: RunLimits,
    mut commands: UnboundedReceiver<ChildCommand>,
) -> ChildOutcome {
    // The order of these makes a drop kill the group before its leader.
    let SpawnedChild {
        mut child,
        group,
        stdin,
        input,
        first_piece,
        output: mut pipe,
        program,
    } = spawned;
    let begun = Instant::now();
    let mut termination = Termination::begin(limits.timeout, begun);
    let mut output = Output::default();
    let (status, left) = {
        let mut streams = pin!(
            async {
                tokio::join!(
                    input.feed(first_piece, stdin),
                    drain(&mut pipe, &mut output)
                )
            }
            .fuse()
        );
        let mut commanded = true;
        let status = loop {
            tokio::select! {
                status = child.wait() => break Some(status),
                () = until(termination.due()) => {
                    let reached = match termination.advance(limits.grace, Instant::now()) {
                        Some(TerminationStep::Terminate) => group.terminate(limits.stop_signal),
                        Some(TerminationStep::Kill) => group.signal(Signal::KILL),
                        None => true,
                    };
                    if !reached {
                        // It cannot be ended, and nobody knows how long it takes. The runtime reaps it later.
                        termination.give_up();
                        break None;
                    }
                }
                command = commands.recv(), if commanded => match command {
                    Some(ChildCommand::Signal(signal)) => drop(group.signal(signal)),
                    Some(ChildCommand::Finish(within)) => termination.finish(within, Instant::now()),
                    None => commanded = false,
                },
                _ = &mut streams, if !streams.is_terminated() => {}
            }
        };
        let left = match (termination.ending(), limits.orphans) {
            (Some(_), _) => Some(termination),
            (None, OrphanPolicy::End) => {
                group.terminate(limits.stop_signal);
                Some(Termination::Terminating(
                    far(Instant::now(), limits.grace),
                    TerminationReason::Requested,
                ))
            }
            (None, OrphanPolicy::Leave) => None,
        };
        if let Some(left) = left.filter(|_| status.is_some()) {
            let mut empty = pin!(emptied(&group, left));
            loop {
                tokio::select! {
                    () = &mut empty => break,
                    _ = &mut streams, if !streams.is_terminated() => {}
                }
            }
        }
        let left = termination.ending().and_then(|_| group.left());
        // From here on, what the child has left lives on, even if this future is dropped or this process is killed.
        group.release();
        if !streams.is_terminated() {
            // Another process holds the pipes now, and not the child.
            let _ = timeout(DRAIN_TIMEOUT, streams).await;
        }
        (status, left)
    };
    if let Some(pipe) = pipe {
        // Who still writes to it would die of SIGPIPE without a reader.
        tokio::spawn(discard(pipe));
    }
    let exit = match (termination.ending(), status) {
        (Some(TerminationReason::Timeout(after)), _) => Exit::TimedOut { after },
        (Some(TerminationReason::Requested), _) | (None, None) => Exit::Stopped,
        (None, Some(Ok(status))) => status.into(),
        (None, Some(Err(source))) => ProgramError::Wait { program, source }.into(),
    };
    ChildOutcome {
        exit,
        output,
        duration: begun.elapsed(),
        left,
    }
}

/// Reads the child's output until no process holds the pipe, which is then closed.
async fn drain(pipe: &mut Option<pipe::Receiver>, output: &mut Output) {
    let Some(reader) = pipe else { return };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = reader.read(&mut chunk).await {
        output.push(&chunk[..read]);
    }
    *pipe = None;
}

/// Reads and drops what processes write that a program has left in the background.
async fn discard(mut pipe: pipe::Receiver) {
    let mut chunk = vec![0; 4 * 1024];
    while let Ok(1..) = pipe.read(&mut chunk).await {}
}

/// Waits until a group that was asked to exit has no member, and kills it when its time is over.
async fn emptied(group: &ProcessGroup, termination: Termination) {
    let kill_at = termination.due().unwrap_or_else(Instant::now);
    let mut pause = MIN_POLL_INTERVAL;
    while group.members() == Members::Some && Instant::now() < kill_at {
        sleep(pause).await;
        pause = (pause * 2).min(MAX_POLL_INTERVAL);
    }
    let give_up_at = Instant::now() + REAP_TIMEOUT;
    while group.members() == Members::Some && Instant::now() < give_up_at {
        group.signal(Signal::KILL);
        sleep(MIN_POLL_INTERVAL).await;
    }
    if group.members() == Members::Forbidden {
        // Only to warn.
        group.signal(Signal::KILL);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::handlers::{
        OutputTo, Program,
        process::{Pipes, spawn},
    };

    #[actix::test]
    async fn what_a_program_has_left_lives_on_while_its_output_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let text = |name: &str| fs::read_to_string(file(name)).unwrap_or_default();
        // What it leaves holds the pipe of the output open.
        let line = format!(
            "cd {}; n=0; (until [ -e go ]; do [ $((n += 1)) -lt 6000 ] || exit; sleep 0.01; done; \
             echo lives > left) & echo $$ > program",
            folder.path().display()
        );
        let pipes = Pipes {
            input: None,
            output: OutputTo::Log,
        };
        let child = spawn(&Program::shell(line), &BTreeMap::new(), pipes).unwrap();
        let limits = RunLimits {
            timeout: None,
            stop_signal: Signal::TERM,
            grace: Duration::ZERO,
            orphans: OrphanPolicy::Leave,
        };
        let until = async |what: &str, holds: &dyn Fn() -> bool| {
            let deadline = Instant::now() + Duration::from_secs(30);
            while !holds() {
                assert!(Instant::now() < deadline, "{what}");
                sleep(Duration::from_millis(1)).await;
            }
        };
        let is_reaped = || {
            let program = text("program");
            program.ends_with('\n') && !Path::new("/proc").join(program.trim()).exists()
        };
        let (_commands, receiver) = unbounded_channel();
        // Dropped as soon as the program is reaped, within the time for the rest of its output.
        tokio::select! {
            _ = supervise(child, limits, receiver) => {}
            () = until("the program runs", &is_reaped) => {}
        }
        fs::write(file("go"), "").unwrap();
        until("what it has left was ended", &|| text("left") == "lives\n").await;
    }
}
