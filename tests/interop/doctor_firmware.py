#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The doctor's checks of hazard 5: ACPI tables made by iasl and dumped by acpidump, revocation lists made by efitools, digests by
pesign and osslsigncode, SBAT levels, boot modes."""
import glob, json, os, random, shutil, struct, subprocess, uuid

from cli_common import check, equal, finish, isopod, make_data, one_line, run, skip, workdir
from doctor_machine import inventory

noise = random.Random(11)
GLOBAL = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
EFIVARS = "/sys/firmware/efi/efivars/"
SHA256_LIST = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328").bytes_le

DSDT = """
DefinitionBlock ("", "DSDT", 2, "ISOPOD", "MOTH", 1)
{
    Name (\\_S4, Package () { 4, 4, 0, 0 })
    %s
    Device (\\_SB.FAN0) { Name (_HID, EisaId ("PNP0C0B")) Name (_STR, Unicode ("_S3_ is not defined here")) }
}
"""
SLEEPS = """Name (\\_S3, Package () { 3, 3, 0, 0 })
    Method (\\_PTS, 1, Serialized) { Store (Arg0, \\PTSX) }
    Method (\\_WAK, 1, Serialized) { Return (Package () { 0, 0 }) }
    Name (\\PTSX, 0)"""
SSDT = """
DefinitionBlock ("", "SSDT", 2, "ISOPOD", "LARVA", 1)
{
    Name (\\XTRA, "an additional table")
}
"""


def fix_sum(t):
    t = bytearray(t)
    t[9] = 0
    t[9] = -sum(t) & 255
    return bytes(t)


def asl(name, text):
    with open(name + ".asl", "w") as f:
        f.write(text)
    run("iasl", "-p", name, name + ".asl", check=True)
    return open(name + ".aml", "rb").read()


def fadt(profile=2, flags=0):
    t = bytearray(276)
    struct.pack_into("<4sIBB6s8sI4sI", t, 0, b"FACP", 276, 6, 0, b"ISOPOD", b"MOTHFADT", 1, b"TEST", 1)
    struct.pack_into("<II", t, 36, 0, 0x7FE00040)
    t[45] = profile
    struct.pack_into("<I", t, 112, flags)
    t[131] = 5
    return fix_sum(t)


def madt():
    return fix_sum(struct.pack("<4sIBB6s8sI4sIII", b"APIC", 44, 5, 0, b"ISOPOD", b"MOTHAPIC", 1, b"TEST", 1, 0xFEE00000, 1))


def xsdt(addresses):
    return fix_sum(struct.pack("<4sIBB6s8sI4sI", b"XSDT", 36 + 8 * len(addresses), 1, 0, b"ISOPOD", b"MOTHXSDT", 1, b"TEST", 1) +
                   struct.pack("<%dQ" % len(addresses), *addresses))


def rsdp(xsdt_at, broken=False):
    t = bytearray(struct.pack("<8sB6sBIIQB3x", b"RSD PTR ", 0, b"ISOPOD", 2, 0, 36, xsdt_at, 0))
    t[8] = -sum(t[:20]) & 255
    t[32] = -sum(t) & 255
    if broken:
        t[24] ^= 0xff
    return bytes(t)


def folder(name, tables):
    shutil.rmtree(name, ignore_errors=True)
    os.mkdir(name)
    for n, t in tables.items():
        with open(os.path.join(name, n + ".dat"), "wb") as f:
            f.write(t)
    return name


def dump_text(path, tables):
    """[(name, address, bytes)] in the form of acpidump."""
    with open(path, "w") as f:
        for name, address, t in tables:
            f.write("%s @ 0x%016X\n" % (name, address))
            for i in range(0, len(t), 16):
                row = t[i:i + 16]
                f.write("    %04X: %s  %s\n" % (i, " ".join("%02X" % b for b in row).ljust(47),
                                                "".join(chr(b) if 32 <= b < 127 else "." for b in row)))
            f.write("\n")
    return path


def findings(r, check_id=None):
    try:
        found = json.loads(r.out)["findings"]
    except (ValueError, KeyError):
        check(False, "no JSON: status %d %r %r" % (r.rc, r.out[:200], r.err[:300]))
        return []
    return [f for f in found if check_id is None or f["check"] == check_id]


def doctor(*args, **kw):
    return isopod("doctor", "--json", *args, **kw)


def level(r, check_id):
    return sorted({f["level"] for f in findings(r, check_id)})


# --- ACPI -----------------------------------------------------------------------------------------------------------------------

def acpi():
    good, bare, ssdt = asl("good", DSDT % SLEEPS), asl("bare", DSDT % ""), asl("ssdt", SSDT)
    sound = {"dsdt": good, "ssdt1": ssdt, "facp": fadt(), "apic": madt()}
    r = doctor("--only", "firmware", "--acpi", folder("sound", sound))
    equal(r.rc, 0, "sound tables: status: " + r.err)
    for c in ("firmware.checksums", "firmware.tables", "firmware.sleep", "firmware.fadt"):
        equal(level(r, c), ["good"], "sound tables: " + c)
    evidence = findings(r, "firmware.sleep")[0]["evidence"]
    check("_S3 yes, _S4 yes, _PTS yes, _WAK yes" in evidence and "iasl" in evidence, "sleep of sound tables: " + evidence)
    equal(findings(r, "firmware.arguments"), [], "sound tables: no arguments are suggested")

    broken = bytearray(ssdt)
    broken[-2] ^= 0x10
    worse = bytearray(bare)
    worse[9] ^= 0x55
    moth = {"dsdt": bytes(worse), "ssdt1": bytes(broken), "facp": fadt(), "apic": madt()}
    for form in ("folder", "text"):
        if form == "folder":
            path = folder("moth", moth)
        else:
            path = dump_text("moth.txt", [("DSDT", 0, moth["dsdt"]), ("SSDT", 0, moth["ssdt1"]), ("FACP", 0, moth["facp"]), ("APIC", 0, moth["apic"])])
        r = doctor("--only", "firmware", "--acpi", path)
        equal(r.rc, 1, form + ": broken tables: status")
        bad = findings(r, "firmware.checksums")
        equal(sorted((f["subject"], f["level"]) for f in bad), [("DSDT", "problem"), ("SSDT1" if form == "folder" else "SSDT", "problem")],
              form + ": which tables are broken")
        check(all("ISOPOD" in f["evidence"] and f["fix"] for f in bad), form + ": evidence and fix: %r" % bad)
        sleep = findings(r, "firmware.sleep")
        equal([f["level"] for f in sleep], ["warning"], form + ": no _S3")
        check(sleep and "_S3 no, _S4 yes, _PTS no, _WAK no" in sleep[0]["evidence"], form + ": %r" % sleep)
        arguments = " ".join(f["fix"] for f in findings(r, "firmware.arguments"))
        check("acpi=off" in arguments and "acpi_no_auto_ssdt" in arguments and "price" in arguments, form + ": arguments: " + arguments)

    # Without acpica-tools: found by their bytes, and said so. A string that looks like the name does not count.
    os.makedirs("nopath", exist_ok=True)
    for path, want in (("sound", "_S3 yes, _S4 yes, _PTS yes, _WAK yes"), ("moth", "_S3 no, _S4 yes, _PTS no, _WAK no")):
        r = doctor("--only", "firmware", "--acpi", path, env={"PATH": os.path.abspath("nopath")})
        sleep = findings(r, "firmware.sleep")
        check(sleep and want in sleep[0]["evidence"] and "acpica-tools" in sleep[0]["evidence"], "without iasl: %r" % sleep)

    standby = dict(sound, dsdt=bare, facp=fadt(8, 1 << 20 | 1 << 21))
    r = doctor("--only", "firmware", "--acpi", folder("standby", standby))
    equal((r.rc, level(r, "firmware.sleep"), level(r, "firmware.fadt")), (0, ["note"], ["note"]), "modern standby, hardware-reduced")
    r = doctor("--only", "firmware", "--acpi", folder("server", dict(sound, dsdt=bare, facp=fadt(4))))
    equal((r.rc, level(r, "firmware.sleep")), (0, ["note"]), "a server need not sleep")
    cut = dict(sound, dsdt=good[:-7])
    r = doctor("--only", "firmware", "--acpi", folder("cut", cut))
    check(r.rc == 1 and any("bytes" in f["evidence"] and f["subject"] == "DSDT" for f in findings(r, "firmware.checksums")), "a table cut short")
    for missing in ("dsdt", "facp"):
        r = doctor("--only", "firmware", "--acpi", folder("missing", {k: v for k, v in sound.items() if k != missing}))
        equal((r.rc, level(r, "firmware.tables")), (1, ["problem"]), "no " + missing)
    roots(sound)
    hostile()


def roots(sound):
    at = {"facp": 0x7FE00000, "apic": 0x7FE00200, "ssdt1": 0x7FE00300, "dsdt": 0x7FE00040}
    blocks = [(n[:4].upper(), at[n], t) for n, t in sound.items()]
    listed = [at["facp"], at["apic"], at["ssdt1"]]
    cases = [("fitting", rsdp(0x7FE01000), xsdt(listed), 0, ["good"]),
             ("root pointer broken", rsdp(0x7FE01000, True), xsdt(listed), 1, ["problem"]),
             ("a stray entry", rsdp(0x7FE01000), xsdt(listed[:2] + [0x1234000]), 0, ["warning"]),
             ("an empty entry", rsdp(0x7FE01000), xsdt(listed[:2] + [0]), 0, ["warning"])]
    for what, r0, x, rc, want in cases:
        path = dump_text("root.txt", [("RSDP", 0x7FE02000, r0), ("XSDT", 0x7FE01000, x)] + blocks)
        r = doctor("--only", "firmware", "--acpi", path)
        equal((r.rc, level(r, "firmware.tables")), (rc, want), "root tables: " + what)


def hostile():
    for name, data in (("empty", b""), ("text", b"no tables here\n"), ("cut.txt", b"DSDT @ 0x0\n    0000: 44 53\n    0020: 00\n"),
                       ("zeros", bytes(4096)), ("noise", noise.randbytes(4096))):
        with open(name, "wb") as f:
            f.write(data)
        r = doctor("--only", "firmware", "--acpi", name)
        check(r.rc == 1 and level(r, "firmware.checksums") == ["problem"] and not r.err, "hostile dump %s: %d %s" % (name, r.rc, r.err))
    os.makedirs("nothing", exist_ok=True)
    r = doctor("--only", "firmware", "--acpi", "nothing")
    check(r.rc == 1 and "no ACPI tables" in r.out, "a folder without tables")
    one_line(doctor("--only", "firmware", "--acpi", "not-there"), 3, "a dump that is not there", "not-there")
    one_line(doctor("--no-machine", "--acpi", "nothing", "noise"), 2, "--acpi without a machine", "--acpi")


def own_machine():
    """acpidump reads this machine's tables, acpixtract takes them apart: the same ones for us."""
    if not glob.glob("/sys/firmware/acpi/tables/DSDT") or not os.access("/sys/firmware/acpi/tables/DSDT", os.R_OK):
        skip("tables of this machine", "it shows none")
        return
    run("acpidump", "-o", "own.txt", check=True)
    os.makedirs("own", exist_ok=True)
    subprocess.run(["acpixtract", "-a", "../own.txt"], cwd="own", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    texts = [findings(doctor("--only", "firmware", *a), "firmware.checksums")[0]["evidence"] for a in (["--acpi", "own.txt"], ["--acpi", "own"])]
    equal(texts[0], texts[1], "acpidump's text and acpixtract's folder")
    names = {n.upper()[:4] for n in os.listdir("own")}
    live = findings(doctor("--only", "firmware"), "firmware.checksums")[0]["evidence"]
    check("DSDT" in names and "the checksums of" in live, "this machine's tables: " + live)


# --- Secure Boot ----------------------------------------------------------------------------------------------------------------

def siglist(*digests):
    return SHA256_LIST + struct.pack("<III", 28 + 48 * len(digests), 0, 48) + b"".join(bytes(16) + d for d in digests)


def uefi(path, secure=None, dbx=None, sbat=None, db=None, size="64", arch="x86_64", setup=0, **kw):
    data = {}
    if secure is not None:
        data[EFIVARS + "SecureBoot" + GLOBAL] = struct.pack("<IB", 6, secure)
        data[EFIVARS + "SetupMode" + GLOBAL] = struct.pack("<IB", 6, setup)
    if dbx is not None:
        data[EFIVARS + "dbx-d719b2cb-3d3a-4596-a3bc-dad00e67656f"] = struct.pack("<I", 0x27) + dbx
    if db is not None:
        data[EFIVARS + "db-d719b2cb-3d3a-4596-a3bc-dad00e67656f"] = struct.pack("<I", 0x27) + db
    if sbat is not None:
        data[EFIVARS + "SbatLevelRT-605dab50-e046-4300-abb6-3dd810dd8b23"] = struct.pack("<I", 6) + sbat.encode()
    files = {"/sys/firmware/efi/fw_platform_size": size + "\n", "/proc/sys/kernel/arch": arch + "\n",
             "/proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 94\nflags\t\t: fpu lm nx\n"}
    files.update(kw.get("files") or {})
    return inventory(path, files=files, data=data)


def bios(path, flags="fpu lm nx", **kw):
    return inventory(path, files={"/proc/cpuinfo": "processor\t: 0\nflags\t\t: %s\n" % flags}, **kw)


def pesign_digest(path):
    out = run("pesign", "-h", "-i", path).stdout.split()
    return next(bytes.fromhex(w) for w in out if len(w) == 64)


def osslsigncode_digest(path):
    """Of a signed file: what it calculates, not what the signature says."""
    for line in run("osslsigncode", "verify", path).stdout.splitlines():
        if "alculated message digest" in line:
            return bytes.fromhex(line.split(":")[1].split()[0])
    return None


PROGRAMS = ["/usr/lib/shim/shimx64.efi", "/usr/lib/shim/shimx64.efi.signed", "/usr/lib/shim/mmx64.efi.signed",
            "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "/usr/lib/ipxe/ipxe.efi"]


def secure():
    tools = set()
    for p in PROGRAMS:
        if not os.path.exists(p):
            skip(p, "not there")
            continue
        name = os.path.basename(p).replace(".signed", "-signed.efi")
        shutil.copy(p, name)
        # Signing pads a file to 8 bytes; efitools counts the padding in before it is there, the firmware does not.
        with open(name, "ab") as f:
            f.write(bytes(-os.path.getsize(name) % 8))
        lists = {"pesign": siglist(bytes(32), pesign_digest(name))}
        if "HASH IS" in run("hash-to-efi-sig-list", name, "tool.esl").stdout:
            lists["efitools"] = open("tool.esl", "rb").read()
        d = osslsigncode_digest(name) if "signed" in name else None
        if d:  # it does not take files with two signatures
            lists["osslsigncode"] = siglist(d)
        for tool, esl in lists.items():
            tools.add(tool)
            for state, rc, want in ((1, 1, "problem"), (0, 0, "warning")):
                r = doctor("--only", "firmware.dbx", "--inventory", uefi("m.inv", state, esl), name)
                got = [f["level"] for f in findings(r, "firmware.dbx") if f["subject"]]
                equal((r.rc, got), (rc, [want]), "%s revoked by %s, Secure Boot %d" % (name, tool, state))
        r = doctor("--only", "firmware.dbx", "--inventory", uefi("m.inv", 1, siglist(bytes(32))), name)
        equal((r.rc, level(r, "firmware.dbx")), (0, ["good"]), name + " not revoked")
        signed = doctor("--only", "firmware.signed", "--inventory", uefi("m.inv", 1), name)
        want = ["skipped"] if "signed" in name else ["problem"]  # by whom is known, whom the machine trusts is not
        equal(level(signed, "firmware.signed"), want, name + ": is it signed")
    equal(sorted(tools), ["efitools", "osslsigncode", "pesign"], "programs that computed a digest as well")
    states()
    certificates()
    sbat()


def states():
    for text, args, want in (("on", dict(secure=1), ["note"]), ("off", dict(secure=0), ["good"]), ("set-up mode", dict(secure=1, setup=1), ["good"]),
                             ("unknown", dict(), ["skipped"])):
        r = doctor("--only", "firmware.secureboot", "--inventory", uefi("m.inv", **args))
        equal((r.rc, level(r, "firmware.secureboot")), (0, want), "Secure Boot " + text)
    r = doctor("--only", "firmware.secureboot", "--inventory", bios("m.inv"))
    equal(level(r, "firmware.secureboot"), ["good"], "no Secure Boot in BIOS mode")
    # Hardware-reduced ACPI and no UEFI: a BIOS it was not.
    facp = {"/sys/firmware/acpi/tables/FACP": fadt(8, 1 << 20)}
    r = doctor("--only", "firmware", "--inventory", bios("r.inv", data=facp))
    equal(level(r, "firmware.secureboot"), ["skipped"], "neither BIOS nor UEFI")
    check("no BIOS mode" in r.out and "started in BIOS mode" not in r.out and "not started by UEFI" in r.out, "no contradiction: " + r.out)
    for what, dbx in (("cut", siglist(bytes(32))[:-5]), ("noise", noise.randbytes(333)), ("no room", SHA256_LIST + struct.pack("<III", 28, 0, 0))):
        r = doctor("--only", "firmware.dbx", "--inventory", uefi("m.inv", 1, dbx), "shimx64.efi")
        check(r.rc == 0 and "warning" in level(r, "firmware.dbx"), "dbx %s: %d %s" % (what, r.rc, r.out))


def certificates():
    """A loader signed by sbsign with a certificate that dbx holds (in an efitools list)."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-days", "30", "-subj", "/CN=isopod test", check=True)
    run("sbsign", "--key", "k.pem", "--cert", "c.pem", "--output", "own.efi", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi", check=True)
    run("cert-to-efi-sig-list", "c.pem", "c.esl", check=True)
    r = doctor("--only", "firmware.dbx", "--inventory", uefi("m.inv", 1, open("c.esl", "rb").read()), "own.efi")
    equal((r.rc, [f["level"] for f in findings(r, "firmware.dbx") if f["subject"]]), (1, ["problem"]), "a certificate in dbx")
    run("hash-to-efi-sig-list", "own.efi", "own.esl", check=True)
    r = doctor("--only", "firmware.dbx", "--inventory", uefi("m.inv", 1, open("own.esl", "rb").read()), "own.efi")
    equal(r.rc, 1, "signed by sbsign, revoked by its hash")


def sbat():
    grub = "grubx64.efi-signed.efi"
    text = run("objcopy", "-O", "binary", "--only-section=.sbat", grub, "/dev/stdout").stdout
    have = int(next(l.split(",")[1] for l in text.splitlines() if l.startswith("grub,")))
    for level_text, secure_on, rc, want in (("sbat,1,1\ngrub,%d\n" % have, 1, 0, "good"), ("sbat,1,1\ngrub,%d\n" % (have + 1), 1, 1, "problem"),
                                            ("sbat,1,1\ngrub,%d\n" % (have + 1), 0, 0, "warning"), ("sbat,1,1\nshim,99\n", 1, 0, "good"),
                                            ("nonsense", 1, 0, "good")):
        r = doctor("--only", "firmware.sbat", "--inventory", uefi("m.inv", secure_on, sbat=level_text), grub)
        equal((r.rc, level(r, "firmware.sbat")), (rc, [want]), "SBAT level %r, Secure Boot %d" % (level_text, secure_on))
    r = doctor("--only", "firmware.sbat", "--inventory", uefi("m.inv", 1), grub)
    equal((r.rc, level(r, "firmware.sbat")), (0, ["good"]), "Debian's GRUB against the built-in level")
    # the built-in level is the one that shim carries
    carried = run("objcopy", "-O", "binary", "--only-section=.sbatlevel", "shimx64.efi", "/dev/stdout").stdout
    source = open(os.path.join(os.path.dirname(__file__), "../../cli/doctor/firmware_secure.c")).read()
    mine = source.split('builtin_level[] = "')[1].split('"')[0].replace("\\n", "\n")
    check(mine in carried, "the built-in SBAT level is not shim's: %r, %r" % (mine, carried))
    old = open(grub, "rb").read().replace(b"grub,%d,Free" % have, b"grub,1,Free")
    with open("old.efi", "wb") as f:
        f.write(old)
    for secure_on, want in ((1, "warning"), (0, "note")):
        r = doctor("--only", "firmware.sbat", "--inventory", uefi("m.inv", secure_on), "old.efi")
        equal((r.rc, level(r, "firmware.sbat")), (0, [want]), "an old generation against the built-in level")


def modes():
    os.makedirs("tree/EFI/BOOT", exist_ok=True)
    shutil.copy("/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "tree/EFI/BOOT/BOOTX64.EFI")
    run("dd", "if=/dev/zero", "of=tree/efi.img", "bs=1M", "count=4", check=True)
    run("mkfs.fat", "tree/efi.img", check=True)
    run("mmd", "-i", "tree/efi.img", "::EFI", "::EFI/BOOT", check=True)
    run("mcopy", "-i", "tree/efi.img", "tree/EFI/BOOT/BOOTX64.EFI", "::EFI/BOOT/BOOTX64.EFI", check=True)
    run("xorriso", "-as", "mkisofs", "-R", "-J", "-e", "efi.img", "-no-emul-boot", "-o", "x64.iso", "tree", check=True)
    for what, inv, rc, want in (("x64", uefi("m.inv", 0), 0, "good"), ("ia32", uefi("n.inv", 0, size="32"), 1, "problem"),
                                ("aa64", uefi("o.inv", 0, arch="aarch64"), 1, "problem"), ("bios", bios("p.inv"), 0, "warning")):
        r = doctor("--only", "firmware.mode", "--inventory", inv, "x64.iso")
        equal((r.rc, level(r, "firmware.mode")), (rc, [want]), "an x64 image on a machine of mode " + what)
    r = doctor("--only", "firmware", "--inventory", uefi("m.inv", 1, siglist(pesign_digest("tree/EFI/BOOT/BOOTX64.EFI"))), "x64.iso")
    check(r.rc == 1 and any("BOOTX64.EFI" in f["evidence"] and f["level"] == "problem" for f in findings(r, "firmware.dbx")),
          "a revoked loader inside an ISO: %s" % r.out)
    r = doctor("--only", "firmware", "--inventory", uefi("m.inv", 0, files={"/proc/cpuinfo": "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 55\nflags\t: lm\n"}), "x64.iso")
    check("intel_idle.max_cstate=1" in r.out, "Bay Trail: %s" % r.out)


def main():
    make_data("data", 1)
    acpi()
    own_machine()
    secure()
    modes()


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    with workdir():
        main()
    finish()
