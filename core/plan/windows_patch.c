/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The helper in front of what Windows PE runs (doc/WINDOWS.md, "The helper").
 *
 * winlogon runs \Setup\CmdLine of the SYSTEM hive, as a rule winpeshl.exe. That file's entry in the WIM's tree gets the helper's
 * bytes; the original stays reachable under \Windows\System32\isopod with its own name, beside handover.bin, which tells the helper
 * where the stick and the image are. Nothing else is changed, so that a medium's own winpeshl.ini and startnet.cmd count as before.
 */
#include "core/base/mem.h"
#include "core/map/winhandover.h"
#include "core/plan/windows_int.h"
#include "core/regf/regf.h"
#include "core/rules/conf.h"
#include "core/wim/patch.h"

static const char usual_program[] = "Windows/System32/winpeshl.exe";

struct patch {
	struct windows_job *j;
	char program[256], second[256]; /* paths in the WIM: of the program, and its second name */
	uint8_t *helper, *handover, *answer;
	size_t helper_len, handover_len, answer_len;
	char lab[POD_CONF_LAB_MAX]; /* words, each with a NUL behind it */
	struct pod_who_value lab_value[POD_WHO_LIST_MAX];
	size_t lab_count;
};

/* Where the stick has drivers for Windows PE (`isopod drivers add`): the helper looks through all below. */
static const char *const driver_folder[] = {"/drivers"};
enum { ANSWER_MAX = 1 << 20 };

/* --- which program ---------------------------------------------------------------------------------------- */

/* The first word of a command line, in quotes or not. */
static size_t first_word(const char **line)
{
	const char *p = *line;
	size_t n = 0;
	while (*p == ' ' || *p == '\t')
		p++;
	char end = *p == '"' ? *p++ : ' ';
	while (p[n] && p[n] != end && (end == '"' || p[n] != '\t'))
		n++;
	*line = p;
	return n;
}

/* Where a program named like this lies in the WIM. X: is where Windows PE sees it. False: elsewhere. */
static bool program_path(const char *line, char *out, size_t size)
{
	static const char *const windows[] = {"%SystemRoot%", "%windir%"};
	const char *p = line, *under = "Windows/System32/";
	size_t n = first_word(&p);
	for (size_t i = 0; i < POD_ARRAY_LEN(windows); i++) {
		size_t w = pod_strlen(windows[i]);
		if (n > w && pod_strncasecmp(p, windows[i], w) == 0) {
			under = "Windows";
			p += w, n -= w;
		}
	}
	if (n > 2 && p[1] == ':') {
		if (pod_tolower(p[0]) != 'x')
			return false;
		under = "";
		p += 2, n -= 2;
	}
	if (n && pod_is_slash(*p) && under[0] && under[pod_strlen(under) - 1] == '/')
		under = "";
	if (!*under)
		while (n && pod_is_slash(*p))
			p++, n--;
	size_t at = pod_strlen(under);
	if (!n || at + n + sizeof ".exe" > size)
		return false;
	memcpy(out, under, at);
	memcpy(out + at, p, n);
	out[at + n] = '\0';
	bool dot = false;
	for (char *c = out; *c; c++) {
		if (*c == '\\')
			*c = '/';
		dot = *c == '/' ? false : dot || *c == '.';
	}
	if (!dot)
		(void)pod_strlcpy(out + pod_strlen(out), ".exe", 5);
	return true;
}

/* \Setup\CmdLine; false: there is none. */
static bool command_line(struct windows_job *j, char *out, size_t size)
{
	struct pod_wim_node node;
	struct pod_wim_file file;
	struct pod_regf hive;
	struct pod_regf_key setup;
	struct pod_regf_value v;
	return pod_wim_lookup(&j->wim, "Windows/System32/config/SYSTEM", &node) == POD_OK &&
	       pod_wim_dev(&j->wim, &node, &file) == POD_OK && pod_regf_open_dev(&hive, &file.dev, NULL) == POD_OK &&
	       pod_regf_lookup(&hive, NULL, "Setup", &setup) == POD_OK &&
	       pod_regf_value(&hive, &setup, "CmdLine", &v) == POD_OK && pod_regf_text(&hive, &v, out, size) == POD_OK && *out;
}

/* --- what it is told -------------------------------------------------------------------------------------- */

