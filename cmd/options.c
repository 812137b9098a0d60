/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/time.h"

/* Who gave a value: how an error about it begins, and what --help is suggested. */
struct origin {
	const struct weir_options *options;
	const struct weir_option *option;
	const char *source;  /* "flag", "environment variable", "default of flag" */
};

struct parser {
	const struct weir_options *options;
	void *settings;
	struct weir_options_result *result;
	struct weir_error *err;
	char *const *argv;
	int argc;
	int at;  /* argument being read */
	const char **arguments;
};

static void *field(const struct weir_option *option, void *settings)
{
	return (char *)settings + option->offset;
}

static bool is_list(const struct weir_option *option)
{
	return option->type == WEIR_OPTION_LIST || option->type == WEIR_OPTION_CSV;
}

static void list_clear(struct weir_option_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->values[i]);
	free(list->values);
	*list = (struct weir_option_list){ 0 };
}

static int list_add(struct weir_option_list *list, const char *text, size_t len)
{
	_cleanup_free_ char *copy = strndup(text, len);
	char **values;

	if (!copy)
		return -ENOMEM;
	values = reallocarray(list->values, list->count + 1, sizeof(*values));
	if (!values)
		return -ENOMEM;
	list->values = values;
	values[list->count++] = TAKE_PTR(copy);
	return 0;
}

/* -EINVAL on an empty part: `--port 80,` is a slip, not a wish. */
static int list_add_parts(struct weir_option_list *list, const char *text)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		int r;

		if (!len)
			return -EINVAL;
		r = list_add(list, text, len);
		if (r < 0 || !text[len])
			return r;
		text += len + 1;
	}
}

int weir_options_bytes_parse(const char *text, uint64_t *ret_bytes)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} units[] = {
		{ "", 1 }, { "B", 1 },
		{ "k", 1000 }, { "K", 1000 }, { "kB", 1000 },
		{ "M", 1000000 }, { "MB", 1000000 },
		{ "G", 1000000000 }, { "GB", 1000000000 },
		{ "Ki", 1ULL << 10 }, { "KiB", 1ULL << 10 },
		{ "Mi", 1ULL << 20 }, { "MiB", 1ULL << 20 },
		{ "Gi", 1ULL << 30 }, { "GiB", 1ULL << 30 },
	};
	uint64_t whole = 0, thousandths = 0, scale = 1000;
	const char *p = text;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return -ERANGE;
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++)
			if (scale > 1) {
				scale /= 10;
				thousandths += (uint64_t)(*p - '0') * scale;
			}
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t bytes;

		if (strcmp(p, units[i].suffix))
			continue;
		if (__builtin_mul_overflow(whole, units[i].factor, &bytes) ||
		    __builtin_add_overflow(bytes, thousandths * units[i].factor / 1000, &bytes))
			return -ERANGE;
		*ret_bytes = bytes;
		return 0;
	}
	return -EINVAL;
}

static int parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "true", "1", "yes", "on" };
	static const char *const no[] = { "false", "0", "no", "off" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!strcmp(text, yes[i]))
			*ret = true;
		else if (!strcmp(text, no[i]))
			*ret = false;
		else
			continue;
		return 0;
	}
	return -EINVAL;
}

static int parse_uint(const char *text, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (errno)
		return -errno;
	return *end ? -EINVAL : 0;
}

static bool choice_holds(const char *choices, const char *text)
{
	size_t len = strlen(text);

	for (const char *p = choices; len; p++) {
		size_t part = strcspn(p, "|");

		if (part == len && !memcmp(p, text, len))
			return true;
		p += part;
		if (!*p)
			return false;
	}
	return false;
}

/* As people write it on a command line, "1h" and "1m30s": not protojson's seconds. */
static void put_duration(uint64_t ns, struct weir_buf *out)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {
		{ 3600 * WEIR_NS_PER_SEC, "h" }, { 60 * WEIR_NS_PER_SEC, "m" },
		{ WEIR_NS_PER_SEC, "s" }, { WEIR_NS_PER_MS, "ms" }, { WEIR_NS_PER_US, "us" },
		{ 1, "ns" },
	};

	if (!ns)
		weir_buf_puts(out, "0s");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns >= units[i].ns)
			weir_buf_printf(out, "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
		ns %= units[i].ns;
	}
}

