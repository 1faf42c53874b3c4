//! String values of HCL 1: quoted strings and heredocs.

/// An escape that stands for no character.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum EscapeError {
    #[error("this string has an unknown escape: write a backslash as `\\\\`")]
    Unknown,
    /// JSON has two of them for a character beyond U+FFFF.
    #[error(
        "`\\u{0:04x}` is half of a surrogate pair, which HCL does not have: write the character itself, or `\\U` and its \
         eight digits"
    )]
    Surrogate(u32),
}

/// Decodes the escapes of a quoted string, except those inside `${…}`.
pub(super) fn unquote(raw: &str) -> Result<String, EscapeError> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("${") {
            let end = interpolation(rest).ok_or(EscapeError::Unknown)?;
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
    Ok(text)
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
fn escape(rest: &str) -> Result<(char, usize), EscapeError> {
    let number = |from: usize, digits: usize, radix| {
        let digits = rest.get(from..from + digits).ok_or(EscapeError::Unknown)?;
        let number = u32::from_str_radix(digits, radix).map_err(|_| EscapeError::Unknown)?;
        match char::from_u32(number) {
            Some(character) => Ok((character, from + digits.len())),
            None if (0xd800..0xe000).contains(&number) => Err(EscapeError::Surrogate(number)),
            None => Err(EscapeError::Unknown),
        }
    };
    match rest.chars().next().ok_or(EscapeError::Unknown)? {
        'a' => Ok(('\x07', 1)),
        'b' => Ok(('\x08', 1)),
        'f' => Ok(('\x0c', 1)),
        'n' => Ok(('\n', 1)),
        'r' => Ok(('\r', 1)),
        't' => Ok(('\t', 1)),
        'v' => Ok(('\x0b', 1)),
        '\\' => Ok(('\\', 1)),
        '"' => Ok(('"', 1)),
        'x' => number(1, 2, 16),
        'u' => number(1, 4, 16),
        'U' => number(1, 8, 16),
        '0'..='7' => number(0, 3, 8),
        _ => Err(EscapeError::Unknown),
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
            assert_eq!(unquote(raw).ok().as_deref(), text, "{raw}");
        }
    }

    #[test]
    fn an_indented_heredoc_loses_the_space_before_its_end() {
        assert_eq!(heredoc("  a\n   b\n", true, "  "), "a\n b\n");
        assert_eq!(heredoc(" a\n   b\n", true, "  "), " a\n   b\n");
        assert_eq!(heredoc("  a\n", false, "  "), "  a\n  ");
    }
}
