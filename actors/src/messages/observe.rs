//! The message that subscribes an observer to the events of watches.

use actix::Message;

use crate::messages::{event::WatchEvent, selection::Selection, subscriber::Subscriber};

/// Sends [`WatchEvent`]s to an actor: the state of each selected watch and, if its last answer was rejected, why;
/// then everything that happens to these watches. An observer ends when its actor does.
///
/// Events come in order, one in flight. An observer that lags more than 1,024 behind misses the oldest, and
/// learns how many from [`WatchEvent::missed`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Observe {
    pub(crate) observer: Subscriber<WatchEvent>,
    pub(crate) selection: Selection,
}

impl Observe {
    /// Observes all watches, the later ones too.
    pub fn all(observer: impl Into<Subscriber<WatchEvent>>) -> Self {
        Self::selected(Selection::All, observer)
    }

    /// Observes the watches of this path, the later ones too.
    pub fn path(path: impl Into<String>, observer: impl Into<Subscriber<WatchEvent>>) -> Self {
        Self::selected(Selection::path(path), observer)
    }

    /// Observes the selected watches.
    pub fn selected(selection: Selection, observer: impl Into<Subscriber<WatchEvent>>) -> Self {
        Self {
            observer: observer.into(),
            selection,
        }
    }
}
