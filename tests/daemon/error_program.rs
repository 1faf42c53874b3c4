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
