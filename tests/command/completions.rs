//! Completion in bash.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::runner::{finished, ours, text};

/// Returns what bash completes for the last of these words.
fn completed(words: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let script = finished(&mut ours(), ["completions", "bash"]);
    let file = folder.path().join("completions");
    fs::write(&file, script.stdout).expect("a file");
    let program = r#"
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        function=$(complete -p consul-watch | sed 's/.*-F \([^ ]*\) .*/\1/')
        "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", program, "bash"])
        .arg(&file)
        .arg("consul-watch")
        .stdin(Stdio::null());
    let output = finished(&mut bash, words);
    assert_eq!(text(&output.stderr), "", "{words:?}");
    let words = text(&output.stdout);
    words.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_behind_subcommands() {
    for (words, expected) in [
        (&["k"][..], &["kv"][..]),
        (&["--ke"], &["--key"]),
        (&["kv", "ex"], &["export"]),
        (&["kv", "get", "--ke"], &["--keys"]),
        (&["kv", "put", "--mod"], &["--modify-index"]),
        (&["kv", "import", "--pre"], &["--prefix"]),
        (&["--payload", "c"], &["changes"]),
        (&["check", "--http"], &["--http-addr"]),
        (&["run", "--log"], &["--log-format"]),
        (&["run", "--log-format", "j"], &["json"]),
        (&["completions", "ba"], &["bash"]),
        (&["-ty"], &["--type"]),
        (&["--type", "keyp"], &["keyprefix"]),
        (&["-type", "=", "keyp"], &["keyprefix"]),
        (&["--type", "ag"], &["agent_service"]),
        (&["-type=checks", "--state", "c"], &["critical"]),
        (&["-payload", "c"], &["changes"]),
        (&["help", ""], &["run", "check", "kv", "completions", "man"]),
        (&["help", "ch"], &["check"]),
    ] {
        assert_eq!(completed(words), expected, "{words:?}");
    }
}
