//! Replies to [`Ready`](crate::Ready).

use tokio::sync::oneshot;

use crate::{
    messages::{ready::ReadyError, watch_status::WatchState},
    query::{Source, path::WatchPath, watch_key::WatchKey},
    supervisor::WatchSupervisor,
};

/// A [`Ready`](crate::Ready) that waits for its watches.
pub(super) struct ReadyWaiter {
    /// The watches, with their names for the error if one of them is stopped.
    pub(super) watches: Vec<(WatchKey, WatchPath)>,
    pub(super) reply: oneshot::Sender<Result<(), ReadyError>>,
}

impl<S: Source> WatchSupervisor<S> {
    /// Answers each [`Ready`](crate::Ready) whose watches are ready now, or one of whose watches is not going to be.
    pub(super) fn answer_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for ReadyWaiter { watches, reply } in waiting {
            match self.readiness(&watches) {
                Some(answer) => drop(reply.send(answer)),
                None if reply.is_closed() => {}
                None => self.waiting.push(ReadyWaiter { watches, reply }),
            }
        }
    }

    pub(super) fn readiness(
        &self,
        watches: &[(WatchKey, WatchPath)],
    ) -> Option<Result<(), ReadyError>> {
        let mut ready = true;
        for (key, path) in watches {
            let Some(entry) = self.entries.get(key) else {
                return Some(Err(ReadyError::Stopped(path.to_string())));
            };
            match entry.cell.state() {
                WatchState::Stopped { error } => {
                    return Some(Err(ReadyError::Invalid {
                        path: entry.path.to_string(),
                        error,
                    }));
                }
                _ if entry.cell.read().value.is_some() => {}
                _ => {
                    if let Some(reason) = entry.cell.status().rejection {
                        return Some(Err(ReadyError::Rejected {
                            path: entry.path.to_string(),
                            reason,
                        }));
                    }
                    ready = false;
                }
            }
        }
        ready.then_some(Ok(()))
    }
}
