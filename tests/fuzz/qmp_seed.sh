#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Answers as QEMU 7.2 gives them.
event='{"timestamp": {"seconds": 1700000000, "microseconds": 5}, "event": "RESET", "data": {"guest": true, "reason": "guest-reset"}}'
printf '{"return": {}}\r\n' >"$1/yes"
printf '%s\r\n%s\r\n{"return": {}}\r\n' "$event" "$event" >"$1/events"
printf '{"error": {"class": "GenericError", "desc": "Failed to open file"}}\r\n' >"$1/no"
printf '{"return": {' >"$1/cut"
printf '{"error": {}}\r\n{"return": {}}\r\n' >"$1/no-first"
