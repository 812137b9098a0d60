/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_RECORD_DNS_H
#define WEIR_API_RECORD_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/message.h"
#include "lib/addr.h"

/** struct weir_record_names - by which names each end knew the other; one piece of memory. */
struct weir_record_names {
	uint32_t bytes;  /* of all of it */
	uint8_t n_source;
	uint8_t n_destination;
	char text[];     /* those of the source, then of the destination, each with its NUL */
};

/**
 * weir_record_names_new() - copy names of the source and of the destination.
 *
 * Owner:  the caller, who releases it with free(); or the record it is put in.
 * Errors: -ENOMEM.
 */
int weir_record_names_new(const char *const *source, size_t n_source,
			  const char *const *destination, size_t n_destination,
			  struct weir_record_names **ret_names);

/** struct weir_record_dns - what of a DNS message is told; one piece of memory. */
struct weir_record_dns {
	uint32_t bytes;       /* of all of it */
	bool response;
	bool has_question;
	bool truncated;       /* by its sender: TC */
	uint8_t rcode;
	uint16_t qtype;
	uint16_t n_rrtypes;
	uint16_t n_ips;
	uint16_t n_cnames;
	uint32_t ttl;         /* s */
	uint64_t latency_ns;  /* of a response: since it was asked for; 0 unknown */
	uint16_t rrtypes[WEIR_DNS_RRTYPES_MAX];
	const struct weir_addr *ips;  /* within */
	const char *text;     /* within: the name asked for, then @n_cnames, each with its NUL */
};

/** weir_record_dns_new() - as weir_record_names_new(). */
int weir_record_dns_new(const struct weir_dns_message *message, uint64_t latency_ns,
			struct weir_record_dns **ret_dns);

#endif
