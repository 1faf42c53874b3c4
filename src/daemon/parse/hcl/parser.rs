//! Parser of HCL 1.

use serde_json::Value;

use crate::daemon::{
    location::Location,
    parse::{
        hcl::lexer::{Token, TokenKind, tokens},
        syntax_error::SyntaxError,
        tree::{ConfigNode, NodeData},
    },
};

/// The maximum nesting of objects and lists, far beyond any real configuration. It bounds the stack.
const MAX_DEPTH: usize = 100;

/// Parses the text of a file. Several blocks of one name become a list.
pub(in crate::daemon::parse) fn parse(
    text: &str,
    file: &Location,
) -> Result<ConfigNode, SyntaxError> {
    let mut parser = Parser {
        tokens: tokens(text)?.into_iter().peekable(),
        file,
        depth: 0,
    };
    let data = parser.entries(&TokenKind::End)?;
    Ok(ConfigNode {
        location: file.at(1),
        data,
    })
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    file: &'a Location,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Token {
        // `End` is the last token, and nothing reads beyond it.
        self.tokens.next().unwrap_or(Token {
            line: 1,
            kind: TokenKind::End,
        })
    }

    fn accept(&mut self, kind: &TokenKind) -> bool {
        self.tokens.next_if(|next| next.kind == *kind).is_some()
    }

    /// Parses the entries of an object up to its end.
    fn entries(&mut self, end: &TokenKind) -> Result<NodeData, SyntaxError> {
        let mut entries: Vec<(String, ConfigNode)> = Vec::new();
        while !self.accept(end) {
            let (name, node) = self.entry()?;
            match entries.iter_mut().find(|(other, _)| *other == name) {
                Some((_, first)) if is_block(first) && is_block(&node) => append(first, node),
                _ => entries.push((name, node)),
            }
            self.accept(&TokenKind::Sign(','));
        }
        Ok(NodeData::Object(entries))
    }

    /// Parses `name = value`, `name { … }` or `name "label" { … }`, which equals `name { label { … } }`.
    fn entry(&mut self) -> Result<(String, ConfigNode), SyntaxError> {
        let Token { line, kind } = self.next();
        let name = match kind {
            TokenKind::Identifier(name) | TokenKind::Text(name) => name,
            TokenKind::End => {
                return Err(SyntaxError::new(
                    line,
                    "a `}` is missing at the end of the file: close every block",
                ));
            }
            other => {
                return Err(SyntaxError::new(
                    line,
                    format!("expected a name, found {}", describe(&other)),
                ));
            }
        };
        let location = self.file.at(line);
        let next = self
            .tokens
            .peek()
            .map(|token| (token.line, token.kind.clone()));
        let data = match next {
            Some((_, TokenKind::Sign('='))) => {
                self.next();
                self.value()?
            }
            Some((_, TokenKind::Sign('{'))) => self.value()?,
            Some((_, TokenKind::Identifier(_) | TokenKind::Text(_))) => {
                self.nested(line, |parser| Ok(NodeData::Object(vec![parser.entry()?])))?
            }
            other => {
                let (line, found) = other.map_or((line, TokenKind::End), |found| found);
                let reason = format!("expected `=` or `{{`, found {}", describe(&found));
                return Err(SyntaxError::new(line, reason));
            }
        };
        Ok((name, ConfigNode { location, data }))
    }

    fn value(&mut self) -> Result<NodeData, SyntaxError> {
        let Token { line, kind } = self.next();
        match kind {
            TokenKind::Text(text) | TokenKind::Heredoc(text) => Ok(NodeData::Scalar(text.into())),
            TokenKind::Scalar(value) => Ok(NodeData::Scalar(value)),
            TokenKind::Identifier(name) if name == "true" || name == "false" => {
                Ok(NodeData::Scalar(Value::Bool(name == "true")))
            }
            TokenKind::Sign('{') => {
                self.nested(line, |parser| parser.entries(&TokenKind::Sign('}')))
            }
            TokenKind::Sign('[') => self.nested(line, Self::list),
            TokenKind::Identifier(_) => Err(SyntaxError::new(
                line,
                "expected a value, found a bare word: write strings in double quotes",
            )),
            other => Err(SyntaxError::new(
                line,
                format!("expected a value, found {}", describe(&other)),
            )),
        }
    }

    fn list(&mut self) -> Result<NodeData, SyntaxError> {
        let mut list = Vec::new();
        while !self.accept(&TokenKind::Sign(']')) {
            let line = self.tokens.peek().map_or(1, |token| token.line);
            list.push(ConfigNode {
                location: self.file.at(line),
                data: self.value()?,
            });
            if self.accept(&TokenKind::Sign(']')) {
                break;
            }
            let Token { line, kind } = self.next();
            if kind != TokenKind::Sign(',') {
                return Err(SyntaxError::new(
                    line,
                    format!("expected `,` or `]`, found {}", describe(&kind)),
                ));
            }
        }
        Ok(NodeData::List(list))
    }

    fn nested<T>(
        &mut self,
        line: usize,
        read: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth == MAX_DEPTH {
            return Err(SyntaxError::new(
                line,
                format!("objects and lists are nested more than {MAX_DEPTH} deep: flatten them"),
            ));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }
}

