/* SPDX-License-Identifier: Apache-2.0 */
#include "api/filter.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/addr.h"
#include "lib/cleanup.h"

#define PORT_DIGITS_MAX 5

/* Of ::ffff:0:0/96, where struct weir_addr has IPv4. */
#define V4_PREFIX_BITS 96

enum side {
	SIDE_EITHER,
	SIDE_SOURCE,
	SIDE_DESTINATION,
	SIDE_MAX_,
};

enum what {
	WHAT_NAMESPACE,
	WHAT_POD,
	WHAT_IP,
	WHAT_PORT,
	WHAT_SNAT_IP,
	WHAT_MAX_,
};

/* An address as two words, in whatever byte order: it is only masked and compared. */
struct words {
	uint64_t w[2];
	bool is_none;
	bool is_v4;
};

/* One end of a flow as the terms see it. */
struct end {
	const struct weir_identity *identity;
	const struct weir_service_name *service;
	struct words addr;
	struct words asked_addr;
	struct words xlated;
	uint16_t port;
	uint16_t asked_port;
};

struct value {
	char *namespace_;    /* namespace and pod; NULL: any */
	char *prefix;        /* pod */
	size_t prefix_len;
	uint64_t network[2]; /* ip: as struct words, host bits zero */
	uint64_t mask[2];
	bool v6_only;
	uint16_t port;
};

/* The values of one term: any of them. */
struct term {
	struct value *values;
	size_t n;
};

struct weir_filter {
	struct term terms[WHAT_MAX_][SIDE_MAX_];
	uint64_t protocols[4];   /* a bit per IP protocol number */
	uint32_t verdicts;       /* a bit per enum weir_verdict */
	bool has_protocols;
	bool dns;                /* a protocol within others */
};

static const char *const side_prefixes[SIDE_MAX_] = { "", "from-", "to-" };
static const char *const what_names[WHAT_MAX_] = { "namespace", "pod", "ip", "port", "snat-ip" };

int weir_filter_new(struct weir_filter **ret_filter)
{
	struct weir_filter *filter = calloc(1, sizeof(*filter));

	if (!filter)
		return -ENOMEM;
	*ret_filter = filter;
	return 0;
}

static void value_done(struct value *value)
{
	free(value->namespace_);
	free(value->prefix);
	*value = (struct value){ 0 };
}

void weir_filter_free(struct weir_filter **filter)
{
	struct weir_filter *f = *filter;

	if (!f)
		return;
	for (int what = 0; what < WHAT_MAX_; what++) {
		for (int side = 0; side < SIDE_MAX_; side++) {
			struct term *term = &f->terms[what][side];

			for (size_t i = 0; i < term->n; i++)
				value_done(&term->values[i]);
			free(term->values);
		}
	}
	free(f);
	*filter = NULL;
}

static int parse_namespace(const char *text, struct value *value, struct weir_error *err)
{
	if (!*text || strchr(text, '/'))
		return weir_error_set(err, -EINVAL, "'%s' is not a namespace", text);
	value->namespace_ = strdup(text);
	return value->namespace_ ? 0 : -ENOMEM;
}

/* As `hubble observe --pod`: "ns/prefix", "ns/", "/prefix" in any, "prefix" in default. */
static int parse_pod(const char *text, struct value *value, struct weir_error *err)
{
	const char *slash = strchr(text, '/');
	const char *name = slash ? slash + 1 : text;

	if ((!*name && (!slash || slash == text)) || strchr(name, '/'))
		return weir_error_set(err, -EINVAL, "'%s' is not [NAMESPACE/]NAME-PREFIX", text);
	if (!slash)
		value->namespace_ = strdup("default");
	else if (slash > text)
		value->namespace_ = strndup(text, (size_t)(slash - text));
	value->prefix = strdup(name);
	value->prefix_len = strlen(name);
	if (!value->prefix || (slash != text && !value->namespace_))
		return -ENOMEM;
	return 0;
}

static int parse_ip(const char *text, struct value *value, struct weir_error *err)
{
	struct weir_addr mask = { 0 };
	struct weir_cidr cidr;

	if (weir_cidr_parse(text, &cidr))
		return weir_error_set(err, -EINVAL, "'%s' is not an address or CIDR", text);
	for (unsigned int bit = 0; bit < cidr.bits; bit++)
		mask.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	memcpy(value->network, cidr.addr.bytes, sizeof(value->network));
	memcpy(value->mask, mask.bytes, sizeof(value->mask));
	/* As weir_cidr_contains() has it. */
	value->v6_only = cidr.bits < V4_PREFIX_BITS;
	return 0;
}

