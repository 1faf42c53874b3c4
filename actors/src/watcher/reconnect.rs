//! The watcher's side of the reconnect gate.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use super::WatcherActor;
use crate::{
    limits::reconnect_gate::{Candidate, Permit, ReconnectGate},
    messages::watch_status::WatchState,
    query::{
        Query, QueryResponse,
        failure::{Failure, FailureClass},
    },
};

/// An outage of this length is none of a server that only refuses some connections: it answers others meanwhile.
const LONG_OUTAGE: Duration = Duration::from_secs(3);

impl<Q: Query> WatcherActor<Q> {
    /// Waits for the permit of a query that begins from the start; one that resumes from a response needs none.
    ///
    /// Boxed, since every query on its way would be as large as the wait that few of them have.
    pub(super) fn permit(&self, blocking: bool) -> Option<LocalBoxFuture<'static, Option<Permit>>> {
        let reconnect_gate = self.reconnect_gate.as_ref().filter(|_| !blocking)?.clone();
        let cell = Arc::clone(&self.reporter.cell);
        let candidate = Candidate {
            retrying: self.state.next_attempt.is_some(),
            attempts: self.state.backoff.attempt(),
            subscribers: cell.read().weight(),
        };
        Some(Box::pin(async move {
            let put_off = |until| {
                if let WatchState::Retrying { next, .. } = &mut cell.write().status.state {
                    *next = system_time(until);
                }
            };
            reconnect_gate.acquire(candidate, put_off).await
        }))
    }

    /// Records at the gate that the server has responded, if this shows it.
    pub(super) fn record_response(&self, answer: &Result<QueryResponse<Q::Value>, Failure>) {
        let Some(reconnect_gate) = &self.reconnect_gate else {
            return;
        };
        let is_there = match answer {
            Ok(_) => true,
            // What is invalid may never have been sent.
            Err(failure) => !failure.is_outage() && failure.class() != FailureClass::Invalid,
        };
        let down_for = is_there.then(|| reconnect_gate.record_success()).flatten();
        if down_for.is_some_and(|down_for| down_for >= LONG_OUTAGE)
            && let Some(budget) = &self.budget
        {
            budget.forget_suspected_refusals();
        }
    }

    /// Schedules the next attempt after a failure: when it comes at the earliest.
    pub(super) fn postpone(&mut self, failure: &Failure, permit: Option<Permit>) -> SystemTime {
        let mut earliest = Instant::now();
        match self.reconnect_gate.as_ref().filter(|_| failure.is_outage()) {
            None => {
                let slow = failure.class() == FailureClass::BadRequest;
                let at_least = slow.then(|| self.state.backoff.slow_pause());
                self.state.postpone(at_least.max(failure.retry_after()));
            }
            Some(reconnect_gate) => {
                let own = self
                    .state
                    .backoff
                    .failed_with_ceiling(earliest, ReconnectGate::MAX_PROBE_INTERVAL);
                let (pause, next) =
                    reconnect_gate.record_outage(permit, &mut self.state.backoff, own);
                self.state.postpone_by(pause, failure.retry_after());
                earliest = next;
            }
        }
        system_time(
            self.state
                .next_attempt
                .map_or(earliest, |at| at.max(earliest)),
        )
    }
}

fn system_time(at: Instant) -> SystemTime {
    SystemTime::now() + at.saturating_duration_since(Instant::now())
}
