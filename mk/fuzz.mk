# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets (tests/fuzz), built with clang in a folder of their own: $(BUILD)/fuzz.

FUZZ_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SANITIZE := fuzzer-no-link,address,undefined
# Seconds for each target.
FUZZ_SECONDS ?= 10

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(ARCHIVES)
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(ARCHIVES) $(LDLIBS)

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS)

.PHONY: fuzz
fuzz: deps ## libFuzzer against the parsers of foreign bytes (FUZZ_SECONDS=N for each)
	$(Q)$(MAKE) --no-print-directory CC=$(CLANG) SANITIZE=$(FUZZ_SANITIZE) BUILD=$(BUILD)/fuzz \
		fuzz-programs
	$(Q)BUILD=$(BUILD) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh
