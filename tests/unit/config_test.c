/* SPDX-License-Identifier: BSD-2-Clause */
/* Initrd names in loaders' configurations, in the forms distributions write them. */
#include "tests/unit/test.h"
#include "core/plan/internal.h"

static char seen[1024];

static void note(void *ctx, const char *path, size_t len)
{
	(void)ctx;
	size_t at = strlen(seen);
	if (at + len + 2 < sizeof seen) {
		memcpy(seen + at, path, len);
		strcpy(seen + at + len, " ");
	}
}

static const char *in(const char *text)
{
	seen[0] = 0;
	pod_config_initrds(text, strlen(text), note, NULL);
	return seen;
}

TEST(config_grub)
{
	CHECK_STR(in("menuentry 'x' {\n\tlinux /live/vmlinuz boot=live\n\tinitrd /live/initrd.img\n}\n"), "/live/initrd.img ");
	CHECK_STR(in("initrd ($root)/a/ucode.img ${prefix}/b\n"), "/a/ucode.img /b ");
	CHECK_STR(in("if true; then\n initrdefi /x;\nfi"), "/x ");
	CHECK_STR(in("  initrdefi  \"/with space/i.gz\"\r\n"), "/with space/i.gz ");
	CHECK_STR(in("initrd /$kernel/initrd\n# initrd /no\n"), "");
	CHECK_STR(in("set x=1; initrd /semi\n"), "/semi ");
}

static bool has_root(const char *text)
{
	return pod_config_has_root(text, strlen(text));
}

TEST(config_root_or_initrd)
{
	CHECK(has_root("menuentry x {\n linux /k quiet\n initrd /$kernel/i\n}\n"));
	CHECK(has_root("KERNEL k\nAPPEND quiet initrd=i\n"));
	CHECK(has_root("  linux /k root=LABEL=x\n"));
	CHECK(has_root("options quiet root=/dev/sr0\n"));
	CHECK(!has_root("set root=(cd0)\nsearch --set root=x\nlinux /k boot=LABEL=x quiet\n"));
	CHECK(!has_root("# initrd /i\n# linux /k root=x\nlinux /k noroot=1\n"));
}

TEST(config_syslinux_and_systemd_boot)
{
	CHECK_STR(in("LABEL l\n  KERNEL /live/vmlinuz\n  APPEND initrd=/live/a.img,/live/b.img quiet\n"),
		  "/live/a.img /live/b.img ");
	CHECK_STR(in("INITRD ../u.img,initrd.img\n"), "../u.img initrd.img ");
	CHECK_STR(in("kernel vmlinuz initrd=initrd.gz --\n"), "initrd.gz ");
	CHECK_STR(in("title Arch\nlinux /arch/vmlinuz\ninitrd  /arch/initramfs.img\noptions archisobasedir=arch\n"),
		  "/arch/initramfs.img ");
}

static const char *kernels_in(const char *text)
{
	seen[0] = 0;
	pod_config_kernels(text, strlen(text), note, NULL);
	return seen;
}

TEST(config_kernels)
{
	CHECK_STR(kernels_in("menuentry 'x' {\n\tlinux /live/vmlinuz boot=live initrd=/no\n\tinitrd /live/initrd.img\n}\n"),
		  "/live/vmlinuz ");
	CHECK_STR(kernels_in("multiboot2 /boot/xen.gz console=com1\nmodule2 --nounzip ($root)/vmlinuz quiet\nmodule2 /initrd\n"),
		  "/boot/xen.gz /vmlinuz /initrd ");
	CHECK_STR(kernels_in("LABEL l\n  KERNEL ../vmlinuz\n  APPEND linux=1\n# kernel /no\n"), "../vmlinuz ");
	CHECK_STR(kernels_in("linux $kernel\nlinux\nmodule2 --nounzip\nlinux16 \"/a b\" c"), "/a b ");
}

TEST(config_hostile_text_ends)
{
	char big[5000];
	memset(big, 'a', sizeof big);
	memcpy(big, "initrd ", 7);
	seen[0] = 0;
	pod_config_initrds(big, sizeof big, note, NULL);
	CHECK_STR(seen, "");
	CHECK_STR(in("initrd \"unclosed\ninitrd '"), "unclosed ");
	CHECK_STR(in(";;;}}}\n\n\r"), "");
}
