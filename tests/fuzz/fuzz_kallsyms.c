/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's list of symbols, which has names that modules and BPF programs chose. */
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "bpf/drop_names.h"
#include "lib/cleanup.h"
#include "tests/fuzz/fuzz.h"

struct memory_file {
	int fd;
	char path[32];
};

static void memory_file_make(struct memory_file *file, const void *data, size_t size)
{
	file->fd = memfd_create("fuzz", MFD_CLOEXEC);
	fuzz_check(file->fd >= 0);
	fuzz_check(write(file->fd, data, size) == (ssize_t)size);
	(void)snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

/* There are no places without BTF, so here is some. */
static const char *btf_path(void)
{
	static struct memory_file file;
	struct btf *btf;
	const void *bytes;
	uint32_t size;

	if (file.path[0])
		return file.path;
	btf = btf__new_empty();
	fuzz_check(btf && btf__add_enum(btf, "skb_drop_reason", 4) > 0);
	bytes = btf__raw_data(btf, &size);
	fuzz_check(bytes);
	memory_file_make(&file, bytes, size);
	btf__free(btf);
	return file.path;
}

static void ask(struct weir_drop_names *names, uint64_t address)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	const char *name = weir_drop_names_place(names, address);
	size_t len;

	fuzz_check(name == weir_drop_names_place(names, address));
	if (!name)
		return;
	len = strlen(name);
	fuzz_check(address && len > 0 && len < 128 && strspn(name, letters) == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(weir_drop_names_free) struct weir_drop_names *names = NULL;
	struct memory_file file;
	uint64_t address = 0;
	size_t i;

	memory_file_make(&file, data, size);
	fuzz_check(weir_drop_names_new_from(btf_path(), file.path, &names) == 0);
	ask(names, 0);
	ask(names, UINT64_MAX);
	/* What a line may begin with, and a little more than that. */
	for (i = 0; i < size && i < 4096; i++) {
		if (strchr("0123456789abcdef", data[i]) && data[i])
			address = address << 4 |
				  (uint64_t)(data[i] <= '9' ? data[i] - '0' : data[i] - 'a' + 10);
		else if (address) {
			ask(names, address + 1);
			address = 0;
		}
	}
	(void)close(file.fd);
	return 0;
}
