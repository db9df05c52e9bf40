/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of hazards, outcomes, stages; see verdict.h. */
#include "core/trace/verdict.h"

#define N_(s) (s)

const char *pod_hazard_text(enum pod_hazard hazard)
{
	static const char *const text[] = {
		[POD_HAZARD_NONE] = "",
		[POD_HAZARD_IMAGE] = N_("the image is damaged or does not follow its format"),
		[POD_HAZARD_DRIVER] = N_("a driver that is needed to start is missing"),
		[POD_HAZARD_RULES] = N_("the configuration contradicts itself"),
		[POD_HAZARD_MEMORY] = N_("memory: too little, or in too small pieces"),
		[POD_HAZARD_FIRMWARE] = N_("the firmware or its settings"),
		[POD_HAZARD_DRIVE] = N_("the drive: slow, failing or unplugged"),
	};
	return (unsigned)hazard < POD_ARRAY_LEN(text) ? text[hazard] : "";
}

const char *pod_retry_text(enum pod_retry r)
{
	static const char *const text[POD_RETRY_COUNT] = {
		[POD_RETRY_NONE] = "",
		[POD_RETRY_SAME] = N_("Start it once more."),
		[POD_RETRY_OTHER_PORT] = N_("Start it once more with the stick in another port."),
		[POD_RETRY_OTHER_FIRMWARE] = N_("Start it in the firmware's other mode (UEFI or BIOS)."),
		[POD_RETRY_AFTER_COPY] = N_("Start it again after copying the image anew."),
	};
	return (unsigned)r < POD_RETRY_COUNT ? text[r] : "";
}

const char *pod_outcome_text(enum pod_outcome o)
{
	static const char *const text[POD_OUTCOME_COUNT] = {[POD_OUTCOME_FINISHED] = "finished",
							    [POD_OUTCOME_TAKEN_OVER] = "taken-over",
							    [POD_OUTCOME_NOTHING_CHOSEN] = "nothing-chosen",
							    [POD_OUTCOME_STOPPED] = "stopped",
							    [POD_OUTCOME_FAILED] = "failed"};
	return (unsigned)o < POD_OUTCOME_COUNT ? text[o] : "";
}

/* Causes and remedies as Microsoft's "Bug Check Code Reference" and "Advanced troubleshooting for Windows boot problems" have them,
 * and as measured with Microsoft's boot manager where the source says so. */
static const struct pod_stop_code codes[] = {
	{"0x0000007B",
	 N_("INACCESSIBLE_BOOT_DEVICE: Windows' kernel has no driver for the drive it starts from. From a VHD on exFAT: it "
	    "boots from NTFS only."),
	 N_("Microsoft's documentation")},
	{"0xC000000F", N_("The boot manager does not find a file, a device or boot.sdi that its BCD names."),
	 N_("tried with Microsoft's boot manager")},
	{"0xC000014C", N_("The BCD is damaged: only a part of it was written, or copied."),
	 N_("tried with Microsoft's boot manager")},
	{"0xC0000098", N_("The BCD has no valid entry for a system: it is damaged, or made for something else."),
	 N_("Microsoft's documentation")},
	{"0xC0000225",
	 N_("The boot manager does not find what it needs, or cannot read the WIM: its compression must be LZX or XPRESS "
	    "with chunks of 32 KiB."),
	 N_("tried with Microsoft's boot manager")},
	{"0xC0000221", N_("A program that the boot manager loads is damaged: its checksum is another one than it states."),
	 N_("tried with Microsoft's boot manager")},
	{"0xC0430001", N_("Secure Boot: boot.stl is missing beside the boot manager, or older than this machine accepts."),
	 N_("Microsoft's documentation")},
	{"0x00000136", N_("VHD_BOOT_HOST_VOLUME_NOT_ENOUGH_SPACE: the volume has no room for the virtual disk at its full size."),
	 N_("Microsoft's documentation")},
	{"0x0000012F",
	 N_("VHD_BOOT_INITIALIZATION_FAILED: Windows cannot open the virtual disk it starts from: a parent is missing, or the "
	    "volume is not NTFS."),
	 N_("Microsoft's documentation")},
};

