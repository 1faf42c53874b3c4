//! The programs for errors that the watches of a daemon share.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use actix::prelude::*;
use consul_watch_actors::WatchEvent;
use futures_util::future::join_all;

use crate::handlers::{
    ErrorHandler, HealthReport, OnError, ProgramError, RunEnded, StopHandler, WebhookDelivered,
};

/// The handlers of errors. Watches with equal settings share one, so that one cause is one run.
#[derive(Debug, Default)]
pub(super) struct ErrorHandlers {
    running: RefCell<Vec<(OnError, Addr<ErrorHandler>)>>,
    reporters: Cell<u64>,
}

impl ErrorHandlers {
    /// Returns the reporter of a watch with these settings.
    pub(super) fn reporter(
        &self,
        label: &str,
        settings: Option<&OnError>,
    ) -> Result<ErrorReporter, ProgramError> {
        let Some(settings) = settings else {
            return Ok(ErrorReporter::default());
        };
        let mut running = self.running.borrow_mut();
        let known = running.iter().find(|(known, _)| known == settings);
        let handler = if let Some((_, handler)) = known {
            handler.clone()
        } else {
            let handler = ErrorHandler::new(settings.clone())?.start();
            running.push((settings.clone(), handler.clone()));
            handler
        };
        let number = self.reporters.get();
        self.reporters.set(number + 1);
        Ok(ErrorReporter {
            // Two watches may have one label.
            owner: format!("{label} #{number}"),
            handler: Some(handler),
        })
    }

    /// Stops those that no watch uses any more.
    pub(super) fn keep<'a>(&self, used: impl IntoIterator<Item = &'a OnError>) {
        let used: Vec<_> = used.into_iter().collect();
        self.running.borrow_mut().retain(|(settings, handler)| {
            let keeps = used.contains(&settings);
            if !keeps {
                handler.do_send(StopHandler::within(OnError::TIMEOUT));
            }
            keeps
        });
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
#[derive(Debug, Default)]
pub(super) struct ErrorReporter {
    owner: String,
    handler: Option<Addr<ErrorHandler>>,
}

impl ErrorReporter {
    pub(super) fn run(&self, ended: &RunEnded) {
        self.send(|owner| HealthReport::of_run(Some(owner), ended));
    }

    pub(super) fn call(&self, ended: &WebhookDelivered) {
        self.send(|owner| Some(HealthReport::of_call(Some(owner), ended)));
    }

    pub(super) fn event(&self, event: &WatchEvent) {
        self.send(|owner| HealthReport::of_watch(Some(owner), event));
    }

    fn send<R: IntoIterator<Item = HealthReport>>(&self, report: impl FnOnce(&str) -> R) {
        if let Some(handler) = &self.handler {
            for report in report(&self.owner) {
                handler.do_send(report);
            }
        }
    }
}

impl Drop for ErrorReporter {
    fn drop(&mut self) {
        self.send(HealthReport::gone);
    }
}
