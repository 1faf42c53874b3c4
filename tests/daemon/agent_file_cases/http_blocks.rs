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
