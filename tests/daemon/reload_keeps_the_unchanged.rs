//! A reload changes only what differs in the files.

use std::process::Command;

use consul_watch::daemon::Daemon;
use consul_watch_harness::{DEADLINE, FaultProxy, TestAgent, eventually_async};

use crate::fixture::{Folder, consul, key};

#[actix_rt::test]
async fn unchanged_watches_continue_untouched() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let proxy = FaultProxy::start(agent.http_addr());
    agent.put("a", "1");
    let kept = key("a", &folder.writer("a", "x"), "");
    let text = format!("{}{kept}", consul(&proxy.url()));
    let mut daemon = Daemon::start(folder.load(&text)).await.unwrap();
    folder.until_log("a", &["x=1"]).await;
    proxy.until_open(1, DEADLINE).await;
    let before = proxy.stats();

    let other = key("b", &folder.writer("b", "y"), "");
    let moved = format!("# another line\n{other}{text}");
    let reloaded = daemon.reload(folder.load(&moved)).await.unwrap();
    assert_eq!(
        (
            reloaded.kept,
            reloaded.changed,
            reloaded.started,
            reloaded.stopped
        ),
        (1, 0, 1, 0)
    );
    folder.until_log("b", &["y=-"]).await;
    let reloaded = daemon.reload(folder.load(&text)).await.unwrap();
    assert_eq!((reloaded.kept, reloaded.stopped), (1, 1));

    // Its single request was open all the time, and the change answers it.
    let watched = daemon.status().await.unwrap();
    assert_eq!((watched.len(), watched[0].restarts), (1, 0));
    assert!(
        proxy.stats().requests > before.requests,
        "the other watch has sent a request"
    );
    agent.put("a", "2");
    folder.until_log("a", &["x=1", "x=2"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn an_agent_runs_an_unchanged_handler_again_and_this_does_not() {
    let folder = Folder::new();
    let agent = TestAgent::builder()
        .dev()
        .config(key("a", &folder.writer("theirs", "x"), ""))
        .start();
    agent.put("a", "1");
    let theirs = |count: usize| {
        let all = folder.log("theirs");
        all.iter().filter(|run| run.to_string() == "x=1").count() >= count
    };
    eventually_async(DEADLINE, "a run by the agent", || theirs(1)).await;
    let kept = key("a", &folder.writer("ours", "x"), "");
    let text = format!("{}{kept}", consul(&agent.url()));
    let mut daemon = Daemon::start(folder.load(&text)).await.unwrap();
    folder.until_log("ours", &["x=1"]).await;

    let id = agent.pid().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-HUP", &id]).status();
    assert!(sent.expect("kill").success());
    eventually_async(DEADLINE, "another run by the agent", || theirs(2)).await;
    daemon.reload(folder.load(&text)).await.unwrap();
    agent.put("a", "2");
    folder.until_log("ours", &["x=1", "x=2"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_new_handler_does_not_receive_what_the_old_one_has_handled() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let text = |tag: &str, more: &str| {
        format!(
            "{}{}",
            consul(&agent.url()),
            key("a", &folder.writer("a", tag), more)
        )
    };
    let mut daemon = Daemon::start(folder.load(&text("old", ""))).await.unwrap();
    folder.until_log("a", &["old=1"]).await;
    let reloaded = daemon
        .reload(folder.load(&text("new", "timeout = \"5s\"")))
        .await
        .unwrap();
    assert_eq!((reloaded.kept, reloaded.changed), (0, 1));
    agent.put("a", "2");
    folder.until_log("a", &["old=1", "new=2"]).await;

    // The same holds if the watch is subscribed again with other options.
    let reloaded = daemon
        .reload(folder.load(&text("quiet", "quiet_period = \"10ms\"")))
        .await
        .unwrap();
    assert_eq!((reloaded.changed, reloaded.started), (1, 0));
    agent.put("a", "3");
    folder.until_log("a", &["old=1", "new=2", "quiet=3"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn handled_states_are_remembered_over_several_reloads() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let text = |quiet: &str| {
        format!(
            "{}{}",
            consul(&agent.url()),
            key(
                "a",
                &folder.writer("a", "x"),
                &format!("quiet_period = \"{quiet}\"")
            )
        )
    };
    let mut daemon = Daemon::start(folder.load(&text("1ms"))).await.unwrap();
    folder.until_log("a", &["x=1"]).await;
    // Each reload comes before the previous subscription has had an answer.
    for quiet in ["2ms", "3ms", "4ms"] {
        assert_eq!(
            daemon
                .reload(folder.load(&text(quiet)))
                .await
                .unwrap()
                .changed,
            1
        );
    }
    agent.put("a", "2");
    folder.until_log("a", &["x=1", "x=2"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_change_during_the_replacement_goes_to_the_new_handler() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let slow = format!("{}; sleep 1", folder.writer("a", "old"));
    let text = |line: &str| format!("{}{}", consul(&agent.url()), key("a", line, ""));
    let mut daemon = Daemon::start(folder.load(&text(&slow))).await.unwrap();
    folder.until_log("a", &["old=1"]).await;
    agent.put("a", "2");
    daemon
        .reload(folder.load(&text(&folder.writer("a", "new"))))
        .await
        .unwrap();
    folder.until_log("a", &["old=1", "new=2"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_state_that_the_old_handler_failed_at_goes_to_the_new_one() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let text = |line: &str| {
        format!(
            "{}{}",
            consul(&agent.url()),
            key("a", line, "retry = false")
        )
    };
    let broken = format!("{}; exit 3", folder.writer("a", "broken"));
    let mut daemon = Daemon::start(folder.load(&text(&broken))).await.unwrap();
    folder.until_log("a", &["broken=1"]).await;
    daemon
        .reload(folder.load(&text(&folder.writer("a", "fixed"))))
        .await
        .unwrap();
    folder.until_log("a", &["broken=1", "fixed=1"]).await;
    daemon
        .reload(folder.load(&text(&folder.writer("a", "again"))))
        .await
        .unwrap();
    agent.put("a", "2");
    folder
        .until_log("a", &["broken=1", "fixed=1", "again=2"])
        .await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_change_of_consul_repeats_no_equal_state() {
    let (one, two, folder) = (TestAgent::dev(), TestAgent::dev(), Folder::new());
    for agent in [&one, &two] {
        agent.put("same", "0");
    }
    one.put("a", "1");
    two.put("a", "2");
    let watches = format!(
        "{}{}",
        key("a", &folder.writer("a", "x"), ""),
        key("same", &folder.writer("same", "x"), "")
    );
    let text = |url: &str| format!("{}{watches}", consul(url));
    let mut daemon = Daemon::start(folder.load(&text(&one.url()))).await.unwrap();
    folder.until_log("a", &["x=1"]).await;
    folder.until_log("same", &["x=0"]).await;
    let reloaded = daemon.reload(folder.load(&text(&two.url()))).await.unwrap();
    assert!(reloaded.consul && reloaded.kept == 2, "{reloaded:?}");
    folder.until_log("a", &["x=1", "x=2"]).await;
    two.put("same", "3");
    folder.until_log("same", &["x=0", "x=3"]).await;
    one.put("a", "4");
    two.put("a", "5");
    folder.until_log("a", &["x=1", "x=2", "x=5"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn an_exec_program_is_replaced() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let line = |tag: &str| {
        let log = folder.path("exec").display().to_string();
        format!(
            "trap 'echo {tag} hup >> {log}' HUP; trap 'echo {tag} end >> {log}; exit' TERM; \
             echo {tag} begin >> {log}; while :; do sleep 0.05; done"
        )
    };
    let text = |tag: &str| {
        format!(
            "{}{}",
            consul(&agent.url()),
            key("a", &line(tag), "handler_type = \"exec\"")
        )
    };
    let said = || {
        std::fs::read_to_string(folder.path("exec"))
            .unwrap_or_default()
            .replace('\n', ",")
    };
    let until = async |lines: &str| {
        eventually_async(DEADLINE, &format!("{lines}, not {}", said()), || {
            said() == lines
        })
        .await;
    };
    let mut daemon = Daemon::start(folder.load(&text("one"))).await.unwrap();
    until("one begin,").await;
    agent.put("a", "2");
    until("one begin,one hup,").await;
    daemon.reload(folder.load(&text("two"))).await.unwrap();
    until("one begin,one hup,one end,two begin,").await;
    agent.put("a", "3");
    until("one begin,one hup,one end,two begin,two hup,").await;
    daemon.stop().await;
    until("one begin,one hup,one end,two begin,two hup,two end,").await;
}
