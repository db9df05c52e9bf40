/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot menus with other kernel arguments: only the kernel lines change, and each reads as its loader takes it. */
#include "tests/unit/test.h"
#include "core/plan/arguments.h"
#include "core/plan/internal.h"

static char made[4096];
static uint32_t lines;

static const char *edit(const char *words, const char *text)
{
	static struct pod_menu_vars vars;
	char *out = NULL;
	size_t len = 0;
	memset(&vars, 0, sizeof vars);
	CHECK(pod_arguments_edit(words, "boot/grub/grub.cfg", text, strlen(text), &vars, NULL, &test_alloc, &out, &len, &lines) ==
	      POD_OK);
	snprintf(made, sizeof made, "%.*s", out ? (int)len : 1, out ? out : "=");
	pod_free(&test_alloc, out);
	return made;
}

TEST(arguments_in_grub)
{
	CHECK_STR(edit("acpi=off", "set timeout=5\nmenuentry 'x' {\n\tlinux /k quiet # why\n\tinitrd /i\n}\n"
				   "menuentry y { linuxefi /k; initrdefi /i; }\n# linux /no\nmenuentry z {\n linux16 /k}\n"),
		  "set timeout=5\nmenuentry 'x' {\n\tlinux /k quiet acpi=off # why\n\tinitrd /i\n}\n"
		  "menuentry y { linuxefi /k acpi=off; initrdefi /i; }\n# linux /no\nmenuentry z {\n linux16 /k acpi=off}\n");
	CHECK_EQ(lines, 3);
	/* also where the path is not known, or in a branch; a line that goes on */
	CHECK_STR(edit("a b=c", "if [ $x = y ]; then linux $k/vmlinuz \\\n  quiet \"$o\"\nfi\n"),
		  "if [ $x = y ]; then linux $k/vmlinuz \\\n  quiet \"$o\" a b=c\nfi\n");
	CHECK_STR(edit("memmap=64K$0x1869 x;y acpi_osi=\"Windows 2015\"", "linux /k\n"),
		  "linux /k memmap=64K\\$0x1869 x\\;y \"acpi_osi=Windows 2015\"\n");
	CHECK_STR(edit("x", "menuentry a {\n chainloader /x.efi\n}\n"), "=");
	CHECK_EQ(lines, 0);
}

TEST(arguments_of_a_kernel_under_xen)
{
	CHECK_STR(edit("a", "multiboot2 /boot/xen.gz com1=115200\nmodule2 /vmlinuz console=hvc0\nmodule2 /initrd\n"
			    "multiboot /gnumach.gz\nmodule /hurd/ext2fs.static x\n"),
		  "multiboot2 /boot/xen.gz com1=115200\nmodule2 /vmlinuz console=hvc0 a\nmodule2 /initrd\n"
		  "multiboot /gnumach.gz\nmodule /hurd/ext2fs.static x\n");
	CHECK_STR(edit("a", "label x\nkernel mboot.c32\nappend /xen.gz x=1 --- /vmlinuz y=2 --- /initrd\n"
			    "label y\nkernel mboot.c32\nappend /other --- /vmlinuz y=2\n"),
		  "label x\nkernel mboot.c32\nappend /xen.gz x=1 --- /vmlinuz y=2 a --- /initrd\n"
		  "label y\nkernel mboot.c32\nappend /other --- /vmlinuz y=2\n");
}

TEST(arguments_are_taken_out)
{
	CHECK_STR(edit("-quiet -console", "linux /k quiet splash console=ttyS0 quieter consoles=1\n"),
		  "linux /k splash quieter consoles=1\n");
	CHECK_STR(edit("-quiet nomodeset -vga=791", "label x\nkernel k\nappend initrd=i quiet vga=791 vga=792\r\n"),
		  "label x\nkernel k\nappend initrd=i vga=792 nomodeset\r\n");
	/* a line that goes on keeps its end, or the next one would be a part of it */
	CHECK_STR(edit("-quiet", "linux /k ro \\\n  quiet\n  initrd /i\n"), "linux /k ro \\\n  \n  initrd /i\n");
	CHECK_STR(edit("-quiet a", "linux /k ro \\\n  quiet splash\n"), "linux /k ro \\\n   splash a\n");
	CHECK_STR(edit("a", "linux /k b -- single\n"), "linux /k b a -- single\n");
	CHECK_STR(edit("a", "linux /k b ---\n"), "linux /k b --- a\n");
}

