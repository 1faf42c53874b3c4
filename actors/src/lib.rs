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

mod acknowledgements;
mod arbiters;
mod backoff;
mod caught;
mod change;
mod compared;
mod coverage;
mod covered;
mod deliveries;
mod derive;
mod failure;
mod feeds;
mod few;
mod guard;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod key;
mod link;
mod messages;
mod observers;
mod outage;
mod path;
mod places;
mod progress;
mod query;
mod quiescence;
mod snapshot;
mod snapshots;
mod status;
mod subscriber;
mod subscription;
mod supervisor;
#[cfg(test)]
mod testing;
mod throttle;
mod view;
mod watcher;

pub use self::{
    backoff::{Backoff, BackoffError},
    change::{Change, ChangeKind, changes},
    coverage::{Extracted, KeySelector, SharedBy},
    derive::{Derivation, Input, Inputs, never_asked},
    failure::{Failure, FailureClass},
    guard::ReconnectGate,
    messages::{
        Changed, EndReason, EventKind, GetSnapshots, Observe, QueryId, Ready, ReadyError, Reason,
        Reset, ResetError, Selection, Status, Stop, Stopped, SubscriberCode, SubscriptionId, Watch,
        WatchError, WatchEvent,
    },
    path::WatchPath,
    places::ConnectionBudget,
    query::{Answer, Cursor, Outcome, Position, Query, Request, Source},
    quiescence::Quiescence,
    snapshot::{Item, Snapshot},
    snapshots::Snapshots,
    status::{WatchState, WatchStatus},
    subscriber::Subscriber,
    supervisor::{StartError, WatchSupervisor},
    throttle::Throttle,
    view::View,
    watcher::WatcherActor,
};
