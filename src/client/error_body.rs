//! The body of a failed answer as an error may show it: one bounded line without secrets.

use super::secret::Secret;
use crate::{
    absence::{self, Why},
    text::is_unsafe,
};

/// The greatest length of the text in an error, in characters: Consul's texts are a line.
const MAX_SHOWN: usize = 300;

/// Whether this looks like a page for people, which Consul's API never answers.
pub(crate) fn is_html(body: &[u8]) -> bool {
    absence::of_body(body) == Some(Why::HtmlPage)
}

/// Returns the kind of body that this seems to be, if it cannot be JSON of Consul's.
pub(crate) fn diagnose(body: &[u8]) -> Option<&'static str> {
    absence::of_body(body).map(Why::text)
}

/// Returns the text of a failed answer: one line, bounded, without control characters, and without any of the
/// `secrets`, which a page may repeat.
pub(crate) fn sanitized(body: &[u8], secrets: &[&Secret]) -> String {
    if is_html(body) {
        return "an HTML page, so a proxy and not Consul answered".to_owned();
    }
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.expose(), "…");
    }
    // A text that was cut may end in the middle of a secret.
    for secret in secrets {
        let ends = (1..secret.expose().len())
            .rev()
            .filter_map(|end| secret.expose().get(..end));
        if let Some(part) = ends
            .into_iter()
            .find(|part| part.len() > 3 && text.ends_with(part))
        {
            text.truncate(text.len() - part.len());
            text.push('…');
        }
    }
    let line: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || is_unsafe(c))
        .filter(|w| !w.is_empty())
        .collect();
    let line = line.join(" ");
    if line.is_empty() {
        return "no text".to_owned();
    }
    match line.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_one_bounded_line() {
        assert_eq!(
            sanitized(b" Invalid\r\n\twait  time\n", &[]),
            "Invalid wait time"
        );
        assert_eq!(sanitized(b"", &[]), "no text");
        assert_eq!(
            sanitized("ä".repeat(5000).as_bytes(), &[]).chars().count(),
            MAX_SHOWN + 1
        );
        assert_eq!(sanitized(b"\xff\x1b[31mx", &[]), "\u{fffd} [31mx");
        assert_eq!(sanitized("a\u{202e}b".as_bytes(), &[]), "a b");
    }

    #[test]
    fn a_repeated_secret_is_not_shown() {
        let secret = Secret::from("hunter2");
        assert_eq!(
            sanitized(b"no token hunter2 here", &[&secret, &Secret::from("")]),
            "no token … here"
        );
        assert_eq!(sanitized(b"no token hunte", &[&secret]), "no token …");
    }

    #[test]
    fn pages_differ_from_data() {
        assert!(is_html(b" \n<html>") && !is_html(b"[]") && !is_html(b""));
        assert!(diagnose(b"").is_some() && diagnose(b"<x>").is_some() && diagnose(b"[1").is_none());
    }
}
