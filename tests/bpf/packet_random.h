/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_BPF_PACKET_RANDOM_H
#define WEIR_TESTS_BPF_PACKET_RANDOM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Packets at random: noise, chains of IPv6 headers, and crafted packets with something changed.
 * The same seed makes the same packets.
 */
#define RANDOM_BYTES_MAX 448

struct random_packet {
	size_t len;
	unsigned int ethertype; /* 0: Ethernet */
	uint8_t bytes[RANDOM_BYTES_MAX];
};

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
static inline uint32_t random_u32(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 0x2545f4914f6cdd1dULL) >> 32);
}

static inline uint32_t random_below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(((uint64_t)random_u32(seed) * n) >> 32);
}

static inline void random_fill(uint64_t *seed, uint8_t *at, size_t n)
{
	while (n--)
		*at++ = (uint8_t)random_u32(seed);
}

/* Bytes that mean something somewhere: protocols, versions, types, lengths. */
static inline uint8_t random_telling(uint64_t *seed)
{
	static const uint8_t telling[] = {
		0,    1,    2,    3,    4,   5,   6,   8,  11,   12,   17,   41,
		43,   44,   47,   50,   51,  58,  59,  60, 128,  129,  131,  132,
		135,  136,  137,  139,  140, 255, 127, 64, 0x45, 0x46, 0x4f, 0x60,
		0x50, 0x20, 0x1f, 0x40, 7,   9,   16,  20, 28,   40,   253,  0x88,
	};

	return telling[random_below(seed, sizeof(telling))];
}

static inline void random_noise(uint64_t *seed, struct random_packet *p)
{
	static const uint16_t ethertypes[] = { 0, 0x0800, 0x86dd, 0x0800, 0x86dd, 0x0806 };

	p->len = random_below(seed, 160);
	p->ethertype = ethertypes[random_below(seed, 6)];
	random_fill(seed, p->bytes, p->len);
	if (p->ethertype && p->len && random_below(seed, 4))
		p->bytes[0] = p->ethertype == 0x0800 ? 0x40 | (p->bytes[0] & 15) : 0x60;
}

/* Up to ten headers with lengths that mostly add up. */
static inline void random_chain(uint64_t *seed, struct random_packet *p)
{
	static const uint8_t uppers[] = { 6, 17, 132, 136, 58, 1, 4, 41, 47, 50, 59, 6, 17, 58 };
	static const uint8_t kinds[] = { 0, 43, 44, 51, 60, 135, 139, 140 };
	uint32_t n = random_below(seed, 11);
	size_t next = 6, size, said;

	memset(p->bytes, 0, sizeof(p->bytes));
	random_fill(seed, p->bytes + 8, 32);
	p->ethertype = 0x86dd;
	p->bytes[0] = 0x60;
	p->len = 40;
	for (; n--; p->len += size) {
		uint8_t kind = kinds[random_below(seed, 64) ? random_below(seed, 8) : 0];
		uint8_t units = (uint8_t)(random_below(seed, 8) ? 0 : random_below(seed, 4));

		if (kind == 0 && p->len > 40 && random_below(seed, 8))
			kind = 60;
		p->bytes[next] = kind;
		next = p->len;
		size = 8 + 8 * (size_t)units;
		if (kind == 51)
			units = (uint8_t)(2 * units + 1), size = (units + 2U) * 4;
		random_fill(seed, p->bytes + p->len, size);
		p->bytes[p->len + 1] = units;
		if (random_below(seed, 4))
			memset(p->bytes + p->len + 2, 0, 2);
		if (kind == 44)
			size = 8;
	}
	p->bytes[next] = uppers[random_below(seed, sizeof(uppers))];
	size = random_below(seed, 48);
	random_fill(seed, p->bytes + p->len, size);
	if (random_below(seed, 2) && size > 12)
		p->bytes[p->len + 12] = 0x50;
	if (random_below(seed, 2) && size > 4)
		p->bytes[p->len + 4] = 0, p->bytes[p->len + 5] = (uint8_t)random_below(seed, 48);
	p->len += size;
	said = p->len - 40 + (random_below(seed, 8) ? 0 : random_below(seed, 16) - 8);
	p->bytes[4] = (uint8_t)(said >> 8);
	p->bytes[5] = (uint8_t)said;
}

static inline void random_insert(uint64_t *seed, struct random_packet *p)
{
	size_t at = random_below(seed, (uint32_t)p->len + 1), n = 1U << random_below(seed, 5);

	if (p->len + n > RANDOM_BYTES_MAX)
		return;
	memmove(p->bytes + at + n, p->bytes + at, p->len - at);
	if (random_below(seed, 2))
		random_fill(seed, p->bytes + at, n);
	p->len += n;
}

static inline void random_remove(uint64_t *seed, struct random_packet *p)
{
	size_t at = random_below(seed, (uint32_t)p->len), n = 1U << random_below(seed, 5);

	if (at + n > p->len)
		return;
	memmove(p->bytes + at, p->bytes + at + n, p->len - at - n);
	p->len -= n;
}

/* The end of another packet in place of this one's. */
static inline void random_splice(uint64_t *seed, struct random_packet *p,
				 const struct random_packet *other)
{
	size_t at = random_below(seed, (uint32_t)p->len + 1);
	size_t from = random_below(seed, (uint32_t)other->len + 1);
	size_t n = other->len - from;

	if (at + n > RANDOM_BYTES_MAX)
		return;
	memcpy(p->bytes + at, other->bytes + from, n);
	p->len = at + n;
}

static inline void random_mutate(uint64_t *seed, struct random_packet *p,
				 const struct random_packet *other)
{
	size_t at;

	if (!p->len)
		return;
	at = random_below(seed, (uint32_t)p->len);
	switch (random_below(seed, 16)) {
	case 0:
		random_insert(seed, p);
		break;
	case 1:
		random_remove(seed, p);
		break;
	case 2:
		random_splice(seed, p, other);
		break;
	case 3:
	case 4:
		p->bytes[at] ^= (uint8_t)(1U << random_below(seed, 8));
		break;
	case 5:
	case 6:
	case 7:
		p->bytes[at] = (uint8_t)(p->bytes[at] + random_below(seed, 9) - 4);
		break;
	case 8:
		p->bytes[at] = (uint8_t)random_u32(seed);
		break;
	case 9: /* the protocol of whatever begins the packet */
		at = p->ethertype == 0x86dd ? 6 : 9;
		/* fallthrough */
	default:
		if (at < p->len)
			p->bytes[at] = random_telling(seed);
	}
}

/* @crafted: of which to make more. */
static inline void random_make(uint64_t *seed, const struct random_packet *crafted, size_t n,
			       struct random_packet *ret)
{
	uint32_t how = random_below(seed, 8), times;

	if (how == 0) {
		random_noise(seed, ret);
	} else {
		if (how == 1)
			random_chain(seed, ret);
		else
			*ret = crafted[random_below(seed, (uint32_t)n)];
		for (times = random_below(seed, 5); times; times--)
			random_mutate(seed, ret, &crafted[random_below(seed, (uint32_t)n)]);
	}
	if (ret->len && !random_below(seed, 4))
		ret->len = random_below(seed, (uint32_t)ret->len);
}

#endif
