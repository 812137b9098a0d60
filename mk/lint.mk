# SPDX-License-Identifier: Apache-2.0

C_FILES := $(shell git ls-files '*.c' '*.h' 2>/dev/null)

.PHONY: lint
lint: ## formatting, include discipline, lone headers, SPDX lines, ABI padding, shell scripts
	$(Q)scripts/lint.sh
