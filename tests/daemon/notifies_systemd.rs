//! systemd is told when the service is ready, reloads and ends.

use std::{os::unix::net::UnixDatagram, time::Duration};

use consul_watch_harness::{Signal, TestAgent};

use crate::{
    fixture::{Folder, SOON, consul, key},
    process::Process,
};

fn next(socket: &UnixDatagram) -> Vec<String> {
    let mut text = [0; 4096];
    let length = socket.recv(&mut text).expect("systemd is told");
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
    socket.set_read_timeout(Some(SOON)).unwrap();
    // What the handler gets of systemd's variables.
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
    let told = reloading[1]
        .strip_prefix("MONOTONIC_USEC=")
        .expect("the time")
        .parse()
        .expect("microseconds");
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    assert!(
        Duration::from_micros(told) <= Duration::from_secs_f64(uptime + 1.0),
        "{told} of {uptime}"
    );
    assert_eq!(next(&socket)[0], "READY=1");

    // A reload that fails is over too.
    folder.configure("watches {");
    daemon.send(Signal::HUP);
    assert_eq!(next(&socket)[0], "RELOADING=1");
    assert_eq!(next(&socket)[0], "READY=1");

    consul_watch_harness::eventually(SOON, "a run of the handler", || folder.path("env").exists());
    assert!(daemon.stop().success());
    assert_eq!(next(&socket), ["STOPPING=1"]);
    let environment = std::fs::read_to_string(folder.path("env")).unwrap();
    assert!(
        !environment.contains("NOTIFY_SOCKET"),
        "a handler could speak in our name"
    );
}
