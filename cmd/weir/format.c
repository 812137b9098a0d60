/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/format.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/time.h"
#include "lib/utf8.h"

#define MS WEIR_NS_PER_MS
#define SEC WEIR_NS_PER_SEC

void weir_format_text(struct weir_buf *out, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		size_t n = weir_utf8_printable(text, left);

		if (n)
			weir_buf_put(out, text, n);
		else
			weir_buf_putc(out, '?');
		n += !n;
		text += n;
		left -= n;
	}
}

void weir_format_bytes(struct weir_buf *out, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	const char *const *unit = units;
	uint64_t scale = 1000, tenths;

	if (bytes < 1000) {
		weir_buf_printf(out, "%" PRIu64 " B", bytes);
		return;
	}
	/* Rounded first: 999,950 is 1.0 MB, not 1000.0 kB. */
	while (*unit != units[5] && bytes / scale + (bytes % scale >= scale - scale / 20) >= 1000) {
		scale *= 1000;
		unit++;
	}
	tenths = bytes / scale * 10 + (bytes % scale + scale / 20) / (scale / 10);
	weir_buf_printf(out, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, *unit);
}

void weir_format_span(struct weir_buf *out, uint64_t ns)
{
	static const struct {
		uint64_t below;  /* spans this form is for */
		uint64_t unit;
		uint64_t part;   /* what the digits behind the unit count; 0: none are shown */
		const char *between;
		int digits;
		const char *end;
	} forms[] = {
		{ MS, MS, MS / 100, ".", 2, "ms" },
		{ 10 * MS, MS, MS / 10, ".", 1, "ms" },
		{ SEC, MS, 0, "", 0, "ms" },
		{ 60 * SEC, SEC, SEC / 10, ".", 1, "s" },
		{ 3600 * SEC, 60 * SEC, SEC, "m", 2, "s" },
		{ 86400 * SEC, 3600 * SEC, 60 * SEC, "h", 2, "m" },
		{ UINT64_MAX, 86400 * SEC, 3600 * SEC, "d", 2, "h" },
	};
	size_t i = 0;

	/* Something that took time is not shown as nothing. */
	if (ns && ns < MS / 100)
		ns = MS / 100;
	while (i + 1 < sizeof(forms) / sizeof(forms[0]) && ns >= forms[i].below)
		i++;
	weir_buf_put_u64(out, ns / forms[i].unit);
	if (forms[i].part)
		weir_buf_printf(out, "%s%0*u", forms[i].between, forms[i].digits,
				(unsigned int)(ns % forms[i].unit / forms[i].part));
	weir_buf_puts(out, forms[i].end);
}

void weir_format_count(struct weir_buf *out, uint64_t count)
{
	if (count >= 1000) {
		weir_format_count(out, count / 1000);
		weir_buf_printf(out, ",%03" PRIu64, count % 1000);
	} else {
		weir_buf_put_u64(out, count);
	}
}

int weir_time_format_parse(const char *name, enum weir_time_format *ret_format)
{
	static const struct {
		const char *name;
		enum weir_time_format format;
	} formats[] = {
		{ "StampMilli", WEIR_TIME_STAMP_MILLI },
		{ "RFC3339", WEIR_TIME_RFC3339 },
		{ "RFC3339Milli", WEIR_TIME_RFC3339_MILLI },
		{ "RFC3339Micro", WEIR_TIME_RFC3339_MICRO },
		{ "RFC3339Nano", WEIR_TIME_RFC3339_NANO },
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(name, formats[i].name))
			continue;
		*ret_format = formats[i].format;
		return 0;
	}
	return -EINVAL;
}

void weir_format_time(struct weir_buf *out, enum weir_time_format format, int64_t real_ns)
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
	};
	int64_t ns = real_ns % (int64_t)WEIR_NS_PER_SEC;
	time_t s = (time_t)(real_ns / (int64_t)WEIR_NS_PER_SEC);
	struct tm tm;

	if (ns < 0) {
		ns += (int64_t)WEIR_NS_PER_SEC;
		s--;
	}
	/* No instant that 64 bits of nanoseconds can tell is outside gmtime_r()'s range. */
	(void)gmtime_r(&s, &tm);
	if (format == WEIR_TIME_STAMP_MILLI) {
		weir_buf_printf(out, "%s %2d %02d:%02d:%02d.%03d", months[tm.tm_mon], tm.tm_mday,
				tm.tm_hour, tm.tm_min, tm.tm_sec,
				(int)(ns / (int64_t)WEIR_NS_PER_MS));
		return;
	}
	weir_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
			tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (format == WEIR_TIME_RFC3339_MILLI)
		weir_buf_printf(out, ".%03d", (int)(ns / (int64_t)WEIR_NS_PER_MS));
	else if (format == WEIR_TIME_RFC3339_MICRO)
		weir_buf_printf(out, ".%06d", (int)(ns / (int64_t)WEIR_NS_PER_US));
	else if (format == WEIR_TIME_RFC3339_NANO)
		weir_buf_printf(out, ".%09d", (int)ns);
	weir_buf_putc(out, 'Z');
}
