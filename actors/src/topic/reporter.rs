//! Reports of a watch's host to the supervisor.

use std::{any::Any, error::Error, ops::Deref, sync::Arc};

use tokio::time::Instant;

use crate::{
    caught::{discard, text_of},
    messages::watch_status::WatchState,
    query::{Query, path::WatchPath, watch_key::WatchKey},
    topic::{
        outage::Notice,
        report::{ExitReason, Report, ReportKind, SupervisorLink, WatcherExited},
        snapshots::WatchCell,
    },
};

/// One watch, as its host reports it to the supervisor and writes it down for all readers.
pub(crate) struct Reporter<Q: Query> {
    pub(crate) meta: Arc<WatchMeta<Q>>,
    /// Distinguishes this host from the one it replaced.
    pub(crate) incarnation: u64,
}

/// The part of a watch that stays the same for all its hosts.
pub(crate) struct WatchMeta<Q: Query> {
    pub(crate) key: WatchKey,
    pub(crate) path: WatchPath,
    pub(crate) query: Arc<Q>,
    pub(crate) cell: Arc<WatchCell>,
    pub(crate) supervisor: Arc<SupervisorLink>,
}

impl<Q: Query> Deref for Reporter<Q> {
    type Target = WatchMeta<Q>;

    fn deref(&self) -> &WatchMeta<Q> {
        &self.meta
    }
}

impl<Q: Query> Reporter<Q> {
    /// Takes the state down, and reports it if it is news.
    pub(crate) fn transition(&self, next: WatchState) {
        let path = &self.path;
        let notice = self.cell.write().enter(next.clone(), Instant::now());
        match (notice, &next) {
            (Notice::Event, _) => {}
            (Notice::Log(lasts), WatchState::Retrying { error, attempt, .. }) => {
                tracing::warn!(
                    %path, class = %error.class(), error = %text_of(error), attempt, lasts_s = lasts.as_secs(),
                    "the watch is still interrupted"
                );
                return;
            }
            (Notice::Log(_) | Notice::None, _) => return,
        }
        match &next {
            WatchState::Retrying { error, .. } => {
                tracing::warn!(%path, class = %error.class(), error = %text_of(error), "the watch is interrupted and will be retried");
            }
            WatchState::Stopped { error } => {
                tracing::error!(%path, error = %text_of(error), "the watch can never be answered and has stopped");
            }
            WatchState::Live => tracing::info!(%path, "the watch is live"),
            WatchState::Polling { limit } => {
                tracing::debug!(%path, limit, "the connection budget is used up: the watch polls");
            }
            WatchState::Connecting => tracing::debug!(%path, "the watch connects"),
        }
        self.report(ReportKind::State(next));
    }

    /// Leaves the watch, and the state of its host, to the supervisor.
    pub(crate) fn exit(
        &self,
        reason: ExitReason,
        state: Box<dyn Any + Send>,
        members: Option<Box<dyn Any + Send>>,
    ) {
        if let Some(supervisor) = self.supervisor.exits.upgrade() {
            supervisor.do_send(WatcherExited {
                key: self.key.clone(),
                incarnation: self.incarnation,
                reason,
                state,
                members,
            });
        }
    }

    pub(crate) fn report(&self, kind: ReportKind) {
        if let Some(supervisor) = self.supervisor.reports.upgrade() {
            supervisor.do_send(Report {
                key: self.key.clone(),
                incarnation: self.incarnation,
                kind,
            });
        }
    }

    /// An answer could not be taken as a value; reported once while `last` is the same.
    pub(crate) fn reject(&self, reason: Arc<dyn Error + Send + Sync>, last: &mut Option<Box<str>>) {
        let text = text_of(&*reason);
        let replaced = self.cell.write().status.rejection.replace(reason.clone());
        discard(replaced);
        if last.as_deref() == Some(&*text) {
            return;
        }
        tracing::warn!(path = %self.path, reason = %text, "the value cannot be read, the last good one stays");
        *last = Some(text.into_boxed_str());
        self.report(ReportKind::Rejected(reason));
    }

    /// An answer could be taken as a value; reported if the one before could not.
    pub(crate) fn accept(&self, last: &mut Option<Box<str>>) {
        if last.take().is_none() {
            return;
        }
        discard(self.cell.write().status.rejection.take());
        tracing::info!(path = %self.path, "the value can be read again");
        self.report(ReportKind::Accepted);
    }
}
