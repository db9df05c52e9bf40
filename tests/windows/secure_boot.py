#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Microsoft's boot managers under Secure Boot, out of an ISO with the helper put into its boot.wim: the firmware checks their signature
against Microsoft's certificates; Isopod is signed with a key of the test's own that db has beside them. Without that signature it is refused."""
import os
import shutil

from genuine import B, OUT, boots, check, each, finish, run  # it says where the next one is
import secure  # noqa: E402

ISOPOD = os.path.join(B, "isopod")


def test(w, pair, variables):
    iso, stick = w.iso(OUT / "secure.iso", w.wim()), OUT / "secure.img"
    stick.unlink(missing_ok=True)
    run(ISOPOD, "create", stick, "--size", "512M", "--yes")
    run(ISOPOD, "add", stick, iso)
    run(ISOPOD, "next", stick, "/images/" + iso.name)
    how = {"firmware": "uefi-secure", "bus": "usb", "variables": variables}
    check(*boots(stick, w.name + "-secure-unsigned", want=r"Access Denied|Security Violation", fail=r"Memory Diagnostic", timeout=60, **how))
    secure.sign_stick(pair, str(stick))
    check(*boots(stick, w.name + "-secure", **how))


def main():
    found = [w for w in each() if "uefi" in w.firmwares()]
    folder = OUT / "secure"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    pair, variables = secure.make_key(str(folder)), str(folder / "variables.fd")
    secure.enroll(pair, variables)
    for w in found:
        test(w, pair, variables)
    finish()


main()
