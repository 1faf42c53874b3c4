#!/usr/bin/env python3
"""How long a real removal takes to be delivered, and what its proof costs Consul.

    tests/removals.py CONSUL CONSUL_WATCH [--watches 1000] [--processes 100] [--flaps 10]

Starts an agent of the given Consul, which accepts enough connections, and the given consul-watch on it, with a watch
of each of many services, whose handlers call this program.

1. One service is deregistered: the time to its delivery, and the requests from then on.
2. All others are deregistered in one go: the time to the last delivery, and the requests.
3. Many processes each watch the passing instances of one service, whose check becomes critical and passes again:
   the requests that are not held, for each change and process.

The exit status is 1 if a removal is missing, if the first took more than 1 s, or the last of all more than 5 s.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from restart_storm import start_agent

REQUEST = re.compile(r"Request finished: method=(\w+) url=\"?([^ \"]+)")
FIRST_LIMIT, LAST_LIMIT = 1, 5
DEADLINE = 120


def start(consul, home, clients):
    limits = {"http_max_conns_per_client": clients}
    return start_agent(consul, home, log_level="debug", limits=limits)


def until(what, condition):
    deadline = time.time() + DEADLINE
    while not condition():
        if time.time() > deadline:
            sys.exit("missing after %d s: %s" % (DEADLINE, what))
        time.sleep(0.005)


def put(port, path, body=None):
    data = json.dumps(body).encode() if body is not None else b""
    request = urllib.request.Request("http://127.0.0.1:%d%s" % (port, path), data=data, method="PUT")
    urllib.request.urlopen(request, timeout=30).read()


def node(number):
    return "n%d" % number


def register(port, number):
    name = "s%d" % number
    service = {"ID": name, "Service": name, "Port": 80}
    put(port, "/v1/catalog/register", {"Node": node(number), "Address": "10.0.0.1", "Service": service})


def deregister(port, number):
    put(port, "/v1/catalog/deregister", {"Node": node(number), "ServiceID": "s%d" % number})


class Receiver:
    """Counts the instances that each watch was last given, and when."""

    def __init__(self):
        self.last, self.lock = {}, threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with receiver.lock:
                    receiver.last[int(self.path[1:])] = (len(json.loads(body)), time.time())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 1024
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def having(self, count):
        with self.lock:
            return {number: at for number, (instances, at) in self.last.items() if instances == count}


class Log:
    """The requests that the agent has answered since the last look."""

    def __init__(self, path):
        self.file = open(path)
        self.file.seek(0, os.SEEK_END)

    def requests(self):
        kinds = {}
        for line in self.file.read().splitlines():
            found = REQUEST.search(line)
            if found and "/v1/catalog/" not in found[2] and "/v1/agent/" not in found[2]:
                kind = kind_of(found[1], found[2])
                kinds[kind] = kinds.get(kind, 0) + 1
        return kinds


def kind_of(method, url):
    if "/v1/txn" in url:
        return "transactions"
    if "/v1/status/leader" in url:
        return "probes for a leader"
    return "held reads" if "index=" in url else "plain reads"


def shown(kinds):
    return ", ".join("%d %s" % (count, kind) for kind, count in sorted(kinds.items())) or "none"


def removals(options, home):
    agent, port, path = start(options.consul, home, 2 * options.watches + 100)
    receiver = Receiver()
    config = os.path.join(home, "watches.hcl")
    with open(config, "w") as file:
        file.write('consul { address = "http://127.0.0.1:%d" connections = %d }\n' % (port, options.watches + 50))
        for number in range(options.watches):
            file.write(
                'watches { type = "service" service = "s%d" handler_type = "http" http_handler_config '
                '{ path = "http://127.0.0.1:%d/%d" } }\n' % (number, receiver.port, number)
            )
    daemon = None
    try:
        for number in range(options.watches):
            register(port, number)
        daemon = subprocess.Popen([options.command, "run", config], stderr=open(os.path.join(home, "log"), "w"))
        until("the first deliveries", lambda: len(receiver.having(1)) == options.watches)
        # Each query is held by now, or in a moment.
        time.sleep(5)
        log = Log(path)
        begun = time.time()
        deregister(port, 0)
        until("the removal alone", lambda: 0 in receiver.having(0))
        alone = receiver.having(0)[0] - begun
        time.sleep(2)
        print("one removal: delivered after %.3f s; requests: %s" % (alone, shown(log.requests())), flush=True)
        begun = time.time()
        for number in range(1, options.watches):
            deregister(port, number)
        written = time.time() - begun
        until("all removals", lambda: len(receiver.having(0)) == options.watches)
        last = max(receiver.having(0).values()) - begun
        time.sleep(2)
        print(
            "%d removals (written in %.2f s): the last delivered after %.2f s; requests: %s"
            % (options.watches - 1, written, last, shown(log.requests())),
            flush=True,
        )
        return alone <= FIRST_LIMIT and last <= LAST_LIMIT
    finally:
        if daemon:
            daemon.kill()
        agent.kill()


def lines_of(path):
    """The lines of a file that are whole and not empty; none if there is no file yet."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        text = file.read()
    return [line for line in text[: text.rfind("\n") + 1].splitlines() if line]


def flaps(options, home):
    agent, port, path = start(options.consul, home, 2 * options.processes + 100)
    running = []
    try:
        check = {"CheckID": "flap", "TTL": "10m", "Status": "passing"}
        put(port, "/v1/agent/service/register", {"Name": "flap", "Port": 80, "Check": check})
        put(port, "/v1/agent/service/register", {"Name": "flap", "ID": "steady", "Port": 81})
        outputs = [os.path.join(home, "out.%d" % number) for number in range(options.processes)]
        for output in outputs:
            command = [options.command, "-http-addr=http://127.0.0.1:%d" % port, "-type=service", "-service=flap"]
            command += ["-passingonly=true", "sh", "-c", "cat >> " + output]
            running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=open(output + ".text", "w")))
        last = lambda output: lines_of(output)[-1:]
        given = lambda output: [len(json.loads(line)) for line in last(output)]
        all_have = lambda count: all(given(output) == [count] for output in outputs)
        until("the first state of all processes", lambda: all_have(2))
        time.sleep(5)
        log, kinds, slowest = Log(path), {}, 0
        for _ in range(options.flaps):
            for how, count in (("fail", 1), ("pass", 2)):
                begun = time.time()
                put(port, "/v1/agent/check/%s/flap" % how)
                until("the change in all processes", lambda: all_have(count))
                slowest = max(slowest, time.time() - begun)
        time.sleep(2)
        kinds = log.requests()
        per = 1 / (options.flaps * options.processes)
        print(
            "%d processes, %d flaps: the slowest change was everywhere after %.2f s; requests for each flap and process: %s"
            % (
                options.processes,
                options.flaps,
                slowest,
                ", ".join("%.2f %s" % (count * per, kind) for kind, count in sorted(kinds.items())),
            ),
            flush=True,
        )
        return True
    finally:
        for process in running:
            process.kill()
        agent.kill()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("consul")
    options.add_argument("command")
    options.add_argument("--watches", type=int, default=1000)
    options.add_argument("--processes", type=int, default=100)
    options.add_argument("--flaps", type=int, default=10)
    options = options.parse_args()
    good = [
        run(options, tempfile.mkdtemp(prefix="removals-")) for run in (removals, flaps)
    ]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
