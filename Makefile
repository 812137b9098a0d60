# SPDX-License-Identifier: Apache-2.0
#
# Weir's build, top to bottom: settings, objects per module, BPF, binaries, tests, install.
# `make help` lists the targets. Everything that is made lies in $(BUILD).

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
CLANG ?= clang
BPFTOOL ?= bpftool
V ?= 0
# SANITIZE=address,undefined builds everything with those sanitizers, in a folder of its own.
SANITIZE ?=
ifneq ($(SANITIZE),)
override BUILD := $(BUILD)/sanitize
endif

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

LIBS := libbpf libelf libmnl json-c libwebsockets yaml-0.1 ldns
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
	-Wpointer-arith -Wno-unused-parameter -Wno-format-zero-length
WERROR := $(if $(CI),-Werror)
CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -DWEIR_VERSION='"$(VERSION)"'
CFLAGS ?= -O2 -g
# The programs are optimised as a whole; tests link the same objects as they are. Across files gcc
# suspects what it cannot follow of being uninitialised; file by file (SANITIZE) it looks, too.
LTO := $(if $(SANITIZE)$(findstring clang,$(CC)),,-flto=auto -ffat-lto-objects -Wno-maybe-uninitialized)
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARNINGS) $(WERROR) -fvisibility=hidden -fstack-protector-strong \
	-ffunction-sections -fdata-sections -MMD -MP $(shell pkg-config --cflags $(LIBS)) \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
LDFLAGS += -Wl,--gc-sections -Wl,--as-needed $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LDLIBS = $(shell pkg-config --libs $(LIBS))

.PHONY: all
all: $(BUILD)/weir-agent $(BUILD)/weir

# --- modules ---------------------------------------------------------------------------------
# One archive per folder, so that a test links only what it names. Order: users before used.

MODULES := bpf api dns k8s-meta flow lib
sources = $(wildcard $(1)/*.c)
objects = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %.bpf.c,$(call sources,$(1))))
ARCHIVES := $(foreach m,$(MODULES),$(BUILD)/$(m)/lib$(m).a)

define module_archive
$(BUILD)/$(1)/lib$(1).a: $(call objects,$(1))
	$$(say) AR $$@
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call module_archive,$(m))))

$(BUILD)/%.o: %.c
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(LTO) -c -o $@ $<

# --- BPF -------------------------------------------------------------------------------------
# One object per hook family, linked into one, from which the skeleton is made.

# maps first: libbpf's linker up to 1.1 misplaces a map whose extern it meets before the definition.
BPF_OBJECTS := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.bpf.o,bpf/maps.bpf.c \
	$(filter-out bpf/maps.bpf.c,$(wildcard bpf/*.bpf.c)))
BPF_TARGET_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_TARGET_ARCH) -Wall -Wextra -Werror \
	-Wno-unused-parameter -I. -idirafter /usr/include/$(shell uname -m)-linux-gnu -MMD -MP

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(say) BPF $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<
	$(Q)llvm-strip -g $@

$(BUILD)/bpf/weir.o: $(BPF_OBJECTS)
	$(say) BPFLINK $@
	$(Q)$(BPFTOOL) gen object $@ $^

$(BUILD)/bpf/weir.skel.h: $(BUILD)/bpf/weir.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name weir_bpf > $@

$(call objects,bpf): | $(BUILD)/bpf/weir.skel.h

# --- binaries --------------------------------------------------------------------------------

CMD_OBJECTS := $(call objects,cmd)
$(BUILD)/weir-agent: $(call objects,cmd/weir-agent) $(CMD_OBJECTS) $(ARCHIVES)
$(BUILD)/weir: $(call objects,cmd/weir) $(CMD_OBJECTS) $(filter-out $(BUILD)/bpf/%,$(ARCHIVES))
$(BUILD)/weir-agent $(BUILD)/weir:
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -o $@ $^ $(LDLIBS)

include mk/test.mk mk/fuzz.mk mk/lint.mk mk/install.mk

.PHONY: deps
deps: ## install what building and testing needs (Debian packages)
	$(Q)scripts/install-deps.sh

.PHONY: clean
clean: ## remove everything that was made
	rm -rf $(BUILD)

.PHONY: help
help: ## list the targets
	@echo 'make              build $(BUILD)/weir-agent and $(BUILD)/weir'
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1@\2/p' $(MAKEFILE_LIST) | sort | \
		awk -F@ '{ printf "%-17s %s\n", $$1, $$2 }'
	@echo
	@echo 'settings: V=1, SANITIZE=address,undefined, CC, CLANG, BPFTOOL, PREFIX, DESTDIR, BUILD'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