static int parse_port(const char *text, struct value *value, struct weir_error *err)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long port;

	if (!digits || text[digits] || digits > PORT_DIGITS_MAX)
		return weir_error_set(err, -EINVAL, "'%s' is not a port (1 to 65535)", text);
	port = strtoul(text, NULL, 10);
	if (port < 1 || port > UINT16_MAX)
		return weir_error_set(err, -EINVAL, "'%s' is not a port (1 to 65535)", text);
	value->port = (uint16_t)port;
	return 0;
}

static int parse_value(enum what what, const char *text, struct value *value,
		       struct weir_error *err)
{
	switch (what) {
	case WHAT_NAMESPACE:
		return parse_namespace(text, value, err);
	case WHAT_POD:
		return parse_pod(text, value, err);
	case WHAT_IP:
	case WHAT_SNAT_IP:
		return parse_ip(text, value, err);
	default:
		return parse_port(text, value, err);
	}
}

static int add_value(struct term *term, enum what what, const char *text, struct weir_error *err)
{
	struct value value = { 0 };
	struct value *values;
	int r = parse_value(what, text, &value, err);

	if (r < 0) {
		value_done(&value);
		return r;
	}
	values = reallocarray(term->values, term->n + 1, sizeof(*values));
	if (!values) {
		value_done(&value);
		return -ENOMEM;
	}
	term->values = values;
	term->values[term->n++] = value;
	return 0;
}

static int add_protocol(struct weir_filter *filter, const char *text, struct weir_error *err)
{
	static const struct {
		const char *name;
		uint8_t numbers[2];
	} names[] = {
		{ "tcp", { IPPROTO_TCP, IPPROTO_TCP } },
		{ "udp", { IPPROTO_UDP, IPPROTO_UDP } },
		{ "sctp", { IPPROTO_SCTP, IPPROTO_SCTP } },
		{ "icmp", { IPPROTO_ICMP, IPPROTO_ICMPV6 } },
		{ "icmpv4", { IPPROTO_ICMP, IPPROTO_ICMP } },
		{ "icmpv6", { IPPROTO_ICMPV6, IPPROTO_ICMPV6 } },
	};

	if (!strcasecmp(text, "dns")) {
		filter->dns = filter->has_protocols = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(names[i].name, text))
			continue;
		for (int j = 0; j < 2; j++)
			filter->protocols[names[i].numbers[j] / 64] |= 1ULL
								       << names[i].numbers[j] % 64;
		filter->has_protocols = true;
		return 0;
	}
	return weir_error_set(err, -EINVAL,
			      "'%s' is not a protocol (tcp, udp, sctp, icmp, icmpv4, icmpv6, dns)",
			      text);
}

static int add_verdict(struct weir_filter *filter, const char *text, struct weir_error *err)
{
	for (int v = WEIR_VERDICT_UNKNOWN; v <= WEIR_VERDICT_ERROR; v++) {
		if (!strcasecmp(weir_verdict_to_str(v), text)) {
			filter->verdicts |= 1U << v;
			return 0;
		}
	}
	return weir_error_set(err, -EINVAL,
			      "'%s' is not a verdict (FORWARDED, DROPPED, ERROR, VERDICT_UNKNOWN)",
			      text);
}

static int add(struct weir_filter *filter, const char *name, const char *value,
	       struct weir_error *err)
{
	if (!strcmp(name, "protocol"))
		return add_protocol(filter, value, err);
	if (!strcmp(name, "verdict"))
		return add_verdict(filter, value, err);
	for (int side = 0; side < SIDE_MAX_; side++) {
		size_t len = strlen(side_prefixes[side]);

		if (strncmp(name, side_prefixes[side], len))
			continue;
		for (int what = 0; what < WHAT_MAX_; what++) {
			/* A source has one, and nobody else. */
			if (what == WHAT_SNAT_IP && side != SIDE_EITHER)
				continue;
			if (!strcmp(name + len, what_names[what]))
				return add_value(&filter->terms[what][side], what, value, err);
		}
	}
	return weir_error_set(err, -EINVAL, "no such filter");
}

