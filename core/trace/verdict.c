/* SPDX-License-Identifier: BSD-2-Clause */
/* The verdict: first where the boot stopped, then why; see verdict.h. */
#include "core/trace/verdict.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/trace/klog.h"

#define N_(s) (s)

enum {
	LOADER_QUIET_MS = 60000,  /* a loader that read nothing for so long */
	SLOW_READ_MS = 3000,	  /* one read */
	SLOW_USB_KBIT = 12000,	  /* USB 1 */
	SLOW_BYTES_PER_MS = 1100, /* about what USB 1 gives */
	SLOW_LEAST_BYTES = 8 << 20,
	TIGHT_BASE_BYTES = 192 << 20, /* what a kernel wants beside its initrd */
	BEHIND_MS = 1500,
	LETTER_LEN = 2,		   /* what a drive letter takes of `line` */
	LEFT_OF_INITRD = 64 << 10, /* a loader that came so near the end has read it */
};

/* Windows' error codes (winerror.h, virtdisk.h in Microsoft's documentation). */
#define WINDOWS_NO_MODULE      126u
#define WINDOWS_UNKNOWN_VOLUME 1005u
#define WINDOWS_NO_PROVIDER    0xc03a0014u

/* EFI_STATUS without its high bit (UEFI specification, appendix D). */
enum {
	EFI_OUT_OF_RESOURCES = 9,
	EFI_NO_MEDIA = 12,
	EFI_MEDIA_CHANGED = 13,
	EFI_DENIED = 15,
	EFI_ABORTED = 21,
	EFI_SECURITY = 26
};

struct maker {
	const struct pod_rec_boot *b;
	const struct pod_verdict_facts *f;
	struct pod_verdict *v;
	struct pod_klog_finding log;
	bool has_log, handover, helper;
};

/* --- sentences ----------------------------------------------------------------------------------------------------- */

static struct pod_sentence say(const char *message)
{
	return (struct pod_sentence){.message = message};
}

static struct pod_sentence say_u(const char *message, uint32_t n)
{
	struct pod_sentence s = {.message = message, .count = 1};
	s.arg[0].number = n;
	return s;
}

static struct pod_sentence say_s(const char *message, const char *text)
{
	struct pod_sentence s = {.message = message, .count = 1};
	s.arg[0].text = text;
	return s;
}

static void evidence(struct maker *m, struct pod_sentence s)
{
	if (m->v->evidence_count < POD_EVIDENCE_MAX)
		m->v->evidence[m->v->evidence_count++] = s;
}

static void blame(struct maker *m, enum pod_hazard hazard, const char *id, const char *remedy, enum pod_retry retry)
{
	m->v->hazard = hazard;
	m->v->id = id;
	m->v->remedy = say(remedy);
	m->v->retry = retry;
}

static void end(struct maker *m, enum pod_outcome outcome, struct pod_sentence headline)
{
	m->v->outcome = outcome;
	m->v->headline = headline;
}

void pod_sentence_fill(const struct pod_sentence *s, const char *translated, char *buf, size_t size)
{
	const char *p = translated ? translated : s->message;
	size_t at = 0;
	unsigned arg = 0;
	char number[12];
	if (!size)
		return;
	buf[0] = 0;
	for (; p && *p && at + 1 < size; p++) {
		const char *piece = number;
		(void)pod_snprintf(number, sizeof number, "%c", *p);
		if (*p == '%' && p[1]) {
			p++;
			if (*p != '%' && arg >= s->count)
				piece = "?";
			else if (*p == 's')
				piece = s->arg[arg].text ? s->arg[arg].text : "?";
			else if (*p == 'u')
				(void)pod_snprintf(number, sizeof number, "%u", (unsigned)s->arg[arg].number);
			else if (*p != '%')
				piece = "?";
			arg += *p != '%';
		}
		(void)pod_strlcpy(buf + at, piece, size - at);
		at += pod_strlen(buf + at);
	}
}

/* --- small questions ----------------------------------------------------------------------------------------------- */

static const struct pod_stage_event *menu_stage(const struct maker *m, enum pod_stage s)
{
	return m->b->has_progress ? pod_stages_find(&m->b->progress.stages, s) : NULL;
}

