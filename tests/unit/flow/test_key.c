/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/key.h"
#include "tests/unit/flow/fixture.h"

static struct weir_key key_of(const struct weir_flow_input *in)
{
	struct weir_key key;

	weir_key_init(&key, in, true);
	return key;
}

static void tcp_both_ends_have_one_id_whatever_role_and_addresses(void **state)
{
	struct weir_flow_input client = weirt_tcp(WEIR_ROLE_CLIENT, WEIR_INPUT_OPEN, 1);
	struct weir_flow_input server = weirt_tcp(WEIR_ROLE_SERVER, WEIR_INPUT_CLOSE, 2);
	struct weir_key a = key_of(&client), b;

	server.remote = weirt_addr(192, 168, 0, 1);
	server.remote_port = 1;
	b = key_of(&server);
	assert_int_equal(a.kind, WEIR_KEY_ISN);
	assert_true(a.id == b.id && a.hash == b.hash);
	assert_int_equal(a.side, 0);
	assert_int_equal(b.side, 1);
	client.role = WEIR_ROLE_UNKNOWN;
	assert_true(key_of(&client).id == a.id);
	client.isn_local++;
	assert_true(key_of(&client).id != a.id);
}

/* The same number on every node and in every run: another mix would split connections in two. */
static void tcp_id_is_fixed_for_all_time(void **state)
{
	struct weir_flow_input client = weirt_tcp(WEIR_ROLE_CLIENT, WEIR_INPUT_OPEN, 1);

	assert_true(key_of(&client).id == 0x1b69945a3c48be1cULL);
}

static void tcp_without_peers_isn_is_named_by_its_syn(void **state)
{
	struct weir_flow_input failed = weirt_tcp(WEIR_ROLE_CLIENT, WEIR_INPUT_CLOSE, 1);
	struct weir_key a;

	failed.established = false;
	failed.isn_remote = 0;
	a = key_of(&failed);
	assert_int_equal(a.kind, WEIR_KEY_SOCKET);
	assert_true(a.id ==
		    weir_key_attempt_id(failed.isn_local, &failed.local, failed.local_port));
	failed.opened_ns++;
	failed.remote_port++;
	assert_true(key_of(&failed).id == a.id);
	failed.isn_local++;
	assert_true(key_of(&failed).id != a.id);
	failed.established = true;
	assert_int_equal(key_of(&failed).kind, WEIR_KEY_ISN);
}

static void tcp_without_any_isn_is_named_by_its_socket(void **state)
{
	struct weir_flow_input failed = weirt_tcp(WEIR_ROLE_CLIENT, WEIR_INPUT_CLOSE, 1);
	struct weir_key a, b;

	failed.established = false;
	failed.isn_local = failed.isn_remote = 0;
	a = key_of(&failed);
	assert_int_equal(a.kind, WEIR_KEY_SOCKET);
	failed.opened_ns++;
	b = key_of(&failed);
	assert_true(a.id != b.id);
	failed.established = true;
	assert_int_equal(key_of(&failed).kind, WEIR_KEY_SOCKET);
}

static void udp_both_ends_have_one_hash_through_the_backend(void **state)
{
	struct weir_flow_input client = weirt_udp(WEIR_ROLE_CLIENT, WEIR_INPUT_OPEN, 1);
	struct weir_flow_input server = weirt_udp(WEIR_ROLE_SERVER, WEIR_INPUT_OPEN, 1);

	assert_true(key_of(&client).hash == key_of(&server).hash);
	client.remote = weirt_addr(10, 96, 0, 10);
	client.remote_port = 53;
	assert_true(key_of(&client).hash != key_of(&server).hash);
	client.backend = server.local;
	client.backend_port = server.local_port;
	assert_true(weir_key_has_backend(&client));
	assert_true(key_of(&client).hash == key_of(&server).hash);
	client.remote = client.backend;
	client.remote_port = client.backend_port;
	assert_false(weir_key_has_backend(&client));
}

static void udp_on_loopback_the_namespace_is_part_of_the_key(void **state)
{
	struct weir_flow_input a = weirt_udp(WEIR_ROLE_CLIENT, WEIR_INPUT_OPEN, 1), b;

	b = a;
	b.end.netns++;
	assert_true(key_of(&a).hash == key_of(&b).hash);
	a.local = a.remote = b.local = b.remote = weirt_addr(127, 0, 0, 1);
	assert_true(key_of(&a).hash != key_of(&b).hash);
	assert_int_equal(key_of(&a).netns, a.end.netns);
}

static void exchange_id_each_part_changes_it(void **state)
{
	struct weir_flow_input in = weirt_udp(WEIR_ROLE_CLIENT, WEIR_INPUT_OPEN, 1), other;
	struct weir_key key = key_of(&in), changed;
	uint64_t id = weir_key_exchange_id(&key, 5, 6);

	assert_true(id == weir_key_exchange_id(&key, 5, 6));
	assert_true(id != weir_key_exchange_id(&key, 6, 6));
	assert_true(id != weir_key_exchange_id(&key, 5, 7));
	other = in;
	other.local_port++;
	changed = key_of(&other);
	assert_true(id != weir_key_exchange_id(&changed, 5, 6));
	other = in;
	other.remote.bytes[3] ^= 1;
	changed = key_of(&other);
	assert_true(id != weir_key_exchange_id(&changed, 5, 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_both_ends_have_one_id_whatever_role_and_addresses),
		cmocka_unit_test(tcp_id_is_fixed_for_all_time),
		cmocka_unit_test(tcp_without_peers_isn_is_named_by_its_syn),
		cmocka_unit_test(tcp_without_any_isn_is_named_by_its_socket),
		cmocka_unit_test(udp_both_ends_have_one_hash_through_the_backend),
		cmocka_unit_test(udp_on_loopback_the_namespace_is_part_of_the_key),
		cmocka_unit_test(exchange_id_each_part_changes_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