int weir_filter_add(struct weir_filter *filter, const char *term, const char *value,
		    struct weir_error *err)
{
	struct weir_error why = { 0 };
	int r = add(filter, term, value, &why);

	if (r == -EINVAL)
		return weir_error_set(err, r, "%s: %s", term, why.text);
	if (r < 0)
		return weir_error_set(err, r, "%s: out of memory", term);
	return 0;
}

static bool namespace_matches(const struct value *value, const struct end *end)
{
	return !strcmp(end->identity->namespace_, value->namespace_) ||
	       (end->service && !strcmp(end->service->namespace_, value->namespace_));
}

static bool pod_matches(const struct value *value, const struct weir_identity *identity)
{
	if (identity->kind != WEIR_IDENTITY_POD)
		return false;
	if (value->namespace_ && strcmp(identity->namespace_, value->namespace_))
		return false;
	return !strncmp(identity->pod_name, value->prefix, value->prefix_len);
}

static struct words words_of(const struct weir_addr *addr)
{
	struct words words = { .is_none = weir_addr_is_none(addr), .is_v4 = weir_addr_is_v4(addr) };

	memcpy(words.w, addr->bytes, sizeof(words.w));
	return words;
}

static bool contains(const struct value *value, const struct words *addr)
{
	return !(((addr->w[0] & value->mask[0]) ^ value->network[0]) |
		 ((addr->w[1] & value->mask[1]) ^ value->network[1])) &&
	       !addr->is_none && !(value->v6_only && addr->is_v4);
}

static bool ip_matches(const struct value *value, const struct end *end)
{
	return contains(value, &end->addr) || contains(value, &end->asked_addr);
}

static bool value_matches(enum what what, const struct value *value, const struct end *end)
{
	switch (what) {
	case WHAT_NAMESPACE:
		return namespace_matches(value, end);
	case WHAT_POD:
		return pod_matches(value, end->identity);
	case WHAT_IP:
		return ip_matches(value, end);
	case WHAT_SNAT_IP:
		return contains(value, &end->xlated);
	default:
		return value->port == end->port || value->port == end->asked_port;
	}
}

static bool term_matches(const struct term *term, enum what what, enum side side,
			 const struct end ends[2])
{
	for (size_t i = 0; i < term->n; i++) {
		if (side != SIDE_DESTINATION && value_matches(what, &term->values[i], &ends[0]))
			return true;
		if (side != SIDE_SOURCE && value_matches(what, &term->values[i], &ends[1]))
			return true;
	}
	return false;
}

static bool protocol_matches(const struct weir_filter *filter, const struct weir_record *record)
{
	uint8_t protocol = record->flow.protocol;

	return (filter->protocols[protocol / 64] >> protocol % 64 & 1) ||
	       (filter->dns && record->dns);
}

bool weir_filter_match(const struct weir_filter *filter, const struct weir_record *record)
{
	const struct weir_flow *flow = &record->flow;
	struct end ends[2], *asked;

	if (record->kind != WEIR_RECORD_FLOW)
		return true;
	if (filter->has_protocols && !protocol_matches(filter, record))
		return false;
	if (filter->verdicts && !(filter->verdicts >> flow->verdict & 1))
		return false;
	ends[0] = (struct end){
		.identity = record->source,
		.addr = words_of(&flow->source_addr),
		.asked_addr.is_none = true,
		.xlated = words_of(&flow->source_xlated),
		.port = flow->source_port,
	};
	ends[1] = (struct end){
		.identity = record->destination,
		.addr = words_of(&flow->destination_addr),
		.asked_addr.is_none = true,
		.xlated.is_none = true,
		.port = flow->destination_port,
	};
	/* An answer comes from what was asked. */
	asked = &ends[record->dns && record->dns->response ? 0 : 1];
	asked->service = record->service;
	asked->asked_addr = words_of(&flow->asked_addr);
	asked->asked_port = flow->asked_port;
	for (int what = 0; what < WHAT_MAX_; what++) {
		for (int side = 0; side < SIDE_MAX_; side++) {
			const struct term *term = &filter->terms[what][side];

			if (term->n && !term_matches(term, what, side, ends))
				return false;
		}
	}
	return true;
}
