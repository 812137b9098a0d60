/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_put.h"

#include <stdio.h>

#include "dns/types.h"

/* Append @n strings that follow each other as an array, if any; returns what follows them. */
static const char *put_texts(struct weir_buf *out, const char *text, size_t n)
{
	WEIR_JSON_LIT(out, "[");
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(text);

		weir_json_string(out, text, len);
		WEIR_JSON_LIT(out, ",");
		text += len + 1;
	}
	weir_json_close(out, ']');
	return text;
}

void weir_json_names(struct weir_buf *out, const struct weir_record_names *names)
{
	const char *text;

	if (!names)
		return;
	text = names->text;
	if (names->n_source) {
		WEIR_JSON_LIT(out, "\"source_names\":");
		text = put_texts(out, text, names->n_source);
	}
	if (names->n_destination) {
		WEIR_JSON_LIT(out, "\"destination_names\":");
		(void)put_texts(out, text, names->n_destination);
	}
}

static void put_ips(struct weir_buf *out, const struct weir_record_dns *dns)
{
	char text[WEIR_ADDR_TEXT_MAX];

	if (!dns->n_ips)
		return;
	WEIR_JSON_LIT(out, "\"ips\":[");
	for (size_t i = 0; i < dns->n_ips; i++) {
		const char *ip = weir_addr_to_str(&dns->ips[i], text);

		weir_json_string(out, ip, strlen(ip));
		WEIR_JSON_LIT(out, ",");
	}
	weir_json_close(out, ']');
}

static void put_types(struct weir_buf *out, const uint16_t *types, size_t n)
{
	char text[WEIR_DNS_TYPE_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		WEIR_JSON_LIT(out, "\"");
		weir_buf_puts(out, weir_dns_type_to_str(types[i], text));
		WEIR_JSON_LIT(out, "\",");
	}
	weir_json_close(out, ']');
}

static void put_message(struct weir_buf *out, const struct weir_record_dns *dns)
{
	const char *cnames = dns->text + strlen(dns->text) + 1;

	WEIR_JSON_LIT(out, "\"dns\":{");
	WEIR_JSON_STR(out, "\"query\":", dns->text);
	put_ips(out, dns);
	WEIR_JSON_U32(out, "\"ttl\":", dns->ttl);
	if (dns->n_cnames) {
		WEIR_JSON_LIT(out, "\"cnames\":");
		(void)put_texts(out, cnames, dns->n_cnames);
	}
	WEIR_JSON_LIT(out, "\"observation_source\":\"weir\",");
	WEIR_JSON_U32(out, "\"rcode\":", dns->rcode);
	if (dns->has_question) {
		WEIR_JSON_LIT(out, "\"qtypes\":[");
		put_types(out, &dns->qtype, 1);
	}
	if (dns->n_rrtypes) {
		WEIR_JSON_LIT(out, "\"rrtypes\":[");
		put_types(out, dns->rrtypes, dns->n_rrtypes);
	}
	if (dns->truncated)
		WEIR_JSON_LIT(out, "\"truncated\":true,");
	weir_json_close(out, '}');
}

static void put_summary(struct weir_buf *out, const struct weir_record_dns *dns)
{
	char type[WEIR_DNS_TYPE_TEXT_MAX], rcode[WEIR_DNS_TYPE_TEXT_MAX];
	char text[WEIR_DNS_NAME_MAX + 64];
	int n;

	n = snprintf(text, sizeof(text), "DNS %s %s", dns->response ? "Answer" : "Query",
		     *dns->text ? dns->text : "?");
	if (dns->has_question)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %s",
			      weir_dns_type_to_str(dns->qtype, type));
	if (dns->response)
		(void)snprintf(text + n, sizeof(text) - (size_t)n, "; %s",
			       weir_dns_rcode_to_str(dns->rcode, rcode));
	WEIR_JSON_STR(out, "\"Summary\":", text);
}

void weir_json_dns(struct weir_buf *out, const struct weir_record_dns *dns)
{
	WEIR_JSON_LIT(out, "\"l7\":{");
	if (dns->response)
		WEIR_JSON_LIT(out, "\"type\":\"RESPONSE\",");
	else
		WEIR_JSON_LIT(out, "\"type\":\"REQUEST\",");
	WEIR_JSON_U64(out, "\"latency_ns\":", dns->latency_ns);
	put_message(out, dns);
	weir_json_close(out, '}');
	put_summary(out, dns);
}
