# SPDX-License-Identifier: BSD-2-Clause
# The helper in Windows PE, one program per architecture, without a C library; $(B)/stick/WINX64.EXE, WINIA32.EXE, WINAA64.EXE. It takes
# from the core what it needs, compiled for Windows; import libraries come from the lists of functions in *.def, where they stand
# with what 32-bit Windows calls them (@ and the bytes of their arguments).
HELPER_SRC := $(sort $(wildcard windows/*.c)) $(addprefix core/,base/base.c base/str.c base/text.c disk/dev.c base/budget.c map/winhandover.c trace/record.c trace/slot.c)
HELPER_DEFS := $(sort $(wildcard windows/*.def))
HELPER_LIMIT := 10240
# The stack grows by the page; larger frames would need a function that is not there, which the linker tells.
HELPER_COMMON := $(BASE) -Wframe-larger-than=4000 -Oz -flto -ffreestanding -fno-builtin -fno-stack-protector -fno-asynchronous-unwind-tables \
                 -fno-unwind-tables -fms-extensions -ffunction-sections -fdata-sections -fomit-frame-pointer \
                 -fno-jump-tables -DPOD_BYTES_NATIVE
HELPER_FLAGS_X64 := -target x86_64-unknown-windows -mno-sse $(HELPER_COMMON)
HELPER_FLAGS_IA32 := -target i686-unknown-windows -march=i686 $(HELPER_COMMON)
HELPER_FLAGS_AA64 := -target aarch64-unknown-windows $(HELPER_COMMON)
HELPER_MACHINE_X64 := i386:x86-64
HELPER_MACHINE_IA32 := i386
HELPER_MACHINE_AA64 := arm64
HELPER_DEF_X64 := s/@[0-9]*$$$$//
HELPER_DEF_IA32 :=
HELPER_DEF_AA64 := s/@[0-9]*$$$$//
# Both would rather have more instructions that take less time.
HELPER_LD := /mllvm:-disable-machine-licm /mllvm:-disable-block-placement
HELPER_LD_IA32 := /safeseh:no
HELPER_LD_AA64 := /mllvm:-consthoist-gep
HELPERS := $(B)/stick/WINX64.EXE $(B)/stick/WINIA32.EXE $(B)/stick/WINAA64.EXE

define helper_target
$(B)/helper/$(1)/%.o: %.c windows/rules.mk
	@mkdir -p $$(@D)
	$$(Q)$$(CLANG) $$(HELPER_FLAGS_$(1)) -MMD -MP -c $$< -o $$@
$(B)/helper/$(1)/%.lib: windows/%.def windows/rules.mk
	@mkdir -p $$(@D)
	$$(Q)sed '$(HELPER_DEF_$(1))' $$< >$$(@:lib=def)
	$$(Q)llvm-dlltool -k -m $(HELPER_MACHINE_$(1)) -d $$(@:lib=def) -l $$@
$(B)/stick/WIN$(1).EXE: $$(patsubst %.c,$(B)/helper/$(1)/%.o,$$(HELPER_SRC)) $$(patsubst windows/%.def,$(B)/helper/$(1)/%.lib,$$(HELPER_DEFS)) windows/rules.mk
	@mkdir -p $$(@D)
	$$(Q)lld-link /subsystem:windows /entry:helper_main /nodefaultlib /Brepro /opt:ref /opt:icf /merge:.rdata=.text $(HELPER_LD) $(HELPER_LD_$(1)) /out:$$@ $$(filter %.o %.lib,$$^)
	@truncate -s %2048 $$@ # the boot manager serves it by whole sectors
	@size=$$$$(wc -c <$$@); [ $$$$size -le $(HELPER_LIMIT) ] || { echo "$$@: $$$$size bytes, more than $(HELPER_LIMIT)"; rm $$@; exit 1; }
-include $$(patsubst %.c,$(B)/helper/$(1)/%.d,$$(HELPER_SRC))
endef
$(foreach m,X64 IA32 AA64,$(eval $(call helper_target,$(m))))

.PHONY: helper
helper: $(HELPERS)
all: $(HELPERS)
