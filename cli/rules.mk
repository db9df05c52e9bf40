# SPDX-License-Identifier: BSD-2-Clause
# The `isopod` command: hosted C over the host build of the core; its catalogues, manual pages, completion; install and deb.
CLI_SRC   := $(sort $(wildcard cli/*.c cli/*/*.c))
# Wherever a message may be, at any depth.
CLI_TEXTS := $(sort $(shell find cli core/trace -name '*.[ch]') core/image/instead.c core/plan/starts.c core/plan/finds_words.c)
# libwim reads Windows images; Debian's is under the GPL (see README): WIM=no leaves it out, WIM=yes insists on it.
WIM       ?= $(if $(wildcard /usr/include/wimlib.h),yes,no)
ifneq ($(WIM),yes)
CLI_SRC   := $(filter-out cli/doctor/drivers_wim.c,$(CLI_SRC))
endif
# Libraries that a command loads when it needs them (cli/host/lazy.h): -lNAME.
CLI_LAZY  := crypto blkid mount archive
CLI_OBJ   := $(patsubst %.c,$(B)/cli-obj/%.o,$(CLI_SRC))
# On top of HARDEN (Makefile), which the sanitizers do without: sizes checked in libc's functions, and by the linker what pages may do.
CLI_HARD  := $(HARDEN) -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
LINK_HARD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
CLI_FLAGS := $(BASE) $(CLI_HARD) -I$(B)/gen -g -fPIE -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -ffunction-sections -fdata-sections -pthread \
             -DISOPOD_VERSION='"$(VERSION)"' -DISOPOD_DATADIR='"$(PREFIX)/share/isopod"' \
             -DISOPOD_LOCALEDIR='"$(PREFIX)/share/locale"'
