/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_BPF_PACKET_ORACLE_H
#define WEIR_TESTS_BPF_PACKET_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/bpf/packet_run.h"

/*
 * A second opinion on what a packet says, from the RFCs and from what bpf/packet.bpf.h states, in
 * another manner: pieces of bytes that know how long they are and how long they are said to be,
 * eaten from the front.
 */
#define ORACLE_ENDLESS SIZE_MAX

struct piece {
	const uint8_t *at;
	size_t have;  /* bytes that are there */
	size_t said;  /* bytes that a length in the packet leaves, or ORACLE_ENDLESS */
};

struct oracle {
	const uint8_t *base;     /* where offsets count from */
	struct parsed out;
	struct piece rest;       /* after the last header */
	uint8_t icmp_word[4];    /* second word of an ICMP header */
	bool embedded;
};

/* The next @n bytes; *@ret_at is NULL if they are not all there. */
static inline int piece_eat(struct piece *p, size_t n, const uint8_t **ret_at)
{
	if (p->said < n)
		return PARSED_MALFORMED;
	if (p->have < n)
		return PARSED_TRUNCATED;
	*ret_at = p->at;
	p->at += n;
	p->have -= n;
	if (p->said != ORACLE_ENDLESS)
		p->said -= n;
	return 0;
}

/* The same without looking at them. */
static inline int piece_skip(struct piece *p, size_t n)
{
	if (p->said < n)
		return PARSED_MALFORMED;
	if (p->said != ORACLE_ENDLESS)
		p->said -= n;
	p->at += n;
	p->have = p->have < n ? 0 : p->have - n;
	return 0;
}

static inline unsigned int number(const uint8_t *at, int n)
{
	unsigned int v = 0;

	while (n--)
		v = v << 8 | *at++;
	return v;
}

static inline void oracle_end(struct oracle *o, const struct piece *p)
{
	o->out.end = p->said == ORACLE_ENDLESS ? UINT32_MAX
					       : (uint32_t)((size_t)(p->at - o->base) + p->said);
}

static inline int oracle_tcp(struct oracle *o, struct piece p)
{
	struct piece whole = p;
	const uint8_t *h;
	int r;

	if (p.said < 20)
		return PARSED_MALFORMED;
	r = piece_eat(&p, o->embedded ? 8 : 20, &h);
	if (r)
		return r;
	o->out.source_port = (uint16_t)number(h, 2);
	o->out.destination_port = (uint16_t)number(h + 2, 2);
	o->out.seq = number(h + 4, 4);
	if (o->embedded)
		return 0;
	o->out.ack = number(h + 8, 4);
	o->out.tcp_flags = h[13];
	if (h[12] / 16 < 5)
		return PARSED_MALFORMED;
	r = piece_skip(&whole, h[12] / 16 * 4U);
	o->rest = whole;
	return r;
}

static inline int oracle_udp(struct oracle *o, struct piece p, bool lite)
{
	bool certain = p.said != ORACLE_ENDLESS && !(o->out.flags & PARSED_FIRST_FRAGMENT);
	struct piece whole = p;
	const uint8_t *h;
	unsigned int len;
	int r = piece_eat(&p, 8, &h);

	if (r)
		return r;
	o->out.source_port = (uint16_t)number(h, 2);
	o->out.destination_port = (uint16_t)number(h + 2, 2);
	len = number(h + 4, 2);
	o->rest = p;
	if (len && len < 8)
		return PARSED_MALFORMED;
	if (len && certain && len > whole.said)
		return PARSED_MALFORMED;
	if (lite)
		return 0;
	if (!len)
		return (o->out.flags & PARSED_IPV6) || whole.said == ORACLE_ENDLESS
			       ? 0
			       : PARSED_MALFORMED;
	if (certain) {
		o->rest.said = len - 8;
		oracle_end(o, &o->rest);
	}
	return 0;
}

