/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stick in memory and a firmware made of scripts, for the tests of the menu: an MBR, an exFAT data partition, a FAT16 ESP, all
 * laid down by hand here, so that a test depends on no tool and no other writer; keys come from a script, screens are kept as
 * text.
 */
#ifndef POD_TESTS_MENU_STICK_H
#define POD_TESTS_MENU_STICK_H

#include "boot/boot.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/trace/state.h"
#include "tests/unit/test.h"

/* --- exFAT ------------------------------------------------------------------------------------------------------ */

#define EX_CLUSTER 4096u

struct ex {
	uint8_t *vol;
	size_t size;
	uint32_t clusters, next, heap; /* heap: byte offset */
	uint32_t root, root_clusters;
};

static inline uint8_t *ex_at(struct ex *x, uint32_t cluster)
{
	return x->vol + x->heap + (size_t)(cluster - 2) * EX_CLUSTER;
}

static inline uint32_t ex_alloc(struct ex *x, uint64_t bytes)
{
	uint32_t c = x->next, n = (uint32_t)((bytes + EX_CLUSTER - 1) / EX_CLUSTER);
	x->next += n;
	if (x->next - 2 > x->clusters) {
		fprintf(stderr, "test stick is too small\n");
		exit(2);
	}
	return c;
}

/* Growing directory: 32-byte entries. */
struct ex_dir {
	uint8_t *e;
	size_t n;
};

static inline uint16_t ex_sum16(uint16_t sum, const uint8_t *p, size_t n, bool first)
{
	for (size_t i = 0; i < n; i++)
		if (!first || (i != 2 && i != 3))
			sum = (uint16_t)(((uint32_t)sum << 15 | sum >> 1) + p[i]);
	return sum;
}

static inline void ex_entry(struct ex_dir *d, const char *name, bool dir, uint32_t cluster, uint64_t size, uint64_t valid)
{
	uint16_t u[255];
	size_t n;
	if (pod_utf8_to_utf16(name, u, 255, &n) != POD_OK)
		exit(2);
	size_t names = (n + 14) / 15, sets = 2 + names;
	d->e = realloc(d->e, (d->n + sets) * 32);
	uint8_t *p = d->e + d->n * 32;
	memset(p, 0, sets * 32);
	p[0] = 0x85;
	p[1] = (uint8_t)(1 + names);
	pod_put_le16(p + 4, dir ? 0x10 : 0x20);
	for (int i = 8; i <= 16; i += 4)
		pod_put_le32(p + i, (2024u - 1980) << 25 | 5 << 21 | 17 << 16 | 12 << 11);
	uint8_t *s = p + 32;
	s[0] = 0xc0;
	s[1] = size ? 3 : 1;
	s[3] = (uint8_t)n;
	uint16_t hash = 0;
	for (size_t i = 0; i < n; i++) {
		uint16_t c = u[i] >= 'a' && u[i] <= 'z' ? (uint16_t)(u[i] - 32) : u[i];
		hash = (uint16_t)(((uint32_t)hash << 15 | hash >> 1) + (c & 0xff));
		hash = (uint16_t)(((uint32_t)hash << 15 | hash >> 1) + (c >> 8));
	}
	pod_put_le16(s + 4, hash);
	pod_put_le64(s + 8, valid);
	pod_put_le32(s + 20, size ? cluster : 0);
	pod_put_le64(s + 24, size);
	for (size_t i = 0; i < names; i++) {
		uint8_t *q = p + 64 + i * 32;
		q[0] = 0xc1;
		for (size_t k = 0; k < 15 && i * 15 + k < n; k++)
			pod_put_le16(q + 2 + 2 * k, u[i * 15 + k]);
	}
	uint16_t sum = 0;
	for (size_t i = 0; i < sets; i++)
		sum = ex_sum16(sum, p + i * 32, 32, i == 0);
	pod_put_le16(p + 2, sum);
	d->n += sets;
}

/* A file of `size` bytes; `content` is laid at its start. Returns its first cluster. */
static inline uint32_t ex_file(struct ex *x, struct ex_dir *d, const char *name, uint64_t size, const void *content, size_t len)
{
	uint32_t c = ex_alloc(x, size);
	if (len)
		memcpy(ex_at(x, c), content, len);
	ex_entry(d, name, false, c, size, size);
	return c;
}

