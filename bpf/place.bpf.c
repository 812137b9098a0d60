// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Which function of the kernel an address is in. The kernel looks that up by bisection, also where it
 * shows no addresses; userspace would have to read all of /proc/kallsyms, which takes it 50 ms.
 */
#include "bpf/common.bpf.h"

/* Set by userspace before it runs the program, and read after it. */
volatile __u64 place_address = 0;
char place_name[256] = "";

SEC("syscall")
int name_place(void *ctx)
{
	static const char format[] = "%ps";
	__u64 address = place_address;
	long len;

	len = bpf_snprintf(place_name, sizeof(place_name), format, &address, sizeof(address));
	/* A part of a name would be another name. */
	return len < 0 || len > (long)sizeof(place_name);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
