//! Ready-made subscribers: what Consul's own watches do with a change.

mod payload;

pub use self::payload::Payload;
