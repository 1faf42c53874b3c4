//! The longest wait that a proxy in front of Consul lets through, learned from the queries that it ends.
//!
//! A proxy answers 502, 503 or 504 to a query that is idle for longer than its own timeout. That is the end of a
//! wait and no outage: the query is sent again at once, with a wait that Consul ends first.

use std::time::Duration;

use super::error::ClientError;

/// The shortest wait that is learned; a query that ends sooner has failed.
const SHORTEST: Duration = Duration::from_secs(1);

/// Consul's longest wait
/// (<https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details>).
const LONGEST: Duration = Duration::from_secs(600);

/// The estimate of one address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ProxyTimeout {
    limit: Option<Duration>,
    reported: bool,
}

impl ProxyTimeout {
    /// The longest wait.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Records that a query was ended after this time. Returns whether it is the first one.
    pub(super) fn ended(&mut self, after: Duration) -> bool {
        self.limit = Some((after * 3 / 4).max(SHORTEST));
        !std::mem::replace(&mut self.reported, true)
    }

    /// Records that Consul itself ended this wait: a little more may be let through.
    pub(super) fn completed(&mut self, wait: Duration) {
        self.limit = self
            .limit
            .map(|limit| {
                if wait < limit {
                    limit
                } else {
                    limit + limit / 16
                }
            })
            .filter(|limit| *limit < LONGEST);
    }
}

impl ClientError {
    /// Whether a proxy ended a query that was to wait for `wait`, before Consul did.
    pub(super) fn is_end_by_proxy(&self, after: Duration, wait: Duration) -> bool {
        let Self::Status { status, .. } = self else {
            return false;
        };
        let before_consul = after < wait + wait / 16;
        matches!(status, 502..=504)
            && !self.is_without_consul()
            && after >= SHORTEST
            && before_consul
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn consul_ends_the_next_wait_before_the_proxy_does() {
        let mut proxy = ProxyTimeout::default();
        assert_eq!(proxy.limit(), None);
        assert!(proxy.ended(seconds(60)));
        assert_eq!(proxy.limit(), Some(seconds(45)));
        proxy.completed(seconds(5));
        assert_eq!(proxy.limit(), Some(seconds(45)), "it was not the limit");
        for _ in 0..4 {
            proxy.completed(proxy.limit().unwrap());
        }
        assert!(proxy.limit().is_some_and(|limit| limit < seconds(60)));
        assert!(!proxy.ended(seconds(60)), "reported once");
    }

    #[test]
    fn an_estimate_that_was_wrong_is_forgotten() {
        let mut proxy = ProxyTimeout::default();
        proxy.ended(seconds(1));
        assert_eq!(proxy.limit(), Some(SHORTEST));
        let mut waits = 0;
        while let Some(limit) = proxy.limit() {
            proxy.completed(limit);
            waits += 1;
        }
        assert!(waits < 120, "{waits}");
    }

    #[test]
    fn an_answer_after_the_wait_or_at_once_is_a_failure() {
        let status = |status, text: &str| ClientError::Status {
            target: String::new(),
            status,
            text: text.to_owned(),
            retry_after: None,
            from_consul: false,
        };
        let (wait, after) = (seconds(300), seconds(60));
        for code in [502, 503, 504] {
            assert!(status(code, "").is_end_by_proxy(after, wait), "{code}");
        }
        assert!(!status(500, "").is_end_by_proxy(after, wait));
        assert!(!status(504, "").is_end_by_proxy(Duration::from_millis(900), wait));
        assert!(!status(504, "").is_end_by_proxy(seconds(60), seconds(45)));
        let gone = "error reading from server: EOF";
        assert!(!status(503, gone).is_end_by_proxy(after, wait));
    }
}
