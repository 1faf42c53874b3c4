//! Syntax error in a configuration file.

/// A syntax error. It quotes no string of the file, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) reason: String,
}

impl SyntaxError {
    pub(super) fn new(line: usize, reason: impl Into<String>) -> Self {
        Self {
            line,
            reason: reason.into(),
        }
    }
}