static const struct pod_stage_event *linux_stage(const struct maker *m, enum pod_stage s)
{
	return m->b->has_linux ? pod_stages_find(&m->b->linux_.stages, s) : NULL;
}

static bool is_truncated(const struct maker *m)
{
	return m->b->has_image && (m->b->image.flags & POD_REC_I_TRUNCATED);
}

static uint32_t since_last_read_ms(const struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	return p->ms > p->last_read_ms ? p->ms - p->last_read_ms : 0;
}

/* How many bytes a millisecond of reading brought. In 32-bit arithmetic: 32-bit firmware has no other division. */
static uint32_t read_rate(const struct pod_rec_progress *p)
{
	uint64_t bytes = p->bytes;
	uint32_t ms = p->read_ms;
	for (; bytes >> 32; bytes >>= 1)
		ms >>= 1;
	return (uint32_t)bytes / (ms ? ms : 1);
}

/* Did the loader read the initrd it was served to the end? Then the kernel was started next. Without a timer the record is up to
 * a second and a half behind: what may have been read meanwhile counts as read. */
static bool initrd_read(const struct maker *m)
{
	const struct pod_where *w = m->f->last;
	const struct pod_rec_progress *p = &m->b->progress;
	if (!w || w->kind != POD_WHERE_INITRD)
		return false;
	uint64_t left = w->length_bytes - w->offset_bytes;
	if (left <= LEFT_OF_INITRD)
		return true;
	return !(p->flags & (POD_REC_P_TIMER | POD_REC_P_READING)) && left <= (uint64_t)read_rate(p) * BEHIND_MS;
}

/* --- evidence ------------------------------------------------------------------------------------------------------ */

static void place(struct maker *m, const struct pod_where *w, const char *in_file, const char *elsewhere)
{
	struct pod_sentence s = {.message = in_file, .count = 2};
	if (!w)
		return;
	if ((w->kind == POD_WHERE_FILE || w->kind == POD_WHERE_INITRD) && w->path[0]) {
		s.arg[0].text = w->path;
		s.arg[1].number = w->percent;
		evidence(m, s);
	} else {
		evidence(m, say_s(elsewhere, pod_where_text(w->kind)));
	}
}

static void tell_reads(struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	if (!m->b->has_progress)
		return;
	if (!p->reads && !(p->flags & POD_REC_P_READING)) {
		if (menu_stage(m, POD_STAGE_LOADER_STARTED))
			evidence(m, say(N_("Nothing of the image was read after its loader was started.")));
		return;
	}
	place(m, m->f->last, N_("The last read was in %s, %u%% into it."),
	      N_("The last read was in no file of the image, but here: %s."));
	if (p->errors) {
		evidence(m, say_u(N_("Reads that failed: %u."), p->errors));
		place(m, m->f->error, N_("The first that failed was in %s, %u%% into it."),
		      N_("The first that failed was in no file of the image, but here: %s."));
	}
	if (p->outside && is_truncated(m))
		evidence(m, say_u(N_("Reads beyond the end of the image: %u."), p->outside));
	if (p->slow[0].ms >= SLOW_READ_MS) {
		evidence(m, say_u(N_("The slowest read took %u seconds."), p->slow[0].ms / 1000));
		place(m, m->f->slowest, N_("It was in %s, %u%% into it."), N_("It was in no file of the image, but here: %s."));
	}
}

static void tell_message(struct maker *m)
{
	if (m->b->has_message && m->b->message.text[0])
		evidence(m, say_s(N_("The boot manager said: %s"), m->b->message.text));
}

static void tell_log(struct maker *m)
{
	if (!m->has_log)
		return;
	size_t n = m->log.line_len < sizeof m->v->line - 1 ? m->log.line_len : sizeof m->v->line - 1;
	memcpy(m->v->line, m->log.line, n);
	m->v->line[n] = 0;
	evidence(m, say(m->log.evidence));
	evidence(m, say_s(N_("Its log says: %s"), m->v->line));
}

