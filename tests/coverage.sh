#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# coverage.sh FOLDER PROGRAM...: what unit tests and the replay of the fuzz targets' seeds run through. FOLDER/build holds them,
# compiled with COVERAGE (make coverage); a table per room goes to standard output, HTML to FOLDER/index.html. It measures, and fails only if a test does.
set -e
out=$1
shift
rm -rf "$out/raw"
mkdir -p "$out/raw"
export LLVM_PROFILE_FILE="$out/raw/%m.profraw" # one file per program; runs are added up
failed=0
for program in "$@"; do
	case $program in
	*/unit/*) "$program" >"$out/log" 2>&1 || {
		tail -n 40 "$out/log"
		failed=1
	} ;;
	esac
done
B=$out/build FUZZ_RUNS=0 tests/fuzz/run.sh || failed=1
llvm-profdata merge -o "$out/profile" "$out"/raw/*.profraw
first=$1
objects=
for program in "$@"; do
	objects="$objects -object $program"
done
# Tests themselves do not count.
# shellcheck disable=SC2086
llvm-cov show "$first" $objects -instr-profile "$out/profile" -ignore-filename-regex '(^|/)tests/' -format html -output-dir "$out" >"$out/log" 2>&1
# shellcheck disable=SC2086
llvm-cov export "$first" $objects -instr-profile "$out/profile" -ignore-filename-regex '(^|/)tests/' -summary-only 2>>"$out/log" | /usr/bin/python3 -c '
import collections, json, os, sys
rooms = collections.defaultdict(lambda: collections.Counter())
for f in json.load(sys.stdin)["data"][0]["files"]:
    name = os.path.relpath(f["filename"])
    for room in (os.path.dirname(name), "all"):
        for kind in ("functions", "lines", "branches"):
            rooms[room][kind] += f["summary"][kind]["covered"]
            rooms[room]["all " + kind] += f["summary"][kind]["count"]
print("%-16s %16s %18s %18s" % ("", "functions", "lines", "branches"))
for room in sorted(rooms, key=lambda r: (r == "all", r)):
    n = rooms[room]
    print("%-16s" % room + "".join("%7d/%-6d%s" % (n[k], n["all " + k], "%3d %%" % (100 * n[k] // n["all " + k]) if n["all " + k] else "  -  ") for k in ("functions", "lines", "branches")))
'
echo "line by line: $out/index.html"
exit "$failed"
