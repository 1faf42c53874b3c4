//! The world of the model: what exists, who may read it, and what Consul answers.

use crate::absence::{self, Absence, Why};

/// Consul's text for a missing right.
const DENIED: &str = "Permission denied: token with AccessorID 'x' lacks permission";

/// The kind of the object, and so how its absence is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key in a list; the proof is a transaction.
    Key,
    /// A key of a shared query; the proof is the member's own read.
    SharedKey,
    /// An instance, node or check; the proof is a transaction.
    Object,
    /// The name of a service; the proof is the right to it.
    Service,
    /// The name of a service; the proof is the right to its nodes.
    Instances,
    /// An entry of a cluster peer.
    Peered,
}

/// The consistency that the user chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Default,
    Stale,
    Consistent,
}

/// The state of the object at a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Facts {
    pub(super) exists: bool,
    pub(super) readable: bool,
    pub(super) index: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) now: Facts,
    /// The facts before the last write: a new leader may not have replayed it.
    pub(super) before: Facts,
    pub(super) lags: bool,
    /// The right according to the cache of the client agent.
    pub(super) cached: bool,
    /// Whether nothing changes any more.
    pub(super) calm: bool,
}

/// The list that an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct List {
    pub(super) has: bool,
    /// `X-Consul-Results-Filtered-By-ACLs`.
    pub(super) filtered: bool,
    pub(super) index: Option<u64>,
    pub(super) fresh: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) kind: Kind,
    pub(super) chosen: Chosen,
}

impl World {
    pub(super) fn write(&mut self, change: impl FnOnce(&mut Facts)) {
        self.before = self.now;
        self.lags = false;
        change(&mut self.now);
    }

    pub(super) fn list(facts: Facts, readable: bool, fresh: bool) -> List {
        List {
            has: facts.exists && readable,
            filtered: facts.exists && !readable,
            index: Some(facts.index),
            fresh,
        }
    }

    /// Returns the answers that a held read may have; the view of the streaming backend knows no filtered flag.
    pub(super) fn held(&self, began: bool, known: Option<u64>, consistent: bool) -> Vec<List> {
        let fresh = absence::is_fresh(true, consistent);
        let view = |has, index| List {
            has,
            filtered: false,
            index,
            fresh,
        };
        let Self { now, before, .. } = *self;
        let mut lists = vec![
            Self::list(now, began, fresh),
            view(now.exists && self.cached, Some(now.index)),
        ];
        if self.calm {
            return lists;
        }
        // A view that is being rebuilt.
        lists.extend([known, Some(1), None].map(|index| view(false, index)));
        // A query for a newer index is held until the leader has caught up.
        let is_held = Some(before.index) == known && before.exists != now.exists;
        if self.lags && !consistent && !is_held {
            lists.push(Self::list(before, before.readable, fresh));
        }
        lists
    }

    /// Returns the answer of a read without an index. A leader that confirms one has caught up.
    pub(super) fn plain(&mut self, consistent: bool, fresh: bool) -> List {
        self.lags &= !consistent;
        let facts = if self.lags { self.before } else { self.now };
        Self::list(facts, facts.readable, fresh)
    }
}

impl Case {
    pub(super) fn is_bracketed(self) -> bool {
        !matches!(self.kind, Kind::Key | Kind::SharedKey)
    }

    pub(super) fn is_consistent(self, resumes: bool) -> bool {
        self.chosen == Chosen::Consistent
            || absence::starts_consistent(resumes, self.chosen == Chosen::Default)
    }

    /// Returns what the proof says, which the leader decides.
    pub(super) fn proof(self, facts: Facts, list: List) -> Absence {
        let Facts {
            exists, readable, ..
        } = facts;
        match self.kind {
            Kind::Key if !readable => absence::of_check_index(DENIED),
            Kind::Key if exists => {
                absence::of_check_index(r#"failed index check for key "a", current modify index 7"#)
            }
            Kind::Key => absence::of_check_index(r#"failed to check index, key "a" doesn't exist"#),
            Kind::SharedKey if !readable => absence::of_kv_status(403, None),
            Kind::SharedKey => {
                absence::of_kv_status(if exists { 200 } else { 404 }, Some(facts.index))
            }
            Kind::Object if !exists => absence::of_catalog_get(r#"node "a" doesn't exist"#),
            Kind::Object => Absence::Unproven(if readable { Why::Readable } else { Why::Hidden }),
            Kind::Service if readable => absence::of_right(404, true, "not found"),
            Kind::Service => absence::of_right(403, true, DENIED),
            Kind::Instances => absence::of_instances(exists && !readable),
            Kind::Peered => absence::of_peered_list(list.filtered),
        }
    }
}
