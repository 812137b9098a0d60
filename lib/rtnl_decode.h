/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_RTNL_DECODE_H
#define WEIR_LIB_RTNL_DECODE_H

#include <linux/netlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Messages of NETLINK_ROUTE about links and default routes. Whoever rules a network namespace chooses
 * what is in them, so all sizes are checked. Source: rtnetlink(7), include/uapi/linux/if_link.h and
 * rtnetlink.h.
 */

/** Room for a kind ("veth") and its NUL; longer ones are none that is known here, and left empty. */
#define WEIR_RTNL_KIND_MAX 16

/** struct weir_rtnl_link - what is told of a link. */
struct weir_rtnl_link {
	uint32_t ifindex;
	uint32_t flags;                  /* IFF_UP, … */
	char name[IF_NAMESIZE];          /* any bytes but '/', blanks and NUL */
	char kind[WEIR_RTNL_KIND_MAX];   /* "veth", "bridge", …; "" for hardware */
	bool default_route;              /* one of table main leaves by it */
	bool default_route_elsewhere;    /* one of another table */
};

/**
 * weir_rtnl_decode_link() - RTM_NEWLINK or RTM_DELLINK; @nlh is whole (nlmsg_len bytes are there).
 *
 * The two default_route members are false. Returns 0, or 1 when it is not about a link as such (a
 * bridge's word about its port comes in the same messages).
 * Errors: -EBADMSG.
 */
int weir_rtnl_decode_link(const struct nlmsghdr *nlh, struct weir_rtnl_link *ret_link);

/** Called for each link by which the route leaves. */
typedef void (*weir_rtnl_hop_fn)(void *ctx, uint32_t ifindex, bool table_main);

/**
 * weir_rtnl_decode_default() - RTM_NEWROUTE or RTM_DELROUTE, likewise: pass the links of a default route
 * on; @fn may be NULL.
 *
 * Returns 0, or 1 when it is no default route for packets to other hosts. A route that names
 * a nexthop object only (net.ipv4.nexthop_compat_mode=0) has no links here.
 * Errors: -EBADMSG; some links may have been passed on then.
 */
int weir_rtnl_decode_default(const struct nlmsghdr *nlh, weir_rtnl_hop_fn fn, void *ctx);

#endif
