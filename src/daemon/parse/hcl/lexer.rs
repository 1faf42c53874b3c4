//! Lexer of HCL 1.

use serde_json::{Number, Value};

use crate::{
    daemon::parse::{
        hcl::text::{heredoc, interpolation, unquote},
        syntax_error::SyntaxError,
    },
    text::is_unsafe,
};

/// All white space of HCL 1. Others, such as a no-break space, look like it and are none.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A token, and the line at which it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) line: usize,
    pub(super) kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Identifier(String),
    /// A quoted string.
    Text(String),
    /// A heredoc, which cannot be a name.
    Heredoc(String),
    /// A number.
    Scalar(Value),
    /// One of `{ } [ ] = ,`.
    Sign(char),
    End,
}

/// Returns all tokens of a text. The last one is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_space_and_comments()?;
        let line = lexer.line;
        let kind = lexer.token_kind()?;
        let ended = kind == TokenKind::End;
        tokens.push(Token { line, kind });
        if ended {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    /// Consumes and returns this many bytes.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn error<T>(&self, reason: impl Into<String>) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(self.line, reason))
    }

    fn skip_space_and_comments(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest;
            if rest.starts_with('#') || rest.starts_with("//") {
                self.take(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.take(end + 2),
                    None => return self.error("this comment is not closed: end it with `*/`"),
                };
            } else {
                let space = rest.len() - rest.trim_start_matches(SPACE).len();
                if space == 0 {
                    return Ok(());
                }
                self.take(space);
            }
        }
    }

    fn token_kind(&mut self) -> Result<TokenKind, SyntaxError> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(TokenKind::End);
        };
        match first {
            '{' | '}' | '[' | ']' | '=' | ',' => {
                self.take(1);
                Ok(TokenKind::Sign(first))
            }
            '"' => self.quoted(),
            '<' if self.rest.starts_with("<<") => self.heredoc(),
            '0'..='9' | '-' => self.number(),
            '.' if self.rest[1..].starts_with(|next: char| next.is_ascii_digit()) => self.number(),
            _ if first.is_alphabetic() || first == '_' => {
                let of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
                let end = self.rest.find(|c| !of_name(c)).unwrap_or(self.rest.len());
                Ok(TokenKind::Identifier(self.take(end).to_owned()))
            }
            _ => self.error(unexpected(first)),
        }
    }

    fn quoted(&mut self) -> Result<TokenKind, SyntaxError> {
        const NO_END: &str =
            "this string is not closed: end it with a double quote on the same line";
        let mut at = 1;
        let end = loop {
            let rest = &self.rest[at..];
            let Some(next) = rest.chars().next() else {
                return self.error(NO_END);
            };
            at += match next {
                '"' => break at,
                '\n' => return self.error(NO_END),
                '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                '$' if rest.starts_with("${") => match interpolation(rest) {
                    Some(length) => length,
                    None => return self.error("this string has a `${` without a closing `}`"),
                },
                _ => next.len_utf8(),
            };
        };
        let text = match unquote(&self.rest[1..end]) {
            Ok(text) => text,
            Err(error) => return self.error(error.to_string()),
        };
        self.take(end + 1);
        Ok(TokenKind::Text(text))
    }

    fn heredoc(&mut self) -> Result<TokenKind, SyntaxError> {
        let indented = self.rest.starts_with("<<-");
        let head = if indented { 3 } else { 2 };
        let Some(newline) = self.rest.find('\n') else {
            return self.error("this heredoc has no lines: put its text on the lines after `<<WORD`, then `WORD` alone on a line");
        };
        let marker = self.rest[head..newline].trim_end_matches('\r');
        if marker.is_empty() || !marker.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return self.error(
                "this heredoc has no marker: write `<<` and a word of letters, digits and `_`, and nothing after them",
            );
        }
        let body = &self.rest[newline + 1..];
        let mut at = 0;
        for line in body.split_inclusive('\n') {
            let bare = line.trim_end_matches('\n').trim_end_matches('\r');
            if bare.trim_start() == marker {
                let before_end = &bare[..bare.len() - marker.len()];
                let text = heredoc(&body[..at], indented, before_end);
                self.take(newline + 1 + at + bare.len());
                return Ok(TokenKind::Heredoc(text));
            }
            at += line.len();
        }
        self.error(format!(
            "this heredoc is not closed: end it with `{marker}` alone on a line"
        ))
    }

    fn number(&mut self) -> Result<TokenKind, SyntaxError> {
        let of_number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        let end = self.rest.find(|c| !of_number(c)).unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        let Some(number) = number(text) else {
            return self
                .error("invalid number: write a decimal number, or a string in double quotes");
        };
        self.take(end);
        Ok(TokenKind::Scalar(number.into()))
    }
}

