//! Watches under a declared root share its single query.

use consul_watch_harness::{DEADLINE, FaultProxy, TestAgent, eventually};

use crate::{
    fixture::{Folder, consul, key, prefix},
    process::Process,
};

/// Half of them keys, half of them prefixes.
const WATCHES: usize = 50;

fn name(number: usize) -> String {
    if number.is_multiple_of(2) {
        format!("app/{number}")
    } else {
        format!("app/{number}/")
    }
}

/// The key that the watch of this number watches.
fn written(number: usize) -> String {
    if number.is_multiple_of(2) {
        name(number)
    } else {
        format!("{}inner", name(number))
    }
}

/// The watches, each with its own log.
fn watches(folder: &Folder) -> String {
    let watch = |number: usize| {
        let line = folder.writer(&format!("{number}.log"), "x");
        if number.is_multiple_of(2) {
            key(&name(number), &line, "")
        } else {
            prefix(&name(number), &line, "")
        }
    };
    (0..WATCHES).map(watch).collect()
}

/// Waits until every handler has run for exactly these values.
#[track_caller]
fn until_all_have(folder: &Folder, values: &[&str]) {
    for number in 0..WATCHES {
        let ran = || {
            folder
                .log(&format!("{number}.log"))
                .into_iter()
                .map(|run| run.value)
                .collect::<Vec<_>>()
        };
        eventually(
            DEADLINE,
            &format!("{} to be handled as {values:?}", name(number)),
            || ran().len() >= values.len(),
        );
        assert_eq!(ran(), values, "{}", name(number));
    }
}

fn put_all(agent: &TestAgent, value: &str) {
    for number in 0..WATCHES {
        agent.put(&written(number), value);
    }
}

#[test]
fn all_watches_share_one_connection_and_every_handler_runs() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let proxy = FaultProxy::start(agent.http_addr());
    put_all(&agent, "1");
    let text = format!(
        "roots = [\"app/\"]\n{}{}",
        consul(&proxy.url()),
        watches(&folder)
    );
    let daemon = Process::start(&folder, &folder.configure(&text), &[]);
    until_all_have(&folder, &["1"]);
    put_all(&agent, "2");
    until_all_have(&folder, &["1", "2"]);

    // A reload of the same files changes nothing.
    daemon.reload();
    put_all(&agent, "3");
    until_all_have(&folder, &["1", "2", "3"]);
    assert_eq!(proxy.stats().accepted, 1, "{:?}", proxy.stats());
    for request in proxy.requests() {
        assert!(
            request.target.starts_with("/v1/kv/app/?recurse"),
            "{request:?}"
        );
    }
    assert!(!daemon.log().contains("changed roots"), "{}", daemon.log());
    assert!(daemon.stop().success());
}

#[test]
fn changed_roots_are_logged_at_a_reload_and_take_effect_at_the_next_start() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let proxy = FaultProxy::start(agent.http_addr());
    put_all(&agent, "1");
    let text = |roots: &str| format!("{roots}\n{}{}", consul(&proxy.url()), watches(&folder));
    let daemon = Process::start(&folder, &folder.configure(&text("")), &[]);
    until_all_have(&folder, &["1"]);

    let file = folder.configure(&text("roots = [\"app/\"]"));
    let warning = "changed roots take effect when the daemon restarts now=\"\" files=\"app/\"";
    for times in 1..=2 {
        daemon.reload();
        // Each reload warns until the daemon restarts.
        daemon.until_logged(warning, times);
    }
    assert!(
        daemon.log().contains(&format!("kept={WATCHES} ")),
        "{}",
        daemon.log()
    );
    put_all(&agent, "2");
    until_all_have(&folder, &["1", "2"]);
    proxy.wait_until_open(WATCHES, DEADLINE);

    folder.configure(&text(""));
    daemon.reload();
    assert_eq!(
        daemon.log().matches(warning).count(),
        2,
        "restored roots are not logged"
    );

    folder.configure(&text("roots = [\"app/\"]"));
    assert!(daemon.stop().success());
    eventually(DEADLINE, "all connections to be closed", || {
        proxy.open() == 0
    });
    let before = proxy.stats().accepted;
    let daemon = Process::start(&folder, &file, &[]);
    until_all_have(&folder, &["1", "2", "2"]);
    assert_eq!(proxy.stats().accepted - before, 1, "{:?}", proxy.stats());
    assert!(daemon.stop().success());
}

#[test]
fn a_watch_with_its_own_consul_options_leaves_the_root() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let proxy = FaultProxy::start(agent.http_addr());
    // Watches without their own options share the query of the root.
    let more = [
        "",
        "",
        "",
        "datacenter = \"dc1\"",
        "stale = true",
        "token = \"t\"",
    ];
    let keys: Vec<_> = (0..more.len())
        .map(|number| format!("app/{number}"))
        .collect();
    let put_all = |value: &str| keys.iter().for_each(|key| agent.put(key, value));
    put_all("1");
    let watch = |(name, more): (&String, &&str)| {
        key(name, &folder.writer(&name.replace('/', "-"), "x"), more)
    };
    let watches: String = keys.iter().zip(&more).map(watch).collect();
    let text = format!("roots = [\"\"]\n{}{watches}", consul(&proxy.url()));
    let daemon = Process::start(&folder, &folder.configure(&text), &[]);
    for value in ["1", "2"] {
        put_all(value);
        for name in &keys {
            eventually(
                DEADLINE,
                &format!("{value} of {name} to be handled"),
                || {
                    folder
                        .log(&name.replace('/', "-"))
                        .last()
                        .is_some_and(|run| run.value == value)
                },
            );
        }
    }
    assert_eq!(proxy.stats().accepted, 4, "{:?}", proxy.stats());
    assert!(daemon.stop().success());
}
