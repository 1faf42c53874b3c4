#!/usr/bin/env python3
"""How long other programs are refused by Consul while a daemon with many plain watches is killed and started again.

    tests/restart_storm.py CONSUL CONSUL_WATCH [--first CONSUL_WATCH] [--watches 150] [--live 10] [--after 30]
                           [--kills 2]

Starts an agent of the given Consul and the given consul-watch on it, with watches of keys over plain HTTP. Consul
accepts 200 connections from one machine, and counts those of a killed process until its queries end. Another program
asks Consul on a new connection every 20 ms. `--first` is the command of the process that is killed first: one that
holds its queries for five minutes from the start is the worst case. The exit status is 1 if another program was
refused for more than a second at a time.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

REQUEST = b"GET /v1/status/leader HTTP/1.1\r\nHost: consul\r\nConnection: close\r\n\r\n"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(port):
    """Returns None for an answer, and otherwise the reason for which there is none."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
            stream.sendall(REQUEST)
            answer = b""
            while more := stream.recv(4096):
                answer += more
    except OSError as error:
        return repr(error)
    line = answer.split(b"\r\n", 1)[0]
    return None if line.startswith(b"HTTP/1.1 200") else line.decode() or "no answer"


def start_agent(consul, home, **settings):
    """Starts an agent with these further settings, and returns it, its port and its log."""
    ports = {name: free_port() for name in ("http", "serf_lan", "serf_wan", "server")}
    ports |= {"dns": -1, "grpc": -1}
    if "v1.8." not in subprocess.run([consul, "version"], capture_output=True, text=True).stdout:
        ports["grpc_tls"] = -1
    config = os.path.join(home, "agent.json")
    with open(config, "w") as file:
        json.dump({"ports": ports, **settings}, file)
    log = open(os.path.join(home, "agent.log"), "w")
    agent = subprocess.Popen([consul, "agent", "-dev", "-config-file", config], stdout=log, stderr=log)
    deadline = time.time() + 30
    while ask(ports["http"]):
        if time.time() > deadline:
            agent.kill()
            sys.exit("Consul does not answer; its log: " + log.name)
        time.sleep(0.1)
    return agent, ports["http"], log.name


def refusals(probes):
    """The times for which one probe after the other was refused: (start, length, reason of the first)."""
    spans, begun = [], None
    for at, reason in probes:
        if reason and not begun:
            begun = (at, reason)
        elif not reason and begun:
            spans.append((begun[0], at - begun[0], begun[1]))
            begun = None
    if begun:
        spans.append((begun[0], probes[-1][0] - begun[0], begun[1]))
    return spans


def main():
    options = argparse.ArgumentParser()
    options.add_argument("consul")
    options.add_argument("command")
    options.add_argument("--first")
    options.add_argument("--watches", type=int, default=150)
    options.add_argument("--live", type=float, default=10)
    options.add_argument("--after", type=float, default=30)
    options.add_argument("--kills", type=int, default=2)
    options = options.parse_args()
    home = tempfile.mkdtemp(prefix="restart-storm-")
    agent, port, _ = start_agent(options.consul, home)
    config = os.path.join(home, "watches.hcl")
    with open(config, "w") as file:
        file.write('consul { address = "http://127.0.0.1:%d" }\n' % port)
        for number in range(options.watches):
            file.write('watches { type = "key" key = "storm/%d" args = ["true"] }\n' % number)
    log = open(os.path.join(home, "watches.log"), "a")
    start = lambda command: subprocess.Popen([command, "run", config], stdout=log, stderr=log)
    probes, ended, begun = [], threading.Event(), time.time()

    def another_program():
        while not ended.is_set():
            at = time.time() - begun
            probes.append((at, ask(port)))
            time.sleep(0.02)

    daemon = start(options.first or options.command)
    prober = threading.Thread(target=another_program)
    prober.start()
    try:
        time.sleep(options.live)
        for _ in range(options.kills):
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
            print("killed after %.1f s" % (time.time() - begun), flush=True)
            daemon = start(options.command)
            time.sleep(options.after)
    finally:
        ended.set()
        prober.join()
        daemon.kill()
        agent.kill()
    spans = refusals(probes)
    longest = max((length for _, length, _ in spans), default=0)
    refused = sum(1 for _, reason in probes if reason)
    print("%d requests of another program, %d refused, for %.3f s at most" % (len(probes), refused, longest))
    for at, length, reason in spans:
        print("  at %.1f s for %.3f s: %s" % (at, length, reason))
    print("logs: " + home)
    sys.exit(longest > 1)


if __name__ == "__main__":
    main()
