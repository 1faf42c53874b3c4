//! What watchers tell their supervisor.

use std::{any::Any, error::Error, fmt, sync::Arc, time::SystemTime};

use actix::prelude::*;

use crate::{
    EndReason, EventKind, Failure, FailureClass, Source, SubscriberCode, SubscriptionId,
    WatchState, WatchSupervisor, key::WatchKey,
};

/// Something happened to a watcher.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Report {
    pub(crate) key: WatchKey,
    pub(crate) incarnation: u64,
    pub(crate) kind: ReportKind,
}

#[derive(Debug)]
pub(crate) enum ReportKind {
    State(WatchState),
    /// Its first value is there, whatever state it was in before.
    FirstValue,
    Rejected(Arc<dyn Error + Send + Sync>),
    /// The answer after a rejected one could be taken as a value.
    Accepted,
    SubscriberPanicked(SubscriptionId, SubscriberCode),
    SubscriberGone(SubscriptionId, EndReason),
}

/// Nobody keeps a watch any more that was not ended; with the state that is left.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Died {
    pub(crate) key: WatchKey,
    pub(crate) incarnation: u64,
    pub(crate) why: Why,
    pub(crate) state: Box<dyn Any + Send>,
}

/// Why nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its actor panicked, or its arbiter has stopped.
    Panicked,
    /// The wider watch that served it does so no more.
    Uncovered,
}

impl fmt::Debug for Died {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Died")
            .field("key", &self.key)
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}

/// What became of a watcher that is no more.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the watcher panicked (its message is on standard error); another one takes over")]
struct WatcherPanicked;

impl<S: Source> Handler<Report> for WatchSupervisor<S> {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        let Some(entry) = self.entries.get_mut(&report.key) else {
            return;
        };
        if entry.incarnation != report.incarnation {
            return;
        }
        let path = entry.path.clone();
        match report.kind {
            ReportKind::State(state) => {
                // One that is served by another shows what that one's state makes of it.
                let shown = if entry.slot.is_covered() {
                    entry.slot.state()
                } else {
                    state.clone()
                };
                if entry.is_news(&shown) {
                    self.tell(&report.key, &path, &EventKind::State(shown));
                }
                self.tell_covered(&report.key, &state);
                self.answer_waiting();
            }
            ReportKind::FirstValue => self.answer_waiting(),
            ReportKind::Rejected(reason) => {
                self.tell(&report.key, &path, &EventKind::Rejected(reason));
                self.answer_waiting();
            }
            ReportKind::Accepted => {
                let state = entry.slot.state();
                self.tell(&report.key, &path, &EventKind::State(state));
            }
            ReportKind::SubscriberPanicked(subscription, code) => {
                let kind = EventKind::SubscriberPanicked { subscription, code };
                self.tell(&report.key, &path, &kind);
            }
            ReportKind::SubscriberGone(id, reason) => self.subscriber_gone(id, reason, ctx),
        }
        self.pump_observers(ctx);
    }
}

impl<S: Source> Handler<Died> for WatchSupervisor<S> {
    type Result = ();

    fn handle(&mut self, died: Died, ctx: &mut Self::Context) {
        let incarnation = self.number();
        let Some(entry) = self.entries.get_mut(&died.key) else {
            return;
        };
        if entry.incarnation != died.incarnation {
            return;
        }
        entry.incarnation = incarnation;
        if let Some(told) = entry.told.take() {
            // What it tells by itself goes on from what was told of it.
            entry.slot.write().status.state = *told;
        }
        let cover = entry.slot.write().cover.take();
        let pause = entry.handle.revive(
            died.state,
            died.why,
            incarnation,
            &self.source,
            &mut self.arbiters,
        );
        let path = entry.path.clone();
        if let Some((attempt, pause)) = pause {
            let error = Failure::new(FailureClass::Transient, WatcherPanicked);
            let state = WatchState::Retrying {
                error,
                attempt,
                next: SystemTime::now() + pause,
            };
            let news = {
                let mut slot = entry.slot.write();
                slot.status.restarts += 1;
                let news = slot.status.state.is_news(&state);
                slot.status.state = state.clone();
                news
            };
            if news {
                tracing::error!(%path, "a watcher has panicked, another one takes over");
                self.tell(&died.key, &path, &EventKind::State(state.clone()));
                self.tell_covered(&died.key, &state);
                self.pump_observers(ctx);
            }
        }
        if let Some(cover) = cover {
            let finished = self.leave(&cover);
            ctx.spawn(finished.into_actor(self));
        }
    }
}
