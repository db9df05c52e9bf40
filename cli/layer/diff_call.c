/* SPDX-License-Identifier: BSD-2-Clause */
/* A reader of volumes that is another's library runs behind walls; the files it lists come back as records. */
#include <stdlib.h>
#include <string.h>
#include "cli/host/sandbox.h"
#include "cli/layer/diff_call.h"

#define SECONDS_MAX  300u
#define ANSWER_MAX   (1ull << 30)
#define MEMORY_MAX   (4ull << 30)
#define PATH_LEN_MAX (1u << 20) /* folders nest, and names are long */

/* Kinds of records: an entry (its path in place of the pointer, behind it), and the status, last. */
enum { ENTRY = 1, STATUS };

struct request {
	diff_list_function *list;
	struct pod_dev *volume;
	const struct diff_map *changed;
};

struct answer {
	struct diff_list *out;
	uint32_t status;
	bool done;
};

static void work(struct sandbox_child *c, void *ctx)
{
	const struct request *q = ctx;
	struct diff_list found = {0};
	uint32_t status = (uint32_t)q->list(q->volume, q->changed, &found);

	for (size_t i = 0; i < found.n; i++) {
		struct diff_entry e = found.v[i];
		size_t n = strlen(e.path) + 1;
		char *both = cli_xmalloc(sizeof e + n);

		memcpy(both + sizeof e, e.path, n);
		e.path = NULL;
		memcpy(both, &e, sizeof e);
		sandbox_send(c, ENTRY, both, sizeof e + n);
		free(both);
	}
	sandbox_send(c, STATUS, &status, sizeof status);
}

static bool take(void *ctx, unsigned kind, const uint8_t *data, size_t len)
{
	struct answer *a = ctx;
	struct diff_entry e;

	if (a->done)
		return false;
	if (kind == STATUS && len == sizeof a->status) {
		memcpy(&a->status, data, len);
		a->done = true;
		return a->status < POD_STATUS_COUNT;
	}
	/* a bool that is neither is no bool */
	if (kind != ENTRY || len <= sizeof e || len - sizeof e > PATH_LEN_MAX || data[len - 1] != 0 ||
	    data[offsetof(struct diff_entry, is_dir)] > 1 || data[offsetof(struct diff_entry, touched)] > 1)
		return false;
	memcpy(&e, data, sizeof e);
	e.path = cli_xstrdup((const char *)data + sizeof e);
	diff_list_add(a->out, &e);
	return true;
}

enum pod_status diff_call(const char *who, diff_list_function *list, struct pod_dev *volume, const struct diff_map *changed,
			  struct diff_list *out)
{
	struct request request = {.list = list, .volume = volume, .changed = changed};
	struct answer a = {.out = out};
	struct sandbox s = {.who = who,
			    .about = _("the volume"),
			    .seconds = SECONDS_MAX,
			    .memory_bytes = MEMORY_MAX,
			    .answer_bytes = ANSWER_MAX,
			    .work = work,
			    .ctx = &request,
			    .take = take,
			    .take_ctx = &a};
	struct fault why = {0};
	enum sandbox_result result = sandbox_run(&s, &why);

	if (result != SANDBOX_DONE || !a.done) {
		/* half a list would say that the other files are gone */
		diff_list_free(out);
		out->problem = cli_xstrdup(fault_text(&why));
		a.status = result == SANDBOX_NOT_STARTED ? POD_E_UNSUPPORTED : POD_E_CORRUPT;
	}
	fault_free(&why);
	return (enum pod_status)a.status;
}
