/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/drop_names.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "bpf/weir_abi.h"
#include "lib/buf.h"
#include "lib/cleanup.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define UNKNOWN "DROP_REASON_UNKNOWN"
#define REASONS_TEXT_MAX (64U << 10)
/* The kernel's own limit is 512 for the sake of Rust; nothing of C comes near to this. */
#define PLACE_TEXT_MAX 256

struct reason {
	uint32_t value;
	uint32_t name;       /* offset in the text of all */
	const char *hubble;
};

struct place {
	uint64_t address;
	char *name;          /* NULL: no function is there */
};

struct weir_drop_names {
	struct reason *reasons;  /* by value, then as BTF has them */
	size_t n_reasons;
	struct weir_buf text;
	weir_drop_place_fn place_of;
	void *ctx;               /* of @place_of */
	struct place places[WEIR_DROP_PLACES_MAX];
	size_t n_places;
};

/*
 * What is not here has no counterpart in Hubble, or several by turns. So IP_INHDR: a broken header,
 * but a TTL that ran out as well; UNHANDLED_PROTO: no such protocol above Ethernet, or no such ICMP
 * type; SKB_CSUM: one that cannot be computed, or one found wrong; TC_INGRESS, TC_EGRESS, XDP and
 * OVS_DROP_EXPLICIT: a policy's verdict, or anything else that a program or a flow rule may do.
 */
static const struct {
	const char *reason;
	const char *hubble;
} hubble_names[] = {
	/* Who enforces a NetworkPolicy by iptables or nftables drops by this, and so do firewalls. */
	{ "NETFILTER_DROP", "POLICY_DENIED" },
	/* A program of this kind cannot do anything but let pass or deny. */
	{ "BPF_CGROUP_EGRESS", "POLICY_DENIED" },
	/* Cilium means its proxy's socket, here it is the packet's own: looked for, and not there. */
	{ "NO_SOCKET", "SOCKET_LOOKUP_FAILED" },
	/* The way back to the source is not where it came from: most of all a forged source. */
	{ "IP_RPFILTER", "INVALID_SOURCE_IP" },
	{ "IP_INVALID_SOURCE", "INVALID_SOURCE_IP" },
	/* From outside, with an address of this host. */
	{ "IP_LOCAL_SOURCE", "INVALID_SOURCE_IP" },
	{ "MAC_INVALID_SOURCE", "INVALID_SOURCE_MAC" },
	{ "PKT_TOO_SMALL", "INVALID_PACKET_DROPPED" },
	/* Shorter than its own headers, which is what Cilium calls invalid. */
	{ "HDR_TRUNC", "INVALID_PACKET_DROPPED" },
	/* Broken as it came. Hubble's ERROR_WHILE_CORRECTING_* are for who rewrites a good packet. */
	{ "IP_CSUM", "INVALID_PACKET_DROPPED" },
	{ "TCP_CSUM", "INVALID_PACKET_DROPPED" },
	{ "UDP_CSUM", "INVALID_PACKET_DROPPED" },
	{ "ICMP_CSUM", "INVALID_PACKET_DROPPED" },
	{ "VXLAN_INVALID_HDR", "INVALID_PACKET_DROPPED" },
	{ "VXLAN_VNI_NOT_FOUND", "INVALID_VNI" },
	{ "IPV6_BAD_EXTHDR", "INVALID_IPV6_EXTENSION_HEADER" },
	/* As Cilium has it for IPv6 where that is switched off. */
	{ "IPV6DISABLED", "UNSUPPORTED_L3_PROTOCOL" },
	{ "IP_NOPROTO", "UNKNOWN_L4_PROTOCOL" },
	{ "IP_OUTNOROUTES", "FIB_LOOKUP_FAILED" },
	/* Sent to a host that has no route for it, or that does not forward what is not its own. */
	{ "IP_INNOROUTES", "STALE_OR_UNROUTABLE_IP" },
	{ "IP_INADDRERRORS", "STALE_OR_UNROUTABLE_IP" },
	/* There is a route, but nobody at its end answers to that address: mostly a pod that is gone. */
	{ "NEIGH_FAILED", "STALE_OR_UNROUTABLE_IP" },
	/* The same horizon: fq's own for departure times (EDT), where Cilium looks before fq. */
	{ "FQ_HORIZON_LIMIT", "REACHED_EDT_RATE_LIMITING_DROP_HORIZON" },
	{ "OVS_DROP_IP_TTL", "TTL_EXCEEDED" },
	/* A meter is Open vSwitch's rate limit. */
	{ "OVS_DROP_METER", "DROP_RATE_LIMITED" },
};

