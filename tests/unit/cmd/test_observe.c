/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/weir/observe.h"
#include "lib/buf.h"
#include "tests/unit/api/served.h"

#define ARGS_MAX 8
#define HISTORY_BYTES (1 << 20)

/* Nothing listens there, so what is not refused before connecting is told by another error. */
#define NOWHERE "--server=unix:/nonexistent/weirt.sock"

static int observe(const char *const *args, struct weir_error *err)
{
	char *argv[ARGS_MAX + 2] = { (char *)"observe" };
	int argc = 1;

	while (args[argc - 1]) {
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	return weir_observe_main(argc, argv, err);
}

/* The same with standard output in a file; what it holds then is appended to @out. */
static int observe_output(const char *const *args, struct weir_buf *out, struct weir_error *err)
{
	char path[] = "/tmp/weirt-observe-XXXXXX";
	int fd = mkstemp(path), saved, r;
	char *room;
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	(void)fflush(stdout);
	saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(saved >= 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	r = observe(args, err);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(close(saved), 0);
	room = weir_buf_room(out, BUFSIZ);
	assert_non_null(room);
	n = pread(fd, room, BUFSIZ, 0);
	assert_true(n >= 0);
	out->len += (size_t)n;
	assert_int_equal(close(fd), 0);
	return r;
}

static void observe_bad_flags_are_refused_before_connecting(void **state)
{
	static const struct {
		const char *args[ARGS_MAX];
		const char *want;
	} cases[] = {
		{ { "--since", "5m", "--last", "1" }, "--last and --since exclude each other" },
		{ { "-f", "--last=1", "--since=5m" }, "--last and --since exclude each other" },
		{ { "--last", "0" },
		  "flag '--last': '0' is not between 1 and 9007199254740992 "
		  "(see 'weir observe --help')" },
		{ { "--all", "--last", "1" }, "--all and --last cannot be combined" },
		{ { "--all", "--since", "1m" }, "--all and --since cannot be combined" },
		{ { "-o", "yaml" },
		  "flag '--output': 'yaml' is none of compact, dict, json, jsonpb, table, tab "
		  "(see 'weir observe --help')" },
		{ { "-f", "-o", "tab" }, "-o table has no end to align with --follow" },
		{ { "--input-file", "-", "--last", "1" },
		  "--last is the server's work and cannot be combined with --input-file" },
		{ { "agents" }, "unknown subcommand 'agents' (see 'weir observe --help')" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_error err = { 0 };

		assert_int_equal(observe(cases[i].args, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].want);
	}
}

static void observe_sound_flags_get_as_far_as_connecting(void **state)
{
	static const char *const cases[][ARGS_MAX] = {
		{ NOWHERE },
		{ NOWHERE, "--last", "1", "--until", "5m" },
		{ NOWHERE, "--last", "1", "-f" },
		{ NOWHERE, "--since", "5m", "--until", "1m" },
		{ NOWHERE, "--all", "-f" },
		/* What --help and the man page give as examples. */
		{ NOWHERE, "-f", "--verdict", "VERDICT_UNKNOWN" },
		{ NOWHERE, "--since", "5m", "--to-pod", "shop/cart" },
		{ NOWHERE, "--verdict", "forwarded,dropped,error,verdict_unknown" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_error err = { 0 };

		if (observe(cases[i], &err) != -EHOSTUNREACH)
			fail_msg("case %zu: %s", i, err.text);
	}
}

static size_t lines_of(const char *const *args)
{
	struct weir_error err = { 0 };
	struct weir_buf out;
	size_t lines = 0;

	weir_buf_init(&out, 0);
	if (observe_output(args, &out, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < out.len; i++)
		lines += out.data[i] == '\n';
	/* Not a byte, rather than a line without its end. */
	assert_true(lines || !out.len);
	weir_buf_done(&out);
	return lines;
}

/* The server's address as a flag; @room is that of a path and some more. */
static void server_flag(const struct weirt_served *served, char *room, size_t size)
{
	(void)snprintf(room, size, "--server=unix:%s", served->path);
}

static void observe_without_records_prints_nothing(void **state)
{
	static const char *const formats[] = {
		"compact", "dict", "json", "jsonpb", "table", "tab",
	};
	struct weirt_served served;
	char flag[sizeof("--server=unix:") + sizeof(served.path)];

	weirt_serve(&served, HISTORY_BYTES, 0);
	server_flag(&served, flag, sizeof(flag));
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const char *const file[] = { "--input-file=/dev/null", "-o", formats[i], NULL };
		const char *const server[] = { flag, "-o", formats[i], NULL };

		assert_int_equal(lines_of(file), 0);
		assert_int_equal(lines_of(server), 0);
	}
	weirt_unserve(&served);
}

static void observe_server_sends_what_was_asked_for(void **state)
{
	static const struct {
		const char *args[ARGS_MAX - 1];
		size_t want;
	} cases[] = {
		{ { NULL }, 20 },
		{ { "--last", "2" }, 2 },
		{ { "--last", "1", "--until", "0s" }, 1 },
		{ { "--all" }, 30 },
		{ { "--since", "1h" }, 30 },
		{ { "-o", "tab" }, 21 },
		{ { "--verdict", "DROPPED" }, 0 },
		{ { "--verdict", "forwarded", "--last", "3" }, 3 },
	};
	struct weirt_served served;
	char flag[sizeof("--server=unix:") + sizeof(served.path)];

	weirt_serve(&served, HISTORY_BYTES, 0);
	server_flag(&served, flag, sizeof(flag));
	(void)weirt_tell(&served, 'p', 30);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *args[ARGS_MAX + 1] = { flag };
		size_t got;

		memcpy(args + 1, cases[i].args, sizeof(cases[i].args));
		got = lines_of(args);
		if (got != cases[i].want)
			fail_msg("case %zu: %zu lines, want %zu", i, got, cases[i].want);
	}
	weirt_unserve(&served);
}

static void observe_help_names_every_format(void **state)
{
	static const char *const words[] = {
		"compact", "dict", "json", "jsonpb", "table", "tab",
	};
	const char *const args[] = { "--help", NULL };
	struct weir_error err = { 0 };
	struct weir_buf out;
	const char *line;

	weir_buf_init(&out, 0);
	assert_int_equal(observe_output(args, &out, &err), 0);
	line = strstr(weir_buf_cstr(&out), "--output FORMAT");
	assert_non_null(line);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);
		const char *end = strstr(line, "--color"), *word = line;

		do {
			word = strstr(word + 1, words[i]);
			if (!word || word > end)
				fail_msg("--help does not say %s", words[i]);
		} while (word[-1] != ' ' || !strchr(", (\n", word[len]));
	}
	weir_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(observe_bad_flags_are_refused_before_connecting),
		cmocka_unit_test(observe_sound_flags_get_as_far_as_connecting),
		cmocka_unit_test(observe_without_records_prints_nothing),
		cmocka_unit_test(observe_server_sends_what_was_asked_for),
		cmocka_unit_test(observe_help_names_every_format),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
