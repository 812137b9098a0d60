/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/records.h"

#include <stdio.h>

#include "api/history.h"
#include "lib/buf.h"

static uint64_t push(struct weir_history *history, uint64_t id)
{
	struct weir_record record = weirt_closed_ref();

	record.flow.id = id;
	weir_history_push(history, &record);
	assert_null(record.source);
	return weir_history_next(history) - 1;
}

static void new_history_is_empty(void **state)
{
	struct weir_history *history = NULL;

	assert_int_equal(weir_history_new(0, &history), 0);
	assert_int_equal(weir_history_capacity(history), 64);
	assert_int_equal(weir_history_first(history), 1);
	assert_int_equal(weir_history_next(history), 1);
	assert_null(weir_history_get(history, 0));
	assert_null(weir_history_get(history, 1));
	weir_history_free(&history);
	assert_null(history);
	weir_history_free(&history);
}

static void capacity_is_what_fits(void **state)
{
	struct weir_history *history = NULL;

	assert_int_equal(weir_history_new(1000 * sizeof(struct weir_record) + 1, &history), 0);
	assert_int_equal(weir_history_capacity(history), 1000);
	weir_history_free(&history);
}

static void wrap_drops_the_oldest_and_its_references(void **state)
{
	unsigned int before = weirt_frontend.refs, services = weirt_cart_service.refs;
	struct weir_history *history = NULL;

	assert_int_equal(weir_history_new(0, &history), 0);
	for (uint64_t id = 1; id <= 64; id++)
		assert_int_equal(push(history, id), id);
	assert_int_equal(weir_history_first(history), 1);
	assert_int_equal(weirt_frontend.refs - before, 64);
	assert_int_equal(weir_history_get(history, 1)->flow.id, 1);
	for (uint64_t id = 65; id <= 1000; id++)
		push(history, id);
	assert_int_equal(weir_history_first(history), 1001 - 64);
	assert_int_equal(weir_history_next(history), 1001);
	assert_int_equal(weirt_frontend.refs - before, 64);
	assert_int_equal(weirt_cart_service.refs - services, 64);
	assert_null(weir_history_get(history, 1000 - 64));
	assert_null(weir_history_get(history, 1001));
	for (uint64_t seq = 1001 - 64; seq <= 1000; seq++)
		assert_int_equal(weir_history_get(history, seq)->flow.id, seq);
	weir_history_free(&history);
	assert_int_equal(weirt_frontend.refs, before);
	assert_int_equal(weirt_cart_service.refs, services);
}

static void added_records_lie_where_they_were_composed(void **state)
{
	unsigned int before = weirt_frontend.refs;
	struct weir_history *history = NULL;

	assert_int_equal(weir_history_new(0, &history), 0);
	for (uint64_t id = 1; id <= 300; id++) {
		struct weir_record *record;

		/* Both ways of appending, in turns. */
		if (id % 3 == 0) {
			push(history, id);
			continue;
		}
		record = weir_history_add(history);
		*record = weirt_closed_ref();
		record->flow.id = id;
		assert_ptr_equal(weir_history_get(history, id), record);
		assert_null(weir_history_get(history, id + 1));
	}
	assert_int_equal(weir_history_next(history), 301);
	for (uint64_t seq = 301 - 64; seq <= 300; seq++)
		assert_int_equal(weir_history_get(history, seq)->flow.id, seq);
	assert_int_equal(weirt_frontend.refs - before, 64);
	weir_history_free(&history);
	assert_int_equal(weirt_frontend.refs, before);
}

static void losses_among_flows_hold_no_reference(void **state)
{
	unsigned int before = weirt_cart.refs;
	struct weir_history *history = NULL;

	assert_int_equal(weir_history_new(0, &history), 0);
	for (uint64_t i = 1; i <= 500; i++) {
		struct weir_record lost = weirt_lost(i);

		if (i % 3)
			push(history, i);
		else
			weir_history_push(history, &lost);
	}
	assert_int_equal(weir_history_get(history, 498)->lost.count, 498);
	weir_history_free(&history);
	assert_int_equal(weirt_cart.refs, before);
}

