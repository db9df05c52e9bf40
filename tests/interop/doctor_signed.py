#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who signed an EFI program, and does a machine's firmware trust that? Authorities of our own bear the names of the real ones: openssl makes
them, sbsign and osslsigncode sign, sbverify and osslsigncode verify, efitools makes db and dbx."""
import hashlib, os, shutil, struct, uuid

from cli_common import B, check, equal, finish, must, run, workdir
from doctor_common import expect, findings, no_alarm, of, patched, shims
from doctor_firmware import bios, pesign_digest, siglist, uefi
import windows_media

PROGRAM = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"
PCA2011, CA2023, UEFI2011 = "Microsoft Windows Production PCA 2011", "Windows UEFI CA 2023", "Microsoft Corporation UEFI CA 2011"
CHECKS = "image.signature,firmware.signed,firmware.dbx"


def openssl(*args):
    run("openssl", *args, check=True)


def authority(tag, name, extensions="subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"):
    """An authority and a signer below it, TAG.key and TAG.pem; its signature list, as efitools writes it."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tag + ".ca.key", "-out", tag + ".ca.pem", "-days", "30", "-subj", "/O=Moth/CN=" + name)
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tag + ".key", "-out", tag + ".csr", "-subj", "/CN=Moth signer")
    with open(tag + ".ext", "w") as f:
        f.write(extensions)
    openssl("x509", "-req", "-in", tag + ".csr", "-CA", tag + ".ca.pem", "-CAkey", tag + ".ca.key", "-CAcreateserial", "-out", tag + ".pem", "-days", "30",
            "-extfile", tag + ".ext")
    run("cert-to-efi-sig-list", tag + ".ca.pem", tag + ".esl", check=True)
    with open(tag + ".esl", "rb") as f:
        return f.read()


def sign(tag, out, source=PROGRAM):
    run("sbsign", "--key", tag + ".key", "--cert", tag + ".pem", "--output", out, source, check=True)
    equal(run("sbverify", "--cert", tag + ".ca.pem", out).returncode, 0, "sbverify of " + out)
    return out


def look(image, **machine):
    return findings("--only", CHECKS, "--inventory", uefi("m.inv", **machine), image)


def tbs_list(pem):
    """dbx by the hash of a certificate (UEFI, EFI_CERT_X509_SHA256): of what its issuer signed, which openssl cuts out."""
    openssl("x509", "-in", pem, "-outform", "DER", "-out", "c.der")
    place = run("openssl", "asn1parse", "-inform", "DER", "-in", "c.der").stdout.splitlines()[1]  # d=1: the first inside the outermost
    at, head, size = int(place.split(":")[0]), int(place.split("hl=")[1].split()[0]), int(place.split(" l=")[1].split()[0])
    with open("c.der", "rb") as f:
        tbs = f.read()[at:at + head + size]
    return uuid.UUID("3bd2a492-96c0-4079-b420-fcf98ef103ed").bytes_le + struct.pack("<III", 28 + 64, 0, 64) + bytes(16) + hashlib.sha256(tbs).digest() + bytes(16)


def verdicts(old, new):
    for tag, name, own, other, advice in (("old", PCA2011, old, new, "2023"), ("new", CA2023, new, old, "certificates of 2023")):
        image = sign(tag, tag + ".efi")
        got = look(image, secure=1, db=own)
        no_alarm(got, name + " trusted")
        expect(got, "firmware.signed", "good", name, "db")
        expect(got, "image.signature", "good", name, "unchanged")
        got = look(image, secure=1, db=other)
        expect(got, "firmware.signed", "problem", name, "refuses", advice)
        got = look(image, secure=0, db=other)
        no_alarm(got, "Secure Boot is off")
        expect(got, "firmware.signed", "note", name, "if it were on")
        no_alarm(look(image, secure=0, db=own), "off and trusted")
        got = look(image, secure=1)
        expect(got, "firmware.signed", "skipped", name, "not known")
        for what, dbx in (("certificate", own), ("hash of the certificate", tbs_list(tag + ".pem"))):
            got = look(image, secure=1, db=own + other, dbx=dbx)
            expect(got, "firmware.signed", "problem", "revoked")
            expect(got, "firmware.dbx", "problem", "dbx")
            expect(look(image, secure=0, db=own, dbx=dbx), "firmware.dbx", "warning")
        got = look(image, secure=1, db=own, dbx=siglist(pesign_digest(image)))
        expect(got, "firmware.signed", "problem", "by its hash")
        no_alarm(look(image, secure=1, db=siglist(bytes(32), pesign_digest(image))), name + ": its hash is in db")
        no_alarm(look(image, secure=1, db=own, dbx=other), name + ": another one is revoked")
    got = findings("--only", "image.signature", "--no-machine", "old.efi")
    expect(got, "image.signature", "good", PCA2011)
    got = findings("--only", CHECKS, "--inventory", bios("b.inv"), "old.efi")
    equal([f[0] for f in got], ["image.signature"], "in BIOS mode only the program itself counts")