/// Returns the reason and the remedy for a character that begins nothing.
fn unexpected(found: char) -> String {
    let remedy = match found {
        ';' => "end a field with a new line or a comma",
        ':' => "write `name = value`",
        '\'' => "write strings in double quotes",
        '“' | '”' | '„' | '‟' | '‘' | '’' | '‚' | '«' | '»' => {
            "these are the quotes of a word processor; write strings in straight double quotes"
        }
        '(' | ')' => "HCL 1 has no functions and no brackets; write the value itself",
        '+' | '*' | '/' | '!' | '?' | '&' | '|' | '<' | '>' | '%' => {
            "HCL 1 has no expressions; write the value itself, or a string in double quotes"
        }
        _ if is_unsafe(found) || found.is_whitespace() => {
            let code = u32::from(found);
            return format!(
                "unexpected `\\u{{{code:x}}}`, the invisible character U+{code:04X}: remove it; a copied text may hold it"
            );
        }
        _ => "write `name = value`, and strings in double quotes",
    };
    format!("unexpected `{found}`: {remedy}")
}

fn number(text: &str) -> Option<Number> {
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or((1, text), |digits| (-1, digits));
    // HCL 1 has `.5` without a sign and without an exponent alone.
    if let Some(fraction) = digits.strip_prefix('.')
        && (sign < 0 || !fraction.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return None;
    }
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let octal = digits
        .strip_prefix('0')
        .filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    match (hexadecimal, octal) {
        (Some(digits), _) => Some((sign * i64::from_str_radix(digits, 16).ok()?).into()),
        (None, Some(digits)) if !digits.is_empty() => {
            Some((sign * i64::from_str_radix(digits, 8).ok()?).into())
        }
        _ => match text.parse::<i64>() {
            Ok(number) => Some(number.into()),
            Err(_) => Number::from_f64(text.parse().ok()?),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        tokens(text)
            .unwrap()
            .into_iter()
            .map(|token| token.kind)
            .filter(|word| *word != TokenKind::End)
            .collect()
    }

    #[test]
    fn names_numbers_and_comments() {
        let read = kinds("x-foo.bar # no\n 0x1F // no\n 017 /* no\n */ -2.5e3 a_1");
        let numbers = [json!(31), json!(15), json!(-2500.0)].map(TokenKind::Scalar);
        let names = ["x-foo.bar", "a_1"].map(|name| TokenKind::Identifier(name.to_owned()));
        let [first, last] = names;
        let [a, b, c] = numbers;
        assert_eq!(read, [first, a, b, c, last]);
    }

    #[test]
    fn fractions_need_no_digit_before_or_behind_the_point() {
        let numbers = [json!(0.5), json!(5.0), json!(-5.0), json!(1000.0)].map(TokenKind::Scalar);
        assert_eq!(kinds(".5 5. -5. 1.e3"), numbers);
        for text in ["-.5", ".5.5", ".5e1", ".", ".e1", ".x"] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_unexpected_character_has_its_remedy() {
        for (text, remedy) in [
            ("a = 1;", "unexpected `;`: end a field with a new line"),
            ("a: 1", "unexpected `:`: write `name = value`"),
            ("a = 'b'", "unexpected `'`: write strings in double quotes"),
            ("a = upper(\"b\")", "unexpected `(`: HCL 1 has no functions"),
            ("a = 1 + 2", "unexpected `+`: HCL 1 has no expressions"),
            ("a = “b”", "straight double quotes"),
            ("a = @", "unexpected `@`: write `name = value`, and strings"),
            (
                "a\u{a0}= 1",
                "unexpected `\\u{a0}`, the invisible character U+00A0: remove it",
            ),
            (
                "a = 1\u{200b}",
                "unexpected `\\u{200b}`, the invisible character U+200B",
            ),
            (
                "\u{1b}[2J",
                "unexpected `\\u{1b}`, the invisible character U+001B",
            ),
            ("a = \"\\ud83d\"", "`\\ud83d` is half of a surrogate pair"),
            (
                "a = \"\\q\"",
                "this string has an unknown escape: write a backslash as `\\\\`",
            ),
        ] {
            let reason = tokens(text).unwrap_err().reason;
            assert!(reason.contains(remedy), "{text:?}: {reason}");
        }
    }

    #[test]
    fn lines_are_counted_over_heredocs_and_interpolations() {
        let read = tokens("a = <<EOF\nx\n\nEOF\nb = \"${\n}\"\nc").unwrap();
        let lines: Vec<_> = read.iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 1, 1, 5, 5, 5, 7, 7]);
        assert_eq!(read[2].kind, TokenKind::Heredoc("x\n\n".to_owned()));
    }

    #[test]
    fn unclosed_tokens_are_reported_where_they_start() {
        for text in [
            "\n\"a\nb\"",
            "\n\"a",
            "\n/* a",
            "\n<<EOF\na\n",
            "\n\"${a\"",
            "\n\"a\\",
            "\n'a'",
            "\n1x",
            "\n<<",
        ] {
            assert_eq!(tokens(text).unwrap_err().line, 2, "{text:?}");
        }
    }
}
