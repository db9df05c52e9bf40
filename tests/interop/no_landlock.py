# SPDX-License-Identifier: BSD-2-Clause
"""no_landlock.py [unshare] PROGRAM ARGUMENT...: runs it as on a kernel without Landlock and, unless "unshare" is said, without namespaces:
a seccomp filter answers ENOSYS."""
import ctypes, os, platform, struct, sys

ENOSYS, ALLOW, ERRNO = 38, 0x7fff0000, 0x00050000
NR = {"x86_64": (444, 272), "aarch64": (444, 97)}[platform.machine()]  # landlock_create_ruleset, unshare
allowed = sys.argv[1] == "unshare"
denied = NR[:1] if allowed else NR
code = [struct.pack("<HBBI", 0x20, 0, 0, 0)]
for nr in denied:
    code += [struct.pack("<HBBI", 0x15, 0, 1, nr), struct.pack("<HBBI", 0x06, 0, 0, ERRNO | ENOSYS)]
code.append(struct.pack("<HBBI", 0x06, 0, 0, ALLOW))
filter_ = ctypes.create_string_buffer(b"".join(code))
libc = ctypes.CDLL(None, use_errno=True)
program = struct.pack("<HxxxxxxQ", len(code), ctypes.addressof(filter_))
if libc.prctl(22, 2, program, 0, 0) != 0:
    sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))
args = sys.argv[2 if allowed else 1:]
os.execv(args[0], args)
