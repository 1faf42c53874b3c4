//! [`ChangeLine`]: one changed entry as one line of JSON.

use std::io;

use serde::Serialize;
use serde_json::Value;

/// One changed entry.
#[derive(Debug, Serialize)]
pub(super) struct ChangeLine<'a> {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) old: Option<Value>,
    pub(super) new: Option<Value>,
    pub(super) index: u64,
    pub(super) reason: String,
    pub(super) watch: &'a str,
}

impl ChangeLine<'_> {
    /// Writes it, and ends the line.
    pub(super) fn write(&self, out: &mut dyn io::Write) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n").map_err(serde_json::Error::io)
    }
}
