//! The child process's side of the line protocol.

use std::io::{self, BufRead, Write};
use std::process;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The lines of the input. The process ends when the input ends.
pub(super) struct Commands(UnboundedReceiver<String>);

impl Commands {
    /// Prints `idle` and waits for `go`.
    pub(super) async fn wait_for_go() -> Result<Self, String> {
        let (out, lines) = unbounded_channel();
        thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                if out.send(line).is_err() {
                    break;
                }
            }
            process::exit(0);
        });
        let mut commands = Self(lines);
        print_line("idle");
        match commands.next().await.as_str() {
            "go" => Ok(commands),
            other => Err(format!("{other:?} instead of go")),
        }
    }

    pub(super) async fn next(&mut self) -> String {
        match self.0.recv().await {
            Some(line) => line,
            // The process is about to end.
            None => std::future::pending().await,
        }
    }
}

/// Prints one line in one write. A failure is ignored: when the reader is gone, the input ends and so does the process.
pub(super) fn print_line(line: &str) {
    let mut out = io::stdout().lock();
    let _ = out
        .write_all(format!("{line}\n").as_bytes())
        .and_then(|()| out.flush());
}
