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

/// Programs and handlers.
pub(super) fn programs() -> Vec<Case> {
    vec![
        case(
            "an empty program in `args`",
            "a.json",
            watch(r#""args": ["", "x"]"#),
        )
        .differs("refused: an agent fails on each change"),
        case(
            "two commas in `args`",
            "a.hcl",
            "watches { type = \"nodes\" args = [\"x\",,\"y\"] }",
        )
        .differs("refused: an argument may be missing"),
        case(
            "`null` for `handler`",
            "a.json",
            watch(r#""handler": null, "args": ["cat"]"#),
        )
        .differs("accepted: `null` is nothing"),
        case(
            "`null` for `args`",
            "a.json",
            watch(r#""handler": "cat", "args": null"#),
        )
        .differs("accepted: `null` is nothing"),
        case(
            "a list of one for `handler`",
            "a.json",
            watch(r#""handler": ["cat"]"#),
        ),
        case(
            "a list of one for `handler_type`",
            "a.json",
            watch(r#""handler_type": ["script"], "args": ["cat"]"#),
        ),
        case(
            "a list of two for `handler`",
            "a.json",
            watch(r#""handler": ["cat", "cat"]"#),
        ),
        case(
            "a field of this program",
            "a.json",
            watch(r#""args": ["cat"], "label": "x""#),
        )
        .differs("accepted: an extension"),
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

/// Lists of one, and types of watches.
pub(super) fn lists_and_types() -> Vec<Case> {
    vec![
        case(
            "a list of one for `type` and `key`",
            "a.json",
            r#"{ "watches": [{ "type": ["key"], "key": ["a"], "args": ["cat"] }] }"#,
        ),
        case(
            "a list of two for `key`",
            "a.json",
            r#"{ "watches": [{ "type": "key", "key": ["a", "b"], "args": ["cat"] }] }"#,
        ),
        case(
            "a list of one for `service` and `passingonly`",
            "a.json",
            r#"{ "watches": [{ "type": "service", "service": ["web"], "passingonly": [true], "args": ["cat"] }] }"#,
        ),
        case(
            "a list of one for `token`, `datacenter` and `stale`",
            "a.json",
            watch(r#""args": ["cat"], "token": ["t"], "datacenter": ["dc1"], "stale": [true]"#),
        ),
        case(
            "a list of one for `prefix`",
            "a.json",
            r#"{ "watches": [{ "type": "keyprefix", "prefix": ["a"], "args": ["cat"] }] }"#,
        ),
        case(
            "a list of one for `state`, in HCL",
            "a.hcl",
            r#"watches { type = "checks" state = ["passing"] args = ["cat"] }"#,
        ),
        case(
            "a list of one for `name`",
            "a.json",
            r#"{ "watches": [{ "type": "event", "name": ["deploy"], "args": ["cat"] }] }"#,
        ),
        case(
            "a list of one number for `tag`",
            "a.json",
            r#"{ "watches": [{ "type": "service", "service": "web", "tag": [1], "args": ["cat"] }] }"#,
        ),
        case(
            "`null` for `stale`",
            "a.json",
            watch(r#""args": ["cat"], "stale": null"#),
        )
        .differs("accepted: `null` is nothing"),
        case(
            "a `state` in another case",
            "a.json",
            r#"{ "watches": [{ "type": "checks", "state": "Passing", "args": ["cat"] }] }"#,
        )
        .differs("refused, and the name is suggested: with an agent, nothing runs"),
        case(
            "the type `connect_roots`",
            "a.json",
            r#"{ "watches": [{ "type": "connect_roots", "args": ["cat"] }] }"#,
        )
        .differs("accepted: an extension"),
        case(
            "the type `connect_leaf`",
            "a.json",
            r#"{ "watches": [{ "type": "connect_leaf", "service": "web", "args": ["cat"] }] }"#,
        )
        .differs("accepted: an extension"),
        case(
            "the type `agent_service`",
            "a.json",
            r#"{ "watches": [{ "type": "agent_service", "service_id": "web", "args": ["cat"] }] }"#,
        ),
        case(
            "`agent_service` without an id",
            "a.json",
            r#"{ "watches": [{ "type": "agent_service", "args": ["cat"] }] }"#,
        )
        .differs("refused: with an agent, each query fails"),
    ]
}
