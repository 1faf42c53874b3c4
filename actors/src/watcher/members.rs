//! The watcher as the host of a shared query's members.

use std::{any::Any, sync::Arc, time};

use actix::{fut::wrap_future, prelude::*};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::WatcherActor;
use crate::{
    query::Query,
    shared_query::{
        Confirmed, Group, GroupHost, Groups, SharedQuery, ToMembers, UpstreamValue,
        subscription_timers::Timer,
    },
    subscription::in_flight::Acknowledgement,
    topic::{report::ExitReason, state::WatcherState},
};

/// The number of members updated before messages and acknowledgements get their turn.
const MAX_STEPS: usize = 128;

/// The time for which members are updated before messages and acknowledgements get their turn.
const MAX_STEP_TIME: time::Duration = time::Duration::from_millis(4);

impl<W: Query> WatcherActor<W> {
    /// Runs code of the shared query, and the confirming queries that it begins; not without members.
    fn with_members(
        &mut self,
        ctx: &mut Context<Self>,
        code: impl FnOnce(&mut Groups<W::Source>, &mut GroupHost<'_, W::Source>),
    ) {
        let Some(shared) = &mut self.shared else {
            return;
        };
        let WatcherState {
            topic,
            in_flight,
            backoff,
            ..
        } = &mut self.state;
        let SharedQuery {
            groups,
            timers,
            refused,
            stale,
            ..
        } = &mut **shared;
        let current = topic.query_state.current().filter(|_| !*stale);
        let mut host = GroupHost {
            source: &self.source,
            budget: self.budget.as_ref(),
            client: &mut self.client,
            upstream: current.map(|version| UpstreamValue {
                value: Arc::clone(&version.value) as Arc<dyn Any + Send + Sync>,
                index: version.index,
            }),
            refused: *refused,
            proves_removals: self.proves_removals,
            in_flight,
            timers,
            backoff,
            queries: Vec::new(),
        };
        code(groups, &mut host);
        for query in host.queries {
            let query = wrap_future::<_, Self>(query);
            ctx.spawn(
                query.map(|confirmed, watcher, ctx| watcher.member_confirmed(confirmed, ctx)),
            );
        }
    }

    /// Updates members and runs their timers, and yields between chunks of them.
    pub(super) fn drive_members(&mut self, ctx: &mut Context<Self>) {
        if self.ended || self.stepping || self.shared.is_none() {
            return;
        }
        let mut unfinished = false;
        self.with_members(ctx, |groups, host| {
            // The paused clock of a test does not measure work.
            let begun = time::Instant::now();
            let now = Instant::now();
            for _ in 0..MAX_STEPS {
                if let Some(group) = groups.queued() {
                    Groups::run_caught(group, host, Group::step);
                } else if let Some((due, member, timer)) = host.timers.pop_due(now) {
                    let Some(group) = groups.get(member.group) else {
                        continue;
                    };
                    Groups::run_caught(group, host, |group, host| match timer {
                        Timer::Delivery(id) => group.deliver_due(member.number, id, host),
                        Timer::Confirmation => group.confirm_due(member.number, due, host),
                    });
                } else {
                    return;
                }
                if begun.elapsed() >= MAX_STEP_TIME {
                    break;
                }
            }
            unfinished = true;
        });
        if unfinished {
            self.stepping = true;
            let others = wrap_future::<_, Self>(tokio::task::yield_now());
            ctx.spawn(others.map(|(), watcher, ctx| {
                watcher.stepping = false;
                watcher.drive_members(ctx);
            }));
        } else if let Some(due) = self.next_member_timer() {
            self.wake_at(due, ctx);
        }
    }

    fn next_member_timer(&self) -> Option<Instant> {
        self.shared.as_ref()?.timers.next_due()
    }

    fn member_confirmed(&mut self, confirmed: Confirmed, ctx: &mut Context<Self>) {
        self.with_members(ctx, |groups, host| {
            if let Some(group) = groups.get(confirmed.member.group) {
                Groups::run_caught(group, host, |group, host| group.confirmed(confirmed, host));
            }
        });
        self.drive_members(ctx);
    }

    /// A member's subscriber has acknowledged its update, or lost it.
    pub(super) fn member_acknowledged(
        &mut self,
        acknowledgement: Acknowledgement,
        ctx: &mut Context<Self>,
    ) {
        self.with_members(ctx, |groups, host| {
            let member = host.timers.member_of(acknowledgement.id);
            if let Some(member) = member
                && let Some(group) = groups.get(member.group)
            {
                Groups::run_caught(group, host, |group, host| {
                    group.acknowledged(member.number, acknowledgement, host);
                });
            }
        });
        self.drive_members(ctx);
    }

    /// The value is another one.
    pub(super) fn upstream_changed(
        &mut self,
        previous: Option<&W::Value>,
        resync: bool,
        ctx: &mut Context<Self>,
    ) {
        let Some(shared) = &mut self.shared else {
            return;
        };
        shared.accept();
        let stale = std::mem::take(&mut shared.stale);
        match (previous, self.state.topic.query_state.current()) {
            (Some(previous), Some(current)) if !resync && !stale => {
                shared.touch_changed(previous, &*current.value);
            }
            _ => shared.touch_all(resync),
        }
        self.drive_members(ctx);
    }

    /// The query was answered, and the value is the one before.
    pub(super) fn upstream_unchanged(&mut self, ctx: &mut Context<Self>) {
        let Some(shared) = &mut self.shared else {
            return;
        };
        shared.accept();
        if std::mem::take(&mut shared.stale) {
            shared.touch_all(false);
        }
        self.drive_members(ctx);
    }

    /// The query is refused: its members send queries of their own.
    pub(super) fn refuse_members(&mut self, ctx: &mut Context<Self>) {
        if let Some(shared) = &mut self.shared {
            shared.refuse();
            self.drive_members(ctx);
        }
    }

    /// Begins the members' part of a life.
    pub(super) fn resume_members(&mut self, ctx: &mut Context<Self>) {
        self.with_members(ctx, |groups, host| {
            for group in groups.iter_mut() {
                Groups::run_caught(group, host, Group::resume);
            }
        });
        self.drive_members(ctx);
    }

    /// Closes the members' requests, which are of the source before; the future resolves when they are closed.
    pub(super) fn members_of_new_source(
        &mut self,
        ctx: &mut Context<Self>,
    ) -> impl Future<Output = ()> + 'static + use<W> {
        let derived = self.inputs.is_some();
        let closed = self.shared.as_mut().map(|shared| {
            let closed = shared.replace_source();
            // A derived value is of the new source as soon as its inputs are.
            shared.stale &= !derived;
            closed
        });
        self.drive_members(ctx);
        async move { drop(join_all(closed.into_iter().flatten()).await) }
    }

