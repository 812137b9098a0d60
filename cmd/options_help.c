/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/options.h"

#include <string.h>

#define COLUMNS 80

/* Longest flag that still has its help beside it; a longer one has it on the next line. */
#define FLAG_COLUMN_MAX 34

static const char *metavar(const struct weir_option *option)
{
	if (option->metavar)
		return option->metavar;
	switch (option->type) {
	case WEIR_OPTION_GROUP:
	case WEIR_OPTION_FLAG:
		return NULL;
	case WEIR_OPTION_STRING:
		return "TEXT";
	case WEIR_OPTION_CHOICE:
		return option->choices;
	case WEIR_OPTION_UINT:
		return "N";
	case WEIR_OPTION_DURATION:
		return "DURATION";
	case WEIR_OPTION_BYTES:
		return "BYTES";
	case WEIR_OPTION_LIST:
	case WEIR_OPTION_CSV:
		return "VALUE";
	}
	return NULL;
}

static void put_flag(const struct weir_option *option, struct weir_buf *out)
{
	if (option->letter)
		weir_buf_printf(out, "  -%c, --%s", option->letter, option->name);
	else
		weir_buf_printf(out, "      --%s", option->name);
	if (metavar(option))
		weir_buf_printf(out, " %s", metavar(option));
}

/* A word, or as much of a list without blanks as fits a line. */
static size_t piece(const char *text, size_t room)
{
	size_t len = strcspn(text, " "), i;

	if (len <= room)
		return len;
	for (i = room; i > 1 && text[i - 1] != ','; i--)
		;
	return i > 1 ? i : len;
}

/* Words of @text from @column on, broken before COLUMNS, continued at @indent. */
static void put_wrapped(const char *text, size_t column, size_t indent, struct weir_buf *out)
{
	bool first = true, blank = false;

	while (*text) {
		size_t len = piece(text, COLUMNS - indent);

		if (!first && column + blank + len > COLUMNS) {
			weir_buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (blank) {
			weir_buf_putc(out, ' ');
			column++;
		}
		weir_buf_put(out, text, len);
		column += len;
		text += len;
		blank = *text == ' ';
		text += strspn(text, " ");
		first = false;
	}
	weir_buf_putc(out, '\n');
}

static void put_option(const struct weir_option *option, size_t indent, struct weir_buf *out)
{
	struct weir_buf flag, help;
	size_t column;

	weir_buf_init(&flag, 0);
	put_flag(option, &flag);
	weir_buf_put(out, flag.data, flag.len);
	column = flag.len;
	weir_buf_done(&flag);
	if (column + 2 > indent) {
		weir_buf_putc(out, '\n');
		column = 0;
	}
	weir_buf_printf(out, "%*s", (int)(indent - column), "");

	weir_buf_init(&help, 0);
	weir_buf_puts(&help, option->help);
	if (option->def && option->type != WEIR_OPTION_FLAG)
		weir_buf_printf(&help, " (default %s)", option->def);
	if (option->env)
		weir_buf_printf(&help, " [$%s]", option->env);
	put_wrapped(weir_buf_cstr(&help), indent, indent, out);
	weir_buf_done(&help);
}

static size_t help_column(const struct weir_options *options)
{
	size_t widest = strlen("      --version");

	for (const struct weir_option *option = options->table; option->name; option++) {
		struct weir_buf flag;

		if (option->type == WEIR_OPTION_GROUP)
			continue;
		weir_buf_init(&flag, 0);
		put_flag(option, &flag);
		if (flag.len > widest && flag.len <= FLAG_COLUMN_MAX)
			widest = flag.len;
		weir_buf_done(&flag);
	}
	return widest + 2;
}

void weir_options_help(const struct weir_options *options, struct weir_buf *out)
{
	static const struct weir_option general[] = {
		{ .name = "help", .letter = 'h', .type = WEIR_OPTION_FLAG,
		  .help = "Print this text" },
		{ .name = "version", .type = WEIR_OPTION_FLAG, .help = "Print the version" },
	};
	size_t indent = help_column(options);

	if (options->about) {
		put_wrapped(options->about, 0, 0, out);
		weir_buf_putc(out, '\n');
	}
	weir_buf_printf(out, "Usage:\n  %s [flags]%s%s\n", options->command,
			options->arguments ? " " : "",
			options->arguments ? options->arguments : "");
	if (options->table->name && options->table->type != WEIR_OPTION_GROUP)
		weir_buf_puts(out, "\nFlags:\n");
	for (const struct weir_option *option = options->table; option->name; option++) {
		if (option->type == WEIR_OPTION_GROUP)
			weir_buf_printf(out, "\n%s:\n", option->name);
		else
			put_option(option, indent, out);
	}
	weir_buf_puts(out, "\nGeneral:\n");
	for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++)
		put_option(&general[i], indent, out);
	if (options->epilogue)
		weir_buf_printf(out, "\n%s", options->epilogue);
}