fn is_block(node: &ConfigNode) -> bool {
    match &node.data {
        NodeData::Object(_) => true,
        NodeData::List(list) => list
            .iter()
            .all(|entry| matches!(entry.data, NodeData::Object(_))),
        NodeData::Scalar(_) => false,
    }
}

/// Appends blocks of one name to the list that the first of them becomes.
fn append(first: &mut ConfigNode, more: ConfigNode) {
    let location = first.location.clone();
    let listed = |node: ConfigNode| match node.data {
        NodeData::List(list) => list,
        _ => vec![node],
    };
    let empty = ConfigNode {
        location: location.clone(),
        data: NodeData::List(Vec::new()),
    };
    let mut list = listed(std::mem::replace(first, empty));
    list.extend(listed(more));
    *first = ConfigNode {
        location,
        data: NodeData::List(list),
    };
}

/// Describes a token without quoting a string, which may be a secret.
fn describe(kind: &TokenKind) -> String {
    match kind {
        TokenKind::Identifier(_) => "a name".to_owned(),
        TokenKind::Text(_) | TokenKind::Heredoc(_) => "a string".to_owned(),
        TokenKind::Scalar(_) => "a number".to_owned(),
        TokenKind::Sign(sign) => format!("`{sign}`"),
        TokenKind::End => "the end of the file".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> ConfigNode {
        parse(text, &Location::file("a.hcl")).unwrap()
    }

    fn error(text: &str) -> String {
        parse(text, &Location::file("a.hcl"))
            .err()
            .expect("an error")
            .to_string()
    }

    #[test]
    fn the_example_of_consuls_documentation_is_accepted() {
        let text = r#"
watches = [
  {
    type = "key"
    key  = "foo/bar/baz"
    handler_type = "http"
    http_handler_config {
      path = "https://localhost:8000/watch"
      header = { "x-foo" = ["bar", "baz"] }
      tls_skip_verify = false
    }
  }
]"#;
        let node = read(text);
        let handler = json!({
            "path": "https://localhost:8000/watch", "header": { "x-foo": ["bar", "baz"] }, "tls_skip_verify": false
        });
        assert_eq!(
            node.to_json(),
            json!({ "watches": [
                { "type": "key", "key": "foo/bar/baz", "handler_type": "http", "http_handler_config": handler }
            ] })
        );
        assert_eq!(node.location_of("watches[0]").line(), Some(3));
        assert_eq!(
            node.location_of("watches[0].http_handler_config.header")
                .line(),
            Some(9)
        );
    }

    #[test]
    fn blocks_of_one_name_become_a_list_and_labels_become_names() {
        let node = read(
            "w { a = 1 }\nw { a = 2 }\nw = [{ a = 3 }]\ns \"x\" \"y\" { b = true }\nt { X-Foo = [\"v\",] }",
        );
        assert_eq!(
            node.to_json(),
            json!({ "w": [{ "a": 1 }, { "a": 2 }, { "a": 3 }], "s": { "x": { "y": { "b": true } } }, "t": { "X-Foo": ["v"] } })
        );
        assert_eq!(node.location_of("w[1]").line(), Some(2));
    }

    #[test]
    fn strings_are_kept_as_they_are() {
        let node = read("a = \"${X:-\"y\"} %{z} $${q}\"\nb = <<-EOF\n  x ${Y}\n   z\n  EOF\nc=1");
        assert_eq!(
            node.to_json(),
            json!({ "a": "${X:-\"y\"} %{z} $${q}", "b": "x ${Y}\n z\n", "c": 1 })
        );
    }

    #[test]
    fn errors_name_their_line() {
        for (text, expected) in [
            ("a = {\n b = 1\n", "line 3: a `}` is missing"),
            ("a\nb = 1\n}", "line 3: expected a name, found `}`"),
            ("a =\n= 1", "line 2: expected a value, found `=`"),
            ("a = [1 2]", "line 1: expected `,` or `]`, found a number"),
            ("a = b", "line 1: expected a value, found a bare word"),
            (
                "a = [1",
                "line 1: expected `,` or `]`, found the end of the file",
            ),
            (
                "a",
                "line 1: expected `=` or `{`, found the end of the file",
            ),
        ] {
            assert!(
                error(text).starts_with(expected),
                "{text:?}: {}",
                error(text)
            );
        }
        assert!(error(&"a {".repeat(1000)).contains("nested more than"));
        assert!(error(&"a ".repeat(1000)).contains("nested more than"));
        assert!(!error("token = \"s3cret\" \"s3cret\" 1").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn no_input_panics(text in "[a-c{}\\[\\]=,\"$%<\\-EOF\\\\\n #/*0-9.é]{0,60}|\\PC{0,40}") {
            let _ = parse(&text, &Location::file("a.hcl"));
        }
    }
}
