/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_K8S_META_CLAIMS_H
#define WEIR_K8S_META_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/map.h"

/*
 * Who had a key (an address; an address, port and protocol) and when. A claim is an interval of
 * one owner on one key: open while the owner has the key, then closed and kept for a while. Both
 * indexes of the store over time are such tables.
 */

/** Instants: CLOCK_MONOTONIC; this one means "still". */
#define WEIR_CLAIM_OPEN UINT64_MAX

/** The longest key: struct weir_addr, port, protocol. */
#define WEIR_CLAIM_KEY_MAX 20

/** Keys that nobody claims any more and that are remembered for having been claimed. */
#define WEIR_CLAIM_REMEMBER_MAX 65536

/** Kinds are the user's, below this. */
#define WEIR_CLAIM_KIND_MAX 4

struct weir_claim_key;

struct weir_claim {
	struct weir_claim *next;            /* on the same key, newest first */
	struct weir_claim_key *key;
	struct weir_claim_list *owner;
	LIST_ENTRY(weir_claim) owned;
	TAILQ_ENTRY(weir_claim) closed;     /* in the table's queue, once closed */
	uint64_t from_ns;
	uint64_t until_ns;                  /* exclusive; WEIR_CLAIM_OPEN */
	uint32_t round;                     /* of weir_claim_table_set() that saw it last */
	uint8_t kind;                       /* the user's */
};

/** struct weir_claim_list - all claims of one owner. Embedded in the owner. */
struct weir_claim_list {
	LIST_HEAD(, weir_claim) claims;
	void *value;                        /* what a lookup is to find: the user's */
};

/** struct weir_claim_key - a key that is claimed, or was. */
struct weir_claim_key {
	union {
		struct weir_claim *claims;
		TAILQ_ENTRY(weir_claim_key) idle;  /* while is_idle */
	};
	bool is_idle;
	uint8_t bytes[WEIR_CLAIM_KEY_MAX];
};

struct weir_claim_table {
	struct weir_map keys;
	size_t key_len;
	size_t remember;                    /* how many idle keys are kept */
	size_t n_open[WEIR_CLAIM_KIND_MAX];
	size_t n_idle;
	uint32_t round;
	TAILQ_HEAD(, weir_claim) closed;    /* oldest first */
	TAILQ_HEAD(, weir_claim_key) idle;  /* oldest first */
};

/** weir_claim_table_init() - @remember: how many keys without claims to keep, 0 for none. */
void weir_claim_table_init(struct weir_claim_table *table, size_t key_len, size_t remember);

/** weir_claim_table_done() - frees all claims and keys; owners' lists are then invalid. */
void weir_claim_table_done(struct weir_claim_table *table);

void weir_claim_list_init(struct weir_claim_list *owner, void *value);

/** weir_claim_table_begin() - from now on weir_claim_table_claim() names all that the next
 * weir_claim_table_end() is to leave open. */
void weir_claim_table_begin(struct weir_claim_table *table);

/**
 * weir_claim_table_claim() - @owner has @key, since @now_ns if it had not before.
 *
 * Errors: -ENOMEM.
 */
int weir_claim_table_claim(struct weir_claim_table *table, const void *key, uint8_t kind,
			   struct weir_claim_list *owner, uint64_t now_ns);

/** weir_claim_table_end() - close the open claims of @owner that were not named since
 * weir_claim_table_begin(). */
void weir_claim_table_end(struct weir_claim_table *table, struct weir_claim_list *owner,
			  uint64_t now_ns);

/** weir_claim_table_forget() - free all claims of an owner that goes away. */
void weir_claim_table_forget(struct weir_claim_table *table, struct weir_claim_list *owner);

/** weir_claim_table_expire() - free claims closed before @before_ns. O(freed). */
void weir_claim_table_expire(struct weir_claim_table *table, uint64_t before_ns);

/**
 * weir_claim_table_lookup() - the first claim that holds at @at_ns, newest first; then
 * weir_claim_next() gives the others.
 *
 * Shape:  one hash lookup. An instant before every claim on the key counts as within all of
 *         them: sources tell of owners after these began.
 * @ret_known: whether the key is or was claimed; may be NULL.
 */
const struct weir_claim *weir_claim_table_lookup(const struct weir_claim_table *table,
						 const void *key, uint64_t at_ns, bool *ret_known);

const struct weir_claim *weir_claim_next(const struct weir_claim *claim, uint64_t at_ns);

#endif
