# SPDX-License-Identifier: BSD-2-Clause
# One make graph for every target. Each room adds its part in its own rules.mk; this file holds the toolchains,
# the flags, and the rules that compile the core once per target.
#
#   make            the command and everything that lands on a stick
#   make deps       the packages that are missing, from Debian
#   make check      every test (bounded);  make check-long, bench-boot, bench-layers, lint, demo, deb, install
#
# B is the build folder; two builds in different folders are identical.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
.SECONDEXPANSION:

B       ?= build
# V=1 shows the commands.
Q       := $(if $(V),,@)
SRC     := $(CURDIR)
VERSION := $(shell sed -n 's/^## \([0-9][^ ]*\).*/\1/p' CHANGELOG.md 2>/dev/null | head -n 1)
PREFIX  ?= /usr
DESTDIR ?=

CC      := gcc
CLANG   := clang
AR_LLVM := llvm-ar
SAN     := address,undefined
# More flags for what tests are linked from; `make coverage` sets it.
COVERAGE :=

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
        -Wframe-larger-than=2048 -Werror
BASE := -std=c17 -O2 -I. -ffile-prefix-map=$(SRC)=. -ffile-prefix-map=$(SRC)/= -ffile-prefix-map=$(abspath $(B))/=B/ $(WARN)

# --- targets the core is compiled for ---------------------------------------------------------------------
TARGETS := host san x64 ia32 aa64 bios

# What a defect that is left in the command runs into; tests/build/hardening.sh looks for each in the binary. The last two are not in
# every compiler. (Frames hold a guard and its padding on top of the
# 2048 bytes that the other targets insist on.)
HARDEN := -fstack-protector-strong -Wframe-larger-than=2176 $(foreach f,-fstack-clash-protection -fcf-protection,\
          $(shell $(CC) -Werror $f -x c -c -o /dev/null /dev/null 2>/dev/null && echo $f))

CC_host   := $(CC)
FLAGS_host := $(BASE) $(HARDEN) -ffreestanding -g -fPIE -ffunction-sections -fdata-sections
CC_san    := $(CLANG)
FLAGS_san := $(BASE) -Wno-frame-larger-than -ffreestanding -g -fsanitize=$(SAN) -fno-sanitize-recover=all -fsanitize=fuzzer-no-link -fno-omit-frame-pointer $(COVERAGE)

EFI_COMMON := $(BASE) -Oz -ffreestanding -fstack-protector-strong -mgeneral-regs-only -ffunction-sections -fdata-sections \
              -Wno-frame-larger-than
CC_x64    := $(CLANG)
FLAGS_x64 := -target x86_64-unknown-windows $(EFI_COMMON) -mno-red-zone
CC_ia32   := $(CLANG)
FLAGS_ia32 := -target i686-unknown-windows $(EFI_COMMON) -march=i686
CC_aa64   := $(CLANG)
FLAGS_aa64 := -target aarch64-unknown-windows $(EFI_COMMON) -mstrict-align

CC_bios   := $(CC)
FLAGS_bios := $(BASE) -Oz -m32 -march=i386 -mpreferred-stack-boundary=2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
              -fno-asynchronous-unwind-tables -fcf-protection=none -mno-sse -mno-mmx -ffunction-sections -fdata-sections

CORE_SRC := $(sort $(wildcard core/*/*.c))

define core_target
$(B)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(FLAGS_$(1)) -MMD -MP -c $$< -o $$@
$(B)/$(1)/libpod.a: $$(patsubst %.c,$(B)/$(1)/%.o,$$(CORE_SRC))
	@rm -f $$@
	$$(Q)$$(AR_LLVM) rcsD $$@ $$^
-include $$(patsubst %.c,$(B)/$(1)/%.d,$$(CORE_SRC))
endef
$(foreach t,$(TARGETS),$(eval $(call core_target,$(t))))

.PHONY: all core check check-long lint clean
all:
core: $(foreach t,$(TARGETS),$(B)/$(t)/libpod.a)

# --- the rooms ------------------------------------------------------------------------------------------------
-include boot/menu/rules.mk
-include boot/efi/rules.mk
-include boot/bios/rules.mk
-include linux/rules.mk
-include windows/rules.mk
-include cli/rules.mk
-include tests/rules.mk
-include tests/unit/rules.mk
-include tests/fuzz/rules.mk
-include tests/interop/rules.mk
-include tests/faults/rules.mk
-include tests/media/rules.mk
-include tests/boot/rules.mk
-include tests/windows/rules.mk
-include tests/bench/rules.mk
-include tools/rules.mk

clean:
	rm -rf $(B)