/* Every name with the value 1. */
static void lab_config(struct patch *x)
{
	if (!x->j->rq->labconfig)
		return;
	pod_strlcpy(x->lab, x->j->rq->labconfig, sizeof x->lab);
	for (char *p = x->lab; *p && x->lab_count < POD_WHO_LIST_MAX;) {
		x->lab_value[x->lab_count++] = (struct pod_who_value){p, 1};
		while (*p && *p != ' ')
			p++;
		if (*p)
			*p++ = 0;
	}
}

static enum pod_status read_answer(struct patch *x, const struct pod_plan_file *f)
{
	const struct pod_plan_request *rq = x->j->rq;
	struct pod_mapdev dev;
	struct pod_map m;
	if (!f->size_bytes || f->size_bytes > ANSWER_MAX)
		return POD_E_LIMIT;
	pod_map_init(&m, x->j->plan->alloc);
	enum pod_status st = pod_plan_file_map(rq->disk, f->extent, f->extent_count, f->size_bytes, &m);
	x->answer_len = (size_t)f->size_bytes;
	x->answer = pod_zalloc(x->j->plan->alloc, 1, x->answer_len);
	if (st == POD_OK && !x->answer)
		st = POD_E_NOMEM;
	if (st == POD_OK) {
		pod_mapdev_init(&dev, &m, rq->disk, 512);
		st = pod_dev_read(&dev.dev, 0, x->answer, x->answer_len);
	}
	pod_map_fini(&m);
	return st;
}

/* A file that cannot be given to Setup is told: it would ask all its questions. */
static enum pod_status get_answer(struct patch *x)
{
	const struct pod_plan_request *rq = x->j->rq;
	struct pod_plan_file f = {0};
	if (!rq->answer || !*rq->answer || x->j->plan->image.kind != POD_IMAGE_ISO)
		return POD_OK;
	enum pod_status st = rq->find ? rq->find(rq->find_ctx, rq->answer, x->j->plan->alloc, &f) : POD_E_NOT_FOUND;
	if (st == POD_OK)
		st = read_answer(x, &f);
	pod_free(x->j->plan->alloc, f.extent);
	if (st == POD_OK || st == POD_E_NOMEM || st == POD_E_CANCELLED)
		return st;
	pod_free(x->j->plan->alloc, x->answer);
	x->answer = NULL;
	pod_plan_warn(x->j->plan, "The answer file %s cannot be read: Setup will ask its questions.", rq->answer);
	return POD_OK;
}

static enum pod_status make_handover(struct patch *x)
{
	const struct pod_plan_request *rq = x->j->rq;
	const struct pod_stick_id *id = rq->id;
	char program[256], replaced[256];
	struct pod_who_input in = {.program = program,
				   .replaced = replaced,
				   .image = rq->path,
				   .driver = driver_folder,
				   .driver_count = POD_ARRAY_LEN(driver_folder),
				   .lab = x->lab_value,
				   .lab_count = x->lab_count,
				   .translate = rq->translate,
				   .translate_ctx = rq->translate_ctx};
	struct pod_who_facts *f = &in.facts;
	pod_snprintf(program, sizeof program, "/%s", x->second);
	pod_snprintf(replaced, sizeof replaced, "/%s", x->program);
	f->wait_ms = POD_WHO_WAIT_MS;
	f->flags = (x->j->plan->image.kind == POD_IMAGE_ISO ? POD_WHO_ATTACH : 0) |
		   (pod_strcasecmp(pod_last_name(x->program), "winpeshl.exe") ? POD_WHO_RESTORE : 0);
	f->flags |= x->answer ? POD_WHO_ANSWER : 0;
	if (id) {
		f->flags |= id->gpt ? POD_WHO_GPT : 0;
		f->mbr_signature = id->mbr_signature;
		memcpy(f->disk_guid, id->disk_guid, sizeof f->disk_guid);
		f->part_start_bytes = id->part_start_bytes;
		f->part_length_bytes = id->part_length_bytes;
	} else { /* planned on the host: some stick */
		f->part_start_bytes = 1 << 20;
		f->part_length_bytes = pod_align_up(rq->image_bytes, 512);
	}
	if (rq->state_start_bytes && rq->esp_length_bytes) {
		f->state_start_bytes = rq->state_start_bytes;
		f->state_length_bytes = rq->state_length_bytes;
		f->boot_number = rq->boot_number;
		f->esp_start_bytes = rq->esp_start_bytes;
		f->esp_length_bytes = rq->esp_length_bytes;
	}
	POD_TRY(pod_who_write(&in, NULL, POD_WHO_SIZE_MAX, &x->handover_len));
	x->handover = pod_zalloc(x->j->plan->alloc, 1, x->handover_len);
	if (!x->handover)
		return POD_E_NOMEM;
	return pod_who_write(&in, x->handover, x->handover_len, &x->handover_len);
}

