//! The engine of consul-watch: supervised actors that watch anything a blocking query can answer.
//!
//! It knows no HTTP and no Consul; `consul-watch` brings those. Start with [`WatchSupervisor`] and the
//! message [`Watch`]; to watch something of your own, implement [`Source`] and [`Query`].
//!
//! | to say | message | reply |
//! |---|---|---|
//! | watch this for me | [`Watch`] | [`SubscriptionId`] |
//! | (what you receive) | [`Changed`] | `()`: it asks for the next one |
//! | end a watch | [`Stop`] | [`Stopped`], when nothing more will come |
//! | start afresh | [`Reset`] | the number of watchers |
//! | start those afresh that stand still | [`StartAfresh`] | their subscriptions |
//! | how does it stand | [`Status`] | [`WatchStatus`] of each |
//! | tell me when that changes | [`Observe`] | `()`; then [`WatchEvent`]s |
//! | wait for the first answer | [`Ready`] | `Ok` when it is there |
//! | the values, from any thread | [`GetSnapshots`] | [`Snapshots`] |

#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod bench_support;
mod caught;
mod limits;
mod messages;
mod query;
mod shared_query;
mod subscription;
mod supervisor;
#[cfg(test)]
mod testing;
mod topic;
mod value;
mod vec_map;
mod watcher;

pub use self::{
    limits::{
        backoff::{Backoff, BackoffError},
        connection_budget::{ConnectionBudget, Refusal},
        reconnect_gate::ReconnectGate,
        throttle::Throttle,
    },
    messages::{
        changed::{Changed, Reason},
        event::{EndReason, EventKind, SubscriberCode, WatchEvent},
        observe::Observe,
        quiescence::Quiescence,
        ready::{Ready, ReadyError},
        reset::{Reset, ResetError},
        selection::{QueryId, Selection},
        start_afresh::StartAfresh,
        status::Status,
        stop::{Stop, Stopped},
        subscriber::Subscriber,
        subscription_id::SubscriptionId,
        watch::{Watch, WatchError},
        watch_status::{WatchState, WatchStatus},
    },
    query::{
        Ask, Cursor, Evaluation, Outcome, Position, Query, QueryResponse, Request, Source,
        derived::{Derived, Input, Inputs},
        failure::{Failure, FailureClass},
        path::WatchPath,
        shared::{Extracted, KeySelector, SharedBy},
    },
    supervisor::{WatchSupervisor, start::StartError},
    topic::snapshots::{GetSnapshots, Snapshots},
    value::{
        change::{Change, ChangeKind},
        diff::changes,
        hidden_entries::HiddenEntries,
        snapshot::{Item, Snapshot},
        view::View,
    },
    watcher::WatcherActor,
};

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