static inline int oracle_sctp(struct oracle *o, struct piece p)
{
	struct piece whole = p;
	const uint8_t *h;
	int r;

	if (p.said < 12)
		return PARSED_MALFORMED;
	r = piece_eat(&p, 8, &h); /* the checksum is nobody's here */
	if (r)
		return r;
	o->out.source_port = (uint16_t)number(h, 2);
	o->out.destination_port = (uint16_t)number(h + 2, 2);
	o->rest = whole;
	return piece_skip(&o->rest, 12);
}

static inline int oracle_icmp(struct oracle *o, struct piece p)
{
	static const char errors_v4[] = { 3, 11, 12, 0 }, errors_v6[] = { 1, 2, 3, 4, 0 };
	bool v6 = o->out.flags & PARSED_IPV6;
	const uint8_t *h;
	int r = piece_eat(&p, 8, &h);

	if (r)
		return r;
	o->rest = p;
	o->out.icmp_type = h[0];
	o->out.icmp_code = h[1];
	memcpy(o->icmp_word, h + 4, 4);
	if (v6 ? (h[0] & 0xfe) == 128 : (h[0] & 0xf7) == 0) {
		o->out.source_port = (uint16_t)number(h + 4, 2);
		o->out.destination_port = o->out.source_port;
	}
	if (h[0] && strchr(v6 ? errors_v6 : errors_v4, h[0]))
		o->out.flags |= PARSED_ICMP_ERROR;
	return 0;
}

static inline int oracle_upper(struct oracle *o, struct piece p)
{
	o->rest = p;
	switch (o->out.protocol) {
	case 6:
		return oracle_tcp(o, p);
	case 17:
	case 136:
		return oracle_udp(o, p, o->out.protocol == 136);
	case 132:
		return oracle_sctp(o, p);
	case 1:
		return o->out.flags & PARSED_IPV6 ? 0 : oracle_icmp(o, p);
	case 58:
		return o->out.flags & PARSED_IPV6 ? oracle_icmp(o, p) : 0;
	}
	return 0;
}

/* Headers in front of the transport's, each by recursion; @left more may come. */
static inline int oracle_extensions(struct oracle *o, struct piece p, int left, bool fragmented)
{
	static const uint8_t kinds_v6[] = { 0, 43, 44, 51, 60, 135, 139, 140 };
	uint8_t kind = o->out.protocol;
	struct piece whole = p;
	const uint8_t *h;
	size_t size;
	bool is;
	int r;

	is = o->out.flags & PARSED_IPV6 ? memchr(kinds_v6, kind, sizeof(kinds_v6)) != NULL
					: kind == 51;
	if (!is)
		return oracle_upper(o, p);
	if (left == 0)
		return PARSED_TOO_DEEP;
	if (kind == 0 && left != 8)
		return PARSED_MALFORMED;
	r = piece_eat(&p, 8, &h);
	if (r)
		return r;
	size = 8 + 8 * (size_t)h[1];
	if (kind == 51) {
		size = 8 + 4 * (size_t)h[1];
		if (size < 12)
			return PARSED_MALFORMED;
	} else if (kind == 44) {
		size = 8;
		if (fragmented)
			return PARSED_MALFORMED;
		fragmented = true;
		if (number(h + 2, 2) >> 3)
			o->out.flags |= PARSED_FRAGMENT;
		else if (h[3] & 1)
			o->out.flags |= PARSED_FIRST_FRAGMENT;
		if (o->out.flags & (PARSED_FRAGMENT | PARSED_FIRST_FRAGMENT))
			o->out.fragment_id = number(h + 4, 4);
	} else if (kind == 43 && h[3] > 0) {
		o->out.flags |= PARSED_ROUTED;
	}
	r = piece_skip(&whole, size);
	if (r)
		return r;
	o->out.protocol = h[0];
	if (o->out.flags & PARSED_FRAGMENT)
		return 0;
	return oracle_extensions(o, whole, left - 1, fragmented);
}

