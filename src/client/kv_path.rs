//! [`KeyPath`]: the URL of a key, or of the longest prefix of it that a URL can name.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The characters that are encoded: all but those that RFC 3986 calls unreserved, and the slash, which Consul's
/// router reads encoded or not.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

const PATH: &str = "/v1/kv/";

/// The longest encoded key in a URL, in bytes. Consul accepts more (100,000 bytes were measured); reverse
/// proxies often stop at 8 KiB for the whole request line.
const MAX_ENCODED: usize = 4096;

/// The path of a key, or of all keys with a prefix, in the URL of
/// [`/v1/kv/`](https://developer.hashicorp.com/consul/api-docs/kv).
///
/// A URL can name most keys, percent-encoded. It cannot name some, however they are encoded, since the
/// agent checks the *decoded* path (measured on Consul 1.8; later releases check less):
///
/// - an empty segment (`a//b`, `/lead`) and the segments `.` and `..` are answered with a redirect to
///   the cleaned path, which is another key;
/// - control characters and those that Go does not count as printable (U+00A0, U+200B, U+FEFF …) are answered
///   with a bare 400
///   ([`disable_http_unprintable_char_filter`](https://developer.hashicorp.com/consul/docs/agent/config/config-files#disable_http_unprintable_char_filter)).
///
/// Consul since 1.21.5 refuses further names, such as those that end with a space, with
/// [`ClientError::KeyName`](super::ClientError::KeyName): older releases accept their URLs.
///
/// A key that no URL can name is written and read through the
/// [transaction API](https://developer.hashicorp.com/consul/api-docs/txn), which has it in the JSON body. A
/// *blocking* query has only a URL, so it asks for the longest prefix of the key that a URL can name, and the
/// key is picked from the answer:
///
/// ```
/// use consul_watch::client::KeyPath;
///
/// assert_eq!(KeyPath::of_key("a b/c")?, KeyPath::Direct("/v1/kv/a%20b/c".into()));
/// assert_eq!(KeyPath::of_key("a//b")?, KeyPath::NearestPrefix("/v1/kv/a/".into()));
/// # Ok::<(), consul_watch::client::EmptyKey>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyPath {
    /// The percent-encoded path that names exactly this key or prefix.
    Direct(String),
    /// The path of the longest prefix of a key that no URL can name: for a query with `recurse` or `keys`, whose
    /// answer is then filtered. For a key such as `/lead` that is the whole store.
    NearestPrefix(String),
}

/// A key that is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key cannot be empty: its URL means the whole store; name a key, or ask for a prefix")]
pub struct EmptyKey;

impl KeyPath {
    /// Returns the path of the key `key`.
    ///
    /// # Errors
    /// [`EmptyKey`]: Consul has no empty key, and its URL would mean the whole store.
    pub fn of_key(key: &str) -> Result<Self, EmptyKey> {
        if key.is_empty() {
            Err(EmptyKey)
        } else {
            Ok(Self::new(key))
        }
    }

    /// Returns the path of all keys that start with `prefix`, as a string and not as a folder; an empty prefix
    /// is the whole store.
    pub fn of_prefix(prefix: &str) -> Self {
        Self::new(prefix)
    }

    /// Returns whether Consul 1.21.6 or later may refuse a URL with this name: it begins or ends with a space, or has a
    /// percent sign.
    pub(crate) fn may_be_refused(name: &str) -> bool {
        accepted(name) != name
    }

    /// The percent-encoded path.
    pub fn path(&self) -> &str {
        match self {
            Self::Direct(path) | Self::NearestPrefix(path) => path,
        }
    }

    /// The key or prefix that the URL names.
    pub(crate) fn asked(&self) -> String {
        let encoded = self.path().strip_prefix(PATH).unwrap_or_default();
        percent_decode_str(encoded).decode_utf8_lossy().into_owned()
    }

    fn new(key: &str) -> Self {
        let named = nameable(key);
        let path = |named| format!("{PATH}{}", utf8_percent_encode(named, ENCODED));
        if named.len() == key.len() {
            Self::Direct(path(named))
        } else {
            // What was cut off may have hidden a segment that a router cleans away.
            Self::NearestPrefix(path(nameable(accepted(named))))
        }
    }
}

/// Returns the longest prefix of `key` that a URL can carry to Consul unchanged.
fn nameable(key: &str) -> &str {
    let printable = key.find(|c| !is_printable(c)).unwrap_or(key.len());
    let key = &key[..printable.min(fitting(key))];
    let mut start = 0;
    while let Some(length) = key[start..].find('/') {
        if is_cleaned_away(&key[start..start + length]) || length == 0 {
            return &key[..start];
        }
        start += length + 1;
    }
    // The last segment may be empty: a slash at the end survives.
    if is_cleaned_away(&key[start..]) {
        &key[..start]
    } else {
        key
    }
}

/// Returns the longest prefix of `named` that newer releases accept, too: Consul 1.21.6 and later refuse a name that
/// begins or ends with a space, and some with a percent sign.
fn accepted(named: &str) -> &str {
    if named.starts_with(' ') {
        return "";
    }
    named
        .split('%')
        .next()
        .unwrap_or_default()
        .trim_end_matches(' ')
}

