# SPDX-License-Identifier: BSD-2-Clause
.PHONY: deps demo
# Installs the packages that are missing, and says which and why; `make demo` and `make check` do so first.
deps:
	@B='$(B)' tools/deps.sh
demo: deps
	@$(MAKE) -s -j$$(nproc) B='$(B)' all
	@B='$(B)' tools/demo.sh
