# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
about='a Debian installed in a raw disk image: GPT, ESP and BIOS boot partition with GRUB, XFS root found by UUID'
out=installedxfs.img
needs='instbase installed'

# proto FOLDER: the folder as mkfs.xfs wants to be told of it. It knows no sticky bits; those of /tmp and the like are set by systemd-tmpfiles.
proto() {
	python3 - "$1" <<'END'
import os
import stat
import sys


def entry(name, path):
    st = os.lstat(path)
    mode = f"{'u' if st.st_mode & 0o4000 else '-'}{'g' if st.st_mode & 0o2000 else '-'}{st.st_mode & 0o777:03o} {st.st_uid} {st.st_gid}"
    if stat.S_ISDIR(st.st_mode):
        print(f"{name} d{mode}")
        for n in sorted(os.listdir(path)):
            entry(n, os.path.join(path, n))
        print("$")
    elif stat.S_ISLNK(st.st_mode):
        print(f"{name} l{mode} {os.readlink(path)}")
    elif stat.S_ISCHR(st.st_mode):
        print(f"{name} c{mode} {os.major(st.st_rdev)} {os.minor(st.st_rdev)}")
    else:
        print(f"{name} -{mode} {path}")


print("/none\n0 0")
entry("", os.path.abspath(sys.argv[1]))
END
}

# xfs_root HOST: root.img
xfs_root() {
	export media version
	fakeroot bash -euc "$(declare -f grub_serial root_tree proto)
		root_tree $1 UUID=$root_uuid xfs; printf 'UUID=%s / xfs defaults 0 0\n' $root_uuid >root/etc/fstab; proto root >proto.txt
		truncate -s ${root_kib}K root.img; mkfs.xfs -q -m uuid=$root_uuid -L podroot -p proto.txt root.img; rm -r root proto.txt"
}

build() {
	# shellcheck source=/dev/null
	. "$here/m/installed.sh"
	out=installedxfs.img
	root_kib=524288 root_uuid=706f6469-6e73-4e07-8a07-697331300007
	disk_guid=706F6469-6E73-4E08-8A08-697331300007 root_guid=706F6469-6E73-4E09-8A09-697331300007
	version=$(cat "$media/instbase/version")
	xfs_root podxfs
	gpt_disk installedxfs.img
}
