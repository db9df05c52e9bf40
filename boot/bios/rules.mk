# SPDX-License-Identifier: BSD-2-Clause
# The BIOS side of the stick: MBR, stage 2 in two parts (low.c), and inside stage 2 the resident INT 13h server.

BIOS_LD      := ld -m elf_i386 -nostdlib --no-warn-rwx-segments --build-id=none
BIOS_OBJCOPY := objcopy -O binary
BIOS_AS      := $(CC) -m32 -march=i386 -I. -I$(B) -ffile-prefix-map=$(SRC)/= -Wa,--fatal-warnings -c

$(B)/bios/%.o: %.S
	@mkdir -p $(@D)
	$(Q)$(BIOS_AS) -MMD -MP $< -o $@

# --- MBR -----------------------------------------------------------------------------------------------
$(B)/stick/mbr.bin: $(B)/bios/boot/bios/mbr.o
	@mkdir -p $(@D)
	$(Q)$(BIOS_LD) -Ttext=0x600 -e _start -o $(B)/bios/mbr.elf $<
	$(Q)$(BIOS_OBJCOPY) -j .text $(B)/bios/mbr.elf $@

# --- resident server: 16-bit, its own flat segment -------------------------------------------------------
BIOS16_FLAGS := $(filter-out -m32,$(FLAGS_bios)) -m16 -mregparm=3 -fno-jump-tables
$(B)/bios16/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(BIOS16_FLAGS) -MMD -MP -c $< -o $@

BIOS_RESIDENT_OBJ := $(B)/bios/boot/bios/resident.o $(B)/bios16/boot/bios/int13.o $(B)/bios16/boot/bios/idle.o
$(B)/bios/resident.bin: $(BIOS_RESIDENT_OBJ) boot/bios/resident.ld
	$(Q)$(BIOS_LD) --gc-sections -T boot/bios/resident.ld -o $(B)/bios/resident.elf $(BIOS_RESIDENT_OBJ)
	$(Q)$(BIOS_OBJCOPY) $(B)/bios/resident.elf $@

# --- stage 2 -------------------------------------------------------------------------------------------
BIOS_SRC := boot/bios/low.c boot/bios/e820.c boot/bios/main.c boot/bios/disk.c boot/bios/memory.c boot/bios/console.c \
            boot/bios/video.c boot/bios/start.c boot/bios/machine.c boot/bios/own.c boot/bios/fault.c boot/bios/guard.c boot/lib/mem.c boot/lib/div64.c
# What runs on the port; a build for experiments may put another program here.
BIOS_MENU_OBJ ?= $(B)/bios/libmenu.a
BIOS_OBJ := $(B)/bios/boot/bios/stage2.o $(patsubst %.c,$(B)/bios/%.o,$(BIOS_SRC)) $(BIOS_MENU_OBJ)

$(B)/bios/boot/bios/stage2.o: $(B)/bios/resident.bin

# $(call bios_stage2,ELF,OBJECTS): links ELF, and makes the target of its two parts.
bios_stage2 = $(BIOS_LD) --gc-sections -T boot/bios/stage2.ld -o $(1) $(2) && $(BIOS_OBJCOPY) -j .low $(1) $(1).low && \
              $(BIOS_OBJCOPY) -j .high $(1) $(1).high && /usr/bin/python3 boot/bios/pack.py $(1).low $(1).high $@
$(B)/stick/stage2.bin: $(BIOS_OBJ) $(B)/bios/libpod.a boot/bios/stage2.ld boot/bios/pack.py core/disk/bootcode.h
	@mkdir -p $(@D)
	$(Q)$(call bios_stage2,$(B)/bios/stage2.elf,$(BIOS_OBJ) $(B)/bios/libpod.a)

-include $(patsubst %.o,%.d,$(filter %.o,$(BIOS_OBJ)) $(BIOS_RESIDENT_OBJ) $(B)/bios/boot/bios/mbr.o)

.PHONY: bios
bios: $(B)/stick/mbr.bin $(B)/stick/stage2.bin
all: bios

# The server's own test compiles it in.
$(B)/unit/int13_test: boot/bios/int13.c boot/bios/idle.c boot/bios/int13.h

# The server asked from inside the machine, in QEMU.
.PHONY: check-bios
check-bios: all
	@B=$(B) tests/run-suite.sh bios tests/boot/bios_probe.py tests/boot/stage2.py tests/boot/stack.py
# Unpacks all of stage 2 at each start.
$(B)/bios/core/base/lzma.o: FLAGS_bios += -O2
