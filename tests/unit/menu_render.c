/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * menu_render DIR: draws the menu's pages with the frame-buffer code into DIR/<scene>-<width>x<height>.ppm, for people to look at
 * and for the manual. Nothing here is checked; menu_test.c does that.
 */
#include "tests/unit/menu_stick.h"

/* main.c of the unit tests is not linked here */
struct test_case *test_list;
int test_failed_checks;
long test_alloc_fail_at, test_alloc_count, test_alloc_live;
void test_fail(const char *file, int line, const char *what)
{
	printf("%s:%d: %s\n", file, line, what);
}
static void *host_alloc(struct pod_alloc *a, size_t n)
{
	(void)a;
	return malloc(n ? n : 1);
}
static void host_release(struct pod_alloc *a, void *p)
{
	(void)a;
	free(p);
}
struct pod_alloc test_alloc = {host_alloc, host_release, NULL};

static const char *dir, *scene;

static void look(struct fake *f, unsigned n)
{
	char path[512];
	struct pod_fb *fb = &f->fw.fb;
	snprintf(path, sizeof path, "%s/%s%u-%ux%u.ppm", dir, scene, n, fb->width, fb->height);
	FILE *o = fopen(path, "wb");
	if (!o)
		exit(1);
	fprintf(o, "P6\n%u %u\n255\n", fb->width, fb->height);
	for (uint32_t y = 0; y < fb->height; y++)
		for (uint32_t x = 0; x < fb->width; x++) {
			const uint8_t *p = fb->base + y * fb->pitch_bytes + 4 * x;
			fputc(p[2], o);
			fputc(p[1], o);
			fputc(p[0], o);
		}
	fclose(o);
}

static void render(struct stick *s, const char *name, uint32_t w, uint32_t h, const uint32_t *script, size_t len)
{
	static struct fake f;
	fake_init(&f, s, 0, 0);
	f.fw.text_put = NULL;
	f.fw.fb = (struct pod_fb){calloc(h, w * 4), w, h, w * 4, true};
	scene = name;
	fake_run(&f, script, len, look);
	free(f.fw.fb.base);
}

static void fill(struct stick *s, bool zh)
{
	static uint8_t iso[ISO_SIZE];
	static const char *const name[] = {"debian-12.7.0-amd64-netinst.iso",
					   "debian-live-12.7.0-amd64-gnome.iso",
					   "ubuntu-24.04.1-desktop-amd64.iso",
					   "Fedora-Workstation-Live-x86_64-40-1.14.iso",
					   "archlinux-2024.09.01-x86_64.iso",
					   "memtest86plus.iso",
					   "freedos.img",
					   "统信桌面操作系统-V20-专业版-1060-amd64.iso",
					   "openKylin-桌面-1.0.2.iso",
					   "Shell.efi",
					   "ipxe.iso",
					   "gparted-live-1.6.0-3-amd64.iso",
					   "Übungs-CD Rettung.iso",
					   "日本語ライブ.iso"};
	struct ex_dir images = {0}, tools = {0}, deep = {0};
	for (size_t i = 0; i < POD_ARRAY_LEN(name); i++) {
		size_t n = make_iso(iso, "DEBIAN_12");
		ex_file(&s->ex, i == 5 || i > 8 ? &tools : &images, name[i], i % 3 ? ISO_SIZE * (i + 1) : 3000000 * (i + 1), iso,
			n);
	}
	for (int i = 0; i < 40; i++) {
		char t[64];
		snprintf(t, sizeof t, "appliance-%d.iso", i * 7 % 40);
		ex_file(&s->ex, &deep, t, 100000, iso, ISO_SIZE);
	}
	if (zh)
		ex_file(&s->ex, &s->root, "isopod.conf", 16, "language=zh_CN\n\n", 16);
	ex_subdir(&s->ex, &images, "旧版本 old versions", &deep);
	ex_subdir(&s->ex, &s->root, "images", &images);
	ex_subdir(&s->ex, &s->root, "工具 tools", &tools);
	stick_end(s);
}

int main(int argc, char **argv)
{
	static const uint32_t size[][2] = {{1024, 768}, {800, 600}, {1920, 1080}, {640, 480}};
	if (argc != 2)
		return 2;
	dir = argv[1];
	for (int zh = 0; zh < 2; zh++) {
		static struct stick s;
		stick_begin(&s, 128 << 20, FONT_FILE);
		fill(&s, zh);
		const uint32_t script[] = {
			POD_KEY_HOME, POD_KEY_DOWN,  SHOT(1),	  POD_KEY_F4, SHOT(2),	   POD_KEY_F4,	POD_KEY_F1,  SHOT(3),
			' ',	      POD_KEY_ESC,   'd',	  'e',	      'b',	   SHOT(4),	POD_KEY_TAB, SHOT(5),
			POD_KEY_ESC,  POD_KEY_ENTER, SHOT(6),	  ' ',	      POD_KEY_ESC, POD_KEY_ESC, SHOT(7),     POD_KEY_ESC,
			POD_KEY_END,  SHOT(8),	     POD_KEY_F8,  'a',	      'c',	   'p',		'i',	     '=',
			'o',	      'f',	     'f',	  SHOT(9),    POD_KEY_ESC, POD_KEY_TAB, SHOT(10),    POD_KEY_ESC,
			POD_KEY_F10,  SHOT(11),	     POD_KEY_ESC, POD_KEY_F5, SHOT(12)};
		for (size_t i = 0; i < POD_ARRAY_LEN(size); i++)
			render(&s, zh ? "zh" : "en", size[i][0], size[i][1], script, POD_ARRAY_LEN(script));
		stick_free(&s);
		stick_begin(&s, 16 << 20, FONT_FILE);
		if (zh)
			ex_file(&s.ex, &s.root, "isopod.conf", 16, "language=zh_CN\n\n", 16);
		stick_end(&s);
		const uint32_t none[] = {SHOT(0)};
		render(&s, zh ? "zh-empty" : "en-empty", 1024, 768, none, 1);
		stick_free(&s);
	}
	return 0;
}
