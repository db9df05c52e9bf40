/* SPDX-License-Identifier: BSD-2-Clause */
/* isopod layer diff: from the chains' runs to changed ranges, from these to files. */
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/layer/diff_export.h"
#include "cli/layer/layer.h"
#include "core/base/str.h"
#include "core/disk/parttab.h"

#define PIECE (256u << 10) /* bytes that are compared at a time */

/* --- ranges, lists -------------------------------------------------------------------------------------- */

static void *grown(void *v, size_t n, size_t *cap, size_t size)
{
	void *bigger;

	if (n < *cap)
		return v;
	*cap = *cap ? 2 * *cap : 64;
	bigger = cli_xmalloc(*cap * size);
	if (n)
		memcpy(bigger, v, n * size);
	free(v);
	return bigger;
}

void diff_map_add(struct diff_map *m, uint64_t off, uint64_t len)
{
	if (!len)
		return;
	m->bytes += len;
	if (m->n && m->v[m->n - 1].end == off) {
		m->v[m->n - 1].end += len;
		return;
	}
	m->v = grown(m->v, m->n, &m->cap, sizeof *m->v);
	m->v[m->n++] = (struct diff_range){off, off + len};
}

/* The first range that ends behind `off`. */
static size_t first_behind(const struct diff_map *m, uint64_t off)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->v[mid].end > off)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* True at the first difference: what was changed costs one read, what was only written anew is read in full. */
static bool bytes_differ(const struct diff_map *m, uint64_t off, uint64_t end)
{
	uint8_t *a = m->pieces, *b = m->pieces + PIECE;

	for (size_t n = 4096; off < end; off += n, n = n < PIECE ? 8 * n : n) {
		n = (size_t)pod_min_u64(pod_min_u64(n, PIECE), end - off);
		if (pod_dev_read(m->disk[0], m->base + off, a, n) != POD_OK ||
		    pod_dev_read(m->disk[1], m->base + off, b, n) != POD_OK || memcmp(a, b, n) != 0)
			return true;
	}
	return false;
}

bool diff_map_touches(const struct diff_map *m, uint64_t off, uint64_t len)
{
	for (size_t i = first_behind(m, off); i < m->n && m->v[i].off < off + len; i++) {
		uint64_t from = m->v[i].off < off ? off : m->v[i].off;

		if (!m->disk[0] || bytes_differ(m, from, pod_min_u64(m->v[i].end, off + len)))
			return true;
	}
	return false;
}

void diff_map_window(const struct diff_map *m, uint64_t off, uint64_t len, struct diff_map *out)
{
	memset(out, 0, sizeof *out);
	out->disk[0] = m->disk[0];
	out->disk[1] = m->disk[1];
	out->pieces = m->pieces;
	out->base = m->base + off;
	for (size_t i = first_behind(m, off); i < m->n && m->v[i].off < off + len; i++) {
		uint64_t from = m->v[i].off < off ? off : m->v[i].off, to = pod_min_u64(m->v[i].end, off + len);

		diff_map_add(out, from - off, to - from);
	}
}

void diff_map_free(struct diff_map *m)
{
	free(m->v);
	memset(m, 0, sizeof *m);
}

void diff_list_add(struct diff_list *l, const struct diff_entry *e)
{
	l->v = grown(l->v, l->n, &l->cap, sizeof *l->v);
	l->v[l->n++] = *e;
}

void diff_list_free(struct diff_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].path);
	free(l->v);
	free(l->problem);
	memset(l, 0, sizeof *l);
}

/* --- two disks ------------------------------------------------------------------------------------------ */

static enum pod_status run_at(struct pod_chain *c, uint64_t off, struct pod_chain_run *r)
{
	if (off < c->dev.size_bytes)
		return pod_chain_run(c, off, c->dev.size_bytes - off, r);
	*r = (struct pod_chain_run){POD_RUN_ZERO, 0, 0, UINT64_MAX - off};
	return POD_OK;
}

static bool same_run(struct pod_chain *a, const struct pod_chain_run *x, struct pod_chain *b, const struct pod_chain_run *y)
{
	const uint64_t *p, *q;

	if (x->kind != y->kind || x->kind != POD_RUN_DATA)
		return x->kind == y->kind;
	p = a->member[x->member]->file->id;
	q = b->member[y->member]->file->id;
	return p[0] == q[0] && p[1] == q[1] && x->file_off == y->file_off;
}

