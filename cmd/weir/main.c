/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/options.h"
#include "cmd/weir/observe.h"
#include "cmd/weir/print.h"
#include "cmd/weir/session.h"
#include "cmd/weir/status.h"

#define EXIT_USAGE 2

static const struct weir_option no_options[] = { { 0 } };

static const struct weir_options main_options = {
	.command = "weir",
	.arguments = "COMMAND",
	.about = "See who talks to whom on this node: every connection, by the names of pods, "
		 "Services and processes.",
	.epilogue = "Commands:\n"
		    "  observe   Show flows, past and present\n"
		    "  status    Show how the agent is doing\n"
		    "  version   Print the version\n"
		    "  help      Print this text, or that of a command: weir help observe\n",
	.table = no_options,
	.max_arguments = 1,
};

static int version_main(int argc, char *const argv[], struct weir_error *err)
{
	static const struct weir_options options = {
		.command = "weir version", .about = "Print the version.", .table = no_options,
	};
	struct weir_options_result result;
	int r = weir_options_parse(&options, argc, argv, NULL, &result, err);

	if (r < 0)
		return r;
	r = weir_print_action(&options, result.action == WEIR_OPTIONS_HELP ? WEIR_OPTIONS_HELP
									   : WEIR_OPTIONS_VERSION);
	weir_options_done(&options, NULL, &result);
	return r;
}

static const struct command {
	const char *name;
	int (*run)(int argc, char *const argv[], struct weir_error *err);
} commands[] = {
	{ "observe", weir_observe_main },
	{ "status", weir_status_main },
	{ "version", version_main },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name, struct weir_error *err)
{
	return weir_error_set(err, -EINVAL, "unknown command '%s' (see 'weir --help')", name);
}

static int help_main(int argc, char *const argv[], struct weir_error *err)
{
	const struct command *command;
	char *const help[] = { argv[0], (char *)"--help", NULL };

	if (argc < 2)
		return weir_print_action(&main_options, WEIR_OPTIONS_HELP);
	command = find_command(argv[1]);
	return command ? command->run(2, help, err) : unknown_command(argv[1], err);
}

/* Flags before a command: --help and --version are the only ones there are. */
static int flags_main(int argc, char *const argv[], struct weir_error *err)
{
	struct weir_options_result result;
	int r = weir_options_parse(&main_options, argc, argv, NULL, &result, err);

	if (r < 0)
		return r;
	if (result.action == WEIR_OPTIONS_RUN)
		r = weir_error_set(err, -EINVAL, "which command? (see 'weir --help')");
	else
		r = weir_print_action(&main_options, result.action);
	weir_options_done(&main_options, NULL, &result);
	return r;
}

/* `weir --server X observe` is `weir observe --server X`. */
static void put_command_first(int argc, char *argv[])
{
	int flags;
	char *command;

	if (argc < 2 || strncmp(argv[1], "--server", strlen("--server")) != 0)
		return;
	flags = strchr(argv[1], '=') ? 1 : 2;
	if (argc < 2 + flags)
		return;
	command = argv[1 + flags];
	memmove(argv + 2, argv + 1, (size_t)flags * sizeof(*argv));
	argv[1] = command;
}

static int run(int argc, char *argv[], struct weir_error *err)
{
	const struct command *command;
	int r = weir_session_catch_signals();

	if (r < 0)
		return weir_error_set(err, r, "cannot watch for signals: %s", strerror(-r));
	put_command_first(argc, argv);
	if (argc < 2 || argv[1][0] == '-')
		return flags_main(argc, argv, err);
	if (!strcmp(argv[1], "help"))
		return help_main(argc - 1, argv + 1, err);
	command = find_command(argv[1]);
	return command ? command->run(argc - 1, argv + 1, err) : unknown_command(argv[1], err);
}

int main(int argc, char *argv[])
{
	struct weir_error err = { 0 };
	int r = run(argc, argv, &err);

	if (r == 0)
		return 0;
	(void)fprintf(stderr, "weir: %s\n", err.text[0] ? err.text : strerror(-r));
	return r == -EINVAL || r == -EREMOTEIO ? EXIT_USAGE : 1;
}
