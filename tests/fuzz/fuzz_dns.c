/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages from anyone, and what is learned of them. */
#include <errno.h>

#include "dns/message.h"
#include "dns/names.h"
#include "dns/pending.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

static struct weir_dns_message message;

static void check_name(const char name[WEIR_DNS_NAME_MAX])
{
	size_t len = strnlen(name, WEIR_DNS_NAME_MAX);

	fuzz_check(len > 0 && len < WEIR_DNS_NAME_MAX && name[len - 1] == '.');
	for (size_t i = 0; i < len; i++)
		fuzz_check(name[i] > ' ' && name[i] < 0x7f && !(name[i] >= 'A' && name[i] <= 'Z'));
}

static void check_message(void)
{
	fuzz_check(message.n_ips <= WEIR_DNS_IPS_MAX);
	fuzz_check(message.n_cnames <= WEIR_DNS_CNAMES_MAX);
	fuzz_check(message.n_rrtypes <= WEIR_DNS_RRTYPES_MAX);
	fuzz_check(message.n_ips == WEIR_DNS_IPS_MAX || !(message.own_ips >> message.n_ips));
	fuzz_check(message.response || !(message.n_ips + message.n_cnames + message.rcode));
	if (message.has_question)
		check_name(message.query);
	else
		fuzz_check(!*message.query && !message.own_ips);
	for (size_t i = 0; i < message.n_cnames; i++)
		check_name(message.cnames[i]);
}

static void use(void)
{
	const struct weir_dns_client client = { .cookie = 1 };
	_cleanup_(weir_dns_pending_free) struct weir_dns_pending *pending = NULL;
	_cleanup_(weir_dns_names_free) struct weir_dns_names *names = NULL;
	const char *told[WEIR_DNS_NAMES_TOLD_MAX];
	uint64_t asked_ns;

	fuzz_check(weir_dns_pending_new(&pending) == 0 && weir_dns_names_new(&names) == 0);
	weir_dns_pending_ask(pending, &client, &message, 1);
	fuzz_check(weir_dns_pending_answer(pending, &client, &message, 2, &asked_ns));
	fuzz_check(weir_dns_names_learn(names, 1, &message, 2) == 0);
	for (size_t i = 0; i < message.n_ips; i++) {
		bool own = (message.own_ips >> i & 1) && !message.rcode;
		size_t n = weir_dns_names_lookup(names, 1, &message.ips[i], 2, 2, told);

		/* The same address may be there twice, once of another name. */
		fuzz_check(n == 1 || (n == 0 && !own));
		if (n)
			fuzz_check(!strncmp(told[0], message.query, strlen(told[0])));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t missing = size ? data[0] & 1 : 0;
	_cleanup_free_ char *bytes = NULL;
	int r;

	if (size)
		data++, size--;
	bytes = fuzz_copy(data, size);
	r = weir_dns_message_parse(&message, bytes, size, size + missing);
	fuzz_check(r == 0 || r == -EBADMSG);
	if (r < 0)
		return 0;
	check_message();
	use();
	return 0;
}
