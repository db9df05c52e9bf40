# SPDX-License-Identifier: BSD-2-Clause
"""Partition mode: a system that looks for its label on the partitions that its kernel sees, and the stick's table before, meanwhile, after."""

import json
import subprocess

from vm import BootError

NOTE = "partition table is as it was"
MARKER = r"(?s)heron, read from its own volume in partition 3.*heron: b1a77892b79ba66b is the sum.*heron waits"
NOT_FOUND = "heron found no partition with its label"
GAP = 2016 * 512  # what lies behind it, of a GPT another entry array, stays


def add_partition(env, path):
    add_rule(env, path, "heron*")


def add_rule(env, path, names):
    """An isopod.conf by which these (patterns) start as partitions."""
    env.add_conf(path, "partition = %s\n" % names)


def head(path):
    with open(path, "rb") as f:
        return f.read(GAP)


def numbers(path):
    table = json.loads(subprocess.run(["/usr/sbin/sfdisk", "--json", path], check=True, capture_output=True).stdout)["partitiontable"]
    return sorted(int(p["node"][len(path):]) for p in table["partitions"])


def put_back(vm, env, case):
    """While the system runs the table names its image; the next start of the menu puts every sector back."""
    before, meanwhile = head(env.stick(case.stick)), head(vm.image)
    sector = 512 if "gpt" in case.stick else 0
    if before[:sector] + before[sector + 512:] != meanwhile[:sector] + meanwhile[sector + 512:] or before == meanwhile:
        raise BootError("another sector than that of the table was written, or none")
    if numbers(vm.image) != [2, 3]:
        raise BootError("partitions meanwhile: %s" % numbers(vm.image))
    vm.mark()
    vm.qmp("system_reset")
    vm.wait(NOTE, 120)
    if head(vm.image) != before:
        raise BootError("the table was not put back")


def add_to(case):
    for name, firmware, stick in (("bios-partition", "bios", "partition"), ("uefi-partition", "uefi", "partition"),
                                  ("bios-partition-gpt", "bios", "partition-gpt"), ("uefi-partition-gpt", "uefi", "partition-gpt")):
        case(name, firmware, stick, "heron", marker=MARKER, timeout=240, after=put_back, writes=True, wrong="efionly" if firmware != "bios" else "floppy",
             group="long", touches="array" if "gpt" in stick else "")
