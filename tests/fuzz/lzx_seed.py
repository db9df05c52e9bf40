#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the LZX target."""
import codec_seeds, sys

codec_seeds.write(sys.argv[1], "LZX", 15)
