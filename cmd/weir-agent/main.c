// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/weir-agent/agent.h"
#include "lib/log.h"

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,     /* while running */
	EXIT_BAD_INPUT = 2,  /* could not start as asked */
};

static int complain(const struct weir_error *err, int r)
{
	(void)fprintf(stderr, "weir-agent: %s\n", *err->text ? err->text : strerror(-r));
	return EXIT_BAD_INPUT;
}

static int run(const struct settings *settings)
{
	enum weir_log_level level = WEIR_LOG_INFO;
	struct weir_error err = { 0 };
	struct agent agent;
	int r;

	(void)weir_log_level_parse(settings->log_level, &level);
	weir_log_set_level(level);
	r = agent_start(&agent, settings, &err);
	if (r < 0) {
		agent_stop(&agent);
		return complain(&err, r);
	}
	r = agent_run(&agent);
	agent_stop(&agent);
	if (r < 0)
		weir_log(WEIR_LOG_ERROR, "agent", "event loop failed", "err=%d", r);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

static int print_help(void)
{
	struct weir_buf out;

	weir_buf_init(&out, 0);
	weir_options_help(&settings_options, &out);
	(void)fputs(weir_buf_cstr(&out), stdout);
	weir_buf_done(&out);
	return EXIT_OK;
}

int main(int argc, char *argv[])
{
	struct weir_options_result result;
	struct weir_error err = { 0 };
	struct settings settings;
	int r;

	r = weir_options_parse(&settings_options, argc, argv, &settings, &result, &err);
	if (r < 0)
		return complain(&err, r);
	if (result.action == WEIR_OPTIONS_HELP) {
		r = print_help();
	} else if (result.action == WEIR_OPTIONS_VERSION) {
		(void)puts("weir-agent " WEIR_VERSION);
		r = EXIT_OK;
	} else {
		r = run(&settings);
	}
	weir_options_done(&settings_options, &settings, &result);
	return r;
}
