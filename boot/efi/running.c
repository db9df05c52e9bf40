/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the flight recorder notes while a loader runs.
 *
 * A timer at TPL_CALLBACK, where Block I/O may still be used (UEFI 2.10 clause 7.1, table of TPL restrictions), writes what
 * reading has done since, and what the loader printed (listen.c), so that after a hang the record is right.
 *
 * The end of boot services is noted in front of ExitBootServices() itself. Its own event group is too late: the functions
 * notified then may neither use timers nor change the memory map (clause 7.1.1), which a USB driver does; and the earlier event
 * group, EFI_EVENT_GROUP_BEFORE_EXIT_BOOT_SERVICES, came with UEFI 2.9, so most machines never signal it. The call in the table
 * of boot services is replaced while the loader runs, as boot loaders do themselves. Should the write change the memory map, the
 * loader's key is stale and it gets EFI_INVALID_PARAMETER, after which it has to fetch the map and call again (clause 7.4.6); by
 * then nothing of ours is in the way.
 */
#include "boot/efi/efi.h"

#define TICK_100NS 10000000u

/* ExitBootServices() has no argument that could lead here. */
static struct {
	struct pod_efi *e;
	EFI_EVENT timer;
	EFI_STATUS (*exit_before)(EFI_HANDLE, UINTN);
} running;

static EFI_STATUS exit_boot_services(EFI_HANDLE ImageHandle, UINTN MapKey);

static void set_exit(EFI_BOOT_SERVICES *bs, EFI_STATUS (*fn)(EFI_HANDLE, UINTN))
{
	bs->ExitBootServices = fn;
	pod_efi_seal(bs);
}

static void unhook(EFI_BOOT_SERVICES *bs)
{
	/* If somebody hooked on top of us and forgot to leave, the call goes on through us. */
	if (bs->ExitBootServices == exit_boot_services)
		set_exit(bs, running.exit_before);
}

static EFI_STATUS exit_boot_services(EFI_HANDLE ImageHandle, UINTN MapKey)
{
	struct pod_efi *e = running.e;

	if (e) {
		EFI_TPL tpl = e->bs->RaiseTPL(TPL_HIGH_LEVEL);

		e->bs->RestoreTPL(tpl);
		running.e = NULL;
		unhook(e->bs);
		pod_efi_listen_end();
		if (running.timer)
			(void)e->bs->SetTimer(running.timer, TimerCancel, 0);
		if (tpl <= TPL_CALLBACK && e->fw.recorder) {
			tpl = e->bs->RaiseTPL(TPL_CALLBACK);
			pod_recorder_screen(e->fw.recorder, pod_efi_listen_screen(), pod_fw_ms(&e->fw), true);
			pod_recorder_stage(e->fw.recorder, POD_STAGE_EXIT_BOOT_SERVICES, pod_fw_ms(&e->fw), 0);
			e->bs->RestoreTPL(tpl);
		}
	}
	return running.exit_before(ImageHandle, MapKey);
}

static void tick(EFI_EVENT event, void *context)
{
	struct pod_efi *e = context;

	(void)event;
	if (!e->fw.recorder)
		return;
	pod_recorder_tick(e->fw.recorder, pod_fw_ms(&e->fw));
	pod_recorder_screen(e->fw.recorder, pod_efi_listen_screen(), pod_fw_ms(&e->fw), false);
}

void pod_efi_record_begin(struct pod_efi *e, bool from_memory)
{
	if (!e->fw.recorder || !e->fw.recorder->state || !e->fw.state_disk)
		return;
	pod_recorder_stage(e->fw.recorder, POD_STAGE_LOADER_STARTED, pod_fw_ms(&e->fw), from_memory ? POD_REC_FROM_MEMORY : 0);
	if (from_memory)
		return; /* the stick is not touched again */
	running.e = e;
	running.timer = NULL;
	pod_efi_listen_begin(e);
	if (EFI_ERROR(e->bs->CreateEvent(EVT_TIMER | EVT_NOTIFY_SIGNAL, TPL_CALLBACK, tick, e, &running.timer)))
		running.timer = NULL;
	else
		(void)e->bs->SetTimer(running.timer, TimerPeriodic, TICK_100NS);
	if (e->bs->ExitBootServices != exit_boot_services) {
		running.exit_before = e->bs->ExitBootServices;
		set_exit(e->bs, exit_boot_services);
	}
}

void pod_efi_record_end(struct pod_efi *e, EFI_STATUS st)
{
	uint32_t arg = (uint32_t)(st & 0xffff) | (EFI_ERROR(st) ? 1u << 31 : 0);

	if (running.timer)
		(void)e->bs->CloseEvent(running.timer);
	running.timer = NULL;
	running.e = NULL;
	if (running.exit_before)
		unhook(e->bs);
	pod_efi_listen_end();
	if (!e->fw.recorder)
		return;
	pod_recorder_screen(e->fw.recorder, pod_efi_listen_screen(), pod_fw_ms(&e->fw), true);
	pod_recorder_stage(e->fw.recorder, POD_STAGE_LOADER_RETURNED, pod_fw_ms(&e->fw), arg);
}
