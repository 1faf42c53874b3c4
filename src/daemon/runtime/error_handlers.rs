//! The programs for errors that the watches of a daemon share.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use consul_watch_actors::{EventKind, Status, WatchEvent};
use futures_util::future::join_all;

use crate::handlers::{
    ErrorHandler, HealthReport, OnError, ProgramError, RunEnded, StopHandler, WebhookDelivered,
};

/// The handlers of errors. Watches with equal settings share one, so that one cause is one run.
#[derive(Debug)]
pub(super) struct ErrorHandlers {
    watches: Recipient<Status>,
    running: RefCell<Vec<(OnError, Addr<ErrorHandler>)>>,
    reporters: Cell<u64>,
}

impl ErrorHandlers {
    /// Creates the handlers of the watches of this supervisor.
    pub(super) fn new(watches: Recipient<Status>) -> Self {
        Self {
            watches,
            running: RefCell::default(),
            reporters: Cell::default(),
        }
    }

    /// Returns the reporter of a new watch with these settings.
    pub(super) fn reporter(
        &self,
        label: &str,
        settings: Option<&OnError>,
    ) -> Result<ErrorReporter, ProgramError> {
        let number = self.reporters.get();
        self.reporters.set(number + 1);
        Ok(ErrorReporter {
            // Two watches may have one label.
            owner: format!("{label} #{number}").into(),
            handler: settings
                .map(|settings| self.handler(settings))
                .transpose()?,
        })
    }

    /// Returns the reporter of a watch that continues with these settings, as the same source of failures.
    pub(super) fn successor(
        &self,
        reporter: &ErrorReporter,
        settings: Option<&OnError>,
    ) -> Result<ErrorReporter, ProgramError> {
        Ok(ErrorReporter {
            owner: Arc::clone(&reporter.owner),
            handler: settings
                .map(|settings| self.handler(settings))
                .transpose()?,
        })
    }

    fn handler(&self, settings: &OnError) -> Result<Addr<ErrorHandler>, ProgramError> {
        let mut running = self.running.borrow_mut();
        if let Some((_, handler)) = running.iter().find(|(known, _)| known == settings) {
            return Ok(handler.clone());
        }
        let handler = ErrorHandler::new(settings.clone())?;
        let handler = handler.counting(self.watches.clone()).start();
        running.push((settings.clone(), handler.clone()));
        Ok(handler)
    }

    /// Lets go of those that no watch uses any more. Each ends when it has announced what has ended.
    pub(super) fn keep<'a>(&self, used: impl IntoIterator<Item = &'a OnError>) {
        let used: Vec<_> = used.into_iter().collect();
        self.running
            .borrow_mut()
            .retain(|(settings, _)| used.contains(&settings));
    }

    /// Stops all. What runs may take this long to finish.
    pub(super) async fn stop(&self, grace: Duration) {
        let all = self.running.take();
        let stop = |(_, handler): (_, Addr<ErrorHandler>)| handler.send(StopHandler::within(grace));
        // One that is gone needs no stop.
        join_all(all.into_iter().map(stop)).await;
    }
}

/// Reports the failures and recoveries of one watch to the handler of errors, if it has one.
#[derive(Debug, Clone, Default)]
pub(super) struct ErrorReporter {
    /// The identity of the watch, which its handlers and subscriptions share.
    owner: Arc<str>,
    handler: Option<Addr<ErrorHandler>>,
}

impl ErrorReporter {
    /// Reports a run, unless it is a failure of a handler that is being replaced: the next one continues there.
    pub(super) fn run(&self, ended: &RunEnded, is_running: bool) {
        if is_running || ended.exit.is_success() {
            self.send(|owner| HealthReport::of_run(Some(owner), ended));
        }
    }

    /// Reports a call, as [`run`](Self::run) does a run.
    pub(super) fn call(&self, ended: &WebhookDelivered, is_running: bool) {
        if is_running || ended.outcome.is_ok() {
            self.send(|owner| Some(HealthReport::of_call(Some(owner), ended)));
        }
    }

    pub(super) fn event(&self, event: &WatchEvent) {
        // A subscription that has ended is either replaced or removed.
        if !matches!(event.kind, EventKind::Ended) {
            self.send(|owner| HealthReport::of_watch(Some(owner), event));
        }
    }

    /// Reports that a program that is kept running is the handler from now on.
    pub(super) fn kept_from_now(&self) {
        self.send(|owner| Some(HealthReport::kept_from_now(owner)));
    }

    /// Reports that the watch is gone for the handler of errors, if another one has its reports from now on.
    pub(super) fn replaced_by(&self, next: &Self) {
        if self.handler != next.handler {
            self.removed();
        }
    }

    /// Reports that the watch is gone, which ends what was announced of it.
    pub(super) fn removed(&self) {
        self.send(HealthReport::removed);
    }

    fn send<R: IntoIterator<Item = HealthReport>>(&self, report: impl FnOnce(&str) -> R) {
        if let Some(handler) = &self.handler {
            for report in report(&self.owner) {
                handler.do_send(report);
            }
        }
    }
}
