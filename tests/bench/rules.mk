# SPDX-License-Identifier: BSD-2-Clause
# Figures that are measured, not checked. `make bench-layers [BENCH_SCALE=0.1]` takes some 40 GiB of room at scale 1.
$(B)/bench/layer_call: $(B)/cli-obj/tests/bench/layer_call.o $(filter-out %/cli/main.o,$(CLI_OBJ)) $(B)/host/libpod.a
	@mkdir -p $(@D)
	$(Q)$(CC) -pie -pthread -o $@ $^
$(B)/bench/nbd_reads: $(B)/cli-obj/tests/bench/nbd_reads.o
	@mkdir -p $(@D)
	$(Q)$(CC) -pie -o $@ $^
.PHONY: bench-layers
bench-layers: $(B)/isopod $(B)/bench/layer_call $(B)/bench/nbd_reads
	@B=$(abspath $(B)) tests/bench/layers.py
# `make bench-togo [BENCH_MIB=1024]` takes some four times as much room as that.
.PHONY: bench-togo
bench-togo: $(B)/isopod
	@B=$(abspath $(B)) tests/bench/togo.py
# `make bench-windows [ISOPOD_WINDOWS=FOLDER]`: some 3 GiB of room.
.PHONY: bench-windows
bench-windows: all $(B)/interop/regf $(STANDINS)
	@/usr/bin/python3 -B tests/bench/windows.py --build $(B)
