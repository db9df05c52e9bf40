/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by vhd*.c. */
#ifndef POD_VHD_VHD_INT_H
#define POD_VHD_VHD_INT_H

#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/vhd/vhd.h"

/* Flushes the file. When that fails nobody knows what of the writes before it is on the disk: nothing is written to the image any
 * more. A write that fails can be done again. */
enum pod_status vhd_file_flush(struct pod_vhd *v);
/* Writes v->footer, checksum made right, at `off`. */
enum pod_status vhd_footer_at(struct pod_vhd *v, uint64_t off);
/* Takes `len` bytes, all zeros, behind the data; the footer moves behind them. */
enum pod_status vhd_extend(struct pod_vhd *v, uint64_t len, uint64_t *place);
/* Changes the table in memory; it reaches the file with the next flush. */
enum pod_status vhd_entry_set(struct pod_vhd *v, uint64_t block, uint32_t sector);

#endif
