//! Checkpoints of a daemon that was killed while its handlers' queues held updates.
//!
//! Each handler writes what it got and then waits until the test lets it end, by a named file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use consul_watch_harness::{DEADLINE, Signal, TestAgent, eventually};
use serde_json::Value;

use crate::{
    fixture::{Folder, consul, until_nobody_has},
    process::Process,
};

/// A watch whose handler ends when the test says so.
struct Site {
    agent: TestAgent,
    folder: Folder,
    file: PathBuf,
}

impl Site {
    /// Creates the configuration of one watch with a queue and a checkpoint.
    fn new(watch: &str) -> Self {
        let (agent, folder) = (TestAgent::dev(), Folder::new());
        let handler = format!(
            "cat >> {log}; echo >> {log}; n=$(grep -c . {log}); \
             while [ ! -e {end} ] && [ ! -e {end}.$n ]; do sleep 0.02; done",
            log = folder.path("log").display(),
            end = folder.path("end").display(),
        );
        let text = format!(
            "{}watches {{ {watch}\n handler = \"{handler}\"\n concurrency = {{ queue = 10 }}\n checkpoint = \"{}\"\n}}",
            consul(&agent.url()),
            folder.path("checkpoint").display()
        );
        let file = folder.configure(&text);
        Self {
            agent,
            folder,
            file,
        }
    }

    fn daemon(&self) -> Process {
        Process::start(&self.folder, &self.file, &[])
    }

    fn fire(&self, payload: &str) {
        let http = &self.agent;
        http.request("PUT", "/v1/event/fire/deploy", &[], payload.as_bytes());
    }

    /// Lets all handlers end, or makes them wait again.
    fn let_handlers_end(&self, end: bool) {
        let path = self.folder.path("end");
        if end {
            fs::write(path, "").unwrap();
        } else {
            // It may not be there yet.
            let _ = fs::remove_file(path);
        }
    }

    /// Lets the run that began last end.
    fn let_last_run_end(&self) {
        let number = self.inputs().len();
        fs::write(self.folder.path(&format!("end.{number}")), "").unwrap();
    }

    /// Returns the inputs of all runs.
    fn inputs(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path("log")).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.is_empty());
        lines
            .map_while(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits until the runs so far satisfy a condition.
    #[track_caller]
    fn until(&self, what: &str, condition: impl Fn(&[Value]) -> bool) {
        eventually(DEADLINE, what, || condition(&self.inputs()));
    }

    fn checkpoint(&self) -> String {
        fs::read_to_string(self.folder.path("checkpoint")).unwrap_or_default()
    }

    #[track_caller]
    fn until_nothing_is_open(&self) {
        eventually(DEADLINE, "the checkpoint", || {
            let text = self.checkpoint();
            text.contains("index") && !text.contains("begun")
        });
    }

    /// Kills the daemon, and what its handlers left.
    fn kill(&self, daemon: Process) {
        daemon.send(Signal::KILL);
        drop(daemon);
        self.let_handlers_end(true);
        until_nobody_has(&self.folder.path("end"));
        self.let_handlers_end(false);
    }
}

