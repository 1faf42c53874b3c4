//! Handles what watchers report.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use actix::prelude::*;
use tokio::time::Instant;

use super::watch_handle::Spawn;
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
        report::{Died, Report, ReportKind, Why},
    },
};

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
    fn restore_members(&mut self, died: &mut Died) {
        let wide = &died.key;
        if !self.shared.contains_key(wide) {
            return;
        }
        let Some(wide_entry) = self.entries.remove(wide) else {
            return;
        };
        let members = died
            .members
            .get_or_insert_with(|| Box::<SharedQuery<S>>::default());
        if let Some(shared) = members.downcast_mut::<SharedQuery<S>>()
            && let Some(in_flight) = wide_entry.handle.in_flight_of(&mut *died.state)
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
        self.restore_members(&mut died);
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
        let pause = entry.handle.respawn(
            died.state,
            died.members,
            died.why,
            &spawn,
            &mut self.arbiters,
        );
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
