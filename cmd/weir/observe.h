/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_OBSERVE_H
#define WEIR_CMD_WEIR_OBSERVE_H

#include "lib/error.h"

/**
 * weir_observe_main() - `weir observe`; @argv[0] is not looked at.
 *
 * Errors: -EINVAL for a command line that means nothing, -EREMOTEIO when the server says so of the
 *         request; others when something failed on the way. @err has one line in each case.
 */
int weir_observe_main(int argc, char *const argv[], struct weir_error *err);

#endif
