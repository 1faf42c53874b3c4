//! Files that are compared with what an agent does with them.

mod forms;
mod http_blocks;
mod watches;

pub(crate) const NODES: &str = r#"{ "watches": [{ "type": "nodes", "args": ["cat"] }] }"#;

/// A file, and the reason where an agent does not do the same with it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    pub(crate) text: String,
    pub(crate) why: Option<&'static str>,
}

fn case(name: &'static str, file: &'static str, text: impl Into<String>) -> Case {
    Case {
        name,
        file,
        text: text.into(),
        why: None,
    }
}

impl Case {
    fn differs(self, why: &'static str) -> Self {
        Self {
            why: Some(why),
            ..self
        }
    }
}

/// A JSON file with a watch of these fields.
fn watch(fields: &str) -> String {
    format!(r#"{{ "watches": [{{ "type": "key", "key": "a", {fields} }}] }}"#)
}

/// A JSON file with a watch that has this `http_handler_config`.
pub(crate) fn http(config: &str) -> String {
    watch(&format!(
        r#""handler_type": "http", "http_handler_config": {config}"#
    ))
}

const PATH: &str = r#""path": "http://127.0.0.1:9/""#;

/// Returns all files that are compared.
pub(crate) fn all() -> impl Iterator<Item = Case> {
    [
        forms::whole_files(),
        forms::forms(),
        forms::values(),
        http_blocks::http_blocks(),
        http_blocks::calls(),
        watches::watches(),
        watches::programs(),
        watches::parameters(),
        watches::lists_and_types(),
    ]
    .into_iter()
    .flatten()
}
