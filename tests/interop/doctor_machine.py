# SPDX-License-Identifier: BSD-2-Clause
"""Machines for the tests of the doctor: inventories written by hand (doc/FORMATS/inventory.md)."""
import base64


def escape(s):
    return s.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def pci(vendor, device, subvendor, subdevice, cls, driver=None):
    """(bus, modalias, driver)"""
    return ("pci", "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X" % (vendor, device, subvendor, subdevice, cls >> 16, cls >> 8 & 255, cls & 255), driver)


# What `qemu-system-x86_64 -M q35 -device qemu-xhci -device virtio-...` shows to Linux.
XHCI = pci(0x1B36, 0x000D, 0x1AF4, 0x1100, 0x0C0330, "xhci_hcd")
AHCI = pci(0x8086, 0x2922, 0x1AF4, 0x1100, 0x010601, "ahci")
E1000E = pci(0x8086, 0x10D3, 0x8086, 0x0000, 0x020000, "e1000e")
NVME = pci(0x1B36, 0x0010, 0x1AF4, 0x1100, 0x010802, "nvme")
VIRTIO_NET = pci(0x1AF4, 0x1041, 0x1AF4, 0x1100, 0x020000, "virtio-pci")
VIRTIO_BLK = pci(0x1AF4, 0x1042, 0x1AF4, 0x1100, 0x010000, "virtio-pci")
VIRTIO = [("virtio", "virtio:d00000001v00001AF4", "virtio_net"), ("virtio", "virtio:d00000002v00001AF4", "virtio_blk")]
HOST = pci(0x8086, 0x29C0, 0x1AF4, 0x1100, 0x060000)
VGA = pci(0x1234, 0x1111, 0x1AF4, 0x1100, 0x030000, "bochs-drm")
QEMU = [HOST, VGA, XHCI, AHCI, E1000E, NVME, VIRTIO_NET, VIRTIO_BLK] + VIRTIO


def inventory(path, devices=(), files=None, data=None, vendor="QEMU", model="Standard PC (Q35 + ICH9, 2009)"):
    lines = ["isopod-inventory 1", "# made by a test"]
    text = {"/sys/class/dmi/id/sys_vendor": vendor + "\n", "/sys/class/dmi/id/product_name": model + "\n"}
    text.update(files or {})
    lines += ["text %s %s" % (p, escape(t)) for p, t in text.items()]
    lines += ["data %s %s" % (p, base64.b64encode(b).decode()) for p, b in (data or {}).items()]
    for i, (bus, modalias, driver) in enumerate(devices):
        d = "/sys/bus/%s/devices/%04d" % (bus, i)
        lines.append("text %s/modalias %s" % (d, escape(modalias + "\n")))
        if driver:
            lines.append("link %s/driver ../../../bus/%s/drivers/%s" % (d, bus, escape(driver)))
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    return path
