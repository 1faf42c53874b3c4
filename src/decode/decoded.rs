//! Decoded values as the engine delivers them.

use std::{fmt, ops::Deref, sync::Arc};

use consul_watch_actors::{Item, Snapshot};

use crate::kv::KvPair;

/// A value of a type of the application, decoded from one key. It dereferences to the value.
///
/// Two documents are equal if their values are: a different order of the fields in the JSON is no change.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonDocument<T>(T);

impl<T> JsonDocument<T> {
    /// Wraps a value as the watch of a key does, for tests of an application's handlers:
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use consul_watch::{Changed, Key, decode::JsonDocument};
    ///
    /// #[derive(Debug, PartialEq, serde::Deserialize)]
    /// struct Limits { requests: u32 }
    ///
    /// let limits = |requests| Some(Arc::new(JsonDocument::new(Limits { requests })));
    /// let first = Changed::first(Key::new("limits").json::<Limits>(), limits(10), 7);
    /// let raised = Changed::update(Key::new("limits").json::<Limits>(), limits(10), limits(20), 8);
    /// let deleted = Changed::update(Key::new("limits").json::<Limits>(), limits(20), None, 9);
    /// # assert_eq!(first.current.as_ref().as_ref().unwrap().requests, 10);
    /// assert_eq!(raised.changes()[0].to_string(), "updated requests: 20");
    /// assert_eq!(deleted.changes()[0].to_string(), "removed requests: 20");
    /// # impl std::fmt::Display for Limits {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "requests: {}", self.requests) }
    /// # }
    /// ```
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for JsonDocument<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Display> fmt::Display for JsonDocument<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: PartialEq + fmt::Debug + Send + Sync + 'static> Item for JsonDocument<T> {
    type Id<'a> = ();

    fn id(&self) {}

    fn content_eq(&self, other: &Self) -> bool {
        self == other
    }
}

/// A value of a type of the application, decoded from a folder. It dereferences to the value; clones share it.
#[derive(Debug)]
pub struct Decoded<T> {
    document: Arc<JsonDocument<T>>,
    /// The pairs that it was decoded from.
    pairs: Arc<Vec<Arc<KvPair>>>,
}

impl<T> Decoded<T> {
    /// Wraps a value as the watch of a folder does, for tests of an application's handlers:
    ///
    /// ```
    /// use consul_watch::{Changed, KeyPrefix, decode::Decoded};
    ///
    /// #[derive(Debug, PartialEq, serde::Deserialize)]
    /// struct Web { port: u16 }
    ///
    /// let web = |port| Decoded::new(Web { port });
    /// let changed = Changed::update(KeyPrefix::new("web").decode::<Web>(), web(80), web(8080), 7);
    /// assert_eq!(changed.current.port, 8080);
    /// assert_eq!(changed.previous.as_ref().unwrap().port, 80);
    /// ```
    pub fn new(value: T) -> Self {
        Self::from_parts(value, Vec::new())
    }

    pub(crate) fn from_parts(value: T, pairs: Vec<Arc<KvPair>>) -> Self {
        Self {
            document: Arc::new(JsonDocument::new(value)),
            pairs: Arc::new(pairs),
        }
    }

    pub(crate) fn pairs(&self) -> &Arc<Vec<Arc<KvPair>>> {
        &self.pairs
    }
}

impl<T> Clone for Decoded<T> {
    fn clone(&self) -> Self {
        Self {
            document: Arc::clone(&self.document),
            pairs: Arc::clone(&self.pairs),
        }
    }
}

impl<T> Deref for Decoded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.document
    }
}

/// Compares the pairs too, so that the engine keeps the latest ones. Only the value decides about a change.
impl<T: PartialEq> PartialEq for Decoded<T> {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document && self.pairs == other.pairs
    }
}

impl<T: PartialEq + fmt::Debug + Send + Sync + 'static> Snapshot for Decoded<T> {
    type Item = JsonDocument<T>;

    fn items(&self) -> &[Arc<JsonDocument<T>>] {
        std::slice::from_ref(&self.document)
    }
}