fn is_cleaned_away(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// Whether every version of Unicode that an agent may have counts it as printable. Other characters, emoji for
/// one, take the longer way and arrive too.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        matches!(c, ' '..='~')
    } else {
        c.is_alphanumeric()
    }
}

/// Returns the length of the part of `key`, in bytes, that stays within [`MAX_ENCODED`] when encoded.
fn fitting(key: &str) -> usize {
    let mut encoded = 0;
    for (at, c) in key.char_indices() {
        let kept = c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '/');
        encoded += if kept { 1 } else { 3 * c.len_utf8() };
        if encoded > MAX_ENCODED {
            return at;
        }
    }
    key.len()
}

#[cfg(test)]
mod tests {
    use awc::http::Uri;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    fn direct(key: &str) -> String {
        match KeyPath::of_prefix(key) {
            KeyPath::Direct(path) => path.trim_start_matches("/v1/kv").to_owned(),
            KeyPath::NearestPrefix(path) => panic!("{key:?} is cut to {path}"),
        }
    }

    fn within(key: &str) -> String {
        match KeyPath::of_prefix(key) {
            KeyPath::NearestPrefix(path) => path.trim_start_matches("/v1/kv").to_owned(),
            KeyPath::Direct(path) => panic!("{key:?} is direct as {path}"),
        }
    }

    #[test]
    fn keys_that_a_url_can_name_are_encoded() {
        assert_eq!(direct("app/db.host"), "/app/db.host");
        assert_eq!(direct("a b?c#d%e+f"), "/a%20b%3Fc%23d%25e%2Bf");
        assert_eq!(direct("größe/中"), "/gr%C3%B6%C3%9Fe/%E4%B8%AD");
        assert_eq!(direct("folder/"), "/folder/");
        assert_eq!(direct("..a/.b/c.."), "/..a/.b/c..");
        assert_eq!(direct("%2e%2e"), "/%252e%252e");
        assert_eq!(
            KeyPath::of_prefix(""),
            KeyPath::Direct("/v1/kv/".to_owned())
        );
    }

    #[test]
    fn other_keys_are_cut_to_the_prefix_that_a_url_can_name() {
        assert_eq!(within("a//b"), "/a/");
        assert_eq!(within("a//"), "/a/");
        assert_eq!(within("/lead"), "/");
        assert_eq!(within("/"), "/");
        assert_eq!(within(".."), "/");
        assert_eq!(within("./x"), "/");
        assert_eq!(within("a/../b"), "/a/");
        assert_eq!(within("a/."), "/a/");
        assert_eq!(within("a/b\nc"), "/a/b");
        assert_eq!(within("a/..\0"), "/a/");
        assert_eq!(within("x\u{a0}y"), "/x");
        assert_eq!(within("\u{200b}"), "/");
    }

    #[test]
    fn the_prefix_of_such_a_key_has_no_name_that_newer_releases_refuse() {
        assert_eq!(within("a/b \n"), "/a/b");
        assert_eq!(within(" a//b"), "/");
        assert_eq!(within("a%20b//c"), "/a");
        assert_eq!(within("a%2E%2eb%20//c"), "/a");
        assert_eq!(within("a /b//c"), "/a%20/b/");
        assert_eq!(direct("app/x "), "/app/x%20", "older releases accept it");
    }

    #[test]
    fn an_empty_key_is_refused() {
        assert_eq!(KeyPath::of_key(""), Err(EmptyKey));
        assert_eq!(KeyPath::of_key("a"), Ok(KeyPath::of_prefix("a")));
    }

    #[test]
    fn a_giant_key_is_cut_at_a_character() {
        let key = "ä".repeat(5000);
        let path = within(&key);
        assert!(
            path.len() <= MAX_ENCODED + 1 && path.len() > MAX_ENCODED - 6,
            "{}",
            path.len()
        );
        assert!(Uri::try_from(path).is_ok());
    }

    #[test]
    fn what_is_left_of_a_name_is_no_segment_that_a_router_cleans_away() {
        for key in [".%\0", "..%\0", ".  \0"] {
            assert_eq!(within(key), "/", "{key:?}");
        }
        assert_eq!(within("a/..%\0"), "/a/");
    }

    proptest! {
        #[test]
        fn the_path_is_a_prefix_of_the_key_and_survives_a_router(key in "\\PC{0,30}|[a.~/ %?\0-\u{ff}]{0,12}|[./a]{0,8}") {
            let way = KeyPath::of_prefix(&key);
            // The URI type of the HTTP client must not touch it.
            let uri = Uri::try_from(format!("http://localhost:8500{}", way.path())).expect("a valid URI");
            prop_assert_eq!(uri.path(), way.path());
            let sent = percent_decode_str(uri.path()).decode_utf8().expect("UTF-8");
            let sent = sent.strip_prefix("/v1/kv/").expect("the KV endpoint");
            match way {
                KeyPath::Direct(_) => prop_assert_eq!(sent, &key),
                KeyPath::NearestPrefix(_) => prop_assert!(key.starts_with(sent) && sent.len() < key.len()),
            }
            // No segment that Go's router would clean away.
            let mut segments: Vec<_> = sent.split('/').collect();
            prop_assert!(!matches!(segments.pop(), Some("." | "..")));
            prop_assert!(segments.iter().all(|segment| !matches!(*segment, "" | "." | "..")));
        }
    }
}
