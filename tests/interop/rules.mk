# SPDX-License-Identifier: BSD-2-Clause
# What we read and write, seen by third-party readers and checkers. Every executable tests/interop/*.sh and *.py prints
# "N passed, N failed[, N skipped]" as its last line. C programs they need: tests/interop/<name>_tool.c, linked with the
# sanitised core as $B/interop/<name>. B is exported to them as an absolute path. What tests share is not
# executable: tool.h, common.py, cli_common.py, common.sh.
INTEROP_TOOLS := $(sort $(wildcard tests/interop/*_tool.c))
INTEROP_BIN := $(patsubst tests/interop/%_tool.c,$(B)/interop/%,$(INTEROP_TOOLS))
INTEROP_TESTS := $(shell find tests/interop -maxdepth 1 -type f -perm -u+x \( -name '*.sh' -o -name '*.py' \) | sort)

$(filter-out $(B)/interop/menu $(B)/interop/partition,$(INTEROP_BIN)): $(B)/interop/%: tests/interop/%_tool.c $(B)/san/libpod.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(UNIT_FLAGS) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(TEST_DEPS) -o $@ $< $(B)/san/libpod.a
-include $(INTEROP_BIN:=.d)
# The menu before the core that it needs.
$(B)/interop/menu $(B)/interop/partition: $(B)/interop/%: tests/interop/%_tool.c $(B)/san/libmenu.a $(B)/san/libpod.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(UNIT_FLAGS) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(TEST_DEPS) -o $@ $< $(B)/san/libmenu.a $(B)/san/libpod.a

.PHONY: check-interop interop-media interop-bin
# All that the tests run, for tests/break.sh.
interop-bin: all $(INTEROP_BIN) $(B)/interop/isopod-faults $(B)/interop/layer-model $(B)/interop/layer-model-fast $(B)/interop/sandbox $(CLI_MO)
# What shim_live.py boots; built before the tests, whose time it is not.
interop-media:
	@tests/media/build.sh -q live >/dev/null
check-interop: $(INTEROP_BIN) interop-media
	@JOBS=2 B=$(abspath $(B)) tests/run-suite.sh interop $(INTEROP_TESTS)

# Stand-ins for what Wine has not, for winhelper.py: one DLL whose functions take the place of Windows', four names that lead to it, and a
# program. What of kernel32 has no stand-in is handed on.
STANDIN := $(B)/interop/win
STANDIN_FLAGS := -target x86_64-unknown-windows $(BASE) -ffreestanding -fno-builtin -fno-stack-protector -Wno-missing-prototypes -Wno-frame-larger-than
STANDIN_LD := lld-link /nodefaultlib /Brepro
$(STANDIN)/%.o: tests/interop/win/%.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(STANDIN_FLAGS) -MMD -MP -c $< -o $@
$(STANDIN)/kernel32.lib: tests/interop/win/kernel32.def
	@mkdir -p $(@D)
	$(Q)llvm-dlltool -m i386:x86-64 -d $< -l $@
$(STANDIN)/standin.dll: $(STANDIN)/standin.o $(STANDIN)/mem.o $(STANDIN)/kernel32.lib windows/kernel32.def
	$(Q)sed -n 's/@[0-9]*$$//p' windows/kernel32.def | while read -r f; do \
		grep -q "stand_$$f(" tests/interop/win/standin.c && echo "/export:$$f=stand_$$f" || echo "/export:$$f=kernel32.$$f"; done >$@.rsp
	$(Q)sed -n 's/^[a-z].*stand_\(\(Open\|Attach\|GetVirtual\|CM_\|Message\|FindWindow\|Post\)[A-Za-z_]*\)(.*/\/export:stand_\1/p' tests/interop/win/standin.c >>$@.rsp
	$(Q)$(STANDIN_LD) /dll /entry:stand_main @$@.rsp /out:$@ $(filter %.o %.lib,$^)
$(STANDIN)/mem.o: windows/mem.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(STANDIN_FLAGS) -MMD -MP -c $< -o $@
# NAME of DLL, its functions
define standin_name
$(STANDIN)/$(1).dll: $(STANDIN)/mem.o
	$(Q)$(STANDIN_LD) /dll /noentry $(foreach f,$(2),/export:$(f)=standin.stand_$(f)) /out:$$@ $$^
STANDIN_FILES += $(STANDIN)/$(1).dll
endef
STANDIN_FILES := $(STANDIN)/standin.dll $(STANDIN)/program.exe
$(eval $(call standin_name,virtdisk,OpenVirtualDisk AttachVirtualDisk GetVirtualDiskPhysicalPath))
$(eval $(call standin_name,cfgmgr32,CM_Register_Notification))
$(eval $(call standin_name,user32,MessageBoxW FindWindowW PostMessageW))
$(STANDIN)/program.exe: $(STANDIN)/program.o $(STANDIN)/mem.o $(STANDIN)/kernel32.lib
	$(Q)$(STANDIN_LD) /subsystem:windows /entry:program_main /out:$@ $^
-include $(STANDIN)/standin.d $(STANDIN)/program.d
interop-bin check-interop: $(STANDIN_FILES) $(HELPERS)
.PHONY: standin
standin: $(STANDIN_FILES)
