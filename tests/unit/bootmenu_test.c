/* SPDX-License-Identifier: BSD-2-Clause */
/* What boot menus name: GRUB's scripts, SYSLINUX, entries of the Boot Loader Specification, as distributions write them. */
#include "tests/unit/test.h"
#include "core/plan/menu.h"

static char seen[4096];
static struct pod_menu_vars vars;

/* "K3.1 /path": kind, line, entry; '~' in front if elsewhere, '?' if unsure; b or u: on BIOS or UEFI only. */
static void note(void *ctx, const struct pod_menu_item *i)
{
	static const char letter[] = "KIMmCc3FfSLUdDENA";
	size_t at = strlen(seen);
	(void)ctx;
	if (i->kind >= POD_MENU_ARGUMENTS) /* arguments_test.c */
		return;
	snprintf(seen + at, sizeof seen - at, "%s%c%u.%u%s%s %s\n", i->elsewhere ? "~" : "", letter[i->kind], i->line, i->entry,
		 i->unsure ? "?" : "",
		 i->firmware == POD_FW_BIOS  ? "b"
		 : i->firmware == POD_FW_X64 ? "u"
					     : "",
		 i->text);
}

static const char *grub(const char *text)
{
	seen[0] = 0;
	memset(&vars, 0, sizeof vars);
	pod_menu_set(&vars, "prefix", "/boot/grub");
	pod_menu_grub(text, strlen(text), &vars, note, NULL);
	return seen;
}

static const char *syslinux(const char *text)
{
	seen[0] = 0;
	pod_menu_syslinux(text, strlen(text), note, NULL);
	return seen;
}

static const char *bls(const char *text)
{
	seen[0] = 0;
	pod_menu_bls(text, strlen(text), note, NULL);
	return seen;
}

static const char *legacy(const char *text)
{
	seen[0] = 0;
	pod_menu_legacy(text, strlen(text), note, NULL);
	return seen;
}

TEST(menu_grub_legacy)
{
	CHECK_STR(legacy("default 1\ntitle A b\n kernel --type=linux --no-mem-option /k x\n initrd /i\n# initrd /no\n"
			 "title B\n root=(hd0,0)\n kernel=/l\n initrd (cd)/j\n savedefault\ntitle C\n kernel ()/m\n"
			 "iftitle [if exist /x] D\n chainloader --force /x.bin\n configfile /y.lst\n rootnoverify (hd1)\n"
			 " chainloader +1\ndefault 7\n"),
		  "D1.0 1\nE2.1 A b\nK3.1 /k\nI4.1 /i\nE6.2 B\n~K8.2 /l\nI9.2 /j\nE11.3 C\nK12.3 /m\n"
		  "E13.4 [if exist /x] D\nC14.4 /x.bin\nc15.4? /y.lst\n");
	CHECK_STR(legacy("kernel (hd0,0/x\ninitrd ()\ninitrd /\ninitrd @x\ninitrd @a=@b=/c\ninitrd @a=/d\nmodule --x\ntitle"),
		  "I6.0 /d\n");
	/* a blank in a name */
	CHECK_STR(legacy("title A\nkernel (cd)/a\\ b/k\\ 6 x\\ y\ninitrd /i\\ j /l\nmodule /m\\\n"),
		  "E1.1 A\nK2.1 /a b/k 6\nI3.1 /i j\nI3.1 /l\nm4.1 /m\\\n");
	/* GRUB4DOS: several commands on a line, of which it depends which are run; GNU GRUB: lines that go on */
	CHECK_STR(legacy("title A && B\nfind --set-root /k && kernel /k a || kernel /l\ninitrd /i\ntitle C\n"
			 "kernel /k \\\r\n  root=x \\\n initrd=/no\ninitrd /i\nkernel /l C:\\\ninitrd /j\n"),
		  "E1.1 A && B\nK2.1? /k\nK2.1? /l\nI3.1 /i\nE4.2 C\nK5.2 /k\nI8.2 /i\nK9.2 /l\nI10.2 /j\n");
}

static const char *refind(const char *text)
{
	seen[0] = 0;
	pod_menu_refind(text, strlen(text), note, NULL);
	return seen;
}