static void number_to_str(const struct weir_option *option, uint64_t value, struct weir_buf *out)
{
	if (option->type == WEIR_OPTION_DURATION)
		put_duration(value, out);
	else
		weir_buf_put_u64(out, value);
	if (option->type == WEIR_OPTION_BYTES)
		weir_buf_puts(out, " bytes");
}

static int fail_value(const struct origin *origin, const char *value, const char *what,
		      struct weir_error *err)
{
	const struct weir_option *option = origin->option;
	bool env = !strcmp(origin->source, "environment variable");

	return weir_error_set(err, -EINVAL, "%s '%s%s': '%s' %s (see '%s --help')", origin->source,
			      env ? "" : "--", env ? option->env : option->name, value, what,
			      origin->options->command);
}

static int fail_range(const struct origin *origin, const char *value, struct weir_error *err)
{
	const struct weir_option *option = origin->option;
	struct weir_buf text;
	int r;

	weir_buf_init(&text, 0);
	if (option->max) {
		weir_buf_puts(&text, "is not between ");
		number_to_str(option, option->min, &text);
		weir_buf_puts(&text, " and ");
		number_to_str(option, option->max, &text);
	} else {
		weir_buf_puts(&text, "is less than ");
		number_to_str(option, option->min, &text);
	}
	r = fail_value(origin, value, weir_buf_cstr(&text), err);
	weir_buf_done(&text);
	return r;
}

static int set_number(const struct origin *origin, const char *value, uint64_t *ret,
		      struct weir_error *err)
{
	const struct weir_option *option = origin->option;
	const char *want;
	uint64_t number;
	int r;

	if (option->type == WEIR_OPTION_DURATION) {
		want = "is not a duration such as 500ms, 5s or 1m30s";
		r = weir_duration_parse(value, &number);
	} else if (option->type == WEIR_OPTION_BYTES) {
		want = "is not a size such as 4096, 64Mi or 1Gi";
		r = weir_options_bytes_parse(value, &number);
	} else {
		want = "is not a whole number";
		r = parse_uint(value, &number);
	}
	if (r == -ERANGE)
		return fail_value(origin, value, "is too large", err);
	if (r < 0)
		return fail_value(origin, value, want, err);
	if (number < option->min || (option->max && number > option->max))
		return fail_range(origin, value, err);
	*ret = number;
	return 0;
}

static int set_choice(const struct origin *origin, const char *value, const char **ret,
		      struct weir_error *err)
{
	const char *choices = origin->option->choices;
	struct weir_buf text;
	int r;

	if (choice_holds(choices, value)) {
		*ret = value;
		return 0;
	}
	weir_buf_init(&text, 0);
	weir_buf_puts(&text, "is none of ");
	for (const char *p = choices; *p; p++) {
		if (*p == '|')
			weir_buf_puts(&text, ", ");
		else
			weir_buf_putc(&text, *p);
	}
	r = fail_value(origin, value, weir_buf_cstr(&text), err);
	weir_buf_done(&text);
	return r;
}

static int set_value(const struct origin *origin, const char *value, void *settings,
		     struct weir_error *err)
{
	const struct weir_option *option = origin->option;
	void *to = field(option, settings);
	int r;

	switch (option->type) {
	case WEIR_OPTION_GROUP:
		return 0;
	case WEIR_OPTION_FLAG:
		if (parse_bool(value, to) < 0)
			return fail_value(origin, value, "is neither true nor false", err);
		return 0;
	case WEIR_OPTION_STRING:
		*(const char **)to = value;
		return 0;
	case WEIR_OPTION_CHOICE:
		return set_choice(origin, value, to, err);
	case WEIR_OPTION_UINT:
	case WEIR_OPTION_DURATION:
	case WEIR_OPTION_BYTES:
		return set_number(origin, value, to, err);
	case WEIR_OPTION_LIST:
		if (!*value)
			return fail_value(origin, value, "is empty", err);
		return list_add(to, value, strlen(value));
	case WEIR_OPTION_CSV:
		r = list_add_parts(to, value);
		if (r == -EINVAL)
			return fail_value(origin, value, "has an empty part", err);
		return r;
	}
	return -EINVAL;
}