/* Writes a directory and names it in its parent. */
static inline void ex_subdir(struct ex *x, struct ex_dir *parent, const char *name, struct ex_dir *d)
{
	uint64_t size = (d->n * 32 + EX_CLUSTER) / EX_CLUSTER * EX_CLUSTER;
	uint32_t c = ex_alloc(x, size);
	if (d->n)
		memcpy(ex_at(x, c), d->e, d->n * 32);
	ex_entry(parent, name, true, c, size, size);
	free(d->e);
	*d = (struct ex_dir){0};
}

static inline void ex_begin(struct ex *x, uint8_t *vol, size_t size)
{
	*x = (struct ex){.vol = vol, .size = size};
	x->clusters = (uint32_t)(size / EX_CLUSTER);
	uint32_t fat = (x->clusters * 4 + 8 + 511) / 512 * 512;
	x->heap = (32 * 512 + fat + EX_CLUSTER - 1) / EX_CLUSTER * EX_CLUSTER;
	x->clusters = (uint32_t)((size - x->heap) / EX_CLUSTER);
	x->next = 2;
}

static inline uint32_t ex_sum32(uint32_t sum, const uint8_t *p, size_t n, bool boot)
{
	for (size_t i = 0; i < n; i++)
		if (!boot || (i != 106 && i != 107 && i != 112))
			sum = (sum << 31 | sum >> 1) + p[i];
	return sum;
}

static inline void ex_chain(struct ex *x, uint32_t first, uint32_t n)
{
	uint8_t *fat = x->vol + 32 * 512;
	for (uint32_t i = 0; i < n; i++)
		pod_put_le32(fat + (first + i) * 4, i + 1 < n ? first + i + 1 : 0xffffffff);
}

/* Finishes the volume with the root's entries. */
static inline void ex_end(struct ex *x, struct ex_dir *root)
{
	uint32_t bitmap_len = (x->clusters + 7) / 8;
	uint32_t bitmap = ex_alloc(x, bitmap_len), upcase = ex_alloc(x, 60);
	uint32_t root_bytes = (uint32_t)((root->n + 3) * 32 + EX_CLUSTER) / EX_CLUSTER * EX_CLUSTER;
	uint32_t rc = ex_alloc(x, root_bytes);
	uint8_t *up = ex_at(x, upcase), *r = ex_at(x, rc);
	pod_put_le16(up, 0xffff);
	pod_put_le16(up + 2, 'a');
	for (int i = 0; i < 26; i++)
		pod_put_le16(up + 4 + 2 * i, (uint16_t)('A' + i));
	pod_put_le16(up + 56, 0xffff);
	pod_put_le16(up + 58, 0xff85);
	r[0] = 0x83; /* label "DATA" */
	r[1] = 4;
	for (int i = 0; i < 4; i++)
		r[2 + 2 * i] = (uint8_t) "DATA"[i];
	r += 32;
	r[0] = 0x81;
	pod_put_le32(r + 20, bitmap);
	pod_put_le64(r + 24, bitmap_len);
	r += 32;
	r[0] = 0x82;
	pod_put_le32(r + 4, ex_sum32(0, up, 60, false));
	pod_put_le32(r + 20, upcase);
	pod_put_le64(r + 24, 60);
	if (root->n)
		memcpy(r + 32, root->e, root->n * 32);
	free(root->e);
	root->e = NULL;
	uint8_t *fat = x->vol + 32 * 512;
	pod_put_le32(fat, 0xfffffff8);
	pod_put_le32(fat + 4, 0xffffffff);
	ex_chain(x, bitmap, (bitmap_len + EX_CLUSTER - 1) / EX_CLUSTER);
	ex_chain(x, upcase, 1);
	ex_chain(x, rc, root_bytes / EX_CLUSTER);
	for (uint32_t i = 0; i < x->next - 2; i++)
		ex_at(x, bitmap)[i / 8] |= (uint8_t)(1 << (i & 7));
	uint8_t *b = x->vol;
	memcpy(b,
	       "\xeb\x76\x90"
	       "EXFAT   ",
	       11);
	pod_put_le64(b + 72, x->size / 512);
	pod_put_le32(b + 80, 32);
	pod_put_le32(b + 84, (x->heap - 32 * 512) / 512);
	pod_put_le32(b + 88, x->heap / 512);
	pod_put_le32(b + 92, x->clusters);
	pod_put_le32(b + 96, rc);
	pod_put_le32(b + 100, 0x12345678);
	pod_put_le16(b + 104, 0x100);
	b[108] = 9;
	b[109] = 3;
	b[110] = 1;
	b[111] = 0x80;
	b[112] = 0xff;
	pod_put_le16(b + 510, 0xaa55);
	for (int i = 1; i < 9; i++)
		pod_put_le32(b + i * 512 + 508, 0xaa550000);
	uint32_t sum = ex_sum32(0, b, 512, true);
	sum = ex_sum32(sum, b + 512, 10 * 512, false);
	for (int i = 0; i < 128; i++)
		pod_put_le32(b + 11 * 512 + i * 4, sum);
	memcpy(b + 12 * 512, b, 12 * 512);
	x->root = rc;
	x->root_clusters = root_bytes / EX_CLUSTER;
}