const struct pod_stop_code *pod_stop_code(unsigned i)
{
	return i < POD_ARRAY_LEN(codes) ? &codes[i] : NULL;
}

static const struct {
	uint8_t stage;
	const char *id, *text;
} stages[] = {
	{POD_STAGE_STARTED, "started", N_("the boot manager started")},
	{POD_STAGE_MENU, "menu", N_("the menu was shown")},
	{POD_STAGE_CHOSEN, "chosen", N_("an image was chosen")},
	{POD_STAGE_PLANNED, "planned", N_("its plan was made")},
	{POD_STAGE_LOADER_STARTED, "loader-started", N_("its loader was started")},
	{POD_STAGE_LOADER_RETURNED, "loader-returned", N_("the loader returned")},
	{POD_STAGE_EXIT_BOOT_SERVICES, "exit-boot-services", N_("a kernel took over from the firmware")},
	{POD_STAGE_START_FAILED, "start-failed", N_("it could not be started")},
	{POD_STAGE_SHIM_STARTED, "shim-started", N_("Linux runs its first program")},
	{POD_STAGE_INIT_EXECUTED, "init-executed", N_("the distribution's own init was started")},
	{POD_STAGE_STICK_FOUND, "stick-found", N_("the stick was found")},
	{POD_STAGE_SHOWN, "shown", N_("the image was shown as a device")},
	{POD_STAGE_MEDIUM_MOUNTED, "medium-mounted", N_("the medium was mounted")},
	{POD_STAGE_ROOT_SWITCHED, "root-switched", N_("the live system took over")},
	{POD_STAGE_NOT_SHOWN, "not-shown", N_("the image could not be shown")},
	{POD_STAGE_RESCUE_SHELL, "rescue-shell", N_("a rescue shell was opened")},
	{POD_STAGE_LOG_SAVED, "log-saved", N_("the kernel's log was saved")},
	{POD_STAGE_WATCH_ENDED, "watch-ended", N_("the recording ended")},
	{POD_STAGE_LIVES_IN_INITRD, "lives-in-initrd", N_("the system stays in its initrd")},
	{POD_STAGE_HELPER_STARTED, "helper-started", N_("Windows PE runs Isopod's helper")},
	{POD_STAGE_DRIVERS_LOADED, "drivers-loaded", N_("drivers were loaded")},
	{POD_STAGE_VOLUME_FOUND, "volume-found", N_("Windows sees the stick")},
	{POD_STAGE_ISO_ATTACHED, "iso-attached", N_("the image is a CD drive in Windows")},
	{POD_STAGE_HANDED_OVER, "handed-over", N_("Windows PE's own program was started")},
	{POD_STAGE_VOLUME_MISSING, "volume-missing", N_("Windows did not see the stick and went on without it")},
	{POD_STAGE_ISO_NOT_ATTACHED, "iso-not-attached", N_("the image could not become a CD drive")},
	{POD_STAGE_PROGRAM_FAILED, "program-failed", N_("Windows PE's own program could not be started")},
	{POD_STAGE_DRIVER_FAILED, "driver-failed", N_("a driver did not load")},
	{POD_STAGE_PROGRAM_ENDED, "program-ended", N_("Windows PE's own program ended")},
};

const char *pod_stage_id(enum pod_stage s)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(stages); i++)
		if (stages[i].stage == (uint8_t)s)
			return stages[i].id;
	return "unknown";
}

const char *pod_stage_text(enum pod_stage s)
{
	for (size_t i = 0; i < POD_ARRAY_LEN(stages); i++)
		if (stages[i].stage == (uint8_t)s)
			return stages[i].text;
	return N_("something unknown happened");
}