/* Reasons of a subsystem have its number in the upper half, and the core's have none there. */
static const struct {
	const char *type;
	const char *module;
} subsystems[] = {
	{ "ovs_drop_reason", "openvswitch" },
	{ "mac80211_drop_reason", "mac80211" },
};

/* --- reasons ------------------------------------------------------------------------------- */

static void btf_cleanup(struct btf **btf)
{
	btf__free(*btf);
}

static const char *hubble_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(hubble_names) / sizeof(hubble_names[0]); i++)
		if (!strcmp(hubble_names[i].reason, name))
			return hubble_names[i].hubble;
	return UNKNOWN;
}

static bool is_identifier(const char *name)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return *name && name[strspn(name, letters)] == '\0';
}

/* The enumerators that only count the others, or begin them, are no reasons. */
static bool is_reason(const char *name)
{
	return name[0] != '_' && strcmp(name, "SKB_DROP_REASON_MAX") != 0 &&
	       strcmp(name, "OVS_DROP_MAX") != 0;
}

static const char *without_prefix(const char *name)
{
	static const char *const prefixes[] = { "SKB_DROP_REASON_", "SKB_" };
	size_t i, len;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		len = strlen(prefixes[i]);
		if (!strncmp(name, prefixes[i], len))
			return name + len;
	}
	return name;
}

static void put_reason(struct weir_drop_names *names, uint32_t value, const char *name)
{
	struct reason *reason;

	if (!is_identifier(name))
		return;
	reason = &names->reasons[names->n_reasons++];
	reason->value = value;
	reason->name = (uint32_t)names->text.len;
	reason->hubble = hubble_of(name);
	weir_buf_put(&names->text, name, strlen(name) + 1);
}

/* 1 when there is such an enum, 0 when not. */
static int read_enum(struct weir_drop_names *names, const struct btf *btf, const char *name,
		     bool subsystem)
{
	__s32 id = btf__find_by_name_kind(btf, name, BTF_KIND_ENUM);
	const struct btf_enum *values;
	const struct btf_type *type;
	struct reason *reasons;
	size_t i, count;

	if (id < 0)
		return 0;
	type = btf__type_by_id(btf, (__u32)id);
	values = btf_enum(type);
	count = btf_vlen(type);
	reasons = reallocarray(names->reasons, names->n_reasons + count, sizeof(*reasons));
	if (!reasons && names->n_reasons + count)
		return -ENOMEM;
	names->reasons = reasons;
	for (i = 0; i < count; i++) {
		const char *text = btf__name_by_offset(btf, values[i].name_off);
		uint32_t value = (uint32_t)values[i].val;

		if (text && is_reason(text) && (value > UINT16_MAX) == subsystem)
			put_reason(names, value, without_prefix(text));
	}
	return names->text.failed ? names->text.failed : 1;
}

/* Of a module, which has its own BTF beside the kernel's: -ENOENT when it is not loaded. */
static int read_module(struct weir_drop_names *names, const char *btf_path, struct btf *base,
		       const char *module, const char *name)
{
	_cleanup_(btf_cleanup) struct btf *btf = NULL;
	const char *slash = strrchr(btf_path, '/');
	int dir_len = slash ? (int)(slash + 1 - btf_path) : 0;
	char path[PATH_MAX];
	int len;

	len = snprintf(path, sizeof(path), "%.*s%s", dir_len, btf_path, module);
	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	btf = btf__parse_raw_split(path, base);
	return btf ? read_enum(names, btf, name, true) : -errno;
}

