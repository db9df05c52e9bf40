/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The persistence file beside the image, shown to be written to. Its filesystem's label tells the initramfs what it is; so it needs
 * neither a certain name nor a certain number.
 *
 *   the image a partition      a partition, too, with the first number that is free
 *   the image by device-mapper  by device-mapper, too: the partitions of a mapped disk cannot be mounted
 *   otherwise                   not at all: the data partition is in use, and what lies in it cannot be shown beside it
 */
#include "linux/attach.h"

#define NUMBER_FIRST 3u
#define NUMBER_MAX   64u

static void say_persist(const struct pod_watch *w, const char *name)
{
	char size[16];
	pod_say(POD_SAY_INFO, "%s keeps what the system changes (%s, in the file beside %s)", name,
		pod_format_size(size, w->record.persist.length_bytes), w->path);
}

void pod_persist_not_shown(const struct pod_watch *w, const char *why, long err)
{
	if (w->record.persist.length_bytes)
		pod_say(POD_SAY_ERROR, "the persistence file of %s is not shown, and nothing will be kept: %s (error %u)",
			w->path, why, (unsigned)-err);
}

uint32_t pod_persist_partition(const struct pod_watch *w, const struct pod_disk *disk, int fd)
{
	const struct pod_ho_run *run = &w->record.persist;
	uint32_t number = NUMBER_FIRST;
	if (!run->length_bytes)
		return 0;
	while (number < NUMBER_MAX && (number == w->record.part_number || pod_has_partition(disk, number)))
		number++;
	long ret = pod_add_partition(fd, number, run->start_bytes, run->length_bytes);
	if (ret < 0) {
		pod_persist_not_shown(w, "the kernel did not add the partition", ret);
		return 0;
	}
	char name[80];
	size_t n = pod_strlen(disk->name);
	bool digit = n && disk->name[n - 1] >= '0' && disk->name[n - 1] <= '9';
	(void)pod_snprintf(name, sizeof name, "%s%s%u", disk->name, digit ? "p" : "", (unsigned)number);
	say_persist(w, name);
	return number;
}

void pod_persist_mapped(const struct pod_watch *w, const struct pod_disk *disk)
{
	struct pod_shown shown;
	struct pod_try t = {"", 0, false};
	if (!w->record.persist.length_bytes)
		return;
	if (pod_dm_show_persist(w, disk, &shown, &t))
		say_persist(w, shown.name);
	else
		pod_persist_not_shown(w, t.why, t.err);
}
