//! The subscriber that calls a URL on each change.

mod call;
mod error;
mod handler;
mod options;
mod request;
mod reserved;
mod signature;
mod stats;
mod target_url;
mod unreachable;
mod unsafe_calls;

pub use self::{
    error::{DeliveryError, WebhookError},
    handler::WebhookHandler,
    options::Webhook,
    stats::{GetWebhookStats, WebhookDelivered, WebhookStats},
};
