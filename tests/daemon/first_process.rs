//! The daemon as the first process of a container.

use std::{fs, path::Path};

use consul_watch_harness::{DEADLINE, Signal, TestAgent, eventually, eventually_some};
use rustix::process::{Pid, getuid, kill_process};

use crate::{
    binary::{Binary, until_ended},
    fixture::{Folder, children, consul, key, until_nobody_has},
};

/// Starts the daemon as process 1 of a namespace. Where that needs rights that are missing, the test fails.
fn start(folder: &Folder, file: &Path) -> Binary {
    let mut unshare = vec!["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    if !getuid().is_root() {
        unshare.extend(["--user", "--map-root-user"]);
    }
    Binary::below(folder, file, &unshare)
}

/// Returns process 1 by the number that it has outside.
fn first(below: &Binary) -> u32 {
    eventually_some(DEADLINE, "process 1", || {
        let children = children(below.id());
        children.first().map(|(id, _)| *id)
    })
}

/// Returns all processes below this one, with their states.
fn descendants(of: u32) -> Vec<(u32, char)> {
    let mut all = children(of);
    let mut at = 0;
    while let Some((id, _)) = all.get(at) {
        all.extend(children(*id));
        at += 1;
    }
    all
}

fn signal(id: u32, which: Signal) {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw).unwrap();
    kill_process(id, which).unwrap();
}

#[test]
fn orphans_are_reaped_and_every_exit_status_is_known() {
    const RUNS: usize = 40;
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "0");
    // Orphans end while other runs end.
    let line = format!(
        "(sleep 0.05; echo >> {0}) & (sleep 0.1; exit 9) & exit 3",
        folder.path("orphans").display()
    );
    let more = "retry = false\n concurrency = { queue = 100 }";
    let text = format!("{}{}", consul(&agent.url()), key("a", &line, more));
    let mut below = start(&folder, &folder.configure(&text));
    for put in 1..RUNS {
        below.until_logged("exited with 3", put);
        agent.put("a", put.to_string());
    }
    below.until_logged("exited with 3", RUNS);
    assert!(!below.log().contains("is lost"), "{}", below.log());
    let orphans = folder.path("orphans");
    eventually(DEADLINE, "the end of the orphans", || {
        fs::read(&orphans).unwrap_or_default().len() >= RUNS
    });
    let init = first(&below);
    eventually(DEADLINE, "no zombie", || {
        !descendants(init).iter().any(|(_, state)| *state == 'Z')
    });
    signal(init, Signal::TERM);
    assert!(below.ended().success());
    until_nobody_has(&folder.path(""));
}

#[test]
fn signals_are_passed_on() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    agent.put("a", "1");
    let text = |tag: &str| {
        let line = format!(
            "{}; sleep 0.5; touch {}",
            folder.writer("a", tag),
            folder.path("done").display()
        );
        format!("{}{}", consul(&agent.url()), key("a", &line, ""))
    };
    let mut below = start(&folder, &folder.configure(&text("x")));
    let init = first(&below);
    folder.configure(&text("y"));
    signal(init, Signal::HUP);
    below.until_logged("configuration reloaded", 1);
    agent.put("a", "2");
    eventually(DEADLINE, "the run in progress", || {
        folder.log("a").iter().any(|run| run.tag == "y")
    });
    let _ = fs::remove_file(folder.path("done"));
    signal(init, Signal::TERM);
    assert!(below.ended().success());
    assert!(
        folder.path("done").exists(),
        "the handler had time to finish"
    );
}

/// Returns a watch that notes the beginning and the end of each run, with a checkpoint.
fn noting(folder: &Folder, name: &str, between: &str) -> String {
    let log = folder.path(name);
    let line = format!(
        "echo \"$CONSUL_INDEX $CONSUL_WATCH_REPEATED\" >> {0}; {between} echo $CONSUL_INDEX >> {0}.done",
        log.display()
    );
    let more = format!(
        "checkpoint = \"{}.checkpoint\"\n timeout = \"0\"",
        log.display()
    );
    key(name, &line, &more)
}

fn lines(folder: &Folder, name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.path(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn until(folder: &Folder, name: &str, count: usize) {
    eventually(DEADLINE, &format!("{count} lines in {name}"), || {
        lines(folder, name).len() >= count
    });
}

/// Waits until this many runs have ended, and the checkpoint says so.
#[track_caller]
fn until_recorded(folder: &Folder, name: &str, count: usize) {
    let done = format!("{name}.done");
    until(folder, &done, count);
    let index: u64 = lines(folder, &done)[count - 1].parse().unwrap();
    let file = folder.path(&format!("{name}.checkpoint"));
    eventually(DEADLINE, &format!("the checkpoint of {name}"), || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        json["index"] == index && json["begun"] != true
    });
}

#[test]
fn after_a_kill_the_run_that_was_cut_is_repeated_and_nothing_else() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    // Its second run takes until a file is there.
    let wait = format!(
        "[ $(wc -l < {}) = 1 ] || until [ -e {} ]; do sleep 0.02; done;",
        folder.path("cut").display(),
        folder.path("go").display()
    );
    let (whole, cut) = (noting(&folder, "whole", ""), noting(&folder, "cut", &wait));
    let file = folder.configure(&format!("{}{whole}{cut}", consul(&agent.url())));
    agent.put("whole", "1");
    agent.put("cut", "1");
    let mut below = start(&folder, &file);
    until_recorded(&folder, "whole", 1);
    until_recorded(&folder, "cut", 1);
    agent.put("whole", "2");
    until_recorded(&folder, "whole", 2);
    agent.put("cut", "2");
    until(&folder, "cut", 2);
    let init = first(&below);
    let all: Vec<u32> = descendants(init).into_iter().map(|(id, _)| id).collect();
    assert!(all.len() >= 3, "the daemon, its guard, a handler: {all:?}");
    signal(init, Signal::KILL);
    below.ended();
    until_ended(&all);
    until_nobody_has(&folder.path(""));
    assert_eq!(lines(&folder, "cut.done").len(), 1, "it was cut");

    // What changes while no daemon runs is handed over, too.
    agent.put("whole", "3");
    fs::write(folder.path("go"), "").unwrap();
    let mut below = start(&folder, &file);
    until_recorded(&folder, "whole", 3);
    until_recorded(&folder, "cut", 2);
    signal(first(&below), Signal::TERM);
    assert!(below.ended().success());

    // A third start has only the next change to handle.
    let mut below = start(&folder, &file);
    agent.put("cut", "3");
    until_recorded(&folder, "cut", 3);
    signal(first(&below), Signal::TERM);
    assert!(below.ended().success());
    let (whole, cut) = (lines(&folder, "whole"), lines(&folder, "cut"));
    assert_eq!((whole.len(), cut.len()), (3, 4), "{whole:?} {cut:?}");
    let index = |line: &str| line.split(' ').next().map(str::to_owned);
    assert_eq!(index(&cut[1]), index(&cut[2]), "the same state");
    let marks: Vec<_> = cut.iter().map(|line| line.ends_with(" 1")).collect();
    assert_eq!(marks, [false, false, true, false], "{cut:?}");
    assert!(whole.iter().all(|line| line.ends_with(" 0")), "{whole:?}");
    until_nobody_has(&folder.path(""));
}
