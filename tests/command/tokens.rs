//! The order of precedence of tokens: that of Consul since 1.15.

use std::fs;

use consul_watch_harness::TestAgent;

use crate::runner::{finished, ours_at, text, theirs_at};

const TOKEN: &str = "6a1253d2-1785-24fd-91c2-f8e78c745511";
const BAD: &str = "00000000-0000-0000-0000-0000000000ff";

#[test]
fn a_token_of_the_arguments_beats_a_token_file_of_the_environment() {
    let acl = format!(
        r#"acl {{ enabled = true default_policy = "deny" tokens {{ master = "{TOKEN}" }} }}"#
    );
    let agent = TestAgent::builder().dev().config(acl).token(TOKEN).start();
    agent.put("a", b"1");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, token: &str| {
        let path = folder.path().join(name);
        fs::write(&path, token).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (good, bad) = (file("good", TOKEN), file("bad", BAD));
    let of = |kind: &str, value: &str| format!("-{kind}={value}");
    let known_precedence = !theirs_is_1_8();
    // The variable CONSUL_HTTP_TOKEN_FILE, the arguments, and whether the watch may read.
    for (variable, arguments, allowed) in [
        ("/nonexistent", vec![of("token", TOKEN)], true),
        (&*bad, vec![of("token", TOKEN)], true),
        (&*good, vec![of("token", BAD)], false),
        (&*good, vec![], true),
        (&*bad, vec![of("token-file", &good), of("token", BAD)], true),
        (
            &*good,
            vec![of("token-file", &bad), of("token", TOKEN)],
            false,
        ),
    ] {
        let all = arguments.iter().map(String::as_str);
        let all: Vec<&str> = ["-type=key", "-key=a"].into_iter().chain(all).collect();
        let mut command = ours_at(&agent);
        command
            .env("CONSUL_HTTP_TOKEN_FILE", variable)
            .env("CONSUL_HTTP_TOKEN", BAD);
        let output = finished(&mut command, &all);
        let shown = format!("{variable} {arguments:?}: {}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(i32::from(!allowed)), "{shown}");
        if !allowed {
            assert!(text(&output.stderr).contains("403"), "{shown}");
        } else if known_precedence {
            // Consul's command does not end where it is denied.
            let mut command = theirs_at(&agent);
            command
                .env("CONSUL_HTTP_TOKEN_FILE", variable)
                .env("CONSUL_HTTP_TOKEN", BAD);
            let theirs = finished(&mut command, &all);
            assert_eq!(text(&theirs.stdout), text(&output.stdout), "{shown}");
        }
    }
}

#[test]
fn a_token_file_is_read_as_by_consuls_command() {
    let acl = format!(
        r#"acl {{ enabled = true default_policy = "allow" tokens {{ master = "{TOKEN}" }} }}"#
    );
    let agent = TestAgent::builder().dev().config(acl).token(TOKEN).start();
    agent.put("a", b"1");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let plain = format!("{TOKEN}\r\n");
    for (content, is_empty) in [
        ("", true),
        (&*plain, false),
        (" \n", true),
        (TOKEN, false),
        (&*format!("\u{feff}{TOKEN}\r\n"), false),
    ] {
        let file = format!("-token-file={}", path.display());
        for by_variable in [false, true] {
            let prepared = |mut command: std::process::Command| {
                if by_variable {
                    command.env("CONSUL_HTTP_TOKEN_FILE", &path);
                } else {
                    command.arg(&file);
                }
                finished(&mut command, ["-type=key", "-key=a"])
            };
            // A byte-order mark in front of the token is no part of it for some releases only.
            fs::write(&path, content.trim_start_matches('\u{feff}')).unwrap();
            let theirs = prepared(theirs_at(&agent));
            fs::write(&path, content).unwrap();
            let ours = prepared(ours_at(&agent));
            let told = text(&ours.stderr);
            assert_eq!(
                text(&ours.stdout),
                text(&theirs.stdout),
                "{content:?}: {told}"
            );
            assert!(ours.status.success(), "{content:?}: {told}");
            let warns = told.contains("is empty, so requests have no token");
            assert_eq!(warns, is_empty, "{content:?}: {told}");
        }
    }
}

/// Returns whether Consul's command is of a release in which a token file beats `-token`.
fn theirs_is_1_8() -> bool {
    let mut command = std::process::Command::new(consul_watch_harness::consul().unwrap());
    let version = finished(&mut command, ["version"]);
    text(&version.stdout).starts_with("Consul v1.8.")
}
