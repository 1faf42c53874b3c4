//! The field `retry`: whether and when a failed run or call is retried.

use std::time::Duration;

use consul_watch_actors::Backoff;
use serde_json::Value;

use crate::{
    daemon::config::values::{duration, number},
    definition::{DefinitionError, DefinitionErrors, Fields},
    handlers,
};

/// `retry`: `true`, `false`, or `{ attempts, base, ceiling }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetrySpec {
    /// The maximum number of attempts, the first included; 0 is without limit.
    pub(crate) attempts: u32,
    /// The upper bound of the first pause.
    pub(crate) base: Duration,
    /// The upper bound of every pause.
    pub(crate) ceiling: Duration,
}

impl Default for RetrySpec {
    fn default() -> Self {
        Self {
            attempts: 10,
            base: Duration::from_secs(1),
            ceiling: Duration::from_secs(60),
        }
    }
}

impl RetrySpec {
    /// A single attempt.
    pub(crate) const NEVER: Self = Self {
        attempts: 1,
        base: Duration::from_secs(1),
        ceiling: Duration::from_secs(1),
    };

    /// Returns the settings for the handlers; `None` for a single attempt.
    pub(crate) fn policy(&self) -> Option<handlers::RetryPolicy> {
        if self.attempts == 1 {
            return None;
        }
        // `read` has checked these values.
        let backoff = Backoff::new(self.base, self.ceiling).unwrap_or_default();
        // Any success resets the pauses, however soon it comes.
        let retry =
            handlers::RetryPolicy::default().backoff(backoff.with_reset_after(Duration::ZERO));
        Some(if self.attempts == 0 {
            retry.without_end()
        } else {
            retry.tries(self.attempts)
        })
    }

    pub(super) fn read(fields: &mut Fields<'_>, errors: &mut DefinitionErrors) -> Option<Self> {
        let map = match fields.get("retry")? {
            Value::Bool(true) => return Some(Self::default()),
            Value::Bool(false) => return Some(Self::NEVER),
            Value::Object(map) => map,
            other => {
                let expected = "true, false or { attempts, base, ceiling }";
                errors.push(DefinitionError::wrong_type("retry", expected, other));
                return None;
            }
        };
        let (mut inner, mut found) = (Fields::new(map), DefinitionErrors::default());
        let usual = Self::default();
        let base = duration(&mut inner, "base", &mut found).unwrap_or(usual.base);
        let retry = Self {
            attempts: number(&mut inner, "attempts", &mut found).unwrap_or(usual.attempts),
            base,
            ceiling: duration(&mut inner, "ceiling", &mut found).unwrap_or(usual.ceiling.max(base)),
        };
        inner.refuse_unread(&mut found);
        for error in found.iter() {
            errors.push(error.clone().within("retry"));
        }
        if let Err(error) = Backoff::new(retry.base, retry.ceiling) {
            errors.push(DefinitionError::unusable("retry", error.to_string()));
        }
        Some(retry)
    }
}