/* @p: the options, all of them by the header's length. */
static inline int oracle_options(struct oracle *o, struct piece p)
{
	const uint8_t *kind, *len, *pointer;
	int r;

	while (p.said) {
		r = piece_eat(&p, 1, &kind);
		if (r)
			return r;
		if (*kind == 0)
			return 0;
		if (*kind == 1)
			continue;
		r = piece_eat(&p, 1, &len);
		if (r)
			return r;
		if (*len < 2 || *len - 2U > p.said)
			return PARSED_MALFORMED;
		if (*kind == 131 || *kind == 137) {
			struct piece route = p;

			route.said = *len - 2U;
			r = piece_eat(&route, 1, &pointer);
			if (r)
				return r;
			if (*pointer < 4)
				return PARSED_MALFORMED;
			if (*pointer <= *len)
				o->out.flags |= PARSED_ROUTED;
		}
		r = piece_skip(&p, *len - 2U);
		if (r)
			return r;
	}
	return 0;
}

static inline int oracle_v4(struct oracle *o, struct piece p)
{
	struct piece whole = p, options;
	const uint8_t *h;
	size_t header, total;
	int r;

	p.said = ORACLE_ENDLESS;
	r = piece_eat(&p, 20, &h);
	if (r)
		return r;
	header = (h[0] % 16) * 4U;
	total = number(h + 2, 2);
	if (h[0] / 16 != 4 || header < 20 || (total != 0 && total < header))
		return PARSED_MALFORMED;
	memcpy(o->out.source, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memcpy(o->out.source + 12, h + 12, 4);
	memcpy(o->out.destination, o->out.source, 12);
	memcpy(o->out.destination + 12, h + 16, 4);
	o->out.protocol = h[9];
	whole.said = total ? total : ORACLE_ENDLESS;
	if (!total)
		o->out.flags |= PARSED_NO_LENGTH;
	oracle_end(o, &whole);
	options = p;
	options.said = header - 20;
	r = oracle_options(o, options);
	if (r)
		return r;
	r = piece_skip(&whole, header);
	if (r)
		return r;
	if ((h[6] & 0x1f) || h[7])
		o->out.flags |= PARSED_FRAGMENT;
	else if (h[6] & 0x20)
		o->out.flags |= PARSED_FIRST_FRAGMENT;
	if (o->out.flags & (PARSED_FRAGMENT | PARSED_FIRST_FRAGMENT))
		o->out.fragment_id = number(h + 4, 2);
	return o->out.flags & PARSED_FRAGMENT ? 0 : oracle_extensions(o, whole, 8, false);
}

static inline int oracle_v6(struct oracle *o, struct piece p)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *h;
	int r;

	p.said = ORACLE_ENDLESS;
	r = piece_eat(&p, 40, &h);
	if (r)
		return r;
	if (h[0] / 16 != 6 || !memcmp(h + 8, mapped, 12) || !memcmp(h + 24, mapped, 12))
		return PARSED_MALFORMED;
	o->out.flags |= PARSED_IPV6;
	memcpy(o->out.source, h + 8, 16);
	memcpy(o->out.destination, h + 24, 16);
	o->out.protocol = h[6];
	p.said = number(h + 4, 2);
	if (p.said == 0 && h[6] != 59) {
		p.said = ORACLE_ENDLESS;
		o->out.flags |= PARSED_NO_LENGTH;
	}
	oracle_end(o, &p);
	return oracle_extensions(o, p, 8, false);
}

static inline int oracle_ip(struct oracle *o, struct piece p, unsigned int ethertype)
{
	int r = PARSED_NOT_IP;

	if (ethertype == 0x0800)
		r = oracle_v4(o, p);
	if (ethertype == 0x86dd)
		r = oracle_v6(o, p);
	if (r) {
		memset(&o->out, 0, sizeof(o->out));
		return r;
	}
	if (o->embedded)
		o->out.flags |= PARSED_EMBEDDED;
	else if (o->out.protocol != 59 && !(o->out.flags & PARSED_FRAGMENT))
		o->out.payload = (uint32_t)(o->rest.at - o->base);
	return 0;
}