TEST(menu_refind)
{
	CHECK_STR(
		refind("include a.conf # b\nloader /no\nmenuentry \"A \"\"b\"\"\" {\n loader = /k # x\n initrd \"\\i j\"\n #initrd /no\n}\n"
		       "initrd /no\nmenuentry B {\n volume x\n loader b.efi\n options \"a initrd=c d\"\n submenuentry C {\n  initrd /e\n }\n"
		       " loader f\n}\n"),
		"c1.0? a.conf\nE3.1 A \"\"b\"\"\nK4.1 /k\nI5.1 \\i j\nE9.2 B\n~C11.2 b.efi\n~I12.2 c\n~I14.2 /e\n~K16.2 f\n");
	CHECK_STR(refind("menuentry\nloader\ninitrd \"\noptions \"initrd=\ninitrd \"/x"), "I5.1 /x\n");
	/* an entry that is disabled is none, wherever it says so; one below goes alone */
	CHECK_STR(
		refind("menuentry A {\n loader /k\n submenuentry S {\n initrd /i\n }\n disabled yes\n}\nmenuentry B {\n loader /l\n"
		       " submenuentry T {\n initrd /i\n Disabled\n }\n initrd /j\n}\n"),
		"E8.1 B\nK9.1 /l\nI14.1 /j\n");
}

TEST(menu_limine)
{
	seen[0] = 0;
	const char *text =
		"path: boot():/no\n/A\nprotocol: linux\n#path: boot():/no\npath: boot():/k\nmodule_path: boot(2):/i\n//+B\nPROTOCOL: efi\n"
		"image_path: odd(1:):/x.efi\ndtb_path: boot():/d\n:C\nPROTOCOL=linux\nKERNEL_PATH=boot:///l\nMODULE_PATH=hdd://1:1/m\n";
	pod_menu_limine(text, strlen(text), note, NULL);
	CHECK_STR(seen, "E2.1 A\nK5.1 /k\n~I6.1 /i\nE7.2 B\n~C9.2 /x.efi\nf10.2 /d\nE11.3 C\nK13.3 /l\n~I14.3 /m\n");
}

TEST(menu_grub_entries)
{
	CHECK_STR(
		grub("set default=1\nmenuentry 'Live' --class x --id live {\n\tlinux /live/vmlinuz boot=live\n"
		     "\tinitrd /a.img newc:x:/b.img\n}\nsubmenu 'More ...' {\nmenuentry \"Two\" { linux16 /k2; initrd16 /i2; }\n}\n"
		     "menuentry Three { chainloader /EFI/x.efi }\n"),
		"D1.0 1\nE2.1 Live\nN2.1 live\nK3.1 /live/vmlinuz\nI4.1 /a.img\nI4.1 /b.img\nE6.0 More ...\nE7.2 Two\n"
		"K7.2 /k2\nI7.2 /i2\nE9.3 Three\nC9.3 /EFI/x.efi\n");
}

TEST(menu_grub_variables)
{
	CHECK_STR(grub("k=/live\nset i=\"${k}/initrd\"\nlinux $k/vmlinuz\ninitrd ${i}.img\n"),
		  "K3.0 /live/vmlinuz\nI4.0 /live/initrd.img\n");
	CHECK_STR(
		grub("linux $unknown/vmlinuz\nlinux ($root)/a\nlinux (cd0)/b\nlinux (hd0,1)/c\nlinux (loop)/d\nlinux $root/e\n"),
		"~K1.0 /vmlinuz\nK2.0 /a\nK3.0 /b\n~K4.0 /c\n~K5.0 /d\nK6.0 /e\n");
	/* it is set anew: what it holds when the entry is chosen is not known */
	CHECK_STR(grub("set k=/a\nlinux $k\nset k=/b\nlinux $k\n"), "K2.0 /a\n");
	CHECK_STR(grub("for k in /a /b; do\n linux $k\n linux /c\ndone\nlinux /d\n"), "K3.0? /c\nK5.0 /d\n");
	CHECK_STR(grub("source $prefix/x.cfg\nchainloader +1\nloadfont unicode\n"), "c1.0 /boot/grub/x.cfg\n");
}

TEST(menu_grub_conditions)
{
	CHECK_STR(grub("if [ \"$grub_platform\" = \"efi\" ]; then\nlinux /u\nelse\nlinux /b\nfi\nlinux /both\n"),
		  "K2.0u /u\nK4.0b /b\nK6.0 /both\n");
	CHECK_STR(grub("if [ x${grub_platform} != xpc ]\nthen\nlinux /u\nfi\n"), "K3.0u /u\n");
	CHECK_STR(grub("if [ \"${grub_platform}\" == \"xen\" ]; then linux /x; fi\n"), "");
	CHECK_STR(grub("if [ -f /a ]; then\nlinux /a\nelif true; then\nlinux /b\nelse linux /c; fi\nlinux /d\n"),
		  "K2.0? /a\nK4.0? /b\nK5.0? /c\nK6.0 /d\n");
	CHECK_STR(grub("if loadfont /f.pf2; then\nset gfxmode=auto\nfi\nlinux /a || linux /b\nlinux /c && linux /d; linux /e\n"),
		  "F1.0? /f.pf2\nK4.0? /a\nK4.0? /b\nK5.0? /c\nK5.0? /d\nK5.0 /e\n");
	CHECK_STR(grub("function f {\nlinux /f\n}\nlinux /a\n"), "K2.0? /f\nK4.0 /a\n");
}

