#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Random operations on layer stores against plain arrays of bytes, with readers beside them and guests that are served (layer_model.c), from
fixed seeds: some thousands, and with LONG set a million, as the command is shipped, after those with sanitizers. MODEL_OPERATIONS: another
number."""
from cli_common import *

LONG = os.environ.get("LONG") == "1"
SANITIZED, SHIPPED = "layer-model", "layer-model-fast"


def model(program, operations, seed):
    folder = os.path.join(in_memory() or ".", "isopod-layer-model.%d" % os.getpid())
    began = time.monotonic()
    try:
        r = run(os.path.join(B, "interop", program), folder, operations, seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    check(r.returncode == 0, "%s, seed %d: %s" % (program, seed, r.stdout[-1500:]))
    print("%s, seed %d, %.0f s: %s" % (program, seed, time.monotonic() - began, r.stdout.split("\n")[0]), flush=True)


with workdir():
    runs = [(SANITIZED, 20000, s) for s in (1, 2, 3, 4, 5)] + [(SHIPPED, 250000, s) for s in (1, 2, 3, 4)] if LONG else [(SANITIZED, 1500, s) for s in (1, 2)]
    if "MODEL_OPERATIONS" in os.environ:
        runs = [(SHIPPED, int(os.environ["MODEL_OPERATIONS"]), 1)]
    for r in runs:
        model(*r)
finish()
