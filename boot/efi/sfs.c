/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A volume read by the core's own file systems, served as EFI_SIMPLE_FILE_SYSTEM_PROTOCOL (UEFI 2.10 clauses 13.4, 13.5),
 * read-only. Used where the firmware has no driver: ISO 9660, or FAT in an El Torito image that it did not bind.
 *
 * EFI_FILE_INFO (clause 13.5.16), packed by us byte by byte:
 *   +0x00 u64 size of this record   +0x08 u64 file size     +0x10 u64 space on the medium
 *   +0x18 EFI_TIME[3] created, accessed, modified (16 bytes each; zeros: unknown)
 *   +0x48 u64 attributes            +0x50 CHAR16[] name, terminated
 * EFI_FILE_SYSTEM_INFO (clause 13.5.17):
 *   +0x00 u64 size   +0x08 u8 read-only   +0x10 u64 volume size   +0x18 u64 free   +0x20 u32 block size   +0x24 CHAR16[] label
 */
#include "boot/efi/efi.h"
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#define INFO_HEADER    0x50u
#define FS_INFO_HEADER 0x24u
#define PATH_UNITS     1024u

static const EFI_GUID guid_file_info = {0x09576e92, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const EFI_GUID guid_fs_info = {0x09576e93, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const EFI_GUID guid_fs_label = {0xdb47d7d3, 0xfe81, 0x11d3, {0x9a, 0x35, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};

struct pod_efi_sfs {
	EFI_SIMPLE_FILE_SYSTEM_PROTOCOL proto; /* first */
	EFI_BOOT_SERVICES *bs;
	struct pod_alloc *alloc;
	EFI_HANDLE handle;
	struct pod_fs fs;
	struct pod_dirent *entry; /* scratch */
	char path[POD_PATH_MAX];  /* scratch */
	uint32_t open_files;
	bool dead; /* withdrawn while somebody still holds it: answers EFI_NO_MEDIA for ever */
};

struct file {
	EFI_FILE_PROTOCOL proto; /* first */
	struct pod_efi_sfs *fs;
	struct pod_node node;
	struct pod_dir dir;
	uint64_t pos;
	char path[]; /* "/a/b"; "" is the root */
};

static struct file *file_of(EFI_FILE_PROTOCOL *p)
{
	return (struct file *)p;
}

static EFI_STATUS to_efi(enum pod_status st)
{
	switch (st) {
	case POD_OK:
		return EFI_SUCCESS;
	case POD_E_NOT_FOUND:
		return EFI_NOT_FOUND;
	case POD_E_NOMEM:
		return EFI_OUT_OF_RESOURCES;
	case POD_E_CHANGED:
		return EFI_NO_MEDIA;
	case POD_E_CORRUPT:
	case POD_E_FORMAT:
		return EFI_ERROR_BIT | 10; /* EFI_VOLUME_CORRUPTED */
	default:
		return EFI_DEVICE_ERROR;
	}
}

static EFI_STATUS new_file(struct pod_efi_sfs *fs, const char *path, const struct pod_node *node, EFI_FILE_PROTOCOL **out);

/* Appends `name` (with \ between components, "." and ".." allowed) to the path in fs->path. */
static EFI_STATUS join(struct pod_efi_sfs *fs, const char *base, const CHAR16 *name)
{
	size_t n = 0, len;

	if (name[0] == u'\\')
		base = "";
	len = pod_strlcpy(fs->path, base, sizeof(fs->path));
	for (size_t i = 0; i < PATH_UNITS; i = n) {
		const CHAR16 *part;

		while (name[i] == u'\\')
			i++;
		if (name[i] == 0)
			return EFI_SUCCESS;
		part = name + i;
		for (n = i; name[n] && name[n] != u'\\'; n++)
			if (n >= PATH_UNITS)
				return EFI_NOT_FOUND;
		if (n - i == 1 && part[0] == u'.')
			continue;
		if (n - i == 2 && part[0] == u'.' && part[1] == u'.') {
			while (len && fs->path[len - 1] != '/')
				len--;
			fs->path[len ? len - 1 : 0] = 0;
			len = len ? len - 1 : 0;
			continue;
		}
		if (len + 2 >= sizeof(fs->path))
			return EFI_NOT_FOUND;
		fs->path[len++] = '/';
		if (pod_utf16_to_utf8(part, n - i, fs->path + len, sizeof(fs->path) - len) != POD_OK)
			return EFI_NOT_FOUND;
		len += pod_strlen(fs->path + len);
	}
	return EFI_NOT_FOUND;
}

static EFI_STATUS file_open(EFI_FILE_PROTOCOL *This, EFI_FILE_PROTOCOL **NewHandle, const CHAR16 *FileName, uint64_t OpenMode,
			    uint64_t Attributes)
{
	struct file *f = file_of(This);
	struct pod_node node;
	EFI_STATUS st;

	(void)Attributes;
	if (!NewHandle || !FileName)
		return EFI_INVALID_PARAMETER;
	if (f->fs->dead)
		return EFI_NO_MEDIA;
	if (OpenMode != EFI_FILE_MODE_READ)
		return EFI_WRITE_PROTECTED;
	st = join(f->fs, f->path, FileName);
	if (EFI_ERROR(st))
		return st;
	st = to_efi(pod_fs_lookup(&f->fs->fs, f->fs->path, &node, f->fs->entry));
	return EFI_ERROR(st) ? st : new_file(f->fs, f->fs->path, &node, NewHandle);
}

static EFI_STATUS file_close(EFI_FILE_PROTOCOL *This)
{
	struct file *f = file_of(This);

	f->fs->open_files--;
	pod_free(f->fs->alloc, f);
	return EFI_SUCCESS;
}

static EFI_STATUS file_delete(EFI_FILE_PROTOCOL *This)
{
	(void)file_close(This);
	return 2; /* EFI_WARN_DELETE_FAILURE */
}

/* The record for a node. EFI_BUFFER_TOO_SMALL with the size that is needed. */
static EFI_STATUS put_info(const struct pod_node *node, const char *name, UINTN *size, uint8_t *buf)
{
	CHAR16 wide[POD_NAME_MAX];
	size_t n = 0, need;

	if (pod_utf8_to_utf16(name, wide, POD_ARRAY_LEN(wide), &n) != POD_OK)
		n = 0;
	need = INFO_HEADER + (n + 1) * 2;
	if (*size < need || !buf) {
		*size = need;
		return EFI_BUFFER_TOO_SMALL;
	}
	memset(buf, 0, need);
	pod_put_le64(buf, need);
	pod_put_le64(buf + 0x08, node->size_bytes);
	pod_put_le64(buf + 0x10, node->size_bytes);
	pod_put_le64(buf + 0x48, EFI_FILE_READ_ONLY | (node->is_dir ? EFI_FILE_DIRECTORY : 0));
	for (size_t i = 0; i < n; i++)
		pod_put_le16(buf + INFO_HEADER + 2 * i, wide[i]);
	*size = need;
	return EFI_SUCCESS;
}

static EFI_STATUS read_dir(struct file *f, UINTN *size, void *buf)
{
	struct pod_dir before = f->dir;
	enum pod_status st = pod_dir_next(&f->dir, f->fs->entry);
	EFI_STATUS est;

	if (st == POD_END) {
		*size = 0;
		return EFI_SUCCESS;
	}
	if (st != POD_OK)
		return to_efi(st);
	est = put_info(&f->fs->entry->node, f->fs->entry->name, size, buf);
	if (est == EFI_BUFFER_TOO_SMALL)
		f->dir = before; /* the same entry again, with a larger buffer */
	return est;
}

static EFI_STATUS file_read(EFI_FILE_PROTOCOL *This, UINTN *BufferSize, void *Buffer)
{
	struct file *f = file_of(This);
	uint64_t n;
	EFI_STATUS st;

	if (!BufferSize)
		return EFI_INVALID_PARAMETER;
	if (f->fs->dead)
		return EFI_NO_MEDIA;
	if (f->node.is_dir)
		return read_dir(f, BufferSize, Buffer);
	if (f->pos > f->node.size_bytes)
		return EFI_DEVICE_ERROR; /* as the table of Read() has it */
	n = pod_min_u64(*BufferSize, f->node.size_bytes - f->pos);
	st = n ? to_efi(pod_fs_read(&f->fs->fs, &f->node, f->pos, Buffer, (size_t)n)) : EFI_SUCCESS;
	if (EFI_ERROR(st))
		return st;
	f->pos += n;
	*BufferSize = (UINTN)n;
	return EFI_SUCCESS;
}

static EFI_STATUS file_write(EFI_FILE_PROTOCOL *This, UINTN *BufferSize, const void *Buffer)
{
	(void)This;
	(void)BufferSize;
	(void)Buffer;
	return EFI_WRITE_PROTECTED;
}

static EFI_STATUS file_get_position(EFI_FILE_PROTOCOL *This, uint64_t *Position)
{
	if (file_of(This)->node.is_dir)
		return EFI_UNSUPPORTED;
	*Position = file_of(This)->pos;
	return EFI_SUCCESS;
}

static EFI_STATUS file_set_position(EFI_FILE_PROTOCOL *This, uint64_t Position)
{
	struct file *f = file_of(This);

	if (f->node.is_dir && f->fs->dead)
		return EFI_NO_MEDIA;
	if (f->node.is_dir)
		return Position ? EFI_UNSUPPORTED : to_efi(pod_dir_open(&f->dir, &f->fs->fs, &f->node));
	f->pos = Position == UINT64_MAX ? f->node.size_bytes : Position;
	return EFI_SUCCESS;
}

static EFI_STATUS put_fs_info(struct pod_efi_sfs *fs, size_t header, UINTN *size, uint8_t *buf)
{
	CHAR16 wide[128];
	size_t n = 0, need;

	if (pod_utf8_to_utf16(fs->fs.label, wide, POD_ARRAY_LEN(wide), &n) != POD_OK)
		n = 0;
	need = header + (n + 1) * 2;
	if (*size < need || !buf) {
		*size = need;
		return EFI_BUFFER_TOO_SMALL;
	}
	memset(buf, 0, need);
	if (header) {
		pod_put_le64(buf, need);
		buf[8] = 1;
		pod_put_le64(buf + 0x10, fs->fs.total_bytes);
		pod_put_le32(buf + 0x20, fs->fs.cluster_size);
	}
	for (size_t i = 0; i < n; i++)
		pod_put_le16(buf + header + 2 * i, wide[i]);
	*size = need;
	return EFI_SUCCESS;
}

static EFI_STATUS file_get_info(EFI_FILE_PROTOCOL *This, const EFI_GUID *InformationType, UINTN *BufferSize, void *Buffer)
{
	struct file *f = file_of(This);
	const char *name = f->path;

	if (memcmp(InformationType, &guid_file_info, sizeof(guid_file_info)) == 0) {
		for (const char *p = f->path; *p; p++)
			if (*p == '/')
				name = p + 1;
		return put_info(&f->node, name, BufferSize, Buffer);
	}
	if (memcmp(InformationType, &guid_fs_info, sizeof(guid_fs_info)) == 0)
		return put_fs_info(f->fs, FS_INFO_HEADER, BufferSize, Buffer);
	if (memcmp(InformationType, &guid_fs_label, sizeof(guid_fs_label)) == 0)
		return put_fs_info(f->fs, 0, BufferSize, Buffer);
	return EFI_UNSUPPORTED;
}

static EFI_STATUS file_set_info(EFI_FILE_PROTOCOL *This, const EFI_GUID *InformationType, UINTN BufferSize, const void *Buffer)
{
	(void)This;
	(void)InformationType;
	(void)BufferSize;
	(void)Buffer;
	return EFI_WRITE_PROTECTED;
}

static EFI_STATUS file_flush(EFI_FILE_PROTOCOL *This)
{
	(void)This;
	return EFI_SUCCESS;
}

static EFI_STATUS new_file(struct pod_efi_sfs *fs, const char *path, const struct pod_node *node, EFI_FILE_PROTOCOL **out)
{
	size_t len = pod_strlen(path);
	struct file *f = fs->alloc->alloc(fs->alloc, sizeof(*f) + len + 1);

	if (!f)
		return EFI_OUT_OF_RESOURCES;
	memset(f, 0, sizeof(*f));
	f->proto = (EFI_FILE_PROTOCOL){
		EFI_FILE_PROTOCOL_REVISION, file_open,	       file_close,    file_delete,   file_read,	 file_write,
		file_get_position,	    file_set_position, file_get_info, file_set_info, file_flush,
	};
	f->fs = fs;
	f->node = *node;
	memcpy(f->path, path, len + 1);
	if (node->is_dir && pod_dir_open(&f->dir, &fs->fs, node) != POD_OK) {
		pod_free(fs->alloc, f);
		return EFI_DEVICE_ERROR;
	}
	fs->open_files++;
	*out = &f->proto;
	return EFI_SUCCESS;
}

static EFI_STATUS open_volume(EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *This, EFI_FILE_PROTOCOL **Root)
{
	struct pod_efi_sfs *fs = (struct pod_efi_sfs *)This;
	struct pod_node node;
	EFI_STATUS st;

	if (fs->dead)
		return EFI_NO_MEDIA;
	st = to_efi(fs->fs.ops->root(&fs->fs, &node));
	return EFI_ERROR(st) ? st : new_file(fs, "", &node, Root);
}

struct pod_efi_sfs *pod_efi_sfs_install(EFI_BOOT_SERVICES *bs, struct pod_alloc *a, EFI_HANDLE handle, struct pod_dev *dev)
{
	struct pod_efi_sfs *fs = pod_zalloc(a, 1, sizeof(*fs));

	if (!fs)
		return NULL;
	fs->proto.Revision = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_REVISION;
	fs->proto.OpenVolume = open_volume;
	fs->bs = bs;
	fs->alloc = a;
	fs->handle = handle;
	fs->entry = a->alloc(a, sizeof(*fs->entry));
	if (!fs->entry || pod_image_open_tree(&fs->fs, dev, a, NULL) != POD_OK)
		goto fail;
	if (!EFI_ERROR(bs->InstallProtocolInterface(&fs->handle, &pod_efi_guid_sfs, EFI_NATIVE_INTERFACE, &fs->proto)))
		return fs;
	pod_fs_close(&fs->fs);
fail:
	pod_free(a, fs->entry);
	pod_free(a, fs);
	return NULL;
}

void pod_efi_sfs_remove(struct pod_efi_sfs *fs)
{
	if (!fs)
		return;
	/* Whoever still holds the protocol or a file of it may call it: then this record stays, but touches the volume no more.
	 */
	fs->dead = EFI_ERROR(fs->bs->UninstallProtocolInterface(fs->handle, &pod_efi_guid_sfs, &fs->proto)) || fs->open_files;
	pod_fs_close(&fs->fs);
	if (fs->dead)
		return;
	pod_free(fs->alloc, fs->entry);
	pod_free(fs->alloc, fs);
}
