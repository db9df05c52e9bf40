#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
exec "${B:-build}/fuzz/udf-seed" "$1"
