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
    group::Group,
    phase::{Phase, Step, Why},
    spawn::Spawned,
};
use crate::handlers::Signal;

/// How long output is read on after the child's exit: enough for what is in the pipe, whoever holds it open.
const DRAIN: Duration = Duration::from_millis(200);

/// How often a group that was asked to end is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How long a killed group is waited for: killing is a matter of milliseconds, unless the disk hangs.
const TAKE_NOTE: Duration = Duration::from_secs(1);

/// What becomes of processes that a program has forked and that outlive its own exit.
///
/// Whatever is chosen, they cannot hold up the handler, even if they hold its pipes open; and a program that
/// has to be ended is ended with all it has forked. A process that has left the program's process group, as a
/// daemon does, is always left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Forks {
    /// They live on, as Consul has it: handlers start daemons by `daemon &`.
    #[default]
    Leave,
    /// They are asked to end, and killed after the grace period.
    End,
}

/// How patient to be with a child.
#[derive(Debug, Clone, Copy)]
pub(in crate::handlers) struct Terms {
    pub(in crate::handlers) timeout: Option<Duration>,
    pub(in crate::handlers) ask: Signal,
    pub(in crate::handlers) grace: Duration,
    pub(in crate::handlers) forks: Forks,
}

/// Something to do with a child that runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::handlers) enum Order {
    /// Send it a signal.
    Signal(Signal),
    /// Let it end by itself within this time, and end it then.
    Finish(Duration),
}

/// The way orders go.
pub(in crate::handlers) type Orders = UnboundedSender<Order>;

/// How a child came to its end.
#[derive(Debug)]
pub(in crate::handlers) struct Ended {
    pub(in crate::handlers) exit: Exit,
    pub(in crate::handlers) output: Output,
    pub(in crate::handlers) duration: Duration,
}

impl Ended {
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
    spawned: Spawned,
    input: Vec<u8>,
    terms: Terms,
    mut orders: UnboundedReceiver<Order>,
) -> Ended {
    // In this order the group is killed before its leader, if all this is dropped.
    let Spawned {
        mut child,
        group,
        stdin,
        output: pipe,
        program,
    } = spawned;
    let begun = Instant::now();
    let mut phase = Phase::begin(terms.timeout, begun);
    let mut output = Output::default();
    let status = {
        let mut streams =
            pin!(async { tokio::join!(feed(stdin, input), drain(pipe, &mut output)) }.fuse());
        let mut ordering = true;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                () = until(phase.due()) => match phase.advance(terms.grace, Instant::now()) {
                    Some(Step::Ask) => group.ask_to_end(terms.ask),
                    Some(Step::Kill) => group.signal(Signal::KILL),
                    None => {}
                },
                order = orders.recv(), if ordering => match order {
                    Some(Order::Signal(signal)) => group.signal(signal),
                    Some(Order::Finish(within)) => phase.finish(within, Instant::now()),
                    None => ordering = false,
                },
                _ = &mut streams, if !streams.is_terminated() => {}
            }
        };
        let left = match (phase.ending(), terms.forks) {
            (Some(_), _) => Some(phase),
            (None, Forks::End) => {
                group.ask_to_end(terms.ask);
                Some(Phase::Asked(Instant::now() + terms.grace, Why::Order))
            }
            (None, Forks::Leave) => None,
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
            let _ = timeout(DRAIN, streams).await;
        }
        status
    };
    group.release();
    let exit = match (phase.ending(), status) {
        (Some(Why::Timeout(after)), _) => Exit::TimedOut { after },
        (Some(Why::Order), _) => Exit::Stopped,
        (None, Ok(status)) => status.into(),
        (None, Err(source)) => ProgramError::Wait { program, source }.into(),
    };
    Ended {
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
async fn emptied(group: &Group, phase: Phase) {
    let kill_at = phase.due().unwrap_or_else(Instant::now);
    while group.is_alive() && Instant::now() < kill_at {
        sleep(LOOK).await;
    }
    // A dead member counts until its new parent, the system's first process, has taken note of it.
    let give_up_at = Instant::now() + TAKE_NOTE;
    while group.is_alive() && Instant::now() < give_up_at {
        group.signal(Signal::KILL);
        sleep(LOOK).await;
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
