//! A process's lines, with a bound on the wait for each.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

pub(super) struct Lines(Receiver<String>);

impl Lines {
    /// Reads in a thread of its own, which ends with the output.
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

    /// The next line.
    pub(super) fn next(&self, deadline: Instant) -> Result<String, &'static str> {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        self.0.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => "it said nothing in time",
            RecvTimeoutError::Disconnected => "it has ended",
        })
    }
}