static void zero_field(const struct weir_option *option, void *settings)
{
	void *to = field(option, settings);

	switch (option->type) {
	case WEIR_OPTION_GROUP:
		return;
	case WEIR_OPTION_FLAG:
		*(bool *)to = false;
		return;
	case WEIR_OPTION_STRING:
	case WEIR_OPTION_CHOICE:
		*(const char **)to = NULL;
		return;
	case WEIR_OPTION_UINT:
	case WEIR_OPTION_DURATION:
	case WEIR_OPTION_BYTES:
		*(uint64_t *)to = 0;
		return;
	case WEIR_OPTION_LIST:
	case WEIR_OPTION_CSV:
		*(struct weir_option_list *)to = (struct weir_option_list){ 0 };
		return;
	}
}

static int set_default(struct parser *p, const struct weir_option *option)
{
	const struct origin origin = { p->options, option, "default of flag" };

	if (!option->def)
		return 0;
	if (is_list(option))
		return list_add_parts(field(option, p->settings), option->def);
	return set_value(&origin, option->def, p->settings, p->err);
}

static void mark_given(struct parser *p, const struct weir_option *option)
{
	size_t i = (size_t)(option - p->options->table);

	p->result->given[i / 64] |= 1ULL << (i % 64);
}

static bool was_given(const struct parser *p, const struct weir_option *option)
{
	size_t i = (size_t)(option - p->options->table);

	return p->result->given[i / 64] >> (i % 64) & 1;
}

static int set_given(struct parser *p, const struct weir_option *option, const char *value)
{
	const struct origin origin = { p->options, option, "flag" };

	if (is_list(option) && !was_given(p, option))
		list_clear(field(option, p->settings));
	mark_given(p, option);
	return set_value(&origin, value, p->settings, p->err);
}

