//! Changes as handlers learn of them: the lines of `payload = "changes"`, and the runs that `only` and `project` leave.

mod hand_over;
mod payload;
mod restarts;
mod view;

use std::{fs, time::Duration};

use consul_watch_harness::{DEADLINE, TestAgent, eventually_async};
use serde_json::Value;

use crate::fixture::{Folder, consul};

/// A watch whose handler logs the lines that it gets, and the numbers that its environment has.
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
        let script = format!(
            "input=$(cat)\n\
             {{ test -z \"$input\" || printf '%s\\n' \"$input\"\n\
             echo \"end $CONSUL_WATCH_ADDED $CONSUL_WATCH_UPDATED $CONSUL_WATCH_REMOVED\"; }} >> {log}\n\
             test \"$1\" = new || while [ -e {hold} ]; do sleep 0.01; done\n\
             if [ -e {fail} ] && [ \"$1\" != new ]; then echo >> {failed}; exit 1; fi\n\
             echo >> {done}\n",
            log = site.folder.path("log").display(),
            hold = site.folder.path("hold").display(),
            fail = site.folder.path("fail").display(),
            failed = site.folder.path("failed").display(),
            done = site.folder.path("done").display(),
        );
        fs::write(site.folder.path("handler"), script).unwrap();
        site
    }

    /// Returns the configuration with this watch, whose handler gets lines.
    fn config(&self, watch: &str) -> String {
        format!(
            "{}watches {{\n {watch}\n payload = \"changes\"\n args = [\"sh\", \"{}\"]\n}}\n",
            consul(&self.agent.url()),
            self.folder.path("handler").display()
        )
    }

    /// Returns the configuration with another handler, which neither waits nor fails.
    fn config_of_the_next(&self, watch: &str) -> String {
        self.config(watch)
            .replace("handler\"]", "handler\", \"new\"]")
    }

    /// Returns another watch of the same data, which shows which states have arrived.
    fn seeing(&self, query: &str) -> String {
        let file = self.folder.path("seen");
        format!(
            "watches {{ {query}\n args = [\"sh\", \"-c\", \"echo >> {}\"]\n concurrency {{ queue = 100 }} }}\n",
            file.display()
        )
    }

    /// Waits until it has seen this many states.
    async fn until_seen(&self, states: usize) {
        let seen = || fs::read_to_string(self.folder.path("seen")).unwrap_or_default();
        let what = format!("{states} states");
        eventually_async(DEADLINE, &what, || seen().lines().count() >= states).await;
    }

    /// Waits until the catalog has this many instances of `web`, each with its check: an agent registers them later.
    async fn until_instances(&self, count: usize) {
        eventually_async(DEADLINE, "the instances", || {
            let list = self.agent.get_json("/v1/health/service/web");
            let has_check = |entry: &Value| {
                let checks = entry["Checks"].as_array().into_iter().flatten();
                checks.filter(|check| check["ServiceID"] != "").count() == 1
            };
            list.as_array()
                .is_some_and(|list| list.iter().filter(|entry| has_check(entry)).count() == count)
        })
        .await;
    }

    /// Makes runs wait, or fail, as long as the file of this name exists.
    fn set(&self, name: &str, exists: bool) {
        if exists {
            fs::write(self.folder.path(name), "").unwrap();
        } else {
            fs::remove_file(self.folder.path(name)).unwrap();
        }
    }

    /// Returns the number of runs that have succeeded.
    fn succeeded(&self) -> usize {
        self.ended("done")
    }

    async fn until_succeeded(&self, runs: usize) {
        let what = format!("{runs} runs that succeed");
        eventually_async(DEADLINE, &what, || self.succeeded() == runs).await;
    }

    async fn until_one_has_failed(&self) {
        eventually_async(DEADLINE, "a failure", || self.ended("failed") > 0).await;
    }

    fn ended(&self, how: &str) -> usize {
        let ended = fs::read_to_string(self.folder.path(how)).unwrap_or_default();
        ended.lines().count()
    }

    /// Returns the lines of each run.
    fn runs(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.folder.path("log")).unwrap_or_default();
        // The last line may be incomplete.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let (mut runs, mut lines, mut counted) = (Vec::new(), Vec::new(), [0; 3]);
        for line in whole.lines() {
            if let Some(numbers) = line.strip_prefix("end ") {
                let numbers: Vec<usize> =
                    numbers.split(' ').map(|it| it.parse().unwrap()).collect();
                assert_eq!(numbers, counted, "the numbers are those of the lines");
                runs.push(std::mem::take(&mut lines));
                counted = [0; 3];
                continue;
            }
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let kind = line["kind"].as_str().unwrap();
            let kinds = ["added", "updated", "removed"];
            counted[kinds.iter().position(|it| *it == kind).unwrap()] += 1;
            lines.push(shown(&line));
        }
        runs
    }

    /// Waits until the runs are exactly these.
    async fn until_runs(&self, expected: &[&[&str]]) {
        self.until(expected, || self.runs()).await;
    }

    /// Waits until the runs are these, without those that repeat the run before.
    async fn until_distinct_runs(&self, expected: &[&[&str]]) {
        let distinct = || {
            let mut runs = self.runs();
            runs.dedup();
            runs
        };
        self.until(expected, distinct).await;
    }

    async fn until(&self, expected: &[&[&str]], runs: impl Fn() -> Vec<Vec<String>>) {
        let deadline = std::time::Instant::now() + DEADLINE;
        loop {
            let runs = runs();
            if runs == expected {
                return;
            }
            assert!(
                runs.len() <= expected.len() && std::time::Instant::now() < deadline,
                "{runs:#?}, not {expected:#?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Returns a line in short: the payload of an event; else the kind, the end of the name, and the values of a key, or the health of an instance.
fn shown(line: &Value) -> String {
    if let Some(payload) = line["new"]["Payload"].as_str() {
        return format!("event {}", crate::fixture::decoded(payload));
    }
    let name = line["name"].as_str().unwrap();
    let short = name.rsplit('/').next().unwrap();
    let name = if name.starts_with("app/") {
        name
    } else {
        short
    };
    let side = |side: &str| match &line[side] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        entry => {
            let checks = entry["Checks"].as_array().into_iter().flatten();
            let of_service = checks.filter(|check| check["ServiceID"] != "");
            let health: Vec<_> = of_service
                .filter_map(|check| check["Status"].as_str())
                .collect();
            health.join("+")
        }
    };
    format!(
        "{} {name} {} {}",
        line["kind"].as_str().unwrap(),
        side("old"),
        side("new")
    )
}
