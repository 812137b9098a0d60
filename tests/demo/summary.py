#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who talked to whom in the demo: tables of the connections that ended and of the names that were
looked up, and what was lost.

usage: summary.py RECORDS STATUS
"""

import collections
import json
import statistics
import sys


def name_of(end, address, names=()):
    workloads = end.get("workloads") or []
    if workloads:
        return f'{end.get("namespace", "")}/{workloads[0].get("name", "")}'
    if end.get("pod_name"):
        return f'{end.get("namespace", "")}/{end["pod_name"]}'
    reserved = [l[len("reserved:"):] for l in end.get("labels") or [] if l.startswith("reserved:")]
    if reserved:
        return f"{names[0]} ({reserved[0]})" if names else reserved[0]
    return address


def verdict_of(flow):
    verdict = flow.get("verdict", "UNKNOWN")
    return f'{verdict} {flow.get("drop", {}).get("reason", "")}' if verdict == "DROPPED" else verdict


def read(path):
    groups = collections.defaultdict(lambda: [0, 0])
    for line in open(path, encoding="utf-8"):
        flow = json.loads(line).get("flow")
        if not flow or flow.get("connection", {}).get("state") != "CLOSED":
            continue
        c = flow["connection"]
        protocol, ports = next(iter(flow["l4"].items()))
        service = flow.get("destination_service") or {}
        group = groups[(name_of(flow.get("source", {}), flow["IP"]["source"]),
                        name_of(flow.get("destination", {}), flow["IP"]["destination"],
                                flow.get("destination_names", ())),
                        f'{service["namespace"]}/{service["name"]}' if service.get("name") else "-",
                        f'{protocol}/{ports.get("destination_port", 0)}',
                        verdict_of(flow), c.get("end_reason", ""))]
        group[0] += 1
        group[1] += int(c.get("bytes_sent", 0)) + int(c.get("bytes_received", 0))
    return groups


def read_dns(path):
    groups = collections.defaultdict(list)
    for line in open(path, encoding="utf-8"):
        flow = json.loads(line).get("flow") or {}
        l7 = flow.get("l7") or {}
        if l7.get("type") != "RESPONSE":
            continue
        dns = l7["dns"]
        answer = f'rcode {dns["rcode"]}' if dns.get("rcode") else " ".join(dns.get("ips", [])) or "-"
        groups[(name_of(flow["destination"], flow["IP"]["destination"]), dns.get("query", "?"),
                " ".join(dns.get("qtypes", [])), answer)].append(int(l7.get("latency_ns", 0)))
    return groups


def print_dns(groups):
    rows = [("CLIENT", "NAME", "TYPE", "ANSWER", "COUNT", "MEDIAN")]
    for key, spans in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        rows.append(key + (f"{len(spans):,}", f"{statistics.median(spans) / 1e6:.2f}ms"))
    print()
    print_table(rows, 4)


def print_table(rows, numbers=6):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) if i >= numbers else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


def main():
    groups = read(sys.argv[1])
    status = json.load(open(sys.argv[2], encoding="utf-8"))
    rows = [("SOURCE", "DESTINATION", "SERVICE", "PORT", "VERDICT", "ENDED BY", "COUNT", "BYTES")]
    for key, (count, size) in sorted(groups.items(), key=lambda item: (-item[1][0], item[0])):
        rows.append(key + (f"{count:,}", f"{size:,}"))
    print()
    print_table(rows)
    print_dns(read_dns(sys.argv[1]))
    lost = {cause: int(n) for cause, n in (status.get("lost") or {}).items() if int(n)}
    print()
    print(f'connections {sum(g[0] for g in groups.values()):,}  '
          f'seen {int(status.get("seen", 0)):,}  delivered {int(status.get("delivered", 0)):,}  '
          f'lost {sum(lost.values()):,}'
          + "".join(f"  {cause} {n:,}" for cause, n in lost.items()))


if __name__ == "__main__":
    main()
