/* SPDX-License-Identifier: Apache-2.0 */
#include "api/record_dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t texts_bytes(const char *const *texts, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(texts[i]) + 1;
	return bytes;
}

static char *put_text(char *at, const char *text)
{
	size_t bytes = strlen(text) + 1;

	memcpy(at, text, bytes);
	return at + bytes;
}

int weir_record_names_new(const char *const *source, size_t n_source,
			  const char *const *destination, size_t n_destination,
			  struct weir_record_names **ret_names)
{
	size_t bytes = sizeof(struct weir_record_names) + texts_bytes(source, n_source) +
		       texts_bytes(destination, n_destination);
	struct weir_record_names *names = malloc(bytes);
	char *at;

	if (!names)
		return -ENOMEM;
	names->bytes = (uint32_t)bytes;
	names->n_source = (uint8_t)n_source;
	names->n_destination = (uint8_t)n_destination;
	at = names->text;
	for (size_t i = 0; i < n_source; i++)
		at = put_text(at, source[i]);
	for (size_t i = 0; i < n_destination; i++)
		at = put_text(at, destination[i]);
	*ret_names = names;
	return 0;
}

int weir_record_dns_new(const struct weir_dns_message *message, uint64_t latency_ns,
			struct weir_record_dns **ret_dns)
{
	size_t ips_bytes = message->n_ips * sizeof(message->ips[0]);
	size_t bytes = sizeof(struct weir_record_dns) + ips_bytes + strlen(message->query) + 1;
	struct weir_record_dns *dns;
	char *at;

	for (size_t i = 0; i < message->n_cnames; i++)
		bytes += strlen(message->cnames[i]) + 1;
	dns = malloc(bytes);
	if (!dns)
		return -ENOMEM;
	at = (char *)(dns + 1);
	*dns = (struct weir_record_dns){
		.bytes = (uint32_t)bytes,
		.response = message->response,
		.has_question = message->has_question,
		.truncated = message->truncated,
		.rcode = message->rcode,
		.qtype = message->qtype,
		.n_rrtypes = message->n_rrtypes,
		.n_ips = message->n_ips,
		.n_cnames = message->n_cnames,
		.ttl = message->ttl,
		.latency_ns = latency_ns,
		.ips = (const struct weir_addr *)at,
		.text = at + ips_bytes,
	};
	memcpy(dns->rrtypes, message->rrtypes, sizeof(dns->rrtypes));
	memcpy(at, message->ips, ips_bytes);
	at = put_text(at + ips_bytes, message->query);
	for (size_t i = 0; i < message->n_cnames; i++)
		at = put_text(at, message->cnames[i]);
	*ret_dns = dns;
	return 0;
}
