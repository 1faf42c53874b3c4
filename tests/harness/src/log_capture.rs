//! Everything that the crates under test log by `tracing`, at every level.
//!
//! Watchers have threads of their own, so one subscriber captures the logs of the whole process; a test looks
//! for the lines that name its own paths.

use std::fmt::{Debug, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// One event or span.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// Its level.
    pub level: Level,
    /// Its fields, as `name=value`.
    pub text: String,
}

static RECORDS: Mutex<Vec<LogRecord>> = Mutex::new(Vec::new());

/// Captures logs from now on. Every test that reads logs calls it before it starts anything.
///
/// # Panics
///
/// When another subscriber is the process's default already.
pub fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Capture);
        if let Err(error) = tracing::subscriber::set_global_default(subscriber) {
            panic!("the logs cannot be captured: {error}");
        }
    });
}

/// Returns the captured records that contain `part`.
pub fn captured(part: &str) -> Vec<LogRecord> {
    records()
        .iter()
        .filter(|record| record.text.contains(part))
        .cloned()
        .collect()
}

fn records() -> MutexGuard<'static, Vec<LogRecord>> {
    RECORDS.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Capture;

impl<S: Subscriber> Layer<S> for Capture {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("consul_watch")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        records().push(LogRecord {
            level: *event.metadata().level(),
            text: text.0,
        });
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let mut text = Text::default();
        attributes.record(&mut text);
        records().push(LogRecord {
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