static void tell_linux(struct maker *m)
{
	const struct pod_rec_linux *l = &m->b->linux_;
	const struct pod_stage_event *e;
	if (!m->b->has_linux)
		return;
	if ((e = linux_stage(m, POD_STAGE_SHOWN)) != NULL)
		evidence(m, say_u(N_("The image was shown to the system %u seconds after the kernel started its init."),
				  e->ms / 1000));
	if ((e = linux_stage(m, POD_STAGE_MEDIUM_MOUNTED)) != NULL && l->mount[0]) {
		struct pod_sentence s = {.message = N_("It was mounted at %s %u seconds after that start."), .count = 2};
		s.arg[0].text = l->mount;
		s.arg[1].number = e->ms / 1000;
		evidence(m, s);
	}
}

/* --- causes, heaviest first ------------------------------------------------------------------------------------------- */

#define COPY_AGAIN                                                                                                               \
	N_("Copy the image to the stick again, after comparing it with its publisher's checksum; 'isopod doctor' on it tells "   \
	   "more.")
#define OTHER_PORT                                                                                                               \
	N_("Put the stick into another port, without a hub; if that does not help, test the stick with 'isopod doctor'.")
#define MORE_MEMORY N_("Give the machine more memory, or start an image that needs less; 'toram' and similar words need most.")

static bool log_says(const struct maker *m, const char *id)
{
	return m->has_log && pod_streq(m->log.id, id);
}

static bool memory_is_tight(const struct maker *m)
{
	uint64_t have = m->b->has_machine ? m->b->machine.memory_bytes : 0;
	return have && m->f->initrd_bytes && have < TIGHT_BASE_BYTES + 4 * m->f->initrd_bytes;
}

static bool log_remedy(struct maker *m)
{
	static const struct {
		const char *id, *remedy;
		enum pod_retry retry;
	} table[] = {
		{"memory", MORE_MEMORY, POD_RETRY_NONE},
		{"damaged-image", COPY_AGAIN, POD_RETRY_AFTER_COPY},
		{"damaged-initrd", COPY_AGAIN, POD_RETRY_AFTER_COPY},
		{"truncated-image", COPY_AGAIN, POD_RETRY_AFTER_COPY},
		{"no-initrd", COPY_AGAIN, POD_RETRY_AFTER_COPY},
		{"over-current", OTHER_PORT, POD_RETRY_OTHER_PORT},
		{"usb-trouble", OTHER_PORT, POD_RETRY_OTHER_PORT},
		{"stick-pulled", OTHER_PORT, POD_RETRY_OTHER_PORT},
	};
	for (size_t i = 0; m->has_log && i < POD_ARRAY_LEN(table); i++) {
		if (!pod_streq(m->log.id, table[i].id))
			continue;
		blame(m, m->log.hazard, m->log.id, table[i].remedy, table[i].retry);
		return true;
	}
	return false;
}

/* The firmware's own code says so: an EFI_STATUS, or AH of INT 13h (31h: no media in drive). */
static bool medium_is_gone(const struct maker *m, uint32_t code)
{
	if (m->b->has_machine && m->b->machine.firmware == POD_FW_BIOS)
		return code == 0x31;
	return code == EFI_NO_MEDIA || code == EFI_MEDIA_CHANGED;
}

/* Something outweighs what the place alone suggests. */
static bool find_cause(struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	bool errors = m->b->has_progress && p->errors;
	if (errors && (p->error_status == POD_E_CHANGED || medium_is_gone(m, p->error_code))) {
		blame(m, POD_HAZARD_DRIVE, "stick-pulled",
		      N_("The stick was disconnected while it was read: leave it in, or try another port."),
		      POD_RETRY_OTHER_PORT);
	} else if (errors || log_says(m, "read-error")) {
		blame(m, POD_HAZARD_DRIVE, "read-error",
		      N_("The stick cannot be read there: copy the image to another stick, or try another port first."),
		      POD_RETRY_OTHER_PORT);
	} else if (is_truncated(m)) {
		evidence(m, say(N_("The file is shorter than the volume inside it says.")));
		blame(m, POD_HAZARD_IMAGE, "truncated-image",
		      N_("The image is not whole: download it again, and copy it with 'isopod add --verify'."),
		      POD_RETRY_AFTER_COPY);
	} else if (m->f->damaged_file) {
		evidence(m, say_s(N_("%s is damaged in the image."), m->f->damaged_file));
		blame(m, POD_HAZARD_IMAGE, "damaged-image", COPY_AGAIN, POD_RETRY_AFTER_COPY);
	} else if (!log_remedy(m)) {
		return false;
	}
	return true;
}

