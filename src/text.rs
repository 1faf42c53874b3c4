//! Texts from the outside as logs, errors and variables may show them: escaped and cut.

use std::borrow::Cow;

/// Returns whether a character could forge a line, or hide or reorder what a terminal shows: control characters, line
/// and paragraph separators, and the invisible characters that set the direction of text.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns the text in one line: unsafe characters as `\n`, `\u{1b}` and so on, and `…` in place of what is beyond
/// `max` characters.
pub(crate) fn escaped(text: &str, max: usize) -> Cow<'_, str> {
    let cut = text.char_indices().nth(max).map(|(end, _)| end);
    if cut.is_none() && !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().min(4 * max));
    for c in text[..cut.unwrap_or(text.len())].chars() {
        if is_unsafe(c) {
            shown.extend(escape(c));
        } else {
            shown.push(c);
        }
    }
    if cut.is_some() {
        shown.push('…');
    }
    Cow::Owned(shown)
}

/// The escape of an unsafe character.
fn escape(c: char) -> impl Iterator<Item = char> {
    let short = matches!(c, '\n' | '\r' | '\t').then(|| c.escape_default());
    let long = short.is_none().then(|| c.escape_unicode());
    short
        .into_iter()
        .flatten()
        .chain(long.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_line_and_cannot_command_a_terminal() {
        for (text, shown) in [
            ("app/ä b", "app/ä b"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[31mred\u{7f}\u{9b}", "\\u{1b}[31mred\\u{7f}\\u{9b}"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
            (
                "\u{feff}a\u{200b}\u{2028}\0",
                "\\u{feff}a\\u{200b}\\u{2028}\\u{0}",
            ),
        ] {
            assert_eq!(escaped(text, 100), shown);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(escaped("ääää", 4), "ääää");
        assert_eq!(escaped("ääää", 3), "äää…");
        assert_eq!(escaped(&"\n".repeat(9), 1), "\\n…");
    }
}
