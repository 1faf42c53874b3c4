//! What watchers tell their supervisor.

use std::{
    any::Any,
    collections::HashSet,
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use actix::prelude::*;
use tokio::time::Instant;

use super::watch_handle::Spawn;
use crate::{
    EndReason, EventKind, Failure, FailureClass, Source, SubscriberCode, SubscriptionId,
    WatchState, WatchSupervisor, key::WatchKey, outage::Notice,
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
    /// It is not served by a wider watch any more.
    Detached(DetachReason),
    /// Its watcher was asked for its state, to make a member of the watch.
    HandedOver,
}

/// Why a member left its shared query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DetachReason {
    #[error("the wider query was refused")]
    Refused,
    #[error("its own query was refused")]
    OwnQueryRefused,
    #[error("its own answers contradicted the wider value")]
    Contradicted,
    #[error("extracting its value from the wider one failed or panicked")]
    Panicked,
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
                // A member shows what it inherits from the wide watch.
                let shown = if entry.slot.is_member() {
                    entry.slot.state()
                } else {
                    state.clone()
                };
                if entry.is_news(&shown) {
                    self.tell(&report.key, &path, &EventKind::State(shown));
                }
                self.tell_members(&report.key, &state);
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
                self.hasten_rejoins(&report.key);
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

impl<S: Source> WatchSupervisor<S> {
    /// Brings the members in the state of a dead watcher to what was promised to them: messages that it had not
    /// read are lost. Runs no code of an application.
    fn restore_members(&mut self, wide: &WatchKey, state: &mut (dyn Any + Send)) {
        if !self.shared.contains_key(wide) {
            return;
        }
        let Some(wide_entry) = self.entries.remove(wide) else {
            return;
        };
        if let Some((shared, in_flight)) = wide_entry.handle.members_of(state) {
            let mut wanted = HashSet::new();
            for entry in self.entries.values_mut().filter(|it| it.is_member_of(wide)) {
                wanted.insert(entry.incarnation);
                entry.handle.restore_member(shared, in_flight);
            }
            shared.retain(&wanted, in_flight);
        }
        self.entries.insert(wide.clone(), wide_entry);
    }
}

impl<S: Source> Handler<Died> for WatchSupervisor<S> {
    type Result = ();

    fn handle(&mut self, mut died: Died, ctx: &mut Self::Context) {
        let entry = self.entries.get(&died.key);
        if entry.is_none_or(|entry| entry.incarnation != died.incarnation) {
            return;
        }
        if died.why == Why::HandedOver {
            match self.rejoin(died) {
                Ok(()) => return,
                Err(back) => died = back,
            }
        }
        let delay = match died.why {
            Why::Detached(reason) => self.detached(&died.key, reason),
            Why::Panicked | Why::HandedOver => Duration::ZERO,
        };
        let incarnation = self.number();
        self.restore_members(&died.key, &mut *died.state);
        let Some(entry) = self.entries.get_mut(&died.key) else {
            return;
        };
        entry.incarnation = incarnation;
        if let Some(told) = entry.told.take() {
            // Its own watcher continues from what was reported last.
            entry.slot.write().status.state = *told;
        }
        entry.slot.write().upstream = None;
        let spawn = Spawn {
            incarnation,
            source: &self.source,
            settings: &self.settings,
            delay,
        };
        let pause = entry
            .handle
            .respawn(died.state, died.why, &spawn, &mut self.arbiters);
        let path = entry.path.clone();
        let slot = Arc::clone(&entry.slot);
        if let Some(host) = entry.handle.members_host() {
            self.rehost(&died.key, host);
        }
        if let Some((attempt, pause)) = pause {
            let error = Failure::new(FailureClass::Transient, WatcherPanicked);
            let state = WatchState::Retrying {
                error,
                attempt,
                next: SystemTime::now() + pause,
            };
            let notice = {
                let mut slot = slot.write();
                slot.status.restarts += 1;
                slot.enter(state.clone(), Instant::now())
            };
            if let Notice::Log(lasts) = notice {
                tracing::error!(%path, attempt, ?lasts, "the watcher still panics");
            }
            if notice == Notice::Event {
                tracing::error!(%path, "a watcher has panicked, another one takes over");
                self.tell(&died.key, &path, &EventKind::State(state.clone()));
                self.tell_members(&died.key, &state);
                self.pump_observers(ctx);
            }
        }
    }
}
