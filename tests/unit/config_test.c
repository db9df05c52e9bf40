/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose configuration a text is, and which kernels, initrds and modules it names, in the forms distributions write them. */
#include "tests/unit/test.h"
#include "core/plan/internal.h"

static char seen[1024];
static struct pod_menu_vars vars;

/* "K/path": K a kernel, I an initrd, M a multiboot kernel, m a module of one. */
static void note(void *ctx, const struct pod_menu_item *i)
{
	size_t at = strlen(seen);
	(void)ctx;
	if (i->kind <= POD_MENU_MODULE)
		snprintf(seen + at, sizeof seen - at, "%c%s ", "KIMm"[i->kind], i -> text);
}

static const char *in_file(const char *path, const char *text)
{
	seen[0] = 0;
	pod_config_read(path, text, strlen(text), &vars, note, NULL);
	return seen;
}

static const char *in(const char *text)
{
	memset(&vars, 0, sizeof vars);
	return in_file("boot/grub/grub.cfg", text);
}

TEST(config_grub)
{
	CHECK_STR(in("menuentry 'x' {\n\tlinux /live/vmlinuz boot=live\n\tinitrd /live/initrd.img\n}\n"),
		  "K/live/vmlinuz I/live/initrd.img ");
	CHECK_STR(in("initrd ($root)/a/ucode.img ${prefix}/b\n"), "I/a/ucode.img I/boot/grub/b ");
	CHECK_STR(in("if true; then\n initrdefi /x;\nfi"), "I/x ");
	CHECK_STR(in("  initrdefi  \"/with space/i.gz\"\r\n"), "I/with space/i.gz ");
	CHECK_STR(in("initrd /$kernel/initrd\n# initrd /no\n"), "");
	CHECK_STR(in("set x=1; initrd /semi\n"), "I/semi ");
	/* devices other than the own one, and folders that another program sets, are taken for the image's own */
	CHECK_STR(in("linux (hd0,1)/k\ninitrd (loop)/i ${iso}/j\ninitrd $a$b/no\n"), "K/k I/i I/j ");
	CHECK_STR(in("chainloader /k.efi initrd=/i\nlinux /l initrd=/j quiet\n"), "I/i I/j K/l ");
	/* what other multi-boot sticks read */
	CHECK_STR(in_file("boot/grub/loopback.cfg", "menuentry \"Try\" {\n\tset gfxpayload=keep\n\tlinux /casper/vmlinuz "
						    "iso-scan/filename=${iso_path} ---\n\tinitrd /casper/initrd\n}\n"),
		  "K/casper/vmlinuz I/casper/initrd ");
}

TEST(config_variables)
{
	CHECK_STR(in("set k=/live\nset i=$k/initrd.img\nmenuentry a {\nlinux $k/vmlinuz\ninitrd $i\n}\n"),
		  "K/live/vmlinuz I/live/initrd.img ");
	/* GRUB's environment block is read before */
	memset(&vars, 0, sizeof vars);
	CHECK_STR(in_file("boot/grub/grubenv", "# GRUB Environment Block\nker=/boot/vmlinuz-6\n####"), "");
	CHECK_STR(in_file("boot/grub/grub.cfg", "load_env\nlinux $ker\ninitrd ${ker}.img\n"),
		  "K/boot/vmlinuz-6 I/boot/vmlinuz-6.img ");
}

