#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Seeds of the partition-table fuzzer: small disks that sfdisk partitioned, each with four control bytes behind.
set -e
dir=$1
seed() { # seed NAME BLOCKS, script on stdin
	truncate -s 0 "$dir/$1"
	truncate -s $(($2 * 512)) "$dir/$1"
	sfdisk -q --no-reread --no-tell-kernel "$dir/$1"
	printf '\0\0\0\0' >>"$dir/$1"
}
seed mbr 200 <<-END
	label: dos
	start=10, size=20, type=7, bootable
	start=40, size=8, type=ef
END
seed logical 300 <<-END
	label: dos
	start=10, size=20, type=7
	start=40, size=250, type=5
	start=44, size=20, type=83
	start=70, size=20, type=83
	start=100, size=20, type=83
END
seed gpt 200 <<-END
	label: gpt
	first-lba: 34
	start=34, size=20, type=U, name="ESP"
	start=60, size=40, name="data"
END
