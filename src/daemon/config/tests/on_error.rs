//! `on_error` and `reload_signal`.

use std::time::Duration;

use super::{errors, load, only};
use crate::{
    daemon::config::handler_spec::HandlerSpec,
    handlers::{Environment, ErrorThreshold, OnChange, OnError, Program, Signal},
};

/// Returns the settings of a watch with this field.
fn on_error(field: &str) -> Option<OnError> {
    only(&format!(
        "watches {{\n type = \"key\"\n key = \"a\"\n args = [\"x\"]\n {field}\n}}"
    ))
    .on_error
}

fn runs(program: Program, after: ErrorThreshold) -> OnError {
    let environment = Environment::inherited().deny(Environment::SERVICE_MANAGER);
    OnError::new(program.environment(environment)).after(after)
}

#[test]
fn a_line_a_list_or_a_block() {
    let usual = ErrorThreshold::Lasting(Duration::from_secs(30));
    let (line, list) = (Program::shell("page me"), Program::new("page").arg("me"));
    assert_eq!(
        on_error("on_error = \"page me\""),
        Some(runs(line.clone(), usual))
    );
    assert_eq!(
        on_error("on_error = [\"page\", \"me\"]"),
        Some(runs(list.clone(), usual))
    );
    let minute = ErrorThreshold::Lasting(Duration::from_secs(60));
    assert_eq!(
        on_error("on_error { args = [\"page\", \"me\"] after = \"1m\" }"),
        Some(runs(list, minute))
    );
    assert_eq!(
        on_error("on_error = { handler = \"page me\", after = 3 }"),
        Some(runs(line, ErrorThreshold::Times(3)))
    );
    assert_eq!(on_error(""), None);
}

#[test]
fn every_kind_of_handler_has_it_and_the_defaults_too() {
    let config = load(
        r#"defaults { on_error { args = ["page"] after = "0s" } }
        watches { type = "key" key = "a" args = ["x"] }
        watches { type = "key" key = "b" handler_type = "exec" args = ["x"] }
        watches { type = "key" key = "c" handler_type = "http" http_handler_config { path = "http://x/" } }
        watches { type = "key" key = "d" args = ["x"] on_error = "other" }"#,
    )
    .unwrap();
    let expected = Some(runs(
        Program::new("page"),
        ErrorThreshold::Lasting(Duration::ZERO),
    ));
    for spec in &config.watches[..3] {
        assert_eq!(spec.on_error, expected, "{}", spec.label);
    }
    assert_eq!(
        config.watches[3].on_error,
        Some(runs(Program::shell("other"), ErrorThreshold::default()))
    );
}

#[test]
fn mistakes_are_named() {
    for (field, expected) in [
        ("on_error { after = \"1m\" }", "on_error.args"),
        ("on_error { args = [\"x\"] handler = \"x\" }", "on_error"),
        ("on_error { args = [\"x\"] after = 0 }", "at least 1"),
        ("on_error { args = [\"x\"] after = \"soon\" }", "`30s`"),
        (
            "on_error { args = [\"x\"] afer = \"1s\" }",
            "did you mean `after`",
        ),
        ("on_error { args = [] }", "on_error.args"),
        ("on_error = 3", "on_error"),
    ] {
        let text = errors(&format!("args = [\"x\"]\n {field}"));
        assert!(text.contains(expected), "{field}: {text}");
    }
}

#[test]
fn a_change_needs_no_signal() {
    let on_change = |value: &str| {
        let text = format!(
            "watches {{ type = \"key\"\n key = \"a\"\n handler_type = \"exec\"\n args = [\"x\"]\n reload_signal = \"{value}\" }}"
        );
        match only(&text).handler {
            HandlerSpec::Exec(exec) => exec.extras.reload_signal,
            _ => None,
        }
    };
    for none in ["none", "None", "", " "] {
        assert_eq!(on_change(none), Some(OnChange::Nothing), "{none:?}");
    }
    assert_eq!(on_change("usr1"), Some(OnChange::Signal(Signal::USR1)));
    let text = errors("handler_type = \"exec\"\n args = [\"x\"]\n reload_signal = \"nine\"");
    assert!(text.contains("`nine` is not a signal"), "{text}");
}
