#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes every fault of this folder and judges what is said of it. Prints a table: named with the file, named by hazard, unknown, silent,
wrong. Fails on anything wrong, on an alarm about something sound, on a fault that is not named without a committed gap, and on fewer named
ones than floor.txt says.
    run.py [--quick] [--verbose] [--list] [REGEX]"""
import importlib, os, re, sys, time, traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import case
import common
from case import OUTCOMES, Workshop
from doctor_common import workdir

HERE = os.path.dirname(os.path.abspath(__file__))


def modules():
    names = sorted(n[:-3] for n in os.listdir(HERE) if n.endswith(".py") and n not in ("run.py", "case.py", "volumes.py"))
    return [(n, importlib.import_module(n)) for n in names]


def arguments(made):
    return made if isinstance(made, tuple) else (made,)


def try_fault(f, w):
    """(outcome, why)"""
    args = arguments(f.make(w))
    outcome, why = f.judge(f.look(args))
    if f.cure and outcome == "named":
        f.cure(*args)
        left = [x.text for x in f.look(args) if x.level in ("problem", "warning")]
        if left:
            return "wrong", "the remedy leaves: %s" % "; ".join(left)
    return outcome, why


def guarded(what, *args):
    try:
        return what(*args)
    except (Exception, SystemExit) as e:  # a fault that cannot be made must not take the others with it
        return "wrong", "could not be tried: %s" % "".join(traceback.format_exception(e))[-1500:]


def run_faults(name, faults, w, verbose):
    count = dict.fromkeys(OUTCOMES, 0)
    for f in faults:
        outcome, why = guarded(try_fault, f, w)
        w.clean()
        count[outcome] += 1
        expected = f.gap or "named"
        ok = outcome != "wrong" and OUTCOMES.index(outcome) <= OUTCOMES.index(expected)
        common.check(ok, "%s: %s: %s, should be %s: %s" % (name, f.name, outcome, expected, why))
        if verbose:
            print("%-8s %s: %s: %s" % (outcome, name, f.name, why))
        elif f.gap and ok and outcome != expected:
            print("%s: %s is %s now: its gap can go" % (name, f.name, outcome))
    return count


def try_sound(s, w):
    alarms = [f.text for f in s.look(arguments(s.make(w))) if f.level in ("problem", "warning")]
    return ("wrong", "; ".join(alarms)) if alarms else ("named", "")


def run_sound(name, sound, w):
    alarms = 0
    for s in sound:
        outcome, why = guarded(try_sound, s, w)
        w.clean()
        alarms += outcome == "wrong"
        common.check(outcome != "wrong", "%s: %s is sound: %s" % (name, s.name, why))
    return alarms


def floor():
    with open(os.path.join(HERE, "floor.txt"), encoding="ascii") as f:
        return int([l for l in f if not l.startswith("#")][0])


def main():
    options = {a for a in sys.argv[1:] if a.startswith("-")}
    patterns = [a for a in sys.argv[1:] if not a.startswith("-")]
    quick = "--quick" in options

    def wanted(name, things):
        return [t for t in things if (t.quick or not quick) and all(re.search(p, "%s: %s" % (name, t.name)) for p in patterns)]

    table = [(n, wanted(n, getattr(m, "FAULTS", [])), wanted(n, getattr(m, "SOUND", []))) for n, m in modules()]
    if "--list" in options:
        for n, faults, sound in table:
            print("\n".join(["%s: %s" % (n, f.name) for f in faults] + ["%s: sound: %s" % (n, s.name) for s in sound]))
        return
    rows, total, alarms, sounds = [], dict.fromkeys(OUTCOMES, 0), 0, 0
    with workdir():
        w = Workshop()
        for n, faults, sound in table:
            start = time.monotonic()
            count = run_faults(n, faults, w, "--verbose" in options)
            bad = run_sound(n, sound, w)
            rows.append((n, len(faults), *count.values(), len(sound), bad, "%.0f" % (time.monotonic() - start)))
            total = {o: total[o] + count[o] for o in OUTCOMES}
            alarms += bad
            sounds += len(sound)
    rows.append(("all", sum(total.values()), *total.values(), sounds, alarms, ""))
    for row in [("", "faults", *OUTCOMES, "sound", "alarms", "s")] + rows:
        print(("%-10s" + " %8s" * (len(row) - 1)) % row)
    if not quick and not patterns:
        common.check(total["named"] >= floor(), "%d named, floor.txt says %d" % (total["named"], floor()))
    common.finish()


main()
