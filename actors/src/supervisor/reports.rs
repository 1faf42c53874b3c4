//! Handles what watchers report.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use actix::prelude::*;
use tokio::time::Instant;

use super::{shared_queries::shared, watch_handle::Spawn};
use crate::{
    messages::{event::EventKind, watch_status::WatchState},
    query::{
        Source,
        failure::{Failure, FailureClass},
    },
    shared_query::SharedQuery,
    supervisor::WatchSupervisor,
    topic::{
        outage::Notice,
        report::{ExitReason, Report, ReportKind, WatcherExited},
    },
};

/// The failure of a watcher that panicked.
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
                let shown = if entry.cell.is_member() {
                    entry.cell.state()
                } else {
                    state.clone()
                };
                if entry.is_news(&shared(shown.clone())) {
                    self.notify(&report.key, &path, &EventKind::State(shown));
                }
                self.notify_members(&report.key, &state);
                self.answer_waiting();
            }
            ReportKind::FirstValue => self.answer_waiting(),
            ReportKind::Rejected(reason) => {
                self.notify(&report.key, &path, &EventKind::Rejected(reason));
                self.answer_waiting();
            }
            ReportKind::Accepted => {
                let state = entry.cell.state();
                self.notify(&report.key, &path, &EventKind::State(state));
                self.hasten_rejoins(&report.key);
            }
            ReportKind::SubscriberPanicked(subscription, code) => {
                let kind = EventKind::SubscriberPanicked { subscription, code };
                self.notify(&report.key, &path, &kind);
            }
            ReportKind::SubscriberGone(id, reason) => self.subscriber_gone(id, reason, ctx),
        }
        self.send_events(ctx);
    }
}

impl<S: Source> WatchSupervisor<S> {
    /// Brings the members in the state of a dead watcher to what was promised to them: messages that it had not
    /// read are lost. Runs no code of an application.
    fn restore_members(&mut self, exited: &mut WatcherExited) {
        let wide = &exited.key;
        if !self.shared.contains_key(wide) {
            return;
        }
        let Some(wide_entry) = self.entries.remove(wide) else {
            return;
        };
        let members = exited
            .members
            .get_or_insert_with(|| Box::<SharedQuery<S>>::default());
        if let Some(shared) = members.downcast_mut::<SharedQuery<S>>()
            && let Some(in_flight) = wide_entry.handle.in_flight_of(&mut *exited.state)
        {
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

impl<S: Source> Handler<WatcherExited> for WatchSupervisor<S> {
    type Result = ();

    fn handle(&mut self, mut exited: WatcherExited, ctx: &mut Self::Context) {
        let entry = self.entries.get(&exited.key);
        if entry.is_none_or(|entry| entry.incarnation != exited.incarnation) {
            return;
        }
        if exited.reason == ExitReason::HandedOver {
            match self.rejoin(exited) {
                Ok(()) => return,
                Err(back) => exited = back,
            }
        }
        let delay = match exited.reason {
            ExitReason::Detached(reason) => self.detached(&exited.key, reason),
            ExitReason::Panicked | ExitReason::HandedOver => Duration::ZERO,
        };
        let incarnation = self.number();
        self.restore_members(&mut exited);
        let Some(entry) = self.entries.get_mut(&exited.key) else {
            return;
        };
        entry.incarnation = incarnation;
        if let Some(last_reported) = entry.last_reported.take() {
            // Its own watcher continues from what was reported last.
            entry.cell.write().status.state = WatchState::clone(&last_reported);
        }
        entry.cell.write().upstream = None;
        let spawn = Spawn {
            incarnation,
            source: &self.source,
            settings: &self.settings,
            delay,
        };
        let pause = entry.handle.respawn(
            exited.state,
            exited.members,
            exited.reason,
            &spawn,
            &mut self.arbiters,
        );
        let path = entry.path.clone();
        let cell = Arc::clone(&entry.cell);
        if let Some(host) = entry.handle.members_host() {
            self.rehost(&exited.key, host);
        }
        if let Some((attempt, pause)) = pause {
            let error = Failure::new(FailureClass::Transient, WatcherPanicked);
            let state = WatchState::Retrying {
                error,
                attempt,
                next: SystemTime::now() + pause,
            };
            let notice = {
                let mut cell = cell.write();
                cell.status.restarts += 1;
                cell.enter(state.clone(), Instant::now())
            };
            if let Notice::Log(lasts) = notice {
                tracing::error!(%path, attempt, lasts_s = lasts.as_secs(), "the watcher still panics");
            }
            if notice == Notice::Event {
                tracing::error!(%path, "a watcher has panicked, another one takes over");
                self.notify(&exited.key, &path, &EventKind::State(state.clone()));
                self.notify_members(&exited.key, &state);
                self.send_events(ctx);
            }
        }
    }
}
