/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_TIME_H
#define WEIR_LIB_TIME_H

#include <stdint.h>

/* One unit everywhere: nanoseconds. Monotonic instants are uint64_t, wall-clock ones int64_t
 * since 1970-01-01 UTC. */
#define WEIR_NS_PER_SEC 1000000000ULL
#define WEIR_NS_PER_MS 1000000ULL
#define WEIR_NS_PER_US 1000ULL

/** weir_time_mono_ns() - CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns(). */
uint64_t weir_time_mono_ns(void);

/** weir_time_real_ns() - CLOCK_REALTIME. */
int64_t weir_time_real_ns(void);

/**
 * struct weir_clock - maps monotonic instants to wall-clock ones.
 *
 * The offset is taken by the first weir_clock_sync(); later calls adopt another only when the wall
 * clock was stepped, by more than a millisecond. In between one monotonic instant always maps to
 * the same wall-clock one, to the nanosecond: all records of a connection agree on when it opened.
 */
struct weir_clock {
	int64_t offset_ns;  /* real - mono */
};

/** weir_clock_sync() - zero the struct before the first call. */
void weir_clock_sync(struct weir_clock *clock);
int64_t weir_clock_real_ns(const struct weir_clock *clock, uint64_t mono_ns);

/** Room for "2026-07-30T12:12:18.510175415Z" and its NUL. */
#define WEIR_TIME_TEXT_MAX 40

/**
 * weir_time_to_str() - RFC 3339 in UTC as protojson writes it: 0, 3, 6 or 9 fraction digits,
 * the fewest that lose nothing. Returns @text.
 */
const char *weir_time_to_str(int64_t real_ns, char *text);

/**
 * weir_time_parse() - RFC 3339 with any offset; 0 or -EINVAL. Digits finer than a nanosecond are
 * cut off; -EINVAL also outside int64_t nanoseconds (the years 1677 to 2262).
 */
int weir_time_parse(const char *text, int64_t *ret_real_ns);

/**
 * weir_duration_parse() - Go's syntax: "300ms", "1.5h", "2h45m", "5s", "0"; 0 or -EINVAL, which
 * negative ones and those above INT64_MAX ns (292 years) also get.
 */
int weir_duration_parse(const char *text, uint64_t *ret_ns);

/**
 * weir_duration_to_str() - protojson's: seconds with 0, 3, 6 or 9 digits and "s". @text has
 * WEIR_TIME_TEXT_MAX bytes. Returns @text.
 */
const char *weir_duration_to_str(uint64_t ns, char *text);

#endif
