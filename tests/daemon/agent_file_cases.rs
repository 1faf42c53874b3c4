//! Files that are compared with what an agent does with them.

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

/// Files as a whole.
fn forms() -> Vec<Case> {
    let crlf = |heredoc: &str| {
        format!("watches {{\n type = \"nodes\"\n handler = {heredoc}\n}}\n").replace('\n', "\r\n")
    };
    vec![
        case("JSON in `.hcl`", "a.hcl", NODES),
        case(
            "JSON in `.hcl`, behind space",
            "a.hcl",
            format!(" \n\t{NODES}"),
        ),
        case(
            "JSON in `.hcl`, behind a Windows line end",
            "a.hcl",
            format!("\r\n{NODES}"),
        ),
        case("an empty `.json`", "a.json", ""),
        case("an empty `.hcl`", "a.hcl", ""),
        case("a `.json` of white space", "a.json", " \n"),
        case("a `.hcl` of white space", "a.hcl", " \r\n"),
        case(
            "a `.hcl` of comments",
            "a.hcl",
            "# nothing\n// at\n/* all */\n",
        ),
        case("`null`", "a.json", "null"),
        case("`{}`", "a.json", "{}"),
        case("a list", "a.json", "[]"),
        case("a text", "a.json", "\"watches\""),
        case("no watches", "a.json", r#"{ "watches": [] }"#),
        case("`null` for watches", "a.json", r#"{ "watches": null }"#),
        case("a comma behind the last", "a.json", r#"{ "watches": [], }"#),
        case(
            "a comment in JSON",
            "a.json",
            r#"{ /* x */ "watches": [] }"#,
        ),
        case("`Watches`", "a.json", NODES.replace("watches", "Watches")),
        case(
            "`WATCHES` in HCL",
            "a.hcl",
            r#"WATCHES { type = "nodes" args = ["cat"] }"#,
        ),
        case("`Type` in a watch", "a.json", NODES.replace("type", "Type")),
        case(
            "Windows line ends, `<<EOF`",
            "a.hcl",
            crlf("<<EOF\nset -e\ncat\nEOF"),
        ),
        case(
            "Windows line ends, `<<-EOF`",
            "a.hcl",
            crlf("<<-EOF\n  cat\n  EOF"),
        ),
        case(
            "Windows line ends without a heredoc",
            "a.hcl",
            crlf("\"cat\""),
        ),
        case(
            "a semicolon",
            "a.hcl",
            r#"watches { type = "nodes"; args = ["cat"] }"#,
        ),
        case(
            "`<<\"EOF\"`",
            "a.hcl",
            "node_meta { a = <<\"EOF\"\nx\nEOF\n}",
        ),
        case("`<< EOF`", "a.hcl", "node_meta { a = << EOF\nx\nEOF\n}"),
        case(
            "words of an agent",
            "a.hcl",
            "log_level = \"warn\"\nui = true\n",
        ),
        case(
            "a name twice at the top, in JSON",
            "a.json",
            r#"{ "log_level": "warn", "log_level": "err" }"#,
        ),
        case("an unknown word at the top", "a.hcl", "frobnicate = 1\n").differs(
            "accepted with a warning that names the word: the files of a newer agent work",
        ),
        case("a byte-order mark", "a.json", format!("\u{feff}{NODES}"))
            .differs("accepted: editors on Windows write it"),
    ]
}

/// Watches that call a URL.
fn http_blocks() -> Vec<Case> {
    vec![
        case(
            "`http_handler_config`",
            "a.json",
            http(&format!("{{ {PATH} }}")),
        ),
        case(
            "a list of one for `http_handler_config`",
            "a.json",
            http(&format!("[{{ {PATH} }}]")),
        ),
        case(
            "a list of two for it",
            "a.json",
            http(&format!("[{{ {PATH} }}, {{ {PATH} }}]")),
        ),
        case(
            "its names in any case",
            "a.json",
            http(r#"{ "Path": "http://127.0.0.1:9/", "TIMEOUT": "2s" }"#),
        ),
        case(
            "an unknown name in it",
            "a.json",
            http(&format!(r#"{{ {PATH}, "unknown": 1 }}"#)),
        ),
        case(
            "a misspelled name in it",
            "a.json",
            http(&format!(r#"{{ {PATH}, "timout": "1s" }}"#)),
        ),
        case(
            "an unknown name in it, in HCL",
            "a.hcl",
            "watches { type = \"nodes\" handler_type = \"http\" http_handler_config { path = \"http://127.0.0.1:9/\" more { a = 1 } } }",
        ),
        case(
            "two blocks of it in HCL",
            "a.hcl",
            "watches { type = \"nodes\" handler_type = \"http\" http_handler_config { path = \"http://127.0.0.1:9/\" } http_handler_config { method = \"PUT\" } }",
        ),
        case(
            "`null` in it",
            "a.json",
            http(&format!(r#"{{ {PATH}, "method": null, "header": null }}"#)),
        ),
        case(
            "a name twice in it",
            "a.json",
            http(&format!("{{ {PATH}, {PATH} }}")),
        ),
        case(
            "an empty `timeout` in it",
            "a.json",
            http(&format!(r#"{{ {PATH}, "timeout": "" }}"#)),
        ),
        case("an empty `path` in it", "a.json", http(r#"{ "path": "" }"#)),
        case(
            "a number for `method`",
            "a.json",
            http(&format!(r#"{{ {PATH}, "method": 1 }}"#)),
        ),
        case(
            "a text for `tls_skip_verify`",
            "a.json",
            http(&format!(r#"{{ {PATH}, "tls_skip_verify": "true" }}"#)),
        ),
        case(
            "a list for `header`",
            "a.json",
            http(&format!(r#"{{ {PATH}, "header": [] }}"#)),
        ),
        case(
            "a text for a value in `header`",
            "a.json",
            http(&format!(r#"{{ {PATH}, "header": {{ "A": "b" }} }}"#)),
        )
        .differs("accepted as a list of one"),
    ]
}

/// Watches with their handlers.
fn watches() -> Vec<Case> {
    vec![
        case(
            "`http_handler_config` of a script",
            "a.json",
            watch(&format!(
                r#""args": ["cat"], "http_handler_config": {{ {PATH} }}"#
            )),
        ),
        case(
            "an unknown name in a watch",
            "a.json",
            watch(r#""args": ["cat"], "unknown": 1"#),
        ),
        case(
            "a text twice in a watch",
            "a.json",
            watch(r#""args": ["cat"], "key": "b""#),
        ),
        case(
            "a text twice in a watch, in HCL",
            "a.hcl",
            "watches { type = \"key\" key = \"a\" key = \"b\" args = [\"cat\"] }",
        ),
        case(
            "a list twice in a watch",
            "a.json",
            watch(r#""args": ["cat"], "args": ["true"]"#),
        )
        .differs("refused: an agent takes the last in JSON, and joins both in HCL"),
        case("a text for `args`", "a.json", watch(r#""args": "cat""#)),
        case(
            "a number in `args`",
            "a.json",
            watch(r#""args": ["cat", 1]"#),
        ),
        case("an empty list for `args`", "a.json", watch(r#""args": []"#))
            .differs("refused: an agent fails on each change"),
        case("an empty `handler`", "a.json", watch(r#""handler": """#))
            .differs("refused: an agent runs an empty command on each change"),
        case(
            "`handler` and `args`",
            "a.json",
            watch(r#""handler": "cat", "args": ["cat"]"#),
        ),
        case("no handler", "a.json", watch(r#""token": "x""#)),
        case(
            "an empty `handler_type`",
            "a.json",
            watch(r#""args": ["cat"], "handler_type": """#),
        )
        .differs("accepted as `script`"),
        case(
            "an unknown `handler_type`",
            "a.json",
            watch(r#""args": ["cat"], "handler_type": "x""#),
        ),
    ]
}

/// Watches with their parameters.
fn parameters() -> Vec<Case> {
    vec![
        case(
            "`null` for a parameter",
            "a.json",
            watch(r#""args": ["cat"], "datacenter": null"#),
        )
        .differs("accepted: `null` is nothing"),
        case(
            "an empty `datacenter` and `token`",
            "a.json",
            watch(r#""args": ["cat"], "datacenter": "", "token": """#),
        ),
        case(
            "a text for `stale`",
            "a.json",
            watch(r#""args": ["cat"], "stale": "true""#),
        ),
        case(
            "a key that begins with a slash",
            "a.json",
            watch(r#""args": ["cat"]"#).replace("\"a\"", "\"/a\""),
        ),
        case(
            "an empty `prefix`",
            "a.json",
            r#"{ "watches": [{ "type": "keyprefix", "prefix": "", "args": ["cat"] }] }"#,
        )
        .differs("accepted: it is every key"),
        case(
            "the prefix `/`",
            "a.json",
            r#"{ "watches": [{ "type": "keyprefix", "prefix": "/", "args": ["cat"] }] }"#,
        ),
        case(
            "empty `service` and `state`",
            "a.json",
            r#"{ "watches": [{ "type": "checks", "service": "", "state": "", "args": ["cat"] }] }"#,
        ),
        case(
            "an object for `watches` in JSON",
            "a.json",
            r#"{ "watches": { "type": "nodes", "args": ["cat"] } }"#,
        )
        .differs("accepted as a list of one"),
        case(
            "an unknown `type`",
            "a.json",
            NODES.replace("nodes", "noodles"),
        ),
    ]
}

/// Returns all files that are compared.
pub(crate) fn all() -> impl Iterator<Item = Case> {
    [forms(), http_blocks(), watches(), parameters()]
        .into_iter()
        .flatten()
}
