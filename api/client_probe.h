/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_CLIENT_PROBE_H
#define WEIR_API_CLIENT_PROBE_H

#include "lib/addr.h"

/**
 * weir_client_probe() - why there is no way to @endpoint.
 *
 * libwebsockets tells that a connection failed, not always why; the kernel does when asked again.
 * Blocks for 100 ms at most.
 *
 * Returns -ENOENT, -ECONNREFUSED, …, or 0 when no reason shows (also for a host that is a name:
 * another lookup may take long).
 */
int weir_client_probe(const struct weir_endpoint *endpoint);

#endif
