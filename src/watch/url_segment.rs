//! Names as segments of URLs.

use consul_watch_actors::{Failure, FailureClass};

use crate::client::KeyPath;

/// A name that cannot be part of a URL.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{what} cannot be named {name:?}: no URL can contain that name; use the name it is registered with"
)]
pub(super) struct BadName {
    what: &'static str,
    name: String,
}

/// Returns `name` as the last segment of a URL's path.
pub(super) fn segment(what: &'static str, name: &str) -> Result<String, Failure> {
    match KeyPath::of_key(name) {
        Ok(KeyPath::Direct(path)) => Ok(path.trim_start_matches("/v1/kv/").to_owned()),
        Ok(KeyPath::NearestPrefix(_)) | Err(_) => Err(Failure::new(
            FailureClass::Invalid,
            BadName {
                what,
                name: name.to_owned(),
            },
        )),
    }
}

/// Whether a URL can contain this name as the last segment of its path.
pub(crate) fn fits_url(name: &str) -> bool {
    matches!(KeyPath::of_key(name), Ok(KeyPath::Direct(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_url_can_contain_ends_the_watch() {
        assert_eq!(
            segment("a service", "web app/ü").unwrap(),
            "web%20app/%C3%BC"
        );
        for name in ["", ".", "..", "a//b", "a/../b", "a\n"] {
            let error = segment("a service", name).unwrap_err();
            assert_eq!(error.class(), FailureClass::Invalid, "{name:?}");
            assert!(error.to_string().contains("a service"), "{error}");
        }
    }
}