/* --- FAT16 ESP -------------------------------------------------------------------------------------------------- */

#define ESP_SIZE    (20u << 20)
#define ESP_CLUSTER 2048u
#define ESP_FATS    (41u * 512) /* one FAT: 10240 clusters of two bytes fit in 41 sectors */
#define ESP_ROOT    (512u + ESP_FATS)
#define ESP_HEAP    (ESP_ROOT + 512u * 32)

struct esp {
	uint8_t *vol;
	uint32_t next, dir, entries;
};

static inline uint8_t *esp_at(struct esp *s, uint32_t cluster)
{
	return s->vol + ESP_HEAP + (size_t)(cluster - 2) * ESP_CLUSTER;
}

static inline uint32_t esp_alloc(struct esp *s, uint32_t bytes)
{
	uint32_t n = (bytes + ESP_CLUSTER - 1) / ESP_CLUSTER, c = s->next;
	for (uint32_t i = 0; i < n; i++)
		pod_put_le16(s->vol + 512 + (c + i) * 2, i + 1 < n ? (uint16_t)(c + i + 1) : 0xffff);
	s->next += n;
	return c;
}

static inline void esp_dirent(uint8_t *p, const char *name83, bool dir, uint32_t cluster, uint32_t size)
{
	memcpy(p, name83, 11);
	p[11] = dir ? 0x10 : 0x20;
	pod_put_le16(p + 26, (uint16_t)cluster);
	pod_put_le32(p + 28, size);
}

static inline void esp_begin(struct esp *s, uint8_t *vol)
{
	*s = (struct esp){.vol = vol, .next = 2};
	memcpy(vol,
	       "\xeb\x3c\x90"
	       "MSDOS5.0",
	       11);
	pod_put_le16(vol + 11, 512);
	vol[13] = ESP_CLUSTER / 512;
	pod_put_le16(vol + 14, 1);
	vol[16] = 1;
	pod_put_le16(vol + 17, 512);
	pod_put_le16(vol + 19, ESP_SIZE / 512);
	vol[21] = 0xf8;
	pod_put_le16(vol + 22, ESP_FATS / 512);
	vol[38] = 0x29;
	pod_put_le32(vol + 39, 0xabcd0123);
	memcpy(vol + 43, "ESP        FAT16   ", 19);
	pod_put_le16(vol + 510, 0xaa55);
	pod_put_le16(vol + 512, 0xfff8);
	pod_put_le16(vol + 514, 0xffff);
	s->dir = esp_alloc(s, ESP_CLUSTER);
	esp_dirent(vol + ESP_ROOT, "ISOPOD     ", true, s->dir, 0);
	esp_dirent(esp_at(s, s->dir), ".          ", true, s->dir, 0);
	esp_dirent(esp_at(s, s->dir) + 32, "..         ", true, 0, 0);
	s->entries = 2;
}

/* Returns where the data lies in the volume. */
static inline uint32_t esp_file(struct esp *s, const char *name83, const void *data, uint32_t size)
{
	uint32_t c = esp_alloc(s, size);
	if (data)
		memcpy(esp_at(s, c), data, size);
	esp_dirent(esp_at(s, s->dir) + 32 * s->entries++, name83, false, c, size);
	return (uint32_t)(esp_at(s, c) - s->vol);
}

/* --- the stick ---------------------------------------------------------------------------------------------------- */

