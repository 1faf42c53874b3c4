//! [`Webhook`]: the settings of a URL that is called on each change.

use std::{fmt, path::PathBuf, time::Duration};

#[cfg(feature = "cli")]
use super::reserved::is_reserved;
use super::stats::WebhookDelivered;
use crate::{
    client::Secret,
    handlers::{
        longest::LONGEST,
        options::{HandlerOptions, handler_setters},
        retry_policy::RetryPolicy,
    },
};

/// A URL to call on each change.
///
/// | setting | default | that of Consul's `watches` |
/// |---|---|---|
/// | method | POST | POST |
/// | timeout | 10 s | 10 s |
/// | a failed call | [retried](RetryPolicy) until it succeeds, after 1 s to 60 s | lost |
/// | TLS | verified by the system's authorities | the same |
/// | signature | none | none |
/// | body | the state | the state |
///
/// Consul's are those of
/// [`http_handler_config`](https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches#http-endpoint).
#[derive(Clone)]
pub struct Webhook {
    pub(super) url: Secret,
    pub(super) method: String,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) timeout: Duration,
    pub(super) options: HandlerOptions<WebhookDelivered>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) verify: bool,
    pub(super) signature: Option<Secret>,
    pub(super) first_may_repeat: bool,
}

impl Webhook {
    /// The default timeout of a call: 10 s, as in Consul.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// Calls this `http://` or `https://` URL. It sends a user and a password in it as HTTP basic
    /// authentication. Of the URL only the scheme, host and port are ever printed.
    pub fn new(url: impl Into<Secret>) -> Self {
        Self {
            url: url.into(),
            method: "POST".to_owned(),
            headers: Vec::new(),
            timeout: Self::TIMEOUT,
            options: HandlerOptions {
                retry: Some(RetryPolicy::default().without_end()),
                ..HandlerOptions::default()
            },
            ca_file: None,
            verify: true,
            signature: None,
            first_may_repeat: false,
        }
    }

    handler_setters!(label, payload, retry, events(WebhookDelivered));

    /// Sets the method (default `POST`).
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// Adds a header. One name may have several values. The value is never printed. A `Content-Type`,
    /// `User-Agent`, `Authorization` or `Host` replaces the default one.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether a header of a file is ignored: the handler or the connection sets it, or, as an agent, sends the host of
    /// the URL.
    #[cfg(feature = "cli")]
    pub(crate) fn ignores_header(name: &str) -> bool {
        is_reserved(name) || name.eq_ignore_ascii_case("host")
    }

    /// Sets the time that a call may take until the status of its response arrives (default 10 s).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(LONGEST);
        self
    }

    /// Sets a PEM file with the authorities to trust instead of the system's.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Sets whether the server's certificate is verified (default: yes). A warning is logged when it is not.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Marks the first state as one that may have been sent already, by a process that ended before it was answered: see
    /// [`Checkpoint::is_begun`](crate::checkpoint::Checkpoint::is_begun). Its calls have the header
    /// `X-Consul-Watch-Repeated: 1`.
    #[must_use]
    pub fn first_may_repeat(mut self, repeats: bool) -> Self {
        self.first_may_repeat = repeats;
        self
    }

    /// Signs each request: `X-Consul-Watch-Signature: t=1735689600,v2=…` has the time of the attempt, in seconds since
    /// 1970, and in hexadecimal the HMAC-SHA256 with this key of the lines `v2`, time, method, path with query, index
    /// and idempotency key, each ended by `\n`, and of the body. Default: no signature.
    ///
    /// The receiver computes the same, compares in constant time, and refuses a time that is too long ago.
    /// `docs/daemon.md` shows how, in Python and for the shell.
    #[must_use]
    pub fn sign_with(mut self, key: impl Into<Secret>) -> Self {
        self.signature = Some(key.into());
        self
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Webhook")
            .field("method", &self.method)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("retry", &self.options.retry)
            .field("payload", &self.options.payload)
            .field("ca_file", &self.ca_file)
            .field("verify", &self.verify)
            .field("signed", &self.signature.is_some())
            .finish_non_exhaustive()
    }
}
