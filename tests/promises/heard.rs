//! All that the crates under test say by `tracing`, at every level.
//!
//! Watchers have threads of their own, so one subscriber hears for the whole process; a test looks for what
//! names its own paths.

use std::fmt::{Debug, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// One event or span.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) level: Level,
    /// Its fields, as `name=value`.
    pub(crate) text: String,
}

static HEARD: Mutex<Vec<Heard>> = Mutex::new(Vec::new());

/// Hears from now on. Every test that listens calls it before it starts anything.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Ear);
        tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");
    });
}

/// What was heard and has this in it.
pub(crate) fn heard(part: &str) -> Vec<Heard> {
    lock()
        .iter()
        .filter(|heard| heard.text.contains(part))
        .cloned()
        .collect()
}

fn lock() -> MutexGuard<'static, Vec<Heard>> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Ear;

impl<S: Subscriber> Layer<S> for Ear {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("consul_watch")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        lock().push(Heard {
            level: *event.metadata().level(),
            text: text.0,
        });
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let mut text = Text::default();
        attributes.record(&mut text);
        lock().push(Heard {
            level: *attributes.metadata().level(),
            text: text.0,
        });
    }
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}
