/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_OPTIONS_H
#define WEIR_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/error.h"

/*
 * Command lines from one table per program: the table parses, checks, fills a settings struct
 * and writes --help, so none of them can drift from the others.
 *
 *	struct settings {
 *		struct weir_option_list listen;
 *		uint64_t interval_ns;
 *	};
 *	static const struct weir_option options[] = {
 *		{ .type = WEIR_OPTION_GROUP, .name = "Server" },
 *		{ .name = "listen", .type = WEIR_OPTION_LIST, .metavar = "ENDPOINT",
 *		  .offset = offsetof(struct settings, listen), .def = "127.0.0.1:4246",
 *		  .help = "Where to serve; may be repeated" },
 *		{ .name = "flow-interval", .type = WEIR_OPTION_DURATION, .def = "5s",
 *		  .offset = offsetof(struct settings, interval_ns), .min = WEIR_NS_PER_MS,
 *		  .help = "How often a live connection is reported" },
 *		{ 0 },
 *	};
 *
 * Accepted: --name=value, --name value, -n value, -nvalue, -n=value, letters of flags joined
 * (-fn), --flag, --flag=false, `--`; flags and arguments in any order. --help, -h and --version
 * are always there and are not in the table.
 */

enum weir_option_type {
	WEIR_OPTION_GROUP,     /* a heading in --help: only @name */
	WEIR_OPTION_FLAG,      /* bool */
	WEIR_OPTION_STRING,    /* const char *, borrowed from argv, environment or table; or NULL */
	WEIR_OPTION_CHOICE,    /* the same, one of @choices */
	WEIR_OPTION_UINT,      /* uint64_t within @min and @max */
	WEIR_OPTION_DURATION,  /* uint64_t nanoseconds, Go's syntax ("5s", "1m30s"), likewise */
	WEIR_OPTION_BYTES,     /* uint64_t bytes, "64Mi", "1Gi", "500k" (B, k, M, G, Ki, Mi, Gi) */
	WEIR_OPTION_LIST,      /* struct weir_option_list, one value each time it is given */
	WEIR_OPTION_CSV,       /* struct weir_option_list, comma-separated and repeatable */
};

/** struct weir_option_list - the values in the order given; owned, see weir_options_done(). */
struct weir_option_list {
	char **values;
	size_t count;
};

struct weir_option {
	const char *name;     /* without dashes; NULL ends the table */
	char letter;          /* 0: no short form */
	enum weir_option_type type;
	size_t offset;        /* of the field in the settings struct */
	const char *def;      /* default, parsed like a value and shown; NULL: zero, nothing shown.
			       * A LIST's or CSV's is comma-separated and goes when one is given. */
	const char *metavar;  /* NULL: one that suits the type */
	const char *help;     /* one sentence, no full stop */
	const char *env;      /* environment variable read when the flag is absent; or NULL */
	const char *choices;  /* CHOICE: "compact|dict|json" */
	uint64_t min;
	uint64_t max;         /* 0: no limit */
};

/** Options a table may hold. */
#define WEIR_OPTIONS_MAX 128

/** struct weir_options - a program's or a subcommand's command line. */
struct weir_options {
	const char *command;               /* "weir observe": how --help is asked for */
	const char *arguments;             /* shown behind [flags] in the usage line; or NULL */
	const char *about;                 /* paragraph above the flags */
	const char *epilogue;              /* text below the flags, printed as it is; or NULL */
	const struct weir_option *table;   /* ends with a zeroed entry */
	unsigned int max_arguments;        /* more positional arguments are refused */
};

enum weir_options_action {
	WEIR_OPTIONS_RUN,
	WEIR_OPTIONS_HELP,     /* --help was given: print weir_options_help() and leave with 0 */
	WEIR_OPTIONS_VERSION,  /* --version likewise */
};

struct weir_options_result {
	enum weir_options_action action;
	const char *const *arguments;   /* positional ones, borrowed from argv; owned array */
	size_t argument_count;
	uint64_t given[WEIR_OPTIONS_MAX / 64];  /* bit per table entry; see weir_options_given() */
};

/**
 * weir_options_parse() - fill @settings from defaults, the environment and @argv[1…].
 *
 * Shape:  @settings is set as a whole: every field named in the table first gets its default.
 * Owner:  release with weir_options_done() on success; on failure nothing is held.
 * Errors: -EINVAL with @err, one line such as "unknown flag '--foo' (see 'weir --help')" (main
 *         puts the program's name before it and leaves with 2); -ENOMEM. --help and --version
 *         win over anything wrong behind them.
 */
int weir_options_parse(const struct weir_options *options, int argc, char *const argv[],
		       void *settings, struct weir_options_result *ret_result,
		       struct weir_error *err);

/** weir_options_given() - whether @name came from the command line or the environment. */
bool weir_options_given(const struct weir_options *options,
			const struct weir_options_result *result, const char *name);

/** weir_options_done() - release lists in @settings and the argument array. */
void weir_options_done(const struct weir_options *options, void *settings,
		       struct weir_options_result *result);

/** weir_options_help() - append the --help text: 80 columns, grouped, defaults shown. */
void weir_options_help(const struct weir_options *options, struct weir_buf *out);

/** weir_options_bytes_parse() - "512", "64Mi", "1.5G"…: 0, -EINVAL or -ERANGE. */
int weir_options_bytes_parse(const char *text, uint64_t *ret_bytes);

#endif
