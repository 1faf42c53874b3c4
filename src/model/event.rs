//! User events.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use consul_watch_actors::{Item, Snapshot};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{record::record, shape::Shaped};

record! {
    /// A user event (<https://developer.hashicorp.com/consul/api-docs/event#list-events>), identified by its id. It never changes.
    ///
    /// `Debug` shows the length of the payload, not the payload.
    UserEvent {
        /// The UUID.
        id: String = "ID" required,
        /// The name.
        name: String = "Name" always,
        /// The payload; Consul does not distinguish an empty payload from none.
        payload: Payload = "Payload" always,
        /// A regular expression for the target nodes; empty for all.
        node_filter: String = "NodeFilter" always,
        /// A regular expression for the target services; empty for all.
        service_filter: String = "ServiceFilter" always,
        /// A regular expression for the target tags; empty for all.
        tag_filter: String = "TagFilter" always,
        /// The version of the format.
        version: u64 = "Version" always,
        /// The time of the event by the cluster's Lamport clock.
        l_time: u64 = "LTime" always,
    }
}

/// The payload of an event: bytes, which Consul writes as base64, or nothing, which it writes as `null`.
///
/// It dereferences to the bytes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Payload(Option<Bytes>);

impl Payload {
    /// Returns the bytes, if any.
    pub fn bytes(&self) -> Option<&Bytes> {
        self.0.as_ref()
    }

    /// Returns the payload as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self).ok()
    }
}

impl Shaped for Payload {}

impl std::ops::Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(bytes) => {
                serializer.collect_str(&base64::display::Base64Display::new(bytes, &STANDARD))
            }
            None => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(Self(None));
        };
        // The decoder's own error would show a byte of the payload.
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| D::Error::custom("not base64"))?;
        Ok(Self(Some(bytes.into())))
    }
}

impl fmt::Debug for UserEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserEvent")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("payload", &self.payload)
            .field("node_filter", &self.node_filter)
            .field("service_filter", &self.service_filter)
            .field("tag_filter", &self.tag_filter)
            .field("l_time", &self.l_time)
            .finish_non_exhaustive()
    }
}

/// Displays the name and the id.
impl fmt::Display for UserEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.id)
    }
}

/// The Lamport time sorts changes causally; the id identifies the event.
impl Item for UserEvent {
    type Id<'a> = (u64, &'a str);

    fn id(&self) -> (u64, &str) {
        (self.l_time, &self.id)
    }

    fn content_eq(&self, _: &Self) -> bool {
        true
    }

    fn name(&self) -> Cow<'_, str> {
        self.to_string().into()
    }

    fn routing_key(&self) -> Option<&str> {
        Some(&self.id)
    }
}

/// The events that a watch has seen.
///
/// An agent keeps 256 events in no guaranteed order, and forgets them when it restarts; other agents may send
/// it some of them again (<https://developer.hashicorp.com/consul/api-docs/event#list-events>). A watch remembers the events it has seen, so each is a change
/// once, however often it comes.
///
/// The JSON is the agent's: the list of the events that it keeps now.
#[derive(Debug, Clone, Default)]
pub struct EventLog {
    /// The events that the agent keeps now, in its order, followed by those it has forgotten.
    seen: Vec<Arc<UserEvent>>,
    kept: usize,
}

impl EventLog {
    /// The number of remembered events that the agent has forgotten: four times what an agent keeps, because
    /// other members of the cluster may send it twice as many again.
    const REMEMBERED: usize = 1024;

    /// Returns the log of a watch that has seen `previous` and receives these events, in the agent's order.
    ///
    /// ```
    /// use consul_watch::{Changed, Event, model::{EventLog, UserEvent}};
    ///
    /// let mut deploy = UserEvent::default();
    /// deploy.id = "1".to_owned();
    /// let empty = EventLog::next(None, Vec::new());
    /// let log = EventLog::next(Some(&empty), vec![deploy]);
    /// let changed = Changed::update(Event::named("deploy"), empty, log, 7);
    /// assert_eq!(changed.changes().len(), 1);
    /// ```
    pub fn next(previous: Option<&Self>, list: Vec<UserEvent>) -> Self {
        let before = previous.map_or(&[][..], |log| &log.seen);
        let known: HashMap<&str, &Arc<UserEvent>> = before
            .iter()
            .map(|event| (event.id.as_str(), event))
            .collect();
        let mut ids = HashSet::new();
        let mut seen: Vec<Arc<UserEvent>> = Vec::with_capacity(list.len());
        for event in list {
            if ids.insert(event.id.clone()) {
                seen.push(
                    known
                        .get(event.id.as_str())
                        .map_or_else(|| Arc::new(event), |known| Arc::clone(known)),
                );
            }
        }
        let kept = seen.len();
        let forgotten = before.iter().filter(|event| !ids.contains(&event.id));
        seen.extend(forgotten.take(Self::REMEMBERED).cloned());
        Self { seen, kept }
    }

