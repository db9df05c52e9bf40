/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel logs and verdicts. The input: 9 bytes of facts (below), u16 length of a kernel log, the log, sectors of the state file
 * (fuzz_record.h). The log is classified by itself, then every boot that the file holds gets its verdict, with the log and
 * without.
 *
 *   +0  what is known: bit 0 a last read, 1 a failed one, 2 a slow one, 3 a damaged file, 4 the image has changed, 5 a missing file,
 *       6 and 7 the firmware's other mode
 *   +1  kind of the places, in bit 6 that it will not start rather than may not, +2 usb-storage, and above it why that is,
 *       +3 percent of the file in which the last read was, in bit 7 that a file of the stick's own is damaged,
 *       +4 u32 size of the largest initrd, +8 what the plan says against a start
 */
#include "tests/fuzz/fuzz_record.h"
#include "core/base/str.h"
#include "core/trace/klog.h"
#include "core/trace/screen.h"
#include "core/trace/verdict.h"

#define FACTS 9

static void finding_is_sound(const char *log, size_t len)
{
	struct pod_klog_finding f;

	if (!pod_klog_classify(log, len, &f))
		return;
	FUZZ_REQUIRE(f.id && *f.id && f.evidence && *f.evidence && f.count > 0);
	FUZZ_REQUIRE(f.hazard != POD_HAZARD_NONE && f.hazard <= POD_HAZARD_COUNT);
	FUZZ_REQUIRE(f.line >= log && f.line_len <= len && f.line + f.line_len <= log + len);
	FUZZ_REQUIRE(f.line_len > 0 && !memchr(f.line, '\n', f.line_len));
}

/* As many directives as there are arguments, and texts for those that are texts. */
static void sentence_is_sound(const struct pod_sentence *s)
{
	char buf[600], small[7];
	unsigned n = 0;

	FUZZ_REQUIRE(s->count <= POD_SENTENCE_ARGS);
	for (const char *p = s->message; p && *p; p++) {
		if (*p != '%' || *++p == '%')
			continue;
		FUZZ_REQUIRE(n < s->count && (*p == 'u' || (*p == 's' && s->arg[n].text)));
		n++;
	}
	FUZZ_REQUIRE(n == s->count);
	pod_sentence_fill(s, NULL, buf, sizeof buf);
	pod_sentence_fill(s, NULL, small, sizeof small);
	FUZZ_REQUIRE(strlen(small) < sizeof small && strncmp(small, buf, strlen(small)) == 0);
	pod_sentence_fill(s, "%u %s %s %u %s %u %", buf, sizeof buf);
}

static void verdict_is_sound(const struct pod_rec_boot *b, const struct pod_verdict_facts *f)
{
	struct pod_verdict v;

	pod_verdict_make(b, f, &v);
	FUZZ_REQUIRE(v.outcome < POD_OUTCOME_COUNT && v.hazard <= POD_HAZARD_COUNT && v.retry < POD_RETRY_COUNT);
	FUZZ_REQUIRE(v.id && *v.id && v.headline.message && v.evidence_count <= POD_EVIDENCE_MAX);
	FUZZ_REQUIRE(*pod_outcome_text(v.outcome) && (!v.retry || *pod_retry_text(v.retry)));
	/* who raises an alarm says what to do */
	FUZZ_REQUIRE(v.remedy_count <= POD_REMEDY_MAX && (!pod_verdict_alarm(&v) || v.remedy_count));
	FUZZ_REQUIRE(strlen(v.line) < sizeof v.line);
	sentence_is_sound(&v.headline);
	for (unsigned i = 0; i < v.remedy_count; i++)
		sentence_is_sound(&v.remedy[i]);
	for (unsigned i = 0; i < v.evidence_count; i++)
		sentence_is_sound(&v.evidence[i]);
}

