# SPDX-License-Identifier: BSD-2-Clause
"""A folder after a power cut: from the record of a command's writes, flushes and changes of names (cli_faults.c, ISOPOD_TEST_STORE),
the states that it could be left in."""
import os, shutil

LONG = os.environ.get("LONG") == "1"
SECTOR = 512


class Inode:
    def __init__(self, data=b""):
        self.data = bytearray(data)
        self.pending = []  # ("W", off, data), ("Z", off, length) or ("T", size, b"")

    def flush(self):
        self.data = self.render("all", None)
        self.pending = []

    def render(self, how, rng):
        data = bytearray(self.data)
        last = len(self.pending) - 1
        for i, (kind, where, what) in enumerate(self.pending):
            if how == "none":
                break
            if kind == "T":
                # a length is there or not; a longer one reads as zeros
                if how == "some" and rng.random() < 0.5:
                    continue
                data = data[:where] + bytes(max(0, where - len(data)))
                continue
            if kind == "Z":  # a hole leaves the length
                what = bytes(max(0, min(what, len(data) - where)))
            for at in range(0, len(what), SECTOR):
                if how == "some" and rng.random() < 0.5:
                    continue
                if how == "torn" and i == last and at >= len(what) // SECTOR // 2 * SECTOR:
                    continue
                piece = what[at:at + SECTOR]
                if len(data) < where + at + len(piece):
                    data += bytes(where + at + len(piece) - len(data))
                data[where + at:where + at + len(piece)] = piece
        return data


class Folder:
    """What a folder may hold after a power cut."""

    def __init__(self, path):
        self.now = {n: Inode(open(os.path.join(path, n), "rb").read()) for n in os.listdir(path)}
        self.durable = dict(self.now)
        self.names = []  # changes since the last sync

    @staticmethod
    def change(names, op):
        kind, a, b, inode = op
        if kind == "C":
            names[a] = inode
        elif kind == "M":
            if a in names:
                names[b] = names.pop(a)
        else:
            names.pop(a, None)

    def apply(self, event):
        kind, path, arg, data = event
        if kind in "CMU":
            op = (kind, path, arg, Inode() if kind == "C" else None)
            self.names.append(op)
            self.change(self.now, op)
        elif kind == "S":
            self.durable = dict(self.now)
            self.names = []
        elif kind == "F":
            self.now[path].flush()
        else:
            self.now[path].pending.append((kind, arg, data))

    def write(self, path, how, names_how, rng):
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path)
        names = dict(self.durable)
        for op in self.names:
            if names_how == "all" or (names_how == "some" and rng.random() < 0.5):
                self.change(names, op)
        done = {}
        for name, inode in names.items():
            if id(inode) not in done:
                done[id(inode)] = inode.render(how, rng)
            with open(os.path.join(path, name), "wb") as f:
                f.write(done[id(inode)])


def folder_states(before, events, rng):
    folder = Folder(before)
    n = 0
    for i, e in enumerate(events + [None]):
        variants = [("all", "none"), ("none", "all"), ("all", "all"), ("torn", "all"), ("some", "some"), ("some", "all")]
        if not folder.names:
            variants = [("all", "all"), ("none", "all"), ("torn", "all"), ("some", "all")]
        if not any(x.pending for x in folder.now.values()):
            variants = [v for v in variants if v[0] == "all"]
        # a bounded run takes some of the events, and all near the end, where the index changes
        if not LONG and i < len(events) - 8 and rng.random() > 8 / len(events):
            variants = []
        elif not LONG and len(variants) > 2:
            variants = rng.sample(variants, 2)
        for how, names in variants:
            folder.write("state", how, names, rng)
            n += 1
            yield "event %d of %d (%s), writes: %s, names: %s" % (i, len(events), e[0] + " " + e[1] if e else "end", how, names)
        if e:
            folder.apply(e)
    folder.write("state", "all", "all", rng)
