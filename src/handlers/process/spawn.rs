//! Spawns a child process in a process group of its own.

use std::{
    collections::BTreeMap,
    io,
    os::fd::OwnedFd,
    process::{Command, Stdio},
};

use tokio::{
    net::unix::pipe,
    process::{Child, ChildStdin},
};

use super::{OutputTo, Program, ProgramError, process_group::ProcessGroup};

/// The streams of a child that are connected to this process.
#[derive(Debug, Clone, Copy)]
pub(in crate::handlers) struct Pipes {
    /// Whether its stdin is a pipe. Otherwise it is empty.
    pub(in crate::handlers) input: bool,
    /// The destination of its output.
    pub(in crate::handlers) output: OutputTo,
}

/// A running child, which leads a process group of its own.
#[derive(Debug)]
pub(in crate::handlers) struct SpawnedChild {
    // Dropped before the child, which the runtime then reaps.
    pub(super) group: ProcessGroup,
    pub(super) child: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) output: Option<pipe::Receiver>,
    pub(super) program: String,
}

/// Starts a program. It needs a runtime.
///
/// # Errors
///
/// [`ProgramError::Start`].
pub(in crate::handlers) fn spawn(
    program: &Program,
    variables: &BTreeMap<&'static str, String>,
    pipes: Pipes,
) -> Result<SpawnedChild, ProgramError> {
    let mut command = program.command(variables);
    command.stdin(if pipes.input {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    start(command, pipes.output, program.name()).map_err(|source| program.not_started(source))
}

fn start(mut command: Command, to: OutputTo, program: String) -> io::Result<SpawnedChild> {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    let output = match to {
        OutputTo::Inherit => None,
        OutputTo::Log => {
            // One pipe for both streams keeps their order.
            let (reader, writer) = io::pipe()?;
            command.stdout(writer.try_clone()?).stderr(writer);
            Some(pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?)
        }
    };
    // The command holds the writing ends of the pipe. It is dropped here, or the pipe would never end.
    let mut child = { tokio::process::Command::from(command) }.spawn()?;
    let group = child
        .id()
        .and_then(ProcessGroup::led_by)
        .ok_or_else(|| io::Error::other("the child has no number"))?;
    Ok(SpawnedChild {
        group,
        stdin: child.stdin.take(),
        child,
        output,
        program,
    })
}
