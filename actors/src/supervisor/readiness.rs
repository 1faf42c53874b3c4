//! Replies to [`Ready`](crate::Ready).

use tokio::sync::oneshot;

use crate::{ReadyError, Source, WatchPath, WatchState, WatchSupervisor, key::WatchKey};

/// Somebody waits until these watches are ready.
pub(super) struct Waiting {
    /// With their names, for when one of them is stopped.
    pub(super) watches: Vec<(WatchKey, WatchPath)>,
    pub(super) reply: oneshot::Sender<Result<(), ReadyError>>,
}

impl<S: Source> WatchSupervisor<S> {
    /// Answers those who wait for watches that are ready now, or never will be.
    pub(super) fn answer_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for Waiting { watches, reply } in waiting {
            match self.readiness(&watches) {
                Some(answer) => drop(reply.send(answer)),
                None if reply.is_closed() => {}
                None => self.waiting.push(Waiting { watches, reply }),
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
            match entry.slot.state() {
                WatchState::Stopped { error } => {
                    return Some(Err(ReadyError::Invalid {
                        path: entry.path.to_string(),
                        error,
                    }));
                }
                _ if entry.slot.read().value.is_some() => {}
                _ => {
                    if let Some(reason) = entry.slot.status().rejection {
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