static enum pod_status compare_runs(struct pod_chain *a, struct pod_chain *b, struct diff_map *out)
{
	uint64_t end = a->dev.size_bytes > b->dev.size_bytes ? a->dev.size_bytes : b->dev.size_bytes, n;
	struct pod_chain_run x, y;

	for (uint64_t off = 0; off < end; off += n) {
		POD_TRY(run_at(a, off, &x));
		POD_TRY(run_at(b, off, &y));
		n = pod_min_u64(pod_min_u64(x.len, y.len), end - off);
		if (!same_run(a, &x, b, &y))
			diff_map_add(out, off, n);
	}
	return POD_OK;
}

/* --- volumes -------------------------------------------------------------------------------------------- */

struct volume {
	uint64_t start, length;
	uint32_t number;		  /* of the partition; 0: the whole disk */
	const struct diff_reader *reader; /* NULL: no filesystem that is known */
	enum pod_status status[2];	  /* of reading it, before and after */
	struct diff_list files[2];
	struct diff_map changed;
};

static const struct diff_reader *const readers[] = {&diff_ntfs, &diff_ext, &diff_core};

static void read_volume(struct volume *v, struct pod_dev *disk, int side)
{
	struct pod_window w;

	v->status[side] = POD_E_FORMAT;
	if (!pod_in_range(v->start, v->length, disk->size_bytes) || pod_window_init(&w, disk, v->start, v->length) != POD_OK)
		return;
	for (size_t i = 0; i < POD_ARRAY_LEN(readers) && v->status[side] == POD_E_FORMAT; i++) {
		v->status[side] = readers[i]->list(&w.dev, &v->changed, &v->files[side]);
		if (v->status[side] != POD_E_FORMAT)
			v->reader = readers[i];
	}
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct diff_entry *)a)->path, ((const struct diff_entry *)b)->path);
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = (*(const struct diff_entry *const *)a)->id, y = (*(const struct diff_entry *const *)b)->id;

	return (x > y) - (x < y);
}

/* --- the report ----------------------------------------------------------------------------------------- */

struct report {
	struct cli_json *json;
	struct diff_export *export;
	const char *format;
	uint64_t added, changed, removed, renamed;
};

static void one(struct cli_json *j, const char *key, const struct diff_entry *e, const char *format)
{
	char text[24];

	cli_json_open(j, key, '{');
	cli_json_u64(j, "size", e->size_bytes);
	cli_json_i64(j, "mtime", e->mtime);
	if (strcmp(format, "ext4") == 0) {
		snprintf(text, sizeof text, "%06o", (unsigned)e->attributes);
		cli_json_str(j, "mode", text);
		cli_json_u64(j, "uid", e->uid);
		cli_json_u64(j, "gid", e->gid);
	} else {
		snprintf(text, sizeof text, "0x%x", (unsigned)e->attributes);
		cli_json_str(j, "attributes", text);
	}
	if (strcmp(format, "ntfs") == 0)
		cli_json_u64(j, "security_id", e->security);
	cli_json_close(j, '}');
}

static void show(struct report *r, const char *change, const struct diff_entry *before, const struct diff_entry *after)
{
	const struct diff_entry *e = after ? after : before;
	const char *mark = !before ? "+" : !after ? "-" : *change == 'r' ? ">" : "*";
	char size[16], *shown;

	if (r->export)
		diff_export_note(r->export, before, after, strcmp(r->format, diff_ext.name) == 0);
	if (r->json) {
		cli_json_open(r->json, NULL, '{');
		cli_json_str(r->json, "change", change);
		cli_json_str(r->json, "path", e->path);
		if (*mark == '>')
			cli_json_str(r->json, "from", before->path);
		cli_json_bool(r->json, "folder", e->is_dir);
		if (before)
			one(r->json, "before", before, r->format);
		if (after)
			one(r->json, "after", after, r->format);
		if (before && after)
			cli_json_bool(r->json, "content",
				      !e->is_dir && (before->touched || after->touched || before->where != after->where ||
						     before->size_bytes != after->size_bytes));
		cli_json_close(r->json, '}');
		return;
	}
	shown = *mark == '>' ? cli_xasprintf("%s -> %s", before->path, e->path)
			     : cli_xasprintf("%s%s", e->path, e->is_dir ? "/" : "");
	cli_print("%s %10s  %s\n", mark, e->is_dir ? "" : pod_format_size(size, e->size_bytes), shown);
	free(shown);
}

