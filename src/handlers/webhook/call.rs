//! [`Call`]: the call for a state, which makes its body when it is sent.

use std::time::SystemTime;

use bytes::Bytes;
use consul_watch_actors::{Changed, WatchPath};

use super::{error::DeliveryError, request::WebhookBody, signature::idempotency_key};
use crate::handlers::{
    change::ErasedChange, handled_change::HandledChange, job::Supersede, payload::HandlerPayload,
    payload_kind::PayloadKind,
};

/// The call for a state.
pub(in crate::handlers) struct Call {
    change: Box<dyn ErasedChange>,
    /// The body, once it was made. Retries repeat it, with its idempotency key.
    body: Option<WebhookBody>,
}

/// A newer body has what an older one had: of events, all that were not delivered.
impl Supersede for Call {
    fn supersede(&mut self, older: &Self) {
        ErasedChange::supersede(&mut *self.change, &*older.change);
        self.body = None;
    }
}

impl Call {
    pub(super) fn new<Q: HandlerPayload>(changed: Changed<Q>) -> Self {
        Self {
            change: Box::new(changed),
            body: None,
        }
    }

    pub(super) fn index(&self) -> u64 {
        self.change.index()
    }

    /// Returns the change, for the report of its delivery.
    pub(super) fn handled(&self) -> HandledChange {
        self.change.handled()
    }

    /// Returns the body, and makes it if there is none yet.
    pub(super) fn body(&mut self, kind: PayloadKind) -> Result<WebhookBody, DeliveryError> {
        if let Some(body) = &self.body {
            return Ok(body.clone());
        }
        let mut bytes = self
            .change
            .payload(kind)
            .map_err(|source| DeliveryError::Payload { source })?;
        // As an agent's. The lines of changes end with one already.
        if kind == PayloadKind::State {
            bytes.push(b'\n');
        }
        let body = webhook_body(&self.change.path(), self.change.index(), bytes.into());
        Ok(self.body.insert(body).clone())
    }
}

fn webhook_body(path: &WatchPath, index: u64, bytes: Bytes) -> WebhookBody {
    let turn = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let idempotency_key = idempotency_key(&path.to_string(), index, turn, &bytes);
    WebhookBody {
        index,
        idempotency_key,
        bytes,
        is_repeat: false,
    }
}
