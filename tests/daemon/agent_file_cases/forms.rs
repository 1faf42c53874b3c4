//! Files as a whole: their language, their names at the top.

use super::{Case, NODES, case};

/// Files as a whole.
pub(super) fn whole_files() -> Vec<Case> {
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
    ]
}

/// Names at the top, and line ends.
pub(super) fn forms() -> Vec<Case> {
    let crlf = |heredoc: &str| {
        format!("watches {{\n type = \"nodes\"\n handler = {heredoc}\n}}\n").replace('\n', "\r\n")
    };
    vec![
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
    ]
}

/// Sections, values and characters.
pub(super) fn values() -> Vec<Case> {
    vec![
        case(
            "`watch` at the top",
            "a.hcl",
            "watch { type = \"nodes\" args = [\"cat\"] }",
        ),
        case(
            "a section of this program",
            "a.hcl",
            "log { level = \"info\" }",
        )
        .differs("accepted: an extension"),
        case(
            "`watches` twice in JSON",
            "a.json",
            r#"{ "watches": [{ "type": "noodles" }], "watches": [] }"#,
        ),
        case(
            "`Watches` beside `watches`",
            "a.json",
            r#"{ "Watches": [], "watches": [] }"#,
        )
        .differs("accepted: the watches of both run"),
        case("an empty `watches` block", "a.hcl", "watches {}"),
        case(
            "a list in the list of watches",
            "a.hcl",
            "watches = [[{ type = \"nodes\" args = [\"cat\"] }]]",
        )
        .differs("refused: a watch is an object"),
        case(
            "a fraction without a digit before it",
            "a.hcl",
            "limits { rpc_rate = .5 }",
        ),
        case(
            "a fraction with a sign",
            "a.hcl",
            "limits { rpc_rate = -.5 }",
        ),
        case(
            "a number that ends with a point",
            "a.hcl",
            "limits { rpc_rate = 5. }",
        ),
        case("a no-break space in HCL", "a.hcl", "ui\u{a0}= true"),
        case("a zero-width space in HCL", "a.hcl", "ui = true\u{200b}"),
        case("quotes of a word processor", "a.hcl", "log_level = “warn”"),
        case("a function", "a.hcl", "log_level = lower(\"WARN\")"),
        case(
            "a line feed in a string in JSON",
            "a.json",
            "{ \"node_meta\": { \"a\": \"b\nc\" } }",
        )
        .differs("accepted as `\\n`: it has no other meaning"),
        case(
            "half of a surrogate pair in JSON",
            "a.json",
            r#"{ "node_meta": { "a": "\ud83d" } }"#,
        )
        .differs("refused: an agent takes U+FFFD in its place"),
        case(
            "a surrogate pair in HCL",
            "a.hcl",
            r#"node_meta { a = "\ud83d\ude00" }"#,
        )
        .differs("refused: an agent takes two U+FFFD in its place"),
        case(
            "`\\/` in JSON in `.hcl`",
            "a.hcl",
            r#"{ "node_meta": { "a": "b\/c" } }"#,
        )
        .differs("accepted: it is JSON"),
        case("a byte-order mark", "a.json", format!("\u{feff}{NODES}"))
            .differs("accepted: editors on Windows write it"),
    ]
}