static void facts(struct pod_verdict_facts *f, struct pod_where w[3], const uint8_t *p)
{
	static struct pod_start start;

	memset(f, 0, sizeof *f);
	memset(w, 0, 3 * sizeof *w);
	for (unsigned i = 0; i < 3; i++) {
		w[i].kind = (enum pod_where_kind)((p[1] + i) % POD_WHERE_COUNT);
		strcpy(w[i].path, p[1] & 0x80 ? "" : "live/initrd.img");
		w[i].percent = (p[3] & 0x7f) % 101;
		w[i].length_bytes = 100 << 20;
		w[i].offset_bytes = w[i].length_bytes / 100 * w[i].percent;
	}
	f->last = p[0] & 1 ? &w[0] : NULL;
	f->error = p[0] & 2 ? &w[1] : NULL;
	f->slowest = p[0] & 4 ? &w[2] : NULL;
	f->damaged_file = p[0] & 8 ? "live/vmlinuz" : NULL;
	f->image_changed = p[0] & 16;
	f->stick_file = p[3] & 0x80 ? "ISOPOD/SHIMX64" : NULL;
	f->missing_file = p[0] & 32 ? "live/vmlinuz" : NULL;
	f->other_mode = (enum pod_known)(p[0] >> 6 & 3);
	f->usb_storage = (enum pod_known)(p[2] % 3);
	f->initrd_bytes = pod_get_le32(p + 4);
	f->why = (enum pod_start_why)(p[8] % POD_WHY_COUNT);
	start = (struct pod_start){.why = (enum pod_start_why)(p[2] / 3 % POD_WHY_COUNT), .fix = "", .arg = {"2", "LUKS"}};
	start.starts = p[1] & 0x40 ? POD_STARTS_NOT : POD_STARTS_UNKNOWN;
	f->start = start.why && *pod_start_what(start.why) ? &start : NULL;
}

/* The log as if it had been on the screen: brought down, and looked through. */
static void screen_is_sound(const char *text, size_t len)
{
	static struct pod_screen s;
	struct pod_screen_finding f;
	char out[POD_REC_SCREEN_MAX + 1];

	memset(&s, 0, sizeof s);
	for (size_t i = 0; i < len; i++)
		pod_screen_put(&s, (uint8_t)text[i] | (i % 7 == 0 ? (uint32_t)(uint8_t)text[len - 1 - i] << 8 : 0));
	FUZZ_REQUIRE(s.len <= sizeof s.text && (!len || len > s.len / 4));
	size_t n = pod_screen_condense(s.text, s.len, out);
	FUZZ_REQUIRE(n <= POD_REC_SCREEN_MAX && !out[n]);
	if (pod_screen_classify(out, n, &f))
		FUZZ_REQUIRE(f.id && *f.id && f.evidence && f.line >= out && f.line + f.line_len <= out + n &&
			     f.hazard <= POD_HAZARD_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t file[POD_STATE_SIZE];
	static struct pod_rec_boot b;
	struct pod_verdict_facts f;
	struct pod_where where[3];
	struct fuzz_env e;
	struct pod_memdev m;
	uint32_t number[POD_REC_BOOTS], count;
	size_t log_len;
	char *log;

	fuzz_init(&e, data, size, 512, 0, 0);
	if (e.len < FACTS + 2)
		return 0;
	facts(&f, where, data);
	log_len = pod_min_u64(pod_get_le16(data + FACTS), e.len - FACTS - 2);
	log = malloc(log_len + !log_len); /* of its own, so that its end is watched */
	FUZZ_REQUIRE(log);
	memcpy(log, data + FACTS + 2, log_len);
	finding_is_sound(log, log_len);
	screen_is_sound(log, log_len);
	fuzz_strew(file, data + FACTS + 2 + log_len, e.len - FACTS - 2 - log_len);
	pod_memdev_init(&m, file, sizeof file, 512, false);
	if (pod_rec_list(&m.dev, &e.alloc, number, &count) == POD_OK) {
		for (uint32_t i = 0; i < count; i++) {
			if (pod_rec_read(&m.dev, &e.alloc, number[i], &b) != POD_OK)
				continue;
			f.log = NULL;
			f.log_len = 0;
			verdict_is_sound(&b, &f);
			f.log = log;
			f.log_len = log_len;
			verdict_is_sound(&b, &f);
		}
	}
	free(log);
	fuzz_done(&e);
	return 0;
}
