//! The lines of changes: of coalesced, failed and repeated states, of events, and in calls.

use consul_watch::daemon::Daemon;
use consul_watch_harness::{DEADLINE, eventually_async, eventually_some_async};
use serde_json::Value;

use super::Site;
use crate::{
    fixture::{Folder, consul},
    http_handler::server,
};

const PREFIX: &str = "type = \"keyprefix\"\n prefix = \"app/\"";

#[actix_rt::test]
async fn a_program_gets_a_line_for_each_change() {
    let site = Site::new();
    site.agent.put("app/a", "1");
    let daemon = Daemon::start(site.folder.load(&site.config(PREFIX)))
        .await
        .unwrap();
    let mut expected = vec![&["added app/a - 1"][..]];
    site.until_runs(&expected).await;
    site.agent.put("app/b", "2");
    expected.push(&["added app/b - 2"]);
    site.until_runs(&expected).await;
    site.agent.put("app/a", "3");
    expected.push(&["updated app/a 1 3"]);
    site.until_runs(&expected).await;
    site.agent.delete("app/b");
    expected.push(&["removed app/b 2 -"]);
    site.until_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn states_that_were_coalesced_are_in_the_lines_of_one_run() {
    let site = Site::new();
    site.agent.put("app/a", "1");
    site.set("hold", true);
    let text = format!("{}{}", site.config(PREFIX), site.seeing(PREFIX));
    let daemon = Daemon::start(site.folder.load(&text)).await.unwrap();
    site.until_runs(&[&["added app/a - 1"]]).await;
    site.until_seen(1).await;
    for (at, (key, value)) in [("app/a", "2"), ("app/b", "1"), ("app/a", "3")]
        .into_iter()
        .enumerate()
    {
        site.agent.put(key, value);
        site.until_seen(at + 2).await;
    }
    site.set("hold", false);
    site.until_runs(&[
        &["added app/a - 1"],
        &["updated app/a 1 3", "added app/b - 1"],
    ])
    .await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_run_that_failed_is_in_the_lines_of_the_next_one() {
    let site = Site::new();
    site.agent.put("app/a", "1");
    let retry =
        format!("{PREFIX}\n retry {{ attempts = 0\n base = \"10ms\"\n ceiling = \"20ms\" }}");
    let daemon = Daemon::start(site.folder.load(&site.config(&retry)))
        .await
        .unwrap();
    let mut expected = vec![&["added app/a - 1"][..]];
    site.until_distinct_runs(&expected).await;
    eventually_async(DEADLINE, "a success", || site.succeeded() == 1).await;

    site.set("fail", true);
    site.agent.put("app/a", "2");
    expected.push(&["updated app/a 1 2"]);
    site.until_distinct_runs(&expected).await;
    site.agent.put("app/b", "1");
    expected.push(&["updated app/a 1 2", "added app/b - 1"]);
    site.until_distinct_runs(&expected).await;
    site.set("fail", false);
    eventually_async(DEADLINE, "a success", || site.succeeded() == 2).await;
    site.agent.put("app/a", "3");
    expected.push(&["updated app/a 2 3"]);
    site.until_distinct_runs(&expected).await;
    daemon.stop().await;
}

#[actix_rt::test]
async fn a_call_has_a_line_for_each_change_in_its_body() {
    let site = Site::new();
    let (url, calls) = server("204 No Content");
    site.agent.put("app/a", "1");
    let text = format!(
        "{}watches {{ {PREFIX}\n handler_type = \"http\"\n payload = \"changes\"\n http_handler_config {{ path = \"{url}\" }} }}",
        consul(&site.agent.url())
    );
    let daemon = Daemon::start(site.folder.load(&text)).await.unwrap();
    let next = async || {
        let call = eventually_some_async(DEADLINE, "a call", || calls.try_recv().ok()).await;
        let (head, body): (Vec<String>, String) = call;
        let content_type = |line: &String| line.to_lowercase().starts_with("content-type: ");
        let content_type = head.iter().find(|line| content_type(line)).unwrap();
        assert!(
            content_type.ends_with("application/x-ndjson"),
            "{content_type}"
        );
        assert!(body.ends_with('\n'), "{body}");
        let lines = body
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| super::shown(&line)).collect::<Vec<_>>()
    };
    assert_eq!(next().await, ["added app/a - 1"]);
    site.agent.put("app/a", "2");
    assert_eq!(next().await, ["updated app/a 1 2"]);
    site.agent.delete("app/a");
    assert_eq!(next().await, ["removed app/a 2 -"]);
    daemon.stop().await;
}

#[actix_rt::test]
async fn the_state_file_of_exec_stays_the_state() {
    let (site, folder) = (Site::new(), Folder::new());
    site.agent.put("app/a", "1");
    let file = folder.path("state");
    let text = format!(
        "{}defaults {{ payload = \"changes\" }}\nwatches {{ {PREFIX}\n handler_type = \"exec\"\n \
         args = [\"sleep\", \"1000\"]\n reload_signal = \"none\"\n state_file = \"{}\" }}",
        consul(&site.agent.url()),
        file.display()
    );
    let daemon = Daemon::start(folder.load(&text)).await.unwrap();
    let state = || std::fs::read_to_string(&file).unwrap_or_default();
    eventually_async(DEADLINE, "the state", || state().contains("\"MQ==\"")).await;
    site.agent.put("app/b", "2");
    let is_whole = || state().contains("\"MQ==\"") && state().contains("\"Mg==\"");
    eventually_async(DEADLINE, "the whole state", is_whole).await;
    daemon.stop().await;
}
