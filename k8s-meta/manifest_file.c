/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/manifest_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "k8s-meta/decode.h"
#include "k8s-meta/json_text.h"
#include "k8s-meta/yaml.h"
#include "lib/buf.h"
#include "lib/cleanup.h"

#define READ_BYTES ((size_t)64 * 1024)

struct parse {
	const char *input;
	struct weir_objects *objects;
	struct weir_error *err;
};

static bool ends_with(const char *text, const char *suffix)
{
	size_t len = strlen(text), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(text + len - suffix_len, suffix);
}

bool weir_manifest_is_name(const char *name)
{
	return name[0] != '.' &&
	       (ends_with(name, ".yaml") || ends_with(name, ".yml") || ends_with(name, ".json"));
}

static int on_document(void *ctx, struct json_object *document, unsigned long line)
{
	struct parse *parse = ctx;

	return weir_decode_document(document, parse->input, line, parse->objects, parse->err);
}

int weir_manifest_parse(const char *text, size_t len, const char *input,
			struct weir_objects *objects, struct weir_error *err)
{
	struct parse parse = { .input = input, .objects = objects, .err = err };

	if (ends_with(input, ".json"))
		return weir_json_read(text, len, input, on_document, &parse, err);
	return weir_yaml_read(text, len, input, on_document, &parse, err);
}

static int fail_large(const char *path, struct weir_error *err)
{
	return weir_error_set(err, -EINVAL,
			      "%s: larger than %d MiB: split it into several manifests", path,
			      WEIR_MANIFEST_MIB_MAX);
}

static int read_all(int fd, const char *path, struct weir_buf *text, struct weir_error *err)
{
	for (;;) {
		char *room = weir_buf_room(text, READ_BYTES);
		ssize_t n;

		if (!room)
			return weir_error_set(err, text->failed, "%s: out of memory", path);
		n = read(fd, room, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return weir_error_set(err, -errno, "%s: cannot read: %s", path,
					      strerror(errno));
		if (!n)
			return 0;
		text->len += (size_t)n;
		if (text->len > WEIR_MANIFEST_BYTES_MAX)
			return fail_large(path, err);
	}
}

int weir_manifest_read(const char *path, struct weir_objects *objects, struct stat *ret_stat,
		       struct weir_error *err)
{
	_cleanup_(weir_buf_done) struct weir_buf text;
	_cleanup_fd_ int fd = -1;
	struct stat st;
	int r;

	weir_buf_init(&text, 0);
	/* O_NONBLOCK: a FIFO of that name must not stop us */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return weir_error_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	*ret_stat = st;
	if (!S_ISREG(st.st_mode))
		return weir_error_set(err, -EINVAL, "%s: is not a regular file", path);
	if (st.st_size > (off_t)WEIR_MANIFEST_BYTES_MAX)
		return fail_large(path, err);
	r = read_all(fd, path, &text, err);
	if (r < 0)
		return r;
	return weir_manifest_parse(text.len ? text.data : "", text.len, path, objects, err);
}
