//! Errors of the client, in terms of command-line options.

use consul_watch::{Failure, client::ClientError, kv::KvError};

/// Returns the text of a failed watch.
pub(super) fn of_watch(failure: &Failure) -> String {
    match failure.cause().downcast_ref() {
        Some(error) => of_client(error),
        None => failure.to_string(),
    }
}

/// Returns the text of a failed call of the store.
pub(super) fn of_store(error: &KvError) -> String {
    match error {
        KvError::Client(error) => of_client(error),
        other => other.to_string(),
    }
}

/// Returns the text of the error, with the option in place of the setting that allows more.
fn of_client(error: &ClientError) -> String {
    let text = error.to_string();
    let (ClientError::TooLarge { setting, .. }
    | ClientError::Timeout {
        setting: Some(setting),
        ..
    }) = error
    else {
        return text;
    };
    let option = format!("`--{}`", setting.replace('_', "-"));
    text.replace(&format!("`{setting}` (option or field of a file)"), &option)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use consul_watch::client::Stage;

    use super::*;

    #[test]
    fn a_limit_is_named_by_its_option() {
        let target = || "GET x/v1/kv/".to_owned();
        let error = ClientError::TooLarge {
            target: target(),
            limit: 1 << 20,
            setting: "body_limit",
        };
        assert_eq!(
            of_store(&KvError::Client(error)),
            "the answer to GET x/v1/kv/ is larger than 1 MiB; ask for less, or raise `--body-limit`"
        );
        let error = ClientError::Timeout {
            target: target(),
            stage: Stage::Body,
            deadline: Duration::from_secs(20),
            setting: Some("request_timeout"),
        };
        let text = of_client(&error);
        assert!(text.ends_with(", or raise `--request-timeout`"), "{text}");
    }
}
