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
