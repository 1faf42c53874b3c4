//! The key or prefix for which Consul takes a text.

use std::borrow::Cow;

/// Returns the key or prefix for which Consul's own commands and agents take a text.
///
/// Its client drops one slash in front, and an agent answers the name `a//b` in a URL with a redirect to `a/b`: parts
/// that are empty or `.` are left out, and `..` leaves out the part before (measured on Consul 1.8 to 1.22; see
/// [`http.ServeMux`](https://pkg.go.dev/net/http#ServeMux), "Request sanitizing").
///
/// Returns `None` if the text leads out of the store, or would be taken for every key although it is neither empty
/// nor a single slash.
///
/// ```
/// use consul_watch::client::cleaned_key;
///
/// assert_eq!(cleaned_key("/app/a").as_deref(), Some("app/a"));
/// assert_eq!(cleaned_key("app//./a/").as_deref(), Some("app/a/"));
/// assert_eq!(cleaned_key("/").as_deref(), Some(""));
/// assert_eq!(cleaned_key("//"), None);
/// assert_eq!(cleaned_key("../agent/self"), None);
/// ```
pub fn cleaned_key(text: &str) -> Option<Cow<'_, str>> {
    let text = text.strip_prefix('/').unwrap_or(text);
    // A slash at the end survives.
    let inner = text.strip_suffix('/').unwrap_or(text);
    let is_clean = |part: &str| !matches!(part, "" | "." | "..");
    if text.is_empty() || inner.split('/').all(is_clean) {
        return Some(Cow::Borrowed(text));
    }
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    if parts.is_empty() {
        return None;
    }
    let end = if text.ends_with('/') { "/" } else { "" };
    Some(Cow::Owned(parts.join("/") + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_consul_reads_them() {
        for (text, key) in [
            ("", ""),
            ("/", ""),
            ("app/a", "app/a"),
            ("/app/a", "app/a"),
            ("//app/a", "app/a"),
            ("app//a", "app/a"),
            ("app//", "app/"),
            ("app/./a", "app/a"),
            ("app/.", "app"),
            ("app/../b", "b"),
            ("app/x/..", "app"),
            ("..a/.b", "..a/.b"),
            (" /a", " /a"),
        ] {
            assert_eq!(cleaned_key(text).as_deref(), Some(key), "{text:?}");
        }
        for text in [
            "//",
            "///",
            ".",
            "./",
            "/.",
            "..",
            "app/..",
            "../x",
            "a/../../b",
            "//../x",
        ] {
            assert_eq!(cleaned_key(text), None, "{text:?}");
        }
    }

    #[test]
    fn many_slashes_take_no_time() {
        assert_eq!(cleaned_key(&"/".repeat(1_000_000)), None);
        let deep = "a/".repeat(500_000);
        assert_eq!(cleaned_key(&deep).as_deref(), Some(&*deep));
    }
}
