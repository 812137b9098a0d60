#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
# Bad input gets one clear line that names it, and exit code 2; a bad frame costs its sender the
# connection and nobody else anything.
set -euo pipefail
. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/cluster.sh"
. "$(dirname "$0")/../lib/agent.sh"

[ "$(id -u)" -eq 0 ] || tap_skip_all "needs root"
cluster_start
BAD=$CLUSTER_DIR/bad
mkdir "$BAD" "$BAD/syntax" "$BAD/shape" "$BAD/empty"
printf 'kind: Pod\nmetadata:\n  name: [unclosed\n' > "$BAD/syntax/pod.yaml"
printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: [a, b]\n' > "$BAD/shape/pod.yaml"
printf '{"kind": "Pod",\n "metadata": }\n' > "$BAD/empty/pod.json"

# refuses PATTERN CMD...: status 2 and one line on standard error that matches.
refuses() {
	local pattern=$1 status=0 lines
	shift
	timeout 10 "$@" > "$CLUSTER_DIR/out" 2> "$CLUSTER_DIR/err" || status=$?
	lines=$(wc -l < "$CLUSTER_DIR/err")
	echo "status $status, $lines lines on standard error:"
	cat "$CLUSTER_DIR/err"
	[ "$status" -eq 2 ] && [ "$lines" -eq 1 ] && grep -qiE -- "$pattern" "$CLUSTER_DIR/err"
}

AGENT=("$BUILD/weir-agent" --listen "unix:$CLUSTER_DIR/other.sock" --cgroup-root "$CLUSTER_CGROUP")
# "${IN_MOUNTS[@]}" CHANGE CMD...: with the mounts changed for the command alone.
# shellcheck disable=SC2016 # the inner shell's
IN_MOUNTS=(unshare --mount sh -c 'eval "$1" && shift && exec "$@"' sh)
# shellcheck disable=SC2016
NO_CGROUP2='for m in $(awk '\''{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") print $5 }'\'' \
	/proc/self/mountinfo); do umount -l "$m" || exit 1; done'
mkdir "$CLUSTER_DIR/none"
NO_BTF="mount --bind $CLUSTER_DIR/none /sys/kernel/btf"

tap_check "agent: unknown flag" refuses '--no-such-flag' "${AGENT[@]}" --no-such-flag
tap_check "agent: flag without its value" refuses '--node-name' "${AGENT[@]}" --node-name
tap_check "agent: not a duration" refuses 'soon' "${AGENT[@]}" --flow-interval soon
tap_check "agent: not a size" refuses 'much' "${AGENT[@]}" --history-bytes much
tap_check "agent: no such manifest folder" refuses '/nonexistent' \
	"${AGENT[@]}" --k8s-source dir:/nonexistent
tap_check "agent: YAML that does not parse, by file and line" refuses 'syntax/pod\.yaml:[34]:' \
	"${AGENT[@]}" --k8s-source "dir:$BAD/syntax"
tap_check "agent: a manifest of the wrong shape, by file and line" refuses 'shape/pod\.yaml:[0-9]+:' \
	"${AGENT[@]}" --k8s-source "dir:$BAD/shape"
tap_check "agent: JSON that does not parse, by file and line" refuses 'empty/pod\.json:2:' \
	"${AGENT[@]}" --k8s-source "dir:$BAD/empty"
tap_check "agent: an endpoint that is none" refuses 'nowhere' \
	"$BUILD/weir-agent" --listen nowhere --cgroup-root "$CLUSTER_CGROUP"
tap_check "agent: --cgroup-root that is no cgroup" refuses "$BAD" \
	"$BUILD/weir-agent" --listen "unix:$CLUSTER_DIR/other.sock" --cgroup-root "$BAD"
tap_check "agent: no cgroup v2" refuses 'cgroup' "${IN_MOUNTS[@]}" "$NO_CGROUP2" \
	"$BUILD/weir-agent" --listen "unix:$CLUSTER_DIR/other.sock"
tap_check "agent: no BTF" refuses 'btf' "${IN_MOUNTS[@]}" "$NO_BTF" "${AGENT[@]}"
# A copy where nobody may read the build folder's parents.
install -m 755 "$BUILD/weir-agent" "$CLUSTER_DIR/weir-agent"
chmod 755 "$CLUSTER_DIR"
tap_check "agent: not root" refuses 'root|privilege|capabilit|CAP_' \
	setpriv --reuid 65534 --regid 65534 --clear-groups \
	"$CLUSTER_DIR/weir-agent" --listen "unix:$CLUSTER_DIR/none/a.sock"

agent_start --listen 127.0.0.1:0
tap_check "agent: a unix socket in use" refuses "in use" \
	"$BUILD/weir-agent" --listen "unix:$AGENT_SOCKET" --cgroup-root "$CLUSTER_CGROUP"
python3 -c '
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True)
time.sleep(600)' > "$CLUSTER_DIR/port" &
HOLDER=$!
cluster_wait 10 test -s "$CLUSTER_DIR/port"
tap_check "agent: port in use" refuses "$(< "$CLUSTER_DIR/port").*in use" \
	"$BUILD/weir-agent" --listen "127.0.0.1:$(< "$CLUSTER_DIR/port")" --cgroup-root "$CLUSTER_CGROUP"
