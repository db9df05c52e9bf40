/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VESA BIOS Extension 2.0+: a linear frame buffer of 32 bits a pixel (functions 4F00h to 4F02h), 1024x768 preferred.
 *
 * Mode information block, as far as read:
 *   +0x00 2 attributes (bit 0 supported, 4 graphics, 7 linear)   +0x10 2 bytes per scan line
 *   +0x12 2 width   +0x14 2 height   +0x19 1 bits per pixel   +0x1B 1 memory model (6 direct colour)
 *   +0x20 1 position of red   +0x22 1 of green   +0x24 1 of blue   +0x28 4 address   +0x32 2 linear bytes per line (VBE 3)
 */
#include "boot/bios/bios.h"

#define INFO	  BIOS_BOUNCE
#define MODE_INFO (BIOS_BOUNCE + 0x400)
#define MODE_MAX  256u

struct mode {
	uint16_t number;
	struct pod_fb fb;
};

static bool vbe(uint32_t function, uint32_t bx, uint32_t cx, uint32_t buffer)
{
	struct bios_regs r = {.eax = function, .ebx = bx, .ecx = cx, .es = (uint16_t)(buffer >> 4), .edi = buffer & 15};
	bios_int(&r, 0x10);
	return (uint16_t)r.eax == 0x004f;
}

static bool look_at(uint16_t number, uint16_t version, struct mode *out)
{
	uint8_t *p = bios_ptr(MODE_INFO);
	memset(p, 0, 256);
	if (!vbe(0x4f01, 0, number, MODE_INFO))
		return false;
	if ((p[0] & 0x91) != 0x91 || p[0x19] != 32 || (p[0x1b] != 6 && p[0x1b] != 4) || !pod_get_le32(p + 0x28))
		return false;
	bool bgr = p[0x20] == 16 && p[0x22] == 8 && p[0x24] == 0, rgb = p[0x20] == 0 && p[0x22] == 8 && p[0x24] == 16;
	if (p[0x1b] == 6 && !bgr && !rgb)
		return false;
	uint32_t pitch = version >= 0x300 && pod_get_le16(p + 0x32) ? pod_get_le16(p + 0x32) : pod_get_le16(p + 0x10);
	*out = (struct mode){.number = number,
			     .fb = {.base = bios_ptr(pod_get_le32(p + 0x28)),
				    .width = pod_get_le16(p + 0x12),
				    .height = pod_get_le16(p + 0x14),
				    .pitch_bytes = pitch,
				    .bgr = !rgb}};
	return pitch >= out->fb.width * 4;
}

static uint32_t liking(const struct pod_fb *fb)
{
	if (fb->width == 1024 && fb->height == 768)
		return 4;
	if (fb->width == 800 && fb->height == 600)
		return 3;
	if (fb->width == 1280 && fb->height <= 1024)
		return 2;
	return fb->width >= 640 && fb->height >= 480 && fb->width <= 1920;
}

static bool graphics_mode(struct pod_fw *fw)
{
	uint8_t *info = bios_ptr(INFO);
	memset(info, 0, 512);
	memcpy(info, "VBE2", 4);
	if (!vbe(0x4f00, 0, 0, INFO) || memcmp(info, "VESA", 4) != 0 || pod_get_le16(info + 4) < 0x200)
		return false;
	uint16_t version = pod_get_le16(info + 4);
	uint32_t list = bios_far_ptr(INFO + 0x0e);
	struct mode best = {0}, m;
	for (uint32_t i = 0; i < MODE_MAX && list < 0xffff0 && bios_peek16(list) != 0xffff; i++, list += 2)
		if (look_at(bios_peek16(list), version, &m) && liking(&m.fb) > liking(&best.fb)) {
			best = m;
			if (liking(&best.fb) == 4)
				break;
		}
	if (!best.number || !vbe(0x4f02, best.number | 0x4000u, 0, MODE_INFO))
		return false;
	fw->fb = best.fb;
	return true;
}

void bios_video_init(struct pod_fw *fw)
{
	memset(&fw->fb, 0, sizeof fw->fb); /* it may be the second time */
	if (graphics_mode(fw))
		return;
	/* Text: 80 by 25, without a cursor. */
	bios_video_text();
	struct bios_regs r = {.eax = 0x0100, .ecx = 0x2000};
	bios_int(&r, 0x10);
}

void bios_video_text(void)
{
	struct bios_regs r = {.eax = 0x0003};
	bios_int(&r, 0x10);
}
