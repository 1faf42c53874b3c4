//! The field `payload`: refusals, and the handlers that it applies to.

use super::{errors, load};
use crate::{daemon::config::handler_spec::HandlerSpec, handlers::PayloadKind};

#[test]
fn a_payload_is_one_of_two_and_not_for_exec() {
    for (fields, expected) in [
        (
            "args = [\"x\"]\n payload = \"change\"",
            "a.hcl:5: watches[0]: `payload` cannot be `change` (did you mean `changes`?): it is one of state, changes",
        ),
        (
            "args = [\"x\"]\n payload = true",
            "`payload` must be a string, but it is a boolean",
        ),
        (
            "handler_type = \"exec\"\n args = [\"x\"]\n payload = \"changes\"",
            "a.hcl:6: watches[0]: `payload` cannot be used: it belongs to handlers of the types `script` and `http`",
        ),
    ] {
        let errors = errors(fields);
        assert!(errors.contains(expected), "{fields}: {errors}");
    }
}

#[test]
fn a_payload_may_be_a_default() {
    let text = r#"
        defaults { payload = "changes" }
        watches { type = "key" key = "a" args = ["x"] }
        watches { type = "key" key = "b" args = ["x"] payload = "state" }
        watches { type = "key" key = "c" handler_type = "http" http_handler_config { path = "http://x" } }
        watches { type = "key" key = "d" handler_type = "exec" args = ["x"] }
    "#;
    let payloads: Vec<_> = load(text)
        .unwrap()
        .watches
        .iter()
        .map(|watch| match &watch.handler {
            HandlerSpec::Script(script) => Some(script.payload),
            HandlerSpec::Http(http) => Some(http.payload),
            HandlerSpec::Exec(_) => None,
        })
        .collect();
    let (state, changes) = (Some(PayloadKind::State), Some(PayloadKind::Changes));
    assert_eq!(payloads, [changes, state, changes, None]);
}
