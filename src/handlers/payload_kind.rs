//! [`PayloadKind`]: the choice between the state and its changes.

/// The content that a handler hands on: the standard input of a program, or the body of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PayloadKind {
    /// The whole state as JSON, as Consul's own handlers get it.
    #[default]
    State,
    /// The entries that were added, updated or removed since the state that was handled last, each as one line of JSON
    /// ([`HandlerPayload::write_changes`](crate::handlers::HandlerPayload::write_changes)).
    Changes,
}
