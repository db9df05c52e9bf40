# SPDX-License-Identifier: BSD-2-Clause
# The initramfs shim: one static program per architecture, without a libc; $(B)/stick/SHIMX64, SHIMIA32, SHIMAA64. It takes from the
# core what it needs, compiled for Linux; the core's archives are for firmware.
SHIM_SRC := $(sort $(wildcard linux/*.c)) $(addprefix core/,base/base.c base/sealed.c base/budget.c base/fmt.c base/str.c base/text.c disk/dev.c trace/record.c trace/slot.c)
SHIM_LIMIT := 65536
SHIM_COMMON := $(BASE) -Os -ffreestanding -fno-builtin -fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables \
               -fno-pic -fno-pie -ffunction-sections -fdata-sections -fomit-frame-pointer
SHIM_FLAGS_X64 := -target x86_64-linux-gnu $(SHIM_COMMON)
SHIM_FLAGS_IA32 := -target i386-linux-gnu -march=i586 -mno-sse -mno-mmx $(SHIM_COMMON)
SHIM_FLAGS_AA64 := -target aarch64-linux-gnu $(SHIM_COMMON)
SHIM_MACHINE_X64 := elf_x86_64
SHIM_MACHINE_IA32 := elf_i386
SHIM_MACHINE_AA64 := aarch64linux
SHIMS := $(B)/stick/SHIMX64 $(B)/stick/SHIMIA32 $(B)/stick/SHIMAA64

define shim_target
$(B)/shim/$(1)/%.o: %.c linux/rules.mk
	@mkdir -p $$(@D)
	$$(Q)$$(CLANG) $$(SHIM_FLAGS_$(1)) -MMD -MP -c $$< -o $$@
$(B)/stick/SHIM$(1): $$(patsubst %.c,$(B)/shim/$(1)/%.o,$$(SHIM_SRC)) linux/rules.mk
	@mkdir -p $$(@D)
	$$(Q)ld.lld -m $$(SHIM_MACHINE_$(1)) -static -nostdlib --gc-sections --build-id=none -z noseparate-code \
		-z norelro --no-rosegment -s -e _start -o $$@ $$(filter %.o,$$^)
	@truncate -s %2048 $$@ # the boot manager serves it by whole sectors
	@size=$$$$(wc -c <$$@); [ $$$$size -le $(SHIM_LIMIT) ] || { echo "$$@: $$$$size bytes, more than $(SHIM_LIMIT)"; rm $$@; exit 1; }
-include $$(patsubst %.c,$(B)/shim/$(1)/%.d,$$(SHIM_SRC))
endef
$(foreach m,X64 IA32 AA64,$(eval $(call shim_target,$(m))))

.PHONY: shim
shim: $(SHIMS)
all: $(SHIMS)

# tests/interop/shim_boot.py, every case; the short list and shim_live.py are part of check-interop.
check-interop: $(SHIMS)
.PHONY: check-shim-all
check-shim-all: $(SHIMS)
	@B=$(abspath $(B)) SHIM_ALL=1 tests/run-suite.sh shim tests/interop/shim_boot.py
