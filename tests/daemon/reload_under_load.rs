//! Fifty watches from one file, 5,000 changes, SIGHUP every second: nothing is lost, repeated or leaked.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use consul_watch_harness::{DEADLINE, Signal, TestAgent, eventually};

use crate::{
    fixture::{Folder, children, connections, consul, descriptors, key, until_nobody_has},
    process::Process,
};

const WATCHES: usize = 50;
const CHANGES: usize = 5_000;
const WRITERS: usize = 4;
/// The minimum duration of the changes, which makes them meet as many reloads.
const AT_LEAST: Duration = Duration::from_secs(12);

/// The file of the n-th reload. Most watches stay the same. Some get another handler, some other subscription
/// options, and some, which keep a checkpoint, come and go.
fn configuration(folder: &Folder, url: &str, reload: usize) -> String {
    let odd = reload % 2 == 1;
    let watch = |number: usize| {
        let line = folder.writer(&format!("{number}.log"), "x");
        let more = match number {
            30..40 => format!("timeout = \"{}s\"", 20 + reload % 3),
            40..45 => format!("quiet_period = \"{}ms\"", 1 + reload % 3),
            45.. if odd => return String::new(),
            45.. => format!(
                "checkpoint = \"{}\"",
                folder.path(&format!("{number}.checkpoint")).display()
            ),
            _ => String::new(),
        };
        key(&format!("load/{number}"), &line, &more)
    };
    let mut watches: Vec<_> = (0..WATCHES).map(watch).collect();
    if odd {
        watches.reverse();
    }
    format!("{}{}", consul(url), watches.concat())
}

#[test]
fn nothing_is_lost_repeated_or_leaked() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let file = folder.configure(&configuration(&folder, &agent.url(), 0));
    let daemon = Process::start(&folder, &file, &[]);
    let runs = |number: usize| folder.log(&format!("{number}.log"));
    eventually(DEADLINE, "the first run of every handler", || {
        (0..WATCHES).all(|number| runs(number).len() == 1)
    });
    eventually(DEADLINE, "quiet", || children(daemon.id()).is_empty());
    // The budget of connections grows from a few to one for each watch.
    let port = agent.http_addr().port();
    eventually(DEADLINE, "a held query of every watch", || {
        connections(port) == WATCHES
    });
    let at_first = descriptors(daemon.id());

    let (written, begun) = (AtomicUsize::new(0), Instant::now());
    let mut reloads = 0;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (http, written) = (agent.http(), &written);
            scope.spawn(move || {
                for change in 0..CHANGES / WRITERS {
                    // Each key has one writer, and its values only grow.
                    let own = (WATCHES - writer).div_ceil(WRITERS);
                    let number = writer + WRITERS * (change % own);
                    http.put(
                        &format!("load/{number}"),
                        (writer * CHANGES + change).to_string(),
                    );
                    let done = written.fetch_add(1, Ordering::SeqCst) + 1;
                    let due = AT_LEAST.mul_f64(f64::from(u32::try_from(done).unwrap()) / 5_000.0);
                    thread::sleep(due.saturating_sub(begun.elapsed()));
                }
            });
        }
        while written.load(Ordering::SeqCst) < CHANGES {
            thread::sleep(Duration::from_secs(1));
            reloads += 1;
            let text = configuration(&folder, &agent.url(), reloads);
            // One of the files is invalid, and changes nothing.
            let spoilt = if reloads == 5 {
                "watches { type = \"kye\" }\n"
            } else {
                ""
            };
            folder.configure(&format!("{text}{spoilt}"));
            daemon.send(Signal::HUP);
        }
    });
    println!(
        "{CHANGES} changes in {:?} met {reloads} reloads",
        begun.elapsed()
    );

    // The last file has all watches.
    folder.configure(&configuration(&folder, &agent.url(), 0));
    daemon.reload();
    let stored: BTreeMap<_, _> = agent
        .list("load/")
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect();
    let last =
        |number: usize| String::from_utf8(stored[&format!("load/{number}")].clone()).unwrap();
    eventually(DEADLINE, "the last state of every path", || {
        (0..WATCHES).all(|number| {
            runs(number)
                .last()
                .is_some_and(|run| run.value == last(number))
        })
    });
    eventually(DEADLINE, "quiet", || children(daemon.id()).is_empty());

    let mut all = 0;
    for number in 0..WATCHES {
        let runs = runs(number);
        all += runs.len();
        for (before, after) in runs.iter().zip(&runs[1..]) {
            let ordered = before.value == "-"
                || before.value.parse::<usize>().unwrap() < after.value.parse().unwrap();
            assert!(
                ordered && before.index < after.index,
                "{number}: {before:?}, then {after:?}"
            );
        }
    }
    println!("{all} runs");
    eventually(DEADLINE, "all further descriptors to be closed", || {
        descriptors(daemon.id()) <= at_first
    });
    assert!(!daemon.log().contains("unexpectedly"), "{}", daemon.log());

    assert!(daemon.stop().success());
    until_nobody_has(&folder.path(""));
}