/* A folder's times and its table change with every file in it; that is said of the file. */
static bool differs(const struct diff_entry *a, const struct diff_entry *b)
{
	if (a->is_dir != b->is_dir || a->attributes != b->attributes || a->uid != b->uid || a->gid != b->gid ||
	    a->security != b->security)
		return true;
	return !a->is_dir &&
	       (a->size_bytes != b->size_bytes || a->mtime != b->mtime || a->touched || b->touched || a->where != b->where);
}

/* Files that are gone and have come under another name. */
static void pair_renames(struct diff_entry **gone, size_t *n_gone, struct diff_entry **come, size_t *n_come, struct report *r)
{
	size_t i = 0, k = 0, keep_gone = 0, keep_come = 0;

	qsort(gone, *n_gone, sizeof(void *), by_id);
	qsort(come, *n_come, sizeof(void *), by_id);
	while (i < *n_gone || k < *n_come) {
		uint64_t a = i < *n_gone ? gone[i]->id : UINT64_MAX, b = k < *n_come ? come[k]->id : UINT64_MAX;

		if (a == b && a && i < *n_gone && k < *n_come && gone[i]->is_dir == come[k]->is_dir) {
			show(r, "renamed", gone[i++], come[k++]);
			r->renamed++;
		} else if (i < *n_gone && (a <= b || k == *n_come)) {
			gone[keep_gone++] = gone[i++];
		} else {
			come[keep_come++] = come[k++];
		}
	}
	*n_gone = keep_gone;
	*n_come = keep_come;
}

static void compare_lists(struct volume *v, struct report *r)
{
	struct diff_list *a = &v->files[0], *b = &v->files[1];
	struct diff_entry **gone = cli_xmalloc((a->n + 1) * sizeof *gone), **come = cli_xmalloc((b->n + 1) * sizeof *come);
	size_t n_gone = 0, n_come = 0, i = 0, k = 0;

	if (a->n)
		qsort(a->v, a->n, sizeof *a->v, by_path);
	if (b->n)
		qsort(b->v, b->n, sizeof *b->v, by_path);
	while (i < a->n || k < b->n) {
		int c = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->v[i].path, b->v[k].path);

		if (c < 0) {
			gone[n_gone++] = &a->v[i++];
		} else if (c > 0) {
			come[n_come++] = &b->v[k++];
		} else {
			if (differs(&a->v[i], &b->v[k])) {
				show(r, "changed", &a->v[i], &b->v[k]);
				r->changed++;
			}
			i++;
			k++;
		}
	}
	pair_renames(gone, &n_gone, come, &n_come, r);
	for (i = 0; i < n_come; i++)
		show(r, "added", NULL, come[i]);
	for (i = 0; i < n_gone; i++)
		show(r, "removed", gone[i], NULL);
	r->added += n_come;
	r->removed += n_gone;
	free(gone);
	free(come);
}