/* As XCP-ng's and Qubes' installers have it. */
TEST(config_xen)
{
	CHECK_STR(in("menuentry \"install\" {\n    multiboot2 /boot/xen.gz dom0_max_vcpus=1-16 com1=115200,8n1\n"
		     "    module2 /boot/vmlinuz console=hvc0\n    module2 /install.img\n}\n"),
		  "M/boot/xen.gz m/boot/vmlinuz m/install.img ");
	CHECK_STR(in("multiboot /x no-real-mode\nmodule --nounzip ($root)/v placeholder\nmodule --nounzip /i\n"), "M/x m/v m/i ");
	CHECK_STR(in("xen_hypervisor /xen.efi\nxen_module /vmlinuz\nxen_module /initrd.img\n"),
		  "M/xen.efi m/vmlinuz m/initrd.img ");
	CHECK_STR(in_file("boot/isolinux/isolinux.cfg",
			  "DEFAULT install\nLABEL install\n    KERNEL mboot.c32\n    APPEND /boot/xen.gz dom0_max_vcpus=1 --- "
			  "/boot/vmlinuz xencons=hvc console=hvc0 --- /install.img\n"),
		  "M/boot/xen.gz m/boot/vmlinuz m/install.img ");
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
	CHECK(has_root("/x\n module_path: boot():/i\n"));
	CHECK(has_root("CMDLINE=root=x\n"));
	CHECK(!has_root("set root=(cd0)\nsearch --set root=x\nlinux /k boot=LABEL=x quiet\n"));
	CHECK(!has_root("# initrd /i\n# linux /k root=x\nlinux /k noroot=1\n"));
}

TEST(config_syslinux_and_systemd_boot)
{
	CHECK_STR(in("LABEL l\n  KERNEL /live/vmlinuz\n  APPEND initrd=/live/a.img,/live/b.img quiet\n"),
		  "K/live/vmlinuz I/live/a.img I/live/b.img ");
	CHECK_STR(in("label l\nlinux k\nINITRD ../u.img,initrd.img\n"), "Kk I../u.img Iinitrd.img ");
	CHECK_STR(in("default l\nappend initrd=/i\nlabel l\nlinux k\n"), "I/i Kk ");
	CHECK_STR(in("default install\nkernel vmlinuz initrd=initrd.gz --\n"), "Kvmlinuz Iinitrd.gz ");
	CHECK_STR(in_file("loader/entries/a.conf", "title Arch\nlinux /arch/vmlinuz\ninitrd  /ucode.img\ninitrd  "
						   "/arch/initramfs.img\noptions archisobasedir=arch\n"),
		  "K/arch/vmlinuz I/ucode.img I/arch/initramfs.img ");
	/* nothing in it tells whose it is */
	CHECK_STR(in("linux /k\ninitrd /i\n"), "K/k I/i ");
}

/* GRUB Legacy, as Red Hat's and Debian's installers wrote it, and GRUB4DOS. */
TEST(config_grub_legacy)
{
	CHECK_STR(in("default=0\ntimeout=5\n#boot=/dev/sda\nsplashimage=(hd0,0)/grub/splash.xpm.gz\nhiddenmenu\n"
		     "title CentOS (2.6.32)\n\troot (hd0,0)\n\tkernel /vmlinuz-2.6.32 ro root=/dev/sda1\n\tinitrd /ram-2.6.32\n"),
		  "K/vmlinuz-2.6.32 I/ram-2.6.32 ");
	CHECK_STR(in("title x\nkernel (hd0,0)/k initrd=no\ninitrd (cd)/i\n"), "K/k I/i ");
	CHECK_STR(in("color white/blue\ntitle Xen\nroot (hd0,1)\nkernel /xen.gz dom0_mem=1G\nmodule /k root=x\nmodule /i\n"),
		  "M/xen.gz m/k m/i ");
	CHECK_STR(in_file("grub4dos/menu.lst",
			  "title Live\nfind --set-root /live/k\nkernel /live/k boot=live\ninitrd /live/i @x=/live/j (ud)/l\n\n"
			  "title iso\nmap /x.iso (0xff) || map --mem /x.iso (0xff)\nmap --hook\nchainloader (0xff)\n"),
		  "K/live/k I/live/i I/live/j I/l ");
	CHECK_STR(in("title x\nkernel (md)0x3F+10 a\ninitrd (fd0)+1 %file% /%d%/x\nmodule\n"), "");
	/* "=" is as good as a blank, also behind "title"; and a BOM in front is passed over */
	CHECK_STR(in("title=Gentoo\nroot=(hd0,0)\nkernel=/k root=/dev/sda3\ninitrd=/i\n"), "K/k I/i ");
	CHECK_STR(in("\xEF\xBB\xBFtitle x\nkernel /k\ninitrd /i\n"), "K/k I/i ");
	CHECK_STR(in("set x=1\ntitle=a\nroot=(cd0)\nlinux /k\ninitrd $root/i\n"), "K/k I/i ");
	/* neither an entry for systemd-boot nor SYSLINUX */
	CHECK_STR(in("title Arch\nlinux /k\ninitrd /i\n"), "K/k I/i ");
	CHECK_STR(in("label l\nkernel /k\ntext help\n title of it\nendtext\nappend initrd=/i\n"), "K/k I/i ");
	CHECK_STR(in("set x=1\nmenuentry x {\n root=(hd0,1)\n chainloader /x\n initrd /i\n}\ntitle\n"), "I/i ");
}

