/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_STATUS_H
#define WEIR_CMD_WEIR_STATUS_H

#include "api/status_view.h"
#include "lib/buf.h"
#include "lib/error.h"

/** weir_status_main() - `weir status`; errors as weir_observe_main(). */
int weir_status_main(int argc, char *const argv[], struct weir_error *err);

/** weir_status_print() - the status of the agent behind @server, for people. */
void weir_status_print(const struct weir_status_view *view, const char *server,
		       struct weir_buf *out);

#endif
