# SPDX-License-Identifier: BSD-2-Clause
# Boot tests: real media, chosen among many on one stick, in QEMU. make check-boot ONLY=regex runs some of them.
BOOT_PY := /usr/bin/python3 -B
BOOT_RUN = $(BOOT_PY) tests/boot/run.py --build $(B) $(if $(ONLY),--only '$(ONLY)')

.PHONY: check-boot check-boot-long check-boot-break check-boot-plain bench-boot
check-boot: all
	@$(BOOT_RUN) --group check
check-boot-long: all
	@$(BOOT_RUN) --group long
# Every case with another image chosen: none may pass.
check-boot-break: all
	@$(BOOT_RUN) --group check --break
# The media themselves, without Isopod.
check-boot-plain:
	@$(BOOT_RUN) --group plain
bench-boot: all
	@$(BOOT_PY) tests/boot/bench.py --build $(B)
