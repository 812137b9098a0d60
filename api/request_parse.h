/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_REQUEST_PARSE_H
#define WEIR_API_REQUEST_PARSE_H

#include "api/request.h"

/* What the two forms of a request, query string and JSON, have in common; private to api/request*.c. */

/** weir_request_add_filter() - one more empty filter, borrowed; -ENOMEM. */
int weir_request_add_filter(struct weir_request *request, struct weir_filter **ret_filter);

/** weir_request_add_value() - to a filter of the request's; -EINVAL with @err; -ENOMEM. */
int weir_request_add_value(struct weir_request *request, struct weir_filter *filter,
			   const char *term, const char *value, struct weir_error *err);

/** weir_request_set_last() - from decimal digits; -EINVAL with @err. */
int weir_request_set_last(struct weir_request *request, const char *text, struct weir_error *err);

/**
 * weir_request_set_time() - since or until, as @name says: RFC 3339, or a duration before @now_ns;
 * -EINVAL with @err.
 */
int weir_request_set_time(struct weir_request *request, const char *name, const char *text,
			  int64_t now_ns, struct weir_error *err);

#endif
