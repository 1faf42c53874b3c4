//! The fields of one watch: defaults, and refusals with their locations.

use std::time::Duration;

use super::{errors, load, load_all, only};
use crate::daemon::config::{
    concurrency::Concurrency, handler_spec::HandlerSpec, retry_spec::RetrySpec,
};

#[test]
fn fields_that_an_agent_refuses_are_refused_with_their_location() {
    let script = "args = [\"x\"]";
    for (fields, expected) in [
        (
            "",
            "a.hcl:1: watches[0]: `args` is missing: a watch needs a handler",
        ),
        (
            "args = []",
            "a.hcl:4: watches[0]: `args` cannot be used: it is empty",
        ),
        (
            "args = 7",
            "`args` must be a program, or a list of a program and its arguments, but it is a number",
        ),
        (
            "args = [\"x\", 1]",
            "a.hcl:4: watches[0]: `args[1]` must be a string, but it is a number",
        ),
        (
            "handler = 7",
            "`handler` must be a string, but it is a number",
        ),
        (
            "handler = \"x\"\n args = [\"x\"]",
            "`handler` and `args` cannot be given together",
        ),
        (
            "handler_type = \"smtp\"",
            "`handler_type` cannot be `smtp`: it is one of script, http, exec",
        ),
        ("handler_type = \"htp\"", "did you mean `http`?"),
        (
            "handler_type = \"http\"",
            "`http_handler_config` is missing: a handler of type `http` needs it",
        ),
        (
            "handler_type = \"http\"\n http_handler_config {}",
            "a.hcl:5: watches[0].http_handler_config: `path` is missing: give the URL",
        ),
        (
            "handler_type = \"http\"\n http_handler_config { path = \"http://x\"\n timeout = \"10\" }",
            "a.hcl:6: watches[0].http_handler_config: `timeout` cannot be used: it is not a duration",
        ),
        (
            "handler_type = \"http\"\n args = [\"x\"]\n http_handler_config { path = \"http://x\" }",
            "`args` and `http_handler_config` cannot be given together",
        ),
        (
            &*format!("{script}\n http_handler_config {{ path = \"http://x\" }}"),
            "it belongs to `handler_type = \"http\"`",
        ),
        (
            &*format!("{script}\n datacentre = 1"),
            "`datacentre` is not a field here (did you mean `datacenter`?)",
        ),
    ] {
        let errors = errors(fields);
        assert!(errors.contains(expected), "{fields}: {errors}");
    }
}

#[test]
fn args_may_be_one_program_as_in_consul() {
    let watch = |args: &str| {
        only(&format!(
            "watches {{\n type = \"key\"\n key = \"a\"\n args = {args}\n}}"
        ))
    };
    assert!(watch("\"true\"").is_same(&watch("[\"true\"]")));
    // No shell splits it.
    assert!(watch("\"a b\"").is_same(&watch("[\"a b\"]")));
}

