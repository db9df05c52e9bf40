#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The initramfs shim under a real kernel: Debian's, started directly by QEMU with a hand-made initramfs (busybox and a test init)
and USB sticks on an xHCI controller. The test init prints what it sees; nothing here looks inside the shim.

Needs the packages qemu-system-x86, kmod, xorriso, mtools, dosfstools, exfatprogs; takes the kernel and
busybox from Debian's packages (cached in ~/.cache/isopod/shim). Runs the short list; with --all or SHIM_ALL=1 every case;
`shim_boot.py NAME...` the named ones; -v shows the log.
"""
import binascii, glob, hashlib, json, os, re, shutil, socket, struct, subprocess, sys, tempfile, time

B = os.environ.get("B", "build")
CACHE = os.path.expanduser("~/.cache/isopod/shim")
MIB = 1 << 20
SIGNATURE = 0x49534F50
GUID = bytes(range(0x30, 0x40))
VERBOSE = "-v" in sys.argv
ALL = "--all" in sys.argv or os.environ.get("SHIM_ALL") == "1"
SHORT = ["init_cannot_tell", "link_anywhere_xz", "second_initrd_without_init_lz4", "files_reachable", "pieces_device_mapper", "pieces_file_loop",
         "ia32_shim", "two_identical", "foreign_sticks", "root_switched", "damaged_record"]
MODULES = ["xhci_pci", "usb_storage", "uas", "sd_mod", "isofs", "vfat", "exfat", "nls_ascii", "nls_cp437", "nls_utf8", "dm_mod", "loop"]


def run(*cmd, **kw):
    return subprocess.run(cmd, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw).stdout


# --- kernel, modules, busybox ---------------------------------------------------------------------------------
def unpack_package(package, into):
    """Downloads a Debian package and unpacks it; apt checks its signature."""
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        run("apt-get", "-q", "download", package, cwd=d)
        run("dpkg", "-x", glob.glob(d + "/*.deb")[0], into)


def fetch_kernel():
    if not os.path.exists(CACHE + "/done"):
        shutil.rmtree(CACHE, ignore_errors=True)
        os.makedirs(CACHE)
        depends = run("apt-cache", "depends", "linux-image-amd64").decode()
        unpack_package(re.search(r"Depends: (linux-image-\S+)", depends).group(1), CACHE)
        unpack_package("busybox-static", CACHE)
        open(CACHE + "/done", "w").close()
    kernel = glob.glob(CACHE + "/boot/vmlinuz-*")[0]
    return kernel, kernel.split("vmlinuz-")[1], CACHE + "/bin/busybox"


def module_files(version):
    """Relative paths of MODULES and all they need."""
    base = f"{CACHE}/lib/modules/{version}"
    if not os.path.exists(base + "/modules.dep"):
        run("/sbin/depmod", "-b", CACHE, version)
    deps, by_name = {}, {}
    for line in open(base + "/modules.dep"):
        path, _, rest = line.partition(":")
        deps[path] = rest.split()
        by_name[os.path.basename(path).split(".")[0].replace("-", "_")] = path
    want = set()
    for name in MODULES:
        path = by_name[name]
        want.update([path] + deps[path])
    return base, sorted(want)


# --- cpio -----------------------------------------------------------------------------------------------------
def cpio_member(name, mode, data=b"", nlink=1, ino=0, rdev=(0, 0)):
    head = "070701" + "".join("%08x" % v for v in (ino, mode, 0, 0, nlink, 0, len(data), 0, 0, *rdev, len(name) + 1, 0))
    out = head.encode() + name.encode() + b"\0"
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(out) % 4)


def cpio(members, align=512):
    out = b"".join(members) + cpio_member("TRAILER!!!", 0)
    return out + b"\0" * (-len(out) % align)


DIR, EXEC, FILE, LINK, FIFO = 0o040755, 0o100755, 0o100644, 0o120777, 0o010755


def pre_archive():
    return cpio([cpio_member("isopod", DIR, nlink=2, ino=1), cpio_member("isopod/init", EXEC, nlink=2, ino=2),
                 cpio_member("init", EXEC, nlink=2, ino=2)], 2048)


def save_members():
    """See doc/FORMATS/handover.md: gives whatever /init is a second name, /isopod/i-1, what was i-1 becomes i-2, and so on."""
    names = ["init"] + [f"isopod/i-{k}" for k in range(1, 8)]
    return [cpio_member("isopod", DIR, nlink=2), cpio_member("isopod/r", FILE),
            *[cpio_member("isopod/r/" + n, FIFO, nlink=2, ino=0x69736F10 + k) for k, n in enumerate(names)],
            cpio_member("isopod/r", LINK, b".."),
            *[cpio_member(f"isopod/i-{k + 1}", FIFO, nlink=2, ino=0x69736F10 + k) for k in range(7, -1, -1)]]


def post_archive(shim, record, save=True):
    return cpio([*(save_members() if save else []), cpio_member("isopod", DIR, nlink=2), cpio_member("isopod/shim", EXEC, shim),
                 cpio_member("isopod/map", FILE, record), cpio_member("init", LINK, b"isopod/shim")], 2048)


def pad(data, to=2048):
    """At least eight zero bytes: the kernel's LZ4 reader takes them for the end of its stream."""
    return data + b"\0" * (8 + -(len(data) + 8) % to)


