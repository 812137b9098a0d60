/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/print.h"

#include <errno.h>
#include <unistd.h>

#include "cmd/weir/output.h"

int weir_print_action(const struct weir_options *options, enum weir_options_action action)
{
	struct weir_output output;
	int r;

	weir_output_init(&output, STDOUT_FILENO, NULL);
	if (action == WEIR_OPTIONS_VERSION)
		weir_buf_puts(&output.buf, "weir " WEIR_VERSION "\n");
	else
		weir_options_help(options, &output.buf);
	r = weir_output_flush(&output);
	weir_output_done(&output);
	return r == -EPIPE ? 0 : r;
}
