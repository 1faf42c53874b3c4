//! Answers that are about what was asked for: a proxy or a cache that confuses URLs answers about something else.

use crate::client::{ClientError, QueryAnswer};

/// Returns an error if the answer is about something else than `asked`. Consul ignores the case of a service's name, and
/// an answer without a name says nothing.
pub(super) fn check_service(
    answer: &QueryAnswer,
    asked: &str,
    found: &str,
) -> Result<(), ClientError> {
    let is_same =
        found.is_empty() || found == asked || found.to_lowercase() == asked.to_lowercase();
    check(answer, is_same, found, "the requested service")
}

/// Returns an error if the answer is about something else.
pub(super) fn check(
    answer: &QueryAnswer,
    is_asked: bool,
    found: &str,
    wanted: &'static str,
) -> Result<(), ClientError> {
    if is_asked || found.is_empty() {
        Ok(())
    } else {
        Err(answer.unrelated(found, wanted))
    }
}
