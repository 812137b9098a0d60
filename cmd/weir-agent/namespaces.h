/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_AGENT_NAMESPACES_H
#define WEIR_CMD_WEIR_AGENT_NAMESPACES_H

#include <stdint.h>

#include "cmd/options.h"
#include "lib/loop.h"

/*
 * The network namespaces that --netns names, as they come and go: its globs are looked up at the start
 * and every second. A namespace counts once, whatever paths lead to it, and the agent's own does not.
 */
struct namespaces;

/** struct namespace - one of them; @fd is borrowed, and keeps it alive until it has gone. */
struct namespace
{
	const char *path;
	uint64_t cookie;
	int fd;
};

/** struct namespaces_user - who wants to know; both are called from namespaces_start() and the loop. */
struct namespaces_user {
	void (*came)(void *ctx, const struct namespace *ns);
	void (*went)(void *ctx, const struct namespace *ns);
	void *ctx;
};

/** Namespaces at once; more are logged and left out. */
#define NAMESPACES_MAX 256

/** namespaces_new() - @globs is borrowed. 0 or -ENOMEM. */
int namespaces_new(struct weir_loop *loop, const struct weir_option_list *globs,
		   struct namespaces **ret_namespaces);

/** namespaces_add_user() - before the start; -ENOSPC beyond a handful. */
int namespaces_add_user(struct namespaces *namespaces, const struct namespaces_user *user);

/** namespaces_start() - look for the first time. */
void namespaces_start(struct namespaces *namespaces);

/** namespaces_free() - NULL-safe; tells nobody. */
void namespaces_free(struct namespaces **namespaces);

#endif