/* --- the patch -------------------------------------------------------------------------------------------- */

static enum pod_status put_in_front(struct patch *x)
{
	struct windows_job *j = x->j;
	struct pod_wim_change change[] = {
		{.kind = POD_WIM_ALIAS, .path = x->second, .from = x->program},
		{.kind = POD_WIM_REDIRECT, .path = x->program, .data = x->helper, .len = x->helper_len},
		{.kind = POD_WIM_ADD, .path = POD_WHO_PATH, .data = x->handover, .len = x->handover_len},
		{.kind = POD_WIM_ADD, .path = "Autounattend.xml", .data = x->answer, .len = x->answer_len},
	};
	size_t n = POD_ARRAY_LEN(change) - (x->answer ? 0 : 1);
	struct pod_diag d = {0};
	POD_TRY(pod_wim_patch(&j->wim, &j->wim_map, j->rq->disk, change, n, j->wim.image, &j->patched, &d));
	if (j->other)
		return POD_OK;
	if (x->answer)
		pod_strlcpy(j->plan->windows.answer, j->rq->answer, sizeof j->plan->windows.answer);
	j->plan->windows.lab_count = (uint32_t)x->lab_count;
	pod_strlcpy(j->replaced, x->program, sizeof j->replaced);
	return POD_OK;
}

/* POD_OK also where it cannot be done: *why says so then. */
static enum pod_status find_program(struct patch *x, struct pod_wim_node *node, const char **why)
{
	struct windows_job *j = x->j;
	char line[512];
	bool found = command_line(j, line, sizeof line) && program_path(line, x->program, sizeof x->program) &&
		     pod_wim_lookup(&j->wim, x->program, node) == POD_OK && !node->is_dir && node->has_res;
	if (!found) {
		pod_strlcpy(x->program, usual_program, sizeof x->program);
		found = pod_wim_lookup(&j->wim, x->program, node) == POD_OK && !node->is_dir && node->has_res;
	}
	if (!found)
		*why = "it has no winpeshl.exe";
	else if (pod_snprintf(x->second, sizeof x->second, "%s/%s", POD_WHO_FOLDER, pod_last_name(x->program)) >=
		 (int)sizeof x->second)
		*why = "its program's name is too long";
	return pod_budget_status(j->rq->disk->budget);
}

static enum pod_status get_helper(struct patch *x, const struct pod_wim_node *program, const char **why)
{
	struct windows_job *j = x->j;
	enum pod_machine m = windows_machine(j, program);
	enum pod_status st = POD_E_NOT_FOUND;
	if (m == POD_MACHINE_COUNT) {
		*why = "its program is for a machine that is not known";
		return POD_OK;
	}
	if (j->rq->helper)
		st = j->rq->helper(j->rq->helper_ctx, m, j->plan->alloc, &x->helper, &x->helper_len);
	if (st == POD_E_NOT_FOUND || (st == POD_OK && x->helper_len > POD_HELPER_SIZE_MAX)) {
		*why = "the stick lacks the helper for it";
		return POD_OK;
	}
	return st;
}

static enum pod_status try_patch(struct patch *x, const char **why)
{
	struct pod_wim_node program;
	POD_TRY(find_program(x, &program, why));
	if (!*why)
		POD_TRY(get_helper(x, &program, why));
	if (*why)
		return POD_OK;
	lab_config(x);
	POD_TRY(get_answer(x));
	POD_TRY(make_handover(x));
	return put_in_front(x);
}

enum pod_status windows_patch(struct windows_job *j, const char **why)
{
	struct pod_alloc *a = j->plan->alloc;
	struct patch *x = pod_zalloc(a, 1, sizeof *x);
	*why = NULL;
	if (!x)
		return POD_E_NOMEM;
	x->j = j;
	enum pod_status st = try_patch(x, why);
	if (st != POD_OK && !windows_is_fatal(st)) {
		*why = pod_status_text(st);
		st = POD_OK;
	}
	pod_free(a, x->helper);
	pod_free(a, x->handover);
	pod_free(a, x->answer);
	pod_free(a, x);
	return st;
}
