//! The paths that a file names: imports, and paths from `crate`, `self` or `super` in code.

use super::tokens::{Token, matching, starts_with};

/// A path as it is written, from a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The module that names it: the inline modules around it within its file.
    pub(crate) inline: Vec<String>,
    /// Its segments; `*` at the end of a glob.
    pub(crate) segments: Vec<String>,
    /// The name that `pub use` gives to it, if it is one.
    pub(crate) exported_as: Option<String>,
    pub(crate) offset: usize,
}

/// Finds all paths of a file.
pub(crate) fn named(tokens: &[Token<'_>]) -> Vec<Named> {
    let mut found = Vec::new();
    // The inline modules around the current token, each with the index at which it ends.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        inline.retain(|(_, end)| at < *end);
        let around = || {
            inline
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        match tokens[at].text {
            "mod" if starts_with(&tokens[(at + 2).min(tokens.len())..], &["{"]) => {
                inline.push((tokens[at + 1].text.to_owned(), matching(tokens, at + 2)));
                at += 3;
            }
            // `use<'a>` in a type names lifetimes.
            "use" if tokens.get(at + 1).is_some_and(|next| next.text != "<") => {
                let public = is_public(&tokens[..at]);
                let mut import = Import {
                    tokens,
                    at: at + 1,
                    found: Vec::new(),
                };
                import.tree(&[]);
                at = import.at;
                found.extend(
                    import
                        .found
                        .into_iter()
                        .map(|(segments, name, offset)| Named {
                            inline: around(),
                            segments,
                            exported_as: name.filter(|_| public),
                            offset,
                        }),
                );
            }
            "crate" | "self" | "super" if is_path(tokens, at) => {
                let start = at;
                let mut segments = vec![tokens[at].text.to_owned()];
                while starts_with(&tokens[at + 1..], &["::"])
                    && tokens.get(at + 2).is_some_and(|next| is_name(next.text))
                {
                    at += 2;
                    segments.push(tokens[at].text.to_owned());
                }
                at += 1;
                found.push(Named {
                    inline: around(),
                    segments,
                    exported_as: None,
                    offset: tokens[start].offset,
                });
            }
            _ => at += 1,
        }
    }
    found
}

/// Whether a path begins here: not the middle of one, nor the scope of a visibility.
fn is_path(tokens: &[Token<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
    before != "::" && before != "in" && starts_with(&tokens[at + 1..], &["::"])
}

fn is_public(before: &[Token<'_>]) -> bool {
    match before {
        [.., last] if last.text == "pub" => true,
        [.., last] if last.text == ")" => {
            let open = before.iter().rposition(|token| token.text == "(");
            open.is_some_and(|open| open > 0 && before[open - 1].text == "pub")
        }
        _ => false,
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads one import, which may be a tree.
struct Import<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    /// The segments, the name they are bound to, and where the last of them is.
    found: Vec<(Vec<String>, Option<String>, usize)>,
}

impl Import<'_> {
    fn tree(&mut self, before: &[String]) {
        let mut segments = before.to_vec();
        let mut offset = 0;
        while let Some(token) = self.tokens.get(self.at) {
            match token.text {
                "::" => self.at += 1,
                "{" => {
                    let end = matching(self.tokens, self.at);
                    self.at += 1;
                    while self.at + 1 < end {
                        self.tree(&segments);
                        if self
                            .tokens
                            .get(self.at)
                            .is_some_and(|next| next.text == ",")
                        {
                            self.at += 1;
                        }
                    }
                    self.at = end;
                    return;
                }
                "as" => {
                    let name = self
                        .tokens
                        .get(self.at + 1)
                        .map(|name| name.text.to_owned());
                    self.at += 2;
                    self.found.push((segments, name, offset));
                    return;
                }
                "*" => {
                    offset = token.offset;
                    segments.push("*".to_owned());
                    self.at += 1;
                }
                text if is_name(text) => {
                    offset = token.offset;
                    // `a::{self}` is `a`.
                    if text != "self" || segments.is_empty() {
                        segments.push(text.to_owned());
                    }
                    self.at += 1;
                }
                _ => break,
            }
        }
        let name = segments.last().cloned();
        self.found.push((segments, name, offset));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::product_tokens;
    use super::*;

    fn paths(code: &str) -> Vec<String> {
        named(&product_tokens(code))
            .into_iter()
            .map(|named| {
                let mut text = named.segments.join("::");
                if let Some(name) = named.exported_as {
                    text = format!("pub {text} as {name}");
                }
                if !named.inline.is_empty() {
                    text = format!("{}: {text}", named.inline.join("::"));
                }
                text
            })
            .collect()
    }

    #[test]
    fn reads_import_trees() {
        assert_eq!(
            paths(
                "use crate::{a::{self, B, c::*}, d as e}; pub(crate) use self::f::{G, H as I}; use std::io;"
            ),
            [
                "crate::a",
                "crate::a::B",
                "crate::a::c::*",
                "crate::d",
                "pub self::f::G as G",
                "pub self::f::H as I",
                "std::io"
            ]
        );
    }

    #[test]
    fn reads_paths_in_code() {
        let code = "pub(in crate::a) fn f(x: crate::b::C<super::D>) -> self::E { self.g(); crate::h::<u8>(); $crate::i!(); j::super_k(); }";
        assert_eq!(
            paths(code),
            ["crate::b::C", "super::D", "self::E", "crate::h", "crate::i"]
        );
    }

    #[test]
    fn knows_inline_modules() {
        assert_eq!(
            paths("mod a { mod b { use super::C; } use super::D; } use super::E;"),
            ["a::b: super::C", "a: super::D", "super::E"]
        );
    }
}
