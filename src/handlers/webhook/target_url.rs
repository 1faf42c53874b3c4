//! [`TargetUrl`]: the URL of a webhook in parts, so that no secret in it is shown.

use awc::http::Uri;
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode,
};
use zeroize::Zeroizing;

use super::error::WebhookError;
use crate::client::{Address, Scheme, Secret};

/// The characters that Go's `net/url`, and so an agent, escapes in a path that has one which cannot stay. Escapes stay.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@')
    .remove(b'%');

/// Those of them that stay in a path without any other.
const LEFT_IN_PATH: [char; 7] = ['!', '\'', '(', ')', '*', '[', ']'];

/// The characters that would end or break the first line of a request. An agent sends a query as it is.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

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
        if url.contains(char::is_control) {
            return Err(error("has a control character, perhaps a line break"));
        }
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
        let uri = Uri::try_from(format!("{}{}", address.awc_base(), encoded(path)));
        let uri = uri.map_err(|_| error("has a character that must be percent-encoded"))?;
        Ok(Self {
            uri,
            authorization: credentials.map(basic),
            address,
        })
    }
}

/// Returns a path with its query as it is sent: as Go does it, without a character that breaks the request.
fn encoded(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let left = path.replace(LEFT_IN_PATH, "");
    let is_valid = utf8_percent_encode(&left, PATH).to_string() == left;
    let mut sent = if is_valid {
        path.to_owned()
    } else {
        utf8_percent_encode(path, PATH).to_string()
    };
    if sent.is_empty() {
        sent.push('/');
    }
    if let Some(query) = query {
        sent.push('?');
        sent.extend(utf8_percent_encode(query, QUERY));
    }
    sent
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

    /// The right side is what an agent sends, but for the last two: it breaks the first line with a space in a query.
    #[test]
    fn a_path_is_escaped_as_by_go() {
        for (given, sent) in [
            ("/p|q\"{x}?a=b|c", "/p%7Cq%22%7Bx%7D?a=b|c"),
            ("/ü", "/%C3%BC"),
            ("/a b", "/a%20b"),
            ("/a%20b/../c%2Fd?x=%7C", "/a%20b/../c%2Fd?x=%7C"),
            ("/a%20b c", "/a%20b%20c"),
            (
                "/-._~$&+,/:;=!'()*[]?-._~$&+,/:;=!'()*[]{}|^`\\",
                "/-._~$&+,/:;=!'()*[]?-._~$&+,/:;=!'()*[]{}|^`\\",
            ),
            ("/(x)[y]^", "/%28x%29%5By%5D%5E"),
            ("/${x}", "/$%7Bx%7D"),
            ("/?", "/?"),
            ("?a?b", "/?a?b"),
            ("/?c=d e", "/?c=d%20e"),
            ("/?\"ü\"", "/?%22%C3%BC%22"),
        ] {
            let url = TargetUrl::read(&format!("http://host{given}"));
            let url = url.unwrap_or_else(|error| panic!("{given}: {error}"));
            assert_eq!(url.request_target(), sent, "{given}");
        }
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
            "http://host/\r\nX-Evil: hunter2",
            "http://host/\u{1b}hunter2",
            "http://host/?a=hunter2\u{7f}",
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
