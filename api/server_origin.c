/* SPDX-License-Identifier: Apache-2.0 */
#include "api/server_priv.h"

#include <string.h>
#include <strings.h>

#include "lib/addr.h"

/*
 * Whoever can reach the loopback listener may read flows, and a browser on this machine can, on
 * behalf of any page it shows. Two headers that a page cannot forge tell: Origin names the page;
 * Host names what the browser thinks it talks to, which is not this machine when a foreign name
 * was made to resolve to a loopback address (DNS rebinding).
 */

static size_t name_len(const char *host)
{
	const char *end;

	if (*host == '[') {
		end = strchr(host, ']');
		return end ? (size_t)(end - host) + 1 : strlen(host);
	}
	return strcspn(host, ":");
}

static bool is_local_name(const char *host)
{
	static const char suffix[] = ".localhost";
	size_t len = name_len(host);
	struct weir_addr addr;
	char text[WEIR_ADDR_TEXT_MAX];

	if (len == strlen("localhost") && !strncasecmp(host, "localhost", len))
		return true;
	if (len >= sizeof(suffix) &&
	    !strncasecmp(host + len - strlen(suffix), suffix, strlen(suffix)))
		return true;
	if (*host == '[') {
		if (len < 2 || host[len - 1] != ']')
			return false;
		host++;
		len -= 2;
	}
	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	return !weir_addr_parse(text, &addr);
}

const char *weir_origin_check(const char *origin, const char *host, bool loopback)
{
	const char *at;

	if (loopback && host && *host && !is_local_name(host))
		return "Host: does not name this machine";
	if (!origin)
		return NULL;
	at = strstr(origin, "://");
	if (!at || !host || strcasecmp(at + strlen("://"), host) != 0)
		return "Origin: requests of other sites are refused";
	return NULL;
}