    /// Drops all members; the future resolves when their requests are closed.
    pub(super) fn close_members(&mut self) -> impl Future<Output = ()> + 'static + use<W> {
        let shared = self.shared.take();
        let closed = shared.map(|mut shared| shared.replace_source());
        async move { drop(join_all(closed.into_iter().flatten()).await) }
    }

    /// Leaves its state to the supervisor, which makes a member of the watch.
    pub(super) fn hand_over(&mut self) {
        self.ended = true;
        self.exit(ExitReason::HandedOver);
        self.handing_over = None;
    }
}

impl<W: Query> Handler<ToMembers<W::Source>> for WatcherActor<W> {
    type Result = ();

    fn handle(&mut self, ToMembers(command): ToMembers<W::Source>, ctx: &mut Self::Context) {
        if self.ended {
            return;
        }
        self.shared.get_or_insert_default();
        self.with_members(ctx, command);
        self.drive_members(ctx);
    }
}

/// Ends the watcher's own queries and hands its state over. The sender is dropped when that is done.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct HandOver(pub(crate) tokio::sync::oneshot::Sender<()>);

impl<W: Query> Handler<HandOver> for WatcherActor<W> {
    type Result = ();

    fn handle(&mut self, HandOver(done): HandOver, ctx: &mut Self::Context) {
        // One that serves others itself keeps its query.
        if !self.ended && self.shared.is_none() {
            self.lease = None;
            self.handing_over = Some(done);
            ctx.stop();
        }
    }
}
