# SPDX-License-Identifier: Apache-2.0

.PHONY: lint
lint: $(BUILD)/bpf/weir.skel.h ## formatting, clang-tidy, include discipline, lone headers, SPDX lines, scripts
	$(Q)BUILD=$(BUILD) scripts/lint.sh
