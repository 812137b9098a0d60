/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "lib/cleanup.h"
#include "lib/map.h"

/* Which name an answer's record belongs to, by the hashes of their texts. */
struct links {
	uint64_t ip_owners[WEIR_DNS_IPS_MAX];
	uint64_t cname_owners[WEIR_DNS_CNAMES_MAX];
	uint64_t cname_targets[WEIR_DNS_CNAMES_MAX];
};

struct reader {
	const uint8_t *bytes;
	size_t len;
	size_t at;
};

static void free_rr(ldns_rr **rr)
{
	ldns_rr_free(*rr);
}

static int from_status(ldns_status status)
{
	return status == LDNS_STATUS_MEM_ERR ? -ENOMEM : -EBADMSG;
}

static void to_lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

static uint64_t text_hash(const char *text)
{
	return weir_hash_bytes(text, strlen(text));
}

static int name_to_text(const ldns_rdf *name, char text[WEIR_DNS_NAME_MAX])
{
	_cleanup_free_ char *own = NULL;
	size_t len;

	if (!name || ldns_rdf_get_type(name) != LDNS_RDF_TYPE_DNAME)
		return -EBADMSG;
	own = ldns_rdf2str(name);
	if (!own)
		return -ENOMEM;
	len = strlen(own);
	if (!len || len >= WEIR_DNS_NAME_MAX)
		return -EBADMSG;
	memcpy(text, own, len + 1);
	to_lower(text);
	return 0;
}

static int next_rr(struct reader *reader, ldns_pkt_section section, ldns_rr **ret_rr)
{
	ldns_rr *rr = NULL;
	ldns_status status;

	if (reader->at >= reader->len)
		return -EBADMSG;
	status = ldns_wire2rr(&rr, reader->bytes, reader->len, &reader->at, section);
	if (status != LDNS_STATUS_OK)
		return from_status(status);
	*ret_rr = rr;
	return 0;
}

static int read_question(struct weir_dns_message *message, struct reader *reader)
{
	_cleanup_(free_rr) ldns_rr *rr = NULL;
	int r;

	r = next_rr(reader, LDNS_SECTION_QUESTION, &rr);
	if (r < 0)
		return r;
	r = name_to_text(ldns_rr_owner(rr), message->query);
	if (r < 0)
		return r;
	message->has_question = true;
	message->qtype = (uint16_t)ldns_rr_get_type(rr);
	return 0;
}

static void add_rrtype(struct weir_dns_message *message, uint16_t type)
{
	for (size_t i = 0; i < message->n_rrtypes; i++)
		if (message->rrtypes[i] == type)
			return;
	if (message->n_rrtypes == WEIR_DNS_RRTYPES_MAX)
		message->cut = true;
	else
		message->rrtypes[message->n_rrtypes++] = type;
}

static int addr_from_rr(const ldns_rr *rr, struct weir_addr *ret_addr)
{
	static const struct weir_addr mapped = { { [10] = 0xff, 0xff } };
	const ldns_rdf *data = ldns_rr_rdf(rr, 0);
	struct weir_addr addr = mapped;
	size_t want = ldns_rr_get_type(rr) == LDNS_RR_TYPE_A ? 4 : sizeof(addr.bytes);

	if (!data || ldns_rdf_size(data) != want)
		return -EBADMSG;
	memcpy(addr.bytes + sizeof(addr.bytes) - want, ldns_rdf_data(data), want);
	*ret_addr = addr;
	return 0;
}

static int add_ip(struct weir_dns_message *message, struct links *links, const ldns_rr *rr)
{
	char owner[WEIR_DNS_NAME_MAX];
	int r;

	if (message->n_ips == WEIR_DNS_IPS_MAX) {
		message->cut = true;
		return 0;
	}
	r = name_to_text(ldns_rr_owner(rr), owner);
	if (r < 0)
		return r;
	r = addr_from_rr(rr, &message->ips[message->n_ips]);
	if (r < 0)
		return r;
	links->ip_owners[message->n_ips++] = text_hash(owner);
	return 0;
}