TEST(arguments_in_syslinux)
{
	CHECK_STR(edit("a$",
		       "default l\nlabel l\n  menu label x\n  linux k\n  append quiet\nlabel m\n  kernel /k\nlabel n\n"
		       "  com32 menu.c32\n  append x.cfg\nlabel o\n kernel memtest.bin\nlabel p\n append -\n kernel k root=x\n"),
		  "default l\nlabel l\n  menu label x\n  linux k\n  append quiet a$\nlabel m\n  kernel /k a$\nlabel n\n"
		  "  com32 menu.c32\n  append x.cfg\nlabel o\n kernel memtest.bin\nlabel p\n append  a$\n kernel k root=x\n");
	CHECK_EQ(lines, 3);
	/* one line for all that have none of their own */
	CHECK_STR(edit("a", "append ro\nlabel l\nkernel k\nlabel m\nkernel k\nappend rw"),
		  "append ro a\nlabel l\nkernel k\nlabel m\nkernel k\nappend rw a");
	CHECK_STR(edit("-x", "label l\nkernel k\nappend -\n"), "label l\nkernel k\nappend -\n");
}

TEST(arguments_in_grub_legacy)
{
	CHECK_STR(
		edit("a$ -quiet x=\"b c\"",
		     "default 0\ntitle x\n root (hd0,0)\n kernel /k ro quiet\r\n initrd /i\ntitle y\n kernel /l"),
		"default 0\ntitle x\n root (hd0,0)\n kernel /k ro a$ \"x=b c\"\r\n initrd /i\ntitle y\n kernel /l a$ \"x=b c\"");
	CHECK_EQ(lines, 2);
	CHECK_STR(edit("a -b", "title x\nkernel /k\\ b b\n"), "title x\nkernel /k\\ b a\n");
	/* a line that goes on; of several commands in one only the kernel's */
	CHECK_STR(edit("a -quiet", "title x\nkernel /k root=x \\\n  ro quiet\ninitrd /i\ntitle y\nkernel /k b && initrd /i\n"),
		  "title x\nkernel /k root=x \\\n  ro a\ninitrd /i\ntitle y\nkernel /k b a && initrd /i\n");
	CHECK_EQ(lines, 2);
	/* of multiboot kernels only the one that Xen starts */
	CHECK_STR(edit("a", "title x\nkernel /xen.gz y\nmodule /k z\nmodule /i\ntitle y\nkernel /gnumach y\nmodule /m z\n"),
		  "title x\nkernel /xen.gz y\nmodule /k z a\nmodule /i\ntitle y\nkernel /gnumach y\nmodule /m z\n");
	CHECK_EQ(lines, 1);
}

static const char *edit_at(const char *path, const char *words, const char *text)
{
	static struct pod_menu_vars vars;
	char *out = NULL;
	size_t len = 0;
	CHECK(pod_arguments_edit(words, path, text, strlen(text), &vars, NULL, &test_alloc, &out, &len, &lines) == POD_OK);
	snprintf(made, sizeof made, "%.*s", out ? (int)len : 1, out ? out : "=");
	pod_free(&test_alloc, out);
	return made;
}

