//! Watches that call a URL.

use super::{Case, PATH, case, http};

/// Watches that call a URL.
pub(super) fn http_blocks() -> Vec<Case> {
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

/// Headers, methods and URLs.
pub(super) fn calls() -> Vec<Case> {
    vec![
        case(
            "a list of one for a value in `header`, in HCL",
            "a.hcl",
            "watches { type = \"nodes\" handler_type = \"http\" http_handler_config { path = \"http://127.0.0.1:9/\" header { A = [\"b\"] } } }",
        )
        .differs("accepted as in JSON"),
        case(
            "headers that each call sets itself",
            "a.json",
            http(&format!(
                r#"{{ {PATH}, "header": {{ "Host": ["x"], "Connection": ["x"], "Content-Length": ["5"], "X-Consul-Index": ["7"] }} }}"#
            )),
        ),
        case(
            "a header that ends its line",
            "a.json",
            http(&format!(r#"{{ {PATH}, "header": {{ "A": ["b\r\nC: d"] }} }}"#)),
        )
        .differs("refused: with an agent, each call fails"),
        case(
            "a space in the name of a header",
            "a.json",
            http(&format!(r#"{{ {PATH}, "header": {{ "A b": ["c"] }} }}"#)),
        )
        .differs("refused: with an agent, each call fails"),
        case(
            "a negative `timeout`",
            "a.json",
            http(&format!(r#"{{ {PATH}, "timeout": "-1s" }}"#)),
        )
        .differs("refused: with an agent, each call fails"),
        case(
            "a space in `method`",
            "a.json",
            http(&format!(r#"{{ {PATH}, "method": "P T" }}"#)),
        )
        .differs("refused: with an agent, each call fails"),
        case(
            "characters of `path` that a URL cannot have",
            "a.json",
            http(r#"{ "path": "http://127.0.0.1:9/ü b|{c}" }"#),
        ),
        case(
            "a `path` without a scheme",
            "a.json",
            http(r#"{ "path": "127.0.0.1:9/" }"#),
        )
        .differs("refused: with an agent, each call fails"),
        case(
            "a `path` without a host",
            "a.json",
            http(r#"{ "path": "http://" }"#),
        )
        .differs("refused: with an agent, each call fails"),
        case(
            "another scheme than http and https",
            "a.json",
            http(r#"{ "path": "ftp://127.0.0.1/" }"#),
        )
        .differs("refused: with an agent, each call fails"),
        case(
            "a control character in `path`",
            "a.json",
            http(r#"{ "path": "http://127.0.0.1:9/\u0001" }"#),
        )
        .differs("refused: with an agent, each call fails"),
        case(
            "an `@` in `path` behind the host",
            "a.json",
            http(r#"{ "path": "http://127.0.0.1:9/@x" }"#),
        )
        .differs("refused, see below: a password with a slash would send the rest of it to another host"),
        case(
            "a list of one for `path`",
            "a.json",
            http(r#"{ "path": ["http://127.0.0.1:9/"] }"#),
        ),
        case(
            "`null` for it",
            "a.json",
            http("null"),
        ),
    ]
}
