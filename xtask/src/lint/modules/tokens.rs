//! The few tokens of Rust that name modules.

/// A token and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// An identifier, `::`, or a single character.
    pub(crate) text: &'a str,
    pub(crate) offset: usize,
}

/// Splits code, from which comments and literals are blanked out, and leaves out all items under `#[cfg(test)]`.
pub(crate) fn product_tokens(code: &str) -> Vec<Token<'_>> {
    let all = tokens(code);
    let mut kept = Vec::with_capacity(all.len());
    let mut at = 0;
    while at < all.len() {
        if starts_with(&all[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            at = end_of_item(&all, at);
        } else {
            kept.push(all[at].clone());
            at += 1;
        }
    }
    kept
}

/// Returns the names of the modules that are declared in other files under `#[cfg(test)]`.
pub(crate) fn test_modules(code: &str) -> Vec<String> {
    let all = tokens(code);
    let mut names = Vec::new();
    for at in 0..all.len() {
        if starts_with(&all[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            let item = &all[at..end_of_item(&all, at)];
            if let [.., keyword, name, end] = item
                && keyword.text == "mod"
                && end.text == ";"
            {
                names.push(name.text.to_owned());
            }
        }
    }
    names
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let offset = code.len() - rest.len();
        let length = if is_ident(first) {
            rest.find(|c| !is_ident(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (text, behind) = rest.split_at(length);
        if !first.is_whitespace() {
            tokens.push(Token { text, offset });
        }
        rest = behind;
    }
    tokens
}

fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

pub(crate) fn starts_with(tokens: &[Token<'_>], texts: &[&str]) -> bool {
    tokens.len() >= texts.len()
        && tokens
            .iter()
            .zip(texts)
            .all(|(token, text)| token.text == *text)
}

/// Returns the index behind the item that the attribute at `at` belongs to.
fn end_of_item(tokens: &[Token<'_>], at: usize) -> usize {
    let mut at = at;
    // Attributes first: this one and those behind it.
    while starts_with(&tokens[at..], &["#", "["]) {
        at = matching(tokens, at + 1);
    }
    while at < tokens.len() {
        match tokens[at].text {
            "{" => return matching(tokens, at),
            "(" | "[" => at = matching(tokens, at),
            // A field or variant ends at a comma, or with the braces around it.
            ";" | "," => return at + 1,
            "}" => return at,
            // The braces of an import are no body.
            "use" => {
                while at < tokens.len() && tokens[at].text != ";" {
                    at += 1;
                }
            }
            _ => at += 1,
        }
    }
    tokens.len()
}

/// Returns the index behind the bracket that closes the one at `at`.
pub(crate) fn matching(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(code: &str) -> Vec<&str> {
        product_tokens(code)
            .into_iter()
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn splits_paths() {
        assert_eq!(texts("use a::b_c;"), ["use", "a", "::", "b_c", ";"]);
    }

    #[test]
    fn leaves_out_test_items() {
        let code = "#[cfg(test)] #[allow(x)] mod t { fn f() {} } a; #[cfg(test)] use b::{c, d}; e; #[cfg(test)] mod g; h;
                    struct S { #[cfg(test)] i: u8, j: u8 } #[cfg(test)] fn k<T>(l: (T,)) -> [T; 2] { m } n;";
        assert_eq!(texts(code).join(" "), "a ; e ; h ; struct S { j : u8 } n ;");
    }

    #[test]
    fn names_test_modules_in_other_files() {
        let code =
            "mod a; #[cfg(test)] mod b; #[cfg(test)] mod c { } #[cfg(test)] #[allow(x)] pub mod d;";
        assert_eq!(test_modules(code), ["b", "d"]);
    }
}