/* --- where it stopped --------------------------------------------------------------------------------------------------- */

static void start_failed(struct maker *m, uint32_t status)
{
	end(m, POD_OUTCOME_FAILED, say(N_("The image could not be started.")));
	tell_message(m);
	tell_reads(m);
	if (find_cause(m))
		return;
	if (status == POD_E_NOMEM)
		blame(m, POD_HAZARD_MEMORY, "memory", MORE_MEMORY, POD_RETRY_NONE);
	else if (status == POD_E_IO)
		blame(m, POD_HAZARD_DRIVE, "read-error", OTHER_PORT, POD_RETRY_OTHER_PORT);
	else if (status == POD_E_CHANGED)
		blame(m, POD_HAZARD_DRIVE, "stick-pulled", OTHER_PORT, POD_RETRY_OTHER_PORT);
	else if (status == POD_E_NOT_FOUND || status == POD_E_UNSUPPORTED || (m->b->has_image && m->b->image.entry == -2))
		blame(m, POD_HAZARD_FIRMWARE, "nothing-to-start",
		      N_("The image has nothing for this firmware: start the machine in its other mode (UEFI or BIOS), or "
			 "'isopod plan' shows what it has."),
		      POD_RETRY_OTHER_FIRMWARE);
	else if (status == POD_E_CORRUPT || status == POD_E_FORMAT || status == POD_E_RANGE)
		blame(m, POD_HAZARD_IMAGE, "damaged-image", COPY_AGAIN, POD_RETRY_AFTER_COPY);
	else
		blame(m, POD_HAZARD_IMAGE, "start-failed", COPY_AGAIN, POD_RETRY_SAME);
}

static void loader_returned(struct maker *m, uint32_t arg)
{
	uint32_t code = arg & 0xffff;
	if (!(arg >> 31) || code == EFI_ABORTED) {
		end(m, POD_OUTCOME_FINISHED, say(N_("The program ended by itself, and the menu came back.")));
		m->v->id = "finished";
		return;
	}
	end(m, POD_OUTCOME_FAILED, say_u(N_("The image's loader gave up with the firmware's error %u."), code));
	tell_message(m);
	tell_reads(m);
	if (find_cause(m))
		return;
	if (code == EFI_OUT_OF_RESOURCES)
		blame(m, POD_HAZARD_MEMORY, "memory", MORE_MEMORY, POD_RETRY_NONE);
	else if (code == EFI_NO_MEDIA || code == EFI_MEDIA_CHANGED)
		blame(m, POD_HAZARD_DRIVE, "stick-pulled", OTHER_PORT, POD_RETRY_OTHER_PORT);
	else if (code == EFI_SECURITY || (code == EFI_DENIED && m->b->has_machine && m->b->machine.secure_boot == POD_SB_ON))
		blame(m, POD_HAZARD_FIRMWARE, "secure-boot",
		      N_("Secure Boot refused the loader: switch it off in the firmware's setup, or use an image that is "
			 "signed."),
		      POD_RETRY_NONE);
	else
		blame(m, POD_HAZARD_IMAGE, "loader-returned",
		      N_("The loader says why on the screen, if at all; compare the image with its publisher's checksum, or "
			 "start it in the firmware's other mode."),
		      POD_RETRY_OTHER_FIRMWARE);
}

/* The loader or what it started; no word from Linux. */
static void never_reached(struct maker *m)
{
	end(m, POD_OUTCOME_STOPPED, say(N_("The kernel was started, but the system did not reach the stick.")));
	tell_reads(m);
	if (find_cause(m))
		return;
	if (memory_is_tight(m)) {
		evidence(m, say_u(N_("The machine has %u MiB of memory; this kernel and its initrd want more."),
				  (uint32_t)(m->b->machine.memory_bytes >> 20)));
		blame(m, POD_HAZARD_MEMORY, "memory", MORE_MEMORY, POD_RETRY_NONE);
		return;
	}
	evidence(m, say(N_("Its first program never reported: the kernel stopped before, or it has no driver for the stick's "
			   "port.")));
	if (m->f->usb_storage == POD_NO)
		evidence(m, say(N_("The image's initrd has no driver for USB storage (usb-storage).")));
	if (m->f->usb_storage == POD_YES)
		evidence(m, say(N_("The image's initrd has a driver for USB storage (usb-storage).")));
	blame(m, POD_HAZARD_DRIVER, "never-reached-stick",
	      N_("Put the stick into another port (USB 2, without a hub), or use an image whose initrd has drivers for this "
		 "machine; "
		 "'isopod doctor' names what is missing. Without 'quiet' the kernel shows where it stops."),
	      POD_RETRY_OTHER_PORT);
}

