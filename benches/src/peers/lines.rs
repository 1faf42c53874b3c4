//! The output lines of a process, each awaited with a deadline.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

pub(super) struct Lines(Receiver<String>);

impl Lines {
    /// Reads on a separate thread, which ends with the output.
    pub(super) fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// Waits for the next line.
    pub(super) fn next(&self, deadline: Instant) -> Result<String, &'static str> {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        self.0.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => "no line in time",
            RecvTimeoutError::Disconnected => "the process has ended",
        })
    }
}
