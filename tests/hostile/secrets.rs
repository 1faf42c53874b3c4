//! An error never holds a secret that was given beside what is wrong.

use consul_watch::client::Address;
use consul_watch::decode::{self, UnknownFields};
use consul_watch::definition::Definition;
use proptest::prelude::*;
use serde_json::json;

use crate::generated::{App, pairs};
use crate::mutation::holds_in_a_tenth;

const SECRET: &str = "hunter2";

macro_rules! tells_nothing {
    ($($told:expr),+ $(,)?) => {
        {
            $(prop_assert!(!$told.contains(SECRET), "{}", $told);)+
        }
    };
}

#[test]
fn of_a_definition() {
    let secret = prop::sample::select(vec![
        json!(SECRET),
        json!([SECRET]),
        json!([SECRET, 1]),
        json!({ "a": SECRET }),
        json!(format!("{SECRET}\r\nX: y\0")),
    ]);
    let other = prop::sample::select(vec![
        json!(null),
        json!(1),
        json!([[]]),
        json!("x"),
        json!({ "a": 1 }),
    ]);
    let name = prop::sample::select(vec![
        "type", "key", "tokn", "stale", "filter", "tag", "state", "service", "x",
    ]);
    let kind = prop::sample::select(vec![
        "key",
        "keyprefix",
        "service",
        "checks",
        "event",
        "nope",
    ]);
    holds_in_a_tenth(
        &(secret, kind, prop::collection::vec((name, other), 0..4)),
        |(secret, kind, others)| {
            let mut json = json!({ "type": kind, "key": "a", "token": secret });
            for (name, value) in others {
                json[name] = value;
            }
            match Definition::from_json(&json) {
                Ok(definition) => tells_nothing!(format!("{definition:?} {definition:#?}")),
                Err(errors) => tells_nothing!(errors.to_string(), format!("{errors:?}")),
            }
            Ok(())
        },
    );
}

/// The passwords of an address, whole or in part: one with a slash is cut in two by it.
#[test]
fn of_an_address() {
    let scheme = prop::sample::select(vec![
        "", "http://", "https://", "unix://", "ftp://", "//", "http:/", "x y://",
    ]);
    let password = prop::sample::select(vec![
        "{}", "a/{}", "{}/b", "a?{}", "{}?b", "a#{}", "{}#b", "@{}", "{}:{}", "[{}", "x://{}",
    ]);
    let host = prop::sample::select(vec![
        "host", "host:80", "host:x", "", "[::1]", "a b", "host/p?q", "@", "host#f", "h\0",
    ]);
    let user = prop::sample::select(vec!["", "user:", "a b:", "a/b:", ":", "user?:", "é:"]);
    holds_in_a_tenth(
        &(scheme, user, password, host),
        |(scheme, user, password, host)| {
            let text = format!("{scheme}{user}{}@{host}", password.replace("{}", SECRET));
            if let Err(error) = text.parse::<Address>() {
                tells_nothing!(
                    error.to_string(),
                    format!("{error:?}"),
                    error.reason().to_string()
                );
            }
            Ok(())
        },
    );
}

#[test]
fn of_the_values_of_keys() {
    let values = [
        "hunter2",
        "hunter2hunter2",
        "[\"hunter2\"]",
        "[\"hunter2\",1",
        "{\"port\":\"hunter2\"}",
        "{\"port\":\"hunter2, expected \"}",
        "{\"mode\":\"hunter2\"}",
        "{\"limits\":{\"a\":\"hunter2\"}}",
        "hunter2,hunter2",
        "\u{1}hunter2",
        "\"hunter2\" \"",
    ];
    holds_in_a_tenth(&pairs(&values), |pairs| {
        if let Err(error) = decode::from_pairs::<App>("app/", &pairs, UnknownFields::Deny) {
            // A name of a field that is none may be shown, and a changed text may have become one.
            if !error.to_string().contains("unknown field") {
                tells_nothing!(error.to_string(), format!("{error:?}"));
            }
        }
        Ok(())
    });
}

