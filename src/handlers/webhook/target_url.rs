//! [`TargetUrl`]: the URL of a webhook in parts, so that no secret in it is shown.

use awc::http::Uri;
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::error::WebhookError;
use crate::client::{Address, Scheme, Secret};

/// The URL to call.
pub(super) struct TargetUrl {
    /// The URL for awc: without credentials, and without https, which the connector provides.
    pub(super) uri: Uri,
    /// The value of the header with the URL's user and password.
    pub(super) authorization: Option<Secret>,
    /// The scheme, host and port.
    pub(super) address: Address,
}

impl TargetUrl {
    /// The path and the query, as in the first line of a request.
    pub(super) fn request_target(&self) -> &str {
        self.uri
            .path_and_query()
            .map_or("/", |target| target.as_str())
    }

    pub(super) fn read(url: &str) -> Result<Self, WebhookError> {
        let error = |reason| WebhookError::Url { reason };
        // The fragment is not sent.
        let url = url.trim().split('#').next().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").ok_or(error("has no scheme"))?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // It is in one place or none: in a password, a client may take what follows for the host.
        if path.contains('@') || authority.matches('@').nth(1).is_some() {
            return Err(error(
                "has an `@` beside the one before the host; write it as `%40`",
            ));
        }
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, authority),
        };
        let shown = format!("{scheme}://{host}");
        let address: Address = shown
            .parse()
            .map_err(|_| error("has no valid scheme, host and port"))?;
        if address.scheme() == Scheme::Unix {
            return Err(error("is neither http nor https"));
        }
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let uri = Uri::try_from(format!("{}{path}", address.awc_base()));
        let uri = uri.map_err(|_| error("has a character that must be percent-encoded"))?;
        Ok(Self {
            uri,
            authorization: credentials.map(basic),
            address,
        })
    }
}

/// Returns the basic authentication for the `user:password` of a URL.
fn basic(credentials: &str) -> Secret {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let mut both = Zeroizing::new(Vec::new());
    both.extend(percent_decode_str(user));
    both.push(b':');
    both.extend(percent_decode_str(password));
    format!("Basic {}", STANDARD.encode(&*both)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (String, String, Option<String>) {
        let url = TargetUrl::read(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let authorization = url.authorization.map(|secret| secret.expose().to_owned());
        (url.uri.to_string(), url.address.to_string(), authorization)
    }

    #[test]
    fn a_url_has_its_parts() {
        assert_eq!(
            parts("https://hooks.example:8443/a/b?c=d#e"),
            (
                "http://hooks.example:8443/a/b?c=d".into(),
                "https://hooks.example:8443".into(),
                None
            )
        );
        assert_eq!(
            parts("http://host?x"),
            ("http://host/?x".into(), "http://host".into(), None)
        );
        assert_eq!(parts("HTTP://[::1]:80").1, "http://[::1]:80");
        // `me:p@ss`
        assert_eq!(
            parts("http://me:p%40ss@host/").2.as_deref(),
            Some("Basic bWU6cEBzcw==")
        );
    }

    #[test]
    fn other_texts_are_refused_without_being_shown() {
        for url in [
            "",
            "hunter2",
            "ftp://hunter2",
            "unix:///hunter2",
            "http://",
            "http:///hunter2",
            "http://host:0/hunter2",
            "http://host/hunter2 x",
            "http://host/\r\nX-Evil: hunter2",
            "http://a b/hunter2",
            "http://me:hun@ter2@host/",
            "http://me:80/hunter2@host/",
            "http://host/hunter2?to=a@b",
        ] {
            let Err(error) = TargetUrl::read(url) else {
                panic!("{url:?} is none")
            };
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
