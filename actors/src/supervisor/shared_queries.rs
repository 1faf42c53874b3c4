//! Which watches are members of which shared query, and when those that have detached come back.
//!
//! The wide watch runs as long as it has subscribers of its own or members, detached ones included: their
//! return depends on its answers.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

use super::WatchEntry;
use crate::{
    messages::{event::EventKind, watch_status::WatchState},
    query::{Query, Source, derived::Input, watch_key::WatchKey},
    shared_query::ToMembers,
    supervisor::WatchSupervisor,
    topic::{
        report::{DetachReason, WatcherExited},
        snapshots::WatchCell,
    },
};

/// The shortest pause before a member that has detached for a reason of its own comes back. It doubles each time.
const MIN_REJOIN_PAUSE: Duration = Duration::from_secs(30);

/// The longest such pause; a member that was refused with all others is looked at that often too.
const MAX_REJOIN_PAUSE: Duration = Duration::from_secs(600);

/// Members that leave or come back together are spread over this much time each.
const SPREAD_PER_MEMBER: Duration = Duration::from_millis(5);

/// They are spread over this much time at most.
const MAX_SPREAD: Duration = Duration::from_secs(30);

/// The number of members that come back in one sweep.
const MAX_REJOINS: usize = 1_000;

/// The states that nearly all members have.
static CONNECTING: LazyLock<Arc<WatchState>> = LazyLock::new(|| Arc::new(WatchState::Connecting));
static LIVE: LazyLock<Arc<WatchState>> = LazyLock::new(|| Arc::new(WatchState::Live));

/// Returns a state that many members may hold: one allocation for all of them where it has no content.
pub(super) fn shared(state: WatchState) -> Arc<WatchState> {
    match state {
        WatchState::Connecting => Arc::clone(&CONNECTING),
        WatchState::Live => Arc::clone(&LIVE),
        other => Arc::new(other),
    }
}

/// Where the members of a wide watch are. Each clone of a recipient has room of its own, so members share one.
type MembersHost<S> = Arc<Recipient<ToMembers<S>>>;

/// A wide watch as its members know it.
pub(super) struct SharedQueryHandle<S: Source> {
    pub(super) host: MembersHost<S>,
    /// The number of members, detached ones included.
    pub(super) members: usize,
}

/// A watch's place in a shared query.
pub(super) struct Membership {
    pub(super) wide: WatchKey,
    // Boxed, since few members have one.
    pub(super) detached: Option<Box<Detached>>,
    /// The number of times in a row that it has detached for a reason of its own.
    failures: u32,
    /// The time at which it joined last.
    joined: Instant,
}

/// A member that sends queries of its own for a while.
pub(super) struct Detached {
    reason: DetachReason,
    /// Its place in the schedule of those that come back.
    rejoin: (Instant, u64),
}

/// A shared query that a watch joins.
pub(super) struct Joined<S: Source> {
    pub(super) membership: Membership,
    pub(super) host: MembersHost<S>,
    pub(super) cell: Arc<WatchCell>,
}

/// Starts a declared root.
pub(super) type StartRoot<S> =
    Arc<dyn Fn(&mut WatchSupervisor<S>, &mut Context<WatchSupervisor<S>>) + Send + Sync>;

impl<S: Source> WatchSupervisor<S> {
    /// Joins the first of these queries that is watched or declared as a root.
    pub(super) fn join_one_of<Q: Query<Source = S>>(
        &mut self,
        wider: &[Input<Q>],
        ctx: &mut Context<Self>,
    ) -> Option<Joined<S>> {
        let wide = wider.iter().find(|input| self.may_serve(&input.key))?;
        let wide = self.held_key(&wide.key);
        if !self.entries.contains_key(&wide) {
            let start = Arc::clone(self.roots.get(&wide)?);
            start(self, ctx);
        }
        let (host, cell) = self.host_of(&wide)?;
        self.count_member(&wide, &host);
        let membership = Membership {
            wide,
            detached: None,
            failures: 0,
            joined: Instant::now(),
        };
        Some(Joined {
            membership,
            host,
            cell,
        })
    }

    /// Whether this watch may serve others: it is no member itself, so that no state is inherited twice.
    fn may_serve(&self, key: &WatchKey) -> bool {
        match self.entries.get(key) {
            Some(entry) => entry.membership.is_none(),
            None => self.roots.contains_key(key),
        }
    }

    /// Returns the key that the supervisor holds for this watch, so that all members share one.
    fn held_key(&self, key: &WatchKey) -> WatchKey {
        let held = self.entries.get_key_value(key).map(|(key, _)| key);
        let held = held.or_else(|| self.roots.get_key_value(key).map(|(key, _)| key));
        held.unwrap_or(key).clone()
    }

