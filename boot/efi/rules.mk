# SPDX-License-Identifier: BSD-2-Clause
# The UEFI boot manager, one binary per architecture.

EFI_ARCHES    := x64 ia32 aa64
EFI_NAME_x64  := BOOTX64.EFI
EFI_NAME_ia32 := BOOTIA32.EFI
EFI_NAME_aa64 := BOOTAA64.EFI
EFI_SRC       := $(sort $(wildcard boot/efi/*.c boot/lib/*.c))

# /Brepro: a hash of the content instead of a time stamp. Sections stay apart and 4096-aligned, so that firmware can
# map code read-only and data non-executable.
EFI_LDFLAGS      := /subsystem:efi_application /entry:efi_main /nodefaultlib /Brepro /opt:ref /opt:icf
EFI_LDFLAGS_ia32 := /safeseh:no

define efi_target
$(B)/stick/$(EFI_NAME_$(1)): $$(patsubst %.c,$(B)/$(1)/%.o,$(EFI_SRC)) $(B)/$(1)/libmenu.a $(B)/$(1)/libpod.a boot/efi/rules.mk
	@mkdir -p $$(@D)
	$$(Q)lld-link $(EFI_LDFLAGS) $(EFI_LDFLAGS_$(1)) /out:$$@ $$(filter %.o %.a,$$^)
-include $$(patsubst %.c,$(B)/$(1)/%.d,$(EFI_SRC))
endef
$(foreach t,$(EFI_ARCHES),$(eval $(call efi_target,$(t))))

.PHONY: efi
efi: $(foreach t,$(EFI_ARCHES),$(B)/stick/$(EFI_NAME_$(t)))
all: efi