kill "$HOLDER"
wait "$HOLDER" 2> /dev/null || true

AT=(--server "unix:$AGENT_SOCKET")
tap_check "weir: unknown flag" refuses '--no-such-flag' "$BUILD/weir" observe "${AT[@]}" --no-such-flag
tap_check "weir: unknown command" refuses 'frobnicate' "$BUILD/weir" frobnicate
tap_check "weir: a filter that does not parse (ip)" refuses '1\.2\.3\.999' \
	"$BUILD/weir" observe "${AT[@]}" --ip 1.2.3.999
tap_check "weir: a filter that does not parse (port)" refuses '99999' \
	"$BUILD/weir" observe "${AT[@]}" --port 99999
tap_check "weir: a filter that does not parse (verdict)" refuses 'MAYBE' \
	"$BUILD/weir" observe "${AT[@]}" --verdict MAYBE
tap_check "weir: not a duration" refuses 'yesterdayish' "$BUILD/weir" observe "${AT[@]}" --since yesterdayish
tap_check "weir: unknown output" refuses 'xml' "$BUILD/weir" observe "${AT[@]}" -o xml

# Frames by hand, beside a client that behaves: it must stay connected through all of them.
agent_follow "$CLUSTER_DIR/records"
bad_frames() {
	python3 - "$AGENT_SOCKET" "$1" <<- 'PY'
		import base64, os, socket, struct, sys
		def connect():
		    s = socket.socket(socket.AF_UNIX)
		    s.settimeout(10)
		    s.connect(sys.argv[1])
		    key = base64.b64encode(os.urandom(16)).decode()
		    s.sendall((f"GET /v1/flows HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
		               f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
		               f"Sec-WebSocket-Version: 13\r\n\r\n").encode())
		    head = b""
		    while b"\r\n\r\n" not in head:
		        more = s.recv(4096)
		        if not more:
		            sys.exit(f"closed during the handshake: {head!r}")
		        head += more
		    if b" 101 " not in head.split(b"\r\n")[0]:
		        sys.exit(f"no websocket: {head!r}")
		    return s
		def frame(payload, opcode=1, fin=True, length=None, masked=True, rsv=0):
		    n = len(payload) if length is None else length
		    out = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
		    mask = 0x80 if masked else 0
		    if n < 126:
		        out += bytes([mask | n])
		    elif n < 65536:
		        out += bytes([mask | 126]) + struct.pack(">H", n)
		    else:
		        out += bytes([mask | 127]) + struct.pack(">Q", n)
		    return out + (b"\0\0\0\0" if masked else b"") + payload
		cases = {
		    "not JSON": frame(b"{nonsense"),
		    "not a request": frame(b"[1, 2, 3]"),
		    "unknown filter": frame(b'{"filters": [{"no-such-term": ["x"]}], "no_such_key": 1}'),
		    "binary": frame(os.urandom(200), opcode=2),
		    "reserved bits": frame(b"{}", rsv=7),
		    "reserved opcode": frame(b"{}", opcode=5),
		    "not masked": frame(b"{}", masked=False),
		    "oversized": frame(b"{" + b" " * (4 << 20)),
		    "an exabyte announced": frame(b"{", length=1 << 60),
		}
		s = connect()
		try:
		    s.sendall(cases[sys.argv[2]])
		except (BrokenPipeError, ConnectionResetError):
		    sys.exit(0)
		try:
		    while s.recv(65536):
		        pass
		except ConnectionResetError:
		    pass
		except TimeoutError:
		    sys.exit("the agent kept the connection")
	PY
}
for case in "not JSON" "not a request" "unknown filter" "binary" "reserved bits" "reserved opcode" \
	"not masked" "oversized" "an exabyte announced"; do
	tap_check "websocket: $case closes that client" bad_frames "$case"
done
others_live() {
	kill -0 "$FOLLOW_PID" && kill -0 "$AGENT_PID" && agent_is_ready > /dev/null
}
tap_check "the agent and its other client go on" others_live
cluster_pod bad server
cluster_serve bad/server "$TOOLS/tcpload" server :: 8001
cluster_run bad/server "$TOOLS/tcpload" client --to 127.0.0.1:8001 --size 10 > /dev/null
settle "$CLUSTER_DIR/records" 1
tap_check "and the other client still gets records" has_closed "$CLUSTER_DIR/records" 1
tap_done
