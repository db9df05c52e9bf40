/* SPDX-License-Identifier: BSD-2-Clause */
/* What lies on the ESP of a stick. */
#ifndef POD_CLI_ESP_H
#define POD_CLI_ESP_H

#include "cli/ui/fault.h"
#include "core/disk/dev.h"

#define CLI_ESP_FILES 12
/* Behind those that are installed: the list of what there is (cli/stick/manifest.h), and the state file, whose content is
 * not ours. */
#define CLI_ESP_MANIFEST (CLI_ESP_FILES - 2)
#define CLI_ESP_STATE	 (CLI_ESP_FILES - 1)

struct cli_esp_files {
	void *data[CLI_ESP_FILES];
	size_t len[CLI_ESP_FILES];
	int64_t time_unix; /* what is written is stamped with it */
};

/* "EFI/BOOT/BOOTX64.EFI": where it lies on the ESP. */
const char *cli_esp_path(size_t i);

/* Reads them from where they are installed; says what is missing and returns false. */
bool cli_esp_load(struct cli_esp_files *f, int64_t time_unix, struct fault *fault);
void cli_esp_free(struct cli_esp_files *f);
/* Formats `esp`, a window on the stick, and fills it. */
enum pod_status POD_MUST_USE cli_esp_create(struct pod_dev *esp, const struct cli_esp_files *f, uint32_t serial,
					    uint64_t partition_offset_bytes, struct pod_diag *diag);
/* Replaces the files that differ, each at once or not at all, and makes those that are missing. */
enum pod_status POD_MUST_USE cli_esp_update(struct pod_dev *esp, const struct cli_esp_files *f, bool *changed,
					    struct pod_diag *diag);

/* Replaces one file in ISOPOD/, at once or not at all; the others are not looked at. */
enum pod_status POD_MUST_USE cli_esp_put(struct pod_dev *esp, const char *name, const void *data, uint32_t len, int64_t time_unix,
					 struct pod_diag *diag);

#endif
