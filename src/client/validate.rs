//! What the setters of [`ConsulConfig`] take on trust, checked.

use std::time::Duration;

use super::{config::ConsulConfig, config_error::ConfigError, secret::Secret};

/// Consul refuses none, but caps a longer wait to this ("Blocking Queries").
const LONGEST_WAIT: Duration = Duration::from_secs(600);

impl ConsulConfig {
    /// Checks what the setters took on trust. [`from_env`](Self::from_env) and
    /// [`ConsulClient::new`](super::ConsulClient::new) call it.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a wait of zero or beyond 10 min, a timeout of zero or a body
    /// limit of zero; [`ConfigError::Header`] for a token, or a user with a colon, that cannot be sent.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_wait(self.wait())?;
        for (what, value) in [
            ("the connect timeout", self.connect_timeout()),
            ("the short-call timeout", self.request_timeout()),
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
                what: "the body limit",
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

/// A wait that Consul takes as it is.
fn check_wait(wait: Duration) -> Result<(), ConfigError> {
    if wait.is_zero() || wait > LONGEST_WAIT {
        return Err(ConfigError::OutOfRange {
            what: "the wait",
            value: format!("{wait:?}"),
            range: "more than zero and at most 10 minutes",
        });
    }
    Ok(())
}

/// A token that an HTTP header can carry.
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
    fn what_consul_would_not_take_is_refused() {
        let ok = ConsulConfig::default();
        assert!(ok.validate().is_ok());
        for bad in [
            ok.clone().with_wait(Duration::ZERO),
            ok.clone().with_wait(Duration::from_secs(601)),
            ok.clone().with_connect_timeout(Duration::ZERO),
            ok.clone().with_request_timeout(Duration::ZERO),
            ok.clone().with_max_body_size(0),
            ok.clone().with_token("hunter2\r\nX-Evil: 1"),
            ok.clone().with_basic_auth("a:b", "c"),
        ] {
            let error = bad.validate().expect_err("refused");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert!(ok.with_wait(Duration::from_secs(600)).validate().is_ok());
    }
}
