/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_TOOLS_OPTIONS_H
#define WEIR_TESTS_TOOLS_OPTIONS_H

#include "tests/tools/common.h"

/* One option of a tool, "--NAME", and where its value goes: one of the pointers. */
struct option {
	const char *name;
	uint64_t *number;
	uint64_t max; /* of *@number */
	const char **text;
	bool *flag; /* set by the name alone: no value follows */
	FILE **out; /* opened for writing */
	struct endpoints *endpoints;
};

static inline void option_set(const struct option *option, const char *value)
{
	if (option->number)
		*option->number = parse_number(option->name, value, option->max);
	else if (option->text)
		*option->text = value;
	else if (option->endpoints)
		*option->endpoints = endpoints_parse(value);
	else if (!(*option->out = fopen(value, "we")))
		die("%s: %s: %s", option->name, value, strerror(errno));
}

/* @options end with one that has no name; argv[0] is left out. */
static inline void options_parse(const struct option *options, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct option *option = options;

		while (option->name && strcmp(option->name, argv[i]))
			option++;
		if (!option->name)
			die("unknown option '%s'", argv[i]);
		if (option->flag)
			*option->flag = true;
		else if (++i < argc)
			option_set(option, argv[i]);
		else
			die("%s needs a value", option->name);
	}
}

/* What is not written is no truth. */
static inline void out_close(FILE *out)
{
	if (out && fclose(out))
		die("--out: %s", strerror(errno));
}

#endif
