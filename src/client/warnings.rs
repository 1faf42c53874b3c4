//! Warnings of what is unsafe: each once in the life of the process.

use std::{
    collections::HashSet,
    sync::{LazyLock, Mutex, PoisonError},
};

/// The warnings that were logged. They come from settings, so they are few.
static LOGGED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// Notes that a warning was logged elsewhere.
#[cfg(feature = "cli")]
pub(crate) fn note(warning: &str) {
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    logged.insert(warning.to_owned());
}

/// Logs a warning, unless it was logged before.
pub(crate) fn once(warning: &str) {
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    if logged.insert(warning.to_owned()) {
        drop(logged);
        tracing::warn!("{warning}");
    }
}
