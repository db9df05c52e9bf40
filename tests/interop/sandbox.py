#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The walls around what others wrote (cli/host/sandbox.h), tried from inside (sandbox_calls.c): as root, as root for a user (sudo), as a
user, and where the kernel allows no namespaces. What a kernel has not got is told, and skipped."""
from cli_common import *

TOOL = os.path.join(B, "interop/sandbox")
WALLS = ["identity", "mounts", "processes", "network", "ipc", "uts", "landlock", "seccomp"]
USER = ("setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups")
NONE = "for n in user mnt net ipc uts pid; do echo 0 >/proc/sys/user/max_${n}_namespaces; done; exec \"$@\""

# what must fail whatever the walls are made of, and what must work
FILES = {"shadow", "passwd", "proc", "home", "outside", "tmp", "usr", "root"}
CALLS = {"connect", "unix", "netlink", "ptrace", "mount", "unshare", "bpf", "keyctl", "module", "reboot", "perf", "userfaultfd", "io_uring", "kill",
         "setsid", "setuid", "parent-death", "dumpable", "fork"}
WORKS = {"stdin", "own-file", "no-new-privs", "not-root", "environment"}

# Two seconds for what has no end; the others have as many as a machine with much to do needs.
LATE = "took longer than 2 seconds on medium"
FAULTS = [("crash", "crashed on medium (signal 11)"), ("abort", "crashed on medium (signal 6)"), ("hang", LATE), ("spin", LATE),
          ("allocate", "took more than 256.0 MiB of memory on medium"), ("answer", "said too much about medium"),
          ("lie", "said about medium makes no sense"), ("huge", "said about medium makes no sense"), ("exit", "ended in the middle of medium (status 7)"),
          ("close", LATE)]


def start(way, *args):
    return subprocess.run([*way, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", timeout=150,
                          env=dict(os.environ, SECRET="1", TMPDIR=os.path.abspath("tmp")))


def attempts(way, tool, name, *more):
    r = start(way, tool, name, os.path.abspath("out"), *more)
    equal((r.returncode, r.stderr), (0, ""), name)
    got = dict(line.split() for line in r.stdout.splitlines())
    return {k: int(v) for k, v in got.items()}


def walls(what, way, tool, expected):
    """A case that each kernel can do something about: what stands has to hold."""
    r = start(way, tool, "walls")
    if not check(r.returncode == 0, "%s: walls: %r" % (what, r.stderr)):
        return
    standing = set(r.stdout.split())
    for w in set(expected) - standing:
        skip(what, "this kernel has no wall '%s'" % w)
    for name in ("try", "program"):
        got = attempts(way, tool, name)
        where = "%s, %s: " % (what, "function" if name == "try" else "program")
        for k in FILES if standing & {"mounts", "landlock"} else ():
            check(got.get(k, 0) != 0, where + "%s was opened or made" % k)
        for k in CALLS | {"exec"} - ({"exec"} if name == "program" else set()) if "seccomp" in standing else ():
            check(got.get(k, 0) != 0, where + "%s was allowed" % k)
        for k in WORKS - (set() if "identity" in standing else {"not-root"}):
            equal(got.get(k), 0, where + k)
        if name == "program":
            equal(got.get("program"), 0, where + "status")
    equal(os.listdir("out"), [], what + ": files outside")
    r = start(way, tool, "files", "in.txt")
    check(r.returncode == 0 and "read 0\n" in r.stdout and "hello" in r.stdout and "write 0" not in r.stdout, "%s: a file that is handed over: %r" %
          (what, (r.stdout, r.stderr)))
    for fault, words in FAULTS:
        r = start(way, tool, "fault", fault, *(["2"] if words == LATE else []))
        check(r.returncode == 3 and words in r.stderr and r.stderr.count("\n") == 1, "%s: %s: %d %r" % (what, fault, r.returncode, r.stderr))
    r = start(way, tool, "fault", "write", "2")
    words = "took longer than 2 seconds" if "mounts" in standing else "wrote more than 8.0 MiB"
    check(r.returncode == 3 and words in r.stderr, "%s: write without end: %r" % (what, r.stderr))
    if "mounts" in standing:
        got = dict(line.split() for line in start(way, tool, "fault", "count").stdout.splitlines())
        check(0 < int(got.get("files", 0)) <= 4096 and 4 * MIB < int(got.get("bytes", 0)) <= 8 * MIB, "%s: what it could write: %r" % (what, got))


def dies_with_us():
    """Killed, the caller takes all of it along."""
    p = subprocess.Popen([TOOL, "fault", "hang"], stderr=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=os.path.abspath("tmp")))
    children = lambda pid: run("pgrep", "-P", str(pid)).stdout.split()
    found = []

    def three():
        del found[:]
        pid = p.pid
        while len(found) < 3 and (below := children(pid)):
            pid = below[0]
            found.extend(below)
        return len(found) >= 3

    wait_until(three, "three processes")
    p.kill()
    p.wait()

    def alive(pid):
        try:
            with open("/proc/%s/stat" % pid) as f:
                return f.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    wait_until(lambda: not any(map(alive, found)), "the end of processes %s" % found)


def refuses():
    """Root starts nothing that could write everywhere: no namespaces, and a filter by which this kernel has no Landlock."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "no_landlock.py")
    r = start(("/usr/bin/python3", script), TOOL, "fault", "none")
    check(r.returncode == 3 and "was not started on medium" in r.stderr and "neither mount namespaces nor Landlock" in r.stderr,
          "as root without both: %d %r" % (r.returncode, r.stderr))
    r = start(("/usr/bin/python3", script, "unshare"), TOOL, "fault", "none")
    equal((r.returncode, r.stderr), (0, ""), "as root with namespaces alone")


def main():
    with workdir():
        # a user's folder, and a program that a user may run
        os.chmod(".", 0o755)
        os.mkdir("out")
        os.chmod("out", 0o777)
        shutil.copy(TOOL, "tool")
        with open("in.txt", "w") as f:
            f.write("hello\n")
        os.chmod("in.txt", 0o644)
        os.mkdir("tmp")
        os.chmod("tmp", 0o1777)
        tool = os.path.abspath("tool")
        if os.geteuid() == 0:
            walls("root", (), tool, WALLS)
            walls("sudo", ("env", "SUDO_UID=1000", "SUDO_GID=1000"), tool, WALLS)
            walls("a user", USER, tool, WALLS)
            walls("a user without namespaces", USER + ("unshare", "-r", "sh", "-c", NONE, "-"), tool, ["landlock", "seccomp"])
            refuses()
        else:
            skip("what root does", "not root")
            walls("a user", (), tool, WALLS)
        equal(os.listdir("tmp"), [], "folders left")
        dies_with_us()
    finish()


main()
