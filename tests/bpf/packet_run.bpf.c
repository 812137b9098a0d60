// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The packet parser, run for its test: by tc programs on packets of a test run (one each, or many
 * that are written into one skb in turn) and on real ones, and by a tracing program on the very
 * skb that a tc program has just parsed.
 */
#include "bpf/packet_find.bpf.h"
#include "tests/bpf/packet_run.h"

#define DROP 2 /* TC_ACT_SHOT, include/uapi/linux/pkt_cls.h */
#define MARK 0x7e57

_Static_assert(sizeof(struct packet) == sizeof(struct parsed), "parsed is a struct packet");
_Static_assert(__builtin_offsetof(struct packet, flags) == __builtin_offsetof(struct parsed, flags),
	       "parsed is a struct packet");

struct run_slot slots[RUN_SLOTS];
struct run_result results[RUN_SLOTS];
__u32 next;

struct run_how how;
struct run_result result, linear_result;
__u32 pid;
__u32 linear_bytes;  /* of the skb that was parsed, from its link layer header */

/* CO-RE knows it as struct sk_buff; only this test reads the mark. */
struct sk_buff___marked {
	__u32 mark;
} __attribute__((preserve_access_index));

static __always_inline void keep(struct parsed *to, const struct packet *packet)
{
	__builtin_memcpy(to, packet, sizeof(*to));
}

/* Global functions: the verifier looks at each once, however often it is called. */
__noinline int skb_parse(struct __sk_buff *skb, const struct packet_scope *scope,
			 struct packet *ret)
{
	if (!scope || !ret)
		return 0;
	return packet_parse(skb, packet_load_skb, scope, ret);
}

__noinline int skb_ethernet(struct __sk_buff *skb, __u32 off, struct packet_scope *ret)
{
	if (!ret)
		return 0;
	return packet_find_ethernet(skb, packet_load_skb, off, ret);
}

__noinline int skb_tunnel(struct __sk_buff *skb, const struct packet *outer,
			  struct packet_scope *ret)
{
	if (!outer || !ret)
		return 0;
	return packet_find_tunnel(skb, packet_load_skb, outer, ret);
}

__noinline int skb_error(struct __sk_buff *skb, const struct packet *error,
			 struct packet_scope *ret)
{
	if (!error || !ret)
		return 0;
	return packet_find_icmp_error(skb, packet_load_skb, error, ret);
}

static __always_inline void skb_run(struct __sk_buff *skb, const struct run_how *by, __u32 off,
				    struct run_result *ret)
{
	struct packet_scope scope = { off, PACKET_NO_END, by->ethertype, false };
	struct packet outer = {}, inner = {};
	int r = 0;

	if (!by->ethertype)
		r = skb_ethernet(skb, off, &scope);
	ret->r = r ? r : skb_parse(skb, &scope, &outer);
	keep(&ret->packet, &outer);
	r = skb_tunnel(skb, &outer, &scope);
	ret->tunnel_r = r ? r : skb_parse(skb, &scope, &inner);
	keep(&ret->tunnel, &inner);
	inner = (struct packet){};
	r = skb_error(skb, &outer, &scope);
	ret->embedded_r = r ? r : skb_parse(skb, &scope, &inner);
	keep(&ret->embedded, &inner);
	/* Only its beginning was told: there is nothing inside. */
	if (!ret->embedded_r && (skb_error(skb, &inner, &scope) != PACKET_NONE_INSIDE ||
				 skb_tunnel(skb, &inner, &scope) != PACKET_NONE_INSIDE))
		ret->embedded_r = 1;
	ret->runs++;
}

SEC("tc")
int parse_one(struct __sk_buff *skb)
{
	skb_run(skb, &how, how.off, &result);
	linear_bytes = skb->data_end - skb->data;
	skb->mark = MARK;
	return DROP;
}

/* One run for each slot that the test has filled. */
SEC("tc")
int parse_many(struct __sk_buff *skb)
{
	__u32 i = next++ % RUN_SLOTS, len;
	struct run_slot *slot = &slots[i];

	results[i].runs = 0;
	len = slot->how.len;
	if (len < RUN_ETHERNET_BYTES || len > RUN_SLOT_BYTES)
		return 0;
	if (bpf_skb_change_tail(skb, len, 0) || bpf_skb_store_bytes(skb, 0, slot->bytes, len, 0))
		return 0;
	skb_run(skb, &slot->how, slot->how.off, &results[i]);
	return 0;
}

__noinline int linear_parse(struct packet_linear *linear, const struct packet_scope *scope,
			    struct packet *ret)
{
	if (!linear || !scope || !ret)
		return 0;
	return packet_parse(linear, packet_load_linear, scope, ret);
}

__noinline int linear_ethernet(struct packet_linear *linear, __u32 off, struct packet_scope *ret)
{
	if (!linear || !ret)
		return 0;
	return packet_find_ethernet(linear, packet_load_linear, off, ret);
}

__noinline int linear_tunnel(struct packet_linear *linear, const struct packet *outer,
			     struct packet_scope *ret)
{
	if (!linear || !outer || !ret)
		return 0;
	return packet_find_tunnel(linear, packet_load_linear, outer, ret);
}

__noinline int linear_error(struct packet_linear *linear, const struct packet *error,
			    struct packet_scope *ret)
{
	if (!linear || !error || !ret)
		return 0;
	return packet_find_icmp_error(linear, packet_load_linear, error, ret);
}

static __always_inline void linear_run(struct packet_linear *linear, const struct run_how *by,
				       __u32 off, struct run_result *ret)
{
	struct packet_scope scope = { off, PACKET_NO_END, by->ethertype, false };
	struct packet outer = {}, inner = {};
	int r = 0;

	if (!by->ethertype)
		r = linear_ethernet(linear, off, &scope);
	ret->r = r ? r : linear_parse(linear, &scope, &outer);
	keep(&ret->packet, &outer);
	r = linear_tunnel(linear, &outer, &scope);
	ret->tunnel_r = r ? r : linear_parse(linear, &scope, &inner);
	keep(&ret->tunnel, &inner);
	inner = (struct packet){};
	r = linear_error(linear, &outer, &scope);
	ret->embedded_r = r ? r : linear_parse(linear, &scope, &inner);
	keep(&ret->embedded, &inner);
	ret->runs++;
}

/* A test run, and a device's queue for a packet that is to be dropped, end in kfree_skb(). */
SEC("tp_btf/kfree_skb")
int BPF_PROG(parse_linear, struct sk_buff *skb)
{
	const struct sk_buff___marked *marked = (void *)skb;
	struct packet_linear linear;

	if (marked->mark != MARK || bpf_get_current_pid_tgid() >> 32 != pid)
		return 0;
	if (!packet_linear_init(&linear, skb))
		return 0;
	linear.begin += how.off - RUN_ETHERNET_BYTES;
	linear.len += RUN_ETHERNET_BYTES - how.off;
	linear_run(&linear, &how, 0, &linear_result);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
