/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks the data partition and collects the files that look bootable by name; nothing of their content is read here. */
#include "boot/menu/menu.h"

#define CHUNK_SIZE (32u << 10)

const char *stick_keep(struct menu *m, const char *name)
{
	struct menu_stick *s = &m->stick;
	size_t n = pod_strlen(name) + 1;
	struct menu_chunk *c = s->names;
	if (!c || c->size - c->used < n) {
		size_t size = n > CHUNK_SIZE ? n : CHUNK_SIZE;
		c = m->alloc->alloc(m->alloc, sizeof *c + size);
		if (!c)
			return NULL;
		c->next = s->names;
		c->used = 0;
		c->size = size;
		s->names = c;
	}
	char *p = (char *)(c + 1) + c->used;
	memcpy(p, name, n);
	c->used += n;
	return p;
}

static bool skipped_folder(const char *name)
{
	return name[0] == '.' || pod_strcasecmp(name, PLAIN_("System Volume Information")) == 0 ||
	       pod_strcasecmp(name, PLAIN_("$RECYCLE.BIN")) == 0;
}

/* Is the folder one of those it lies in? */
static bool contains_itself(const struct menu_stick *s, uint32_t in, const struct pod_node *node)
{
	while (in && !pod_node_same_dir(&s->folder[in].node, node))
		in = s->folder[in].parent;
	return pod_node_same_dir(&s->folder[in].node, node);
}

static enum pod_status add_folder(struct menu *m, uint32_t parent, const char *name, const struct pod_node *node)
{
	struct menu_stick *s = &m->stick;
	uint32_t depth = s->folder_count ? s->folder[parent].depth + 1 : 0;
	if (s->folder_count && contains_itself(s, parent, node)) {
		s->loops++;
		return POD_OK;
	}
	if (depth > POD_DEPTH_MAX || s->folder_count >= SCAN_FOLDER_LIMIT) {
		s->limited = true;
		return POD_OK;
	}
	void *v = s->folder;
	POD_TRY(pod_grow(m->alloc, &v, s->folder_count, &s->folder_cap, s->folder_count + 1, sizeof *s->folder,
			 SCAN_FOLDER_LIMIT));
	s->folder = v;
	struct menu_folder *f = &s->folder[s->folder_count];
	*f = (struct menu_folder){stick_keep(m, name), parent, depth, 0, *node};
	if (!f->name)
		return POD_E_NOMEM;
	s->folder_count++;
	return POD_OK;
}

static enum pod_status add_image(struct menu *m, uint32_t folder, const char *name, const struct pod_node *node)
{
	struct menu_stick *s = &m->stick;
	if (s->image_count >= SCAN_IMAGE_LIMIT) {
		s->limited = true;
		return POD_OK;
	}
	void *v = s->image;
	POD_TRY(pod_grow(m->alloc, &v, s->image_count, &s->image_cap, s->image_count + 1, sizeof *s->image, SCAN_IMAGE_LIMIT));
	s->image = v;
	struct menu_image *im = &s->image[s->image_count];
	*im = (struct menu_image){.name = stick_keep(m, name), .folder = folder, .node = *node};
	if (!im->name)
		return POD_E_NOMEM;
	s->image_count++;
	return POD_OK;
}

static enum pod_status add_store(struct menu *m, uint32_t folder, const struct pod_node *node)
{
	struct menu_stick *s = &m->stick;
	void *v = s->store;
	if (s->store_count >= SCAN_STORE_LIMIT)
		return POD_OK; /* its layers are listed as files */
	POD_TRY(pod_grow(m->alloc, &v, s->store_count, &s->store_cap, s->store_count + 1, sizeof *s->store, SCAN_STORE_LIMIT));
	s->store = v;
	s->store[s->store_count++] = (struct menu_store){.folder = folder, .index = *node, .image = SIZE_MAX};
	return POD_OK;
}

static enum pod_status scan_folder(struct menu *m, uint32_t folder)
{
	struct menu_stick *s = &m->stick;
	struct pod_dirent *e = m->entry;
	struct pod_dir dir;
	struct pod_node node = s->folder[folder].node;
	POD_TRY(pod_dir_open(&dir, &s->data, &node));
	for (;;) {
		enum pod_status st = pod_dir_next(&dir, e);
		if (st == POD_END)
			return POD_OK;
		POD_TRY(st);
		if (e->node.is_dir) {
			if (!skipped_folder(e->name))
				POD_TRY(add_folder(m, folder, e->name, &e->node));
		} else if (pod_image_kind_of_name(e->name) != POD_IMAGE_UNKNOWN) {
			/* "._debian.iso" is what macOS leaves beside a file it copied */
			if (e->name[0] != '.')
				POD_TRY(add_image(m, folder, e->name, &e->node));
		} else if (pod_strcasecmp(e->name, POD_STORE_INDEX) == 0) {
			POD_TRY(add_store(m, folder, &e->node));
		} else if (pod_ends_with_nocase(e->name, POD_PERSIST_SUFFIX) ||
			   pod_ends_with_nocase(e->name, POD_PERSIST_SNAPSHOT)) {
			s->may_persist = true;
		} else if (folder == 0 && pod_strcasecmp(e->name, POD_CONF_FILE) == 0) {
			s->has_conf = true;
			s->conf_node = e->node;
		} else if (folder == 0 && pod_conf_misnamed(e->name)) {
			s->misnamed_conf = stick_keep(m, e->name);
		}
	}
}

