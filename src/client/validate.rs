//! [`ConsulConfig::validate`]: the checks that the setters do not make.

use std::time::Duration;

use super::{config::ConsulConfig, config_error::ConfigError, duration::readable, secret::Secret};

/// The longest wait: Consul accepts longer ones, but caps them to this
/// (<https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details>).
const MAX_WAIT: Duration = Duration::from_secs(600);

impl ConsulConfig {
    /// Checks the settings, which the setters do not. [`from_env`](Self::from_env) and
    /// [`ConsulClient::new`](super::ConsulClient::new) call it.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a wait of zero or beyond 10 min, a timeout of zero, or a greatest size or a
    /// budget of zero; [`ConfigError::Header`] for a token, or a user with a colon, that cannot be sent.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_wait(self.wait())?;
        for (what, value) in [
            ("the connect timeout", self.connect_timeout()),
            // First, since the other one is derived from it.
            ("`request_timeout`", self.request_timeout()),
            ("`first_answer_timeout`", self.first_answer_timeout()),
        ] {
            if value.is_zero() {
                return Err(ConfigError::OutOfRange {
                    what,
                    value: "0".into(),
                    range: "more than zero",
                });
            }
        }
        if self.max_body_size() == 0 {
            return Err(ConfigError::OutOfRange {
                what: "`body_limit`",
                value: "0".into(),
                range: "at least one byte",
            });
        }
        if self.body_budget() == 0 {
            return Err(ConfigError::OutOfRange {
                what: "`body_budget`",
                value: "0".into(),
                range: "at least one byte",
            });
        }
        if let Some(token) = self.token() {
            check_token(token)?;
        }
        if self
            .basic_auth()
            .is_some_and(|auth| auth.user.contains(':'))
        {
            return Err(ConfigError::Header {
                what: "the user of the basic authentication",
            });
        }
        Ok(())
    }
}

/// Checks that Consul accepts the wait as it is.
fn check_wait(wait: Duration) -> Result<(), ConfigError> {
    if wait.is_zero() || wait > MAX_WAIT {
        return Err(ConfigError::OutOfRange {
            what: "the wait",
            value: readable(wait),
            range: "more than zero and at most 10 minutes",
        });
    }
    Ok(())
}

/// Checks that an HTTP header can carry the token.
pub(super) fn check_token(token: &Secret) -> Result<(), ConfigError> {
    let fits = token
        .expose()
        .bytes()
        .all(|byte| matches!(byte, b'!'..=b'~'));
    if fits {
        Ok(())
    } else {
        Err(ConfigError::Header { what: "the token" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_consul_would_not_accept_are_refused() {
        let ok = ConsulConfig::default();
        assert!(ok.validate().is_ok());
        for bad in [
            ok.clone().with_wait(Duration::ZERO),
            ok.clone().with_wait(Duration::from_secs(601)),
            ok.clone().with_connect_timeout(Duration::ZERO),
            ok.clone().with_request_timeout(Duration::ZERO),
            ok.clone().with_max_body_size(0),
            ok.clone().with_body_budget(0),
            ok.clone().with_token("hunter2\r\nX-Evil: 1"),
            ok.clone().with_basic_auth("a:b", "c"),
        ] {
            let error = bad.validate().expect_err("refused");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let error = ok.clone().with_request_timeout(Duration::ZERO).validate();
        let text = error.expect_err("refused").to_string();
        assert!(text.starts_with("`request_timeout` is 0"), "{text}");
        assert!(ok.with_wait(Duration::from_secs(600)).validate().is_ok());
    }
}
