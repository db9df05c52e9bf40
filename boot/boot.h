/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot manager needs from a firmware. boot/efi and boot/bios each fill one `struct pod_fw` and call
 * pod_boot_main() (boot/menu), which scans the stick, shows the menu, plans, and calls fw->start.
 */
#ifndef POD_BOOT_BOOT_H
#define POD_BOOT_BOOT_H

#include "core/plan/plan.h"
#include "core/rules/conf.h"
#include "core/disk/parttab.h"
#include "core/trace/recorder.h"

/* Keys: Unicode code points, or these (above Unicode). */
enum pod_key {
	POD_KEY_NONE = 0,
	POD_KEY_BACKSPACE = 8,
	POD_KEY_TAB = 9,
	POD_KEY_ENTER = 13,
	POD_KEY_ESC = 27,
	POD_KEY_UP = 0x110000,
	POD_KEY_DOWN,
	POD_KEY_LEFT,
	POD_KEY_RIGHT,
	POD_KEY_PGUP,
	POD_KEY_PGDN,
	POD_KEY_HOME,
	POD_KEY_END,
	POD_KEY_DEL,
	POD_KEY_F1,
	POD_KEY_F2,
	POD_KEY_F3,
	POD_KEY_F4,
	POD_KEY_F5,
	POD_KEY_F6,
	POD_KEY_F7,
	POD_KEY_F8,
	POD_KEY_F9,
	POD_KEY_F10,
	POD_KEY_F11,
	POD_KEY_F12,
};
/* Ctrl and a capital letter, as keyboards and terminals send it. */
#define POD_KEY_CTRL(letter) ((uint32_t)((letter) - 'A' + 1))

/* A linear frame buffer, 32 bits a pixel. */
struct pod_fb {
	uint8_t *base;
	uint32_t width, height, pitch_bytes;
	bool bgr; /* true: byte order B,G,R,x (the usual); false: R,G,B,x */
};

/* A system that this machine has without the stick. */
struct pod_own {
	char name[96];
	uint32_t id; /* the port's */
};
#define POD_OWN_MAX 16u

struct pod_fw {
	const char *name;      /* "UEFI x64", "BIOS" */
	uint32_t firmware_bit; /* POD_FW_* of this build */
	struct pod_alloc *alloc;
	struct pod_dev *disk; /* the whole stick; reads at any alignment; writes for the state file if the stick allows */
	/* The same stick through buffers of its own: it may be used while `disk` is. NULL: use `disk`. */
	struct pod_dev *state_disk;
	void *ctx;
	enum pod_conf_language language; /* the menu's; what the port says is in it, too */

	/* Console. fb.base == NULL: no graphics, text_* is used. */
	struct pod_fb fb;
	uint32_t text_cols, text_rows; /* of the text console; 0 = none at all */
	/* Draws one cell of the text console: cp is a Unicode code point the port maps as well as it can; attr as VGA. */
	void (*text_put)(struct pod_fw *fw, uint32_t col, uint32_t row, uint32_t cp, uint8_t attr);
	/* Is this code point in the text console's font? NULL: all are. */
	bool (*text_has)(struct pod_fw *fw, uint32_t cp);
	/* First serial port; NULL if there is none. */
	void (*serial_write)(struct pod_fw *fw, const char *s, size_t len);
	/* Next byte from the serial port if the port delivers raw bytes, or -1. May be NULL (keys come through get_key). */
	int (*serial_read)(struct pod_fw *fw);
	/* Next key of the firmware's keyboard (enum pod_key or a code point), or POD_KEY_NONE at once. */
	uint32_t (*get_key)(struct pod_fw *fw);
	bool terminal_keys; /* what is typed at a terminal comes this way, too */
	/* Milliseconds since some start; monotonic, never trapped at midnight. */
	uint64_t (*millis)(struct pod_fw *fw);
	/* Sleeps the processor for a few milliseconds or until a key may be there. */
	void (*idle)(struct pod_fw *fw);

	/* Starts a planned image. Does not return if the loader takes over (BIOS). Returns POD_OK when a loader came back by
	 * itself (UEFI), and fills msg (a sentence, or "") with what happened either way. The port restores the console
	 * before returning. */
	enum pod_status (*start)(struct pod_fw *fw, struct pod_plan *plan, const char *path, char *msg, size_t msg_size);
	/* What the machine's own disks start with; how many there are. Starts one of them; otherwise as `start`. */
	size_t (*own_list)(struct pod_fw *fw, struct pod_own own[POD_OWN_MAX]);
	enum pod_status (*own_start)(struct pod_fw *fw, uint32_t id, char *msg, size_t msg_size);
	void (*reboot)(struct pod_fw *fw);
	void (*power_off)(struct pod_fw *fw);	   /* NULL if not possible */
	void (*firmware_setup)(struct pod_fw *fw); /* NULL if not possible */
	/* pod_plan_wants_2023 with this machine's variables; false without Secure Boot. NULL: a BIOS. */
	bool (*wants_2023)(struct pod_fw *fw);
	/* pod_plan_judge_loader with the same; it does nothing without Secure Boot, or where somebody else than the firmware judges. NULL: a BIOS. */
	void (*judge_loader)(struct pod_fw *fw, struct pod_plan *plan, const char *name);
	const struct pod_uki_ops *ukis; /* of the plan's request; NULL: a BIOS, which starts none */
	bool secure_boot;		/* signatures are enforced */
	bool judges_loaders;		/* judge_loader knows who is trusted here, and so may say something */
	uint64_t memory_bytes;		/* usable, for the details page; 0 unknown */
	/* Memory in one piece that the system which is started leaves alone, for an image that is served from there: plan->map is then lent this
	 * (pod_map_lend). NULL: there is none so large, *largest is what could be had. */
	uint8_t *(*take_memory)(struct pod_fw *fw, uint64_t size, uint64_t *largest);
	void (*give_memory_back)(struct pod_fw *fw, uint8_t *p, uint64_t size);

	/* The flight recorder. The port tells what the machine is (NULL: nothing), and while an image runs it feeds the recorder,
	 * if the menu left one here, with the reads of the virtual disk. */
	void (*describe)(struct pod_fw *fw, struct pod_rec_machine *m);
	struct pod_recorder *recorder;
	uint64_t state_start_bytes; /* where its file lies on the disk */
	uint64_t started_ms;	    /* what millis said when the menu began */
};

/* Milliseconds since the boot manager started, for the recorder. */
static inline uint32_t pod_fw_ms(struct pod_fw *fw)
{
	return (uint32_t)(fw->millis(fw) - fw->started_ms);
}

/* Runs the boot manager. Returns only if the user asked to leave (UEFI: back to the firmware). */
void pod_boot_main(struct pod_fw *fw);

#endif
