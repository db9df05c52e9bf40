#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""100 media made to keep a reader busy (hostile_media.py): each command ends within two seconds of processor time, with what was found, and
says what was left out. The wall clock only guards against hanging for good: other tests run beside this one."""
import os, resource, shutil, signal, subprocess, time

from cli_common import *
import cli_common, hostile_media

CPU_SECONDS = 2.0
HANG_SECONDS = 30


def measured(*args):
    """(status or None, what was said, seconds of the processor)."""
    env = dict(os.environ, ISOPOD_DATA=os.path.abspath("data"), LC_ALL="C.UTF-8", LANGUAGE="")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.Popen([ISOPOD] + list(args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env)
    try:
        out = p.communicate(timeout=HANG_SECONDS)[0].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        p.kill()
        p.communicate()
        return None, "", HANG_SECONDS
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return p.returncode, out, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ends(what, *args):
    rc, out, cpu = measured(*args)
    check(rc is not None and 0 <= rc <= 3 and cpu <= CPU_SECONDS, "%s: isopod %s: status %s, %.1f s" % (what, args[0], rc, cpu))
    return out


def stick_of(volume_size):
    """A stick with boot code; where its data partition begins, and how long it is."""
    must("create", "template.img", "--size", str(volume_size))
    return partitions("template.img")[1][0][:2]


def put_volume(path, start, data):
    shutil.copyfile("template.img", path)
    with open(path, "r+b") as f:
        f.seek(start)
        f.write(data)


def one(name, kind, make, says, start, length):
    if kind == "file":
        make(os.path.abspath(name))
        said = ends(name, "plan", name)
        ends(name, "plan", "--json", name)
        said_doctor = ends(name, "doctor", "--no-machine", "-v", name)
    else:
        name += ".img"
        put_volume(name, start, make(length))
        said = ends(name, "list", name)
        said_doctor = ends(name, "doctor", "--no-machine", "-v", name)
        ends(name, "rules", "lint", name)
        ends(name, "plan", name + ":/sound.iso")
        if says in (hostile_media.LOOP, hostile_media.LEFT, "nested too deep") and "wide" not in name:
            check("sound.iso" in said.lower() or "deep" in name or "fat" in name and "ways" in name, "%s: what is sound is listed: %r" % (name, said[:200]))
    if says:
        check(says in said, "%s says %r: %r" % (name, says, said[-300:]))
        check(says in said_doctor, "%s, doctor says %r: %r" % (name, says, said_doctor[-300:]))
    for f in os.listdir("."):
        if f.endswith(name):
            os.remove(f)


def stopped(start, length):
    """SIGTERM and SIGINT end the doctor while it looks at what has no end (of its own accord it would with --full, in some minutes)."""
    put_volume("endless.img", start, dict((m[0], m[2]) for m in hostile_media.media())["exfat-ways-30-30"](length))
    for sig in (signal.SIGTERM, signal.SIGINT):
        p = subprocess.Popen([ISOPOD, "doctor", "--no-machine", "endless.img"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             env=dict(os.environ, ISOPOD_DATA=os.path.abspath("data")))
        time.sleep(0.1)
        p.send_signal(sig)
        try:
            p.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.communicate()
        check(p.returncode in (0, 1, 3, -sig), "signal %d: status %s" % (sig, p.returncode))


with workdir():
    make_data("data", 1)
    start, length = stick_of(128 * MIB)
    all_media = hostile_media.media()
    equal(len(all_media) >= 100, True, "%d media" % len(all_media))
    for m in all_media:
        if not os.environ.get("ONLY") or os.environ["ONLY"] in m[0]:
            one(*m, start, length)
    stopped(start, length)
cli_common.finish()
