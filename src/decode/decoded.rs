//! Decoded values as the engine delivers them.

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc, time::SystemTime};

use consul_watch_actors::{HiddenEntries, Item, Snapshot};

use crate::kv::KvPair;

/// A value of a type of the application, decoded from one key. It dereferences to the value.
///
/// Two documents are equal if their values are, and if the token may read the keys of both or of neither: a different
/// order of the fields in the JSON is no change.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonDocument<T> {
    value: T,
    /// The key, and since when the token may no longer read it.
    hidden: Option<Box<(String, SystemTime)>>,
}

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
        Self {
            value,
            hidden: None,
        }
    }

    /// The value of a pair, which may be hidden.
    pub(crate) fn of_pair(value: T, pair: &KvPair) -> Self {
        let hidden = pair.hidden_since;
        Self {
            value,
            hidden: hidden.map(|since| Box::new((pair.key.clone(), since))),
        }
    }

    /// Returns since when the token may no longer read the key; `None` where it may. The value is the last one that it
    /// could read, which may have changed since.
    pub fn hidden_since(&self) -> Option<SystemTime> {
        self.hidden.as_ref().map(|hidden| hidden.1)
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for JsonDocument<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for JsonDocument<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: PartialEq + fmt::Debug + Send + Sync + 'static> Item for JsonDocument<T> {
    type Id<'a> = ();

    fn id(&self) {}

    fn content_eq(&self, other: &Self) -> bool {
        self.value == other.value
    }

    fn hidden_since(&self) -> Option<SystemTime> {
        self.hidden_since()
    }

    fn name(&self) -> Cow<'_, str> {
        let name = self.hidden.as_ref().map(|hidden| &*hidden.0);
        name.unwrap_or_default().into()
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

    fn hidden(&self) -> Option<HiddenEntries> {
        self.pairs.hidden()
    }
}
