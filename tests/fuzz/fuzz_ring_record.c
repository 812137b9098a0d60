/* SPDX-License-Identifier: Apache-2.0 */
/* A record of the kernel's ring buffer, as bpf/decode.h reads it. */
#include <errno.h>

#include "bpf/decode.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void decode_flow(const char *record)
{
	struct weir_flow_input in;
	int r = weir_decode_flow(record, &in);

	fuzz_check(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	fuzz_check(in.kind <= WEIR_INPUT_FOUND);
	fuzz_check(in.role <= WEIR_ROLE_SERVER);
	fuzz_check(in.end_reason <= WEIR_END_IDLE);
	fuzz_check(memchr(in.end.comm, '\0', sizeof(in.end.comm)));
}

static void decode_cgroup(const char *record)
{
	struct weir_cgroup_event event;
	int r = weir_decode_cgroup(record, &event);

	fuzz_check(r == 0 || r == -EBADMSG);
	fuzz_check(r < 0 || strlen(event.path) < WEIR_EV_CGROUP_PATH_LEN);
}

static void decode_drop(const char *record)
{
	struct weir_drop_input in;
	int r = weir_decode_drop(record, &in);

	fuzz_check(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	fuzz_check(in.kind <= WEIR_INPUT_CLOSE);
	fuzz_check(in.packets || in.kind == WEIR_INPUT_CLOSE);
	fuzz_check(!in.icmp.type || in.icmp_at < WEIR_ICMP_AT_MAX_);
	fuzz_check(memchr(in.client.comm, '\0', sizeof(in.client.comm)));
}

static void decode_dns(const char *record, size_t size)
{
	struct weir_dns_event event;
	int r = weir_decode_dns(record, &event);

	fuzz_check(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	fuzz_check(event.captured <= event.len);
	fuzz_check((const char *)event.payload + event.captured <= record + size);
	fuzz_check(memchr(event.end.comm, '\0', sizeof(event.end.comm)));
}

static void decode(const void *data, size_t size)
{
	_cleanup_free_ char *record = fuzz_copy(data, size);

	switch (weir_decode_type(record, size)) {
	case WEIR_EV_FLOW:
		fuzz_check(size == sizeof(struct weir_ev_flow));
		decode_flow(record);
		break;
	case WEIR_EV_CGROUP:
		fuzz_check(size == sizeof(struct weir_ev_cgroup));
		decode_cgroup(record);
		break;
	case WEIR_EV_DROP:
		fuzz_check(size == sizeof(struct weir_ev_drop));
		decode_drop(record);
		break;
	case WEIR_EV_DNS:
		fuzz_check(size >= offsetof(struct weir_ev_dns, payload));
		fuzz_check(size <= sizeof(struct weir_ev_dns));
		decode_dns(record, size);
		break;
	case WEIR_EV_PAUSE:
		fuzz_check(size == sizeof(struct weir_ev_hdr));
		break;
	case -EBADMSG:
		break;
	default:
		fuzz_check(!"a type that is none");
	}
}

/* As what stands behind a header that is right: few inputs would come to have one. */
static void decode_body(uint8_t type, size_t len, const uint8_t *data, size_t size)
{
	_cleanup_free_ char *record = calloc(1, len);
	struct weir_ev_hdr hdr = {
		.len = (__u16)len,
		.version = WEIR_ABI_VERSION,
		.type = type,
	};

	fuzz_check(record);
	memcpy(record, &hdr, sizeof(hdr));
	if (size > len - sizeof(hdr))
		size = len - sizeof(hdr);
	if (size)
		memcpy(record + sizeof(hdr), data, size);
	decode(record, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(data, size);
	decode_body(WEIR_EV_FLOW, sizeof(struct weir_ev_flow), data, size);
	decode_body(WEIR_EV_CGROUP, sizeof(struct weir_ev_cgroup), data, size);
	decode_body(WEIR_EV_DROP, sizeof(struct weir_ev_drop), data, size);
	decode_body(WEIR_EV_DNS, offsetof(struct weir_ev_dns, payload) + 64, data, size);
	return 0;
}
