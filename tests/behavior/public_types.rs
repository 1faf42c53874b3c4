//! The traits of the public types. Compiling it is the test.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::hash::Hash;

use actix::{Addr, Recipient};
use consul_watch::actors::Query;
use consul_watch::client::{Address, ClientError, ConfigError, Consistency, Secret};
use consul_watch::{
    Backoff, BackoffError, Change, Changed, ConsulConfig, EventKind, Failure, FailureClass,
    GetSnapshots, Key, KeyPrefix, KvPair, Observe, Quiescence, Ready, ReadyError, Reason, Reset,
    ResetError, Selection, Snapshots, Status, Stop, Stopped, Subscriber, SubscriptionId, Throttle,
    View, Watch, WatchError, WatchEvent, WatchPath, WatchState, WatchStatus, WatchSupervisor,
};

fn message<T: Send + Unpin + Debug + 'static>() {}
fn shared<T: Send + Sync + Unpin + Clone + Debug + 'static>() {}
fn value<T: Send + Sync + Unpin + Clone + Debug + Eq + Hash + 'static>() {}
fn error<T: Error + Send + Sync + 'static>() {}
fn kept_error<T: Error + Clone + Send + Sync + 'static>() {}
fn shown<T: Display>() {}

fn watchable<Q: Query<Source = ConsulConfig>>() {
    value::<Q>();
    shared::<Changed<Q>>();
    message::<Watch<Q>>();
    shared::<Subscriber<Changed<Q>>>();
    shared::<Addr<WatchSupervisor>>();
    shared::<Recipient<Watch<Q>>>();
}

#[test]
fn are_what_they_are_used_as() {
    watchable::<Key>();
    watchable::<KeyPrefix>();
    message::<Observe>();
    message::<Ready>();
    message::<Status>();
    message::<Stop>();
    message::<GetSnapshots>();
    shared::<Reset>();
    shared::<Stopped>();
    shared::<WatchStatus>();
    shared::<WatchState>();
    shared::<WatchEvent>();
    shared::<EventKind>();
    shared::<Selection>();
    shared::<Snapshots>();
    shared::<Change<KvPair>>();
    shared::<View<KvPair>>();
    shared::<Backoff>();
    shared::<Throttle>();
    shared::<Quiescence>();
    value::<ConsulConfig>();
    value::<Address>();
    value::<Consistency>();
    value::<Secret>();
    value::<KvPair>();
    value::<SubscriptionId>();
    value::<WatchPath>();
    value::<Reason>();
    value::<FailureClass>();
    error::<ClientError>();
    error::<ConfigError>();
    kept_error::<BackoffError>();
    kept_error::<Failure>();
    kept_error::<WatchError>();
    kept_error::<ReadyError>();
    kept_error::<ResetError>();
    shown::<Change<KvPair>>();
    shown::<WatchPath>();
    shown::<WatchState>();
    shown::<WatchStatus>();
    shown::<WatchEvent>();
    shown::<Reason>();
    shown::<SubscriptionId>();
}
