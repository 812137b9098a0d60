/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_PRINT_H
#define WEIR_CMD_WEIR_PRINT_H

#include "cmd/options.h"

/** weir_print_action() - what --help or --version ask for, on standard output; 0 or -errno. */
int weir_print_action(const struct weir_options *options, enum weir_options_action action);

#endif
