#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Rooms of the command that keep nothing between two calls: their objects have no data that can be written to. (.data.rel.ro is
# written by the loader alone.) A room that has none left joins the list.
B="${B:-build}"
pass=0 fail=0
for source in cli/disk/*.c cli/nbd/*.c cli/host/dev.c cli/host/dev_stack.c cli/host/identity.c cli/host/tempfile.c; do
	object="$B/cli-obj/${source%.c}.o"
	found=$(objdump -h "$object" | awk '$2 ~ /^\.(data|bss)/ && $2 !~ /^\.data\.rel\.ro/ && $3 !~ /^0+$/ {print $2}')
	if [ ! -s "$object" ] || [ -n "$found" ]; then
		echo "$object: data that can be written to: $found"
		fail=$((fail + 1))
	else
		pass=$((pass + 1))
	fi
done
echo "$pass passed, $fail failed"
[ "$fail" -eq 0 ]
