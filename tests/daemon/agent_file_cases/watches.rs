//! Watches with their handlers and their parameters.

use super::{Case, NODES, PATH, case, watch};

/// Watches with their handlers.
pub(super) fn watches() -> Vec<Case> {
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
pub(super) fn parameters() -> Vec<Case> {
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