int scan_natural_compare(const char *a, const char *b)
{
	for (;;) {
		bool da = *a >= '0' && *a <= '9', db = *b >= '0' && *b <= '9';
		if (da && db) {
			while (*a == '0')
				a++;
			while (*b == '0')
				b++;
			int first = 0; /* the first difference decides if the numbers are of one length */
			while (*a >= '0' && *a <= '9' && *b >= '0' && *b <= '9') {
				if (!first)
					first = *a - *b;
				a++;
				b++;
			}
			if (*a >= '0' && *a <= '9')
				return 1;
			if (*b >= '0' && *b <= '9')
				return -1;
			if (first)
				return first;
			continue;
		}
		int ca = (unsigned char)pod_tolower(*a), cb = (unsigned char)pod_tolower(*b);
		if (ca != cb)
			return ca - cb;
		if (!ca)
			return 0;
		a++;
		b++;
	}
}

static int compare_images(const struct menu_stick *s, uint32_t a, uint32_t b)
{
	int c = scan_natural_compare(s->image[a].name, s->image[b].name);
	return c ? c : s->image[a].folder < s->image[b].folder ? -1 : 1;
}

/* Bottom-up merge sort of indices; returns which of the two arrays holds the result. */
static uint32_t *merge_sort(const struct menu_stick *s, uint32_t *a, uint32_t *b, size_t n)
{
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t lo = 0; lo < n; lo += 2 * width) {
			size_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
			size_t i = lo, j = mid, k = lo;
			/* directories are often in order already */
			if (mid < hi && compare_images(s, a[mid - 1], a[mid]) > 0)
				while (i < mid && j < hi)
					b[k++] = compare_images(s, a[i], a[j]) <= 0 ? a[i++] : a[j++];
			while (i < mid)
				b[k++] = a[i++];
			while (j < hi)
				b[k++] = a[j++];
		}
		uint32_t *t = a;
		a = b;
		b = t;
	}
	return a;
}

static enum pod_status sort_images(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	size_t n = s->image_count;
	if (n < 2)
		return POD_OK;
	uint32_t *idx = pod_zalloc(m->alloc, 2 * n, sizeof *idx);
	struct menu_image *sorted = m->alloc->alloc(m->alloc, n * sizeof *sorted);
	if (!idx || !sorted) {
		pod_free(m->alloc, idx);
		pod_free(m->alloc, sorted);
		return POD_E_NOMEM;
	}
	for (size_t i = 0; i < n; i++)
		idx[i] = (uint32_t)i;
	uint32_t *order = merge_sort(s, idx, idx + n, n);
	for (size_t i = 0; i < n; i++)
		sorted[i] = s->image[order[i]];
	pod_free(m->alloc, s->image);
	s->image = sorted;
	s->image_cap = n;
	pod_free(m->alloc, idx);
	return POD_OK;
}

enum pod_status scan_run(struct menu *m)
{
	struct menu_stick *s = &m->stick;
	struct pod_node root;
	if (!s->has_data)
		return POD_OK;
	POD_TRY(s->data.ops->root(&s->data, &root));
	POD_TRY(add_folder(m, 0, "", &root));
	/* breadth first, the folder list being the queue; so a parent always comes before its children */
	for (uint32_t i = 0; i < s->folder_count; i++) {
		enum pod_status st = scan_folder(m, i);
		s->may_persist |= st != POD_OK;
		if (st == POD_E_NOMEM)
			return st;
		if (st == POD_E_BUDGET || st == POD_E_CANCELLED)
			break; /* what was found so far is shown */
		if (st != POD_OK)
			s->unreadable++;
	}
	POD_TRY(sort_images(m));
	store_mark(m);
	for (size_t i = 0; i < s->image_count; i++)
		s->folder[s->image[i].folder].images += !s->image[i].hidden;
	for (size_t i = s->folder_count; i-- > 1;)
		s->folder[s->folder[i].parent].images += s->folder[i].images;
	return POD_OK;
}

void scan_folder_path(const struct menu_stick *s, uint32_t folder, char *buf, size_t size)
{
	const char *part[POD_DEPTH_MAX + 1];
	size_t n = 0, at = 0;
	for (uint32_t f = folder; f && n < POD_ARRAY_LEN(part); f = s->folder[f].parent)
		part[n++] = s->folder[f].name;
	buf[0] = 0;
	while (n-- && at + 1 < size) {
		buf[at++] = '/';
		at += pod_strlcpy(buf + at, part[n], size - at);
	}
}

void scan_image_path(const struct menu_stick *s, size_t image, char *buf, size_t size)
{
	scan_folder_path(s, s->image[image].folder, buf, size);
	size_t at = pod_strlen(buf);
	if (at + 1 < size) {
		buf[at++] = '/';
		pod_strlcpy(buf + at, s->image[image].name, size - at);
	}
}

size_t scan_find(const struct menu_stick *s, const char *path, char *scratch, size_t size)
{
	const char *name = path;
	size_t loose = SIZE_MAX;
	for (const char *p = path; *p; p++)
		if (*p == '/')
			name = p + 1;
	for (size_t i = 0; i < s->image_count; i++) {
		if (pod_strcasecmp(s->image[i].name, name) != 0)
			continue;
		scan_image_path(s, i, scratch, size);

		const char *have = path[0] == '/' ? scratch : scratch + 1;
		if (pod_streq(have, path))
			return i;
		if (pod_strcasecmp(have, path) == 0 && loose == SIZE_MAX)
			loose = i;
	}
	return loose;
}
