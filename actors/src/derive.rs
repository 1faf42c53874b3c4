//! Values that are made of other watched values.

use std::{any::Any, collections::HashMap, fmt, sync::Arc};

use actix::{WeakAddr, prelude::*};
use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, Shared},
};

use crate::{
    Answer, Failure, FailureClass, Outcome, Query, SubscriptionId, Watch, WatchError, WatchPath,
    WatchSupervisor, WatcherActor, key::WatchKey,
};

/// How a query's value is made of other watched values, its inputs.
///
/// The inputs are watches of their own, shared with whoever else watches them. They come and go as
/// [`inputs`](Derivation::inputs) says.
pub trait Derivation<Q: Query> {
    /// What it is made of, given what is known. It is asked again after each change of an input, so a
    /// value may decide what else is watched.
    fn inputs(&self, known: &Inputs) -> Vec<Input<Q>>;

    /// The value as it follows from what is known; `None` while too little is.
    fn derive(&self, known: &Inputs, previous: Option<&Q::Value>) -> Option<Outcome<Q::Value>>;
}

/// The latest values of a derived query's inputs.
#[derive(Default)]
pub struct Inputs {
    values: HashMap<WatchKey, (Arc<dyn Any + Send + Sync>, u64)>,
}

impl Inputs {
    /// The value of this input; `None` before its first answer.
    pub fn get<Q: Query>(&self, query: &Q) -> Option<Arc<Q::Value>> {
        let (value, _) = self.values.get(&WatchKey::of(query))?;
        Arc::clone(value).downcast().ok()
    }

    /// The highest index among them.
    pub(crate) fn index(&self) -> u64 {
        self.values
            .values()
            .map(|(_, index)| *index)
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn insert(&mut self, key: WatchKey, value: Arc<dyn Any + Send + Sync>, index: u64) {
        self.values.insert(key, (value, index));
    }

    pub(crate) fn remove(&mut self, key: &WatchKey) {
        self.values.remove(key);
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("known", &self.values.len())
            .finish()
    }
}

/// One input of the derived query `Q`, or a query that covers it.
pub struct Input<Q: Query> {
    pub(crate) key: WatchKey,
    query: Arc<dyn Follow<Q>>,
}

impl<Q: Query> Input<Q> {
    /// The value of this query as an input, or as a wider one.
    pub fn of<I: Query<Source = Q::Source>>(query: I) -> Self {
        let query = Arc::new(query);
        Self {
            key: WatchKey::shared(&query),
            query,
        }
    }

    pub(crate) fn path(&self) -> WatchPath {
        self.query.name()
    }

    /// Subscribes the watcher of a derived query to it.
    pub(crate) fn follow(
        &self,
        supervisor: &Addr<WatchSupervisor<Q::Source>>,
        follower: WeakAddr<WatcherActor<Q>>,
    ) -> Asked {
        asked(self.query.follow(supervisor, follower))
    }
}

impl<Q: Query> fmt::Debug for Input<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({})", self.path())
    }
}

/// A subscription as soon as the supervisor has told it: waited for by whoever follows, and at its end by
/// whoever ends it.
pub(crate) type Asked = Shared<LocalBoxFuture<'static, Option<SubscriptionId>>>;

type Answered = LocalBoxFuture<'static, Result<Result<SubscriptionId, WatchError>, MailboxError>>;

fn asked(answer: Answered) -> Asked {
    let id = answer.map(|answer| match answer {
        Ok(Ok(id)) => Some(id),
        // It was followed before, and the word of an earlier end came late.
        Ok(Err(WatchError::AlreadyWatching { subscription, .. })) => Some(subscription),
        Ok(Err(WatchError::SubscriberGone { .. })) | Err(_) => None,
    });
    id.boxed_local().shared()
}

trait Follow<Q: Query>: Send + Sync {
    fn name(&self) -> WatchPath;

    fn follow(
        &self,
        supervisor: &Addr<WatchSupervisor<Q::Source>>,
        follower: WeakAddr<WatcherActor<Q>>,
    ) -> Answered;
}

impl<Q: Query, I: Query<Source = Q::Source>> Follow<Q> for I {
    fn name(&self) -> WatchPath {
        self.path()
    }

    fn follow(
        &self,
        supervisor: &Addr<WatchSupervisor<Q::Source>>,
        follower: WeakAddr<WatcherActor<Q>>,
    ) -> Answered {
        let watch = Watch::new(self.clone(), follower.clone()).observer(follower);
        Box::pin(supervisor.send(watch))
    }
}

/// What [`Query::run`] of a derived query returns: it is never asked.
pub fn never_asked<V: 'static>() -> LocalBoxFuture<'static, Result<Answer<V>, Failure>> {
    Box::pin(std::future::ready(Err(Failure::new(
        FailureClass::Invalid,
        NeverAsked,
    ))))
}

#[derive(Debug, thiserror::Error)]
#[error("a derived query has no answer of its own: its value follows from its inputs")]
struct NeverAsked;
