/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_WEIR_TABLE_H
#define WEIR_CMD_WEIR_TABLE_H

#include "lib/buf.h"

/** struct weir_table - rows gathered so that their columns can be aligned. */
struct weir_table {
	struct weir_buf cells;  /* rows end with '\n', cells in them with '\t'; append a cell's
				 * text here (weir_format_text() keeps both out of it) */
};

void weir_table_init(struct weir_table *table);
void weir_table_done(struct weir_table *table);

/** weir_table_header() - a whole row; @cells separated by tabs. */
void weir_table_header(struct weir_table *table, const char *cells);

/** weir_table_next() - the cell is complete, another follows. */
void weir_table_next(struct weir_table *table);
void weir_table_end_row(struct weir_table *table);

/** weir_table_print() - append the aligned rows to @out, if any. */
void weir_table_print(const struct weir_table *table, struct weir_buf *out);

#endif
