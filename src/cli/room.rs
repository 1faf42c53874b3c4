//! The descriptors and threads that a command needs, checked before it starts.
//!
//! The runtime ends the process with a panic, or a thread of it without a word, where they are missing.

use std::{
    io,
    thread::{self, Builder},
};

use rustix::{
    io::Errno,
    process::{Resource, getrlimit},
};

use super::arguments::Command;

/// The room that a command needs.
#[derive(Debug, Clone, Copy)]
struct Room {
    descriptors: usize,
    threads: usize,
}

/// One watch, with its connection and one run of its program.
const OF_A_WATCH: Room = Room {
    descriptors: 20,
    threads: 3,
};

/// One request.
const OF_A_REQUEST: Room = Room {
    descriptors: 8,
    threads: 2,
};

/// The reason why there is no room.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoomError {
    #[error(
        "too few open files: this process may have {limit}, and needs {needed} more than it has; raise the limit (LimitNOFILE= of systemd, ulimit -n)"
    )]
    Descriptors { limit: String, needed: usize },
    #[error("the system has too many open files; raise fs.file-max (sysctl)")]
    System,
    #[error(
        "too few threads: this process needs {needed} more than it has, and cannot start them; raise the limit (TasksMax= of systemd, ulimit -u): {source}"
    )]
    Threads { needed: usize, source: io::Error },
}

/// Checks that there is room for a command; `None` is a single watch.
pub(super) fn check(command: Option<&Command>) -> Result<(), RoomError> {
    match command {
        None | Some(Command::Run { .. }) => OF_A_WATCH.check(),
        Some(Command::Kv { .. } | Command::Check { .. }) => OF_A_REQUEST.check(),
        Some(Command::Completions { .. } | Command::Man) => Ok(()),
    }
}

impl Room {
    fn check(self) -> Result<(), RoomError> {
        let needed = self.descriptors;
        let mut pipes = Vec::new();
        while pipes.len() * 2 < needed {
            match io::pipe() {
                Ok(pipe) => pipes.push(pipe),
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::MFILE) => {
                        let limit = getrlimit(Resource::Nofile).current;
                        let limit = limit.map_or("some".to_owned(), |limit| limit.to_string());
                        return Err(RoomError::Descriptors { limit, needed });
                    }
                    Some(Errno::NFILE) => return Err(RoomError::System),
                    // The command itself says what it lacks.
                    _ => break,
                },
            }
        }
        drop(pipes);
        self.check_threads()
    }

    fn check_threads(self) -> Result<(), RoomError> {
        let needed = self.threads;
        let started: Vec<_> = (0..needed)
            .map(|_| Builder::new().spawn(thread::park))
            .collect();
        let mut result = Ok(());
        for thread in started {
            match thread {
                Ok(thread) => {
                    thread.thread().unpark();
                    // It does nothing that could fail.
                    let _ = thread.join();
                }
                Err(source) => result = Err(RoomError::Threads { needed, source }),
            }
        }
        result
    }
}
