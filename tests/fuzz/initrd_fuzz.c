/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Initrds, depmod's files and INF files, as the doctor reads them. The first byte says what the rest is; for an initrd the last
 * four bytes are fuzz.h's. The parts of the command that they use are made up here.
 */
#include "tests/fuzz/fuzz.h"
#include "cli/doctor/drivers_inf.h"
#include "cli/doctor/initrd.h"
#include "cli/host/sandbox.h"

static void *alloc(struct pod_alloc *a, size_t size)
{
	(void)a;
	return malloc(size ? size : 1);
}

static void release(struct pod_alloc *a, void *p)
{
	(void)a;
	free(p);
}

struct pod_alloc cli_alloc = {alloc, release, NULL};

void *cli_xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	FUZZ_REQUIRE(p && size <= FUZZ_ALLOC_MAX);
	return p;
}

char *cli_xstrdup(const char *s)
{
	char *p = strdup(s);

	FUZZ_REQUIRE(p);
	return p;
}

char *cli_xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	FUZZ_REQUIRE(vasprintf(&s, fmt, ap) >= 0);
	va_end(ap);
	return s;
}

void *cli_xrealloc(void *p, size_t count, size_t size)
{
	FUZZ_REQUIRE(count * size <= FUZZ_ALLOC_MAX);
	p = realloc(p, count * size);
	FUZZ_REQUIRE(p);
	return p;
}

const char *fault_text(const struct fault *f)
{
	(void)f;
	return "no sound answer";
}

void fault_free(struct fault *f)
{
	(void)f;
}

/* The child is here: what it says is believed as little as there, and a crash in it is seen. */
struct sandbox_child {
	const struct sandbox *s;
	bool refused;
};

void sandbox_send(struct sandbox_child *c, unsigned kind, const void *data, size_t len)
{
	c->refused = c->refused || !c->s->take(c->s->take_ctx, kind, data, len);
}

enum sandbox_result sandbox_run(const struct sandbox *s, struct fault *fault)
{
	struct sandbox_child c = {.s = s};

	(void)fault;
	s->work(&c, s->ctx);
	FUZZ_REQUIRE(!c.refused); /* what our own side says is always sound */
	return SANDBOX_DONE;
}

/* Of drivers_devices.c, which needs the machine. */
bool device_field(const char *modalias, const char *key, unsigned digits, unsigned *out)
{
	const char *at = strstr(modalias, key);

	(void)digits;
	*out = at ? (unsigned)strtoul(at + strlen(key), NULL, 16) : 0;
	return at != NULL;
}

static const char pci[] = "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01";

static void an_initrd(const uint8_t *data, size_t size)
{
	struct fuzz_env e;
	struct initrd r;
	struct initrd_facts f;

	fuzz_init(&e, data, size, 512, 0, 0);
	initrd_read(&r, &e.dev, "initrd", 0, e.dev.size_bytes);
	initrd_facts(&r.modules, &f);
	(void)modules_match(&r.modules, pci);
	FUZZ_REQUIRE(r.modules.file.n <= r.files);
	initrd_free(&r);
}

static void depmod_files(const uint8_t *data, size_t size)
{
	static const char *const name[] = {"lib/modules/1/modules.alias", "usr/lib/modules/1/modules.builtin",
					   "lib/modules/1/modules.builtin.modinfo"};
	struct modules m = {0};

	for (size_t i = 0; i < POD_ARRAY_LEN(name); i++) {
		char *copy = cli_xmalloc(size + 1);

		memcpy(copy, data, size);
		copy[size] = 0;
		FUZZ_REQUIRE(modules_wants_content(name[i]));
		modules_add(&m, name[i], copy, size);
	}
	modules_add_ko(&m, "x.ko", (const char *)data, size);
	(void)modules_match(&m, pci);
	(void)modules_has(&m, "usb-storage");
	modules_free(&m);
}

static void an_inf(const uint8_t *data, size_t size)
{
	struct device dev = {.modalias = (char *)pci};
	struct inf_set s = {0};

	inf_add(&s, "x.inf", (const char *)data, size);
	(void)inf_match(&s, &dev);
	inf_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] == 'i')
		an_inf(data + 1, size - 1);
	else if (data[0] == 'm')
		depmod_files(data + 1, size - 1);
	else
		an_initrd(data + 1, size - 1);
	return 0;
}
