#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compare what Weir recorded with what the traffic tools say happened, to the byte.

usage: truth.py tcp|udp TRUTH RECORDS [--source NS/POD[,...]] [--destination NS/POD[,...]]
                [--service NS/NAME] [--port N[,N...]]

TRUTH is a tool's --out file, RECORDS one JSON record a line. Every CLOSED record of the protocol
counts, unless --port restricts the comparison to destination ports. With --service the truth
names the Service's address: it is compared with what the record says was asked for. Exits 1 and says what
differs when not every connection of the one is exactly one of the other.
"""

import argparse
import collections
import json
import sys

SHOWN = 5


def read_truth(path, protocol):
    rows = collections.Counter()
    for line in open(path, encoding="ascii"):
        f = line.split()
        row = (f[0], int(f[1]), f[2], int(f[3]), int(f[4]), int(f[5]))
        row += (f[6],) if protocol == "TCP" else (int(f[8]), int(f[9]))
        rows[row] += 1
    return rows


def read_records(path, protocol, ports):
    flows = []
    lost = 0
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        try:
            record = json.loads(line)
        except ValueError as err:
            sys.exit(f"{path}:{number}: not JSON: {err}: {line[:200]!r}")
        if "lost_events" in record:
            lost += int(record["lost_events"].get("num_events_lost", 0))
        flow = record.get("flow")
        if not flow or flow.get("connection", {}).get("state") != "CLOSED":
            continue
        l4 = flow.get("l4", {}).get(protocol)
        if l4 is None or (ports and l4.get("destination_port") not in ports):
            continue
        flows.append(flow)
    return flows, lost


def row_of(flow, protocol, asked):
    l4 = flow["l4"][protocol]
    c = flow["connection"]
    to = (flow["IP"]["destination"], l4.get("destination_port", 0))
    if asked:
        to = (c.get("asked", {}).get("IP", ""), c.get("asked", {}).get("port", 0))
    row = (flow["IP"]["source"], l4.get("source_port", 0), *to,
           int(c.get("bytes_sent", 0)), int(c.get("bytes_received", 0)))
    if protocol == "TCP":
        return row + (c.get("end_reason", "none"),)
    return row + (int(c.get("packets_sent", 0)), int(c.get("packets_received", 0)))


def pod_of(end):
    return f'{end.get("namespace", "")}/{end.get("pod_name", "")}'


def service_of(flow):
    service = flow.get("destination_service", {})
    return f'{service.get("namespace", "")}/{service.get("name", "")}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("protocol", choices=["tcp", "udp"])
    parser.add_argument("truth")
    parser.add_argument("records")
    parser.add_argument("--source")
    parser.add_argument("--destination")
    parser.add_argument("--service")
    parser.add_argument("--port", default="")
    args = parser.parse_args()
    protocol = args.protocol.upper()
    ports = {int(p) for p in args.port.split(",") if p}
    truth = read_truth(args.truth, protocol)
    flows, lost = read_records(args.records, protocol, ports)
    records = collections.Counter(row_of(f, protocol, args.service) for f in flows)
    missing, extra = truth - records, records - truth
    problems = []
    if missing or extra:
        tuples_missing = collections.Counter()
        for row, n in missing.items():
            tuples_missing[row[:4]] += n
        tuples_extra = collections.Counter()
        for row, n in extra.items():
            tuples_extra[row[:4]] += n
        differ = sum((tuples_missing & tuples_extra).values())
        problems.append(f"{sum(missing.values())} not recorded, {sum(extra.values())} too many; "
                        f"{differ} of them have the right addresses and other figures")
        problems += [f"  not recorded: {row}" for row in list(missing)[:SHOWN]]
        problems += [f"  too many:     {row}" for row in list(extra)[:SHOWN]]
        problems += [f"    {json.dumps(f)}" for f in flows
                     if row_of(f, protocol, args.service) in list(extra)[:SHOWN]]
    ids = collections.Counter(f["connection"].get("id") for f in flows)
    twice = [i for i, n in ids.items() if n > 1 or not i]
    if twice:
        problems.append(f"{len(twice)} connection ids are used twice or absent: {twice[:SHOWN]}")
    for side in ("source", "destination"):
        want = getattr(args, side)
        if not want:
            continue
        wrong = [f for f in flows if pod_of(f.get(side, {})) not in want.split(",")]
        if wrong:
            pods = collections.Counter(pod_of(f.get(side, {})) for f in wrong)
            problems.append(f"{side} is not {want} in {len(wrong)}: "
                            f"{dict(pods.most_common(SHOWN))}")
            problems += [f"    {json.dumps(f)}" for f in wrong[:SHOWN]]
    if args.service:
        wrong = collections.Counter(service_of(f) for f in flows)
        wrong.pop(args.service, None)
        if wrong:
            problems.append(f"Service is not {args.service} in {sum(wrong.values())}: {dict(wrong)}")
    unknown = [f for f in flows if f.get("is_reply") is not False]
    if unknown:
        problems.append(f"{len(unknown)} without a known direction")
    if lost:
        problems.append(f"{lost} lost_events in the stream")
    print(f"truth {sum(truth.values())}, records {len(flows)}, "
          f"distinct client ports {len({row[1] for row in truth})}")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
