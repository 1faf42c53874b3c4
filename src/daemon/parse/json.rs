//! JSON parser that keeps locations. It is strict, as Consul is: no comments, no trailing commas.

use jsonc_parser::{CollectOptions, ParseOptions, ast, parse_to_ast};
use serde_json::{Number, Value};

use crate::daemon::{
    location::Location,
    parse::{
        line_index::LineIndex,
        syntax_error::SyntaxError,
        tree::{ConfigNode, NodeData},
    },
};

/// Parses the text of a file.
pub(super) fn parse(text: &str, file: &Location) -> Result<ConfigNode, SyntaxError> {
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    // As for an agent, a file without a byte in it has no fields.
    if text.is_empty() {
        return Ok(ConfigNode {
            location: file.at(1),
            data: NodeData::Object(Vec::new()),
        });
    }
    let lines = LineIndex::of(text);
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|error| {
        // Only the kind: the whole message quotes the text, which may hold a token.
        SyntaxError::new(
            lines.line(error.range().start),
            format!("invalid JSON: {}", error.kind()),
        )
    })?;
    let value = parsed
        .value
        .ok_or_else(|| SyntaxError::new(1, "the file is empty: write at least `{}`"))?;
    node(&value, None, &lines, file)
}

fn node(
    value: &ast::Value<'_>,
    name: Option<usize>,
    lines: &LineIndex,
    file: &Location,
) -> Result<ConfigNode, SyntaxError> {
    let start = match value {
        ast::Value::StringLit(lit) => lit.range.start,
        ast::Value::NumberLit(lit) => lit.range.start,
        ast::Value::BooleanLit(lit) => lit.range.start,
        ast::Value::NullKeyword(lit) => lit.range.start,
        ast::Value::Object(object) => object.range.start,
        ast::Value::Array(array) => array.range.start,
    };
    let line = lines.line(name.unwrap_or(start));
    let data = match value {
        ast::Value::StringLit(lit) => NodeData::Scalar(Value::from(&*lit.value)),
        ast::Value::BooleanLit(lit) => NodeData::Scalar(lit.value.into()),
        ast::Value::NullKeyword(_) => NodeData::Scalar(Value::Null),
        ast::Value::NumberLit(lit) => {
            let number = lit.value.parse::<Number>();
            NodeData::Scalar(
                number
                    .map_err(|_| SyntaxError::new(line, "invalid number: write a decimal number"))?
                    .into(),
            )
        }
        ast::Value::Array(array) => NodeData::List(
            array
                .elements
                .iter()
                .map(|entry| node(entry, None, lines, file))
                .collect::<Result<_, _>>()?,
        ),
        ast::Value::Object(object) => NodeData::Object(
            object
                .properties
                .iter()
                .map(|property| {
                    let value = node(&property.value, Some(property.range.start), lines, file)?;
                    Ok((property.name.as_str().to_owned(), value))
                })
                .collect::<Result<_, _>>()?,
        ),
    };
    Ok(ConfigNode {
        location: file.at(line),
        data,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(text: &str) -> String {
        let error = parse(text, &Location::file("a.json"))
            .err()
            .expect("an error");
        format!("{}: {}", error.line, error.reason)
    }

    #[test]
    fn every_field_has_the_line_of_its_name() {
        let text = "{\n  \"a\": [\n    1,\n    \"${X:-y}\"\n  ],\n  \"b\":\n    {\"c\": null, \"d\": -1.5e3}\n}";
        let node = parse(text, &Location::file("a.json")).unwrap();
        assert_eq!(
            node.to_json(),
            json!({ "a": [1, "${X:-y}"], "b": { "c": null, "d": -1500.0 } })
        );
        assert_eq!(node.location_of("a").line(), Some(2));
        assert_eq!(node.location_of("a[1]").line(), Some(4));
        assert_eq!(node.location_of("b").line(), Some(6));
        assert_eq!(node.location_of("b.c").line(), Some(7));
    }

    #[test]
    fn invalid_json_is_refused_with_its_line() {
        for (text, line) in [
            ("{\n \"a\": 1,\n}", "2: "),
            ("{\n // no\n \"a\": 1}", "2: "),
            ("{\"a\": 'x'}", "1: "),
            ("{\"a\": 0x1}", "1: "),
            ("{\n\n\"a\" 1}", "3: "),
            (" \n", "1: the file is empty"),
            ("{} {}", "1: "),
        ] {
            assert!(error(text).starts_with(line), "{text:?}: {}", error(text));
        }
    }

    #[test]
    fn errors_quote_nothing_of_the_file() {
        assert!(
            !error("{\"token\": s3cret}").contains("s3cret"),
            "{}",
            error("{\"token\": s3cret}")
        );
    }
}
