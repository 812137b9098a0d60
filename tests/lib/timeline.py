#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""When things happened, and the check that records say so.

usage: timeline.py serve ADDRESS PORT
       timeline.py make ADDRESS PORT REFUSED DROPPED OUT
       timeline.py check OUT RECORDS all|last
       timeline.py order RECORDS

serve: TCP and UDP, answers what it gets. make: a TCP connection and a UDP exchange with ADDRESS PORT, held for
a while, and TCP connects to the ports REFUSED and DROPPED; for each a line in OUT: what, source port,
and the instants between which it began and between which it ended, in ns of the wall clock. check: each
record's time lies between them; last: there may be nothing but the last of each. order: of each connection, records come in the order of their times, OPEN
first and CLOSED last, once each, and none says that it was opened after its time.
"""

import calendar
import collections
import json
import selectors
import socket
import sys
import time

HOLD = 1.0
SLACK = 100_000_000  # the other side of a FIN has to come back first


def serve(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((address, port))
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(udp, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
            elif key.fileobj is udp:
                udp.sendto(*udp.recvfrom(2048))
            else:
                data = key.fileobj.recv(2048)
                if data:
                    key.fileobj.send(data)
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()


class Attempt:
    """A socket, and the instants around its connect and its close."""

    def __init__(self, what, kind, address, port):
        self.what = what
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.bind(("", 0))
        self.socket.settimeout(HOLD)
        self.port = self.socket.getsockname()[1]
        self.began = [time.time_ns()]
        self.outcome = self.socket.connect_ex((address, port))
        if kind == socket.SOCK_DGRAM or not self.outcome:
            self.socket.send(b"hello")
            self.socket.recv(100)
        self.began.append(time.time_ns())

    def close(self):
        ended = [time.time_ns()]
        self.socket.close()
        return f"{self.what} {self.port} {self.began[0]} {self.began[1]} {ended[0]} {time.time_ns()}\n"


def make(address, port, refused, dropped, out):
    with open(out, "w", encoding="ascii") as lines:
        held = [Attempt("tcp", socket.SOCK_STREAM, address, port),
                Attempt("udp", socket.SOCK_DGRAM, address, port)]
        lines.write(Attempt("refused", socket.SOCK_STREAM, address, refused).close())
        time.sleep(HOLD)
        lines.write(Attempt("dropped", socket.SOCK_STREAM, address, dropped).close())
        time.sleep(HOLD)
        for attempt in held:
            lines.write(attempt.close())


def nanoseconds(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return seconds * 10**9 + int((fraction + "0" * 9)[:9])


def flows(path):
    for line in open(path, encoding="utf-8"):
        flow = json.loads(line).get("flow")
        if flow and "connection" in flow:
            yield flow


def port_of(flow):
    l4 = flow["l4"].get("TCP") or flow["l4"].get("UDP") or {}
    return l4.get("source_port", 0)


def is_between(low, flow, high):
    at = nanoseconds(flow["time"])
    print(f"{port_of(flow)} {flow['connection'].get('state', 'notice')}: "
          f"{(at - low) / 1e6:+.3f} ms, of {(high - low) / 1e6:.3f}")
    return low <= at <= high


def check_attempt(what, began, ended, records, may_lack):
    states = {flow["connection"].get("state", "notice"): flow for flow in records}
    if what in ("tcp", "udp"):
        wanted = {"OPEN": (began[0], began[1]), "CLOSED": (ended[0], ended[1] + SLACK)}
    elif what == "refused":
        wanted = {"CLOSED": (began[0], ended[1])}
    else:
        wanted = {"notice": (began[0], began[1]), "CLOSED": (ended[0], ended[1] + SLACK)}
    good = True
    for state, (low, high) in wanted.items():
        if state not in states:
            print(f"{what}: no {state}: {list(states)}")
            good = good and may_lack and state != "CLOSED"
        elif not is_between(low, states[state], high):
            good = False
    return good


def check(out, records, which):
    by_port = collections.defaultdict(list)
    for flow in flows(records):
        by_port[port_of(flow)].append(flow)
    good = True
    for line in open(out, encoding="ascii"):
        what, port, *times = line.split()
        times = list(map(int, times))
        good = check_attempt(what, times[:2], times[2:], by_port[int(port)], which == "last") and good
    sys.exit(not good)


def problem_of(flow, last):
    connection = flow["connection"]
    state = connection.get("state", "notice")
    at = nanoseconds(flow["time"])
    if "opened_at" in connection and nanoseconds(connection["opened_at"]) > at:
        return "opened later than it happened"
    if last and at < last[0]:
        return f"{last[0] - at} ns before the one ahead of it"
    if last and last[1] == "CLOSED":
        return "after its end"
    if last and state == "OPEN" and last[1] != "notice":
        return f"begins after {last[1]}"
    return None


def order(records):
    last = {}
    count = problems = 0
    for flow in flows(records):
        connection = flow["connection"]
        count += 1
        problem = problem_of(flow, last.get(connection["id"]))
        if problem:
            problems += 1
            if problems <= 10:
                print(f"{problem}: {json.dumps(flow)}")
        last[connection["id"]] = nanoseconds(flow["time"]), connection.get("state", "notice")
    print(f"{count} records of {len(last)} connections, {problems} out of order")
    sys.exit(1 if problems or not count else 0)


def main():
    commands = {"serve": (serve, str, int), "make": (make, str, int, int, int, str),
                "check": (check, str, str, str), "order": (order, str)}
    run, *types = commands.get(sys.argv[1] if len(sys.argv) > 1 else "", (None,))
    if not run or len(types) != len(sys.argv) - 2:
        sys.exit(__doc__)
    run(*(t(a) for t, a in zip(types, sys.argv[2:])))


if __name__ == "__main__":
    main()