static void report_volume(struct volume *v, struct cli_json *json, struct diff_export *export)
{
	struct report r = {.json = json, .export = export, .format = v->reader ? v->reader->name : ""};
	char size[16], *name = v->number ? cli_xasprintf(_("partition %u"), (unsigned)v->number) : cli_xstrdup(_("whole disk"));
	const char *note = NULL, *problem = v->files[0].problem ? v->files[0].problem : v->files[1].problem;

	for (int i = 0; i < 2; i++)
		if (v->status[i] != POD_OK && v->status[i] != POD_E_FORMAT)
			note = problem ? problem
			       : v->status[i] == POD_E_UNSUPPORTED && v->reader && v->reader->missing
				       ? v->reader->missing()
				       : cli_status_text(v->status[i]);
	if (json) {
		cli_json_open(json, NULL, '{');
		cli_json_u64(json, "partition", v->number);
		cli_json_u64(json, "start", v->start);
		cli_json_u64(json, "length", v->length);
		cli_json_str(json, "format", v->reader ? v->reader->name : NULL);
		cli_json_u64(json, "changed_bytes", v->changed.bytes);
		if (note)
			cli_json_str(json, "note", note);
		cli_json_open(json, "files", '[');
	} else {
		cli_print(_("%s (%s): %s changed%s%s\n"), name, v->reader ? v->reader->name : _("no known filesystem"),
			  pod_format_size(size, v->changed.bytes), note ? "; " : "", note ? note : "");
	}
	if (export && note)
		diff_export_unread(export, v->number, note);
	/* without one of the lists all files would seem to have come or gone */
	if (!problem && (v->status[0] != POD_E_FORMAT || v->status[1] != POD_E_FORMAT))
		compare_lists(v, &r);
	if (json) {
		cli_json_close(json, ']');
		cli_json_close(json, '}');
	} else if (v->reader) {
		cli_print(_("%llu added, %llu changed, %llu removed, %llu renamed\n"), (unsigned long long)r.added,
			  (unsigned long long)r.changed, (unsigned long long)r.removed, (unsigned long long)r.renamed);
	}
	free(name);
}

static void export_volume(struct diff_export *x, const struct volume *v, struct pod_dev *disk)
{
	struct pod_window w;

	if (pod_window_init(&w, disk, v->start, v->length) == POD_OK)
		diff_export_volume(x, v->number, &w.dev, v->reader);
}

static void volume_done(struct pod_dev *const disk[2], struct volume *v, const struct diff_map *changed, struct cli_json *json,
			struct diff_export *export)
{
	diff_map_window(changed, v->start, v->length, &v->changed);
	if (v->changed.bytes) {
		for (int i = 0; i < 2; i++)
			read_volume(v, disk[i], i);
		report_volume(v, json, export);
		if (export)
			export_volume(export, v, disk[1]);
	}
	for (int i = 0; i < 2; i++)
		diff_list_free(&v->files[i]);
	diff_map_free(&v->changed);
}

/* The partitions of the later layer; without a table, or one that is none of ours, the disk as one volume. */
static void compare_volumes(struct pod_dev *const disk[2], const struct diff_map *changed, struct cli_json *json,
			    struct diff_export *export)
{
	struct pod_parttab *t = cli_xzalloc(sizeof *t);
	bool table = pod_parttab_read(disk[1], &cli_alloc, t, NULL) == POD_OK && t->kind != POD_PARTTAB_NONE && t->count;

	for (uint32_t i = 0; table && i < t->count; i++) {
		struct volume v = {
			.start = t->part[i].start_bytes, .length = t->part[i].length_bytes, .number = t->part[i].number};

		volume_done(disk, &v, changed, json, export);
	}
	if (!table) {
		struct volume v = {.length = disk[1]->size_bytes};

		volume_done(disk, &v, changed, json, export);
	}
	free(t);
}

static int report_disks(const struct layer_store *ls, const struct diff_map *changed, struct cli_json *json,
			struct diff_export *export, struct fault *fault)
{
	char size[16];

	if (json) {
		cli_json_init(json, stdout);
		cli_json_open(json, NULL, '{');
		cli_json_u64(json, "changed_bytes", changed->bytes);
		cli_json_u64(json, "changed_ranges", changed->n);
		cli_json_open(json, "volumes", '[');
	}
	compare_volumes(changed->disk, changed, json, export);
	if (cli_interrupted)
		return fault_set(fault, _("%s: interrupted: the list is not complete"), ls->dir.shown);
	if (json) {
		cli_json_close(json, ']');
		cli_json_close(json, '}');
		return cli_json_end(json, fault);
	}
	cli_print(_("%s changed in %zu places of the disk\n"), pod_format_size(size, changed->bytes), changed->n);
	return cli_flush(fault);
}

/* The archive goes where the report would. */
static bool mute_report(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool ok = null >= 0 && fflush(stdout) == 0 && dup2(null, STDOUT_FILENO) >= 0;

	if (null >= 0)
		close(null);
	return ok;
}

struct diff_options {
	struct cli_json *json;	  /* NULL: a report to be read */
	const char *export, *tar; /* one of them, or none */
	bool unsafe;
};

