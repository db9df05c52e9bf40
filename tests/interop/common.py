# SPDX-License-Identifier: BSD-2-Clause
"""What the Python tests share: counting checks, the line they end with, running other people's programs."""
import ctypes, os, subprocess, sys

B = os.path.abspath(os.environ.get("B", "build"))
passed = failed = skipped = 0


def own_mounts():
    """What is mounted from here on, nobody else sees (as root; else nothing is mounted but by FUSE). Another test's sandbox takes a copy of all
    mounts with it, and what is unmounted here goes on being mounted there: its last changes are not in the image yet."""
    new_namespace, private = 0x20000, 0x40000 | 0x4000  # CLONE_NEWNS; MS_PRIVATE | MS_REC
    libc = ctypes.CDLL(None)
    if libc.unshare(new_namespace) == 0:
        libc.mount(b"none", b"/", None, ctypes.c_ulong(private), None)


own_mounts()


def check(ok, what):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED", what)
    return ok


def equal(got, want, what):
    return check(got == want, "%s: got %r, want %r" % (what, got, want))


def skip(what, why):
    """What cannot be tried here; said aloud, and counted apart."""
    global skipped
    skipped += 1
    print("skipped %s: %s" % (what, why))


def summary(more_failed=0):
    return "%d passed, %d failed" % (passed, failed + more_failed) + (", %d skipped" % skipped if skipped else "")


def finish():
    print(summary())
    sys.exit(1 if failed else 0)


def sbin():
    """mkfs, fsck and sfdisk are found without root's PATH."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"


def run(*cmd, status=0, **kw):
    """What a program prints; with another exit status than this one the test ends (None: any will do)."""
    r = subprocess.run([str(c) for c in cmd], **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kw})
    if status is not None and r.returncode != status:
        raise SystemExit(f"{cmd}: status {r.returncode} {r.stdout.decode(errors='replace')[-800:]} {(r.stderr or b'').decode(errors='replace')[-800:]}")
    return r.stdout