def compress(data, how):
    tool = {"gzip": ["gzip", "-1n"], "xz": ["xz", "-0", "--check=crc32"], "zstd": ["zstd", "-1", "-q", "-c"], "lz4": ["lz4", "-l", "-1", "-q", "-c"],
            "bzip2": ["bzip2", "-1"], "lzma": ["xz", "-0", "--format=lzma"]}
    return subprocess.run(tool[how], input=data, stdout=subprocess.PIPE, check=True).stdout if how != "none" else data


TEST_INIT = r"""#!/bin/sh
# argv[0] and the state the kernel left, before anything changes it
self=$0; args="$*"
mkdir -p /proc /sys /dev /mnt /stick /new
mount -t proc proc /proc
echo "T:self=$self pid=$$ args=$args"
echo "T:env=$(tr '\0' '\n' </proc/1/environ | sort | tr '\n' ' ')"
echo "T:status=$(grep -E '^(SigQ|SigPnd|ShdPnd|SigBlk|SigIgn|PPid|CapEff|Umask)' /proc/1/status | tr -s '\t\n' '  ')"
echo "T:stat=$(awk '{print $4, $5, $6, $7, $8}' /proc/1/stat)"
echo "T:fds=$(for f in 0 1 2; do readlink /proc/1/fd/$f; done | tr '\n' ' ')"
echo "T:mounts=$(cut -d' ' -f2 /proc/mounts | tr '\n' ' ')"
echo "T:which=@WHICH@"
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
word() { v=$(tr ' ' '\n' </proc/cmdline | sed -n "s/^t\.$1=//p"); echo "${v:-$2}"; }
for m in xhci_pci usb_storage uas sd_mod isofs vfat exfat nls_ascii nls_cp437 nls_utf8; do modprobe $m; done
if [ -n "$(word busy)" ]; then
	until [ -b /dev/sda1 ]; do sleep 0.1; done
	(exec 9</dev/sda1; echo "T:holding"; sleep "$(word busy)"; echo "T:released") &
fi
if [ -n "$(word switch)" ]; then
	mount -t tmpfs tmpfs /new; mkdir -p /new/bin /new/proc /new/sys /new/dev; cp /bin/busybox /new/bin; ln -s busybox /new/bin/sh
	printf '#!/bin/busybox sh\nbusybox mount -t proc proc /proc; busybox sleep 3; echo "T:switched $(busybox ps | busybox grep -c [i]sopod)"; busybox poweroff -f\n' >/new/next; chmod 755 /new/next
	umount /proc /sys /dev
	exec switch_root /new /next
fi
found=
end=$(($(cut -d. -f1 /proc/uptime) + $(word wait 20)))
while [ -z "$found" ] && [ "$(cut -d. -f1 /proc/uptime)" -lt "$end" ]; do
	for d in /dev/dm-* /dev/loop[0-9] /dev/sd?[0-9]; do
		[ -b "$d" ] || continue
		mount -r -t iso9660 "$d" /mnt 2>/dev/null || continue
		[ -f /mnt/marker.txt ] && found=$d && break
		umount /mnt
	done
	sleep 0.2
done
# what the node leads to, whatever its name
b=$(basename "$(readlink "/sys/dev/block/$(grep " /mnt " /proc/self/mountinfo | cut -d" " -f3)")")
if [ -n "$found" ]; then
	echo "T:found=$b size=$(($(cat /sys/class/block/$b/size) * 512)) ro=$(cat /sys/class/block/$b/ro) marker=$(cat /mnt/marker.txt) sum=$(md5sum </mnt/data.bin | cut -d' ' -f1)"
else
	echo "T:found=none parts=$(ls /sys/block/sda 2>/dev/null | grep -c '^sda[0-9]')"
fi
# The documented command, as the kernel's log tells it, read and write, while the image is mounted.
if [ -n "$(word files)" ]; then
	line=$(dmesg | sed -n "s/.*isopod: the stick's files: //p")
	echo "T:command=$line"
	case $line in
	*loop,*)
		modprobe loop
		eval "${line%%&&*}"
		off=${line#*offset=}; off=${off%%,*}; disk=$(echo "$line" | grep -o '/dev/isopod-disk' | head -n 1)
		l=$(losetup -f); losetup -o "$off" "$l" "$disk"
		mount -t "$(word files)" "$l" /stick ;;
	*) eval "$(echo "$line" | sed 's:/mnt:/stick:g')" ;;
	esac
	echo hello >/stick/written.txt && sync && echo "T:files=$(ls /stick | tr '\n' ' ')"
	umount /stick; mount | grep -q /stick || echo "T:unmounted"
	[ -z "$l" ] || losetup -d "$l"
	echo "T:again=$(md5sum </mnt/data.bin | cut -d' ' -f1)"
fi
if [ -n "$(word keep)" ]; then
	k=$(word keep)
	mount -t vfat "/dev/$k" /stick && echo kept >/stick/kept.txt && umount /stick
	echo "T:keep=$(cat "/sys/class/block/$k/ro") $(($(cat "/sys/class/block/$k/size") * 512)) again=$(md5sum </mnt/data.bin | cut -d' ' -f1)"
fi
echo "T:nodes=$(for f in sda isopod-disk sda1 isopod-volume; do stat -c '%n %t:%T' /dev/$f 2>/dev/null; done | tr '\n' ' ')label=$(readlink /dev/disk/by-label/SHIMTEST)"
echo "T:watching=$(ps | grep -c '[i]sopod')"
for i in $(seq "$(word linger 15)"); do
	ps | grep -q '[i]sopod' || break
	sleep 1
done
echo "T:parts=$(ls /sys/block/sda 2>/dev/null | grep '^sda[0-9]' | tr '\n' ' ')"
echo "T:left=$(ls -d /isopod 2>/dev/null) procs=$(ps | grep -c '[i]sopod') zombies=$(ps -o stat | grep -c '^Z') mounts=$(grep -c isopod /proc/mounts) dirs=$(ls / | tr '\n' ' ')"
echo "T:end"
poweroff -f
"""


