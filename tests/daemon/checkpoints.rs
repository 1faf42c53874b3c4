//! Checkpoints of the daemon: a restart repeats nothing that was handled.

use consul_watch::daemon::Daemon;
use consul_watch_harness::{DEADLINE, TestAgent, eventually_async};

use crate::fixture::{Folder, consul, key};

#[actix_rt::test]
async fn a_checkpoint_outlives_the_daemon() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let file = folder.path("a.checkpoint");
    let more = format!("checkpoint = \"{}\"", file.display());
    let text = format!(
        "{}{}",
        consul(&agent.url()),
        key("a", &folder.writer("a", "x"), &more)
    );
    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    folder.until_log("a", &["x=1"]).await;
    eventually_async(DEADLINE, "the checkpoint", || file.exists()).await;
    daemon.stop().await;

    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    agent.put("a", "2");
    folder.until_log("a", &["x=1", "x=2"]).await;
    daemon.stop().await;

    agent.put("a", "3");
    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    folder.until_log("a", &["x=1", "x=2", "x=3"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_restart_delivers_only_new_events() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let fire = |payload: &str| {
        agent.request("PUT", "/v1/event/fire/deploy", &[], payload.as_bytes());
    };
    let (log, checkpoint) = (folder.path("log"), folder.path("checkpoint"));
    let text = format!(
        "{}watches {{ type = \"event\"\n name = \"deploy\"\n handler = \"cat >> {}\"\n checkpoint = \"{}\"\n}}",
        consul(&agent.url()),
        log.display(),
        checkpoint.display()
    );
    // The payloads of each run, in base64 as Consul writes them.
    let runs = || -> Vec<String> {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let events = text.lines().map_while(|line| {
            let events: serde_json::Value = serde_json::from_str(line).ok()?;
            let payloads = events.as_array()?.iter().map(|event| &event["Payload"]);
            Some(payloads.map(ToString::to_string).collect())
        });
        events.collect()
    };
    let until_handled = async |expected: &[&str]| {
        eventually_async(DEADLINE, &format!("{expected:?}"), || {
            let file = std::fs::read_to_string(&checkpoint).unwrap_or_default();
            runs() == expected && file.contains("index") && !file.contains("begun")
        })
        .await;
    };

    fire("one");
    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    until_handled(&["\"b25l\""]).await;
    daemon.stop().await;

    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    fire("two");
    until_handled(&["\"b25l\"", "\"dHdv\""]).await;
    daemon.stop().await;
}
