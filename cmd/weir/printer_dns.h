/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_PRINTER_DNS_H
#define WEIR_CMD_WEIR_PRINTER_DNS_H

#include "api/record_view.h"
#include "lib/buf.h"

/**
 * weir_printer_dns() - append what a DNS message says, in Hubble's words:
 * `DNS Query example.com. A`, `DNS Answer "192.0.2.1" TTL: 30 (Weir example.com. A); 1.2ms`.
 */
void weir_printer_dns(const struct weir_view_dns *dns, struct weir_buf *out);

#endif
