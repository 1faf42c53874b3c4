//! The limits of answers in memory.

use super::ConsulConfig;
use crate::client::body_budget::BodyBudget;

impl ConsulConfig {
    /// Sets the greatest size of an answer in bytes, after decompression. Default: 32 MiB, ours: sixty of
    /// the largest values that Consul accepts
    /// ([`kv_max_value_size`](https://developer.hashicorp.com/consul/docs/agent/config/config-files#kv_max_value_size)).
    #[must_use]
    pub fn with_max_body_size(self, bytes: usize) -> Self {
        self.set(|settings| settings.max_body_size = bytes)
    }

    /// Sets how many bytes of answers the process keeps while they arrive, after decompression. Default: 256 MiB, ours:
    /// eight of the largest answers.
    ///
    /// All clients of the process count together, each against its own number. An answer for which there is no room
    /// waits, in the order of arrival, and that time does not count to its timeout. An answer that alone is larger than
    /// this is [`TooLarge`](crate::client::ClientError::TooLarge), as one beyond
    /// [`with_max_body_size`](Self::with_max_body_size) is. An answer counts until its last byte is there; what it is
    /// decoded to does not count.
    #[must_use]
    pub fn with_body_budget(self, bytes: usize) -> Self {
        self.set(|settings| settings.body_budget = bytes)
    }

    /// The greatest size of an answer, in bytes.
    pub fn max_body_size(&self) -> usize {
        self.0.max_body_size
    }

    /// The number of bytes of answers that the process keeps while they arrive.
    pub fn body_budget(&self) -> usize {
        self.0.body_budget
    }

    /// The budget of answers of at most this size each.
    pub(crate) fn answer_budget(&self, limit: usize) -> BodyBudget {
        BodyBudget::new(self.0.body_budget, limit)
    }
}
