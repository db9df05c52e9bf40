# SPDX-License-Identifier: BSD-2-Clause
# Every tests/fuzz/<name>_fuzz.c becomes one libFuzzer program, $(B)/fuzz/<name>. Its seeds are
#   - what the executable tests/fuzz/<name>_seed.{py,sh} writes into the folder named by its argument, if there is one, and
#   - tests/fuzz/corpus/<name>/: inputs that found something once, as *.hex (see hex.py), expanded into the same folder.
# `check-fuzz` replays them and runs each target on FUZZ_RUNS mutations, the same each time, so that it finds tomorrow what it finds
# today; `check-fuzz-long` looks for new ones, FUZZ_LONG_SECONDS each.
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*_fuzz.c))
FUZZ_NAMES := $(patsubst tests/fuzz/%_fuzz.c,%,$(FUZZ_SRC))
FUZZ_BIN := $(addprefix $(B)/fuzz/,$(FUZZ_NAMES))
FUZZ_FLAGS := -std=c17 -O1 -g -I. -Wall -Wextra -Werror -fsanitize=fuzzer,$(SAN) -fno-sanitize-recover=all $(COVERAGE)
FUZZ_RUNS ?= 20000
FUZZ_LONG_SECONDS ?= 600

# Parts of the command or the shim that a target reads with, and their libraries, linked as usual (cli/host/lazy.h).
FUZZ_CLI_initrd  := cli/doctor/initrd.c cli/doctor/initrd_walk.c cli/doctor/modules.c cli/doctor/drivers_inf.c
FUZZ_LIBS_initrd := -larchive
FUZZ_CLI_diff := cli/layer/diff_core.c cli/layer/diff_export.c cli/layer/diff_folder.c cli/layer/diff_tar.c cli/layer/tar.c cli/mount/list.c cli/host/temporary.c cli/host/tempfile.c $(sort $(wildcard cli/ui/*.c))
FUZZ_CLI_hashlist := cli/stick/hashlist.c cli/host/identity.c cli/ui/memory.c cli/ui/number.c
FUZZ_CLI_mount := cli/mount/tree.c cli/mount/list.c cli/mount/about.c cli/mount/ext.c cli/host/ext_device.c $(sort $(wildcard cli/ui/*.c))
FUZZ_CLI_nbd := cli/nbd/nbd.c cli/nbd/negotiate.c cli/nbd/status.c cli/ui/memory.c
FUZZ_LIBS_lzx := -lwim
FUZZ_LIBS_xpress := -lwim
FUZZ_LIBS_inflate := -lz
FUZZ_LIBS_zstd := -lzstd
FUZZ_CLI_procfs := linux/observe.c linux/settle.c linux/settle_usb.c linux/util.c
FUZZ_CLI_qmp := cli/vm/qmp.c cli/ui/fault.c cli/ui/json.c cli/ui/memory.c cli/ui/message.c cli/ui/signal.c
# All of the shim but its entry and its system calls; the target includes two of its files.
FUZZ_CLI_shim := $(filter-out $(addprefix linux/,sys.c shim.c watch.c report.c),$(sort $(wildcard linux/*.c)))

$(FUZZ_BIN): $(B)/fuzz/%: tests/fuzz/%_fuzz.c $$(FUZZ_CLI_$$*) $(B)/san/libpod.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -D_GNU_SOURCE -DLAZY_DIRECT $(TEST_DEPS) -o $@ $(FUZZ_CLI_$*) $< $(B)/san/libpod.a $(FUZZ_LIBS_$*)
-include $(FUZZ_BIN:=.d)
# Volumes that no program at hand writes, for the seeds of the targets that read media.
$(B)/fuzz/udf-seed: tests/fuzz/udf_seed.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(UNIT_FLAGS) $(TEST_DEPS) -o $@ $<
$(addprefix $(B)/fuzz/,udf image plan): $(B)/fuzz/udf-seed
-include $(B)/fuzz/udf-seed.d

.PHONY: fuzz check-fuzz check-fuzz-long
fuzz: $(FUZZ_BIN)
check-fuzz: $(FUZZ_BIN)
	@B=$(B) FUZZ_NAMES="$(FUZZ_NAMES)" FUZZ_RUNS=$(FUZZ_RUNS) tests/run-suite.sh fuzz tests/fuzz/run.sh
check-fuzz-long: $(FUZZ_BIN)
	@B=$(B) FUZZ_NAMES="$(FUZZ_NAMES)" FUZZ_SECONDS=$(FUZZ_LONG_SECONDS) tests/run-suite.sh fuzz-long tests/fuzz/run.sh