TEST(arguments_in_refind)
{
	CHECK_STR(
		edit("a -quiet x=\"b c\"",
		     "menuentry A {\n loader /k\n options \"ro quiet\" # d\n submenuentry B {\n  add_options \"s\"\n }\n}\n"),
		"menuentry A {\n loader /k\n options \"ro a \"\"x=b c\"\"\" # d\n submenuentry B {\n  add_options \"s a \"\"x=b c\"\"\"\n }\n}\n");
	CHECK_EQ(lines, 2);
	/* without any; in no quotes; of what need be no Linux */
	CHECK_STR(
		edit("a",
		     "menuentry A {\n loader /k.efi # x\n initrd /i\n submenuentry B {\n }\n}\nmenuentry C {\n loader /l\n options ro\n}\n"
		     "menuentry D {\n loader /d.efi\n options \"x\"\n}\n"),
		"menuentry A {\n loader /k.efi # x\n\toptions \"a\"\n initrd /i\n submenuentry B {\n }\n}\nmenuentry C {\n loader /l\n"
		" options \"ro a\"\n}\nmenuentry D {\n loader /d.efi\n options \"x\"\n}\n");
	CHECK_EQ(lines, 2);
	CHECK_STR(edit("-ro", "menuentry A {\n loader /k\n}\nmenuentry C {\n loader /l\n options ro\n}"),
		  "menuentry A {\n loader /k\n}\nmenuentry C {\n loader /l\n options \n}");
	/* "loader" puts aside what was in front of it; what makes a Linux of it may stand at the end; nobody starts what is disabled */
	CHECK_STR(edit("a", "menuentry A {\n options \"x\"\n loader /k\n}\n"),
		  "menuentry A {\n options \"x\"\n loader /k\n\toptions \"a\"\n}\n");
	CHECK_STR(
		edit("a",
		     "menuentry A {\n loader /k.efi\n options \"x\"\n submenuentry B {\n  add_options s\n }\n ostype Linux\n}\n"),
		"menuentry A {\n loader /k.efi\n options \"x a\"\n submenuentry B {\n  add_options \"s a\"\n }\n ostype Linux\n}\n");
	CHECK_STR(edit("a", "menuentry A {\n loader /k\n options \"x\"\n disabled\n}\n"), "=");
	CHECK_EQ(lines, 0);
	CHECK_STR(edit_at("EFI/x/refind_linux.conf", "a -b", "\"A\" \"ro b\"\n# x\n\"C\" \"\"\nD e\n"),
		  "\"A\" \"ro a\"\n# x\n\"C\" \"a\"\nD \"e a\"\n");
}

#define HASH                                                                                                                     \
	"#ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2ca6914d2"

TEST(arguments_in_limine)
{
	CHECK_STR(edit("a -quiet",
		       "/A\n  protocol: linux\n  path: boot():/k" HASH "\n  cmdline: ro quiet\n  module_path: boot():/i" HASH "\n"
		       "/B\nprotocol: linux\npath: boot():/k\nmodule_path: boot():/i" HASH
		       "\n\n/C\nprotocol: efi\npath: boot():/x" HASH
		       "\ncmdline: x\n/D\nprotocol: linux\npath: boot():/k\ncmdline:\n"),
		  "/A\n  protocol: linux\n  path: boot():/k" HASH "\n  cmdline: ro a\n  module_path: boot():/i\n"
		  "/B\nprotocol: linux\npath: boot():/k\nmodule_path: boot():/i\ncmdline: a\n\n/C\nprotocol: efi\npath: boot():/x"
		  "\ncmdline: x\n/D\nprotocol: linux\npath: boot():/k\ncmdline: a\n");
	CHECK_EQ(lines, 3);
	/* what Limine would unpack, and no longer can: the kernel does it */
	CHECK_STR(
		edit("", ":A\nPROTOCOL=linux\nKERNEL_PATH=$boot:///k\nMODULE_PATH=$boot:///i" HASH "\nMODULE_PATH=boot:///$j\n"),
		":A\nPROTOCOL=linux\nKERNEL_PATH=$boot:///k\nMODULE_PATH=boot:///i\nMODULE_PATH=boot:///$j\n");
	/* a module of another kernel may be an initrd, too */
	CHECK_STR(edit("a", "/A\nprotocol: limine\npath: boot():/k" HASH "\nmodule_path: boot():/i" HASH "\n"),
		  "/A\nprotocol: limine\npath: boot():/k" HASH "\nmodule_path: boot():/i\n");
	CHECK_STR(
		edit("a",
		     ":A\nPROTOCOL=linux\nKERNEL_PATH=boot:///k\nMODULE_PATH=boot:///i\n:B\nPROTOCOL=linux\nKERNEL_PATH=boot:///k\nCMDLINE="),
		":A\nPROTOCOL=linux\nKERNEL_PATH=boot:///k\nMODULE_PATH=boot:///i\nCMDLINE=a\n:B\nPROTOCOL=linux\nKERNEL_PATH=boot:///k\nCMDLINE=a");
	/* without words only hashes of what is served changed go */
	CHECK_STR(edit("", "/A\nprotocol: linux\ncmdline: ro\nmodule_path: boot():/i" HASH "\n"),
		  "/A\nprotocol: linux\ncmdline: ro\nmodule_path: boot():/i\n");
	CHECK_EQ(lines, 0);
	CHECK_STR(edit("", "/A\nprotocol: linux\npath: boot():/k" HASH "\ncmdline: ro\nmodule_path: boot():/i\n"), "=");
	CHECK_STR(edit("", "linux /k ro\n"), "=");
}

