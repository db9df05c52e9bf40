#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Virtual disks made to keep a reader busy (hostile_disks.py). `disk info` and `plan` end within two seconds of processor time, with a status
and one line. `disk map` and `disk check` look at whole tables, and may take longer; SIGINT ends them at once, with one line and status 3."""
import os, resource, shutil, signal, subprocess

from cli_common import *
import cli_common, hostile_disks

CPU_SECONDS = 2.0
SIGNAL_AFTER = 0.5
HANG_SECONDS = 30


def start(*args):
    env = dict(os.environ, ISOPOD_DATA=os.path.abspath("data"), LC_ALL="C.UTF-8", LANGUAGE="")
    return subprocess.Popen([ISOPOD] + list(args), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env)


def said_by(p, timeout):
    """What was said once it ended, or None."""
    try:
        return p.communicate(timeout=timeout)[1].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return None


def end(p, what):
    said = said_by(p, HANG_SECONDS)
    if said is None:
        p.kill()
        p.communicate()
        check(False, what + ": has no end")
    return said or ""


def cpu_of_children():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def cpu_so_far(p):
    """proc(5), stat: utime, stime."""
    with open("/proc/%d/stat" % p.pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def clear(what, rc, said):
    """A success, or a failure in one line."""
    lines = said.strip().split("\n")
    check(rc in (0, 1) or rc == 3 and len(lines) == 1 and lines[0].startswith("isopod: "), "%s: status %s: %r" % (what, rc, said[-300:]))


def answers(what, says, *args):
    before = cpu_of_children()
    p = start(*args)
    said = end(p, what)
    cpu = cpu_of_children() - before
    if os.environ.get("VERBOSE"):
        print(what, p.returncode, "%.2f s" % cpu, said.strip()[-250:], flush=True)
    check(cpu <= CPU_SECONDS, "%s: %.1f s of the processor" % (what, cpu))
    clear(what, p.returncode, said)
    if says is not None and not says:
        check(p.returncode in (0, 1), "%s: status %s: %r" % (what, p.returncode, said[-300:]))
    elif says:
        check(p.returncode == 3 and says in said, "%s says %r: %r" % (what, says, said[-300:]))
    return said


def stops(what, *args):
    """True if it had to be stopped."""
    before = cpu_of_children()
    p = start(*args)
    said = said_by(p, SIGNAL_AFTER)
    if said is not None:
        clear(what, p.returncode, said)
        if os.environ.get("VERBOSE"):
            print(what, p.returncode, "ended", said.strip()[-250:], flush=True)
        return False
    cpu = cpu_so_far(p)
    p.send_signal(signal.SIGINT)
    said = end(p, what)
    after = cpu_of_children() - before - cpu
    if os.environ.get("VERBOSE"):
        print(what, p.returncode, "stopped %.2f s" % after, said.strip()[-250:], flush=True)
    if p.returncode in (0, 1) and after < SIGNAL_AFTER:  # it was at its end when the signal came; `stopped` sees that this is not the rule
        return False
    check(p.returncode == 3 and said.count("\n") == 1 and "interrupted" in said, "%s, stopped: status %s: %r" % (what, p.returncode, said[-300:]))
    check(after <= CPU_SECONDS, "%s: %.1f s of the processor after SIGINT" % (what, after))
    return True


def json_ends(name):
    """A JSON report is made in memory, so it has an end."""
    p = start("disk", "map", "--json", name)
    said = end(p, name + ": disk map --json")
    check(p.returncode == 3 and said.count("\n") == 1 and "without --json" in said, "%s: disk map --json: status %s: %r" % (name, p.returncode, said[-300:]))


def remove(name):
    for f in os.listdir("."):
        if f.endswith(name):
            os.remove(f)


with workdir():
    make_data("data", 1)
    stopped = {"map": [], "check": []}
    for name, make, says in hostile_disks.disks():
        if os.environ.get("ONLY") and os.environ["ONLY"] not in name:
            continue
        make(os.path.abspath(name))
        answers(name + ": disk info", says, "disk", "info", name)
        answers(name + ": plan", "is not there" if says == "missing" else says, "plan", name)
        if says == "takes too long":  # to open
            answers(name + ": disk map", says, "disk", "map", name)
        for verb in stopped:
            if stops("%s: disk %s" % (name, verb), "disk", verb, name):
                stopped[verb].append(name)
        if name == "bitmaps.vhdx":
            json_ends(name)
        remove(name)
    if not os.environ.get("ONLY"):
        for verb, names in stopped.items():
            check(names, "disk %s: something had to be stopped: %s" % (verb, names))
cli_common.finish()