class Initrd:
    """Builds the test's initramfs."""

    def __init__(self, version, busybox):
        self.members = [cpio_member(d, DIR, nlink=2) for d in ("bin", "sbin", "dev", "lib", "lib/modules", "lib/modules/" + version,
                                                              "usr", "usr/lib", "usr/lib/odd", "usr/lib/systemd", "etc")]
        self.members.append(cpio_member("dev/console", 0o020600, rdev=(5, 1)))
        self.members.append(cpio_member("bin/busybox", EXEC, open(busybox, "rb").read()))
        for name in run(busybox, "--list-full").decode().split():
            name = os.path.basename(name)
            if name not in ("busybox", "modprobe"):
                self.members.append(cpio_member("bin/" + name, LINK, b"busybox"))
        self.members.append(cpio_member("sbin/modprobe", LINK, b"../bin/busybox"))
        self.members.append(cpio_member("bin/modprobe", LINK, b"busybox"))
        base, files = module_files(version)
        dirs = set()
        for path in files:
            for i, c in enumerate(path):
                if c == "/":
                    dirs.add(path[:i])
        mod = "lib/modules/" + version + "/"
        self.members += [cpio_member(mod + d, DIR, nlink=2) for d in sorted(dirs)]
        self.members += [cpio_member(mod + f, FILE, open(base + "/" + f, "rb").read()) for f in files]
        keep = {os.path.basename(f).split(".")[0].replace("-", "_") for f in files}
        dep = "".join(l for l in open(base + "/modules.dep") if l.split(":")[0] in files)
        alias = "".join(l for l in open(base + "/modules.alias") if l.split()[-1] in keep)
        self.members.append(cpio_member(mod + "modules.dep", FILE, dep.encode()))
        self.members.append(cpio_member(mod + "modules.alias", FILE, alias.encode()))

    def build(self, link=None, which="main", script=TEST_INIT, bare=False):
        """link: where the init really is, /init being a symbolic link to it. bare: only /init, for a second initrd."""
        script = script.replace("@WHICH@", which).encode()
        tail = [cpio_member(link, EXEC, script), cpio_member("init", LINK, link.encode())] if link else [cpio_member("init", EXEC, script)]
        return cpio(([] if bare else self.members) + tail)


# --- sticks ---------------------------------------------------------------------------------------------------
def make_iso(work):
    root = work + "/iso"
    os.makedirs(root, exist_ok=True)
    token = binascii.hexlify(os.urandom(8)).decode()
    data = os.urandom(3 * MIB + 4321)
    open(root + "/marker.txt", "w").write(token)
    open(root + "/data.bin", "wb").write(data)
    run("xorriso", "-as", "mkisofs", "-r", "-J", "-V", "SHIMTEST", "-o", work + "/test.iso", root)
    return open(work + "/test.iso", "rb").read(), token, hashlib.md5(data).hexdigest()


