/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/time.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define SEC_PER_DAY 86400
#define NS_DIGITS 9
#define CLOCK_STEP_NS ((int64_t)WEIR_NS_PER_MS)

/* The Gregorian calendar repeats after 400 years. */
#define DAYS_PER_ERA 146097

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	/* Neither clock can fail with a valid pointer. */
	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * (int64_t)WEIR_NS_PER_SEC + ts.tv_nsec;
}

uint64_t weir_time_mono_ns(void)
{
	return (uint64_t)clock_ns(CLOCK_MONOTONIC);
}

int64_t weir_time_real_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

void weir_clock_sync(struct weir_clock *clock)
{
	int64_t best = INT64_MAX, offset = 0, moved;

	/* Between the two readings the process can be preempted; the tightest of a few pairs wins. */
	for (int i = 0; i < 4; i++) {
		int64_t before = clock_ns(CLOCK_MONOTONIC);
		int64_t real = clock_ns(CLOCK_REALTIME);
		int64_t took = clock_ns(CLOCK_MONOTONIC) - before;

		if (took >= best)
			continue;
		best = took;
		offset = real - (before + took / 2);
	}
	/* NTP slews both clocks alike, so a small difference is the error of this measurement. */
	moved = offset - clock->offset_ns;
	if (moved > CLOCK_STEP_NS || moved < -CLOCK_STEP_NS)
		clock->offset_ns = offset;
}

int64_t weir_clock_real_ns(const struct weir_clock *clock, uint64_t mono_ns)
{
	return clock->offset_ns + (int64_t)mono_ns;
}

struct date {
	int64_t year;
	unsigned int month; /* 1 to 12 */
	unsigned int day;   /* from 1 */
};

/* Both conversions count years from March, so that the leap day is a year's last, and months then
 * begin at day (153 * m + 2) / 5 of it. Day 0 is 1970-01-01, 719468 days after 0000-03-01. */
static struct date date_from_days(int64_t days)
{
	int64_t since = days + 719468;
	int64_t era = (since >= 0 ? since : since - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	int64_t in_era = since - era * DAYS_PER_ERA;
	int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
	int64_t march_month = (5 * in_year + 2) / 153;
	bool next_year = march_month >= 10;

	return (struct date){
		.year = era * 400 + year + next_year,
		.month = (unsigned int)(next_year ? march_month - 9 : march_month + 3),
		.day = (unsigned int)(in_year - (153 * march_month + 2) / 5 + 1),
	};
}

static int64_t days_from_date(const struct date *date)
{
	int64_t year = date->month <= 2 ? date->year - 1 : date->year;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t in_era = year - era * 400;
	int64_t march_month = (int64_t)date->month + (date->month > 2 ? -3 : 9);
	int64_t in_year = (153 * march_month + 2) / 5 + date->day - 1;

	return era * DAYS_PER_ERA + 365 * in_era + in_era / 4 - in_era / 100 + in_year - 719468;
}

static char *put_digits(char *to, uint64_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		to[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return to + digits;
}

/* Protojson's fraction: nothing, or a dot and 3, 6 or 9 digits. */
static char *put_fraction(char *to, uint32_t ns)
{
	if (!ns)
		return to;
	*to++ = '.';
	if (ns % 1000000 == 0)
		return put_digits(to, ns / 1000000, 3);
	if (ns % 1000 == 0)
		return put_digits(to, ns / 1000, 6);
	return put_digits(to, ns, NS_DIGITS);
}

const char *weir_time_to_str(int64_t real_ns, char *text)
{
	const int64_t ns_per_sec = (int64_t)WEIR_NS_PER_SEC;
	int64_t sec = real_ns / ns_per_sec, ns = real_ns % ns_per_sec;
	int64_t days, in_day;
	struct date date;
	char *to = text;

	if (ns < 0) {
		ns += ns_per_sec;
		sec--;
	}
	days = sec / SEC_PER_DAY;
	in_day = sec % SEC_PER_DAY;
	if (in_day < 0) {
		in_day += SEC_PER_DAY;
		days--;
	}
	date = date_from_days(days);
	/* int64_t nanoseconds end in the years 1677 and 2262: four digits are enough. */
	to = put_digits(to, (uint64_t)date.year, 4);
	*to++ = '-';
	to = put_digits(to, date.month, 2);
	*to++ = '-';
	to = put_digits(to, date.day, 2);
	*to++ = 'T';
	to = put_digits(to, (uint64_t)(in_day / 3600), 2);
	*to++ = ':';
	to = put_digits(to, (uint64_t)(in_day / 60 % 60), 2);
	*to++ = ':';
	to = put_digits(to, (uint64_t)(in_day % 60), 2);
	to = put_fraction(to, (uint32_t)ns);
	*to++ = 'Z';
	*to = '\0';
	return text;
}

/* Exactly @digits digits with a value of @low to @high. */
static bool take_number(const char **text, int digits, unsigned int low, unsigned int high,
			unsigned int *ret_value)
{
	unsigned int value = 0;

	for (int i = 0; i < digits; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		value = value * 10 + (unsigned int)(**text - '0');
	}
	*ret_value = value;
	return value >= low && value <= high;
}

static bool take_char(const char **text, char c)
{
	if (toupper((unsigned char)**text) != c)
		return false;
	(*text)++;
	return true;
}

/* Nanoseconds out of one or more digits; what is finer is cut off. */
static bool take_fraction(const char **text, int64_t *ret_ns)
{
	int64_t ns = 0, unit = (int64_t)WEIR_NS_PER_SEC;

	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		unit /= 10;
		ns += unit * (**text - '0');
	}
	*ret_ns = ns;
	return true;
}

static bool take_date(const char **text, struct date *ret_date)
{
	static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned int year, days;
	bool leap;

	if (!take_number(text, 4, 0, 9999, &year) || !take_char(text, '-') ||
	    !take_number(text, 2, 1, 12, &ret_date->month) || !take_char(text, '-') ||
	    !take_number(text, 2, 1, 31, &ret_date->day))
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	days = lengths[ret_date->month - 1] + (leap && ret_date->month == 2);
	ret_date->year = year;
	return ret_date->day <= days;
}

static bool take_offset(const char **text, int64_t *ret_sec)
{
	unsigned int hours, minutes;
	int64_t sign = **text == '-' ? -1 : 1;

	if (take_char(text, 'Z')) {
		*ret_sec = 0;
		return true;
	}
	if (!take_char(text, '+') && !take_char(text, '-'))
		return false;
	if (!take_number(text, 2, 0, 23, &hours) || !take_char(text, ':') ||
	    !take_number(text, 2, 0, 59, &minutes))
		return false;
	*ret_sec = sign * (int64_t)(hours * 3600 + minutes * 60);
	return true;
}

int weir_time_parse(const char *text, int64_t *ret_real_ns)
{
	unsigned int hour, minute, second;
	int64_t offset, sec, ns = 0, real;
	struct date date;

	/* RFC 3339 section 5.7 allows second 60; it is the next minute's first. */
	if (!take_date(&text, &date) || !take_char(&text, 'T') ||
	    !take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ':') ||
	    !take_number(&text, 2, 0, 59, &minute) || !take_char(&text, ':') ||
	    !take_number(&text, 2, 0, 60, &second))
		return -EINVAL;
	if (take_char(&text, '.') && !take_fraction(&text, &ns))
		return -EINVAL;
	if (!take_offset(&text, &offset) || *text)
		return -EINVAL;
	sec = days_from_date(&date) * SEC_PER_DAY + hour * 3600 + minute * 60 + second - offset;
	/* In two steps from below zero, so that the very first instant does not overflow between. */
	if (sec < 0 && ns) {
		sec++;
		ns -= (int64_t)WEIR_NS_PER_SEC;
	}
	if (__builtin_mul_overflow(sec, (int64_t)WEIR_NS_PER_SEC, &real) ||
	    __builtin_add_overflow(real, ns, &real))
		return -EINVAL;
	*ret_real_ns = real;
	return 0;
}

