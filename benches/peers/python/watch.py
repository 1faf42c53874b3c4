"""A contender (src/peers/mod.rs): py-consul, a plain loop around its blocking kv.get."""

import os
import re
import sys
import threading
import time

import consul


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def main():
    what, address, name = sys.argv[1:]
    host, port = address.split(":")
    client = consul.Consul(host=host, port=int(port))
    print("idle", flush=True)
    sys.stdin.readline()
    threading.Thread(target=end_with_input, daemon=True).start()
    index = None
    while True:
        before = index
        index, data = client.kv.get(name, index=index, wait="300s", recurse=what == "prefix")
        at = time.monotonic_ns()
        if index == before or not data:
            continue
        pairs = data if what == "prefix" else [data]
        last = max(pairs, key=lambda pair: pair["ModifyIndex"])
        sequence = re.match(rb"\d+", last["Value"]).group().decode()
        print("seen", sequence, at, flush=True)


main()
