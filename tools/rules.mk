# SPDX-License-Identifier: BSD-2-Clause
.PHONY: demo
demo: deps
	@$(MAKE) -s -j$$(nproc) B='$(B)' all
	@B='$(B)' tools/demo.sh
