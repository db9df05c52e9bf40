# SPDX-License-Identifier: BSD-2-Clause
"""Secure Boot with a key of the test's own: made, enrolled beside Microsoft's keys, and signed with.

OVMF keeps its variables in a firmware volume (PI specification, volume 3, 3.2.1): a header with its length at 48, then a store (28 bytes:
GUID, u32 size, ...), then variables, each at a multiple of 4: u16 0x55AA, u8 state, ..., +4 u32 attributes, +36 u32 bytes of the name, +40
u32 bytes of the data, +44 vendor's GUID, name and data from +60 on (EDK II, MdeModulePkg/Include/Guid/VariableFormat.h)."""

import os
import struct
import subprocess
import uuid

MS_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
SECURITY_DATABASE = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f").bytes_le
OWNER = "15090d00-7e57-0000-0000-000000000001"
HEADER, ADDED, DELETED = 60, 0x3F, 0x3D


def run(*args, **kw):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, **kw).stdout


def make_key(folder, name="Isopod's tests"):
    """A key and its certificate: what sign() takes."""
    key, cert = os.path.join(folder, "db.key"), os.path.join(folder, "db.crt")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=%s/" % name, "-keyout", key, "-out",
        cert)
    return key, cert


def sign(pair, program, out):
    run("sbsign", "--key", pair[0], "--cert", pair[1], "--output", out, program)


def variables(store):
    """(offset, state, name, vendor, data) of each."""
    at = struct.unpack_from("<H", store, 48)[0]
    if store[at:at + 16] != STORE:
        raise RuntimeError("not a store of OVMF's variables")
    at += 28
    while store[at:at + 2] == b"\xAA\x55":
        name_size, data_size = struct.unpack_from("<II", store, at + 36)
        name = store[at + HEADER:at + HEADER + name_size].decode("utf-16-le").rstrip("\0")
        yield at, store[at + 2], name, store[at + 44:at + HEADER], store[at + HEADER + name_size:at + HEADER + name_size + data_size]
        at = (at + HEADER + name_size + data_size + 3) & ~3
    yield at, 0, "", b"", b""  # the end


def enroll(pair, out, base=MS_VARIABLES):
    """Variables with Secure Boot on, Microsoft's certificates and ours in db."""
    listed = out + ".esl"
    run("cert-to-efi-sig-list", "-g", OWNER, pair[1], listed)
    with open(listed, "rb") as f:
        ours = f.read()
    os.unlink(listed)
    with open(base, "rb") as f:
        store = bytearray(f.read())
    *found, (end, *_) = variables(store)
    at, _, _, _, data = next(v for v in found if v[1] == ADDED and v[2] == "db" and v[3] == SECURITY_DATABASE)
    head = bytearray(store[at:at + HEADER])
    struct.pack_into("<I", head, 40, len(data) + len(ours))
    store[at + 2] = DELETED
    new = bytes(head) + "db\0".encode("utf-16-le") + data + ours
    store[end:end + len(new)] = new
    with open(out, "wb") as f:
        f.write(store)


def esp_of(stick):
    """As mtools name it: the last partition."""
    table = run("sfdisk", "-d", stick, env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"), text=True)
    start = [line.split("start=")[1].split(",")[0] for line in table.splitlines() if "start=" in line][-1]
    return "%s@@%d" % (stick, int(start) * 512)


def sign_stick(pair, stick):
    """The boot manager on its ESP, as a user with keys of his own would sign it."""
    esp, program = esp_of(stick), stick + ".efi"
    run("mcopy", "-o", "-i", esp, "::EFI/BOOT/BOOTX64.EFI", program)
    sign(pair, program, program)
    run("mcopy", "-o", "-i", esp, program, "::EFI/BOOT/BOOTX64.EFI")
    os.unlink(program)
