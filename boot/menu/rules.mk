# SPDX-License-Identifier: BSD-2-Clause
# The menu: one archive per target, $(B)/<target>/libmenu.a, of boot/menu/*.c, boot/text/*.c and three generated files; and the font file of the stick.
MENU_SRC := $(sort $(wildcard boot/menu/*.c boot/text/*.c))
MENU_GEN := font text version
UNIFONT  := /usr/share/unifont/unifont.hex

$(B)/gen/menu/font.c: tools/mkfont.py $(UNIFONT)
	@mkdir -p $(@D)
	$(Q)/usr/bin/python3 tools/mkfont.py c $(UNIFONT) $@
$(B)/gen/menu/text.c: tools/po2c.py po/menu-zh_CN.po
	@mkdir -p $(@D)
	$(Q)/usr/bin/python3 tools/po2c.py c po/menu-zh_CN.po zh_cn $@
$(B)/gen/menu/version.c: CHANGELOG.md boot/menu/rules.mk
	@mkdir -p $(@D)
	$(Q)printf '#include "boot/text/text.h"\nconst char menu_version[] = "%s";\n' '$(VERSION)' >$@
$(B)/stick/FONT.BIN: tools/mkfont.py $(UNIFONT)
	@mkdir -p $(@D)
	$(Q)/usr/bin/python3 tools/mkfont.py bin $(UNIFONT) $@

define menu_target
$(B)/$(1)/gen/menu/%.o: $(B)/gen/menu/%.c boot/text/text.h boot/menu/font.h
	@mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(FLAGS_$(1)) -c $$< -o $$@
$(B)/$(1)/libmenu.a: $$(patsubst %.c,$(B)/$(1)/%.o,$$(MENU_SRC)) $$(patsubst %,$(B)/$(1)/gen/menu/%.o,$$(MENU_GEN))
	@rm -f $$@
	$$(Q)$$(AR_LLVM) rcsD $$@ $$^
-include $$(patsubst %.c,$(B)/$(1)/%.d,$$(MENU_SRC))
endef
$(foreach t,$(TARGETS),$(eval $(call menu_target,$(t))))

.PHONY: lint-menu
lint-menu:
	/usr/bin/python3 tools/po2c.py check po/menu-zh_CN.po $$(find boot core -name '*.[ch]' | sort)

all: $(B)/stick/FONT.BIN

# --- tests and pictures ----------------------------------------------------------------------------------------
# The tests of the menu also need the menu itself; menu_render draws it into pictures (make menu-pictures).
$(B)/unit/menu_test $(B)/unit/menu_arguments_test $(B)/unit/menu_config_test $(B)/unit/menu_images_test $(B)/unit/menu_limits_test $(B)/unit/menu_looking_test $(B)/unit/menu_record_test $(B)/unit/menu_serial_test $(B)/unit/menu_store_test $(B)/unit/menu_partition_test: $(B)/unit/%: tests/unit/%.c $(B)/unit/main.o $(B)/san/libmenu.a $(B)/san/libpod.a $(B)/stick/FONT.BIN
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(UNIT_FLAGS) -D_GNU_SOURCE -DFONT_FILE='"$(abspath $(B))/stick/FONT.BIN"' $(TEST_DEPS) -o $@ $< $(B)/unit/main.o $(B)/san/libmenu.a $(B)/san/libpod.a

$(B)/menu_render: tests/unit/menu_render.c tests/unit/menu_stick.h $(B)/host/libmenu.a $(B)/host/libpod.a $(B)/stick/FONT.BIN
	$(Q)$(CC) -std=c17 -O1 -g -I. -D_GNU_SOURCE -DFONT_FILE='"$(abspath $(B))/stick/FONT.BIN"' -o $@ $< $(B)/host/libmenu.a $(B)/host/libpod.a
.PHONY: menu-pictures
menu-pictures: $(B)/menu_render
	mkdir -p $(B)/pictures && $(B)/menu_render $(B)/pictures

# The fuzz target of the font needs the menu, whole: it comes before the source on the command line.
$(B)/fuzz/font: $(B)/san/libmenu.a
$(B)/fuzz/font: FUZZ_FLAGS += -Wl,--whole-archive $(B)/san/libmenu.a -Wl,--no-whole-archive
