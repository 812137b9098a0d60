# SPDX-License-Identifier: Apache-2.0
# Tests, the demo and the benchmark. Every test program speaks TAP; tests/run.sh adds them up.

UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c)
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(UNIT_SOURCES))
BPF_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bpf/test_*.c))
TOOL_SOURCES := $(wildcard tests/tools/*.c)
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(TOOL_SOURCES))

# A test that is not registered with cmocka is an unused function and fails the build.
$(BUILD)/tests/%: tests/%.c $(ARCHIVES)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -Werror=unused-function $(LDFLAGS) -o $@ $< $(ARCHIVES) \
		$(LDLIBS) -lcmocka

# Programs of a test alone, each with a skeleton of its own.
$(BUILD)/tests/bpf/%.bpf.o: tests/bpf/%.bpf.c
	$(say) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<
	$(Q)llvm-strip -g $@

$(BUILD)/tests/bpf/%.skel.h: $(BUILD)/tests/bpf/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

.SECONDARY: $(BUILD)/tests/bpf/packet_run.bpf.o
$(BUILD)/tests/bpf/test_packet: $(BUILD)/tests/bpf/packet_run.skel.h

# cmd/ has no archive: its tests are linked with all of cmd/weir but its main.
CMD_TEST_OBJECTS := $(CMD_OBJECTS) $(filter-out %/main.o,$(call objects,cmd/weir))
$(BUILD)/tests/unit/cmd/%: tests/unit/cmd/%.c $(CMD_TEST_OBJECTS) $(ARCHIVES)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -Werror=unused-function $(LDFLAGS) -o $@ $< \
		$(CMD_TEST_OBJECTS) $(ARCHIVES) $(LDLIBS) -lcmocka

# Traffic makers and checkers that the tests, the demo and the benchmark use: no Weir code in them.
$(BUILD)/tools/%: tests/tools/%.c
	$(say) TOOL $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< -lpthread

# The cost of programs for each packet, for the benchmark.
$(BUILD)/tests/bench/%.bpf.o: tests/bench/%.bpf.c
	$(say) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<
	$(Q)llvm-strip -g $@

$(BUILD)/tests/bench/%.skel.h: $(BUILD)/tests/bench/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

.SECONDARY: $(BUILD)/tests/bench/packet_cost.bpf.o
$(BUILD)/tests/bench/packet_cost: $(BUILD)/tests/bench/packet_cost.skel.h $(BUILD)/bpf/weir.skel.h

.PHONY: bench-programs
bench-programs: $(BUILD)/tests/bench/packet_cost

.PHONY: tools
tools: $(TOOLS)

.PHONY: unit-tests bpf-tests
unit-tests: $(UNIT_TESTS)
bpf-tests: $(BPF_TESTS)

.PHONY: test
test: deps ## install what is missing, build, run every test (as root: all of them)
	$(Q)$(MAKE) --no-print-directory all tools unit-tests bpf-tests
	$(Q)$(MAKE) --no-print-directory SANITIZE=address,undefined unit-tests
	$(Q)BUILD=$(BUILD) tests/run.sh

.PHONY: check
check: all unit-tests ## unit tests only: no root, no BTF
	$(Q)BUILD=$(BUILD) tests/run.sh unit

.PHONY: demo
demo: deps ## a small cluster out of namespaces, watched live (DEMO_SECONDS=N ends by itself)
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)BUILD=$(BUILD) tests/demo/demo.sh

.PHONY: bench
bench: deps ## cost of the agent: CPU, memory, and throughput with and without it
	$(Q)$(MAKE) --no-print-directory all tools bench-programs
	$(Q)BUILD=$(BUILD) tests/bench/bench.sh
