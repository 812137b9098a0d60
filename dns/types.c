/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/types.h"

#include <stddef.h>
#include <string.h>

struct number_name {
	uint16_t number;
	const char *name;
};

static const struct number_name types[] = {
	{ 1, "A" },	    { 2, "NS" },	 { 5, "CNAME" },   { 6, "SOA" },
	{ 12, "PTR" },	    { 13, "HINFO" },	 { 15, "MX" },	   { 16, "TXT" },
	{ 28, "AAAA" },	    { 29, "LOC" },	 { 33, "SRV" },	   { 35, "NAPTR" },
	{ 39, "DNAME" },    { 41, "OPT" },	 { 43, "DS" },	   { 44, "SSHFP" },
	{ 46, "RRSIG" },    { 47, "NSEC" },	 { 48, "DNSKEY" }, { 50, "NSEC3" },
	{ 51, "NSEC3PARAM" }, { 52, "TLSA" },	 { 53, "SMIMEA" }, { 59, "CDS" },
	{ 60, "CDNSKEY" },  { 61, "OPENPGPKEY" }, { 64, "SVCB" },  { 65, "HTTPS" },
	{ 99, "SPF" },	    { 249, "TKEY" },	 { 250, "TSIG" },  { 251, "IXFR" },
	{ 252, "AXFR" },    { 255, "ANY" },	 { 256, "URI" },   { 257, "CAA" },
};

static const struct number_name rcodes[] = {
	{ 0, "NOERROR" },  { 1, "FORMERR" },  { 2, "SERVFAIL" }, { 3, "NXDOMAIN" },
	{ 4, "NOTIMP" },   { 5, "REFUSED" },  { 6, "YXDOMAIN" }, { 7, "YXRRSET" },
	{ 8, "NXRRSET" },  { 9, "NOTAUTH" },  { 10, "NOTZONE" }, { 11, "DSOTYPENI" },
	{ 16, "BADVERS" }, { 23, "BADCOOKIE" },
};

static const char *find(const struct number_name *names, size_t n, uint16_t number)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].number == number)
			return names[i].name;
	return NULL;
}

static const char *numbered(const char *prefix, uint16_t number, char *text)
{
	size_t len = strlen(prefix), digits = 1;

	for (uint16_t rest = number; rest >= 10; rest /= 10)
		digits++;
	memcpy(text, prefix, len);
	text[len + digits] = '\0';
	while (digits--) {
		text[len + digits] = (char)('0' + number % 10);
		number /= 10;
	}
	return text;
}

const char *weir_dns_type_to_str(uint16_t type, char *text)
{
	const char *name = find(types, sizeof(types) / sizeof(types[0]), type);

	return name ? name : numbered("TYPE", type, text);
}

const char *weir_dns_rcode_to_str(uint16_t rcode, char *text)
{
	const char *name = find(rcodes, sizeof(rcodes) / sizeof(rcodes[0]), rcode);

	return name ? name : numbered("RCODE", rcode, text);
}