/* Without a word from firmware (BIOS) that it was left: the boot manager reads boot.wim to its end and starts Windows from there. */
static bool wim_read(const struct maker *m)
{
	const struct pod_where *w = m->f->last;
	return w && w->kind == POD_WHERE_FILE && pod_ends_with_nocase(w->path, ".wim") &&
	       w->length_bytes - w->offset_bytes <= LEFT_OF_INITRD;
}

/* Windows' kernel, or what is in it. */
static void helper_silent(struct maker *m)
{
	end(m, POD_OUTCOME_STOPPED, say(N_("Windows was started, but nothing was heard from inside it.")));
	tell_reads(m);
	if (find_cause(m))
		return;
	evidence(
		m,
		say(N_("Either Windows stopped, with a code on the screen, or it did not see the stick; then a window of Isopod's "
		       "said so, and named the controller that has no driver.")));
	m->v->stop_codes = true;
	blame(m, POD_HAZARD_DRIVER, "helper-not-reached",
	      N_("If Windows came up with its files, all is well. With a code on the screen: look it up below. Without one: put the stick into another port (USB 2, without a hub), or "
		 "add the driver of the machine's USB controller."),
	      POD_RETRY_OTHER_PORT);
}

static void taken_over(struct maker *m, const char *message)
{
	end(m, POD_OUTCOME_TAKEN_OVER, say(message));
	m->v->id = "taken-over";
	tell_reads(m);
}

/* The loader was started and neither came back nor, as far as is known, started a kernel. */
static void in_loader(struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	bool reading = p->flags & POD_REC_P_READING, timer = p->flags & POD_REC_P_TIMER;
	uint32_t quiet = since_last_read_ms(m);
	if (!m->handover && !p->errors && !reading && !(is_truncated(m) && p->outside)) {
		taken_over(m, N_("The image's own program took over; what it did is not known."));
		if (timer)
			evidence(m, say_u(N_("Last seen %u seconds after its last read."), quiet / 1000));
		return;
	}
	if (reading)
		end(m, POD_OUTCOME_STOPPED, say(N_("The last thing recorded is a read that never finished.")));
	else if (timer && quiet >= LOADER_QUIET_MS)
		end(m, POD_OUTCOME_STOPPED,
		    say_u(N_("The image's loader was running and had read nothing for %u seconds; no kernel was started."),
			  quiet / 1000));
	else
		end(m, POD_OUTCOME_STOPPED, say(N_("The image's loader was running; no kernel is known to have started.")));
	tell_reads(m);
	if (find_cause(m))
		return;
	if (reading)
		blame(m, POD_HAZARD_DRIVE, "read-hang", OTHER_PORT, POD_RETRY_OTHER_PORT);
	else if (timer && quiet >= LOADER_QUIET_MS)
		blame(m, POD_HAZARD_IMAGE, "loader-hang",
		      N_("If its own menu was waiting, all is well. Otherwise the loader hangs: start the image in the "
			 "firmware's other mode, or compare it with its publisher's checksum."),
		      POD_RETRY_OTHER_FIRMWARE);
	else
		blame(m, POD_HAZARD_DRIVE, "stopped-while-reading",
		      N_("If the machine was switched off, all is well. Otherwise the stick was pulled out, its port failed, or "
			 "the loader hangs: try another port, then the firmware's other mode."),
		      POD_RETRY_OTHER_PORT);
}

