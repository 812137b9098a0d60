#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# reap.sh PID RUN: when process PID is gone, remove what the run left. Started by cluster.sh in a
# session of its own, so that it outlives a script that was killed.
set -u

# shellcheck source=tests/lib/cluster.sh
. "$(dirname "$0")/cluster.sh"
tail --pid="$1" -f /dev/null
cluster_remove "$2"
