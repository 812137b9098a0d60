/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DNS_MESSAGE_H
#define WEIR_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

/** Room for a name's text: 255 octets, each perhaps as \DDD, and the NUL. */
#define WEIR_DNS_NAME_MAX 1025

#define WEIR_DNS_IPS_MAX 32
#define WEIR_DNS_CNAMES_MAX 8
#define WEIR_DNS_RRTYPES_MAX 16

/**
 * struct weir_dns_message - what a DNS query or the answer to one says (RFC 1035 section 4).
 *
 * Shape:  bounded, by value, some 10 KiB. Names are ASCII in lower case, as zone files write them:
 *         with a dot at the end, what is no letter, digit or the like escaped (RFC 1035 section 5.1).
 *         Lists are of the answer section, in its order; what does not fit is left out (@cut).
 */
struct weir_dns_message {
	uint16_t id;
	bool response;
	bool truncated;   /* the sender says so: TC */
	bool cut;         /* lists are not whole: the end was not captured, or too much for them */
	bool has_question;
	uint8_t rcode;    /* of a response: as in the header */
	uint16_t qtype;   /* with @has_question */
	uint32_t ttl;     /* the lowest of the answer section, s; 0 when that is empty, too */
	uint8_t n_ips;
	uint8_t n_cnames;
	uint8_t n_rrtypes;
	uint32_t own_ips; /* a bit for each of @ips: it is the question's name's, through CNAMEs */
	struct weir_addr ips[WEIR_DNS_IPS_MAX];       /* of A and AAAA records */
	uint16_t rrtypes[WEIR_DNS_RRTYPES_MAX];       /* each once */
	char query[WEIR_DNS_NAME_MAX];                /* with @has_question; else "" */
	char cnames[WEIR_DNS_CNAMES_MAX][WEIR_DNS_NAME_MAX];  /* what CNAME records point at */
};

/**
 * weir_dns_message_parse() - take a message apart; on failure @message has nothing to read.
 *
 * @bytes:    without the length that TCP puts before it; foreign, any alignment.
 * @captured: how many there are of the @len that the message had.
 * Errors: -EBADMSG for what is no query and no answer to one: too short, with more than one question,
 *         of another opcode, with a question or answer section that cannot be. What comes behind the
 *         answer section is not looked at. -ENOMEM.
 */
int weir_dns_message_parse(struct weir_dns_message *message, const void *bytes, size_t captured,
			   size_t len);

#endif
