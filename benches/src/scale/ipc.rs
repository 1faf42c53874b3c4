//! The child's side of the talk.

use std::io::{self, BufRead, Write};
use std::process;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The lines of the input; the process ends with them.
pub(super) struct Commands(UnboundedReceiver<String>);

impl Commands {
    /// Says that all is up, and waits for `go`.
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
        say("idle");
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

/// One line, in one write: who listens may already be gone, which ends the process by its input.
pub(super) fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = out
        .write_all(format!("{line}\n").as_bytes())
        .and_then(|()| out.flush());
}