def impostors(old):
    """The name alone does not make a signature: an authority of the same name with another key; a loader that signs itself."""
    authority("false", PCA2011)
    got = look(sign("false", "false.efi"), secure=1, db=old)
    expect(got, "firmware.signed", "problem", PCA2011, "not in this machine's db")
    # without key identifiers nothing but the keys themselves tells them apart
    authority("nameless", PCA2011, "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n")
    got = look(sign("nameless", "nameless.efi"), secure=1, db=old)
    expect(got, "firmware.signed", "problem", PCA2011, "not in this machine's db")
    expect(got, "image.signature", "good", PCA2011)
    uefi2011 = authority("uefi", UEFI2011)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "self.key", "-out", "self.pem", "-days", "30", "-subj", "/CN=Moth shim")
    shutil.copy("self.pem", "self.ca.pem")
    got = look(sign("self", "self.efi", "/usr/lib/shim/shimx64.efi"), secure=1, db=uefi2011)
    expect(got, "firmware.signed", "problem", "Moth shim")
    check(all("Microsoft" not in f[3] for f in of(got, "image.signature")), "a loader that signs itself is not Microsoft's: %r" % got)
    no_alarm(look(sign("uefi", "uefi.efi", "/usr/lib/shim/shimx64.efi"), secure=1, db=uefi2011), "a shim of an authority in db")
    expect(look("/usr/lib/shim/shimx64.efi.signed", secure=1, db=uefi2011), "image.signature", "good", UEFI2011)
    # two signatures: one that is trusted suffices, one that is revoked is too many
    shutil.copy("old.efi", "two.efi")
    run("sbsign", "--key", "uefi.key", "--cert", "uefi.pem", "--output", "two.efi", "two.efi", check=True)
    for db in (old, uefi2011):
        no_alarm(look("two.efi", secure=1, db=db), "one of two signatures is trusted")
    expect(look("two.efi", secure=1, db=uefi2011, dbx=old), "firmware.signed", "problem", "revoked")