#[cfg(feature = "cli")]
#[test]
fn of_service_files() {
    use std::fs;

    use consul_watch::{ConsulConfig, daemon::DaemonConfig};

    // Words: what is put between them is anything but a quote, after which a secret would be a name.
    const HCL: [&str; 27] = [
        "consul {",
        "token =",
        "\"hunter2\"",
        "}",
        "watches {",
        "type =",
        "\"key\"",
        "\n",
        "key =",
        "\"a\"",
        "\n",
        "token =",
        "\"hunter2\"",
        "\n",
        "args =",
        "[",
        "\"/bin/true\"",
        ",",
        "\"hunter2\"",
        "]",
        "handler_type =",
        "\"http\"",
        "http_handler_config {",
        "path =",
        "\"http://u:hunter2@h/?t=hunter2\"",
        "header = { X = [\"hunter2\"] }",
        "} }",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let base = ConsulConfig::default();
    let put = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        "=",
        ":",
        "1",
        "true",
        "x",
        "# x\n",
        "<<E\nx\nE\n",
        "\\",
        "\0",
    ]);
    holds_in_a_tenth(&prop::collection::vec((0..=HCL.len(), put), 0..4), |puts| {
        let mut words: Vec<&str> = HCL.to_vec();
        for (at, word) in puts {
            words.insert(at, word);
        }
        let hcl = words.join(" ");
        // The same words as what is nearly JSON.
        let json = hcl.replace('=', ":").replace(" {", ": {");
        for (name, text) in [("a.hcl", &hcl), ("a.json", &json)] {
            let file = folder.path().join(name);
            fs::write(&file, text).expect("it can be written");
            match DaemonConfig::load(&[file], &base) {
                Ok(config) => tells_nothing!(format!("{config:?}")),
                Err(errors) => {
                    // A text in the place of a name is reported as a name.
                    for fault in errors
                        .iter()
                        .filter(|fault| !fault.reason().contains(" is not a field here"))
                    {
                        tells_nothing!(fault.to_string(), format!("{fault:?}"));
                    }
                }
            }
        }
        Ok(())
    });
}

/// As values, where the syntax is right and the types are wrong.
#[cfg(feature = "cli")]
#[test]
fn of_service_files_with_wrong_types() {
    use std::fs;

    use consul_watch::{ConsulConfig, daemon::DaemonConfig};

    let folder = tempfile::tempdir().expect("a folder");
    let base = ConsulConfig::default();
    let shape = prop::sample::select(vec![
        "S",
        "[S]",
        "[[S]]",
        "{\"a\":S}",
        "[S,1]",
        "[1,S]",
        "{\"a\":[S]}",
        "{\"env\":S}",
    ]);
    let field = prop::sample::select(vec!["token", "args", "handler", "header", "path", "secret"]);
    holds_in_a_tenth(&prop::collection::vec((field, shape), 0..5), |fields| {
        let mut watch = json!({ "type": "key", "key": "a" });
        for (field, shape) in fields {
            // The name of a variable is no secret.
            if field == "secret" && shape.contains("env") {
                continue;
            }
            let value: serde_json::Value =
                serde_json::from_str(&shape.replace('S', "\"hunter2\\u0000\"")).expect("JSON");
            let place = if ["header", "path", "secret"].contains(&field) {
                &mut watch["http_handler_config"]
            } else {
                &mut watch
            };
            place[field] = value;
        }
        let file = folder.path().join("a.json");
        fs::write(&file, json!({ "watches": [watch] }).to_string()).expect("it can be written");
        if let Err(errors) = DaemonConfig::load(&[file], &base) {
            // The program itself is no secret: errors name it.
            let told = errors.to_string().replace("program `hunter2", "program `");
            tells_nothing!(told);
        }
        Ok(())
    });
}