static int add_cname(struct weir_dns_message *message, struct links *links, const ldns_rr *rr)
{
	char owner[WEIR_DNS_NAME_MAX];
	char *target;
	int r;

	if (message->n_cnames == WEIR_DNS_CNAMES_MAX) {
		message->cut = true;
		return 0;
	}
	target = message->cnames[message->n_cnames];
	r = name_to_text(ldns_rr_owner(rr), owner);
	if (r < 0)
		return r;
	r = name_to_text(ldns_rr_rdf(rr, 0), target);
	if (r < 0)
		return r;
	links->cname_owners[message->n_cnames] = text_hash(owner);
	links->cname_targets[message->n_cnames++] = text_hash(target);
	return 0;
}

static int read_answer(struct weir_dns_message *message, struct links *links, struct reader *reader,
		       bool first)
{
	_cleanup_(free_rr) ldns_rr *rr = NULL;
	ldns_rr_type type;
	int r;

	r = next_rr(reader, LDNS_SECTION_ANSWER, &rr);
	if (r < 0)
		return r;
	type = ldns_rr_get_type(rr);
	if (first || ldns_rr_ttl(rr) < message->ttl)
		message->ttl = ldns_rr_ttl(rr);
	add_rrtype(message, (uint16_t)type);
	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return 0;
	if (type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA)
		return add_ip(message, links, rr);
	if (type == LDNS_RR_TYPE_CNAME)
		return add_cname(message, links, rr);
	return 0;
}

static int read_answers(struct weir_dns_message *message, struct links *links,
			struct reader *reader, size_t n, bool whole)
{
	for (size_t i = 0; i < n; i++) {
		int r = read_answer(message, links, reader, i == 0);

		if (r == -EBADMSG && !whole) {
			message->cut = true;
			return 0;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static bool holds(const uint64_t *hashes, size_t n, uint64_t hash)
{
	for (size_t i = 0; i < n; i++)
		if (hashes[i] == hash)
			return true;
	return false;
}

/* An answer may have records of names that nobody asked for. They tell nothing about the one that
 * was: whoever answers could otherwise give any name to any address. */
static void find_own_ips(struct weir_dns_message *message, const struct links *links)
{
	uint64_t own[1 + WEIR_DNS_CNAMES_MAX] = { text_hash(message->query) };
	size_t n = 1, before;

	do {
		before = n;
		for (size_t i = 0; i < message->n_cnames; i++)
			if (holds(own, n, links->cname_owners[i]) &&
			    !holds(own, n, links->cname_targets[i]))
				own[n++] = links->cname_targets[i];
	} while (n > before);
	for (size_t i = 0; i < message->n_ips; i++)
		if (holds(own, n, links->ip_owners[i]))
			message->own_ips |= 1U << i;
}

/* All but the texts, of which what counts is written. */
static void clear(struct weir_dns_message *message)
{
	memset(message, 0, offsetof(struct weir_dns_message, query) + 1);
}

int weir_dns_message_parse(struct weir_dns_message *message, const void *bytes, size_t captured,
			   size_t len)
{
	struct reader reader = { .bytes = bytes, .len = captured, .at = LDNS_HEADER_SIZE };
	struct links links;
	int r;

	clear(message);
	if (captured < LDNS_HEADER_SIZE || captured > len)
		return -EBADMSG;
	if (LDNS_OPCODE_WIRE(reader.bytes) != LDNS_PACKET_QUERY || LDNS_QDCOUNT(reader.bytes) > 1)
		return -EBADMSG;
	message->id = LDNS_ID_WIRE(reader.bytes);
	message->response = LDNS_QR_WIRE(reader.bytes);
	message->truncated = LDNS_TC_WIRE(reader.bytes);
	if (LDNS_QDCOUNT(reader.bytes)) {
		r = read_question(message, &reader);
		if (r < 0)
			return r;
	}
	if (!message->response)
		return 0;
	message->rcode = LDNS_RCODE_WIRE(reader.bytes);
	r = read_answers(message, &links, &reader, LDNS_ANCOUNT(reader.bytes), captured == len);
	if (r < 0)
		return r;
	if (message->has_question)
		find_own_ips(message, &links);
	return 0;
}
