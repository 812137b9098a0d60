/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/weir/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* Blanks between columns, as kubectl and hubble have them. */
#define GAP 3

void weir_table_init(struct weir_table *table)
{
	weir_buf_init(&table->cells, 0);
}

void weir_table_done(struct weir_table *table)
{
	weir_buf_done(&table->cells);
}

void weir_table_header(struct weir_table *table, const char *cells)
{
	weir_buf_puts(&table->cells, cells);
	weir_table_end_row(table);
}

void weir_table_next(struct weir_table *table)
{
	weir_buf_putc(&table->cells, '\t');
}

void weir_table_end_row(struct weir_table *table)
{
	weir_buf_putc(&table->cells, '\n');
}

/* Columns on the screen: UTF-8 continuation bytes have no width of their own. */
static size_t text_width(const char *text, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

static size_t cell_len(const char *cell, const char *end)
{
	size_t len = 0;

	while (cell + len < end && cell[len] != '\t' && cell[len] != '\n')
		len++;
	return len;
}

static size_t count_columns(const char *text, const char *end)
{
	size_t columns = 1, most = 1;

	for (; text < end; text++) {
		if (*text == '\n')
			columns = 1;
		else if (*text == '\t' && ++columns > most)
			most = columns;
	}
	return most;
}

static void measure(const char *text, const char *end, size_t *widths)
{
	size_t column = 0;

	while (text < end) {
		size_t len = cell_len(text, end), width = text_width(text, len);

		if (width > widths[column])
			widths[column] = width;
		column = text[len] == '\t' ? column + 1 : 0;
		text += len + 1;
	}
}

void weir_table_print(const struct weir_table *table, struct weir_buf *out)
{
	const char *text = table->cells.data, *end = text + table->cells.len;
	_cleanup_free_ size_t *widths = NULL;
	size_t column = 0;

	if (table->cells.failed)
		out->failed = table->cells.failed;
	if (!table->cells.len)
		return;
	widths = calloc(count_columns(text, end), sizeof(*widths));
	if (!widths) {
		out->failed = -ENOMEM;
		return;
	}
	measure(text, end, widths);
	while (text < end) {
		size_t len = cell_len(text, end);
		bool more = text[len] == '\t';

		weir_buf_put(out, text, len);
		if (more)
			weir_buf_printf(out, "%*s",
					(int)(widths[column] - text_width(text, len)) + GAP, "");
		else
			weir_buf_putc(out, '\n');
		column = more ? column + 1 : 0;
		text += len + 1;
	}
}