static int diff_disks(struct layer_store *ls, struct disk *a, struct disk *b, const struct diff_options *o, struct fault *fault)
{
	const char *to = o->tar ? o->tar : o->export;
	uint8_t *pieces = cli_xmalloc(2 * PIECE);
	struct diff_map changed = {.disk = {&a->chain.dev, &b->chain.dev}, .pieces = pieces};
	struct diff_export *export = to ? diff_export_begin(to, o->tar != NULL, fault) : NULL;
	enum pod_status st = to && !export ? POD_E_EXISTS : compare_runs(&a->chain, &b->chain, &changed);
	int rc = CLI_FAILED;

	if (o->tar && strcmp(o->tar, "-") == 0 && export && !mute_report())
		st = POD_E_IO;
	if (st == POD_OK)
		rc = report_disks(ls, &changed, o->json, export, fault);
	else if (!to || export)
		disk_fail(ls->dir.shown, _("cannot read the map"), st, NULL, NULL, fault);
	if (export && diff_export_end(export, rc == CLI_OK, fault) != CLI_OK)
		rc = CLI_FAILED;

	diff_map_free(&changed);
	free(pieces);
	return rc;
}

/* The layers that are named: the second one is the current layer if none is. */
static int diff_layers(struct layer_store *ls, const char *first, const char *second, const struct diff_options *o,
		       struct fault *fault)
{
	struct pod_stored *from = layer_store_get(ls, first, fault), *to = NULL;
	struct disk *a = cli_xzalloc(sizeof *a), *b = cli_xzalloc(sizeof *b);
	int rc;

	if (from)
		to = second ? layer_store_get(ls, second, fault) : layer_store_current(ls, fault);
	rc = to ? layer_store_open_disk(ls, from, a, fault) : CLI_FAILED;
	if (rc == CLI_OK) {
		rc = layer_store_open_disk(ls, to, b, fault);
		if (rc == CLI_OK) {
			rc = diff_disks(ls, a, b, o, fault);
			if (layer_store_close_disk(ls, b, fault) != CLI_OK)
				rc = CLI_FAILED;
		}
		if (layer_store_close_disk(ls, a, fault) != CLI_OK)
			rc = CLI_FAILED;
	}
	free(b);
	free(a);
	return rc;
}

static int parse(const struct cli_command *cmd, int argc, char **argv, struct diff_options *o, struct cli_json *json,
		 struct fault *fault)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"export", required_argument, NULL, 'e'},
						{"tar", required_argument, NULL, 't'},
						DISK_UNSAFE_OPTION,
						{NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'e')
			o->export = optarg;
		else if (c == 't')
			o->tar = optarg;
		else if (c == 'U')
			o->unsafe = true;
		else if (c == 'j')
			o->json = json;
		else
			return cli_bad_option(fault, cmd, argv);
	}
	if (argc - optind < 2 || argc - optind > 3)
		return cli_usage(fault, cmd, "%s", _("name one STORE, and one or two layers"));
	if (o->export && o->tar)
		return cli_usage(fault, cmd, "%s", _("--export and --tar: one of them"));
	if (!o->tar || strcmp(o->tar, "-") != 0)
		return CLI_OK;
	if (o->json)
		return cli_usage(fault, cmd, "%s", _("--json: standard output is the archive; name a file for it"));
	if (isatty(STDOUT_FILENO))
		return cli_usage(fault, cmd, "%s", _("standard output is a terminal: send the archive to a file or to tar"));
	return CLI_OK;
}

int layer_cmd_diff(const struct cli_command *cmd, int argc, char **argv, struct fault *fault)
{
	struct diff_options o = {0};
	struct layer_store *ls;
	struct cli_json json;
	int rc = parse(cmd, argc, argv, &o, &json, fault);

	if (rc != CLI_OK)
		return rc;
	ls = cli_xzalloc(sizeof *ls);
	cli_catch_signals();
	rc = layer_store_open(ls, argv[optind], false, fault);
	if (rc == CLI_OK) {
		ls->dir.unsafe = o.unsafe;
		rc = diff_layers(ls, argv[optind + 1], argc - optind == 3 ? argv[optind + 2] : NULL, &o, fault);
	}
	if (layer_store_close(ls, fault) != CLI_OK)
		rc = CLI_FAILED;
	free(ls);
	return rc;
}