static int read_btf(struct weir_drop_names *names, const char *btf_path)
{
	_cleanup_(btf_cleanup) struct btf *btf = btf__parse_raw(btf_path);
	size_t i;
	int r;

	if (!btf)
		return -errno;
	r = read_enum(names, btf, "skb_drop_reason", false);
	for (i = 0; r >= 0 && i < sizeof(subsystems) / sizeof(subsystems[0]); i++) {
		r = read_enum(names, btf, subsystems[i].type, true);
		if (r)
			continue;
		/* A module that is not there, or whose BTF is none, costs its own names only. */
		r = read_module(names, btf_path, btf, subsystems[i].module, subsystems[i].type);
		if (r != -ENOMEM && r != -E2BIG)
			r = 0;
	}
	return r < 0 ? r : 0;
}

static int compare_reasons(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

int weir_drop_names_new_from(const char *btf_path, weir_drop_place_fn place_of, void *ctx,
			     struct weir_drop_names **ret_names)
{
	_cleanup_(weir_drop_names_free) struct weir_drop_names *names = calloc(1, sizeof(*names));
	int r;

	if (!names)
		return -ENOMEM;
	weir_buf_init(&names->text, REASONS_TEXT_MAX);
	names->place_of = place_of;
	names->ctx = ctx;
	r = read_btf(names, btf_path);
	/* libbpf has two copies of BTF on the heap, and the heap may stay as large as it has been. */
	(void)malloc_trim(0);
	if (r < 0)
		return r;
	if (names->n_reasons)
		qsort(names->reasons, names->n_reasons, sizeof(*names->reasons), compare_reasons);
	*ret_names = TAKE_PTR(names);
	return 0;
}

int weir_drop_names_new(weir_drop_place_fn place_of, void *ctx, struct weir_drop_names **ret_names)
{
	return weir_drop_names_new_from(BTF_PATH, place_of, ctx, ret_names);
}

void weir_drop_names_free(struct weir_drop_names **p)
{
	struct weir_drop_names *names = *p;
	size_t i;

	*p = NULL;
	if (!names)
		return;
	for (i = 0; i < names->n_places; i++)
		free(names->places[i].name);
	weir_buf_done(&names->text);
	free(names->reasons);
	free(names);
}

/* The first that BTF has of this value. */
static const struct reason *lookup_reason(const struct weir_drop_names *names, uint32_t value)
{
	size_t low = 0, high = names->n_reasons, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (names->reasons[middle].value < value)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == names->n_reasons || names->reasons[low].value != value)
		return NULL;
	return &names->reasons[low];
}

const char *weir_drop_names_reason(const struct weir_drop_names *names, uint32_t reason)
{
	const struct reason *found = lookup_reason(names, reason);

	if (reason == WEIR_EV_REASON_LISTEN_OVERFLOW)
		return "LISTEN_OVERFLOW";
	if (reason == WEIR_EV_REASON_REQQ_FULL)
		return "REQQ_FULL";
	return found ? names->text.data + found->name : NULL;
}

const char *weir_drop_names_hubble(const struct weir_drop_names *names, uint32_t reason)
{
	const struct reason *found = lookup_reason(names, reason);

	return found ? found->hubble : UNKNOWN;
}

/* --- places -------------------------------------------------------------------------------- */

/* "nf_hook_slow", "nft_do_chain [nf_tables]", "pull.isra.0"; a number where no function is. No
 * identifier of C has a dot, so from there on it is the compiler's. */
static char *name_of(const struct weir_drop_names *names, uint64_t address)
{
	char text[PLACE_TEXT_MAX];

	if (names->place_of(names->ctx, address, text, sizeof(text)) < 0)
		return NULL;
	text[strcspn(text, " .")] = '\0';
	if (text[0] >= '0' && text[0] <= '9')
		return NULL;
	return is_identifier(text) ? strdup(text) : NULL;
}

const char *weir_drop_names_place(struct weir_drop_names *names, uint64_t address)
{
	struct place *place;
	size_t i;

	for (i = 0; i < names->n_places; i++)
		if (address == names->places[i].address)
			return names->places[i].name;
	if (!address || names->n_places == WEIR_DROP_PLACES_MAX)
		return NULL;
	place = &names->places[names->n_places++];
	*place = (struct place){ .address = address, .name = name_of(names, address) };
	return place->name;
}
