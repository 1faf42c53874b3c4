//! String values of HCL 1: quoted strings and heredocs.

/// Decodes the escapes of a quoted string, except those inside `${…}`. Returns `None` for an unknown escape.
pub(super) fn unquote(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("${") {
            let end = interpolation(rest)?;
            text.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        rest = &rest[next.len_utf8()..];
        if next == '\\' {
            let (character, length) = escape(rest)?;
            text.push(character);
            rest = &rest[length..];
        } else {
            text.push(next);
        }
    }
    Some(text)
}

/// Returns the length of the `${…}` at the start of this text; `None` if it is not closed.
pub(super) fn interpolation(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => open += 1,
            '}' => {
                open = open.checked_sub(1)?;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Returns the character of an escape and the escape's length, both without the backslash.
fn escape(rest: &str) -> Option<(char, usize)> {
    let number = |from: usize, digits: usize, radix| {
        let digits = rest.get(from..from + digits)?;
        let number = u32::from_str_radix(digits, radix)
            .ok()
            .and_then(char::from_u32)?;
        Some((number, from + digits.len()))
    };
    match rest.chars().next()? {
        'a' => Some(('\x07', 1)),
        'b' => Some(('\x08', 1)),
        'f' => Some(('\x0c', 1)),
        'n' => Some(('\n', 1)),
        'r' => Some(('\r', 1)),
        't' => Some(('\t', 1)),
        'v' => Some(('\x0b', 1)),
        '\\' => Some(('\\', 1)),
        '"' => Some(('"', 1)),
        'x' => number(1, 2, 16),
        'u' => number(1, 4, 16),
        'U' => number(1, 8, 16),
        '0'..='7' => number(0, 3, 8),
        _ => None,
    }
}

/// Returns the text of a heredoc from its lines and the space before its end marker.
///
/// An indented heredoc (`<<-`) removes that space from every line if every line starts with it. Any other keeps it
/// as text, as a Consul agent does.
pub(super) fn heredoc(lines: &str, indented: bool, before_end: &str) -> String {
    if !indented {
        return format!("{lines}{before_end}");
    }
    if !lines.lines().all(|line| line.starts_with(before_end)) {
        return lines.to_owned();
    }
    lines
        .split_inclusive('\n')
        .map(|line| &line[before_end.len()..])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_except_inside_an_interpolation() {
        for (raw, text) in [
            (r#"a\n\t\"\\\u00e9\x41\101"#, Some("a\n\t\"\\éAA")),
            (
                r#"${X:-"a\n{}"} $${Y} %{Z}"#,
                Some(r#"${X:-"a\n{}"} $${Y} %{Z}"#),
            ),
            (r"\q", None),
            (r"\u12", None),
            ("\\ué", None),
            ("${", None),
        ] {
            assert_eq!(unquote(raw).as_deref(), text, "{raw}");
        }
    }

    #[test]
    fn an_indented_heredoc_loses_the_space_before_its_end() {
        assert_eq!(heredoc("  a\n   b\n", true, "  "), "a\n b\n");
        assert_eq!(heredoc(" a\n   b\n", true, "  "), " a\n   b\n");
        assert_eq!(heredoc("  a\n", false, "  "), "  a\n  ");
    }
}
