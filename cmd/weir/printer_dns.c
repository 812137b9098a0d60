/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/printer_dns.h"

#include <inttypes.h>
#include <string.h>

#include "cmd/weir/format.h"
#include "dns/types.h"

/* DNS's own codes end here; JSON's numbers do not. */
#define RCODE_MAX 4095

static void put_question(const struct weir_view_dns *dns, struct weir_buf *out)
{
	weir_format_text(out, *dns->query ? dns->query : "?");
	if (*dns->qtype) {
		weir_buf_putc(out, ' ');
		weir_format_text(out, dns->qtype);
	}
}

static void put_list(const char *const *texts, size_t n, struct weir_buf *out)
{
	weir_buf_putc(out, '"');
	for (size_t i = 0; i < n; i++) {
		if (i)
			weir_buf_putc(out, ',');
		weir_format_text(out, texts[i]);
	}
	weir_buf_puts(out, "\" ");
}

static void put_answer(const struct weir_view_dns *dns, struct weir_buf *out)
{
	char text[WEIR_DNS_TYPE_TEXT_MAX];

	if (dns->rcode) {
		weir_buf_puts(out, "RCode: ");
		if (dns->rcode <= RCODE_MAX)
			weir_buf_puts(out, weir_dns_rcode_to_str((uint16_t)dns->rcode, text));
		else
			weir_buf_put_u64(out, dns->rcode);
		weir_buf_putc(out, ' ');
		return;
	}
	if (dns->n_ips)
		put_list(dns->ips, dns->n_ips, out);
	if (dns->n_cnames) {
		weir_buf_puts(out, "CNAMEs: ");
		put_list(dns->cnames, dns->n_cnames, out);
	}
	weir_buf_printf(out, "TTL: %" PRIu64 " ", dns->ttl);
}

void weir_printer_dns(const struct weir_view_dns *dns, struct weir_buf *out)
{
	if (!dns->response) {
		weir_buf_puts(out, "DNS Query ");
		put_question(dns, out);
		return;
	}
	weir_buf_puts(out, "DNS Answer ");
	put_answer(dns, out);
	weir_buf_putc(out, '(');
	if (!strcmp(dns->source, "weir"))
		weir_buf_puts(out, "Weir ");
	else if (!strcmp(dns->source, "proxy"))
		weir_buf_puts(out, "Proxy ");
	else
		weir_buf_puts(out, "Query ");
	put_question(dns, out);
	weir_buf_putc(out, ')');
	if (dns->latency_ns) {
		weir_buf_puts(out, "; ");
		weir_format_span(out, dns->latency_ns);
	}
}
