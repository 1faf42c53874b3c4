//! Splits Rust source into code, comments and string literals.
//!
//! The pieces cover the whole text in order: joined they are the text again.

use std::ops::Range;

/// The kind of a piece of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    /// `// …` or `/* … */`, without the line break at its end.
    Comment,
    /// `/// …` or `/** … */`.
    ItemDoc,
    /// `//! …` or `/*! … */`.
    ModuleDoc,
    /// A string literal of any form, with its quotes and prefix.
    Text,
}

/// A piece of source and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
}

/// Splits a whole file.
pub(crate) fn pieces(source: &str) -> Vec<Piece> {
    let bytes = source.as_bytes();
    let mut pieces = Vec::new();
    let mut code_start = 0;
    let mut at = 0;
    while at < bytes.len() {
        let Some((kind, end)) = special(bytes, at) else {
            at += step(bytes, at);
            continue;
        };
        if code_start < at {
            pieces.push(Piece {
                kind: Kind::Code,
                range: code_start..at,
            });
        }
        pieces.push(Piece {
            kind,
            range: at..end,
        });
        at = end;
        code_start = end;
    }
    if code_start < bytes.len() {
        pieces.push(Piece {
            kind: Kind::Code,
            range: code_start..bytes.len(),
        });
    }
    pieces
}

/// Returns the source with all but its code blanked out. Lines and columns stay the same.
pub(crate) fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    for piece in pieces(source) {
        let text = &source[piece.range];
        if piece.kind == Kind::Code {
            code.push_str(text);
        } else {
            code.extend(
                text.bytes()
                    .map(|byte| if byte == b'\n' { '\n' } else { ' ' }),
            );
        }
    }
    code
}

/// Counts the line of a byte offset, from 1.
pub(crate) fn line_of(source: &str, offset: usize) -> usize {
    1 + source[..offset].matches('\n').count()
}

/// Recognises a comment or literal that begins at `at`, and returns its kind and end.
fn special(bytes: &[u8], at: usize) -> Option<(Kind, usize)> {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(rest.len());
        return Some((comment_kind(&rest[..end]), at + end));
    }
    if rest.starts_with(b"/*") {
        let end = at + block_comment(rest);
        return Some((comment_kind(&bytes[at..end]), end));
    }
    if at > 0 && is_ident(bytes[at - 1]) {
        return (bytes[at] == b'"').then(|| (Kind::Text, at + quoted(rest)));
    }
    let prefix = rest
        .iter()
        .take_while(|byte| matches!(byte, b'b' | b'c' | b'r'))
        .count();
    let raw = prefix > 0 && rest[prefix - 1] == b'r';
    let body = &rest[prefix..];
    if raw {
        let hashes = body.iter().take_while(|byte| **byte == b'#').count();
        if body.get(hashes) == Some(&b'"') {
            return Some((Kind::Text, at + prefix + raw_quoted(body, hashes)));
        }
    } else if prefix <= 1 && body.first() == Some(&b'"') {
        return Some((Kind::Text, at + prefix + quoted(body)));
    }
    None
}

fn comment_kind(comment: &[u8]) -> Kind {
    match comment {
        [b'/', b'/' | b'*', b'!', ..] => Kind::ModuleDoc,
        // Four slashes are a rule between sections, no documentation.
        [b'/', b'/', b'/', b'/', ..] | [b'/', b'*', b'*', b'*' | b'/', ..] => Kind::Comment,
        [b'/', b'/', b'/', ..] | [b'/', b'*', b'*', ..] => Kind::ItemDoc,
        _ => Kind::Comment,
    }
}

/// Returns the length of a block comment, in which others may be nested.
fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Returns the length of a literal that begins with its quote.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Returns the length of a raw literal that begins with its hashes.
fn raw_quoted(rest: &[u8], hashes: usize) -> usize {
    let mut at = hashes + 1;
    while at < rest.len() {
        if rest[at] == b'"'
            && rest[at + 1..]
                .iter()
                .take(hashes)
                .filter(|byte| **byte == b'#')
                .count()
                == hashes
        {
            return at + 1 + hashes;
        }
        at += 1;
    }
    rest.len()
}

/// Returns how many bytes of plain code to pass over: a character literal as a whole, since it may be a quote.
fn step(bytes: &[u8], at: usize) -> usize {
    if bytes[at] != b'\'' {
        return 1;
    }
    let rest = &bytes[at + 1..];
    if rest.first() == Some(&b'\\') {
        // The escaped character itself may be a quote.
        let end = rest.iter().skip(2).position(|byte| *byte == b'\'');
        return end.map_or(1, |end| end + 4);
    }
    // A lifetime has no quote behind it.
    let width = rest.first().map_or(0, |byte| match byte {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    });
    if rest.get(width) == Some(&b'\'') {
        width + 2
    } else {
        1
    }
}

fn is_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(source: &str) -> Vec<(Kind, &str)> {
        let found = pieces(source);
        let joined: String = found
            .iter()
            .map(|piece| &source[piece.range.clone()])
            .collect();
        assert_eq!(joined, source);
        found
            .into_iter()
            .filter(|piece| piece.kind != Kind::Code)
            .map(|piece| (piece.kind, &source[piece.range]))
            .collect()
    }

    #[test]
    fn tells_comments_by_their_kind() {
        let source = "//! head\n/// doc\n// note\n//// rule\n/* a /* b */ c */ fn f() {} /** d */ /*! e */ //";
        assert_eq!(
            split(source),
            [
                (Kind::ModuleDoc, "//! head"),
                (Kind::ItemDoc, "/// doc"),
                (Kind::Comment, "// note"),
                (Kind::Comment, "//// rule"),
                (Kind::Comment, "/* a /* b */ c */"),
                (Kind::ItemDoc, "/** d */"),
                (Kind::ModuleDoc, "/*! e */"),
                (Kind::Comment, "//"),
            ]
        );
    }

    #[test]
    fn finds_literals_and_what_only_looks_like_one() {
        let source = r###"f("a // b", 'x', '"', '\'', '\u{22}', 'ö', b"c", r"\", r#"d "e" "#, br##"g"# "##, &'static str, r#type)"###;
        assert_eq!(
            split(source),
            [
                (Kind::Text, r#""a // b""#),
                (Kind::Text, r#"b"c""#),
                (Kind::Text, r#"r"\""#),
                (Kind::Text, r##"r#"d "e" "#"##),
                (Kind::Text, r###"br##"g"# "##"###),
            ]
        );
    }

    #[test]
    fn blanks_all_but_code() {
        assert_eq!(code_only("a(\"b\nc\"); // d\ne"), "a(  \n  );     \ne");
    }

    #[test]
    fn counts_lines_from_one() {
        assert_eq!([0, 1, 2].map(|offset| line_of("a\nb", offset)), [1, 1, 2]);
    }
}
