/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DNS_TYPES_H
#define WEIR_DNS_TYPES_H

#include <stdint.h>

/* The names of DNS's numbers, as IANA's registry "Domain Name System (DNS) Parameters" has them. */

/** Room for the longest name with its NUL. */
#define WEIR_DNS_TYPE_TEXT_MAX 16

/** weir_dns_type_to_str() - "A", "AAAA", …, or "TYPE65280" (RFC 3597 section 5) in @text. */
const char *weir_dns_type_to_str(uint16_t type, char *text);

/** weir_dns_rcode_to_str() - "NOERROR", "NXDOMAIN", …, or "RCODE12" in @text. */
const char *weir_dns_rcode_to_str(uint16_t rcode, char *text);

#endif
