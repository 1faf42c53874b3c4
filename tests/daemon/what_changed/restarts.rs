//! Lines and views across restarts with a checkpoint, and across reloads.

use std::fs;

use consul_watch::daemon::Daemon;
use consul_watch_harness::{DEADLINE, eventually_async};

use super::Site;

const PREFIX: &str = "type = \"keyprefix\"\n prefix = \"app/\"";

impl Site {
    fn checkpoint(&self) -> String {
        format!(
            "checkpoint = \"{}\"",
            self.folder.path("checkpoint").display()
        )
    }

    /// Starts a watch with these settings, and returns when it has its first state.
    async fn start(&self, query: &str, settings: &str) -> Daemon {
        // It may not be there yet.
        let _ = fs::remove_file(self.folder.path("seen"));
        let watch = self.config(&format!("{query}\n {settings}\n {}", self.checkpoint()));
        let text = format!("{watch}{}", self.seeing(query));
        let daemon = Daemon::start(self.folder.load(&text)).await.unwrap();
        self.until_seen(1).await;
        daemon
    }

    /// Waits until the checkpoint is that of a state that was handled.
    async fn until_handled(&self) {
        eventually_async(DEADLINE, "a checkpoint", || {
            let text = fs::read_to_string(self.folder.path("checkpoint")).unwrap_or_default();
            text.contains("index") && !text.contains("begun")
        })
        .await;
    }
}

#[actix_rt::test]
async fn the_first_run_after_a_restart_has_every_entry_as_added() {
    let site = Site::new();
    site.agent.put("app/a", "1");
    let daemon = site.start(PREFIX, "").await;
    let mut expected = vec![&["added app/a - 1"][..]];
    site.until_runs(&expected).await;
    site.until_handled().await;
    daemon.stop().await;

    site.agent.put("app/b", "1");
    let daemon = site.start(PREFIX, "").await;
    expected.push(&["added app/a - 1", "added app/b - 1"]);
    site.until_runs(&expected).await;
    site.agent.put("app/a", "2");
    expected.push(&["updated app/a 1 2"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn of_events_only_new_ones_are_lines_after_a_restart() {
    let site = Site::new();
    let fire = |name: &str| {
        site.agent
            .request("PUT", &format!("/v1/event/fire/{name}"), &[], b"");
    };
    // The name of an event and its id.
    let names = || {
        let text = fs::read_to_string(site.folder.path("log")).unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with('{'));
        let names = lines.map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let name = line["name"].as_str().unwrap();
            name.split('/').next().unwrap().to_owned()
        });
        names.collect::<Vec<_>>()
    };
    fire("one");
    let daemon = site.start("type = \"event\"", "").await;
    eventually_async(DEADLINE, "one", || names() == ["one"]).await;
    site.until_handled().await;
    daemon.stop().await;
    fire("two");
    eventually_async(DEADLINE, "the agent has both", || {
        let list = site.agent.get_json("/v1/event/list");
        list.as_array().is_some_and(|list| list.len() == 2)
    })
    .await;
    let daemon = site.start("type = \"event\"", "").await;
    eventually_async(DEADLINE, "two", || names() == ["one", "two"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn changes_outside_of_the_view_are_no_reason_for_a_run_after_a_restart() {
    let site = Site::new();
    let only = "only { keys = [\"app/*/limits\"] }";
    site.agent.put("app/x/limits", "1");
    site.agent.put("app/x/other", "1");
    let daemon = site.start(PREFIX, only).await;
    let mut expected = vec![&["added app/x/limits - 1"][..]];
    site.until_runs(&expected).await;
    site.until_handled().await;
    // While the daemon runs, and while it does not.
    site.agent.put("app/x/other", "2");
    daemon.stop().await;
    site.agent.put("app/x/other", "3");

    let daemon = site.start(PREFIX, only).await;
    site.agent.put("app/y/limits", "1");
    expected.push(&["added app/y/limits - 1"]);
    site.until_runs(&expected).await;
    site.until_handled().await;
    daemon.stop().await;

    site.agent.put("app/x/limits", "2");
    let daemon = site.start(PREFIX, only).await;
    expected.push(&["added app/x/limits - 2", "added app/y/limits - 1"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn the_checkpoint_has_the_health_of_a_state_that_was_skipped() {
    let site = Site::new();
    site.agent.register("web1", "web", &[]);
    site.until_instances(1).await;
    let service = "type = \"service\"\n service = \"web\"";
    let only = "only { transitions = [\"* -> critical\"] }";
    let daemon = site.start(service, only).await;
    let mut expected: Vec<&[&str]> = vec![&[]];
    site.until_runs(&expected).await;
    site.until_handled().await;
    let before = fs::read_to_string(site.folder.path("checkpoint")).unwrap();
    site.agent.report("web1", "warn", "");
    let now = || fs::read_to_string(site.folder.path("checkpoint")).unwrap_or_default();
    eventually_async(DEADLINE, "the checkpoint of the skipped state", || {
        now() != before
    })
    .await;
    daemon.stop().await;

    let daemon = site.start(service, only).await;
    site.agent.report("web1", "fail", "");
    expected.push(&["updated web1 warning critical"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn another_view_continues_after_the_state_that_was_handled() {
    let site = Site::new();
    // The other watch continues, and the new one begins with the state that it has.
    let config = |view: &str| {
        let watch = site.config(&format!("{PREFIX}\n {view}"));
        format!("{watch}{}", site.seeing(PREFIX))
    };
    site.agent.put("app/a", "1");
    site.agent.put("app/b", "1");
    let mut daemon = Daemon::start(site.folder.load(&config("only { keys = [\"app/a\"] }")))
        .await
        .unwrap();
    let mut expected = vec![&["added app/a - 1"][..]];
    site.until_runs(&expected).await;
    eventually_async(DEADLINE, "a success", || site.succeeded() == 1).await;

    let reloaded = daemon
        .reload(site.folder.load(&config("only { keys = [\"app/b\"] }")))
        .await
        .unwrap();
    assert_eq!((reloaded.changed, reloaded.started), (1, 0));
    site.agent.put("app/b", "2");
    expected.push(&["updated app/b 1 2"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}
