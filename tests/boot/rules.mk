# SPDX-License-Identifier: BSD-2-Clause
# Boot tests: real media, chosen among many on one stick, in QEMU. make check-boot ONLY=regex runs some of them.
BOOT_PY := /usr/bin/python3 -B
BOOT_RUN = $(BOOT_PY) tests/boot/run.py --build $(B) $(if $(ONLY),--only '$(ONLY)')

.PHONY: check-boot check-boot-long check-boot-break check-boot-plain check-faults-boot bench-boot
check-boot: all
	@$(BOOT_RUN) --group check
check-boot-long: all
	@$(BOOT_RUN) --group long
	@B=$(B) $(BOOT_PY) tests/boot/persist.py
	@B=$(B) $(BOOT_PY) tests/boot/bochs.py
# Every case with another image chosen: none may pass.
check-boot-break: all
	@$(BOOT_RUN) --group check --break
# Faults that are booted, and the recorder's verdict on each: a table. ONLY=regex takes some of them.
check-faults-boot: all
	@$(BOOT_PY) tests/boot/fault_cases.py --build $(B) $(if $(ONLY),--only '$(ONLY)')
# The media themselves, without Isopod.
check-boot-plain:
	@$(BOOT_RUN) --group plain
bench-boot: all
	@$(BOOT_PY) tests/boot/bench.py --build $(B)

# --- tests/boot/stack.py: the boot manager with stack.c in the place of the menu -------------------------------------
STACK_TESTS := bios-whole bios-deep bios-real x64-whole x64-frame ia32-whole ia32-frame

stack_target = $(firstword $(subst -, ,$(1)))
stack_kind   = $(lastword $(subst -, ,$(1)))
stack_link_bios = $(call bios_stage2,$@.elf,$^)
stack_link_x64  = lld-link $(EFI_LDFLAGS) $(EFI_LDFLAGS_x64) /out:$@ $^
stack_link_ia32 = lld-link $(EFI_LDFLAGS) $(EFI_LDFLAGS_ia32) /out:$@ $^
stack_objects_bios = $(filter-out $(BIOS_MENU_OBJ),$(BIOS_OBJ))
stack_objects_x64  = $(patsubst %.c,$(B)/x64/%.o,$(EFI_SRC))
stack_objects_ia32 = $(patsubst %.c,$(B)/ia32/%.o,$(EFI_SRC))

define stack_test
$(B)/stack/$(1).o: tests/boot/stack.c boot/boot.h boot/bios/bios.h
	@mkdir -p $$(@D)
	$$(Q)$$(CC_$(2)) $$(FLAGS_$(2)) $(if $(filter bios,$(2)),-DSTACK_BIOS) -DSTACK=STACK_$(3) -c $$< -o $$@
$(B)/stack/$(1): $$(stack_objects_$(2)) $(B)/stack/$(1).o $(B)/$(2)/libmenu.a $(B)/$(2)/libpod.a
	$$(Q)$$(stack_link_$(2))
STACK_BIN += $(B)/stack/$(1)
endef
$(foreach t,$(STACK_TESTS),$(eval $(call stack_test,$(t),$(call stack_target,$(t)),$(call stack_kind,$(t)))))
# All of them, for tests/break.sh.
.PHONY: stack-bin
stack-bin: $(STACK_BIN)
check-bios: stack-bin

# --- tests/boot/windows_cases.py: stand-ins for Windows' boot manager -------------------------------------------------
STANDINS := $(addprefix $(B)/standin/,x64.efi ia32.efi aa64.efi bios.bin)

define standin_efi
$(B)/standin/$(1).efi: tests/boot/standin_efi.c boot/efi/uefi.h
	@mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(filter-out -fstack-protector-strong,$$(FLAGS_$(1))) -c $$< -o $$@.o
	$$(Q)lld-link $(EFI_LDFLAGS) $(EFI_LDFLAGS_$(1)) /out:$$@ $$@.o
endef
$(foreach t,$(EFI_ARCHES),$(eval $(call standin_efi,$(t))))
$(B)/standin/bios.bin: tests/boot/standin_bios.c tests/boot/standin_bios.ld
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -m32 -Wpedantic,$(FLAGS_bios)) -m16 -c $< -o $@.o
	$(Q)$(BIOS_LD) -T tests/boot/standin_bios.ld -o $@.elf $@.o
	$(Q)$(BIOS_OBJCOPY) $@.elf $@
# --- tests/boot/memory_cases.py: a boot sector of our own -------------------------------------------------------------
$(B)/moth.bin: tests/boot/moth.S
	@mkdir -p $(@D)
	$(Q)$(BIOS_AS) $< -o $@.o
	$(Q)$(BIOS_LD) -Ttext=0x7c00 -e _start -o $@.elf $@.o
	$(Q)$(BIOS_OBJCOPY) -j .text $@.elf $@
# --- tests/boot/quirk_cases.py: firmware with faults -------------------------------------------------------------------
$(B)/quirk/bios.img: tests/boot/quirk_bios.S
	@mkdir -p $(@D)
	$(Q)$(BIOS_AS) $< -o $@.o
	$(Q)$(BIOS_LD) -Ttext=0x7c00 -e _start -o $@.elf $@.o
	$(Q)$(BIOS_OBJCOPY) -j .text $@.elf $@
	$(Q)truncate -s 1M $@
$(B)/quirk/x64.efi: tests/boot/quirk_efi.c boot/efi/uefi.h
	@mkdir -p $(@D)
	$(Q)$(CC_x64) $(filter-out -fstack-protector-strong,$(FLAGS_x64)) -c $< -o $@.o
	$(Q)lld-link $(EFI_LDFLAGS) $(EFI_LDFLAGS_x64) /out:$@ $@.o
$(B)/quirk/uefi.img: $(B)/quirk/x64.efi
	$(Q)rm -f $@
	$(Q)mformat -C -i $@ -T 8192 -h 16 -s 32 ::
	$(Q)mmd -i $@ ::/EFI ::/EFI/BOOT
	$(Q)mcopy -i $@ $< ::/EFI/BOOT/BOOTX64.EFI
check-boot check-boot-long check-boot-break: $(STANDINS) $(B)/moth.bin $(B)/quirk/bios.img $(B)/quirk/uefi.img
