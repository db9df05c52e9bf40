#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# suite.sh [OPTION...]: run.py as a suite (tests/run-suite.sh), with its table printed also when all is well.
table=$(mktemp)
trap 'rm -f "$table"' EXIT
tests/faults/run.py "$@" >"$table" 2>&1
status=$?
cat "$table"
# Its last line is the count.
tail -n 1 "$table" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/faults \1 \2 0/p' >>"${SUITE_LOG:-/dev/null}"
exit $status