static int set_from_environment(struct parser *p)
{
	for (const struct weir_option *option = p->options->table; option->name; option++) {
		const struct origin origin = { p->options, option, "environment variable" };
		const char *value = option->env ? getenv(option->env) : NULL;
		int r;

		if (!value || !*value || was_given(p, option))
			continue;
		mark_given(p, option);
		if (is_list(option)) {
			list_clear(field(option, p->settings));
			r = list_add_parts(field(option, p->settings), value);
			if (r == -EINVAL)
				return fail_value(&origin, value, "has an empty part", p->err);
		} else {
			r = set_value(&origin, value, p->settings, p->err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct weir_option *find_name(const struct parser *p, const char *name, size_t len)
{
	for (const struct weir_option *option = p->options->table; option->name; option++)
		if (option->type != WEIR_OPTION_GROUP && strlen(option->name) == len &&
		    !memcmp(option->name, name, len))
			return option;
	return NULL;
}

static const struct weir_option *find_letter(const struct parser *p, char letter)
{
	for (const struct weir_option *option = p->options->table; option->name; option++)
		if (option->type != WEIR_OPTION_GROUP && option->letter == letter)
			return option;
	return NULL;
}

/* The next argument is the value, whatever it looks like: `--last -1` is then told off as such. */
static int set_from_next(struct parser *p, const struct weir_option *option)
{
	if (p->at + 1 >= p->argc)
		return weir_error_set(p->err, -EINVAL,
				      "flag '--%s' needs a value (see '%s --help')", option->name,
				      p->options->command);
	return set_given(p, option, p->argv[++p->at]);
}

static int parse_long(struct parser *p, const char *arg)
{
	const struct weir_option *option;
	size_t len = strcspn(arg, "=");

	if (!strcmp(arg, "help")) {
		p->result->action = WEIR_OPTIONS_HELP;
		return 0;
	}
	if (!strcmp(arg, "version")) {
		p->result->action = WEIR_OPTIONS_VERSION;
		return 0;
	}
	option = find_name(p, arg, len);
	if (!option)
		return weir_error_set(p->err, -EINVAL, "unknown flag '--%.*s' (see '%s --help')",
				      (int)(len > INT_MAX ? INT_MAX : len), arg,
				      p->options->command);
	if (arg[len])
		return set_given(p, option, arg + len + 1);
	if (option->type == WEIR_OPTION_FLAG)
		return set_given(p, option, "true");
	return set_from_next(p, option);
}

static int parse_letters(struct parser *p, const char *letters)
{
	for (; *letters; letters++) {
		const struct weir_option *option = find_letter(p, *letters);
		int r;

		if (!option && *letters == 'h') {
			p->result->action = WEIR_OPTIONS_HELP;
			return 0;
		}
		if (!option)
			return weir_error_set(p->err, -EINVAL,
					      "unknown flag '-%c' (see '%s --help')", *letters,
					      p->options->command);
		if (option->type != WEIR_OPTION_FLAG || letters[1] == '=') {
			const char *value = letters + 1 + (letters[1] == '=');

			return letters[1] ? set_given(p, option, value) : set_from_next(p, option);
		}
		r = set_given(p, option, "true");
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_argument(struct parser *p, const char *arg)
{
	if (p->result->argument_count >= p->options->max_arguments)
		return weir_error_set(p->err, -EINVAL, "unexpected argument '%s' (see '%s --help')",
				      arg, p->options->command);
	p->arguments[p->result->argument_count++] = arg;
	return 0;
}

static int parse_arguments(struct parser *p)
{
	bool flags = true;

	for (p->at = 1; p->at < p->argc; p->at++) {
		const char *arg = p->argv[p->at];
		int r;

		if (!flags || arg[0] != '-' || !arg[1]) {
			r = add_argument(p, arg);
		} else if (!strcmp(arg, "--")) {
			flags = false;
			r = 0;
		} else {
			r = arg[1] == '-' ? parse_long(p, arg + 2) : parse_letters(p, arg + 1);
		}
		if (r < 0 || p->result->action != WEIR_OPTIONS_RUN)
			return r;
	}
	return 0;
}

static int parse_all(struct parser *p)
{
	size_t count = 0;
	int r;

	for (const struct weir_option *option = p->options->table; option->name; option++) {
		if (++count > WEIR_OPTIONS_MAX)
			return -E2BIG;
		zero_field(option, p->settings);
	}
	for (const struct weir_option *option = p->options->table; option->name; option++) {
		r = set_default(p, option);
		if (r < 0)
			return r;
	}
	r = parse_arguments(p);
	if (r < 0 || p->result->action != WEIR_OPTIONS_RUN)
		return r;
	return set_from_environment(p);
}

int weir_options_parse(const struct weir_options *options, int argc, char *const argv[],
		       void *settings, struct weir_options_result *ret_result,
		       struct weir_error *err)
{
	struct weir_options_result result = { 0 };
	struct parser p = {
		.options = options, .settings = settings, .result = &result, .err = err,
		.argv = argv, .argc = argc,
	};
	int r;

	p.arguments = calloc((size_t)argc + 1, sizeof(*p.arguments));
	if (!p.arguments)
		return weir_error_set(err, -ENOMEM, "out of memory");
	result.arguments = p.arguments;
	r = parse_all(&p);
	if (r == -ENOMEM)
		(void)weir_error_set(err, r, "out of memory");
	if (r < 0) {
		weir_options_done(options, settings, &result);
		return r;
	}
	*ret_result = result;
	return 0;
}

bool weir_options_given(const struct weir_options *options,
			const struct weir_options_result *result, const char *name)
{
	for (size_t i = 0; options->table[i].name; i++)
		if (options->table[i].type != WEIR_OPTION_GROUP &&
		    !strcmp(options->table[i].name, name))
			return result->given[i / 64] >> (i % 64) & 1;
	return false;
}

void weir_options_done(const struct weir_options *options, void *settings,
		       struct weir_options_result *result)
{
	for (const struct weir_option *option = options->table; option->name; option++)
		if (is_list(option))
			list_clear(field(option, settings));
	free((void *)result->arguments);
	*result = (struct weir_options_result){ 0 };
}
