//! The difference between a checkpoint that is damaged and a file of something else that was named by mistake.

use serde::de::IgnoredAny;

/// The begin of every checkpoint.
const START: &[u8] = b"{\"watch\":\"";

/// Texts that a checkpoint has.
const TRACES: [&str; 5] = [
    "\"watch\":\"",
    "\"index\":",
    "\"salt\":\"",
    "\"digest\":\"",
    "\"handled\":[",
];

/// Returns whether a text is what is left of a checkpoint.
pub(super) fn is_damaged(text: &[u8]) -> bool {
    let is_blank = text.iter().all(|byte| matches!(byte, 0 | b' ' | b'\n'));
    let is_json = || serde_json::from_slice::<IgnoredAny>(text).is_ok();
    let has = |trace: &str| {
        text.windows(trace.len())
            .any(|part| part == trace.as_bytes())
    };
    is_blank
        || START.starts_with(text)
        || text.starts_with(START) && !is_json()
        || TRACES.into_iter().filter(|trace| has(trace)).count() > 1
}
