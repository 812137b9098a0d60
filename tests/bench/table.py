#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmark's figures as markdown: medians with their spread (the quartiles).

usage: table.py THROUGHPUT COST TICKS_PER_SECOND PACKETS
"""

import collections
import os
import platform
import statistics
import sys

NAMES = {"rr": ("request/response, 1 byte", "transactions/s", 0.99),
         "stream": ("stream", "MB/s", 0.99),
         "crr": ("connect, request/response, close", "connections/s", 0.97)}


def spread(values, digits=0):
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{median:,.{digits}f} ({low:,.{digits}f} – {high:,.{digits}f})"


def throughput(path):
    runs = collections.defaultdict(list)
    for line in open(path, encoding="ascii"):
        test, mode, value = line.split()
        runs[test, mode].append(float(value))
    print("| what | unit | without agent | with agent | ratio | goal |")
    print("|---|---|---:|---:|---:|---:|")
    for test, (name, unit, goal) in NAMES.items():
        off, on = runs[test, "off"], runs[test, "on"]
        ratios = [2 * b / (before + after) for before, b, after in zip(off, on, off[1:])]
        print(f"| {name} | {unit} | {spread(off)} | {spread(on)} | {spread(ratios, 3)} | ≥ {goal} |")


def cost(path, ticks):
    user, system, rates, lost = [], [], [], 0
    rows = {}
    for line in open(path, encoding="ascii"):
        f = line.split()
        if f[0] == "cpu":
            million = int(f[3]) / 1e6
            user.append(int(f[1]) / ticks / million)
            system.append(int(f[2]) / ticks / million)
            rates.append(int(f[4]))
            lost += int(f[5])
        else:
            rows[f[0]] = f[1:]
    print()
    print("| what | unit | value | goal |")
    print("|---|---|---:|---:|")
    print(f"| user CPU per million connections, no client | s | {spread(user, 2)} | ≤ 2 |")
    print(f"| system CPU per million connections, no client | s | {spread(system, 2)} | |")
    print(f"| rate while that was measured | connections/s | {spread(rates)} | |")
    print(f"| losses while that was measured | records | {lost} | 0 |")
    print(f"| RSS, idle | MB | {int(rows['idle'][0]) / 1024:.1f} | ≤ 12 |")
    print(f"| RSS, peak with {int(rows['held'][1]):,} live connections | MB | "
          f"{int(rows['held'][0]) / 1024:.1f} | ≤ 32 |")
    print(f"| BPF maps, idle | MB | {int(rows['idle'][1]) / 1024:.1f} | |")
    print(f"| BPF maps with {int(rows['held'][1]):,} live connections | MB | "
          f"{int(rows['held'][3]) / 1024:.1f} | |")
    print(f"| losses while those were opened | records | {rows['held'][2]} | 0 |")


def packets(path):
    print()
    print("| program and packet | ns | above null, of naive's | goal |")
    print("|---|---:|---:|---:|")
    for line in open(path, encoding="ascii"):
        name, ns, part = line.split()
        goal = "≤ 0.35" if name.startswith(("link", "uplink")) and "established" in name else ""
        print(f"| {name} | {ns.partition('=')[2]} | {part.partition('=')[2]} | {goal} |")


def main():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = [l.split(":", 1)[1].strip() for l in info if l.startswith("model name")]
    print(f"Linux {platform.release()} {platform.machine()}, {os.cpu_count()} CPUs"
          + (f" ({model[0]})" if model else ""))
    print()
    throughput(sys.argv[1])
    cost(sys.argv[2], int(sys.argv[3]))
    packets(sys.argv[4])


if __name__ == "__main__":
    main()
