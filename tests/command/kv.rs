//! Keys that the subcommand `kv` writes, reads and deletes beyond `consul kv`.

use std::{
    fs,
    process::{Command, Stdio},
};

use consul_watch_harness::TestAgent;

use crate::{
    kv_fixture::{furnish, keys, session},
    runner::{ended, finished, ours, ours_at, text, their_kv_at},
};

/// A key that no URL can name could not be read or deleted by anything else.
#[test]
fn a_key_that_nothing_else_could_read_is_not_written() {
    let agent = TestAgent::dev();
    for key in [
        "a//b",
        "//a",
        "a/./b",
        "a/..",
        "a\nb",
        "a\u{200b}b",
        "a\u{7f}",
    ] {
        let import = serde_json::json!([{ "key": key, "value": "MQ==" }]).to_string();
        for arguments in [&["kv", "put", key, "1"][..], &["kv", "import", &import]] {
            let output = finished(&mut ours_at(&agent), arguments);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(
                said.contains("through a URL") && said.lines().count() == 1,
                "{arguments:?}: {said}"
            );
            let names_key = said.starts_with("Error! Failed writing data for key ");
            assert_eq!(names_key, arguments[1] == "import", "{arguments:?}: {said}");
            assert_eq!(keys(&agent), "", "{arguments:?}");
        }
    }
    for key in ["a b", "größe", "🎉", "e\u{301}", "a%2fb", "..a"] {
        let output = finished(&mut ours_at(&agent), ["kv", "put", key, "1"]);
        if agent.http().refuses_name(key) {
            assert_eq!(output.status.code(), Some(1), "{key}");
            continue;
        }
        assert_eq!(
            output.status.code(),
            Some(0),
            "{key}: {}",
            text(&output.stderr)
        );
        let read = finished(&mut their_kv_at(&agent), ["get", key]);
        assert_eq!(text(&read.stdout), "1\n", "{key}: {}", text(&read.stderr));
    }
}

/// A key that a transaction has written can be read and deleted.
#[test]
fn a_key_that_no_url_can_name_is_read_and_deleted() {
    let agent = TestAgent::dev();
    for key in ["a//b", "/lead", "a/../b"] {
        agent.put(key, b"1");
        // One slash in front is dropped.
        let named = if key.starts_with('/') {
            format!("/{key}")
        } else {
            key.to_owned()
        };
        let run = |arguments: &[&str]| text(&finished(&mut ours_at(&agent), arguments).stdout);
        assert_eq!(run(&["kv", "get", &named]), "1\n", "{key:?}");
        assert_eq!(
            run(&["kv", "get", "-recurse", &named]),
            format!("{key}:1\n")
        );
        assert_eq!(run(&["kv", "get", "-keys", &named]), format!("{key}\n"));
        let deleted = run(&["kv", "delete", &named]);
        assert_eq!(deleted, format!("Success! Deleted key: {key}\n"));
        assert_eq!(agent.list(""), []);
    }
}

/// As for Consul's own client, which drops one slash.
#[test]
fn a_slash_in_front_of_a_key_is_dropped() {
    let agent = TestAgent::dev();
    let run = |arguments: &[&str]| text(&finished(&mut ours_at(&agent), arguments).stdout);
    run(&["kv", "put", "/app/a", "1"]);
    assert_eq!(agent.get("app/a").unwrap().0, b"1");
    assert_eq!(run(&["kv", "get", "/app/a"]), "1\n");
    assert_eq!(run(&["kv", "get", "-keys", "/app/"]), "app/a\n");
    let watch = ["-type=key", "-key=/app/a"];
    assert_eq!(run(&watch), run(&["-type=key", "-key=app/a"]));
    assert!(run(&watch).contains("\"app/a\""));
    assert!(run(&["-type=keyprefix", "-prefix=/app/"]).contains("\"app/a\""));
    run(&["kv", "delete", "/app/a"]);
    assert!(agent.get("app/a").is_none());
}

