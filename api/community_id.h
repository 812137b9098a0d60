/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_COMMUNITY_ID_H
#define WEIR_API_COMMUNITY_ID_H

#include <stdint.h>

#include "lib/addr.h"

/** Room for "1:", 28 characters of base64, the NUL, and a byte that libwebsockets wants to spare. */
#define WEIR_COMMUNITY_ID_MAX 32

/**
 * weir_community_id() - the Community ID of a TCP, UDP or SCTP connection, seed 0.
 *
 * Shape:  the same for both directions. Ports in host byte order. Returns @text, which has
 *         WEIR_COMMUNITY_ID_MAX bytes; "" when the two addresses are of different families.
 * Source: Community ID flow hash, version 1 (github.com/corelight/community-id-spec).
 */
const char *weir_community_id(uint8_t protocol, const struct weir_addr *source,
			      uint16_t source_port, const struct weir_addr *destination,
			      uint16_t destination_port, char *text);

#endif