#[test]
fn fields_beyond_consuls_are_refused_with_their_location() {
    for (fields, expected) in [
        (
            "args = [\"x\"]\n timout = \"1s\"",
            "a.hcl:5: watches[0]: `timout` is not a field here (did you mean `timeout`?)",
        ),
        (
            "args = [\"x\"]\n timeout = 5",
            "`timeout` must be a string, but it is a number",
        ),
        (
            "args = [\"x\"]\n max_wait = \"1s\"",
            "`quiet_period` is missing",
        ),
        (
            "args = [\"x\"]\n quiet_period = \"2s\"\n max_wait = \"1s\"",
            "a.hcl:6: watches[0]: `max_wait` cannot be used",
        ),
        (
            "args = [\"x\"]\n retry = 3",
            "`retry` must be true, false or {",
        ),
        (
            "args = [\"x\"]\n retry { atempts = 3 }",
            "did you mean `attempts`?",
        ),
        (
            "args = [\"x\"]\n retry { base = \"10s\"\n ceiling = \"1s\" }",
            "a.hcl:5: watches[0]: `retry` cannot be used",
        ),
        (
            "args = [\"x\"]\n concurrency = \"two\"",
            "`concurrency` cannot be used: it must be \"one\"",
        ),
        (
            "args = [\"x\"]\n concurrency { paralel = 2 }",
            "did you mean `parallel`?",
        ),
        (
            "args = [\"x\"]\n concurrency { queue = 0 }",
            "`concurrency.queue` cannot be used",
        ),
        (
            "args = [\"x\"]\n kill_signal = \"HUP\"",
            "a.hcl:5: watches[0]: `kill_signal` cannot be used: it belongs to `handler_type = \"exec\"`; add that",
        ),
        (
            "handler_type = \"exec\"\n args = [\"x\"]\n timeout = \"1s\"",
            "`timeout` cannot be used: it belongs to handlers of the type `script`; remove it",
        ),
        (
            "handler_type = \"exec\"\n args = [\"x\"]\n http_handler_config { path = \"http://x\" }",
            "`http_handler_config` cannot be used: it belongs to `handler_type = \"http\"`",
        ),
        (
            "handler_type = \"http\"\n timeout = \"1s\"\n http_handler_config { path = \"http://x\" }",
            "`timeout` cannot be used: it belongs into `http_handler_config`; move it there",
        ),
        (
            "handler_type = \"http\"\n grace = \"1s\"\n http_handler_config { path = \"http://x\" }",
            "`grace` cannot be used: it belongs to handlers that are programs",
        ),
        (
            "handler_type = \"exec\"\n args = [\"x\"]\n paylod = \"changes\"",
            "`paylod` is not a field here: there are",
        ),
        (
            "args = [\"x\"]\n checkpoint = \"/no/such/folder/x\"",
            "the directory /no/such/folder does not exist",
        ),
        (
            "handler_type = \"exec\"\n args = [\"x\"]\n kill_signal = \"SIGWHAT\"",
            "`SIGWHAT` is not a signal",
        ),
        (
            "handler_type = \"exec\"\n args = [\"x\"]\n restart_on_change = true\n reload_signal = \"HUP\"",
            "cannot be given together",
        ),
        (
            "handler_type = \"http\"\n http_handler_config { path = \"http://x\"\n secret = \"s3cret\" }",
            "`secret` must be { env =",
        ),
        (
            "label = \"deploy\"\n args = 1",
            "watches[0] `deploy`: `args`",
        ),
        (
            "args = [\"x\"]\n args = [\"y\"]",
            "a.hcl:5: watches[0]: `args` is given twice, first in line 4: remove one of them",
        ),
    ] {
        let errors = errors(fields);
        assert!(errors.contains(expected), "{fields}: {errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
    }
}

#[test]
fn defaults_apply_where_a_watch_sets_nothing() {
    let text = r#"
        defaults { timeout = "1m" retry = false grace = "2s" environment_deny = ["AWS_*"] changes_only = true }
        watches { type = "key" key = "a" args = ["x"] timeout = "0" retry { attempts = 0 } }
        watches { type = "key" key = "b" handler = "x" concurrency { queue = 7 } changes_only = false }
        watches { type = "key" key = "c" handler_type = "exec" args = ["x"] reload_signal = "USR1" }
    "#;
    let watches = load(text).unwrap().watches;
    let HandlerSpec::Script(first) = &watches[0].handler else {
        panic!("a program")
    };
    assert_eq!(
        (first.timeout, first.grace, first.retry.attempts),
        (None, Some(Duration::from_secs(2)), 0)
    );
    assert!(watches[0].delivery.changes_only);
    let HandlerSpec::Script(second) = &watches[1].handler else {
        panic!("a program")
    };
    assert_eq!(
        (second.timeout, second.retry),
        (Some(Duration::from_secs(60)), RetrySpec::NEVER)
    );
    assert_eq!(second.concurrency, Concurrency::Queue(7));
    assert!(!watches[1].delivery.changes_only);
    assert!(matches!(&watches[2].handler, HandlerSpec::Exec(exec) if exec.start_at_once));
}

#[test]
fn scripts_have_a_timeout_and_retries_by_default() {
    let HandlerSpec::Script(script) =
        only("watches { type = \"key\" key = \"a\" args = [\"x\"] }").handler
    else {
        panic!("a program")
    };
    assert_eq!(
        (script.timeout, script.retry),
        (Some(Duration::from_secs(30)), RetrySpec::default())
    );
}

#[test]
fn two_watches_cannot_share_a_checkpoint() {
    let watch = |key| {
        format!(
            "watches {{ type = \"key\" key = \"{key}\" args = [\"x\"] checkpoint = \"seen\" }}\n"
        )
    };
    let errors = load(&format!("{}{}", watch("a"), watch("b"))).unwrap_err();
    assert!(
        errors.starts_with("a.hcl:2: the checkpoint seen already belongs to the watch at a.hcl:1"),
        "{errors}"
    );
}

#[test]
fn a_list_of_one_is_its_entry_as_for_an_agent() {
    let read = |one: fn(&str) -> String| {
        let text = format!(
            r#"{{ "watches": [{{ "type": {}, "service": {}, "passingonly": {}, "token": {}, "handler": {} }}] }}"#,
            one("\"service\""),
            one("\"web\""),
            one("true"),
            one("\"t\""),
            one("\"cat\"")
        );
        load_all(&[("a.json", &text)])
    };
    let plain = read(str::to_owned).unwrap().watches.remove(0);
    let listed = read(|entry| format!("[{entry}]"))
        .unwrap()
        .watches
        .remove(0);
    assert!(listed.is_same(&plain), "{listed:?}");
    let errors = read(|entry| format!("[{entry}, {entry}]")).unwrap_err();
    for field in ["type", "handler"] {
        let expected = format!("`{field}` must be a string, but it is a list");
        assert!(errors.contains(&expected), "{errors}");
    }
}
