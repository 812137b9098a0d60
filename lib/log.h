/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_LOG_H
#define WEIR_LIB_LOG_H

/**
 * Log lines in logfmt on stderr, one per event:
 *     level=warn mod=k8s msg="watch expired" resource=pods err=-116
 * Only cmd/ logs at info or above; modules report through return codes and callbacks and may
 * log at debug.
 */
enum weir_log_level {
	WEIR_LOG_ERROR,
	WEIR_LOG_WARN,
	WEIR_LOG_INFO,
	WEIR_LOG_DEBUG,
};

/** weir_log_set_level() - lines above @level are not written. Default: WEIR_LOG_INFO. */
void weir_log_set_level(enum weir_log_level level);

/** weir_log_level_parse() - "error|warn|info|debug"; -EINVAL for anything else. */
int weir_log_level_parse(const char *text, enum weir_log_level *ret_level);

/** weir_log_enabled() - whether a line of @level would be written. */
int weir_log_enabled(enum weir_log_level level);

/**
 * weir_log() - write one line.
 *
 * @msg is quoted; @fmt makes the `key=value` pairs behind it ("" for none). Values that can
 * hold foreign text are to be formatted with quotes by the caller as `key="%s"`: quotes and
 * backslashes inside are escaped with a backslash, and bytes that are not part of a printable UTF-8
 * character become '?', so no value can end its quotes or its line. One write(2) per line; a line
 * that cannot be made (out of memory, over 64 KiB) is not written.
 */
void weir_log(enum weir_log_level level, const char *mod, const char *msg, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