static void without_linux(struct maker *m)
{
	const struct pod_stage_event *e;
	if ((e = menu_stage(m, POD_STAGE_START_FAILED)) != NULL) {
		start_failed(m, e->arg);
	} else if ((e = menu_stage(m, POD_STAGE_PLANNED)) != NULL && e->arg != POD_OK) {
		start_failed(m, e->arg);
	} else if ((e = menu_stage(m, POD_STAGE_LOADER_RETURNED)) != NULL) {
		loader_returned(m, e->arg);
	} else if (!menu_stage(m, POD_STAGE_CHOSEN)) {
		end(m, POD_OUTCOME_NOTHING_CHOSEN, say(N_("Nothing was chosen from the menu.")));
		m->v->id = "nothing-chosen";
	} else if (menu_stage(m, POD_STAGE_EXIT_BOOT_SERVICES)) {
		if (m->handover)
			never_reached(m);
		else if (m->helper)
			helper_silent(m);
		else
			taken_over(m, N_("A system took over from the firmware; what it did after that is not known."));
	} else if (menu_stage(m, POD_STAGE_LOADER_STARTED)) {
		if (m->handover && !m->b->progress.errors && initrd_read(m))
			never_reached(m);
		else if (m->helper && !m->b->progress.errors && wim_read(m))
			helper_silent(m);
		else
			in_loader(m);
	} else {
		end(m, POD_OUTCOME_STOPPED, say(N_("The boot manager was still preparing the image.")));
		tell_message(m);
		tell_reads(m);
		if (!find_cause(m))
			blame(m, POD_HAZARD_DRIVE, "stopped-in-menu", OTHER_PORT, POD_RETRY_SAME);
	}
}

/* It may have been enough for what ran; it is not whole all the same. */
static void hint_truncated(struct maker *m)
{
	if (m->v->outcome == POD_OUTCOME_TAKEN_OVER && !m->v->hazard && is_truncated(m))
		(void)find_cause(m);
}

static void hint_slow(struct maker *m)
{
	const struct pod_rec_progress *p = &m->b->progress;
	uint32_t kbit = m->b->has_linux ? m->b->linux_.usb_kbit : 0;
	bool slow_firmware = m->b->has_progress && p->bytes >= SLOW_LEAST_BYTES && p->read_ms > 10000 &&
			     p->bytes < (uint64_t)p->read_ms * SLOW_BYTES_PER_MS;
	if (m->v->hazard || !((kbit && kbit <= SLOW_USB_KBIT) || slow_firmware))
		return;
	m->v->hazard = POD_HAZARD_DRIVE;
	m->v->id = "slow-stick";
	if (kbit && kbit <= SLOW_USB_KBIT)
		evidence(m, say_u(N_("The stick ran at USB 1 speed (%u Mbit/s)."), kbit / 1000));
	if (slow_firmware)
		evidence(m, say_u(N_("The firmware read %u KiB a second from it."),
				  (uint32_t)((uint64_t)read_rate(p) * 1000 >> 10)));
	m->v->remedy = say(N_("Put the stick into a faster port (USB 3, without a hub or an extension)."));
}

/* Not only looked into. */
static bool stays_mounted(const struct maker *m)
{
	return linux_stage(m, POD_STAGE_MEDIUM_MOUNTED) && m->b->linux_.mount[0];
}

static void gave_up(struct maker *m)
{
	bool mounted = stays_mounted(m);
	bool looked = !mounted && linux_stage(m, POD_STAGE_MEDIUM_MOUNTED);
	end(m, POD_OUTCOME_FAILED,
	    say(looked ? N_("The system looked into the image, did not find there what it looks for, and opened a rescue shell.")
		: mounted ? N_("The system mounted its medium, but could not go on, and opened a rescue shell.")
			  : N_("The system did not find its medium, and opened a rescue shell.")));
	tell_linux(m);
	tell_log(m);
	if (find_cause(m))
		return;
	if (mounted)
		blame(m, POD_HAZARD_IMAGE, "root-not-found",
		      N_("What the kernel arguments name as the root file system is missing in the image or damaged: copy the "
			 "image again, and leave its kernel arguments as they are."),
		      POD_RETRY_AFTER_COPY);
	else
		blame(m, POD_HAZARD_IMAGE, "medium-not-found",
		      N_("The medium's label or file does not fit what the kernel arguments look for, or it is not the whole "
			 "image: leave its arguments as they are, and compare the image with its publisher's checksum."),
		      POD_RETRY_AFTER_COPY);
}