def damage(old):
    size = os.path.getsize(PROGRAM)
    got = look(patched("old.efi", "damaged.efi", size // 2, None), secure=1, db=old)
    expect(got, "image.signature", "problem", "not what was signed", PCA2011)
    expect(got, "firmware.signed", "problem", "refuses")
    got = findings("--only", "image.signature", "--no-machine", "damaged.efi", rc=1)
    expect(got, "image.signature", "problem", "download")
    with open("old.efi", "rb") as f:
        data = f.read()
    got = look(patched("old.efi", "unreadable.efi", len(data) - 1400, bytes(1200)), secure=1, db=old)
    expect(got, "image.signature", "warning", "cannot be read")
    expect(got, "firmware.signed", "problem")
    # what was signed stands there untouched, and so does the program; the signature's own number, the last thing in it, is another one
    got = look(patched("old.efi", "forged.efi", len(data) - 40, None), secure=1, db=old)
    equal(run("sbverify", "--cert", "old.ca.pem", "forged.efi").returncode != 0, True, "sbverify of forged.efi")
    expect(got, "image.signature", "problem", "does not fit its signer's key", PCA2011)
    expect(got, "firmware.signed", "problem", "refuses", "forged")
    # signed in a way that nobody knows here: neither forged nor trusted
    kind = max(data.rfind(bytes.fromhex("2a864886f70d01010" + k)) for k in "1b")  # rsaEncryption, sha256WithRSAEncryption: the signer's is the last
    got = look(patched("old.efi", "foreign.efi", kind + 8, b"\x07"), secure=1, db=old)
    expect(got, "image.signature", "note", "of a kind that cannot be verified here", PCA2011)
    expect(got, "firmware.signed", "problem", "refuses", "foreign")
    # other hashes: osslsigncode signs with them and states the digest itself
    for name in ("sha1", "sha384", "sha512"):
        run("osslsigncode", "sign", "-h", name, "-certs", "old.pem", "-key", "old.key", "-in", PROGRAM, "-out", name + ".efi", check=True)
        no_alarm(look(name + ".efi", secure=1, db=old), name)
        expect(look(patched(name + ".efi", name + "-damaged.efi", size // 2, None), secure=1, db=old), "image.signature", "problem")


def sums():
    """Without a signature the header's checksum tells; binutils wrote it. None at all is no fault."""
    shutil.copy(PROGRAM, "summed.efi")
    no_alarm(findings("--only", "image.signature", "--no-machine", "summed.efi", rc=0), "a sound sum")
    with open("summed.efi", "rb") as f:
        data = bytearray(f.read())
    field = struct.unpack_from("<I", data, 0x3C)[0] + 24 + 64
    check(any(data[field:field + 4]), "there is a sum")
    data[len(data) // 2] ^= 1
    with open("changed.efi", "wb") as f:
        f.write(data)
    expect(findings("--only", "image.signature", "--no-machine", "changed.efi", rc=0), "image.signature", "warning", "checksum is not that")
    data[field:field + 4] = bytes(4)
    with open("none.efi", "wb") as f:
        f.write(data)
    no_alarm(findings("--only", "image.signature", "--no-machine", "none.efi", rc=0), "no sum")
    # what was signed anew without it
    run("osslsigncode", "sign", "-h", "sha256", "-certs", "old.pem", "-key", "old.key", "-in", PROGRAM, "-out", "signed.efi", check=True)
    with open("signed.efi", "r+b") as f:
        f.seek(field)
        f.write(b"\1\2\3\4")
    got = findings("--only", "image.signature", "--no-machine", "signed.efi", rc=0)
    no_alarm(got, "the digest counts more")
    expect(got, "image.signature", "good", "unchanged")


def media(old, new):
    """A medium as Windows' are, and a bare WIM: what is served as EFI/BOOT/BOOTX64.EFI is judged."""
    shims("data")
    loader = open("old.efi", "rb").read()
    windows_media.pe_tree("pe", programs={"Windows/Boot/EFI/bootmgfw.efi": loader})
    windows_media.wim("pe", "bare.wim", "--boot", "--compress=LZX")

    def other(machine):
        """Of another machine, without a sum of its own."""
        p = bytearray(open(PROGRAM, "rb").read())
        at = struct.unpack_from("<I", p, 0x3C)[0]
        struct.pack_into("<H", p, at + 4, machine)
        struct.pack_into("<I", p, at + 24 + 64, 0)
        return bytes(p)

    windows_media.tree("medium", {"efi/boot/bootx64.efi": loader, "efi/boot/bootia32.efi": other(0x14C), "efi/boot/bootaa64.efi": other(0xAA64), "sources/boot.wim": open("bare.wim", "rb").read()})
    for image in (windows_media.iso("medium", "win.iso", "-udf", "-J"), "bare.wim"):
        no_alarm(look(image, secure=1, db=old), image)
        expect(look(image, secure=1, db=new), "firmware.signed", "problem", "BOOTX64.EFI" if image == "bare.wim" else "bootx64.efi", PCA2011)
        expect(look(image, secure=1, db=old + new, dbx=old), "firmware.signed", "problem", "revoked", "2023")


def stick(trusted):
    """Our own boot manager, which nobody has signed: with Secure Boot on the stick is refused, whatever lies on it."""
    data = os.path.join(B, "stick")
    must("create", "s.img", "--size", "96M", data=data)
    got = findings("--only", CHECKS, "--inventory", uefi("m.inv", secure=1, db=trusted), "s.img", data=data, rc=1)
    expect(got, "firmware.signed", "problem", "EFI/BOOT/BOOTX64.EFI", "not signed", subject="s.img")
    no_alarm(findings("--only", CHECKS, "--inventory", uefi("m.inv", secure=0, db=trusted), "s.img", data=data, rc=0), "Secure Boot is off")


def main():
    old, new = authority("old", PCA2011), authority("new", CA2023)
    verdicts(old, new)
    impostors(old)
    damage(old)
    sums()
    media(old, new)
    stick(old)


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    with workdir():
        main()
    finish()
