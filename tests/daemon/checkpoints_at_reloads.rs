//! Checkpoints of watches whose settings a reload or a restart changes.

use std::fs;

use consul_watch::daemon::Daemon;
use consul_watch_harness::{DEADLINE, TestAgent, eventually_async};

use crate::fixture::{Folder, consul, key};

struct Site {
    agent: TestAgent,
    folder: Folder,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            agent: TestAgent::dev(),
            folder: Folder::new(),
        };
        site.agent.put("a", "1");
        site
    }

    async fn start(&self, watch: &str) -> Daemon {
        Daemon::start(self.folder.load(&self.text(watch)))
            .await
            .unwrap()
    }

    async fn reload(&self, daemon: &mut Daemon, watch: &str) {
        daemon
            .reload(self.folder.load(&self.text(watch)))
            .await
            .unwrap();
    }

    fn text(&self, watch: &str) -> String {
        format!("{}{watch}", consul(&self.agent.url()))
    }

    /// Returns a watch of this key with these settings.
    fn watch(&self, name: &str, more: &str) -> String {
        key(name, &self.folder.writer("log", "x"), more)
    }

    /// Returns the setting of a checkpoint with this name.
    fn checkpoint(&self, name: &str) -> String {
        format!("checkpoint = \"{}\"", self.folder.path(name).display())
    }

    /// Waits until a checkpoint says that a state of this watch was handled.
    async fn until_handled(&self, checkpoint: &str, watch: &str) {
        let named = format!("\"watch\":\"{watch}\"");
        eventually_async(DEADLINE, "the checkpoint", || {
            let text = fs::read_to_string(self.folder.path(checkpoint)).unwrap_or_default();
            text.contains(&named) && !text.contains("begun")
        })
        .await;
    }
}

#[actix_rt::test]
async fn a_checkpoint_that_a_reload_adds_or_moves_holds_what_was_handled() {
    let site = Site::new();
    let watch = |more: &str| site.watch("a", more);
    let mut daemon = site.start(&watch("")).await;
    site.folder.until_log("log", &["x=1"]).await;
    for name in ["added", "moved"] {
        site.reload(&mut daemon, &watch(&site.checkpoint(name)))
            .await;
        site.until_handled(name, "key:a").await;
    }
    daemon.stop().await;
    let daemon = site.start(&watch(&site.checkpoint("moved"))).await;
    site.agent.put("a", "2");
    site.folder.until_log("log", &["x=1", "x=2"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_change_while_the_daemon_was_down_counts_with_changes_only() {
    let site = Site::new();
    let watch = site.watch(
        "a",
        &format!("changes_only = true\n {}", site.checkpoint("seen")),
    );
    let daemon = site.start(&watch).await;
    site.until_handled("seen", "key:a").await;
    daemon.stop().await;
    site.agent.put("a", "2");
    let daemon = site.start(&watch).await;
    site.folder.until_log("log", &["x=2"]).await;
    site.agent.put("a", "3");
    site.folder.until_log("log", &["x=2", "x=3"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_change_that_a_reload_finds_pending_counts_with_changes_only() {
    let site = Site::new();
    let watch = |quiet: &str| {
        let settings = format!("changes_only = true\n quiet_period = \"{quiet}\"");
        site.watch("a", &settings)
    };
    let seeing = key("a", &site.folder.writer("seen", "y"), "");
    let mut daemon = site.start(&format!("{}{seeing}", watch("1h"))).await;
    site.folder.until_log("seen", &["y=1"]).await;
    site.agent.put("a", "2");
    site.folder.until_log("seen", &["y=1", "y=2"]).await;
    site.reload(&mut daemon, &format!("{}{seeing}", watch("1ms")))
        .await;
    site.folder.until_log("log", &["x=2"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn how_a_watch_is_asked_for_does_not_matter_to_its_checkpoint() {
    let site = Site::new();
    let watch = |more: &str| site.watch("a", &format!("{}\n {more}", site.checkpoint("seen")));
    let mut daemon = site.start(&watch("")).await;
    site.until_handled("seen", "key:a").await;
    for more in ["stale = true", "body_limit = \"1MiB\"", "token = \"x\""] {
        site.reload(&mut daemon, &watch(more)).await;
    }
    daemon.stop().await;
    let daemon = site.start(&watch("stale = true\n token = \"y\"")).await;
    site.agent.put("a", "2");
    site.folder.until_log("log", &["x=1", "x=2"]).await;
    site.until_handled("seen", "key:a").await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn another_watch_takes_a_checkpoint_over_and_begins_anew() {
    let site = Site::new();
    site.agent.put("b", "5");
    let watch = |name: &str| site.watch(name, &site.checkpoint("seen"));
    let mut daemon = site.start(&watch("a")).await;
    site.until_handled("seen", "key:a").await;
    site.reload(&mut daemon, &watch("b")).await;
    site.folder.until_log("log", &["x=1", "x=5"]).await;
    site.until_handled("seen", "key:b").await;
    daemon.stop().await;
    site.until_handled("seen", "key:b").await;
    let daemon = site.start(&watch("a")).await;
    site.folder.until_log("log", &["x=1", "x=5", "x=1"]).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn two_watches_may_exchange_their_checkpoints() {
    let site = Site::new();
    site.agent.put("b", "5");
    let watches = |of_a: &str, of_b: &str| {
        let (a, b) = (site.checkpoint(of_a), site.checkpoint(of_b));
        format!(
            "{}{}",
            site.watch("a", &a),
            key("b", &site.folder.writer("other", "y"), &b)
        )
    };
    let mut daemon = site.start(&watches("one", "two")).await;
    site.until_handled("one", "key:a").await;
    site.until_handled("two", "key:b").await;
    site.reload(&mut daemon, &watches("two", "one")).await;
    daemon.stop().await;
    let daemon = site.start(&watches("two", "one")).await;
    site.agent.put("a", "2");
    site.agent.put("b", "6");
    site.folder.until_log("log", &["x=1", "x=2"]).await;
    site.folder.until_log("other", &["y=5", "y=6"]).await;
    daemon.stop().await;
}
