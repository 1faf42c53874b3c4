//! Names of keys that nothing but a transaction could read or delete again.

/// Returns why no URL can name this key, with the remedy, if that is so.
///
/// The path in a URL is cleaned by Consul's router, and characters that are not printable are refused
/// (<https://developer.hashicorp.com/consul/docs/agent/config/config-files#disable_http_unprintable_char_filter>).
pub(super) fn unaddressable(key: &str) -> Option<String> {
    if key.is_empty() {
        return Some("a key cannot be empty: name one".to_owned());
    }
    let mut inner = key.split('/').collect::<Vec<_>>();
    let last = inner.pop();
    let reason = if inner.contains(&"") {
        "it has an empty part between slashes, or begins with a slash; remove the slash".to_owned()
    } else if inner
        .iter()
        .chain(last.as_ref())
        .any(|part| matches!(*part, "." | ".."))
    {
        "it has the part `.` or `..`; rename it".to_owned()
    } else {
        let odd = key.chars().find(|character| !is_printable(*character))?;
        format!(
            "it has the character U+{:04X}, which is not printable; rename it",
            u32::from(odd)
        )
    };
    Some(format!(
        "the key {key:?} could not be read or deleted through a URL, since {reason}"
    ))
}

/// Whether a character is printable as Go understands it: the standard library escapes all others.
fn is_printable(character: char) -> bool {
    // Behind a letter, marks that combine are not escaped; quotes and the backslash always are.
    matches!(character, '"' | '\'' | '\\') || format!("x{character}").escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_urls_are_told_from_others() {
        for key in [
            "a", "a/b", "folder/", "a b", "größe", "🎉", "e\u{301}", "..a/.b", "\"'\\", "a?b#c%d",
            " a ",
        ] {
            assert_eq!(unaddressable(key), None, "{key:?}");
        }
        for key in [
            "",
            "/a",
            "a//b",
            "a//",
            "./a",
            "a/..",
            "a\nb",
            "a\u{200b}",
            "\u{a0}",
            "a\u{7f}",
            "\u{e000}",
            "\u{2028}",
        ] {
            assert!(unaddressable(key).is_some(), "{key:?}");
        }
        let text = unaddressable("a\tb").unwrap();
        assert!(
            text.contains("\"a\\tb\"") && text.contains("U+0009") && text.contains("rename"),
            "{text}"
        );
    }
}