static inline int oracle_ethernet(struct oracle *o, struct piece p)
{
	const uint8_t *h;
	unsigned int tags = 0, type;
	int r;

	p.said = ORACLE_ENDLESS;
	r = piece_skip(&p, 12);
	for (; !r; tags++) {
		r = piece_eat(&p, 2, &h);
		if (r)
			return r;
		type = number(h, 2);
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
			return oracle_ip(o, p, type);
		if (tags == 2)
			return PARSED_TOO_DEEP;
		r = piece_skip(&p, 2);
	}
	return r;
}

static inline int oracle_gre(struct oracle *o, struct piece p)
{
	const uint8_t *h;
	size_t words;
	int r = piece_eat(&p, 4, &h);

	if (r)
		return r;
	if (h[1] & 7)
		return PARSED_NONE_INSIDE;
	if (h[0] & 0x4c)
		return PARSED_MALFORMED;
	words = !!(h[0] & 0x80) + !!(h[0] & 0x20) + !!(h[0] & 0x10);
	(void)piece_skip(&p, words * 4);
	return number(h + 2, 2) == 0x6558 ? oracle_ethernet(o, p)
					  : oracle_ip(o, p, number(h + 2, 2));
}

/* @outer: of a parse that went well. */
static inline int oracle_tunnel(struct oracle *o, const struct oracle *outer)
{
	unsigned int port = outer->out.destination_port;
	struct piece p = outer->rest;
	const uint8_t *h;
	int r;

	if (!outer->out.payload)
		return PARSED_NONE_INSIDE;
	if (p.have > p.said)
		p.have = p.said;
	p.said = ORACLE_ENDLESS;
	if (outer->out.protocol == 4 || outer->out.protocol == 41)
		return oracle_ip(o, p, outer->out.protocol == 4 ? 0x0800 : 0x86dd);
	if (outer->out.protocol == 47)
		return oracle_gre(o, p);
	if (outer->out.protocol != 17 || (port != 4789 && port != 8472 && port != 6081))
		return PARSED_NONE_INSIDE;
	r = piece_eat(&p, 8, &h);
	if (r)
		return r;
	if (port != 6081)
		return h[0] == 0x08 || h[0] == 0x88 ? oracle_ethernet(o, p) : PARSED_MALFORMED;
	if (h[0] >= 64)
		return PARSED_MALFORMED;
	if (h[1] & 0x80)
		return PARSED_NONE_INSIDE;
	(void)piece_skip(&p, (h[0] % 64) * 4U);
	return number(h + 2, 2) == 0x6558 ? oracle_ethernet(o, p)
					  : oracle_ip(o, p, number(h + 2, 2));
}

static inline int oracle_embedded(struct oracle *o, const struct oracle *outer)
{
	bool v6 = outer->out.flags & PARSED_IPV6;
	struct piece p = outer->rest;
	size_t told = 0;

	if (!(outer->out.flags & PARSED_ICMP_ERROR) || !outer->out.payload)
		return PARSED_NONE_INSIDE;
	if (p.have > p.said)
		p.have = p.said;
	if (!v6)
		told = outer->icmp_word[1] * 4U;
	else if (outer->out.icmp_type % 2)
		told = outer->icmp_word[0] * 8U;
	if (told && p.have > told)
		p.have = told;
	o->embedded = true;
	return oracle_ip(o, p, v6 ? 0x86dd : 0x0800);
}

/* All that the program tells of @len bytes. @base: what offsets are to begin with. */
static inline void oracle_run(const uint8_t *bytes, size_t len, unsigned int ethertype, size_t base,
			      struct run_result *ret)
{
	struct piece p = { bytes, len, ORACLE_ENDLESS };
	struct oracle outer = { .base = bytes - base }, tunnel = outer, embedded = outer;

	ret->r = ethertype ? oracle_ip(&outer, p, ethertype) : oracle_ethernet(&outer, p);
	ret->packet = outer.out;
	ret->tunnel_r = ret->r ? PARSED_NONE_INSIDE : oracle_tunnel(&tunnel, &outer);
	ret->tunnel = tunnel.out;
	ret->embedded_r = ret->r ? PARSED_NONE_INSIDE : oracle_embedded(&embedded, &outer);
	ret->embedded = embedded.out;
}

#endif
