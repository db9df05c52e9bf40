# SPDX-License-Identifier: BSD-2-Clause
"""What tests of the plan share: inputs, the virtual disk made of them, and whether an initrd in it is served with the shim."""
import os, random, struct, subprocess, tempfile

from common import B
import common

TOOL = os.path.join(B, "interop/plan")
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
SHIM = b"\x7fELF this stands for the shim" * 100


def run(*args):
    return common.run(*args, stderr=subprocess.STDOUT)


def noise(n, rng=random.Random(6)):
    """The same in each run: now and then noise is taken for something, as an initrd that begins like Zstandard for a ramdisk with minix."""
    return rng.randbytes(n)


def newc(names):
    """An archive made by cpio, of files of our own: those of a machine are not on all."""
    with tempfile.TemporaryDirectory() as d:
        for name in names:
            write(os.path.join(d, name), name.encode() + b"\n")
        return subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input="\n".join(names).encode(), cwd=d, stdout=subprocess.PIPE, check=True).stdout


def kernel(flags64):
    k = bytearray(4096)
    k[0x202:0x206] = b"HdrS"
    k[0x206:0x208] = struct.pack("<H", 0x20F)
    k[0x236] = 1 if flags64 else 0
    return bytes(k)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def unified(work, name, sections, key=None):
    """A unified kernel image: `sections` (name, address, data) put into systemd's stub; `key`: signed by sbsign."""
    out, args = os.path.join(work, name), []
    for section, address, data in sections:
        path = os.path.join(work, "section" + section)
        write(path, data)
        args += ["--add-section", section + "=" + path, "--change-section-vma", "%s=%#x" % (section, address)]
    run("objcopy", *args, STUB, out)
    if key:
        run("sbsign", "--key", key + ".key", "--cert", key + ".crt", "--output", out, out)
    return open(out, "rb").read()


def archives_wrong(pre, post):
    """cpio reads the archives around an initrd."""
    with tempfile.TemporaryDirectory() as d:
        # What saves /init is made for the kernel's reader alone (shim_boot.py tests it).
        for part, names in ((pre, ["isopod"]), (post, ["isopod", "isopod/shim", "isopod/map", "init"])):
            subprocess.run(["cpio", "-i", "--quiet", "-d", "-u", *names], input=part, cwd=d, check=True, stderr=subprocess.DEVNULL)
        if open(os.path.join(d, "isopod/shim"), "rb").read() != SHIM:
            return "the shim differs"
        record = open(os.path.join(d, "isopod/map"), "rb").read()
        if record[:8] != b"ISOPODH2":
            return "no hand-over record"
        if struct.unpack_from("<QII", record, 0x60) != (0x123456000, 0x40000, 77):
            return "the place of the flight recorder is not in the record"
        if os.readlink(os.path.join(d, "init")) != "isopod/shim":
            return "init is not a link to the shim"
    names = subprocess.run(["cpio", "-it", "--quiet"], input=pre, stdout=subprocess.PIPE, check=True).stdout.split()
    return "" if names == [b"isopod"] else "pre.cpio holds %r" % names


def served_right(data, original, cluster=2048):
    """[pre, padded][original][zeros][post]: and cpio reads what is before and behind."""
    pre_len = max(2048, cluster)
    pre = data[:pre_len]
    if data[pre_len:pre_len + len(original)] != original:
        return "the original is not in its place"
    end = pre_len + len(original)
    post_at = -(-end // cluster) * cluster
    if data[end:post_at].strip(b"\0"):
        return "the gap is not zeros"
    return archives_wrong(pre, data[post_at:])


def plan(work, name, *options):
    out = os.path.join(work, name + ".virtual")
    text = run(TOOL, os.path.join(work, name), os.path.join(work, "shim"), out, *options).decode()
    return text, out


def extract(iso, path, dest):
    if os.path.exists(dest):
        os.unlink(dest)
    run("xorriso", "-osirrox", "on", "-indev", iso, "-extract", path, dest)
    return open(dest, "rb").read()
