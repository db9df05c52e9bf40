#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seeds of the VHD target: each structure damaged in turn, each operation."""
import disk_seeds, sys

disk_seeds.write(sys.argv[1], "vhd")
