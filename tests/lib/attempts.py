#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connects that are not to be answered with a connection, and the check that each was told so.

usage: attempts.py make ADDRESS PORT COUNT SECONDS HOLD OUT
       attempts.py flood ADDRESS PORT COUNT SECONDS OUT
       attempts.py check OUT RECORDS POD VERDICT END REASON
       attempts.py shown OUT RECORDS POD

make: COUNT TCP connects evenly over SECONDS, each closed after HOLD seconds, or at once when it was
refused. flood: COUNT datagrams from one socket. Both write a line for each to OUT: source port,
destination port, packets (0: not known). check: every one is exactly one CLOSED record. shown: every
one is in RECORDS, under one connection id, and nothing else is.
"""

import collections
import heapq
import json
import socket
import sys
import time


def make(address, port, count, seconds, hold, out):
    start = time.monotonic()
    waiting = []
    with open(out, "w", encoding="ascii") as truth:
        for i in range(count + 1):
            due = start + seconds * i / count
            while True:
                now = time.monotonic()
                while waiting and waiting[0][0] <= now:
                    heapq.heappop(waiting)[2].close()
                if now >= due:
                    break
                time.sleep(min(due, waiting[0][0] if waiting else due) - now)
            if i == count:
                break
            s = socket.socket(type=socket.SOCK_STREAM)
            s.bind(("", 0))
            s.setblocking(False)
            s.connect_ex((address, port))
            truth.write(f"{s.getsockname()[1]} {port} 0\n")
            heapq.heappush(waiting, (time.monotonic() + hold, i, s))
        time.sleep(hold)


def flood(address, port, count, seconds, out):
    s = socket.socket(type=socket.SOCK_DGRAM)
    s.connect((address, port))
    start = time.monotonic()
    for i in range(count):
        s.send(b"x")
        if i % 64 == 0:
            ahead = start + seconds * i / count - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
    print(f"# flood: {count / (time.monotonic() - start):.0f} datagrams/s", flush=True)
    with open(out, "w", encoding="ascii") as truth:
        truth.write(f"{s.getsockname()[1]} {port} {count}\n")


def flows(path):
    for line in open(path, encoding="utf-8"):
        flow = json.loads(line).get("flow")
        if flow:
            l4 = flow.get("l4", {})
            l4 = l4.get("TCP") or l4.get("UDP") or {}
            yield flow, (l4.get("source_port", 0), l4.get("destination_port", 0))


def read_truth(path):
    truth = collections.Counter()
    packets = {}
    for line in open(path, encoding="ascii"):
        source, destination, n = map(int, line.split())
        truth[source, destination] += 1
        packets[source, destination] = n
    return truth, packets


def fail(problems):
    for problem in problems[:10]:
        print(problem)
    sys.exit(1 if problems else 0)


def check(out, records, pod, verdict, end, reason):
    truth, packets = read_truth(out)
    ports = {destination for _, destination in truth}
    seen = collections.Counter()
    problems = []
    for flow, tuple_ in flows(records):
        if tuple_[1] not in ports or flow["connection"].get("state") != "CLOSED":
            continue
        seen[tuple_] += 1
        drop = flow.get("drop", {})
        got = (flow.get("verdict", "-"), flow["connection"].get("end_reason", "-"),
               drop.get("reason", "-"), flow["source"].get("pod_name", "-"))
        if got != (verdict, end, reason, pod):
            problems.append(f"{tuple_}: {got}: {json.dumps(flow)}")
        if packets.get(tuple_) and int(drop.get("packets", 0)) != packets[tuple_]:
            problems.append(f"{tuple_}: {drop}, {packets[tuple_]} were sent")
    for tuple_, n in (truth - seen).items():
        problems.append(f"{tuple_}: {n} not recorded")
    for tuple_, n in (seen - truth).items():
        problems.append(f"{tuple_}: {n} too many")
    print(f"truth {sum(truth.values())}, records {sum(seen.values())}")
    fail(problems)


def shown(out, records, pod):
    truth, _ = read_truth(out)
    ids = collections.defaultdict(set)
    problems = []
    for flow, tuple_ in flows(records):
        ids[tuple_].add(flow["connection"]["id"])
        if flow["verdict"] != "DROPPED" or flow["source"].get("pod_name") != pod:
            problems.append(f"{tuple_}: {json.dumps(flow)}")
    shown_ = collections.Counter({tuple_: len(i) for tuple_, i in ids.items()})
    problems += [f"{tuple_}: {n} not shown" for tuple_, n in (truth - shown_).items()]
    problems += [f"{tuple_}: {n} too many" for tuple_, n in (shown_ - truth).items()]
    print(f"truth {sum(truth.values())}, shown {sum(shown_.values())}")
    fail(problems)


def main():
    commands = {"make": (make, str, int, int, float, float, str),
                "flood": (flood, str, int, int, float, str),
                "check": (check, str, str, str, str, str, str),
                "shown": (shown, str, str, str)}
    run, *types = commands.get(sys.argv[1] if len(sys.argv) > 1 else "", (None,))
    if not run or len(types) != len(sys.argv) - 2:
        sys.exit(__doc__)
    run(*(t(a) for t, a in zip(types, sys.argv[2:])))


if __name__ == "__main__":
    main()