    /// Returns the events that the agent keeps now, in its order: the oldest first.
    pub fn kept(&self) -> &[Arc<UserEvent>] {
        &self.seen[..self.kept]
    }

    /// Returns the events of [`kept`](Self::kept) that `previous` has not seen, in the agent's order: the input
    /// that `consul watch` passes to its handler.
    ///
    /// ```
    /// use consul_watch::{Changed, Event};
    ///
    /// fn handler_json(changed: &Changed<Event>) -> serde_json::Result<String> {
    ///     serde_json::to_string(&changed.current.since(changed.previous.as_deref()))
    /// }
    /// ```
    pub fn since(&self, previous: Option<&Self>) -> Vec<Arc<UserEvent>> {
        let before: HashSet<&str> = previous
            .iter()
            .flat_map(|log| &log.seen)
            .map(|event| event.id.as_str())
            .collect();
        self.kept()
            .iter()
            .filter(|event| !before.contains(event.id.as_str()))
            .cloned()
            .collect()
    }
}

/// Compares the events that the agent keeps, in their order, not the remembered ones.
impl PartialEq for EventLog {
    fn eq(&self, other: &Self) -> bool {
        self.kept() == other.kept()
    }
}

impl Snapshot for EventLog {
    type Item = UserEvent;

    const APPEND_ONLY: bool = true;

    fn items(&self) -> &[Arc<UserEvent>] {
        &self.seen
    }

    fn retained(&self, keep: &dyn Fn(&UserEvent) -> bool) -> Option<Self> {
        let retain = |events: &[Arc<UserEvent>]| {
            let retained = events.iter().filter(|event| keep(event)).cloned();
            retained.collect::<Vec<_>>()
        };
        let (mut seen, forgotten) = (retain(self.kept()), retain(&self.seen[self.kept..]));
        let kept = seen.len();
        seen.extend(forgotten);
        Some(Self { seen, kept })
    }
}

impl Serialize for EventLog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.kept().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use consul_watch_actors::{View, changes};

    use super::*;

    fn events(ids: impl IntoIterator<Item = u64>) -> Vec<UserEvent> {
        ids.into_iter()
            .map(|id| UserEvent {
                id: format!("e{id}"),
                l_time: id,
                ..UserEvent::default()
            })
            .collect()
    }

    fn added(previous: Option<&EventLog>, current: &EventLog) -> Vec<String> {
        changes(previous, current, &View::default())
            .iter()
            .map(|change| change.item().id.clone())
            .collect()
    }

    #[test]
    fn json_is_consuls_both_ways() {
        let text = r#"{"ID":"a","Name":"deploy","Payload":"aGVsbG8=","NodeFilter":"","ServiceFilter":"","TagFilter":"","Version":1,"LTime":2}"#;
        let event: UserEvent = serde_json::from_str(text).unwrap();
        assert_eq!(event.payload.as_str(), Some("hello"));
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
        let empty = text.replace(r#""aGVsbG8=""#, "null");
        assert_eq!(
            serde_json::to_string(&serde_json::from_str::<UserEvent>(&empty).unwrap()).unwrap(),
            empty
        );
        assert!(!format!("{event:?}").contains("hello") && !format!("{event:?}").contains("104"));
    }

    #[test]
    fn an_event_is_a_change_once() {
        let first = EventLog::next(None, events([1, 2]));
        assert_eq!(added(None, &first), ["e1", "e2"]);
        let second = EventLog::next(Some(&first), events([2, 3]));
        assert_eq!(added(Some(&first), &second), ["e3"]);
        let restarted = EventLog::next(Some(&second), events([]));
        assert_eq!(added(Some(&second), &restarted), [""; 0]);
        let told_again = EventLog::next(Some(&restarted), events([1, 3, 4, 4]));
        assert_eq!(added(Some(&restarted), &told_again), ["e4"]);
        assert_eq!(told_again.since(Some(&restarted)).len(), 1);
        assert_eq!(told_again.kept().len(), 3);
    }

    #[test]
    fn the_part_that_was_handled_is_a_log_too() {
        let log = EventLog::next(None, events([1, 2, 3]));
        let log = EventLog::next(Some(&log), events([2, 3, 4]));
        let handled = log.retained(&|event| event.l_time < 4).unwrap();
        assert_eq!(handled.kept().len(), 2);
        assert_eq!(handled.items().len(), 3);
        assert_eq!(added(Some(&handled), &log), ["e4"]);
    }

    #[test]
    fn events_forgotten_long_ago_are_dropped() {
        let mut log = EventLog::next(None, events(0..256));
        for turn in 1..20 {
            log = EventLog::next(Some(&log), events(turn * 256..(turn + 1) * 256));
            assert!(log.items().len() <= 256 + EventLog::REMEMBERED);
        }
        assert_eq!(log.items().len(), 256 + EventLog::REMEMBERED);
        let oldest = log.items().iter().map(|event| event.l_time).min();
        assert_eq!(oldest, Some(15 * 256), "the newest of them stay");
    }
}