struct stick {
	uint8_t *disk;
	size_t size, data_len, esp_start;
	struct ex ex;
	struct ex_dir root;
	struct esp esp;
	uint32_t state; /* offset of STATE.BIN in the ESP */
	struct pod_memdev mem;
	struct pod_dev dev; /* counts and fails */
	uint64_t bytes_read, reads;
	uint64_t fail_at, fail_len; /* reads that touch this range fail */
	bool write_protected;
	bool power_fails; /* after so many writes to the data partition: no more of them arrive */
	long writes;
	uint64_t *clock, ms_per_read; /* NULL: reading takes no time */
};

#define DATA_START (1u << 20)

static enum pod_status stick_read(struct pod_dev *d, uint64_t off, void *buf, size_t len)
{
	struct stick *s = d->ctx;
	s->bytes_read += len;
	s->reads++;
	if (s->clock)
		*s->clock += s->ms_per_read;
	if (s->fail_len && off < s->fail_at + s->fail_len && s->fail_at < off + len)
		return POD_E_IO;
	return pod_dev_read(&s->mem.dev, off, buf, len);
}

static enum pod_status stick_write(struct pod_dev *d, uint64_t off, const void *buf, size_t len)
{
	struct stick *s = d->ctx;
	if (s->write_protected)
		return POD_E_READONLY;
	if (off < s->esp_start && s->power_fails && s->writes-- <= 0)
		return POD_E_IO;
	return pod_dev_write(&s->mem.dev, off, buf, len);
}

static enum pod_status stick_flush(struct pod_dev *d)
{
	(void)d;
	return POD_OK;
}

/* FONT.BIN from the build folder (next to the test program), or nothing. */
static inline void stick_add_font(struct stick *s, const char *path)
{
	FILE *f = path ? fopen(path, "rb") : NULL;
	if (!f)
		return;
	static uint8_t font[4 << 20];
	size_t n = fread(font, 1, sizeof font, f);
	fclose(f);
	esp_file(&s->esp, "FONT    BIN", font, (uint32_t)n);
}

static inline void stick_begin(struct stick *s, size_t data_len, const char *font)
{
	memset(s, 0, sizeof *s);
	s->data_len = data_len;
	s->esp_start = DATA_START + data_len;
	s->size = s->esp_start + ESP_SIZE;
	s->disk = calloc(1, s->size);
	pod_memdev_init(&s->mem, s->disk, s->size, 512, false);
	s->dev = (struct pod_dev){.size_bytes = s->size,
				  .sector_size = 512,
				  .read = stick_read,
				  .write = stick_write,
				  .flush = stick_flush,
				  .ctx = s};
	uint8_t *e = s->disk + 446;
	pod_put_le32(s->disk + 440, 0x1501d0d5);
	e[0] = 0x80;
	e[4] = 7;
	pod_put_le32(e + 8, DATA_START / 512);
	pod_put_le32(e + 12, (uint32_t)(data_len / 512));
	e[16 + 4] = 0xef;
	pod_put_le32(e + 24, (uint32_t)(s->esp_start / 512));
	pod_put_le32(e + 28, ESP_SIZE / 512);
	pod_put_le16(s->disk + 510, 0xaa55);
	ex_begin(&s->ex, s->disk + DATA_START, data_len);
	esp_begin(&s->esp, s->disk + s->esp_start);
	s->state = esp_file(&s->esp, "STATE   BIN", NULL, POD_STATE_SIZE);
	stick_add_font(s, font);
}

static inline void stick_end(struct stick *s)
{
	ex_end(&s->ex, &s->root);
}

static inline void stick_free(struct stick *s)
{
	free(s->disk);
}