#[test]
fn an_export_is_imported_again() {
    let agent = TestAgent::dev();
    let session = session(&agent);
    furnish(&agent, &session);
    let before = keys(&agent)
        .replace(&session, "null")
        .replace("\"null\"", "null");
    let exported = finished(&mut ours_at(&agent), ["kv", "export"]);
    agent.delete_tree("");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.json");
    fs::write(&file, exported.stdout).unwrap();
    let file = format!("@{}", file.display());
    let imported = finished(&mut ours_at(&agent), ["kv", "import", &file]);
    assert_eq!(
        imported.status.code(),
        Some(0),
        "{}",
        text(&imported.stderr)
    );
    assert_eq!(keys(&agent), before);
}

/// A watch has a limit of 32 MiB, which a whole store may exceed.
#[test]
fn a_great_store_is_exported_as_by_consul() {
    let agent = TestAgent::dev();
    for number in 0..52 {
        agent.put(&format!("great/{number}"), vec![b'x'; 512 * 1024]);
    }
    let folder = tempfile::tempdir().unwrap();
    // A pipe holds 64 KiB.
    let printed = |command: &mut Command, arguments: &[&str]| {
        let file = folder.path().join("printed");
        let out = fs::File::create(&file).unwrap();
        let child = command
            .args(arguments)
            .stdout(out)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = ended(child);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        fs::read(file).unwrap()
    };
    for arguments in [&["export"][..], &["get", "-recurse", "great/"]] {
        let theirs = printed(&mut their_kv_at(&agent), arguments);
        let ours = printed(ours_at(&agent).arg("kv"), arguments);
        assert!(ours == theirs, "{arguments:?}: {}", ours.len());
    }
}

/// The first line of both: Consul's command continues and writes the part that it could decode.
#[test]
fn the_texts_about_base64_are_those_of_consul() {
    let agent = TestAgent::dev();
    for data in [
        "YQ",
        "YQ==YQ==",
        "aGVsb",
        "a",
        "ab=c",
        "ab=\nc",
        "YQ\n=\n",
        "a===",
        "abcd=",
        "abc!",
        "ab\nc",
        "abcd\nef",
        "YQ==\nx",
        "YWI=\nx",
        "aaaaaaaaaaaa!aaa",
        "ä",
    ] {
        let arguments = ["put", "-base64", "new", data];
        let theirs = finished(&mut their_kv_at(&agent), arguments);
        let ours = finished(ours_at(&agent).arg("kv"), arguments);
        assert_eq!(text(&ours.stderr), text(&theirs.stderr), "{data:?}");
        assert_eq!(ours.status.code(), Some(1), "{data:?}");
        assert_eq!(text(&ours.stdout), "", "{data:?}");
    }
}

#[test]
fn a_usage_error_exits_as_consul_does() {
    for arguments in [&["kv"][..], &["kv", "get", "-no-such"], &["kv", "nothing"]] {
        let output = finished(&mut ours(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn a_name_that_consul_takes_for_another_is_read_with_a_warning_and_never_deleted() {
    let agent = TestAgent::dev();
    agent.put("app/a", b"1");
    let run = |arguments: &[&str]| finished(&mut ours_at(&agent), arguments);
    let read = run(&["kv", "get", "app//a"]);
    assert_eq!(text(&read.stdout), "1\n");
    let said = text(&read.stderr);
    assert!(
        said.contains("WARN") && said.contains("asks for `app/a`"),
        "{said}"
    );
    let watched = run(&["-type=key", "-key=app//a"]);
    let said = text(&watched.stderr);
    assert!(
        said.contains("the key `app//a` is taken for `app/a`"),
        "{said}"
    );
    for arguments in [
        &["kv", "delete", "app//a"][..],
        &["kv", "delete", "-recurse", "app//"],
        &["kv", "delete", "-recurse", "//"],
        &["kv", "get", "-recurse", "//"],
        &["-type=keyprefix", "-prefix=//"],
        &["-type=key", "-key=../agent/self"],
    ] {
        let refused = run(arguments);
        let said = text(&refused.stderr);
        assert!(!refused.status.success(), "{arguments:?}");
        assert!(
            said.contains("write ") && text(&refused.stdout).is_empty(),
            "{said}"
        );
    }
    assert!(agent.get("app/a").is_some());
}
