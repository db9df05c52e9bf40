#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The helper for Windows PE on all its processors, x64, ia32 and aa64: the cases of winhelper.py, the three shipped files to the byte, with
an emulated processor (win_cpu.py) and what they call of Windows in Python (win_api.py). What Wine's own code does with the x64
one is seen there; what is seen here is that the other two are the same program: calls, structures, callbacks, stacks."""
import os, re

import winhelper
from cli_common import B, check, equal, finish, workdir
from common import sbin
from win_api import Api
from win_cpu import ARCHITECTURES, Cpu, stdcall_bytes

HARDWARE = {"PCI\\VEN_8086&DEV_9A0B\\3&11&0": {"HardwareID": ("PCI\\VEN_8086&DEV_9A0B&SUBSYS_00011028", "PCI\\VEN_8086&DEV_9A0B"),
                                               "CompatibleIDs": ("PCI\\CC_010400", "PCI\\CC_0104")},
            "PCI\\VEN_8086&DEV_1533\\3&11&1": {"HardwareID": ("PCI\\VEN_8086&DEV_1533",), "Service": "e1r"}}


def registry():
    def value(v):
        return (1, (v + "\0").encode()) if isinstance(v, str) else (7, ("\0".join(v) + "\0\0").encode())  # as asked in 8 bits
    return {key: {name: value(v) for name, v in values.items()} for key, values in HARDWARE.items()}


class Case(winhelper.Case):
    def run_helper(self):
        api = Api(self, registry())
        api.cpu = Cpu(self.wine.arch, self.wine.helper, api.functions())
        status = api.cpu.run()
        self.wine.lab.update(api.lab)
        with open(self.notes, "w", encoding="utf-8") as f:
            f.write("".join(api.notes))
        return status


class Machine:
    """In the place of winhelper.Wine."""

    def __init__(self, folder, arch, stick):
        self.arch, self.stick, self.lab = arch, stick, {}
        self.folder, self.prefix = folder + "/" + arch.name, folder + "/" + arch.name
        self.helper = "%s/stick/WIN%s.EXE" % (B, arch.name.upper())
        os.makedirs(self.prefix + "/dosdevices")

    def end(self):
        pass

    def registry(self, _key, name):
        return "dword:%08x" % self.lab[name] if name in self.lab else None


def signatures():
    """What this test believes of the functions, against the lists that 32-bit Windows' names stand in."""
    functions = Api(None, {}).functions()
    for dll in ("kernel32", "advapi32"):
        with open("%s/windows/%s.def" % (os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), dll), encoding="utf-8") as f:
            for name, size in re.findall(r"^(\w+)@(\d+)$", f.read(), re.M):
                found = functions.get((dll + ".dll", name))
                equal(found and stdcall_bytes(found[0][1:]), int(size), name + ": bytes of arguments")


def main():
    sbin()
    signatures()
    with workdir() as folder:
        os.symlink(os.path.join(B, "stick"), "data")
        stick = winhelper.make_stick()
        for arch in ARCHITECTURES:
            machine = Machine(folder, arch, stick)
            c = winhelper.cases(machine, Case)
            for case in c.values():
                case.name = arch.name + ", " + case.name
            winhelper.start(c)
            winhelper.judge_found(c, machine)
            winhelper.judge_failures(c)
            winhelper.judge_rest(c, machine)
            check(not any("raw write: disk" in x.notes for k, x in c.items() if k != "disk"), arch.name + ": the disk was written")
    finish()


if __name__ == "__main__":
    main()