/* A small ISO with an El Torito no-emulation entry for BIOS. Returns the size. */
#define ISO_SIZE (40u * 2048)
static inline size_t make_iso(uint8_t *iso, const char *label)
{
	memset(iso, 0, ISO_SIZE);
	uint8_t *p = iso + 16 * 2048;
	p[0] = 1;
	memcpy(p + 1, "CD001\1", 6);
	memset(p + 8, ' ', 64);
	memcpy(p + 40, label, strlen(label));
	pod_put_le32(p + 80, ISO_SIZE / 2048);
	pod_put_be32(p + 84, ISO_SIZE / 2048);
	pod_put_le16(p + 120, 1);
	pod_put_be16(p + 122, 1);
	pod_put_le16(p + 124, 1);
	pod_put_be16(p + 126, 1);
	pod_put_le16(p + 128, 2048);
	pod_put_be16(p + 130, 2048);
	pod_put_le32(p + 132, 10);
	pod_put_be32(p + 136, 10);
	pod_put_le32(p + 140, 21);
	pod_put_be32(p + 148, 22);
	uint8_t rec[34] = {34};
	pod_put_le32(rec + 2, 23);
	pod_put_be32(rec + 6, 23);
	pod_put_le32(rec + 10, 2048);
	pod_put_be32(rec + 14, 2048);
	rec[25] = 2;
	pod_put_le16(rec + 28, 1);
	pod_put_be16(rec + 30, 1);
	rec[32] = 1;
	memcpy(p + 156, rec, 34);
	memset(p + 190, ' ', 623);
	p[881] = 1;
	p += 2048;
	memcpy(p, "\0CD001\1EL TORITO SPECIFICATION", 30);
	pod_put_le32(p + 0x47, 19);
	p += 2048;
	memcpy(p, "\377CD001\1", 7);
	p += 2048; /* sector 19: the boot catalogue */
	p[0] = 1;
	p[0x1e] = 0x55;
	p[0x1f] = 0xaa;
	pod_put_le16(p + 0x1c, (uint16_t)(0 - 1 - 0xaa55));
	p[0x20] = 0x88;
	pod_put_le16(p + 0x26, 4);
	pod_put_le32(p + 0x28, 20);
	memset(iso + 20 * 2048, 0xf4, 2048);
	for (int i = 21; i < 23; i++) { /* path tables */
		uint8_t *t = iso + i * 2048;
		t[0] = 1;
		if (i == 21)
			pod_put_le32(t + 2, 23);
		else
			pod_put_be32(t + 2, 23);
		pod_put_le16(t + 6, i == 21 ? 1 : 0x100);
	}
	memcpy(iso + 23 * 2048, rec, 34);
	memcpy(iso + 23 * 2048 + 34, rec, 34);
	iso[23 * 2048 + 34 + 33] = 1;
	return ISO_SIZE;
}

/* --- a firmware ---------------------------------------------------------------------------------------------------- */

/* What the script says: a key; SHOT(n) calls the test's look function with n; SERIAL(text) types bytes at the serial port;
 * WAIT(ms) lets time pass. The script ends the run with the Leave action: the menu returns from pod_boot_main. */
enum { DO_SHOT = 0x200000, DO_WAIT = 0x300000, DO_SERIAL = 0x400000, DO_PART = 0x500000 };
#define SHOT(n)	       (DO_SHOT + (uint32_t)(n))
#define WAIT(ms)       (DO_WAIT + (uint32_t)(ms))
#define SERIAL_BYTE(c) (DO_SERIAL + (uint32_t)(uint8_t)(c))
/* A keystroke of the firmware's with no pause behind it, as of a terminal's sequence that it passes on. */
#define PART(c) (DO_PART + (uint32_t)(uint8_t)(c))

struct fake {
	struct pod_fw fw;
	const uint32_t *script;
	size_t at, len;
	void (*look)(struct fake *f, unsigned n);
	uint64_t now, hands_off; /* no key before that */
	bool twice;		 /* each key comes two times, as some firmware has it */
	bool again, up;		 /* it is the other time; between two keys there is none */
	int serial_in;
	/* screens */
	uint32_t cols, rows;
	uint32_t cell[200 * 100];
	char serial[1 << 20];
	size_t serial_len;
	uint64_t text_puts;
	/* starts */
	unsigned starts;
	char started[POD_PATH_MAX];
	uint32_t started_image; /* of a WIM */
	enum pod_status start_status;
	const char *start_msg;
	struct pod_map *seen;
	unsigned reboots, overruns;
};

static void fake_text_put(struct pod_fw *fw, uint32_t col, uint32_t row, uint32_t cp, uint8_t attr)
{
	struct fake *f = fw->ctx;
	(void)attr;
	if (col >= f->cols || row >= f->rows)
		abort();
	f->cell[row * f->cols + col] = cp;
	f->text_puts++;
}

static void fake_serial_write(struct pod_fw *fw, const char *s, size_t len)
{
	struct fake *f = fw->ctx;
	if (f->serial_len + len < sizeof f->serial) {
		memcpy(f->serial + f->serial_len, s, len);
		f->serial_len += len;
		f->serial[f->serial_len] = 0;
	}
}

static int fake_serial_read(struct pod_fw *fw)
{
	struct fake *f = fw->ctx;
	if (f->at < f->len && (f->script[f->at] & ~0xffu) == DO_SERIAL) {
		f->up = true;
		return (int)(f->script[f->at++] & 0xff);
	}
	return -1;
}