ifeq ($(WIM),yes)
CLI_FLAGS += -DISOPOD_WITH_WIM
CLI_LAZY  += wim
endif
# What `isopod layer diff` reads filesystems with. libntfs-3g is under the GPL (see README): NTFS=no leaves it out; EXT=no libext2fs.
NTFS      ?= $(if $(wildcard /usr/include/ntfs-3g/volume.h),yes,no)
ifeq ($(NTFS),yes)
CLI_FLAGS += -DISOPOD_WITH_NTFS
# libwim is to find ours (cli/togo/volume.c)
CLI_EXPORT := -Wl,--export-dynamic-symbol=ntfs_mount
CLI_LAZY  += ntfs-3g
endif
EXT       ?= $(if $(wildcard /usr/include/ext2fs/ext2fs.h),yes,no)
ifeq ($(EXT),yes)
CLI_FLAGS += -DISOPOD_WITH_EXT
CLI_LAZY  += ext2fs
endif
# `isopod disk mount`, `isopod layer mount`. FUSE=no leaves it out.
FUSE      ?= $(if $(wildcard /usr/include/fuse3/fuse_lowlevel.h),yes,no)
ifeq ($(FUSE),yes)
CLI_FLAGS += -DISOPOD_WITH_FUSE
CLI_LAZY  += fuse3
endif
CLI_PO    := $(sort $(wildcard po/isopod/*.po))
CLI_MO    := $(patsubst po/isopod/%.po,$(B)/locale/%/LC_MESSAGES/isopod.mo,$(CLI_PO))
CLI_MAN   := $(sort $(wildcard doc/man/*.1))
# What `create` and `update` put on a stick; made by boot/, linux/ and windows/.
STICK_FILES := $(addprefix $(B)/stick/,mbr.bin stage2.bin BOOTX64.EFI BOOTIA32.EFI BOOTAA64.EFI SHIMX64 SHIMIA32 SHIMAA64 WINX64.EXE WINIA32.EXE WINAA64.EXE FONT.BIN)

all: $(B)/isopod $(CLI_MO)

# Looked at each time, written when a library has changed.
$(B)/gen/libraries.h: FORCE
	@mkdir -p $(@D)
	$(Q)tools/libraries.sh $(CC) $@ $(CLI_LAZY)
.PHONY: FORCE
FORCE:

$(B)/cli-obj/%.o: %.c | $(B)/gen/libraries.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CLI_FLAGS) -MMD -MP -c $< -o $@

$(B)/isopod: $(CLI_OBJ) $(B)/host/libpod.a
	$(Q)$(CC) $(LINK_HARD) -pthread -Wl,--gc-sections $(CLI_EXPORT) -o $@ $(CLI_OBJ) $(B)/host/libpod.a
-include $(CLI_OBJ:.o=.d)

# The command once more with sanitizers, and with its writes recorded or cut: for the tests. cli_faults.c
# stands in for dev_stack.c.
CLI_SAN_FLAGS := $(filter-out -O2 $(CLI_HARD),$(CLI_FLAGS)) -O1 -Wno-frame-larger-than -fsanitize=$(SAN) -fno-sanitize-recover=all
$(B)/cli-san/%.o: %.c | $(B)/gen/libraries.h
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CLI_SAN_FLAGS) -MMD -MP -c $< -o $@
CLI_SAN_OBJ := $(patsubst %.c,$(B)/cli-san/%.o,$(CLI_SRC) tests/interop/cli_faults.c tests/interop/store_faults.c)
$(B)/interop/isopod-faults: $(filter-out %/dev_stack.o,$(CLI_SAN_OBJ)) $(B)/san/libpod.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) -pthread -fsanitize=$(SAN) -Wl,--wrap=store_host_open $(CLI_EXPORT) -o $@ $^
-include $(CLI_SAN_OBJ:.o=.d)
# The layer store against a model, in one process.
LAYER_MODEL := $(addprefix $(B)/cli-san/tests/interop/layer_,model.o readers.o guests.o)
$(B)/interop/layer-model: $(LAYER_MODEL) $(filter-out %/cli/main.o %_faults.o,$(CLI_SAN_OBJ)) $(B)/san/libpod.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) -pthread -fsanitize=$(SAN) -o $@ $^
-include $(LAYER_MODEL:.o=.d)
# The same without sanitizers, as the command is shipped: for a million operations (tests/interop/layer_model.py).
LAYER_MODEL_FAST := $(LAYER_MODEL:$(B)/cli-san/%=$(B)/cli-obj/%)
$(B)/interop/layer-model-fast: $(LAYER_MODEL_FAST) $(filter-out %/cli/main.o,$(CLI_OBJ)) $(B)/host/libpod.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_HARD) -pthread -Wl,--gc-sections -o $@ $^
-include $(LAYER_MODEL_FAST:.o=.d)
# The walls around foreign code, tried from inside: the command's own objects as they are shipped.
$(B)/interop/sandbox: $(B)/cli-obj/tests/interop/sandbox_calls.o $(filter-out %/cli/main.o,$(CLI_OBJ)) $(B)/host/libpod.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK_HARD) -pthread -Wl,--gc-sections -o $@ $^
-include $(B)/cli-obj/tests/interop/sandbox_calls.d
check-interop: $(B)/interop/sandbox
check-interop: $(B)/isopod $(B)/interop/isopod-faults $(B)/interop/layer-model $(B)/interop/layer-model-fast $(CLI_MO) $(STICK_FILES)

$(B)/locale/%/LC_MESSAGES/isopod.mo: po/isopod/%.po
	@mkdir -p $(@D)
	$(Q)msgfmt --check -o $@ $<

.PHONY: po-isopod lint-po install deb $(B)/isopod.pot
$(B)/isopod.pot:
	@mkdir -p $(@D)
	$(Q)xgettext --from-code=UTF-8 -k_ -kN_ --package-name=isopod --no-location --sort-output -o $@ $(CLI_TEXTS)
# Brings the catalogues up to date with the sources.
po-isopod: $(B)/isopod.pot
	for f in $(CLI_PO); do msgmerge --quiet --no-fuzzy-matching --no-location --sort-output --update --backup=none $$f $(B)/isopod.pot; done

# Every message of the sources is in each catalogue, translated, not fuzzy, with the same arguments; and nothing else is.
lint-po: $(B)/isopod.pot
	@for f in $(CLI_PO); do \
		msgmerge --quiet --no-fuzzy-matching --no-location $$f $(B)/isopod.pot >$(B)/isopod.po && msgfmt --check -o /dev/null $(B)/isopod.po && \
		msgcmp $$f $(B)/isopod.pot && msgcmp --use-untranslated $(B)/isopod.pot $$f && \
		left=$$(msgattrib --untranslated $(B)/isopod.po; msgattrib --only-fuzzy $$f) && \
		{ test -z "$$left" || { echo "$$f: not translated:"; echo "$$left"; false; }; } || exit 1; \
	done

install: all $(STICK_FILES)
	install -D -m 755 $(B)/isopod $(DESTDIR)$(PREFIX)/bin/isopod
	install -d $(DESTDIR)$(PREFIX)/share/isopod $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(STICK_FILES) $(DESTDIR)$(PREFIX)/share/isopod
	for f in $(CLI_MAN); do gzip -9n <$$f >$(DESTDIR)$(PREFIX)/share/man/man1/$${f##*/}.gz; done
	install -D -m 644 cli/completion/isopod $(DESTDIR)$(PREFIX)/share/bash-completion/completions/isopod
	for f in $(CLI_MO:$(B)/locale/%=%); do install -D -m 644 $(B)/locale/$$f $(DESTDIR)$(PREFIX)/share/locale/$$f; done
	install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/isopod/copyright
	gzip -9n <CHANGELOG.md >$(DESTDIR)$(PREFIX)/share/doc/isopod/changelog.gz

# The files that load libraries, linked with them as usual: from these dpkg-shlibdeps learns what the package depends on. What not
# every user of the command has to have is recommended.
CLI_RECOMMENDS := $(filter $(CLI_SRC),cli/doctor/drivers_wim.c cli/layer/diff_ntfs.c cli/mount/serve.c cli/stick/ntfs_lib.c \
				       cli/togo/drivers_wim.c cli/togo/volume.c cli/togo/wim.c)
CLI_DEPENDS    := $(filter-out $(CLI_RECOMMENDS),$(shell grep -l '^LAZY_LIBRARY' $(CLI_SRC)))
$(B)/direct/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CLI_FLAGS) -fPIC -DLAZY_DIRECT -MMD -MP -c $< -o $@
$(B)/direct/depends.so: $(CLI_DEPENDS:%.c=$(B)/direct/%.o)
$(B)/direct/recommends.so: $(CLI_RECOMMENDS:%.c=$(B)/direct/%.o)
$(B)/direct/depends.so $(B)/direct/recommends.so:
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -Wl,--as-needed -o $@ $^ $(CLI_LAZY:%=-l%)
-include $(patsubst %.c,$(B)/direct/%.d,$(CLI_DEPENDS) $(CLI_RECOMMENDS))

# A Debian package of this very build; the same bytes each time for the same sources.
deb: all $(STICK_FILES) $(B)/direct/depends.so $(B)/direct/recommends.so
	@B='$(B)' VERSION='$(VERSION)' MAKE='$(MAKE)' tools/deb.sh