/// Returns the payloads of all events in these inputs, in base64.
fn payloads(inputs: &[Value]) -> Vec<String> {
    let events = inputs.iter().filter_map(Value::as_array).flatten();
    events
        .map(|event| event["Payload"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_last_state_in_the_queue_is_delivered_after_a_kill() {
    let site = Site::new("type = \"agent_service\" service_id = \"web\"");
    let register = |port: u16| {
        let service = serde_json::json!({ "ID": "web", "Name": "web", "Port": port });
        site.agent.register_service(&service);
    };
    let ports = |inputs: &[Value]| -> Vec<u64> {
        let ports = inputs.iter().map(|state| state["Port"].as_u64());
        ports.map(Option::unwrap_or_default).collect()
    };
    register(1);
    site.let_handlers_end(true);
    let daemon = site.daemon();
    site.until("the first state", |inputs| ports(inputs) == [1]);
    site.until_nothing_is_open();
    site.let_handlers_end(false);
    register(2);
    site.until("the second state", |inputs| ports(inputs) == [1, 2]);
    register(3);
    site.let_last_run_end();
    site.until("the third state", |inputs| ports(inputs) == [1, 2, 3]);
    register(4);
    site.kill(daemon);

    site.let_handlers_end(true);
    let daemon = site.daemon();
    site.until("the last state", |inputs| ports(inputs) == [1, 2, 3, 4]);
    site.until_nothing_is_open();
    daemon.stop();
}

#[test]
fn each_event_in_the_queue_is_delivered_after_a_kill_and_no_other() {
    let site = Site::new("type = \"event\" name = \"deploy\"");
    let runs = |count: usize| move |inputs: &[Value]| payloads(inputs).len() == count;
    site.let_handlers_end(true);
    site.fire("1");
    let daemon = site.daemon();
    site.until("the first event", runs(1));
    site.until_nothing_is_open();
    site.let_handlers_end(false);
    site.fire("2");
    site.until("the second event", runs(2));
    site.fire("3");
    site.fire("4");
    site.kill(daemon);

    // The second was cut in the middle, so that it comes again. The first was handled.
    site.let_handlers_end(true);
    let daemon = site.daemon();
    site.until("the events that were not handled", runs(5));
    site.until_nothing_is_open();
    daemon.stop();
    assert_eq!(
        payloads(&site.inputs()),
        ["MQ==", "Mg==", "Mg==", "Mw==", "NA=="]
    );
}

#[test]
fn an_event_that_was_handled_before_those_in_the_queue_does_not_come_again() {
    let site = Site::new("type = \"event\" name = \"deploy\"");
    let handled = |count: usize| {
        eventually(DEADLINE, "the checkpoint", || {
            let text = site.checkpoint();
            let ids = serde_json::from_str::<Value>(&text).unwrap_or_default();
            ids["handled"]
                .as_array()
                .is_some_and(|ids| ids.len() == count)
        });
    };
    site.let_handlers_end(true);
    let daemon = site.daemon();
    site.fire("1");
    site.until("the first event", |inputs| payloads(inputs).len() == 1);
    handled(1);
    site.let_handlers_end(false);
    site.fire("2");
    site.until("the second event", |inputs| payloads(inputs).len() == 2);
    site.fire("3");
    site.let_last_run_end();
    site.until("the third event", |inputs| payloads(inputs).len() == 3);
    handled(2);
    site.kill(daemon);

    site.let_handlers_end(true);
    let daemon = site.daemon();
    handled(3);
    daemon.stop();
    assert_eq!(payloads(&site.inputs()), ["MQ==", "Mg==", "Mw==", "Mw=="]);
}

#[test]
fn a_damaged_checkpoint_is_a_warning_for_its_watch_alone() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    agent.put("b", "1");
    let watch = |key: &str| {
        format!(
            "watches {{ type = \"key\" key = \"{key}\"\n handler = \"{}\"\n checkpoint = \"{}\" }}\n",
            folder
                .writer(key, "x")
                .replace('\\', "\\\\")
                .replace('"', "\\\""),
            folder.path(&format!("{key}.checkpoint")).display()
        )
    };
    let file = folder.configure(&format!(
        "{}{}{}",
        consul(&agent.url()),
        watch("a"),
        watch("b")
    ));
    let values = |key: &str| -> Vec<String> {
        let runs = folder.log(key);
        runs.into_iter().map(|run| run.value).collect()
    };
    let handled = |key: &str| {
        let path = folder.path(&format!("{key}.checkpoint"));
        let text = fs::read_to_string(path).unwrap_or_default();
        text.contains("index") && !text.contains("begun")
    };
    let daemon = Process::start(&folder, &file, &[]);
    eventually(DEADLINE, "both checkpoints", || {
        handled("a") && handled("b")
    });
    daemon.stop();

    for damage in [&b""[..], b"\0\0\0\0\0\0", b"{\"watch\":\"key:a\",\"ind"] {
        let before = values("a").len();
        damage_file(&folder.path("a.checkpoint"), damage);
        let daemon = Process::start(&folder, &file, &[]);
        daemon.until_logged("checkpoint damaged", 1);
        eventually(DEADLINE, "the state as it is", || {
            values("a").len() == before + 1 && handled("a")
        });
        daemon.stop();
    }
    assert_eq!(values("b"), ["1"], "the other watch is not affected");
}

fn damage_file(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
}
