/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_LIMITS_H
#define WEIR_API_LIMITS_H

#include <stddef.h>

/* What both ends of the API go by. */

/** The most bytes of a message, and so of a line: what one record can have. */
#define WEIR_MESSAGE_BYTES_MAX ((size_t)2 * 1024 * 1024)

#endif
