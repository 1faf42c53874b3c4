//! `on_error` in the files.

use std::fs;

use consul_watch::daemon::Daemon;
use consul_watch_harness::{DEADLINE, TestAgent, eventually_async};

use crate::fixture::{Folder, consul, key};

#[actix_rt::test]
async fn watches_that_fail_by_one_cause_are_reported_by_one_run() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    for name in ["a", "b", "c", "d"] {
        agent.put(name, "1");
    }
    let told = folder.path("told");
    let well = folder.path("well");
    let defaults = format!(
        "defaults {{\n retry {{ base = \"20ms\" ceiling = \"100ms\" attempts = 0 }}\n on_error {{\n  handler = \"echo $CONSUL_WATCH_STATE $CONSUL_WATCH_COUNT >> {}\"\n  after = 3\n }}\n}}\n",
        told.display()
    );
    let line = format!("[ -e {} ] || exit 7", well.display());
    let watches: String = ["a", "b", "c"]
        .iter()
        .map(|name| key(name, &line, ""))
        .collect();
    let kept = format!(
        "watches {{ type = \"key\" key = \"d\" handler_type = \"exec\" args = [\"sh\", \"-c\", \"[ -e {} ] && exec sleep 1000; exit 7\"] }}\n",
        well.display()
    );
    let text = format!("{}{defaults}{watches}{kept}", consul(&agent.url()));
    let lines = || {
        let text = fs::read_to_string(&told).unwrap_or_default();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    // The shell of the three, and `sh` of the program that is kept running, whose restarts take seconds.
    let failed = ["failed 1", "failed 3"];
    eventually_async(DEADLINE, "both causes", || lines() == failed).await;
    fs::write(&well, "").unwrap();
    let all = ["failed 1", "failed 3", "recovered 1", "recovered 3"];
    eventually_async(DEADLINE, "both recoveries", || lines() == all).await;
    daemon.stop().await;
    assert_eq!(lines(), all);
}

/// A program that notes each report in a file.
fn note(folder: &Folder, name: &str, after: &str) -> String {
    let told = folder.path(name);
    format!(
        "on_error {{\n  handler = \"echo $CONSUL_WATCH_STATE >> {}\"\n  after = {after}\n }}",
        told.display()
    )
}

fn lines(folder: &Folder, name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.path(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn until(folder: &Folder, name: &str, wanted: &[&str]) {
    let what = format!("{wanted:?} in {name}");
    eventually_async(DEADLINE, &what, || {
        lines(folder, name).len() >= wanted.len()
    })
    .await;
    assert_eq!(lines(folder, name), wanted);
}

#[actix_rt::test]
async fn a_reload_that_repairs_a_handler_is_its_recovery() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let more = note(&folder, "told", "2");
    let retry = "retry { base = \"20ms\" ceiling = \"100ms\" attempts = 0 }";
    let load = |line: &str, retry: &str| {
        let watch = key("a", line, &format!("{retry}\n {more}"));
        folder.load(&format!("{}{watch}", consul(&agent.url())))
    };
    let mut daemon = Daemon::start(load("exit 5", retry)).await.unwrap();
    until(&folder, "told", &["failed"]).await;
    daemon.reload(load("true", retry)).await.unwrap();
    until(&folder, "told", &["failed", "recovered"]).await;
    // Given up, and replaced by a program that is kept running.
    let given_up = "retry { attempts = 1 }";
    daemon.reload(load("exit 6", given_up)).await.unwrap();
    agent.put("a", "2");
    until(&folder, "told", &["failed", "recovered", "failed"]).await;
    let kept = format!(
        "{}watches {{ type = \"key\" key = \"a\" handler_type = \"exec\" args = [\"sleep\", \"1000\"]\n {more} }}\n",
        consul(&agent.url())
    );
    daemon.reload(folder.load(&kept)).await.unwrap();
    let all = ["failed", "recovered", "failed", "recovered"];
    until(&folder, "told", &all).await;
    daemon.stop().await;
    assert_eq!(lines(&folder, "told"), all);
}

#[actix_rt::test]
async fn an_outage_is_one_run_whatever_is_reloaded_meanwhile() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let more = note(&folder, "told", "1");
    let load = |line: &str, options: &str, witness: &str| {
        let watch = key("a", line, &format!("{options}\n {more}"));
        folder.load(&format!("{}{watch}{witness}", consul(&agent.url())))
    };
    agent.kill();
    let mut daemon = Daemon::start(load("true", "", "")).await.unwrap();
    until(&folder, "told", &["failed"]).await;
    // Another handler, then another subscription, and each time a new watch whose failure is reported.
    for (at, options) in ["timeout = \"9s\"", "quiet_period = \"10ms\""]
        .iter()
        .enumerate()
    {
        let witness = format!("witness{at}");
        let new = key("b", "true", &note(&folder, &witness, "1"));
        daemon.reload(load("echo", options, &new)).await.unwrap();
        until(&folder, &witness, &["failed"]).await;
        assert_eq!(lines(&folder, "told"), ["failed"]);
    }
    agent.restart_empty();
    until(&folder, "told", &["failed", "recovered"]).await;
    daemon.stop().await;
    assert_eq!(lines(&folder, "told"), ["failed", "recovered"]);
}

#[actix_rt::test]
async fn a_watch_that_leaves_the_files_ends_its_incident_and_a_stop_does_not() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    for name in ["a", "b", "c"] {
        agent.put(name, "1");
    }
    let retry = "retry { base = \"20ms\" ceiling = \"100ms\" attempts = 0 }";
    let watch = |name: &str, exit: u8| {
        let more = note(&folder, &format!("told-{name}"), "2");
        key(name, &format!("exit {exit}"), &format!("{retry}\n {more}"))
    };
    let load =
        |watches: &[String]| folder.load(&format!("{}{}", consul(&agent.url()), watches.concat()));
    let mut daemon = Daemon::start(load(&[watch("a", 1), watch("b", 2), watch("c", 3)]))
        .await
        .unwrap();
    for name in ["told-a", "told-b", "told-c"] {
        until(&folder, name, &["failed"]).await;
    }
    // One is gone, and the other has another program from then on.
    let other = key(
        "b",
        "exit 2",
        &format!("{retry}\n {}", note(&folder, "told-d", "2")),
    );
    daemon.reload(load(&[other, watch("c", 3)])).await.unwrap();
    until(&folder, "told-a", &["failed", "recovered"]).await;
    until(&folder, "told-b", &["failed", "recovered"]).await;
    until(&folder, "told-d", &["failed"]).await;
    daemon.stop().await;
    assert_eq!(lines(&folder, "told-c"), ["failed"]);
    assert_eq!(lines(&folder, "told-d"), ["failed"]);
}

/// An observer learns of a failed watch once, however often it is tried again.
#[actix_rt::test]
async fn the_attempts_of_a_watch_are_counted() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.kill();
    let watch = key("a", "true", &note(&folder, "told", "3"));
    let text = format!("{}{watch}", consul(&agent.url()));
    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    until(&folder, "told", &["failed"]).await;
    agent.restart_empty();
    until(&folder, "told", &["failed", "recovered"]).await;
    daemon.stop().await;
}
