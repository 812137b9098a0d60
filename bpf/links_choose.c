/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/links_choose.h"

#include <fnmatch.h>
#include <string.h>

static bool matches(char *const *patterns, size_t n, const char *name)
{
	bool match = false;

	for (size_t i = 0; i < n; i++) {
		bool excludes = patterns[i][0] == '!';

		if (fnmatch(patterns[i] + excludes, name, FNM_EXTMATCH) != 0)
			continue;
		if (excludes)
			return false;
		match = true;
	}
	return match;
}

static bool is_hardware(const struct weir_rtnl_link *link)
{
	return !*link->kind && !(link->flags & IFF_LOOPBACK);
}

static bool is_uplink(const struct weir_links_opts *opts, const struct weir_rtnl_link *link)
{
	if (opts->n_uplinks)
		return matches(opts->uplinks, opts->n_uplinks, link->name);
	return link->default_route || (link->default_route_elsewhere && is_hardware(link));
}

enum weir_link_kind weir_links_choose(const struct weir_links_opts *opts,
				      const struct weir_rtnl_link *link)
{
	if (is_uplink(opts, link))
		return WEIR_LINK_UPLINK;
	if (strcmp(link->kind, "veth") != 0 && strcmp(link->kind, "netkit") != 0 &&
	    !is_hardware(link))
		return WEIR_LINK_NONE;
	return matches(opts->interfaces, opts->n_interfaces, link->name) ? WEIR_LINK_POD
									 : WEIR_LINK_NONE;
}
