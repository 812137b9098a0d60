/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/output.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Many lines to a write, few enough that a reader sees them at once. */
#define FLUSH_BYTES (64 * 1024)

void weir_output_init(struct weir_output *output, int fd, const volatile sig_atomic_t *stop)
{
	*output = (struct weir_output){ .fd = fd, .stop = stop };
	weir_buf_init(&output->buf, 0);
}

void weir_output_done(struct weir_output *output)
{
	weir_buf_done(&output->buf);
}

static int write_all(struct weir_output *output)
{
	const char *at = output->buf.data;
	size_t left = output->buf.len;

	while (left) {
		ssize_t n = write(output->fd, at, left);

		if (n >= 0) {
			at += n;
			left -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd pollfd = { .fd = output->fd, .events = POLLOUT };

			(void)poll(&pollfd, 1, -1);
		} else if (errno != EINTR) {
			return -errno;
		}
		if (n < 0 && output->stop && *output->stop)
			return -EINTR;
	}
	return 0;
}

int weir_output_flush(struct weir_output *output)
{
	if (!output->error)
		output->error = output->buf.failed ? output->buf.failed : write_all(output);
	weir_buf_clear(&output->buf);
	return output->error;
}

int weir_output_added(struct weir_output *output)
{
	if (output->error || output->buf.failed || output->buf.len >= FLUSH_BYTES)
		return weir_output_flush(output);
	return 0;
}
