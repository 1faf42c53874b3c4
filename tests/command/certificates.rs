//! A client certificate and its key, of which options and variables may each name one.

use std::{ffi::OsString, fs, process::Command};

use consul_watch_harness::Authority;

use crate::runner::{finished, ours, text, their_kv_at};

const FILES: [(&str, &str); 2] = [
    ("-client-cert", "CONSUL_CLIENT_CERT"),
    ("-client-key", "CONSUL_CLIENT_KEY"),
];

/// Where the certificate and its key are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Nowhere,
    Option,
    Variable,
    /// The variable names a file that is not there.
    Both,
}

fn call(
    mut command: Command,
    words: &[&str],
    files: [&str; 2],
    named: [Named; 2],
) -> (String, bool, String) {
    let mut options = Vec::new();
    for ((file, (option, variable)), named) in files.into_iter().zip(FILES).zip(named) {
        match named {
            Named::Nowhere => {}
            Named::Option => options.push(OsString::from(format!("{option}={file}"))),
            Named::Variable => {
                command.env(variable, file);
            }
            Named::Both => {
                options.push(OsString::from(format!("{option}={file}")));
                command.env(variable, "/nonexistent");
            }
        }
    }
    let (command_words, operands) = words.split_at(words.len() - 1);
    command.args(command_words);
    command.args(options);
    let output = finished(&mut command, operands);
    (
        text(&output.stdout),
        output.status.success(),
        text(&output.stderr),
    )
}

#[test]
fn an_option_and_a_variable_complete_each_other() {
    use Named::{Both, Nowhere, Option, Variable};
    let authority = Authority::new();
    let agent = authority
        .agent()
        .config("verify_incoming_https = true")
        .start();
    agent.put("a", "1");
    let (certificate, key) = authority.client();
    let files = [certificate.to_str().unwrap(), key.to_str().unwrap()];
    let at = |mut command: Command| {
        command
            .env(
                "CONSUL_HTTP_ADDR",
                format!("https://{}", agent.https_addr()),
            )
            .env("CONSUL_CACERT", authority.certificate());
        command
    };
    for named in [
        [Option, Option],
        [Option, Variable],
        [Variable, Option],
        [Variable, Variable],
        [Both, Variable],
        [Variable, Both],
        [Both, Both],
        [Option, Nowhere],
        [Nowhere, Option],
        [Nowhere, Variable],
    ] {
        let theirs = call(at(their_kv_at(&agent)), &["get", "a"], files, named);
        let ours_now = call(at(ours()), &["kv", "get", "a"], files, named);
        let shown = format!("{named:?}: {theirs:#?} {ours_now:#?}");
        assert_eq!((&theirs.0, theirs.1), (&ours_now.0, ours_now.1), "{shown}");
        assert_eq!(theirs.1, !named.contains(&Nowhere), "{shown}");
        let watched = call(at(ours()), &["-type=key", "-key=a"], files, named);
        assert_eq!(watched.1, theirs.1, "{named:?}: {watched:#?}");
    }
    let half = call(at(ours()), &["kv", "get", "a"], files, [Option, Nowhere]);
    assert!(
        half.2.contains("`--client-cert` is set") && half.2.contains("CONSUL_CLIENT_KEY"),
        "{}",
        half.2
    );
}

/// A section that names both would otherwise be left with one of them.
#[test]
fn one_of_the_command_line_replaces_both_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.hcl");
    let section = "consul {\n client_cert = \"c\"\n client_key = \"k\"\n}\n\
                   watches { type = \"key\" key = \"a\" args = [\"true\"] }";
    fs::write(&file, section).unwrap();
    let authority = Authority::new();
    let (certificate, key) = authority.client();
    let option = format!("-client-cert={}", certificate.display());
    let output = finished(
        ours().env("CONSUL_CLIENT_KEY", key).arg("check").arg(&file),
        [&*option],
    );
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for field in ["`client_cert` is ignored", "`client_key` is ignored"] {
        assert!(said.contains(field), "{said}");
    }
}