static void not_shown(struct maker *m)
{
	end(m, POD_OUTCOME_FAILED, say(N_("The system saw the stick, but the image could not be shown to it as a device.")));
	tell_log(m);
	if (find_cause(m))
		return;
	if (m->b->has_image && (m->b->image.flags & POD_REC_I_FRAGMENTED))
		blame(m, POD_HAZARD_DRIVE, "fragmented-image",
		      N_("The image lies on the stick in pieces, and this system cannot put them together: remove it and add "
			 "it again with 'isopod add'."),
		      POD_RETRY_AFTER_COPY);
	else
		blame(m, POD_HAZARD_DRIVER, "not-shown",
		      N_("Another program held the stick's partition, or the kernel lacks what is needed; the saved log says "
			 "which."),
		      POD_RETRY_SAME);
}

/* An installer's medium stays mounted while it works; live systems mount theirs elsewhere, or change their root soon. */
static bool is_installers_mount(const struct pod_rec_linux *l)
{
	return pod_streq(l->mount, "/cdrom") || pod_streq(l->mount, "/hd-media");
}

static void with_linux(struct maker *m)
{
	const struct pod_rec_linux *l = &m->b->linux_;
	if (linux_stage(m, POD_STAGE_ROOT_SWITCHED)) {
		end(m, POD_OUTCOME_FINISHED, say(N_("The system started from the image.")));
		m->v->id = "finished";
		tell_linux(m);
	} else if (linux_stage(m, POD_STAGE_RESCUE_SHELL)) {
		gave_up(m);
	} else if (linux_stage(m, POD_STAGE_NOT_SHOWN)) {
		not_shown(m);
	} else if (!linux_stage(m, POD_STAGE_SHOWN)) {
		end(m, POD_OUTCOME_STOPPED, say(N_("The system found the stick; nothing was recorded after that.")));
		tell_log(m);
		if (!find_cause(m))
			blame(m, POD_HAZARD_DRIVE, "stopped-at-stick", OTHER_PORT, POD_RETRY_OTHER_PORT);
	} else if (stays_mounted(m) && !is_installers_mount(l)) {
		end(m, POD_OUTCOME_STOPPED, say(N_("The system mounted its medium, but never started what is on it.")));
		tell_linux(m);
		tell_log(m);
		if (!find_cause(m))
			blame(m, POD_HAZARD_IMAGE, "root-not-switched",
			      N_("If the machine was switched off, all is well. Otherwise compare the image with its publisher's "
				 "checksum, and start it without 'quiet' to see where it stops."),
			      POD_RETRY_AFTER_COPY);
	} else if (m->has_log && m->log.hazard && !pod_streq(m->log.id, "slow-stick")) {
		end(m, POD_OUTCOME_STOPPED,
		    say(N_("The system saw the image, but something failed before the image was mounted.")));
		tell_linux(m);
		tell_log(m);
		if (!find_cause(m))
			blame(m, m->log.hazard, m->log.id, OTHER_PORT, POD_RETRY_OTHER_PORT);
	} else {
		taken_over(m, N_("The system runs from its initrd, as installers do, and can read the image."));
		m->v->evidence_count = 0;
		tell_linux(m);
	}
}

/* --- Windows PE --------------------------------------------------------------------------------------------------------- */

static const struct pod_stage_event *windows_stage(const struct maker *m, enum pod_stage s)
{
	return pod_stages_find(&m->b->windows.stages, s);
}

static void tell_windows(struct maker *m)
{
	const struct pod_rec_windows *w = &m->b->windows;
	const struct pod_stage_event *e = windows_stage(m, POD_STAGE_VOLUME_FOUND);
	if (e)
		evidence(m, say_u(N_("Windows saw the stick %u seconds after its first program started."), e->ms / 1000));
	if (windows_stage(m, POD_STAGE_VOLUME_MISSING))
		evidence(m, say(N_("Its own program had been started without it by then.")));
	if (w->controller[0])
		evidence(m, say_s(N_("This controller had no driver: %s"), w->controller));
	if (w->drivers_failed)
		evidence(m, say_u(N_("Drivers that did not load: %u."), w->drivers_failed));
	if (windows_stage(m, POD_STAGE_ISO_ATTACHED)) {
		m->v->line[0] = w->letter; /* `line` is zeros, and there is no kernel log */
		evidence(m, w->letter ? say_s(N_("The image is drive %s: there."), m->v->line)
				      : say(N_("The image is attached, but has no drive letter.")));
	}
}