TEST(menu_grub_words)
{
	CHECK_STR(grub("# linux /no\nlinux \"/with space\" # initrd /no\n linux /a\\ b\\\nc\nlinux '/$x'\nlinux \"/\\\"q\"\n"),
		  "K2.0 /with space\nK3.0 /a bc\nK5.0 /$x\nK6.0 /\"q\n");
	CHECK_STR(
		grub("search --no-floppy --set=root --file /.disk/info\nsearch -l LABEL -s root\nsearch --fs-uuid --set=root 2024-01\n"
		     "search --set root --label ABC\n"),
		"S1.0 /.disk/info\nL2.0 LABEL\nU3.0 2024-01\nL4.0 ABC\n");
	CHECK_STR(grub("multiboot2 /xen.gz a\nmodule2 --nounzip /vmlinuz b\nloopback loop /x.iso\ndevicetree /a.dtb\n"),
		  "M1.0 /xen.gz\nm2.0 /vmlinuz\nf3.0 /x.iso\nf4.0 /a.dtb\n");
	CHECK_STR(grub("}}}{{{ fi done else \"unclosed\nmenuentry {{ '"), "");
	CHECK_STR(grub("}}} fi done else menuentry {{ }\nmenuentry { linux /a"), "E2.1 ?\nK2.1 /a\n");
}

TEST(menu_syslinux)
{
	CHECK_STR(
		syslinux("DEFAULT vesamenu.c32\r\nPATH /boot/x\r\nLABEL live\r\n  MENU LABEL ^Live\r\n  KERNEL /live/vmlinuz\r\n"
			 "  APPEND initrd=/a.img,/b.img quiet\r\n"),
		"D1.0 vesamenu.c32\nd2.0 /boot/x\nE3.1 live\nN4.1 ^Live\nK5.1 /live/vmlinuz\nI6.1 /a.img\nI6.1 /b.img\n");
	CHECK_STR(
		syslinux(
			"ui menu.c32\ninclude a.cfg\nmenu include b.cfg x\nlabel m\nmenu default\nkernel hdt.c32\nlabel d\nkernel memdisk\n"
			"initrd f.img\nlabel l\nlocalboot 0x80\nlabel k\nlinux k initrd=i --\n"),
		"31.0 menu.c32\nc2.0? a.cfg\nc3.0? b.cfg\nE4.1 m\nD5.1 .\n36.1 hdt.c32\nE7.2 d\nK8.2 memdisk\nI9.2 f.img\nE10.3 l\n"
		"E12.4 k\nK13.4 k\nI13.4 i\n");
	CHECK_STR(syslinux("label x\nkernel mboot.c32\nappend xen.gz a --- vmlinuz b --- initrd.img\n"),
		  "E1.1 x\n32.1 mboot.c32\nM3.1 xen.gz\nm3.1 vmlinuz\nm3.1 initrd.img\n");
	CHECK_STR(syslinux("label x\nkernel tftp://a/b\nkernel ::/c\nkernel hd0,1:/d\nkernel x.bin\n# kernel e\n\n\n"),
		  "E1.1 x\nK3.1 /c\nf5.1 x.bin\n");
}

TEST(menu_bls)
{
	CHECK_STR(
		bls("# c\ntitle Arch\nlinux   /arch/vmlinuz\ninitrd /a.img\ninitrd /b.img\noptions x linux /no\narchitecture x64\n"),
		"N2.1 Arch\nK3.1 /arch/vmlinuz\nI4.1 /a.img\nI5.1 /b.img\nA7.1 x64\n");
	CHECK_STR(bls("timeout 3\ndefault arch*\n"), "D2.1 arch*\n");
	/* what is loaded from a network is not looked for on the medium */
	CHECK_STR(bls("title a\nefi /x.efi\n"), "N1.1 a\nC2.1 /x.efi\n");
	CHECK_STR(bls("title a\nuki /EFI/Linux/x.efi\nuki-url https://y/z.efi\n"), "N1.1 a\nC2.1 /EFI/Linux/x.efi\n");
}

TEST(menu_initrd_content)
{
	CHECK(pod_menu_initrd_content((const uint8_t *)"070701"));
	CHECK(pod_menu_initrd_content((const uint8_t *)"\x1f\x8b\x08\0\0\0"));
	CHECK(!pod_menu_initrd_content((const uint8_t *)"<html>"));
}