    fn host_of(&self, wide: &WatchKey) -> Option<(MembersHost<S>, Arc<WatchCell>)> {
        let entry = self.entries.get(wide)?;
        let host = match self.shared.get(wide) {
            Some(shared) => Arc::clone(&shared.host),
            None => Arc::new(entry.handle.members_host()?),
        };
        Some((host, Arc::clone(&entry.cell)))
    }

    fn count_member(&mut self, wide: &WatchKey, host: &MembersHost<S>) {
        let shared = self.shared.entry(wide.clone());
        let shared = shared.or_insert_with(|| SharedQueryHandle {
            host: Arc::clone(host),
            members: 0,
        });
        shared.members += 1;
        if let Some(entry) = self.entries.get(wide) {
            entry.cell.write().status.members = shared.members;
        }
    }

    /// A member has ended. The last one takes the wide watch along, unless that has subscribers of its own:
    /// the future resolves when its request is closed.
    pub(super) fn leave(&mut self, membership: &Membership) -> Option<LocalBoxFuture<'static, ()>> {
        if let Some(detached) = &membership.detached {
            self.rejoins.remove(&detached.rejoin);
        }
        let wide = &membership.wide;
        let shared = self.shared.get_mut(wide)?;
        shared.members -= 1;
        let members = shared.members;
        let entry = self.entries.get(wide)?;
        entry.cell.write().status.members = members;
        let unused = entry.handle.count() == 0 && !self.lingering.contains_key(wide);
        if members > 0 {
            return None;
        }
        self.shared.remove(wide);
        let (_, ended) = unused.then(|| self.remove(wide))??;
        Some(ended)
    }

    /// Another watcher takes the place of the wide watch's: commands for its members go there from now on.
    pub(super) fn rehost(&mut self, wide: &WatchKey, host: Recipient<ToMembers<S>>) {
        let Some(shared) = self.shared.get_mut(wide) else {
            return;
        };
        shared.host = Arc::new(host);
        for entry in self.entries.values_mut() {
            if entry.is_member_of(wide) {
                entry.handle.rehost(&shared.host);
            }
        }
    }

    /// Writes down that a member has detached: how long it waits before its first own query.
    pub(super) fn detached(&mut self, key: &WatchKey, reason: DetachReason) -> Duration {
        let number = self.number();
        let Some(entry) = self.entries.get_mut(key) else {
            return Duration::ZERO;
        };
        let Some(membership) = &mut entry.membership else {
            return Duration::ZERO;
        };
        let pause = if reason == DetachReason::Refused {
            MAX_REJOIN_PAUSE
        } else {
            // One that has stayed for longer than the longest pause fails for the first time again.
            if membership.joined.elapsed() > MAX_REJOIN_PAUSE {
                membership.failures = 0;
            }
            let doublings = membership.failures.min(16);
            membership.failures = membership.failures.saturating_add(1);
            MIN_REJOIN_PAUSE
                .saturating_mul(1 << doublings)
                .min(MAX_REJOIN_PAUSE)
        };
        let wide = membership.wide.clone();
        let members = self.shared.get(&wide).map_or(0, |shared| shared.members);
        let (spread, serves) = (spread(members), self.is_answered(&wide));
        let pause = match reason {
            // It was answered while its members were leaving.
            DetachReason::Refused if serves => Duration::ZERO,
            _ => pause,
        };
        // Only those that leave together have to be spread.
        let spread = match reason {
            DetachReason::Refused | DetachReason::Panicked => spread,
            DetachReason::OwnQueryRefused | DetachReason::Contradicted => Duration::ZERO,
        };
        let rejoin = (Instant::now() + pause + at_random(spread), number);
        let entry = self.entries.get_mut(key);
        if let Some(membership) = entry.and_then(|entry| entry.membership.as_mut()) {
            membership.detached = Some(Box::new(Detached { reason, rejoin }));
            self.rejoins.insert(rejoin, key.clone());
        }
        at_random(spread)
    }

    /// Whether this watch has a value and is answered. An answer that cannot be read leaves an old value.
    fn is_answered(&self, wide: &WatchKey) -> bool {
        self.entries.get(wide).is_some_and(|entry| {
            let content = entry.cell.read();
            content.value.is_some()
                && content.status.rejection.is_none()
                && matches!(
                    content.status.state,
                    WatchState::Live | WatchState::Polling { .. }
                )
        })
    }

    /// The wide watch is answered again: the members that were refused with it come back, spread a little.
    pub(super) fn hasten_rejoins(&mut self, wide: &WatchKey) {
        let Some(shared) = self.shared.get(wide) else {
            return;
        };
        let (spread, now) = (spread(shared.members), Instant::now());
        for (key, entry) in &mut self.entries {
            let Some(membership) = entry.membership.as_mut().filter(|it| it.wide == *wide) else {
                continue;
            };
            if let Some(detached) = &mut membership.detached
                && detached.reason == DetachReason::Refused
            {
                self.rejoins.remove(&detached.rejoin);
                detached.rejoin.0 = now + at_random(spread);
                self.rejoins.insert(detached.rejoin, key.clone());
            }
        }
    }

    /// Asks the members whose time has come to hand their state over.
    pub(super) fn run_rejoins(&mut self) {
        let now = Instant::now();
        for _ in 0..MAX_REJOINS {
            let due = self
                .rejoins
                .first_key_value()
                .filter(|((at, _), _)| *at <= now);
            let Some(((_, number), key)) = due.map(|(at, key)| (*at, key.clone())) else {
                return;
            };
            self.rejoins.pop_first();
            // Looked at again, should nothing come of it.
            let again = (now + MIN_REJOIN_PAUSE, number);
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            let Some(membership) = &mut entry.membership else {
                continue;
            };
            let Some(detached) = &mut membership.detached else {
                continue;
            };
            detached.rejoin = again;
            self.rejoins.insert(again, key.clone());
            let wide = membership.wide.clone();
            if self.is_answered(&wide)
                && let Some(entry) = self.entries.get(&key)
            {
                drop(entry.handle.hand_over());
            }
        }
    }

    /// A member that had detached is one again.
    pub(super) fn rejoined(&mut self, key: &WatchKey) {
        let entry = self.entries.get_mut(key);
        let membership = entry.and_then(|entry| entry.membership.as_mut());
        if let Some(membership) = membership
            && let Some(detached) = membership.detached.take()
        {
            membership.joined = Instant::now();
            self.rejoins.remove(&detached.rejoin);
        }
    }

    /// Makes a member of a watch that has handed its state over; the message is given back if that cannot be.
    pub(super) fn rejoin(&mut self, exited: WatcherExited) -> Result<(), WatcherExited> {
        let incarnation = self.number();
        let entry = self.entries.get(&exited.key);
        let wide = entry.and_then(|entry| Some(entry.membership.as_ref()?.wide.clone()));
        let Some((host, wide)) = wide.and_then(|wide| self.host_of(&wide)) else {
            return Err(exited);
        };
        self.rejoined(&exited.key);
        let Some(entry) = self.entries.get_mut(&exited.key) else {
            return Err(exited);
        };
        entry.incarnation = incarnation;
        // What was reported last is what changes are compared with.
        entry.last_reported = Some(shared(entry.cell.state()));
        entry.cell.write().upstream = Some(wide);
        entry.handle.join(exited.state, host, incarnation);
        tracing::debug!(path = %entry.path, "the watch is served by a wider one again");
        Ok(())
    }

    /// A wide watch is in another state, which its members inherit.
    pub(super) fn notify_members(&mut self, wide: &WatchKey, state: &WatchState) {
        if !self.shared.contains_key(wide) {
            return;
        }
        if matches!(state, WatchState::Live | WatchState::Polling { .. }) {
            self.hasten_rejoins(wide);
        }
        if self.observers.is_empty() || state.is_refused() {
            return;
        }
        let state = &shared(state.clone());
        let members = self.entries.iter_mut().filter(|(_, entry)| {
            // Before its own first value it is not live, whatever the other is.
            entry.is_member_of(wide)
                && (!state.is_live() || entry.cell.read().status.last_answer.is_some())
        });
        let changed: Vec<_> = members
            .filter_map(|(key, entry)| {
                let news = entry.is_news(state);
                news.then(|| (key.clone(), entry.path.clone()))
            })
            .collect();
        for (key, path) in changed {
            self.notify(&key, &path, &EventKind::State(WatchState::clone(state)));
        }
    }

    /// Records the current states as reported: an observer that joins now sees only later changes.
    pub(super) fn mark_reported(&mut self) {
        let members = self.entries.values_mut();
        for entry in members.filter(|entry| entry.last_reported.is_some()) {
            entry.last_reported = Some(shared(entry.cell.state()));
        }
    }
}

impl<S: Source> WatchEntry<S> {
    /// Whether this wide watch serves it now.
    pub(super) fn is_member_of(&self, wide: &WatchKey) -> bool {
        let membership = self.membership.as_ref();
        membership.is_some_and(|it| it.wide == *wide && it.detached.is_none())
    }

    /// Whether this state is worth reporting. It counts as reported from here on.
    pub(super) fn is_news(&mut self, state: &Arc<WatchState>) -> bool {
        // A watcher of its own has compared it already.
        let Some(last_reported) = &mut self.last_reported else {
            return true;
        };
        let news = last_reported.is_news(state);
        *last_reported = Arc::clone(state);
        news
    }
}

fn spread(members: usize) -> Duration {
    let members = u32::try_from(members).unwrap_or(u32::MAX);
    SPREAD_PER_MEMBER.saturating_mul(members).min(MAX_SPREAD)
}

fn at_random(spread: Duration) -> Duration {
    spread.mul_f64(fastrand::f64())
}
