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
//! | how does it stand | [`Status`] | [`WatchStatus`] of each |
//! | tell me when that changes | [`Observe`] | `()`; then [`WatchEvent`]s |
//! | wait for the first answer | [`Ready`] | `Ok` when it is there |
//! | the values, from any thread | [`GetSnapshots`] | [`Snapshots`] |

mod arbiters;
mod caught;
mod change;
mod compared;
mod coverage;
mod derive;
mod failure;
mod feeds;
mod few;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod key;
mod limits;
mod link;
mod messages;
mod observers;
mod outage;
mod path;
mod progress;
mod query;
mod shared_query;
mod snapshot;
mod snapshots;
mod status;
mod subscription;
mod supervisor;
#[cfg(test)]
mod testing;
mod view;
mod watcher;

pub use self::{
    change::{Change, ChangeKind, changes},
    coverage::{Extracted, KeySelector, SharedBy},
    derive::{Derived, Input, Inputs},
    failure::{Failure, FailureClass},
    limits::{
        backoff::{Backoff, BackoffError},
        connection_budget::ConnectionBudget,
        reconnect_gate::ReconnectGate,
        throttle::Throttle,
    },
    messages::{
        Changed, EndReason, EventKind, GetSnapshots, Observe, QueryId, Ready, ReadyError, Reason,
        Reset, ResetError, Selection, Status, Stop, Stopped, SubscriberCode, SubscriptionId, Watch,
        WatchError, WatchEvent,
    },
    path::WatchPath,
    query::{Answer, Ask, Cursor, Evaluation, Outcome, Position, Query, Request, Source},
    snapshot::{Item, Snapshot},
    snapshots::Snapshots,
    status::{WatchState, WatchStatus},
    subscription::{quiescence::Quiescence, subscriber::Subscriber},
    supervisor::{StartError, WatchSupervisor},
    view::View,
    watcher::WatcherActor,
};

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
