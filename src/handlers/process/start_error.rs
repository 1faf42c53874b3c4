//! The reason why a program did not start, and the remedy.

use std::{ffi::OsStr, io, path::Path, process::Command};

use rustix::io::Errno;

/// The most that Linux accepts for one argument or variable (`MAX_ARG_STRLEN`).
const MAX_STRING: usize = 128 * 1024;

/// Returns whether the system lacked descriptors, processes or memory.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::AGAIN | Errno::NOMEM)
    )
}

/// Returns the reason and the remedy for a command that did not start.
pub(super) fn remedy(command: &Command, shell: bool, error: &io::Error) -> String {
    let remedy = match (Errno::from_io_error(error), error.kind()) {
        (Some(Errno::MFILE), _) => {
            "this process has as many open files as it may have; raise its limit (LimitNOFILE= of systemd, ulimit -n)"
        }
        (Some(Errno::NFILE), _) => {
            "the system has as many open files as it may have; raise fs.file-max (sysctl)"
        }
        (Some(Errno::AGAIN), _) => {
            "the system has no room for another process; raise the limit (TasksMax= of systemd, ulimit -u)"
        }
        (Some(Errno::NOMEM), _) => {
            "the system has no memory for another process; free some, or raise the limit (MemoryMax= of systemd)"
        }
        (Some(Errno::TOOBIG), _) => return too_big(command),
        (
            _,
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::PermissionDenied,
        ) if command
            .get_current_dir()
            .is_some_and(|directory| !directory.is_dir()) =>
        {
            let directory = command.get_current_dir().unwrap_or(Path::new("")).display();
            return format!(
                "its working directory {directory} is not a directory; create it, or name another"
            );
        }
        (_, io::ErrorKind::NotFound) if shell => {
            "it is the shell that the variable SHELL names, or /bin/sh, and there is no such file; set SHELL to a \
             shell that exists, or run the program without a shell (`args` in a file, `-shell=false` on the command \
             line)"
        }
        (_, io::ErrorKind::NotFound) if is_path(command.get_program()) => {
            "there is no such file, or the interpreter in its first line is missing; check the path"
        }
        (_, io::ErrorKind::NotFound) => "it is not on the PATH; install it, or give its full path",
        (_, io::ErrorKind::PermissionDenied) if Path::new(command.get_program()).is_dir() => {
            if shell {
                "it is the shell that the variable SHELL names, and a directory; set SHELL to a shell, or give the \
                 program as a list (`args`)"
            } else {
                "it is a directory; name a program"
            }
        }
        (_, io::ErrorKind::PermissionDenied) => {
            "it is not executable; make it so (chmod +x) for the user that this process runs as"
        }
        (_, io::ErrorKind::ExecutableFileBusy) => {
            "it is open for writing; put programs in place by renaming them"
        }
        (Some(Errno::NOEXEC), _) => {
            "it is neither a program of this machine nor a script that begins with `#!`"
        }
        _ => "the system refused it; see the reason",
    };
    remedy.to_owned()
}

fn is_path(program: &OsStr) -> bool {
    program.as_encoded_bytes().contains(&b'/')
}

/// Names the largest of the arguments and variables, which the system does not.
fn too_big(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        // `NAME=value` and a NUL byte.
        let size = name.len() + value?.len() + 2;
        Some((size, format!("the variable {}", name.display())))
    });
    let arguments = (1..)
        .zip(command.get_args())
        .map(|(at, argument)| (argument.len() + 1, format!("argument {at}")));
    let all: Vec<_> = variables.chain(arguments).collect();
    let sum: usize = all.iter().map(|(size, _)| size).sum();
    let Some((size, largest)) = all.into_iter().max() else {
        return "its arguments and environment are too large for the system; shorten them"
            .to_owned();
    };
    if size > MAX_STRING {
        format!(
            "{largest} has {size} bytes, and the system accepts {MAX_STRING} in one; shorten it, or pass the data \
             on standard input or in a file"
        )
    } else {
        format!(
            "its arguments and environment have {sum} bytes, more than the system accepts, and the largest is \
             {largest} with {size}; shorten it, withhold variables (`environment_deny`), or raise the limit of the \
             stack (ulimit -s)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(command: &Command, errno: Errno) -> String {
        remedy(command, false, &io::Error::from(errno))
    }

    #[test]
    fn each_reason_is_the_true_one() {
        let command = Command::new("x");
        for (errno, expected) in [
            (Errno::MFILE, "LimitNOFILE"),
            (Errno::NFILE, "fs.file-max"),
            (Errno::AGAIN, "TasksMax"),
            (Errno::NOMEM, "MemoryMax"),
            (Errno::NOENT, "not on the PATH"),
            (Errno::NOEXEC, "`#!`"),
            (Errno::TXTBSY, "open for writing"),
            (Errno::ACCESS, "chmod +x"),
        ] {
            assert!(reason(&command, errno).contains(expected), "{errno}");
            let shortage = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
            assert_eq!(
                is_shortage(&errno.into()),
                shortage.contains(&errno),
                "{errno}"
            );
        }
        let directory = Command::new("/");
        assert_eq!(
            reason(&directory, Errno::ACCESS),
            "it is a directory; name a program"
        );
        let shell = remedy(&directory, true, &Errno::ACCESS.into());
        assert!(shell.contains("SHELL names, and a directory"), "{shell}");
        assert!(reason(&Command::new("/x"), Errno::NOENT).contains("check the path"));
        let mut elsewhere = Command::new("x");
        elsewhere.current_dir("/no/such/folder");
        assert!(reason(&elsewhere, Errno::NOENT).contains("/no/such/folder is not a directory"));
        assert!(reason(&elsewhere, Errno::MFILE).contains("LimitNOFILE"));
    }

    #[test]
    fn the_largest_string_is_named() {
        let mut command = Command::new("x");
        command.arg("a").arg("b".repeat(1000)).env("SMALL", "1");
        assert!(reason(&command, Errno::TOOBIG).contains("the largest is argument 2 with 1001"));
        command.env("LARGE", "x".repeat(MAX_STRING));
        assert!(reason(&command, Errno::TOOBIG).contains("the variable LARGE has 131079 bytes"));
    }
}