static void windows_failed(struct maker *m, const char *headline, uint32_t code)
{
	end(m, POD_OUTCOME_FAILED, say(headline));
	tell_windows(m);
	char *text = m->v->line + LETTER_LEN;
	(void)pod_snprintf(text, sizeof m->v->line - LETTER_LEN, "0x%08x", (unsigned)code);
	evidence(m, say_s(N_("Windows' error code: %s."), text));
}

static void not_attached(struct maker *m, uint32_t code)
{
	windows_failed(m, N_("Windows PE found the stick, but could not make the image a CD drive."), code);
	if (find_cause(m))
		return;
	if (code == WINDOWS_NO_MODULE || code == WINDOWS_NO_PROVIDER)
		blame(m, POD_HAZARD_DRIVER, "no-iso-provider",
		      N_("This Windows cannot attach ISO files: Windows 7 and older cannot. Take a medium of Windows 8 or later, or "
			 "write this one to a stick of its own."),
		      POD_RETRY_NONE);
	else if (code == WINDOWS_UNKNOWN_VOLUME)
		blame(m, POD_HAZARD_DRIVER, "volume-unreadable",
		      N_("This Windows has no driver for the stick's filesystem: make the stick anew with NTFS ('isopod create --fs "
			 "ntfs')."),
		      POD_RETRY_NONE);
	else
		blame(m, POD_HAZARD_IMAGE, "iso-not-attached", COPY_AGAIN, POD_RETRY_AFTER_COPY);
}

static void with_windows(struct maker *m)
{
	const struct pod_stage_event *e;
	if ((e = windows_stage(m, POD_STAGE_PROGRAM_FAILED)) != NULL) {
		windows_failed(m, N_("The program that Windows PE starts with could not be started."), e->arg);
		if (!find_cause(m))
			blame(m, POD_HAZARD_IMAGE, "program-failed", COPY_AGAIN, POD_RETRY_AFTER_COPY);
	} else if ((e = windows_stage(m, POD_STAGE_ISO_NOT_ATTACHED)) != NULL) {
		not_attached(m, e->arg);
	} else if (windows_stage(m, POD_STAGE_HANDED_OVER)) {
		end(m, POD_OUTCOME_FINISHED, say(N_("Windows PE started, and has what is on the stick.")));
		m->v->id = "finished";
		tell_windows(m);
	} else {
		end(m, POD_OUTCOME_STOPPED,
		    say(N_("Windows PE found the stick; its own program was not started, as far as is known.")));
		tell_windows(m);
		if (!find_cause(m))
			blame(m, POD_HAZARD_DRIVE, "stopped-in-helper", OTHER_PORT, POD_RETRY_OTHER_PORT);
	}
}

void pod_verdict_make(const struct pod_rec_boot *b, const struct pod_verdict_facts *f, struct pod_verdict *v)
{
	static const struct pod_verdict_facts none;
	struct maker m = {.b = b, .f = f ? f : &none, .v = v};
	memset(v, 0, sizeof *v);
	v->id = "taken-over";
	m.handover = b->has_image && (b->image.flags & POD_REC_I_HANDOVER) && !(b->image.flags & POD_REC_I_SHIM_MISSING);
	m.helper = b->has_image && (b->image.flags & POD_REC_I_HELPER);
	m.has_log = m.f->log_len && pod_klog_classify(m.f->log, m.f->log_len, &m.log);
	if (b->has_linux)
		with_linux(&m);
	else if (b->has_windows)
		with_windows(&m);
	else if (b->has_progress)
		without_linux(&m);
	else
		end(&m, POD_OUTCOME_NOTHING_CHOSEN, say(N_("Little was recorded of this start.")));
	if (!b->has_linux && !b->has_windows && !b->has_progress)
		v->id = "nothing-chosen";
	hint_truncated(&m);
	hint_slow(&m);
	if (m.f->image_changed)
		evidence(&m, say(N_("Another file has the image's name by now; what is said about files may not fit.")));
}
