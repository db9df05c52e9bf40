#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Logical volumes: our list of them against lvm2's own, on groups that lvm2 made (on loop devices of files of ours, in a folder of nodes of its own, so that
it sees no other device) and on those of tests/media/lvm2.py, which lvm2 has to accept; and an initrd in a volume of two pieces, as GRUB, debugfs and e2fsck
see it on the disk that the plan shows."""
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../media"))
import disk_initrd as D
import lvm2
from common import B, check, equal, finish, run, sbin, skip

sbin()
MIB = 1 << 20
EXTENT = lvm2.EXTENT
# What the shim is given: it is the root filesystem that has it.
MODULES = {"lib/modules/6.1-pod/modules.dep": b"kernel/dm-snapshot.ko: kernel/dm-mod.ko\nkernel/dm-mod.ko:\n",
           "lib/modules/6.1-pod/kernel/dm-snapshot.ko": b"this is a snapshot", "lib/modules/6.1-pod/kernel/dm-mod.ko": b"this is a mapper"}
TABLE = "label: gpt\nstart=2048, size=%d, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\n"


def ours(image):
    """name -> (partition, runs or why not)"""
    out = {}
    for line in run(f"{B}/interop/lvm", image).decode().splitlines():
        name, rest = line.split(" partition ")
        number, _, what = rest.partition(" ")
        runs = [tuple(map(int, r.split("+"))) for r in what.split()] if re.match(r"\d+\+", what) else what
        out[name] = (int(number), runs)
    return out


# --- lvm2 itself ----------------------------------------------------------------------------------------------------------

class Lvm2:
    """lvm2 that sees nothing but loop devices of our own files."""

    def __init__(self, work):
        self.top, self.loops = work / "lvm", []
        for name in ("dev", "lock", "cache"):
            (self.top / name).mkdir(parents=True)
        (self.top / "lvm.conf").write_text(
            'devices { dir="%(t)s/dev" scan=["%(t)s/dev"] use_devicesfile=0 obtain_device_list_from_udev=0 external_device_info_source="none" '
            'cache_dir="%(t)s/cache" hints="none" }\nglobal { locking_dir="%(t)s/lock" activation=0 event_activation=0 use_lvmpolld=0 }\n'
            'activation { udev_sync=0 udev_rules=0 monitoring=0 }\nbackup { backup=0 archive=0 }\n' % {"t": self.top})

    def show(self, path, offset, size):
        """A part of a file as a device; its name."""
        loop = run("losetup", "-f", "--show", "-o", offset, "--sizelimit", size, path).decode().strip()
        node = self.top / "dev" / os.path.basename(loop)
        self.loops.append((loop, node))
        os.mknod(node, 0o060600, os.stat(loop).st_rdev)
        return node

    def hide(self):
        for loop, node in self.loops:
            run("losetup", "-d", loop)
            node.unlink()
        self.loops = []

    def __call__(self, *args, status=0):
        return run("lvm", *args, status=status, env={**os.environ, "LVM_SYSTEM_DIR": str(self.top), "LVM_SUPPRESS_FD_WARNINGS": "1"}).decode()

    def volumes(self, starts):
        """The same as ours(); `starts`: node -> first byte in the file."""
        out = {}
        for line in self("lvs", "--noheadings", "--separator", "|", "--units", "b", "--nosuffix", "-o",
                         "vg_name,lv_name,segtype,stripes,seg_pe_ranges,vg_extent_size,seg_start").splitlines():
            vg, lv, kind, stripes, ranges, extent, _ = line.strip().split("|")
            runs = out.setdefault(f"{vg}/{lv}", [])
            if kind not in ("linear", "striped") or stripes != "1":
                runs.append(kind)
                continue
            node, _, extents = ranges.rpartition(":")
            first, last = map(int, extents.split("-"))
            runs.append((starts[node] + lvm2.FIRST + first * int(extent), (last - first + 1) * int(extent)))
        return out


def compare(lvm, starts, image, name):
    theirs, mine = lvm.volumes(starts), ours(image)
    equal(set(mine), set(theirs), f"{name}: names")
    for volume, runs in theirs.items():
        closed = [r for r in runs if isinstance(r, str)]
        equal(mine.get(volume, (0, ""))[1], closed[0] if closed else runs, f"{name}: {volume}")


def empty(path, size, table):
    path.write_bytes(b"")
    os.truncate(path, size)
    run("sfdisk", "-q", path, input=table.encode())


def groups_of_lvm2(work):
    """Volumes that were made longer and shorter, of one physical volume and of two; stripes; another size of extents; an old text."""
    image = work / "theirs.img"
    empty(image, 200 * MIB, "label: gpt\nstart=2048, size=%d\nstart=%d, size=%d\n" % (96 * 2048, 98 * 2048, 96 * 2048))
    lvm = Lvm2(work)
    try:
        one, two = lvm.show(image, MIB, 96 * MIB), lvm.show(image, 98 * MIB, 96 * MIB)
        starts = {str(one): MIB, str(two): 98 * MIB}
        lvm("vgcreate", "pod-vg", one, two)
        make = ("lvcreate", "-an", "-Zn", "-Wn", "-y")
        lvm(*make, "-l", 5, "-n", "root", "pod-vg", one)
        lvm(*make, "-l", 3, "-n", "swap_1", "pod-vg", one)
        lvm("lvextend", "-l", "+4", "pod-vg/root", one)
        compare(lvm, starts, image, "one disk")
        lvm("lvextend", "-l", "+6", "pod-vg/root", two)
        lvm(*make, "-l", 4, "-i", 2, "-n", "fast", "pod-vg")
        lvm("lvremove", "-y", "pod-vg/swap_1")
        lvm(*make, "-l", "100%FREE", "-n", "home.of-all_+x", "pod-vg")
        compare(lvm, starts, image, "two disks")
        check(len(ours(image)["pod-vg/root"][1]) == 3 and ours(image)["pod-vg/fast"][1] == "striped", f"pieces: {ours(image)}")
        # Many more texts, until they have gone round.
        for i in range(40):
            lvm("vgchange", "--addtag", "a-tag-that-makes-the-text-longer-%d" % i, "pod-vg")
        compare(lvm, starts, image, "a long text")
        lvm("vgremove", "-f", "-y", "pod-vg")
        equal(ours(image), {}, "no group any more")
        lvm("vgcreate", "-s", "128k", "--metadatacopies", 1, "small", one, two)
        lvm(*make, "-l", 333, "-n", "x", "small", two)
        compare(lvm, starts, image, "small extents, one text")
    finally:
        lvm.hide()


def accepted_by_lvm2(work, image, start, size, name):
    lvm = Lvm2(work)
    try:
        node = lvm.show(image, start, size)
        said = lvm("vgck", "pod-vg")
        check("WARNING" not in said.replace("WARNING: Activation disabled", ""), f"{name}: {said}")
        compare(lvm, {str(node): start}, image, name)
    finally:
        lvm.hide()


def has_lvm2():
    if os.geteuid() or subprocess.run(["sh", "-c", "command -v lvm"], stdout=subprocess.DEVNULL, check=False).returncode:
        return False
    return subprocess.run(["losetup", "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


# --- what the plan shows --------------------------------------------------------------------------------------------------

def volume_of(disk, runs, to):
    with open(disk, "rb") as f, open(to, "wb") as out:
        for start, length in runs:
            f.seek(start)
            out.write(f.read(length))
    return to


def served(work, cut):
    """A root filesystem whose first piece has `cut` extents; the disk that is shown."""
    top, volume, image = work / "top", work / "volume", work / "image.img"
    subprocess.run(["rm", "-rf", top], check=True)
    initrds = D.some_initrds()
    D.tree(top, {**initrds, **MODULES})
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-d", top, volume, "24M")
    (work / "swap").write_bytes(b"swap" * MIB)
    size = 41 * MIB
    empty(image, size + 3 * MIB, TABLE % (size // 512))
    with open(image, "r+b") as f:
        f.write(b"\xfa\xeb\xfe")
    before = image.read_bytes()[:MIB]
    lvm2.main(image, MIB, size, "pod-vg", f"root={volume}" + ("@%d" % cut if cut else ""), f"swap_1={work}/swap")
    equal(image.read_bytes()[:MIB], before, "only the partition is written")
    name = f"cut behind {cut} extents" if cut else "in one piece"
    number, runs = ours(image)["pod-vg/root"]
    equal((number, len(runs)), (1, 2 if cut else 1), f"{name}: pieces")
    equal(volume_of(image, runs, work / "again").read_bytes(), volume.read_bytes(), f"{name}: what is in it")
    text, virtual = D.plan(work, image)
    part = volume_of(virtual, runs, work / "part")
    for path, data in initrds.items():
        check(re.search(rf"^initrd {re.escape(path)} machine 0 ", text, re.M), f"{name}: {path} is found: {text}")
        got = {"debugfs": run("debugfs", "-R", f"cat /{path}", part), "GRUB": run("grub-fstest", virtual, "cat", f"(lvm/pod--vg-root)/{path}")}
        for who, seen in got.items():
            why = D.parts_right(seen, data, 4096)
            check(not why, f"{name}: {path} by {who}: {why}")
            check(b"isopod/m1-6.1-pod\0" in seen and b"this is a snapshot" in seen, f"{name}: {path} by {who}: modules")
    said = run("e2fsck", "-n", "-f", part, status=None).decode()
    left = [line for line in said.splitlines()[1:] if line and not re.match(
        r"Pass \d|Block bitmap differences|Free blocks count|Fix\? no|.*: \*+ WARNING|.*: \d+/\d+ files|Padding at end", line)]
    equal(left, [], f"{name}: e2fsck finds the bitmap alone: {said}")
    if has_lvm2():
        accepted_by_lvm2(work / name.replace(" ", "-"), image, MIB, size, name)
    return image, virtual


def outside(work, cut, pieces):
    """Every byte that is shown otherwise is in the root volume, in so many of its pieces."""
    image, virtual = served(work, cut)
    runs = ours(image)["pod-vg/root"][1]
    a, b = image.read_bytes(), virtual.read_bytes()
    equal(len(a), len(b), "size")
    equal(sum(a[start:start + length] != b[start:start + length] for start, length in runs), pieces, f"cut behind {cut} extents: pieces with changes")
    at = 0
    for start, length in sorted(runs) + [(len(a), 0)]:
        check(a[at:start] == b[at:start], f"bytes {at} to {start} are as they were")
        at = start + length


# What lvm2 writes of volumes of other kinds: a pool and a thin volume in it, a mirror, and a snapshot of the root.
VOLUME = '\n%s {\nid = "%s"\nstatus = ["READ", "WRITE"%s]\nflags = []\ncreation_time = 1700000000\ncreation_host = "pod"\nsegment_count = 1\n\nsegment1 {\n' \
         'start_extent = 0\nextent_count = %d\n\n%s\n}\n}\n'


def others(first, extents):
    def volume(name, count, what, visible=True):
        return VOLUME % (name, lvm2.hyphens(lvm2.identifier("lv " + name)), ', "VISIBLE"' if visible else "", count, what)

    def part(name, visible=False):
        nonlocal first
        first += 1
        return volume(name, 1, 'type = "striped"\nstripe_count = 1\n\nstripes = [\n"pv0", %d\n]' % (first - 1), visible)
    out = volume("pool", 1, 'type = "thin-pool"\nmetadata = "pool_tmeta"\npool = "pool_tdata"\ntransaction_id = 1\nchunk_size = 128\ndiscards = "passdown"\nzero_new_blocks = 1')
    out += part("lvol0_pmspare") + part("pool_tmeta") + part("pool_tdata")
    out += volume("data", 16, 'type = "thin"\nthin_pool = "pool"\ntransaction_id = 0\ndevice_id = 1')
    out += volume("both", 1, 'type = "raid1"\ndevice_count = 2\nregion_size = 4096\n\nraids = [\n"both_rmeta_0", "both_rimage_0",\n"both_rmeta_1", "both_rimage_1"\n]')
    for i in range(2):
        out += part("both_rmeta_%d" % i) + part("both_rimage_%d" % i)
    out += volume("snapshot0", extents, 'type = "snapshot"\nchunk_size = 8\norigin = "root"\ncow_store = "before"') + part("before", True)
    return out.encode()


def beside(work):
    """Volumes of other kinds in the group take nothing from the root."""
    work = work / "others"
    work.mkdir()
    image, _ = served(work, 0)
    number, runs = ours(image)["pod-vg/root"]
    size, pv, extents = 41 * MIB, lvm2.identifier("pv pod-vg"), runs[0][1] // EXTENT
    text = lvm2.metadata("pod-vg", [(pv, 20)], {"root": [(0, 0, extents)]}).replace(b"}\n\n}\n# Gen", others(extents, extents) + b"}\n\n}\n# Gen")
    os.truncate(image, 90 * MIB)
    run("sfdisk", "-q", image, input=("label: gpt\nstart=2048, size=%d, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\n" % (86 * 2048)).encode())
    with open(image, "r+b") as f:
        f.seek(MIB)
        f.write(lvm2.head(pv, 86 * MIB, text))
    said, _ = D.plan(work, image)
    for path in D.some_initrds():
        check(re.search(rf"^initrd {re.escape(path)} machine 0 ", said, re.M), f"beside others: {path} is found: {said}")
    told = run(f"{B}/isopod", "plan", image, status=None).decode()
    check("cannot look into" not in told and "kernel modules" not in told, f"beside others: {told}")
    equal({n: w for n, (_, w) in ours(image).items() if isinstance(w, str)},
          {"pod-vg/pool": "thin-pool", "pod-vg/data": "thin", "pod-vg/both": "raid1"}, "beside others: those that are no use")
    equal(ours(image)["pod-vg/root"], (number, runs), "beside others: the root")
    if has_lvm2():
        accepted_by_lvm2(work / "beside", image, MIB, 86 * MIB, "beside others")


def refused(work):
    """What is not looked into is named."""
    image = work / "refused.img"
    size = 20 * MIB
    for what, change in (("LVM (raid1)", (b'type = "striped"', b'type = "raid1"')), ("LVM (several disks)", (b"pv0 {\nid = \"", b"pv0 {\nid = \"zz")),
                         ("LVM", (b"extent_size", b"extent_sizE"))):
        empty(image, size + 3 * MIB, TABLE % (size // 512))
        pv = lvm2.identifier("pv x")
        text = lvm2.metadata("x", [(pv, 4)], {"root": [(0, 0, 2)]}).replace(*change)
        if b"zz" in change[1]:
            text = re.sub(rb'(pv0 \{\nid = "zz....)..', rb"\1", text)
        with open(image, "r+b") as f:
            f.write(b"\xfa\xeb\xfe")
            f.seek(MIB)
            f.write(lvm2.head(pv, size, text))
        is_refused(image, what)
    for at in (0, 4096):
        empty(image, size + 3 * MIB, TABLE % (size // 512))
        with open(image, "r+b") as f:
            f.write(b"\xfa\xeb\xfe")
            f.seek(MIB + at)
            f.write(raid())
        is_refused(image, "Linux RAID")


def is_refused(image, what):
    said = run(f"{B}/isopod", "plan", image, status=None).decode()
    check(f"Partition 1 is {what}, which Isopod cannot look into" in said, f"{what}: {said}")


def raid():
    """The beginning of a superblock of version 1 of Linux' RAID: one of two mirrors (include/uapi/linux/raid/md_p.h)."""
    return struct.pack("<IIII16s32sQIIQII", 0xa92b4efc, 1, 1, 0, b"pod-raid-0123456", b"pod:0", 1700000000, 1, 0, 8192, 0, 2)


def main():
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        served(work, 0)
        outside(work, 1, 2)
        outside(work, 3, 1)
        beside(work)
        refused(work)
        if has_lvm2():
            groups_of_lvm2(work)
        else:
            skip("lvm2's own groups", "lvm2, root or a loop device is missing")
    finish()


if __name__ == "__main__":
    main()
