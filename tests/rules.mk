# SPDX-License-Identifier: BSD-2-Clause
# `make check` runs every bounded suite, even after one failed, and ends with the sum.
CHECK_SUITES      := lint unit fuzz interop faults-quick build bios boot
CHECK_LONG_SUITES := unit fuzz-long interop faults build bios break boot-long

.PHONY: check check-long check-build

check: deps
	@B='$(B)' tests/check.sh $(CHECK_SUITES)

check-long: deps
	@LONG=1 B='$(B)' tests/check.sh $(CHECK_LONG_SUITES)

# See doc/TESTING.md, "build".
check-build: all core $(B)/host/libmenu.a
	@tests/run-suite.sh build $(addprefix tests/build/,symbols.sh globals.sh hardening.sh reproducible.sh blobs.sh dead.sh layers.py deps.sh helper.sh stage2.py)

# Deliberate mistakes that the tests must notice: tests/break.txt.
.PHONY: check-break
check-break: all $(UNIT_BIN) $(FUZZ_BIN) $(INTEROP_BIN)
	@B='$(B)' tests/run-suite.sh break tests/break.sh

.PHONY: check-lint lint format
check-lint lint:
	@B='$(B)' tests/run-suite.sh lint tests/lint.sh
format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

# What unit tests and the replay of the fuzz seeds run through; in a build of its own.
.PHONY: coverage coverage-programs
coverage:
	@$(MAKE) -s B='$(B)/coverage/build' COVERAGE='-fprofile-instr-generate -fcoverage-mapping' coverage-programs
coverage-programs: $$(UNIT_BIN) $$(FUZZ_BIN)
	@FUZZ_NAMES='$(FUZZ_NAMES)' tests/coverage.sh $(patsubst %/build,%,$(B)) $^
