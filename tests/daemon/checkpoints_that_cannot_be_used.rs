//! Files that are no checkpoint of their watch: they stop no other watch, and no file of something else is replaced.

use std::{fs, os::unix::fs::symlink, path::Path};

use consul_watch::{ConsulConfig, daemon::DaemonConfig};
use consul_watch_harness::{DEADLINE, TestAgent, eventually};

use crate::{
    fixture::{Folder, consul, key},
    process::Process,
};

/// Two watches. The first has a checkpoint at this path.
fn two_watches(folder: &Folder, url: &str, checkpoint: &Path) -> String {
    let checkpoint = format!("checkpoint = \"{}\"", checkpoint.display());
    format!(
        "{}{}{}",
        consul(url),
        key("a", &folder.writer("a", "x"), &checkpoint),
        key("b", &folder.writer("b", "y"), "")
    )
}

fn runs(folder: &Folder, log: &str) -> Vec<String> {
    folder.log(log).iter().map(ToString::to_string).collect()
}

/// Returns the errors of a configuration; empty without any.
fn errors(folder: &Folder, text: &str) -> String {
    let loaded = DaemonConfig::load(&[folder.configure(text)], &ConsulConfig::default());
    loaded
        .err()
        .map(|errors| errors.to_string())
        .unwrap_or_default()
}

#[test]
fn a_checkpoint_that_is_damaged_or_of_another_watch_is_a_warning() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    agent.put("b", "1");
    let path = folder.path("checkpoint");
    let file = folder.configure(&two_watches(&folder, &agent.url(), &path));
    let handled = || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        text.starts_with("{\"watch\":\"key:a\"")
            && text.contains("index")
            && !text.contains("begun")
    };
    let daemon = Process::start(&folder, &file, &[]);
    eventually(DEADLINE, "a checkpoint", handled);
    daemon.stop();
    let whole = fs::read(&path).unwrap();
    let mut first_bytes = whole.clone();
    first_bytes[..14].fill(b'#');
    let mut one_bit = whole.clone();
    one_bit[3] ^= 1;
    let of_another = br#"{"watch":"key:z","index":1,"salt":"00","digest":"d"}"#;
    let damaged = "checkpoint damaged";
    for (content, said) in [
        (&first_bytes[..], damaged),
        (&one_bit, damaged),
        (&whole[..20], damaged),
        (of_another, "checkpoint of another watch"),
    ] {
        let [of_a, of_b] = ["a", "b"].map(|log| runs(&folder, log).len());
        fs::write(&path, content).unwrap();
        let daemon = Process::start(&folder, &file, &[]);
        daemon.until_logged(said, 1);
        eventually(DEADLINE, "the state as it is", || {
            runs(&folder, "a").len() == of_a + 1
                && runs(&folder, "b").len() == of_b + 1
                && handled()
        });
        daemon.stop();
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_a_warning() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    agent.put("b", "1");
    // No system takes such a name, whatever the rights of the user.
    let path = folder.path(&"x".repeat(300));
    let file = folder.configure(&two_watches(&folder, &agent.url(), &path));
    let daemon = Process::start(&folder, &file, &[]);
    daemon.until_logged("checkpoint cannot be read", 1);
    eventually(DEADLINE, "both states", || {
        runs(&folder, "a") == ["x=1"] && runs(&folder, "b") == ["y=1"]
    });
    daemon.until_logged("checkpoint not written", 1);
    agent.put("a", "2");
    eventually(DEADLINE, "a change", || {
        runs(&folder, "a") == ["x=1", "x=2"]
    });
    daemon.stop();
}

#[test]
fn a_file_of_something_else_is_refused_and_kept() {
    let folder = Folder::new();
    let path = folder.path("mine");
    let text = two_watches(&folder, "http://127.0.0.1:1", &path);
    for content in [
        "{\"watch\":\"my own json\",\"data\":\"precious\"}",
        "root:x:0:0",
        "[1, 2]",
    ] {
        fs::write(&path, content).unwrap();
        let errors = errors(&folder, &text);
        assert!(
            errors.contains("is not a checkpoint"),
            "{content}: {errors}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn two_watches_cannot_share_a_file_however_it_is_spelled() {
    let folder = Folder::new();
    fs::create_dir(folder.path("real")).unwrap();
    symlink(folder.path("real"), folder.path("link")).unwrap();
    let here = std::env::current_dir().unwrap();
    let watch = |name: &str, path: &str| key(name, "true", &format!("checkpoint = \"{path}\""));
    let at = |name: &str| folder.path(name).display().to_string();
    for (one, other) in [
        ("seen".to_owned(), "./seen".to_owned()),
        ("seen".to_owned(), here.join("seen").display().to_string()),
        (at("real/seen"), at("link/seen")),
        (at("real/seen"), at("real/../real/seen")),
    ] {
        let text = format!("{}{}", watch("a", &one), watch("b", &other));
        let errors = errors(&folder, &text);
        assert!(
            errors.contains("already belongs to the watch at"),
            "{one} and {other}: {errors}"
        );
    }
}

#[test]
fn what_an_interrupted_write_left_is_removed_and_nothing_else() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let path = folder.path("seen");
    let left = ["seen.AbC123.new", "seen.zzzzzz.new"].map(|name| folder.path(name));
    let kept = [
        "seen.AbC12.new",
        "seen.AbC1234.new",
        "seen.AbC-23.new",
        "seen.AbC123.old",
        "other.AbC123.new",
        "AbC123.new",
    ];
    let kept = kept.map(|name| folder.path(name));
    for file in left.iter().chain(&kept) {
        fs::write(file, "{\"watch\":\"key:a\"").unwrap();
    }
    fs::create_dir(folder.path("seen.folder.new")).unwrap();
    symlink(&kept[0], folder.path("seen.linked.new")).unwrap();
    let file = folder.configure(&two_watches(&folder, &agent.url(), &path));
    let daemon = Process::start(&folder, &file, &[]);
    eventually(DEADLINE, "the end of old files", || {
        !left.iter().any(|file| file.exists())
    });
    eventually(DEADLINE, "a checkpoint", || path.exists());
    daemon.stop();
    for file in kept {
        assert!(file.exists(), "{}", file.display());
    }
    assert!(folder.path("seen.folder.new").exists() && folder.path("seen.linked.new").exists());
}
