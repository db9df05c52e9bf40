# SPDX-License-Identifier: BSD-2-Clause
# Every tests/unit/<name>_test.c becomes one program, linked with main.c and the core, under sanitizers.
UNIT_SRC := $(sort $(wildcard tests/unit/*_test.c))
UNIT_BIN := $(patsubst tests/unit/%_test.c,$(B)/unit/%_test,$(UNIT_SRC))
UNIT_FLAGS := -std=c17 -O1 -g -I. -Wall -Wextra -Werror -fsanitize=$(SAN) -fno-sanitize-recover=all $(COVERAGE)
# For a rule that compiles one source and links it in one go: $@.d says which headers it includes. Fuzz and interop use it too.
TEST_DEPS = -MMD -MP -MF $@.d -MT $@

$(B)/unit/main.o: tests/unit/main.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(UNIT_FLAGS) -D_GNU_SOURCE $(TEST_DEPS) -c -o $@ $<
$(B)/unit/%_test: tests/unit/%_test.c $(B)/unit/main.o $(B)/san/libpod.a
	@mkdir -p $(@D)
	$(CLANG) $(UNIT_FLAGS) -D_GNU_SOURCE $(TEST_DEPS) -o $@ $< $(B)/unit/main.o $(B)/san/libpod.a
-include $(addsuffix .d,$(B)/unit/main.o $(UNIT_BIN))

.PHONY: check-unit
check-unit: $(UNIT_BIN)
	@tests/run-suite.sh unit $(UNIT_BIN)