class Stick:
    """A stick image with one data partition; self.extents: where the ISO lies."""
    persist = None  # (first byte, bytes) of a persistence file

    def __init__(self, path, iso, fs="exfat", size=96 * MIB, part=(MIB, 64 * MIB), signature=SIGNATURE, gpt=False, sector=512,
                 pieces=1, at=None, entry=True, second=None):
        """second: a further partition of 16 MiB behind the data partition, "esp" or "other"."""
        self.path, self.iso, self.part, self.signature, self.sector = path, iso, part, signature, sector
        self.gpt, self.second = gpt, second
        with open(path, "wb") as f:
            f.truncate(size)
        volume = path + ".vol"
        with open(volume, "wb") as f:
            f.truncate(min(part[1], 64 * MIB))
        if fs == "exfat":
            run("/usr/sbin/mkfs.exfat", "-L", "DATA", volume)
            self.serial = struct.unpack_from("<I", open(volume, "rb").read(512), 100)[0]
            self.extents = [(at or part[0] + 32 * MIB, len(iso))]
        else:
            run("/usr/sbin/mkfs.fat", "-F", "32", "-s", "1", "-S", str(sector), "-n", "DATA", volume)
            self.serial = struct.unpack_from("<I", open(volume, "rb").read(512), 67)[0]
            self.extents = self.fill_fat(volume, pieces)
        with open(volume, "rb") as v, open(path, "r+b") as f:
            f.seek(part[0])
            while block := v.read(MIB):
                if block.count(0) != len(block):
                    f.write(block)
                else:
                    f.seek(len(block), 1)
            f.seek(0)
            f.write(self.mbr(entry))
            if gpt:
                f.write(b"\0" * (sector - 512))
                f.write(self.gpt_sectors(size))
            if fs == "exfat":
                f.seek(self.extents[0][0])
                f.write(iso)
        os.unlink(volume)

    def keep(self):
        """A persistence file; what filesystem is in it, the shim does not ask."""
        self.persist = (self.part[0] + 48 * MIB, 8 * MIB)
        run("/usr/sbin/mkfs.fat", "-C", "-n", "KEEP", self.path + ".keep", str(self.persist[1] // 1024))
        with open(self.path + ".keep", "rb") as v, open(self.path, "r+b") as f:
            f.seek(self.persist[0])
            f.write(v.read())
        os.unlink(self.path + ".keep")
        return self

    def mbr(self, entry):
        b = bytearray(512)
        struct.pack_into("<I", b, 0x1B8, self.signature)
        s = self.sector
        if self.gpt:
            struct.pack_into("<B3xB3xII", b, 446, 0, 0xEE, 1, 0xFFFFFFFF)
        elif entry:
            struct.pack_into("<B3xB3xII", b, 446, 0, 7, self.part[0] // s, self.part[1] // s)
            if self.second:
                struct.pack_into("<B3xB3xII", b, 462, 0, 0xEF if self.second == "esp" else 0x83, sum(self.part) // s, 16 * MIB // s)
        b[510:] = b"\x55\xaa"
        return bytes(b)

    def gpt_sectors(self, size):
        """The primary table alone; the kernel is told to take it (command line word `gpt`)."""
        s = self.sector
        table = bytearray(128 * 128)
        basic = bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7")
        struct.pack_into("<16s16sQQQ", table, 0, basic, b"P" * 16, self.part[0] // s, (self.part[0] + self.part[1]) // s - 1, 0)
        if self.second:
            esp = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
            struct.pack_into("<16s16sQQQ", table, 128, esp if self.second == "esp" else basic, b"Q" * 16, sum(self.part) // s,
                             (sum(self.part) + 16 * MIB) // s - 1, 0)
        last = size // s - 1
        head = bytearray(92)
        struct.pack_into("<8sIIIIQQQQ16sQIII", head, 0, b"EFI PART", 0x10000, 92, 0, 0, 1, last, 2 + len(table) // s, last - 33, GUID, 2, 128, 128,
                         binascii.crc32(table))
        struct.pack_into("<I", head, 16, binascii.crc32(head))
        return bytes(head) + b"\0" * (s - 92) + bytes(table)

    def fill_fat(self, volume, pieces, cluster=None):
        def m(tool, *args):
            return run(tool, "-i", volume, *args).decode()
        cluster = cluster or self.sector
        m("mmd", "::/images")
        if pieces > 1:
            # Fill with small files, delete every second one, write the ISO into the holes, then the rest behind.
            hole = (len(self.iso) // pieces) // cluster * cluster
            filler = volume + ".f"
            open(filler, "wb").write(b"f" * hole)
            for i in range(2 * pieces):
                m("mcopy", filler, f"::/f{i}")
            m("mdel", *[f"::/f{i}" for i in range(0, 2 * pieces, 2)])
            os.unlink(filler)
            with open(volume, "r+b") as f:  # FSI_Nxt_Free: unknown, so that the search begins at the first hole
                f.seek(self.sector + 492)
                f.write(b"\xff" * 4)
        iso = volume + ".iso"
        open(iso, "wb").write(self.iso)
        m("mcopy", iso, "::/images/x.iso")
        os.unlink(iso)
        boot = open(volume, "rb").read(512)
        reserved, fats, fat_len = struct.unpack_from("<H", boot, 14)[0], boot[16], struct.unpack_from("<I", boot, 36)[0]
        data = (reserved + fats * fat_len) * self.sector + self.part[0]
        out, left = [], len(self.iso)
        for a, b in re.findall(r"<(\d+)(?:-(\d+))?>", m("mshowfat", "::/images/x.iso")):
            n = min(left, (int(b or a) - int(a) + 1) * cluster)
            out.append((data + (int(a) - 2) * cluster, n))
            left -= n
        assert left == 0 and (len(out) > 1) == (pieces > 1), out
        return out

    def record(self, **wrong):
        iso = self.iso
        path = "/images/x.iso".encode()
        ext = b"".join(struct.pack("<QQ", *e) for e in self.extents)
        end = 0x80 + len(ext) + len(path)
        chunks = struct.pack("<IIQQ", 16, 16, *self.persist) if self.persist else b""
        gap = -end % 8 if chunks else 0
        r = bytearray(struct.pack("<8sIIII16sQQIIIIQIIIIQIIII8x", b"ISOPODH2", end + gap + len(chunks), 0, int(self.gpt), self.signature,
                                  GUID if self.gpt else bytes(16), *self.part, 1, self.serial, self.sector,
                                  binascii.crc32(iso[32768:32768 + 2048]), len(iso), len(self.extents), 0x80 + len(ext), len(path), 0,
                                  *getattr(self, "state", (0, 0, 0)), end + gap if chunks else 0, len(chunks)))
        r += ext + path + bytes(gap) + chunks
        struct.pack_into("<I", r, 12, binascii.crc32(r))
        if wrong.get("damaged"):
            r[0x48] ^= 1
        return bytes(r)


# How the nth stick is plugged in.
BUSES = {"usb-storage": ["usb-storage,id=u{i},drive=d{i},bus=xhci.0"],
         "usb-bot": ["usb-bot,id=u{i},bus=xhci.0", "scsi-hd,bus=u{i}.0,drive=d{i},logical_block_size={n},physical_block_size={n}"],
         "uas": ["usb-uas,id=u{i},bus=xhci.0", "scsi-hd,bus=u{i}.0,drive=d{i}"],
         "ahci": ["ide-hd,id=u{i},drive=d{i},bus=ide.{i}"],
         "nvme": ["nvme,id=u{i},serial=s{i},drive=d{i}"],
         "sd": ["sdhci-pci", "sd-card,id=u{i},drive=d{i}"]}


# --- running --------------------------------------------------------------------------------------------------
class Machine:
    def __init__(self, work, kernel, initrd, sticks, words="", memory=320):
        self.log_path = work + "/serial.log"
        open(work + "/initrd", "wb").write(initrd)
        cmd = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-cpu", "max", "-m", str(memory), "-display", "none", "-no-reboot",
               "-nodefaults", "-serial", "file:" + self.log_path, "-monitor", "none", "-qmp", f"unix:{work}/qmp,server=on,wait=off",
               "-kernel", kernel, "-initrd", work + "/initrd", "-append", "console=ttyS0 panic=-1 no_timer_check t.plain=1 odd.word=1 plainword key=value " + words,
               "-device", "qemu-xhci,id=xhci"]
        for i, s in enumerate(sticks):
            cmd += ["-drive", f"if=none,id=d{i},format=raw,file={s.path},cache=unsafe{getattr(s, 'drive', '')}"] + getattr(s, "beside", [])
            # usb-storage has sectors of 512 bytes only
            for device in BUSES[getattr(s, "bus", "usb-storage" if s.sector == 512 else "usb-bot")]:
                cmd += ["-device", device.format(i=i, n=s.sector)]
        if os.path.exists(self.log_path):
            os.unlink(self.log_path)
        self.p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.qmp_path = work + "/qmp"

    def log(self):
        try:
            return open(self.log_path, "rb").read().decode("utf-8", "replace").replace("\r", "")
        except FileNotFoundError:
            return ""

    def wait_for(self, text, timeout):
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.p.poll() is None:
            if text in self.log():
                return True
            time.sleep(0.2)
        return text in self.log()

    def qmp(self, command, **args):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(self.qmp_path)
        f = s.makefile("rw")
        f.readline()
        for c in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": args}):
            f.write(json.dumps(c) + "\n")
            f.flush()
            while "return" not in (line := f.readline()):
                if "error" in line:
                    raise RuntimeError(line)
        s.close()

    def finish(self, timeout=120):
        try:
            self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            return self.log() + "\n(timeout)\n"
        return self.log()


def words_of(log):
    return {k: v for k, v in re.findall(r"^T:(\w+)=?(.*)$", log, re.M)}


class Tests:
    def __init__(self, work):
        self.work = work
        self.kernel, version, busybox = fetch_kernel()
        self.base = Initrd(version, busybox)
        self.iso, self.token, self.sum = make_iso(work)
        self.shim = open(B + "/stick/SHIMX64", "rb").read()
        self.bad = []

    def check(self, cond, what):
        if not cond:
            self.bad.append(what)

    def stick(self, name="stick", **kw):
        return Stick(f"{self.work}/{name}.img", self.iso, **kw)

    def saved(self, original, stick, **kw):
        return pad(original) + post_archive(kw.get("shim", self.shim), stick.record(**{k: v for k, v in kw.items() if k == "damaged"}))

    def framed(self, original, stick):
        return pre_archive() + pad(original) + post_archive(self.shim, stick.record(), save=False)

    def initrd(self, how="gzip", **kw):
        return compress(self.base.build(**kw), how)

    def boot(self, initrd, sticks, words="", timeout=120):
        return Machine(self.work, self.kernel, initrd, sticks, words).finish(timeout)

    def good(self, log, dev="sda1", size=None, self_name="/init", which="main"):
        """The common expectations: the image is there, whole and read-only; nothing of Isopod is left."""
        w = words_of(log)
        self.log = log
        found = re.match(r"(\S+) size=(\d+) ro=(\d) marker=(\S+) sum=(\S+)", w.get("found", ""))
        self.check(found, "no image seen: " + w.get("found", "nothing printed"))
        if found:
            self.check(re.fullmatch(dev, found[1]), f"on {found[1]} instead of {dev}")
            self.check(int(found[2]) == (size or len(self.iso)), f"size {found[2]} instead of {size or len(self.iso)}")
            self.check(found[3] == "1", "it can be written to")
            self.check(found[4] == self.token and found[5] == self.sum, "its content is wrong")
        self.check(re.search(r"isopod: \S+ now shows /images/x.iso", log), "no message of success")
        self.ran(w, self_name, which)
        self.clean(w)
        self.named(w, dev)
        return w

    def named(self, w, dev):
        """The disk's own node leads to the image. A live system that looks at partitions only finds a mapped image by the partition's name, or by
        label."""
        number = {"s": "8", "d": "(fd|fe|fc|fb)", "l": "7"}[dev[0]]
        nodes = w.get("nodes", "")
        if dev in ("sda1",) or dev[0] != "s":
            self.check(re.search(rf"/dev/sda {number}:[1-9]?\d* /dev/isopod-disk 8:0 /dev/sda1 ", nodes), "nodes: " + nodes)
            self.check("/dev/sda 8:0" not in nodes, "the disk's node is the disk's")
        if dev[0] != "s":
            self.check(re.search(rf"/dev/sda1 {number}:\d+ /dev/isopod-volume 8:1 label=\.\./\.\./{dev}", nodes), "nodes: " + nodes)

    def ran(self, w, self_name="/init", which="main"):
        self.check(w.get("self", "").startswith(self_name + " pid=1 "), "init ran as " + w.get("self", "nobody"))
        self.check(w.get("which") == which, f"the init of {w.get('which')} ran")

    def clean(self, w):
        self.check(w.get("left", "").startswith(" procs=0 zombies=0 mounts=0"), "left behind: " + w.get("left", "no line"))
        self.check("end" in w, "the test init did not end")

    # Each case below is one boot (or two). --------------------------------------------------------------------
    def case_init_cannot_tell(self):
        s = self.stick()
        plain = words_of(self.boot(self.initrd(), [s], "t.wait=1 t.linger=1"))
        w = self.good(self.boot(self.saved(self.initrd(), s), [s], "t.wait=20"))
        for key in ("self", "env", "stat", "fds", "mounts"):
            if key == "self":
                a, b = plain[key], w[key]
            else:
                a, b = (x.get(key, "?").replace("t.wait=1 t.linger=1", "").replace("t.wait=20", "") for x in (plain, w))
            self.check(a == b, f"{key}: {a!r} without, {b!r} with the shim")
        self.check(re.sub(r"SigQ: \S+", "", plain["status"]) == re.sub(r"SigQ: \S+", "", w["status"]), "status differs: " + plain["status"] + " / " + w["status"])

    def case_link_anywhere_xz(self):
        s = self.stick()
        self.good(self.boot(self.saved(self.initrd("xz", link="usr/lib/odd/first-stage"), s), [s]))

    def case_systemd_link_zstd_framed(self):
        s = self.stick()
        self.good(self.boot(self.framed(self.initrd("zstd", link="usr/lib/systemd/systemd"), s), [s]), self_name="/usr/lib/systemd/systemd")

    def case_plain_microcode_framed(self):
        s = self.stick()
        early = cpio([cpio_member("kernel", DIR), cpio_member("kernel/x86", DIR), cpio_member("kernel/x86/note", FILE, b"x" * 700)])
        self.good(self.boot(self.framed(early + self.initrd("none"), s), [s]))

    def case_second_initrd_without_init_lz4(self):
        s = self.stick()
        extra = compress(cpio([cpio_member("extra", FILE, b"extra")]), "gzip")
        log = self.boot(self.saved(self.initrd("lz4"), s) + self.saved(extra, s), [s])
        self.check("extra" in self.good(log).get("left", ""), "the second initrd was not unpacked")

    def case_second_initrd_with_init_bzip2(self):
        s = self.stick()
        second = compress(self.base.build(which="second", bare=True), "gzip")
        self.good(self.boot(self.saved(self.initrd("bzip2"), s) + self.saved(second, s), [s]), which="second")

    def case_first_initrd_without_init_lzma(self):
        s = self.stick()
        extra = compress(cpio([cpio_member("extra", FILE, b"extra")]), "gzip")
        self.good(self.boot(self.saved(extra, s) + self.saved(self.initrd("lzma"), s), [s]))

    def case_files_reachable(self):
        s = self.stick(fs="fat32")
        w = self.good(self.boot(self.saved(self.initrd(), s), [s], "t.files=vfat"))
        self.check(f"offset={s.part[0]},sizelimit={s.part[1]} /dev/isopod-disk /mnt" in w.get("command", ""), "the command told is " + w.get("command", "none"))
        self.check("written.txt" in w.get("files", "") and "images" in w.get("files", ""), "on the volume: " + w.get("files", "nothing"))
        self.check("unmounted" in w and w.get("again") == self.sum, "the image changed under the mounted volume")
        self.check(b"hello" in run("mtype", "-i", f"{s.path}@@{s.part[0]}", "::/written.txt"), "the file is not on the stick afterwards")

    def case_pieces_device_mapper(self):
        s = self.stick(fs="fat32", pieces=5)
        self.good(self.boot(self.saved(self.initrd(), s), [s]), dev=r"dm-\d+")
        self.check(re.search(r"now shows .* in \d+ pieces", self.log), "the pieces are not told")

    def case_pieces_file_loop(self):
        s = self.stick(fs="fat32", pieces=5)
        w = self.good(self.boot(self.saved(self.initrd(), s), [s], "isopod.use=file t.files=vfat"), dev=r"loop\d+")
        self.check("written.txt" in w.get("files", ""), "on the volume: " + w.get("files", "nothing"))

    def case_one_piece_loop(self):
        s = self.stick()
        self.good(self.boot(self.saved(self.initrd(), s), [s], "isopod.use=loop"), dev=r"loop\d+")

    def case_one_piece_device_mapper(self):
        s = self.stick()
        self.good(self.boot(self.saved(self.initrd(), s), [s], "isopod.use=dm"), dev=r"dm-\d+")

    def kept(self, s, w):
        self.check(w.get("keep") == f"0 {s.persist[1]} again={self.sum}", "the persistence file: " + w.get("keep", "not seen"))
        self.check(b"kept" in run("mtype", "-i", f"{s.path}@@{s.persist[0]}", "::/kept.txt"), "what was written is not on the stick")

    def case_persist_partition(self):
        s = self.stick(second="esp").keep()
        self.kept(s, self.good(self.boot(self.saved(self.initrd(), s), [s], "t.keep=sda3")))
        self.check("sda3 keeps what the system changes" in self.log, "nothing is said of it")

    def case_persist_mapped(self):
        s = self.stick(fs="fat32", pieces=5).keep()
        self.kept(s, self.good(self.boot(self.saved(self.initrd(), s), [s], "t.keep=dm-1"), dev=r"dm-0"))

    def case_persist_not_shown(self):
        """The image as a file: the data partition is in use, and nothing in it can be shown beside it."""
        s = self.stick(fs="fat32").keep()
        self.good(self.boot(self.saved(self.initrd(), s), [s], "isopod.use=file"), dev=r"loop\d+")
        self.check("nothing will be kept: the stick's own partition is in use" in self.log, "it is not told")

    def case_ia32_shim(self):
        s = self.stick()
        self.good(self.boot(self.saved(self.initrd(), s, shim=open(B + "/stick/SHIMIA32", "rb").read()), [s]))

    def case_ia32_shim_device_mapper(self):
        s = self.stick(fs="fat32", pieces=5)
        self.good(self.boot(self.saved(self.initrd(), s, shim=open(B + "/stick/SHIMIA32", "rb").read()), [s]), dev=r"dm-\d+")

    def case_large_sectors(self):
        s = self.stick(sector=4096)
        self.good(self.boot(self.saved(self.initrd(), s), [s]), dev=r"loop\d+")

    def case_gpt_beyond_2tib(self):
        tib = 1 << 40
        s = self.stick(gpt=True, size=3 * tib, part=(MIB, 3 * tib - 64 * MIB), at=2 * tib + 5 * MIB)
        self.good(self.boot(self.saved(self.initrd(), s), [s], "gpt"))

    def only_esp_hidden(self, words="", **kw):
        """The boot partition is out of the system's sight, a partition of the user's own is not."""
        for second, want in (("esp", "sda1"), ("other", "sda1 sda2")):
            s = self.stick(second=second, **kw)
            log = self.boot(self.saved(self.initrd(), s), [s], words)
            self.good(log)
            self.check(words_of(log).get("parts", "").strip() == want, f"{second}: partitions {words_of(log).get('parts')}")

    def case_boot_partition_hidden(self):
        self.only_esp_hidden()

    def case_boot_partition_hidden_gpt(self):
        self.only_esp_hidden("gpt", gpt=True)

    def case_no_such_partition(self):
        s = self.stick(entry=False)
        self.good(self.boot(self.saved(self.initrd(), s), [s]))

    def case_busy_for_a_while(self):
        s = self.stick()
        log = self.boot(self.saved(self.initrd(), s), [s], "t.busy=8 t.wait=30")
        self.good(log)
        self.check("isopod: the stick's partition on sda is in use; waiting" in log, "the wait is not told")
        self.check(0 <= log.find("T:released") < log.find("now shows"), "shown before it was let go")

    def case_foreign_sticks(self):
        """One with another signature, one with the right identity but another image in that place; ours comes third."""
        s = self.stick()
        a = Stick(self.work + "/foreign.img", self.iso, signature=0x12345678)
        shutil.copyfile(s.path, self.work + "/other.img")
        with open(self.work + "/other.img", "r+b") as f:
            f.seek(s.extents[0][0] + 32768 + 40)
            f.write(b"ANOTHER ISO")
        b = Stick.__new__(Stick)
        b.path, b.sector = self.work + "/other.img", 512
        self.good(self.boot(self.saved(self.initrd(), s), [a, b, s]), dev="sdc1")

    def case_only_another_image(self):
        s = self.stick()
        with open(s.path, "r+b") as f:
            f.seek(s.extents[0][0] + 32768 + 40)
            f.write(b"ANOTHER ISO")
        log = self.boot(self.saved(self.initrd(), s), [s], "t.wait=66 t.linger=1", 150)
        self.check("isopod: sda is the stick, but what lies at the place of /images/x.iso" in log, "no message")
        self.check("now shows" not in log and words_of(log).get("found", "").startswith("none parts=1"), "something was done")
        self.ran(words_of(log))

    def case_two_identical(self):
        s = self.stick()
        shutil.copyfile(s.path, self.work + "/clone.img")
        c = Stick.__new__(Stick)
        c.path, c.sector = self.work + "/clone.img", 512
        m = Machine(self.work, self.kernel, self.saved(self.initrd(), s), [s, c], "t.wait=40")
        told = m.wait_for("are both the stick", 60)
        self.check(told, "no message")
        time.sleep(5)
        self.check("now shows" not in m.log(), "one was taken by guess")
        m.qmp("device_del", id="u1")
        self.good(m.finish())

    def case_late_clone(self):
        s = self.stick()
        shutil.copyfile(s.path, self.work + "/clone.img")
        m = Machine(self.work, self.kernel, self.saved(self.initrd(), s), [s], "t.linger=20")
        self.check(m.wait_for("now shows", 60), "not shown")
        m.qmp("blockdev-add", driver="raw", **{"node-name": "late", "file": {"driver": "file", "filename": self.work + "/clone.img"}})
        m.qmp("device_add", driver="usb-storage", id="ul", drive="late", bus="xhci.0")
        log = m.finish()
        self.good(log)
        self.check(re.search(r"isopod: sdb is a second stick with the same identity; .* on sda", log), "no message")

    def case_plugged_in_late(self):
        s = self.stick()
        m = Machine(self.work, self.kernel, self.saved(self.initrd(), s), [], "t.wait=40")
        self.check(m.wait_for("T:which", 60), "init did not start")
        time.sleep(3)
        m.qmp("blockdev-add", driver="raw", **{"node-name": "late", "file": {"driver": "file", "filename": s.path}})
        m.qmp("device_add", driver="usb-storage", id="ul", drive="late", bus="xhci.0")
        self.good(m.finish())

    def case_never_appears(self):
        s = self.stick()
        log = self.boot(self.saved(self.initrd(), s), [], "quiet t.wait=66 t.linger=1", 150)
        self.check("isopod: the stick with /images/x.iso has not appeared within 60 seconds" in log, "no message")
        self.ran(words_of(log))
        self.check("end" in words_of(log), "the test init did not end")

    def case_root_switched(self):
        s = self.stick()
        log = self.boot(self.saved(self.initrd(), s), [], "t.switch=1")
        self.check("T:switched 0" in log, "the watcher lives on after the root was switched: " + str(re.findall("T:switched.*", log)))

    def case_damaged_record(self):
        s = self.stick()
        log = self.boot(self.saved(self.initrd(), s, damaged=True), [s], "t.wait=4")
        self.check("isopod: the record /isopod/map is of no use: damaged (checksum" in log, "no message")
        w = words_of(log)
        self.check(w.get("found", "").startswith("none parts=1"), "found: " + w.get("found", "?"))
        self.ran(w)
        self.clean(w)


def run_cases(tests, chosen):
    """Carries out the cases of the class `tests` that chosen(name, names) takes, names being those of the command line; the status to end with."""
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="isopod-shim-") as work:
        t = tests(work)
        for name in [n[5:] for n in vars(tests) if n.startswith("case_")]:
            if not chosen(name, names):
                continue
            t.bad, t.log, start = [], "", time.monotonic()
            try:
                getattr(t, "case_" + name)()
            except Exception as e:  # a case that cannot be carried out has failed
                t.bad.append(f"{type(e).__name__}: {e}")
            passed, failed = passed + (not t.bad), failed + bool(t.bad)
            print(("FAILED %s (%.0f s): " if t.bad else "ok %s (%.0f s)") % (name, time.monotonic() - start) + "; ".join(t.bad), flush=True)
            if (t.bad or VERBOSE) and os.path.exists(work + "/serial.log"):
                log = open(work + "/serial.log", errors="replace").read().splitlines()
                print("\n".join(log if VERBOSE else log[-25:]), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_cases(Tests, lambda name, names: name in names if names else ALL or name in SHORT))