TEST(config_refind)
{
	CHECK_STR(
		in("timeout 20\ninclude theme.conf\nmenuentry \"Arch Linux\" {\n icon /EFI/refind/icons/os_arch.png\n volume \"Arch\"\n"
		   " loader /boot/vmlinuz-linux\n initrd /boot/ram.img\n options \"root=PARTUUID=5 rw initrd=\\\\ucode\"\n"
		   " submenuentry \"fallback\" {\n  initrd /boot/other.img\n }\n}\nmenuentry W {\n loader \\EFI\\w.efi\n}\n"),
		"K/boot/vmlinuz-linux I/boot/ram.img I\\\\ucode I/boot/other.img ");
	CHECK_STR(in_file("boot/refind_linux.conf",
			  "# x\n\"Boot standard\" \"ro root=x initrd=boot\\\\ram initrd=boot\\\\r-%v\"\n"
			  "\"title\"  \"kernel initrd=/a\"\n"),
		  "Iboot\\\\ram I/a ");
	CHECK_STR(in("menuentry x {\n linux /k\n initrd /i\n}\nloader\n"), "I/i ");
	CHECK_STR(in("\xEF\xBB\xBFmenuentry x {\n loader /k\n initrd /i\n}\n"), "K/k I/i ");
}

#define HASH                                                                                                                     \
	"#ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2"

TEST(config_limine)
{
	CHECK_STR(in("timeout: 5\nwallpaper: boot():/w.png\n\n/+Arch\n  //Linux\n    protocol: linux\n    path: boot():/k\n"
		     "    cmdline: root=x\n    module_path: boot():/ram" HASH
		     "\n    MODULE_PATH: fslabel(A b):/a/c#d\n//More\nprotocol: linux\n"
		     "kernel_path: boot(2):/l\nmodule_path: tftp():/no\nmodule_path: ${X}/no\nmodule_path: hdd(1:2):/m\n"),
		  "K/k I/ram I/a/c#d K/l I/m ");
	CHECK_STR(
		in("TIMEOUT=5\n:Old\nCOMMENT=x\nPROTOCOL=linux\nKERNEL_PATH=boot:///k\nCMDLINE=a\nMODULE_PATH=$boot://1/a/b" HASH
		   "\nMODULE_PATH=guid://736b5698-5ae1-4dff-be2c-ef8f44a61c52/c\n"),
		"K/k I/a/b I/c ");
	CHECK_STR(
		in("/kernel\nprotocol: multiboot2\npath: boot():/m\nmodule_path: boot():/n\n/efi\nprotocol: efi\npath: boot():/x.efi\n"),
		"M/m m/n ");
	CHECK_STR(
		in("/x\nprotocol: linux\nmodule_path: boot(:/\nmodule_path: boot():\nmodule_path: $\nmodule_path:\nmodule_path: /x\n"),
		"");
}

TEST(config_hostile_text_ends)
{
	char big[5000];
	memset(big, 'a', sizeof big);
	memcpy(big, "initrd /", 8);
	seen[0] = 0;
	pod_config_read("x", big, sizeof big, &vars, note, NULL);
	CHECK_STR(seen, "");
	CHECK_STR(in("initrd \"/unclosed\ninitrd '"), "");
	CHECK_STR(in(";;;}}}\n\n\r"), "");
}
