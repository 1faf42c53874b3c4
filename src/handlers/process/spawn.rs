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

use super::{
    OutputTo, Program, ProgramError, process_group::ProcessGroup, program_guard::ProgramStart,
};
use crate::handlers::input::{Piece, ProgramInput};

/// The streams of a child that are connected to this process.
#[derive(Debug)]
pub(in crate::handlers) struct Pipes {
    /// The content of its stdin, a pipe. Without it, its stdin is empty.
    pub(in crate::handlers) input: Option<ProgramInput>,
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
    pub(super) input: ProgramInput,
    pub(super) first_piece: Piece,
    pub(super) output: Option<pipe::Receiver>,
    pub(super) program: String,
}

/// Starts a program. It needs a runtime.
///
/// # Errors
///
/// [`ProgramError::Start`], [`ProgramError::Shell`] and [`ProgramError::Payload`].
pub(in crate::handlers) fn spawn(
    program: &Program,
    variables: &BTreeMap<&'static str, String>,
    pipes: Pipes,
) -> Result<SpawnedChild, ProgramError> {
    program.check_shell()?;
    let mut command = program.command(variables);
    command.stdin(if pipes.input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    let input = pipes.input.unwrap_or_else(ProgramInput::empty);
    let first_piece = input.first().map_err(|source| ProgramError::Payload {
        program: program.name(),
        source,
    })?;
    let (group, mut child, output) =
        start(command, pipes.output).map_err(|source| program.not_started(variables, source))?;
    Ok(SpawnedChild {
        group,
        stdin: child.stdin.take(),
        child,
        input,
        first_piece,
        output,
        program: program.name(),
    })
}

fn start(
    mut command: Command,
    to: OutputTo,
) -> io::Result<(ProcessGroup, Child, Option<pipe::Receiver>)> {
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
    let begun = ProgramStart::begin(&mut command);
    let child = { tokio::process::Command::from(command) }.spawn()?;
    let group = child
        .id()
        .and_then(ProcessGroup::led_by)
        .ok_or_else(|| io::Error::other("the child has no number"))?;
    drop(begun);
    Ok((group, child, output))
}
