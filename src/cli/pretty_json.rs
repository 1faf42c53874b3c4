//! JSON in the layout of Consul's command: indented by four spaces.

/// Indents compact JSON. The order of the fields and all escapes stay as they are.
pub(super) fn indented(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut bytes = json.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        out.push(byte);
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b':' => out.push(b' '),
            b',' => line(&mut out, depth),
            b'{' | b'[' => {
                // Empty lists and objects stay on their line.
                if let Some(end) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                out.pop();
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(byte);
            }
            _ => {}
        }
    }
    out
}

fn line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', 4 * depth));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::{Value, json, ser::PrettyFormatter};

    use super::*;

    fn expected(value: &Value) -> String {
        let mut out = Vec::new();
        let mut writer =
            serde_json::Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"    "));
        value.serialize(&mut writer).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a\"\\\\:,{}\\[\\]é ]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a\":]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn empty_lists_and_objects_stay_on_their_line() {
        let json = indented(br#"{"a":[],"b":{},"c":[1]}"#);
        assert_eq!(
            String::from_utf8(json).unwrap(),
            expected(&json!({ "a": [], "b": {}, "c": [1] }))
        );
        assert_eq!(indented(b"null"), b"null");
    }

    proptest! {
        #[test]
        fn the_output_equals_that_of_serde_json(value in any_json()) {
            let json = indented(value.to_string().as_bytes());
            prop_assert_eq!(String::from_utf8(json).unwrap(), expected(&value));
        }
    }
}
