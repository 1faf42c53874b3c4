//! The daemon notifies systemd when it is ready, reloads and stops.

use std::{os::unix::net::UnixDatagram, time::Duration};

use consul_watch_harness::{DEADLINE, Signal, TestAgent};

use crate::{
    fixture::{Folder, consul, key},
    process::Process,
};

fn next(socket: &UnixDatagram) -> Vec<String> {
    let mut text = [0; 4096];
    let length = socket.recv(&mut text).expect("a notification");
    String::from_utf8_lossy(&text[..length])
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn ready_reloading_stopping() {
    let (agent, folder) = (TestAgent::dev(), Folder::new());
    let path = folder.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    // The environment of the handler shows which of systemd's variables it gets.
    let line = format!(
        "{}; env > {}",
        folder.writer("a", "x"),
        folder.path("env").display()
    );
    let file = folder.configure(&format!("{}{}", consul(&agent.url()), key("a", &line, "")));
    let daemon = Process::start(&folder, &file, &[("NOTIFY_SOCKET", path.as_os_str())]);
    assert_eq!(next(&socket), ["READY=1", "STATUS=1 watches"]);

    daemon.send(Signal::HUP);
    let reloading = next(&socket);
    assert_eq!(reloading[0], "RELOADING=1");
    let started = reloading[1]
        .strip_prefix("MONOTONIC_USEC=")
        .expect("the time")
        .parse()
        .expect("microseconds");
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    assert!(
        Duration::from_micros(started) <= Duration::from_secs_f64(uptime + 1.0),
        "{started} of {uptime}"
    );
    assert_eq!(next(&socket)[0], "READY=1");

    // A refused reload ends too.
    folder.configure("watches {");
    daemon.send(Signal::HUP);
    assert_eq!(next(&socket)[0], "RELOADING=1");
    assert_eq!(next(&socket)[0], "READY=1");

    consul_watch_harness::eventually(DEADLINE, "a run of the handler", || {
        folder.path("env").exists()
    });
    assert!(daemon.stop().success());
    assert_eq!(next(&socket), ["STOPPING=1"]);
    let environment = std::fs::read_to_string(folder.path("env")).unwrap();
    assert!(
        !environment.contains("NOTIFY_SOCKET"),
        "a handler could notify systemd in the name of the daemon"
    );
}