static bool take_unit(const char **text, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", WEIR_NS_PER_US },
		{ "\xc2\xb5s", WEIR_NS_PER_US }, /* U+00B5 micro sign */
		{ "\xce\xbcs", WEIR_NS_PER_US }, /* U+03BC Greek mu */
		{ "ms", WEIR_NS_PER_MS },
		{ "s", WEIR_NS_PER_SEC },
		{ "m", 60 * WEIR_NS_PER_SEC },
		{ "h", 3600 * WEIR_NS_PER_SEC },
	};
	size_t len = strcspn(*text, "0123456789.");

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) != len || strncmp(*text, units[i].name, len))
			continue;
		*text += len;
		*ret_ns = units[i].ns;
		return true;
	}
	return false;
}

/* "1.5h": one number with its unit, in nanoseconds, cut to whole ones as Go does. */
static bool take_part(const char **text, uint64_t *ret_ns)
{
	uint64_t whole = 0, fraction = 0, scale = 1, unit;
	const char *start = *text;
	bool dot;

	for (; **text >= '0' && **text <= '9'; (*text)++) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(**text - '0'), &whole))
			return false;
	}
	dot = **text == '.';
	if (dot) {
		(*text)++;
		for (; **text >= '0' && **text <= '9'; (*text)++) {
			/* An hour has 3.6e12 ns: digits behind the 15th say nothing. */
			if (scale == 1000000000000000ULL)
				continue;
			fraction = fraction * 10 + (uint64_t)(**text - '0');
			scale *= 10;
		}
	}
	if (*text - start == (dot ? 1 : 0) || !take_unit(text, &unit))
		return false;
	fraction = (uint64_t)((unsigned __int128)fraction * unit / scale);
	return !__builtin_mul_overflow(whole, unit, &whole) &&
	       !__builtin_add_overflow(whole, fraction, ret_ns);
}

int weir_duration_parse(const char *text, uint64_t *ret_ns)
{
	uint64_t total = 0, part;

	if (*text == '+')
		text++;
	if (!strcmp(text, "0")) {
		*ret_ns = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		if (!take_part(&text, &part) || __builtin_add_overflow(total, part, &total))
			return -EINVAL;
	}
	/* Go's durations are signed; what it refuses is refused here too. */
	if (total > INT64_MAX)
		return -EINVAL;
	*ret_ns = total;
	return 0;
}

const char *weir_duration_to_str(uint64_t ns, char *text)
{
	uint64_t sec = ns / WEIR_NS_PER_SEC;
	int digits = 1;
	char *to;

	for (uint64_t rest = sec; rest >= 10; rest /= 10)
		digits++;
	to = put_digits(text, sec, digits);
	to = put_fraction(to, (uint32_t)(ns % WEIR_NS_PER_SEC));
	*to++ = 's';
	*to = '\0';
	return text;
}
