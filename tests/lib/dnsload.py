#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""DNS messages made by hand, to a server and from one.

usage: dnsload.py ask SERVER PORT TYPE NAME [--count N] [--edns BYTES] [--shared]
       dnsload.py tcp SERVER PORT TYPE NAME [--count N] [--pieces BYTES]
       dnsload.py tcpraw SERVER PORT HEX...
       dnsload.py raw SERVER PORT HEX... [--count N]
       dnsload.py serve ADDRESS PORT

ask     asks N times, with a socket for each question or one for all (--shared), no more than 50 of
        them open at once; prints how many were answered. In NAME, % is the number of the question.
tcp     asks N times on one connection, and only then reads; as one write, or so many BYTES in each
        packet. Prints how many were answered.
tcpraw  sends the bytes on one connection, each HEX in a packet of its own, and waits until the
        server closes it.
raw     sends datagrams as they are, N times, and waits for nothing.
serve   answers as the first label of the name says: servfail, silent (never), answers that are none
        (cut, noise, other: of another id), foreign (with an address of a name nobody asked for), and
        late (twice). Prints "ready".
"""

import argparse
import fcntl
import select
import socket
import struct
import sys
import termios
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "TXT": 16, "AAAA": 28, "HTTPS": 65}


def pack_name(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(ident, name, kind, edns=0):
    head = struct.pack(">6H", ident, 0x0100, 1, 0, 0, 1 if edns else 0)
    opt = struct.pack(">BHHIH", 0, 41, edns, 0, 0) if edns else b""
    return head + pack_name(name) + struct.pack(">2H", TYPES[kind], 1) + opt


def new_socket(server):
    return socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)


def ask(args):
    to = (args.server, args.port)
    answered, asked, waiting = 0, 0, {}
    shared = new_socket(args.server) if args.shared else None
    while asked < args.count or waiting:
        while asked < args.count and len(waiting) < 50:
            sock = shared or new_socket(args.server)
            ident = asked & 0xffff
            name = args.name.replace("%", str(asked))
            # One way and the other: connected, and each datagram with its address.
            if not shared and asked % 2:
                sock.connect(to)
                sock.send(question(ident, name, args.type, args.edns))
            else:
                sock.sendto(question(ident, name, args.type, args.edns), to)
            waiting[ident] = sock
            asked += 1
        ready = select.select(set(waiting.values()), [], [], 2)[0]
        if not ready:
            break
        for sock in ready:
            answer = sock.recv(65535)
            if len(answer) >= 12 and waiting.pop(struct.unpack(">H", answer[:2])[0], None):
                answered += 1
                # Answered twice: a closed socket would not get the other one.
                if args.name.startswith("late.") and select.select([sock], [], [], 2)[0]:
                    sock.recv(65535)
                if not shared:
                    sock.close()
    print(answered)


def connect_tcp(args):
    sock = socket.create_connection((args.server, args.port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def unsent(sock):
    return struct.unpack("I", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def send_packet(sock, data):
    """The next is not sent before this was acknowledged, so that they do not become one."""
    sock.sendall(data)
    while unsent(sock):
        time.sleep(0.0005)


def tcp(args):
    answered = 0
    with connect_tcp(args) as sock:
        asked = b""
        for ident in range(args.count):
            message = question(ident, args.name.replace("%", str(ident)), args.type)
            asked += struct.pack(">H", len(message)) + message
        for at in range(0, len(asked), args.pieces or len(asked)):
            send_packet(sock, asked[at:at + (args.pieces or len(asked))])
        with sock.makefile("rb") as stream:
            while answered < args.count:
                head = stream.read(2)
                if len(head) < 2:
                    break
                answered += len(stream.read(struct.unpack(">H", head)[0])) >= 12
    print(answered)


def tcpraw(args):
    with connect_tcp(args) as sock:
        for text in args.hex:
            send_packet(sock, bytes.fromhex(text))
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


def raw(args):
    with new_socket(args.server) as sock:
        for _ in range(args.count):
            for text in args.hex:
                sock.sendto(bytes.fromhex(text), (args.server, args.port))


def answer_to(message):
    ident, asked = message[:2], message[12:]
    label = asked[1:1 + asked[0]].decode("latin-1") if asked else ""
    asked = asked[:asked.index(0) + 5]
    address = b"\xc0\x0c" + struct.pack(">2HIH", 1, 1, 60, 4) + bytes([203, 0, 113, 99])
    if label == "servfail":
        return [ident + struct.pack(">5H", 0x8182, 1, 0, 0, 0) + asked]
    if label == "cut":
        return [(ident + struct.pack(">5H", 0x8180, 1, 1, 0, 0) + asked + address)[:-2]]
    if label == "noise":
        return [ident + struct.pack(">5H", 0x8180, 1, 65535, 9, 9) + asked + b"\xc0\xff" * 200]
    if label == "other":
        return [bytes([ident[0] ^ 1]) + ident[1:] + struct.pack(">5H", 0x8180, 1, 1, 0, 0) + asked + address]
    if label == "foreign":
        stray = pack_name("bank.example") + struct.pack(">2HIH", 1, 1, 60, 4) + bytes([203, 0, 113, 80])
        return [ident + struct.pack(">5H", 0x8180, 1, 2, 0, 0) + asked + address + stray]
    if label == "late":
        return 2 * [ident + struct.pack(">5H", 0x8180, 1, 1, 0, 0) + asked + address]
    return []


def serve(args):
    with new_socket(args.server) as sock:
        sock.bind((args.server, args.port))
        print("ready", flush=True)
        while True:
            message, peer = sock.recvfrom(65535)
            for reply in answer_to(message):
                sock.sendto(reply, peer)


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("ask", "tcp", "tcpraw", "raw", "serve"):
        command = commands.add_parser(name)
        command.add_argument("server")
        command.add_argument("port", type=int)
        if name == "ask":
            command.add_argument("type", choices=TYPES)
            command.add_argument("name")
            command.add_argument("--count", type=int, default=1)
            command.add_argument("--edns", type=int, default=0)
            command.add_argument("--shared", action="store_true")
        elif name == "tcp":
            command.add_argument("type", choices=TYPES)
            command.add_argument("name")
            command.add_argument("--count", type=int, default=1)
            command.add_argument("--pieces", type=int, default=0)
        elif name in ("raw", "tcpraw"):
            command.add_argument("hex", nargs="+")
            command.add_argument("--count", type=int, default=1)
    args = parser.parse_args()
    {"ask": ask, "tcp": tcp, "tcpraw": tcpraw, "raw": raw, "serve": serve}[args.command](args)


if __name__ == "__main__":
    sys.exit(main())