TEST(arguments_in_boot_loader_entries)
{
	CHECK_STR(edit("a b", "title x\nlinux /k\noptions ro\noptions quiet\ninitrd /i\n"),
		  "title x\nlinux /k\noptions ro\noptions quiet a b\ninitrd /i\n");
	CHECK_STR(edit("a b", "title x\nlinux /k"), "title x\nlinux /k\noptions a b");
	CHECK_STR(edit("a", "title shell\nefi /shellx64.efi\noptions x\n"), "=");
	CHECK_STR(edit("a", "title x\nuki /x.efi\noptions x\n"), "=");
}

static const char *edit_unified(const char *words, const char *text, bool own)
{
	char *out = NULL;
	size_t len = 0;
	CHECK(pod_arguments_edit_unified(words, text, strlen(text), own, &test_alloc, &out, &len, &lines) == POD_OK);
	snprintf(made, sizeof made, "%.*s", out ? (int)len : 1, out ? out : "=");
	pod_free(&test_alloc, out);
	return made;
}

/* What an entry says takes the place of the image's own: it is changed where there is some, and none is added. */
TEST(arguments_in_entries_of_unified_kernel_images)
{
	CHECK_STR(edit_unified("a", "title x\nefi /EFI/Linux/x.efi\noptions ro\n", true),
		  "title x\nefi /EFI/Linux/x.efi\noptions ro a\n");
	CHECK_STR(edit_unified("a", "title x\nuki /EFI/Linux/x.efi\noptions ro\n", true),
		  "title x\nuki /EFI/Linux/x.efi\noptions ro a\n");
	CHECK_STR(edit_unified("a", "title x\nlinux /x.efi\n", true), "=");
	CHECK_EQ(lines, 0);
	CHECK_STR(edit_unified("a", "title x\nefi /x.efi\noptions\n", true), "=");
	CHECK_STR(edit_unified("a", "title x\nefi /x.efi\n", false), "title x\nefi /x.efi\noptions a\n");
}

static const char *edit_line(const char *words, const char *text, size_t n)
{
	char *out = NULL;
	size_t len = 0;
	CHECK(pod_arguments_edit_line(words, text, n, &test_alloc, &out, &len) == POD_OK);
	snprintf(made, sizeof made, "%.*s", (int)len, out ? out : "");
	pod_free(&test_alloc, out);
	return made;
}

TEST(arguments_of_one_command_line)
{
	CHECK_STR(edit_line("acpi=off -quiet x=\"a b\"", "root=x quiet ro\n\0junk", 20), "root=x ro acpi=off \"x=a b\"");
	CHECK_STR(edit_line("a$;", "", 0), "a$;");
	CHECK_STR(edit_line("a", "\n\0", 2), "a");
	CHECK_STR(edit_line("-quiet", "quiet", 5), " ");
	CHECK_STR(edit_line("a", "init=/x -- b", 12), "init=/x a -- b");
	CHECK(pod_arguments_take_out("a -b"));
	CHECK(!pod_arguments_take_out("a -- \"c -d\""));
}

TEST(arguments_that_no_loader_takes)
{
	char words[POD_ARGUMENTS_MAX + 1];
	CHECK(pod_arguments_valid(""));
	CHECK(pod_arguments_valid("acpi=off -quiet acpi_osi=\"Windows 2015\""));
	CHECK(!pod_arguments_valid("a\\b"));
	CHECK(!pod_arguments_valid("it's"));
	CHECK(!pod_arguments_valid("x=\"a"));
	CHECK(!pod_arguments_valid("a\nb"));
	CHECK(!pod_arguments_valid("\xe4"));
	memset(words, 'a', sizeof words);
	words[POD_ARGUMENTS_MAX - 1] = 0;
	CHECK(pod_arguments_valid(words));
	words[POD_ARGUMENTS_MAX - 1] = 'a';
	words[POD_ARGUMENTS_MAX] = 0;
	CHECK(!pod_arguments_valid(words));
}
