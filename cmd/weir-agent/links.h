/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_AGENT_LINKS_H
#define WEIR_CMD_WEIR_AGENT_LINKS_H

#include "bpf/links.h"
#include "lib/error.h"

struct agent;

/** struct agent_links - the links this agent watches, in its namespace and those of --netns. */
struct agent_links;

/**
 * links_start() - find them and begin to attach; it goes on in the loop, and when there is nothing
 * more to attach for the first time, agent_become_ready() is called. Before namespaces_start().
 */
int links_start(struct agent *agent, struct weir_error *err);
void links_stop(struct agent *agent);

/** links_get_stats() - and by what programs are attached. */
enum weir_tc_hook links_get_stats(const struct agent *agent, struct weir_links_stats *ret_stats);

#endif
