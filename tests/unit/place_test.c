/* SPDX-License-Identifier: BSD-2-Clause */
/* Room for files that are shown longer: which free runs are taken, and that none is given away twice. */
#include "core/fs/place.h"
#include "tests/unit/test.h"

enum { CLUSTER = 4096 };

/* '.' is free. */
static const char *clusters;
static struct pod_fs fs = {.cluster_size = CLUSTER};

static enum pod_status next_free(struct pod_place *p, uint64_t from, struct pod_place_run *out)
{
	size_t c = (size_t)(from / CLUSTER), n = 0;
	(void)p;
	while (c < strlen(clusters) && clusters[c] != '.')
		c++;
	while (c + n < strlen(clusters) && clusters[c + n] == '.')
		n++;
	*out = (struct pod_place_run){.dev_bytes = c * CLUSTER, .length_bytes = n * CLUSTER};
	return n ? POD_OK : POD_END;
}

static const struct pod_place_ops ops = {.next_free = next_free};

static void begin(struct pod_place *p, const char *map)
{
	clusters = map;
	fs.alloc = &test_alloc;
	pod_place_init(p, &ops, &fs);
}

/* The runs as "first+count" in clusters. */
static const char *told(const struct pod_place_runs *r)
{
	static char out[400];
	*out = 0;
	for (size_t i = 0; i < r->count; i++)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s%u+%u", i ? " " : "",
			 (unsigned)(r->run[i].dev_bytes / CLUSTER), (unsigned)(r->run[i].length_bytes / CLUSTER));
	return out;
}

TEST(place_takes_one_run_where_there_is_one)
{
	struct pod_place p;
	struct pod_place_runs r = {0};
	begin(&p, "#..#...#.....#");
	CHECK_EQ(pod_place_room(&p, 3 * CLUSTER - 1, &r), POD_OK);
	CHECK_STR(told(&r), "4+3");
	CHECK_EQ(pod_place_room(&p, 1, &r), POD_OK);
	CHECK_STR(told(&r), "4+3 1+1");
	/* What was given away is not given again, and the rest of its run is. */
	CHECK_EQ(pod_place_room(&p, 4 * CLUSTER, &r), POD_OK);
	CHECK_EQ(pod_place_room(&p, CLUSTER, &r), POD_OK);
	CHECK_EQ(pod_place_room(&p, CLUSTER, &r), POD_OK);
	CHECK_STR(told(&r), "4+3 1+1 8+4 2+1 12+1");
	CHECK_EQ(pod_place_room(&p, CLUSTER, &r), POD_E_NOSPACE);
	CHECK_STR(told(&r), "4+3 1+1 8+4 2+1 12+1");
	pod_place_runs_free(&p, &r);
	pod_place_fini(&p);
}

TEST(place_joins_pieces)
{
	struct pod_place p;
	struct pod_place_runs r = {0};
	begin(&p, ".#..#...#.#.");
	CHECK_EQ(pod_place_room(&p, 8 * CLUSTER, &r), POD_OK);
	uint64_t sum = 0;
	for (size_t i = 0; i < r.count; i++)
		sum += r.run[i].length_bytes;
	CHECK_EQ(sum, 8 * CLUSTER);
	CHECK_EQ(p.taken.count, r.count);
	pod_place_runs_free(&p, &r);
	pod_place_fini(&p);
	/* More than there is: nothing stays taken. */
	begin(&p, "..#..");
	CHECK_EQ(pod_place_room(&p, 5 * CLUSTER, &r), POD_E_NOSPACE);
	CHECK_EQ(p.taken.count, 0);
	CHECK_EQ(r.count, 0);
	CHECK_EQ(pod_place_room(&p, UINT64_MAX, &r), POD_E_LIMIT);
	pod_place_runs_free(&p, &r);
	pod_place_fini(&p);
}