static uint32_t fake_get_key(struct pod_fw *fw)
{
	struct fake *f = fw->ctx;
	if (f->now < f->hands_off)
		return POD_KEY_NONE;
	if (f->up) {
		f->up = false;
		return POD_KEY_NONE;
	}
	while (f->at < f->len) {
		uint32_t k = f->script[f->at];
		if (k >= DO_PART) {
			f->at++;
			return k - DO_PART;
		}
		if (k >= DO_SERIAL)
			return POD_KEY_NONE;
		if (k >= DO_WAIT) {
			static uint64_t until;
			if (!until)
				until = f->now + (k - DO_WAIT);
			if (f->now < until)
				return POD_KEY_NONE;
			until = 0;
			f->at++;
			continue;
		}
		if (k < DO_SHOT && f->twice && !f->again) {
			f->again = true;
			return k;
		}
		f->again = false;
		f->at++;
		if (k >= DO_SHOT) {
			f->look(f, k - DO_SHOT);
			continue;
		}
		f->up = true;
		if (k == POD_KEY_ESC) /* pressed alone */
			f->hands_off = f->now + (fw->terminal_keys ? 900 : 300);
		return k;
	}
	/* the script is over: leave through the action list (its last entry but one), whatever page is shown */
	const uint32_t leave[] = {POD_KEY_ENTER, POD_KEY_ESC, POD_KEY_ESC, ':', fw->own_list ? '4' : '3'};
	if (++f->overruns > 50) {
		fprintf(stderr, "the menu does not end\n");
		abort();
	}
	uint32_t k = leave[f->overruns % POD_ARRAY_LEN(leave)];
	if (k == POD_KEY_ESC)
		f->hands_off = f->now + (fw->terminal_keys ? 900 : 300);
	return k;
}

static uint64_t fake_millis(struct pod_fw *fw)
{
	return ((struct fake *)fw->ctx)->now;
}

static void fake_idle(struct pod_fw *fw)
{
	((struct fake *)fw->ctx)->now += 10;
}

static enum pod_status fake_start(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t size)
{
	struct fake *f = fw->ctx;
	(void)plan;
	f->starts++;
	pod_strlcpy(f->started, path, sizeof f->started);
	f->started_image = plan->windows.wim_image;
	pod_strlcpy(msg, f->start_msg ? f->start_msg : "", size);
	return f->start_status;
}

static void fake_reboot(struct pod_fw *fw)
{
	((struct fake *)fw->ctx)->reboots++;
}

/* UEFI x64 as far as the menu can tell (so that it can be left), with a text console; power off is possible. */
static inline void fake_init(struct fake *f, struct stick *s, uint32_t cols, uint32_t rows)
{
	memset(f, 0, sizeof *f);
	f->cols = cols;
	f->rows = rows;
	f->serial_in = -1;
	f->fw = (struct pod_fw){.name = "UEFI x64",
				.firmware_bit = POD_FW_X64,
				.alloc = &test_alloc,
				.disk = &s->dev,
				.ctx = f,
				.text_cols = cols,
				.text_rows = rows,
				.text_put = fake_text_put,
				.serial_write = fake_serial_write,
				.serial_read = fake_serial_read,
				.get_key = fake_get_key,
				.millis = fake_millis,
				.idle = fake_idle,
				.start = fake_start,
				.reboot = fake_reboot,
				.power_off = fake_reboot};
}

static inline void fake_run(struct fake *f, const uint32_t *script, size_t len, void (*look)(struct fake *, unsigned))
{
	f->script = script;
	f->len = len;
	f->at = 0;
	f->look = look;
	f->overruns = 0;
	f->up = true;
	pod_boot_main(&f->fw);
}

/* The text console as UTF-8 lines without trailing blanks. */
static inline const char *fake_text(struct fake *f)
{
	static char out[200 * 100 * 4];
	size_t at = 0;
	for (uint32_t r = 0; r < f->rows; r++) {
		size_t keep = at;
		for (uint32_t c = 0; c < f->cols; c++) {
			uint32_t cp = f->cell[r * f->cols + c];
			at += pod_utf8_put(out + at, cp ? cp : ' ');
			if (cp && cp != ' ')
				keep = at;
		}
		at = keep;
		out[at++] = '\n';
	}
	out[at] = 0;
	return out;
}

#endif
