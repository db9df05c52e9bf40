#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
import pathlib
import sys
import seeds

for name, data in seeds.isos().items():
    (pathlib.Path(sys.argv[1]) / name).write_bytes(data[32768:] + seeds.CONTROL)
