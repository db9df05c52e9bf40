# SPDX-License-Identifier: BSD-2-Clause
# What we read and write, seen by third-party readers and checkers. Every executable tests/interop/*.sh and *.py prints
# "N passed, N failed[, N skipped]" as its last line. C programs they need: tests/interop/<name>_tool.c, linked with the
# sanitised core as $B/interop/<name>. B is exported to them as an absolute path. What tests share is not
# executable: tool.h, common.py, cli_common.py, common.sh.
INTEROP_TOOLS := $(sort $(wildcard tests/interop/*_tool.c))
INTEROP_BIN := $(patsubst tests/interop/%_tool.c,$(B)/interop/%,$(INTEROP_TOOLS))
INTEROP_TESTS := $(shell find tests/interop -maxdepth 1 -type f -perm -u+x \( -name '*.sh' -o -name '*.py' \) | sort)

$(INTEROP_BIN): $(B)/interop/%: tests/interop/%_tool.c $(B)/san/libpod.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(UNIT_FLAGS) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(TEST_DEPS) -o $@ $< $(B)/san/libpod.a
-include $(INTEROP_BIN:=.d)

.PHONY: check-interop interop-media interop-bin
# All that the tests run, for tests/break.sh.
interop-bin: all $(INTEROP_BIN) $(B)/interop/isopod-faults $(B)/interop/layer-model $(B)/interop/sandbox $(CLI_MO)
# What shim_live.py boots; built before the tests, whose time it is not.
interop-media:
	@tests/media/build.sh -q live >/dev/null
check-interop: $(INTEROP_BIN) interop-media
	@JOBS=2 B=$(abspath $(B)) tests/run-suite.sh interop $(INTEROP_TESTS)