static void add_named(struct weir_history *history, const char *name)
{
	struct weir_record *record = weir_history_add(history), composed = weirt_closed_ref();

	assert_int_equal(weir_record_names_new(NULL, 0, &name, 1, &composed.names), 0);
	*record = composed;
}

/* Names are foreign, and as long as somebody else likes. */
static void what_records_point_at_is_bounded(void **state)
{
	unsigned int before = weirt_frontend.refs;
	struct weir_history *history = NULL;
	struct weir_record pushed;
	const char *one;
	char name[1025];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	one = name;
	/* Room for 1,000 records, and a quarter of that for names. */
	assert_int_equal(weir_history_new(1000 * sizeof(struct weir_record), &history), 0);
	for (uint64_t n = 1; n <= 3000; n++) {
		if (n % 2) {
			add_named(history, name);
		} else {
			pushed = weirt_closed_ref();
			assert_int_equal(weir_record_names_new(&one, 1, NULL, 0, &pushed.names), 0);
			weir_history_push(history, &pushed);
			assert_null(pushed.names);
		}
		assert_int_equal(weir_history_next(history), n + 1);
		assert_non_null(weir_history_get(history, n));
		assert_int_equal(weirt_frontend.refs - before, n + 1 - weir_history_first(history));
	}
	/* The last one is weighed with the next. */
	assert_true((weirt_frontend.refs - before - 1) * sizeof(name) <=
		    250 * sizeof(struct weir_record));
	assert_true((weirt_frontend.refs - before + 2) * sizeof(name) >
		    230 * sizeof(struct weir_record));
	/* Those without names get the room back. */
	for (int i = 0; i < 2000; i++)
		push(history, 1);
	assert_int_equal(weirt_frontend.refs - before, 1000);
	weir_history_free(&history);
	assert_int_equal(weirt_frontend.refs, before);
}

static void dns_messages_are_the_historys(void **state)
{
	struct weir_dns_message message = { .response = true, .has_question = true, .n_ips = 1 };
	struct weir_history *history = NULL;

	memcpy(message.query, "www.example.", 13);
	assert_int_equal(weir_history_new(0, &history), 0);
	for (int i = 0; i < 300; i++) {
		struct weir_record record = weirt_closed_ref();

		assert_int_equal(weir_record_dns_new(&message, 5, &record.dns), 0);
		weir_history_push(history, &record);
		assert_null(record.dns);
	}
	assert_string_equal(weir_history_get(history, 300)->dns->text, "www.example.");
	assert_int_equal(weir_history_get(history, 300)->dns->latency_ns, 5);
	weir_history_free(&history);
}

static uint64_t resident_kb(void)
{
	unsigned long kb = 0;
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmRSS: %lu", &kb) == 1)
			break;
	}
	(void)fclose(file);
	return kb;
}

static void memory_is_touched_as_it_is_used(void **state)
{
	struct weir_history *history = NULL;
	uint64_t before = resident_kb();

	assert_int_equal(weir_history_new((size_t)1 << 30, &history), 0);
	push(history, 1);
	assert_true(resident_kb() - before < 4096);
	weir_history_free(&history);
}

static void loss_names_are_distinct(void **state)
{
	for (int i = 0; i < WEIR_LOSS_MAX_; i++) {
		assert_true(*weir_loss_to_str(i) && *weir_loss_source(i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(weir_loss_to_str(i), weir_loss_to_str(j));
	}
	assert_string_equal(weir_loss_to_str(WEIR_LOSS_RINGBUF_FULL), "ringbuf_full");
	assert_string_equal(weir_loss_to_str(WEIR_LOSS_MAX_), "unknown");
	assert_string_equal(weir_loss_source(WEIR_LOSS_MAX_), "UNKNOWN_LOST_EVENT_SOURCE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_history_is_empty),
		cmocka_unit_test(capacity_is_what_fits),
		cmocka_unit_test(wrap_drops_the_oldest_and_its_references),
		cmocka_unit_test(added_records_lie_where_they_were_composed),
		cmocka_unit_test(losses_among_flows_hold_no_reference),
		cmocka_unit_test(memory_is_touched_as_it_is_used),
		cmocka_unit_test(what_records_point_at_is_bounded),
		cmocka_unit_test(dns_messages_are_the_historys),
		cmocka_unit_test(loss_names_are_distinct),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
