#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""isopod layer: filesystems through ten snapshots and back, checked by their own programs; diff against what was done; a store on a
stick; the tree against a model; what goes wrong is one line."""
import json, os, random, shutil, signal, subprocess, time

from cli_common import *
import cli_common

LONG = os.environ.get("LONG") == "1"


def layers(store, **kw):
    return json.loads(must("layer", "list", store, "--json", **kw).out)


def current(store):
    return [l for l in layers(store)["layers"] if l["current"]][0]


class Served:
    """The current layer as a block device for programs that take one: a raw file that is read through NBD and written back."""

    def __init__(self, store):
        self.store = store

    def nbd(self, path, *qemu_img):
        sock = os.path.abspath("sock")
        p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", sock, "--write", "--once"], stdout=subprocess.PIPE)
        p.stdout.readline()
        r = run(*[a.replace("@", "nbd+unix:///disk?socket=" + sock) for a in qemu_img])
        check(p.wait() == 0 and r.returncode == 0, "%r: %s" % (qemu_img, r.stdout))

    def __enter__(self):
        self.before = "before.raw"
        must("layer", "export", self.store, "work.raw", "--format", "raw", "--replace")
        shutil.copyfile("work.raw", self.before)
        return "work.raw"

    def __exit__(self, *exc):
        """Only what differs is written, as a filesystem would."""
        path = must("layer", "path", self.store).out.strip()
        a, b = open(self.before, "rb").read(), open("work.raw", "rb").read()
        commands, n = [], 0
        step = 4096
        at = 0
        while at < len(b):
            if a[at:at + step] == b[at:at + step]:
                at += step
                continue
            end = at
            while end < len(b) and a[end:end + step] != b[end:end + step]:
                end += step
            with open("piece%d" % n, "wb") as f:
                f.write(b[at:end])
            commands += ["-c", "write -s piece%d %d %d" % (n, at, min(end, len(b)) - at)]
            n += 1
            at = end
        if commands:
            self.nbd(path, "qemu-io", "-f", "raw", *commands, "@")
        for i in range(n):
            os.unlink("piece%d" % i)


class Ntfs:
    name = "ntfs"

    def make(self, raw):
        run("mkntfs", "-F", "-q", "-L", "layers", raw, check=True)

    def put(self, raw, src, dst):
        r = run("ntfscp", "-f", "-q", raw, src, dst)
        check(r.returncode == 0, "ntfscp: " + r.stdout)

    def get(self, raw, path):
        p = subprocess.run(["ntfscat", "-f", raw, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return p.stdout if p.returncode == 0 else None

    def remove(self, raw, path):
        return False  # no program for it without a mount

    def fsck(self, raw):
        r = run("ntfsfix", "-n", raw)
        return r.returncode == 0, r.stdout


class Ext4:
    name = "ext4"

    def make(self, raw):
        run("mke2fs", "-q", "-t", "ext4", "-F", raw, check=True)

    def do(self, raw, command):
        r = run("debugfs", "-w", "-R", command, raw)
        check(r.returncode == 0, "debugfs %s: %s" % (command, r.stdout))
        return True

    def put(self, raw, src, dst):
        run("debugfs", "-w", "-R", "rm " + dst, raw)
        self.do(raw, "write %s %s" % (src, dst))

    def get(self, raw, path):
        if os.path.exists("got"):
            os.unlink("got")
        run("debugfs", "-R", "dump %s got" % path, raw)
        return open("got", "rb").read() if os.path.exists("got") else None

    def remove(self, raw, path):
        return self.do(raw, "rm " + path)

    def fsck(self, raw):
        r = run("e2fsck", "-fn", raw)
        return r.returncode == 0, r.stdout


class Fat:
    name = "fat"

    def make(self, raw):
        run("mkfs.fat", "-F", "32", raw, check=True)

    def put(self, raw, src, dst):
        r = run("mcopy", "-o", "-i", raw, src, "::" + dst)
        check(r.returncode == 0, "mcopy: " + r.stdout)

    def get(self, raw, path):
        p = subprocess.run(["mtype", "-i", raw, "::" + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return p.stdout if p.returncode == 0 else None

    def remove(self, raw, path):
        return run("mdel", "-i", raw, "::" + path).returncode == 0

    def fsck(self, raw):
        r = run("fsck.fat", "-n", raw)
        return r.returncode == 0, r.stdout


def changes(store, a, b=None):
    """{path: change} as diff tells it; folders and the filesystem's own files left out."""
    r = must("layer", "diff", store, a, *([b] if b else []), "--json")
    t = json.loads(r.out)
    out = {}
    for v in t["volumes"]:
        for f in v["files"]:
            if not f["folder"]:
                out[f["path"].lower()] = f["change"]
    return out, t


def filesystem(fs, rng):
    """Ten snapshots; the files of each are known; back to each, checked, and the differences are the ones that were made."""
    store = "store-" + fs.name
    run("truncate", "-s", "48M", "fresh.raw")
    fs.make("fresh.raw")
    must("layer", "create", store, "--from", "fresh.raw")
    os.unlink("fresh.raw")
    files, states, states_size = {}, {}, 0
    for n in range(10):
        with Served(store) as raw:
            for _ in range(3):
                name = "f%d.bin" % rng.randrange(8)
                content = rng.randbytes(rng.choice([20, 3000, 150000]))
                open("src", "wb").write(content)
                fs.put(raw, "src", name)
                files["/" + name] = content
            if n % 3 == 2 and files:
                victim = rng.choice(sorted(files))
                if fs.remove(raw, victim):
                    del files[victim]
            ok, text = fs.fsck(raw)
            check(ok, "%s: the test's own changes are sound: %s" % (fs.name, text))
        must("layer", "snapshot", store, "state %d" % n)
        states["state %d" % n] = dict(files)
    names = list(states)
    for name in names + rng.sample(names, 3):
        must("layer", "rollback", store, name)
        must("layer", "export", store, "out.raw", "--format", "raw", "--replace")
        ok, text = fs.fsck("out.raw")
        check(ok, "%s, back to %s: %s" % (fs.name, name, text))
        for path, content in states[name].items():
            check(fs.get("out.raw", path) == content, "%s, back to %s: %s differs" % (fs.name, name, path))
    # differences between any two states are those of the files
    for _ in range(8):
        a, b = rng.sample(names, 2)
        want = {}
        for path in set(states[a]) | set(states[b]):
            x, y = states[a].get(path), states[b].get(path)
            if x != y:
                want[path] = "added" if x is None else "removed" if y is None else "changed"
        got, _t = changes(store, a, b)
        # a file that was written anew with other times may have the same content in both; a name may have gone over to another file
        for path in want:
            check(got.get(path) == want[path] or (want[path] == "removed" and got.get(path) == "renamed"),
                  "%s, %s to %s: %s is %s, not %s" % (fs.name, a, b, path, got.get(path), want[path]))
        for path in set(got) - set(want):
            check(got[path] == "changed" and path in states[a] and path in states[b],
                  "%s, %s to %s: %s is said to be %s" % (fs.name, a, b, path, got[path]))
    got, t = changes(store, "state 3", "state 3")
    check(not got and t["changed_bytes"] == 0, "%s: a layer does not differ from itself" % fs.name)
    r = must("layer", "check", store)
    check(" 0 faults" in r.out, "%s: check: %s" % (fs.name, r.out))


def partitioned():
    """A GPT with FAT and ext4: each partition is told of by itself."""
    run("truncate", "-s", "80M", "p.raw")
    subprocess.run(["sfdisk", "-q", "p.raw"], input=b"label: gpt\nstart=2048,size=73728\nstart=81920,size=73728\n", check=True)
    run("truncate", "-s", "36M", "a.raw", "b.raw")
    Fat().make("a.raw")
    Ext4().make("b.raw")

    def join():
        for src, seek in (("a.raw", 2048), ("b.raw", 81920)):
            run("dd", "if=" + src, "of=p.raw", "bs=512", "seek=%d" % seek, "conv=notrunc", "status=none", check=True)
    join()
    must("layer", "create", "parts", "--from", "p.raw")
    open("src", "wb").write(b"hello")
    with Served("parts") as raw:
        Fat().put("a.raw", "src", "on-fat.txt")
        Ext4().put("b.raw", "src", "on-ext.txt")
        join()
        shutil.copyfile("p.raw", raw)
    got, t = changes("parts", "base")
    equal(got, {"/on-fat.txt": "added", "/on-ext.txt": "added"}, "two partitions")
    equal([(v["partition"], v["format"]) for v in t["volumes"]], [(1, "fat"), (2, "ext4")], "two partitions: formats")
    r = must("layer", "diff", "parts", "base")
    check("on-fat.txt" in r.out and "partition 2" in r.out, "diff for people: " + r.out)


def exfat():
    """A stick's own image as the content: exFAT and FAT partitions."""
    make_data("data", 1)
    must("create", "content.img", "--size", "90M", "--uuid-seed", "3")
    must("add", "content.img", noise("old.bin", 70000, 1), noise("gone.bin", 5000, 2))
    must("layer", "create", "ex", "--from", "content.img")
    with Served("ex") as raw:
        must("add", raw, noise("new.bin", 300000, 4))
        must("add", raw, noise("old.bin", 70000, 5), "--replace")
        must("remove", raw, "/images/gone.bin")
    got, t = changes("ex", "base")
    equal(got, {"/images/new.bin": "added", "/images/old.bin": "changed", "/images/gone.bin": "removed", "/isopod.sha256": "changed"}, "exFAT")
    f = [f for v in t["volumes"] for f in v["files"] if f["path"] == "/images/new.bin"][0]
    check(f["after"]["size"] == 300000 and f["after"]["attributes"] == "0x20", "exFAT: sizes and attributes: %r" % f)


def tree():
    must("layer", "create", "t", "--size", "16M")
    must("layer", "snapshot", "t", "one")
    must("layer", "snapshot", "t")
    must("layer", "rollback", "t", "one")
    t = layers("t")
    names = {l["name"]: l for l in t["layers"]}
    check(names["base"]["parent"] is None and names["one"]["parent"] == names["base"]["id"], "a tree: %r" % names)
    check(current("t")["parent"] == names["one"]["id"], "the parent of the current layer is the one named")
    for l in t["layers"]:
        mode = os.stat(os.path.join("t", l["file"])).st_mode
        check(bool(mode & 0o200) == l["current"], "%s: only the current layer's file can be written to" % l["name"])
    out = run("qemu-img", "info", "--output=json", os.path.join("t", names["base"]["file"]))
    check('"vhdx"' in out.stdout, "qemu-img knows the base: " + out.stdout)
    r = run("qemu-img", "check", os.path.join("t", names["base"]["file"]))
    check(r.returncode == 0, "qemu-img check: " + r.stdout)
    for fmt in ("raw", "vhd", "vhdx", "qcow2"):
        must("layer", "export", "t", "o." + fmt, "--layer", "one")
        r = run("qemu-img", "compare", "-f", "vpc" if fmt == "vhd" else fmt, "-F", "raw", "o." + fmt, "o.raw")
        check(r.returncode == 0, "export as %s: %s" % (fmt, r.stdout))
    # a machine runs on the current layer
    path = must("layer", "path", "t").out.strip()
    sock = os.path.abspath("sock")
    p = subprocess.Popen([ISOPOD, "disk", "serve", path, "--nbd", sock, "--write"], stdout=subprocess.PIPE)
    p.stdout.readline()
    for args in (["snapshot", "t"], ["rollback", "t"], ["rollback", "t", "base"], ["flatten", "t"], ["lock", "t"]):
        one_line(isopod("layer", *args), 3, "in use: %r" % args, "in use")
    must("layer", "list", "t")
    p.terminate()
    p.wait()
    must("layer", "snapshot", "t", "after")
    # two writers
    import fcntl
    with open("t/isopod-layers.idx", "r+b") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        one_line(isopod("layer", "snapshot", "t"), 3, "two writers", "in use")
        check(isopod("layer", "list", "t").rc == 0, "a reader is not kept out")
    # hashes
    must("layer", "check", "t", "--hash")
    check(all("sha256" in l for l in layers("t")["layers"] if not l["current"]), "hashes are kept")
    target = os.path.join("t", names["one"]["file"])
    os.chmod(target, 0o644)
    with open(target, "r+b") as f:
        f.seek(0x200000 - 1)
        f.write(b"x")
    r = isopod("layer", "check", "t", "--hash")
    check(r.rc == 1 and "hash" in r.out, "a changed byte is found: %r" % r.out)


def kiosk():
    must("layer", "create", "k", "--size", "16M")
    must("layer", "lock", "k")
    first = must("layer", "start", "k").out.strip()
    check(must("layer", "start", "k").out.strip() == first, "a boot that wrote nothing leaves a fresh layer")
    for i in range(3):
        Served("k").nbd(first, "qemu-io", "-f", "raw", "-c", "write -P %d 0 64k" % (i + 1), "@")
        after = must("layer", "start", "k").out.strip()
        check(after == first, "the layer that passes is made empty where it lies: " + after)
        must("layer", "export", "k", "k.raw", "--format", "raw", "--replace")
        check(not any(open("k.raw", "rb").read()), "what was written is gone")
        check(os.path.getsize(first) == 4 * MIB, "and takes no space any more: %d" % os.path.getsize(first))
        first = after
        must("layer", "export", "k", "k.raw", "--replace")
        check(not any(open("k.raw", "rb").read(65536)), "each boot starts from the same state")
    equal(len(layers("k")["layers"]), 2, "a kiosk does not fill its disk")
    one_line(isopod("layer", "delete", "k", "base"), 3, "delete the locked layer", "base")
    must("layer", "lock", "k", "--off")
    check(must("layer", "start", "k").out == must("layer", "path", "k").out, "unlocked")


def rebase(rng):
    """A layer goes onto others and shows the same; what is between can go; what is based on it stays right."""
    noise("b.raw", 6 * MIB, 8)
    must("layer", "create", "r", "--from", "b.raw")

    def change(commands):
        Served("r").nbd(must("layer", "path", "r").out.strip(), "qemu-io", "-f", "raw", *[x for c in commands for x in ("-c", c)], "@")

    change(["write -P 1 64k 200k", "write -z 1M 2M"])
    must("layer", "snapshot", "r", "one")
    change(["write -P 2 100k 8k", "write -P 3 5M 512"])
    must("layer", "snapshot", "r", "two")
    change(["write -P 4 3M 12k"])
    must("layer", "snapshot", "r", "three")
    change(["write -P 5 104k 1k"])
    must("layer", "rollback", "r", "one")
    change(["write -P 6 70k 90k", "write -P 7 1500k 4k"])
    must("layer", "snapshot", "r", "branch")

    def shown():
        out = {}
        for l in layers("r")["layers"]:
            must("layer", "export", "r", "o.raw", "--format", "raw", "--layer", l["name"], "--replace")
            out[l["name"]] = sha256("o.raw")
        return out

    def tree_of():
        by = {l["id"]: l for l in layers("r")["layers"]}
        return {l["name"]: by[l["parent"]]["name"] if l["parent"] else None for l in by.values()}
    want = shown()
    cur = current("r")["name"]
    must("layer", "check", "r", "--hash")
    for name, onto in (("three", "one"), ("two", "branch"), ("three", "two"), ("three", "base"), (cur, "three"), ("two", "base"), ("branch", "base")):
        must("layer", "rebase", "r", name, onto)
        equal(tree_of()[name], onto, "%s onto %s" % (name, onto))
        check(shown() == want, "%s onto %s: every layer shows what it showed" % (name, onto))
        r = must("layer", "check", "r", "--hash")
        check(" 0 faults, 0 repaired, 0 warnings" in r.out, "%s onto %s: check: %s" % (name, onto, r.out))
    # a machine runs on top of it
    p = subprocess.Popen([ISOPOD, "disk", "serve", must("layer", "path", "r").out.strip(), "--nbd", os.path.abspath("sock"), "--write"],
                         stdout=subprocess.PIPE)
    p.stdout.readline()
    for name, onto in ((cur, "base"), ("three", "two")):
        one_line(isopod("layer", "rebase", "r", name, onto), 3, "%s is in use" % name, "in use")
    p.terminate()
    p.wait()
    check(shown() == want, "what is refused changes nothing")
    # what was taken in is not thrown away as if nobody had written to the layer
    must("layer", "rollback", "r", "two")
    check(cur in tree_of() and shown()[cur] == want[cur], "a layer that took something in is kept")
    for name in ("one",):
        must("layer", "delete", "r", name)
        del want[name]
    now = shown()
    check(all(now[n] == want[n] for n in want), "a layer that was between is not needed")
    one_line(isopod("layer", "rebase", "r", "two", "two"), 3, "onto itself", "itself")
    one_line(isopod("layer", "rebase", "r", "three", cur), 3, "onto what is based on it", "is based on three itself")
    one_line(isopod("layer", "rebase", "r", "base", "two"), 3, "a base", "cannot rebase base: it has no parent")
    one_line(isopod("layer", "rebase", "r", "two", "base"), 3, "where it is", "already")
    one_line(isopod("layer", "rebase", "r", "two", "nobody"), 3, "onto nothing", "nobody")
    one_line(isopod("layer", "rebase", "r", "branch", current("r")["name"]), 3, "onto the current layer", "snapshot")
    check(isopod("layer", "rebase", "r", "two").rc == 2, "rebase without a target")


def interrupted_rebase():
    """Ctrl-C and a kill while a layer takes in what is below it: it stands where it stood, and the command can be repeated."""
    must("layer", "create", "i", "--size", "64M")
    Served("i").nbd(must("layer", "path", "i").out.strip(), "qemu-io", "-f", "raw", "-c", "write -P 5 0 60M", "@")
    must("layer", "snapshot", "i", "one")
    for sig in (signal.SIGINT, signal.SIGKILL):
        cur = current("i")
        path = os.path.join("i", cur["file"])
        before = os.path.getsize(path)
        p = subprocess.Popen([FAULTS, "layer", "rebase", "i", cur["name"], "base"], env=dict(os.environ, LC_ALL="C.UTF-8", ISOPOD_TEST_SLOW="100"),
                             stderr=subprocess.PIPE, encoding="utf-8")
        end = time.time() + 60
        while os.path.getsize(path) < before + 10 * MIB and p.poll() is None and time.time() < end:
            time.sleep(0.02)
        p.send_signal(sig)
        err = p.communicate(timeout=60)[1]
        check(before + 5 * MIB < os.path.getsize(path) < before + 58 * MIB, "interrupted in the middle: %d" % os.path.getsize(path))
        if sig == signal.SIGINT:
            check(p.returncode == 3 and "interrupted" in err and err.count("\n") == 1, "interrupted: %d %r" % (p.returncode, err))
        else:
            check(p.returncode == -sig and any(l.get("interrupted") for l in layers("i")["layers"]), "killed: %d" % p.returncode)
            r = must("layer", "snapshot", "i", "after")
            check("interrupted" in r.err and "as before" in r.err, "killed: what the next one says: " + r.err)
            must("layer", "rollback", "i", "after")
        r = must("layer", "check", "i")
        check(" 0 faults" in r.out, "interrupted: check: " + r.out)
        must("layer", "export", "i", "o.raw", "--format", "raw", "--replace")
        data = open("o.raw", "rb").read()
        check(data == b"\5" * (60 * MIB) + bytes(4 * MIB), "interrupted: it shows what it showed")


def read_only_on(stick):
    """{file: is it read-only?} of the store on a stick, by the attributes in its directory."""
    out = {}
    for l in run(os.path.join(B, "interop/exfat"), "attributes", volume(stick)).stdout.splitlines():
        bits, path = l.split(" ", 1)
        if path.startswith("/vm/win/") and path.endswith(".vhdx"):
            out[os.path.basename(path)] = bool(int(bits, 16) & 1)
    return out


def signals():
    """Ctrl-C before the step to the index: nothing was changed; behind it: it is done, and the status says so. A check that did not
    look at everything says this."""
    def hit(*args, slow="100", when=None, **env):
        p = subprocess.Popen([FAULTS, "layer", *args], env=dict(os.environ, LC_ALL="C.UTF-8", ISOPOD_TEST_SLOW=slow, **env),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        end = time.time() + 60
        while not when() and p.poll() is None and time.time() < end:
            time.sleep(0.02)
        check(p.poll() is None, "%r: still at work" % (args,))
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=120)
        return p.returncode, out, err
    must("layer", "create", "sig", "--size", "64M")
    Served("sig").nbd(must("layer", "path", "sig").out.strip(), "qemu-io", "-f", "raw", "-c", "write -P 5 0 40M", "@")
    before, files = layers("sig"), sorted(os.listdir("sig"))
    part = lambda: any(n.endswith(".part") and os.path.getsize("sig/" + n) > 10 * MIB for n in os.listdir("sig"))
    rc, out, err = hit("flatten", "sig", when=part)
    check(rc == 3 and "nothing was changed" in err and err.count("\n") == 1, "flatten, interrupted: %d %r" % (rc, err))
    check(layers("sig") == before and sorted(os.listdir("sig")) == files, "flatten, interrupted: as before")
    base = "sig/" + [l for l in before["layers"] if l["name"] == "base"][0]["file"]
    rc, out, err = hit("commit", "sig", when=lambda: os.path.getsize(base) > 14 * MIB)
    check(rc == 0 and not err, "commit, interrupted behind the step: %d %r" % (rc, err))
    check(before["current"] not in [l["id"] for l in layers("sig")["layers"]], "commit, interrupted: it is done")
    must("layer", "export", "sig", "o.raw", "--format", "raw", "--replace")
    check(open("o.raw", "rb").read() == b"\5" * (40 * MIB) + bytes(24 * MIB), "commit, interrupted: the same disk")
    # much to read
    os.chmod(base, 0o644)
    os.truncate(base, 24 << 30)
    start = time.time()
    for args in (("check", "sig", "--hash"), ("check", "sig", "--hash", "--json")):
        start = time.time()
        rc, out, err = hit(*args, when=lambda: time.time() > start + 1)
        check(rc == 3 and "interrupted: not everything was checked" in err, "%r, interrupted: %d %r" % (args, rc, err))
        check("--json" not in args or list(json.loads(out)) == ["error"], "%r, interrupted: %r" % (args, out[:200]))
    shutil.rmtree("sig")
    # many files to list
    for name in ("a", "b"):
        os.mkdir(name)
        for i in range(4000):
            with open("%s/%s%d" % (name, name, i), "w") as f:
                f.write(name)
        run("mke2fs", "-q", "-t", "ext4", "-N", "6000", "-d", name, name + ".raw", "48M", check=True)
    must("layer", "create", "sig", "--from", "a.raw")
    Served("sig").nbd(must("layer", "path", "sig").out.strip(), "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "b.raw", "@")
    start = time.time()
    whole = must("layer", "diff", "sig", "base", program=FAULTS).out
    took, statuses = time.time() - start, []
    check("b3999" in whole and "a3999" in whole, "diff of many files: %r" % whole[-200:])
    for i in range(1, 12, 2):
        with open("list", "w") as f:
            p = subprocess.Popen([FAULTS, "layer", "diff", "sig", "base"], env=dict(os.environ, LC_ALL="C.UTF-8"), stdout=f,
                                 stderr=subprocess.PIPE, encoding="utf-8")
        try:
            p.wait(took * i / 12)
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGINT)
        err = p.communicate(timeout=120)[1]
        statuses.append(p.returncode)
        check((p.returncode == 0 and open("list").read() == whole) or (p.returncode == 3 and "interrupted" in err) or p.returncode == -signal.SIGINT,
              "diff, interrupted: %d %r" % (p.returncode, err))
    check(3 in statuses, "diff, interrupted in the middle: %r" % statuses)
    shutil.rmtree("sig")


def faults():
    """The index was written and its flush failed; a file that is not needed any more cannot be removed."""
    must("layer", "create", "f", "--size", "8M")
    r = isopod("layer", "snapshot", "f", "one", program=FAULTS, env={"ISOPOD_TEST_NO_SYNC": "isopod-layers.idx"})
    one_line(r, 3, "a flush that fails", "cannot write the index")
    r = isopod("layer", "check", "f")
    check(r.rc == 0 and " 0 faults" in r.out, "a flush that fails: the index knows its files: %s%s" % (r.out, r.err))
    must("layer", "snapshot", "f", "two")
    cur = current("f")
    Served("f").nbd("f/" + cur["file"], "qemu-io", "-f", "raw", "-c", "write -P 5 0 64k", "@")
    r = isopod("layer", "rollback", "f", "--discard", program=FAULTS, env={"ISOPOD_TEST_KEEP": cur["file"]})
    check(r.rc == 0 and r.err.startswith("isopod: warning: f/" + cur["file"]) and r.err.count("\n") == 1,
          "a file that cannot be removed: %d %r" % (r.rc, r.err))
    check(cur["id"] not in [l["id"] for l in layers("f")["layers"]] and os.path.exists("f/" + cur["file"]), "the layer is gone, its file not")
    # attributes
    must("layer", "check", "f", "--repair")
    check(not os.path.exists("f/" + cur["file"]), "a repair tries again")
    base = "f/" + [l for l in layers("f")["layers"] if l["name"] == "base"][0]["file"]
    os.chmod(base, 0o644)
    os.chmod("f/" + current("f")["file"], 0o444)
    r = isopod("layer", "check", "f")
    check(r.rc == 0 and "is writable" in r.out and "is read-only" in r.out and " 2 warnings" in r.out, "attributes: " + r.out)
    r = isopod("layer", "check", "f", "--repair")
    check(r.rc == 0 and " 2 repaired, 0 warnings" in r.out, "attributes, repaired: " + r.out)
    check(not os.stat(base).st_mode & 0o200 and os.stat("f/" + current("f")["file"]).st_mode & 0o200, "attributes are right")


def at_once():
    """Several programs want the same store: each has it for itself, or is told that it is in use."""
    def all_at_once(*args):
        ps = [subprocess.Popen([ISOPOD, "layer", *args], env=dict(os.environ, LC_ALL="C.UTF-8"), stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, encoding="utf-8") for _ in range(8)]
        done = 0
        for p in ps:
            err = p.communicate(timeout=60)[1]
            done += p.returncode == 0
            check(p.returncode == 0 or (p.returncode == 3 and ("in use" in err or "already holds layers" in err)),
                  "%r at once: %d %r" % (args, p.returncode, err))
        return done
    for i in range(5):
        equal(all_at_once("create", "once%d" % i, "--size", "8M"), 1, "stores made in one folder")
        done = all_at_once("snapshot", "once%d" % i)
        equal(len(layers("once%d" % i)["layers"]), 2 + done, "each snapshot that was taken is there")
        os.unlink("once%d/isopod-layers.idx" % i)
        check(all_at_once("check", "once%d" % i, "--repair") > 0, "somebody repairs")
        r = must("layer", "check", "once%d" % i)
        check(" 0 faults, 0 repaired, 0 warnings" in r.out, "after programs at once: " + r.out)


def deep():
    """As many layers on top of each other as can be opened, and not one more: that is a limit, and said before anything is made."""
    must("layer", "create", "deep", "--size", "1M")
    n = 2
    while isopod("layer", "snapshot", "deep").rc == 0 and n < 300:
        n += 1
    equal(n, 256, "layers on top of each other")
    one_line(isopod("layer", "snapshot", "deep"), 3, "one too many", "limit")
    must("layer", "export", "deep", "o.raw", "--format", "raw", "--replace")
    check(" 0 faults, 0 repaired, 0 warnings" in must("layer", "check", "deep").out, "a deep store is sound")
    must("layer", "rollback", "deep", "base")
    branch = current("deep")["name"]
    must("layer", "snapshot", "deep")
    one_line(isopod("layer", "rebase", "deep", branch, "layer-254"), 3, "a branch of two onto the last but one", "limit")
    must("layer", "rebase", "deep", branch, "layer-253")
    must("layer", "export", "deep", "o.raw", "--format", "raw", "--replace")
    # too many files for an index
    os.makedirs("many")
    for i in range(1, 4098):
        open("many/x.%08x.vhdx" % i, "w").close()
    one_line(isopod("layer", "check", "many", "--repair"), 3, "too many files", "limit", "4096")


def on_a_stick(rng):
    make_data("data", 1)
    must("create", "stick.img", "--size", "200M", "--uuid-seed", "1")
    noise("b.raw", 5 * MIB, 3)
    store = "stick.img:/vm/win"
    must("layer", "create", store, "--from", "b.raw")
    fsck("stick.img", "layer create")
    must("layer", "snapshot", store, "good one")
    must("layer", "snapshot", store)
    must("layer", "rollback", store, "good one")
    must("layer", "rename", store, "good one", "better")
    equal(read_only_on("stick.img"), {l["file"]: not l["current"] for l in layers(store)["layers"]}, "attributes on a stick")
    must("layer", "flatten", store)
    must("layer", "export", store, "o.raw", "--format", "raw", "--replace")
    check(sha256("o.raw") == sha256("b.raw"), "a store on a stick holds what it was given")
    r = must("layer", "check", store)
    check(" 0 faults" in r.out and "written" not in r.out, "check on a stick: " + r.out)
    path = must("layer", "path", store).out.strip()
    check(path.startswith("stick.img:/vm/win/"), "path on a stick: " + path)
    fsck("stick.img", "layers")
    # the same store, mounted
    with mounted("stick.img", write=True) as point:
        os.makedirs("copy", exist_ok=True)
        names = sorted(os.listdir(point + "/vm/win"))
        modes = {n: os.stat(point + "/vm/win/" + n).st_mode for n in names}
        r = isopod("layer", "list", point + "/vm/win")
        check(r.rc == 0 and "better" in r.out, "the same store mounted: %s%s" % (r.out, r.err))
        must("layer", "snapshot", point + "/vm/win", "from outside")
        path = must("layer", "path", point + "/vm/win").out.strip()
        Served(None).nbd(path, "qemu-io", "-f", "raw", "-c", "write -P 9 2M 64k", "@")
        must("layer", "snapshot", point + "/vm/win", "written outside")
        must("layer", "snapshot", point + "/vm/win", "on top")
        must("layer", "export", point + "/vm/win", "w.raw", "--format", "raw", "--replace")
    r = must("layer", "list", store)
    check("from outside" in r.out, "what was done while mounted is there: " + r.out)
    # one that makes a file longer, and one that does not
    must("layer", "rebase", store, "on top", "from outside")
    fsck("stick.img", "a file of the stick got longer")
    must("layer", "delete", store, "written outside")
    must("layer", "snapshot", store, "idle")
    must("layer", "rebase", store, current(store)["name"], "on top")
    must("layer", "delete", store, "idle")
    fsck("stick.img", "rebase on a stick")
    must("layer", "export", store, "o.raw", "--format", "raw", "--replace")
    check(sha256("o.raw") == sha256("w.raw"), "rebased on a stick")
    must("remove", "stick.img", "/vm/win/isopod-layers.idx")
    one_line(isopod("layer", "list", store), 3, "no index on the stick", "isopod-layers.idx")
    r = must("layer", "check", store, "--repair")
    # what exfat-fuse could not say of the files that were made through it
    must("layer", "check", store, "--repair")
    equal(read_only_on("stick.img"), {l["file"]: not l["current"] for l in layers(store)["layers"]}, "attributes on a stick, repaired")
    fsck("stick.img", "attributes repaired")
    # a layer that others are based on kept its file's name
    check("good one" in must("layer", "list", store).out, "the index on the stick is made anew: " + r.out)
    must("layer", "export", store, "o.raw", "--format", "raw", "--replace")
    check(sha256("o.raw") == sha256("w.raw"), "and leads to the same bytes")
    r = isopod("layer", "create", "stick.img:/big", "--from", noise("big.raw", 190 * MIB))
    one_line(r, 3, "no space on a stick", "space")
    os.unlink("big.raw")
    fsck("stick.img", "no space")


def volume(stick):
    start, length, _ = partitions(stick)[1][0]
    return cut_out(stick, start, length, "part.data")


def pieces(stick, name):
    """How many runs a file of the store has on the stick, and how long it is."""
    for l in run(os.path.join(B, "interop/exfat"), "tree", volume(stick)).stdout.splitlines():
        f = l.split(" ", 6)
        if f[6].startswith("/vm/win/" + name):
            check(f[1] == f[2], "%s: content all through: %s" % (name, l))
            return int(f[4]), int(f[1])
    return 0, 0


def used_stick(stick):
    """An empty stick whose free space is full of what was there before."""
    must("create", stick, "--size", "220M", "--uuid-seed", "1", "--yes")
    must("add", stick, noise("old.img", 140 * MIB, 9))
    must("remove", stick, "/images/old.img")
    os.unlink("old.img")


def commit_on_a_stick(rng):
    """A stick that nobody has mounted: layers below get longer where they are."""
    with open("c.raw", "wb") as f:
        f.write(rng.randbytes(3 * MIB) + bytes(37 * MIB))
    must("layer", "create", "host", "--from", "c.raw")
    for i, name in enumerate(("one", "two", "three", None)):
        with Served("host") as raw:
            with open(raw, "r+b") as f:
                f.seek((4 + 9 * i) * MIB + 512)
                f.write(rng.randbytes(6 * MIB))
                f.seek(MIB)
                f.write(rng.randbytes(4096))
        if name:
            must("layer", "snapshot", "host", name)
    must("layer", "export", "host", "want.raw", "--format", "raw")
    files = [os.path.join("host", n) for n in sorted(os.listdir("host"))]
    store = "stick2.img:/vm/win"
    for what, order in (("in one piece", files[::-1]), ("in pieces", files)):
        used_stick("stick2.img")
        must("add", "stick2.img", *order, "--to", "/vm/win")
        shutil.copyfile("stick2.img", "before.img")
        n, before = pieces("stick2.img", "base")
        equal(n, 1, "base as it was added")
        for done, name in enumerate(("one", "two", "three", None)):
            must("layer", "commit", store, *([name] if name else []))
            fsck("stick2.img", "commit of %s, %s" % (name, what))
            n, size = pieces("stick2.img", "base")
            check(size > before and (n == 1) == (what == "in one piece"), "commit of %s, %s: %d pieces, %d bytes" % (name, what, n, size))
            before = size
            must("layer", "export", store, "o.raw", "--format", "raw", "--replace")
            check(sha256("o.raw") == sha256("want.raw"), "commit of %s, %s: the same disk" % (name, what))
            r = must("layer", "check", store)
            check(" 0 faults" in r.out, "commit of %s, %s: %s" % (name, what, r.out))
        free = run(os.path.join(B, "interop/exfat"), "space", volume("stick2.img")).stdout.split()[1]
        r = run("dump.exfat", "part.data")
        clusters = {l.split(":")[0]: int(l.split()[-1], 0) for l in r.stdout.splitlines() if l.startswith(("Cluster size", "Free Clusters"))}
        equal(clusters["Cluster size"] * clusters["Free Clusters"], int(free), "free clusters as dump.exfat counts them")
        with mounted("stick2.img") as point:
            must("layer", "export", point + "/vm/win", "o.raw", "--format", "raw", "--replace")
            check(sha256("o.raw") == sha256("want.raw"), "the same disk, mounted, " + what)
    # a stick with no room for it: one line, and nothing was changed
    shutil.copyfile("before.img", "stick2.img")
    free = int(run(os.path.join(B, "interop/exfat"), "space", volume("stick2.img")).stdout.split()[1])
    must("add", "stick2.img", noise("big.img", free - 36 * MIB, 4))
    must("layer", "rename", store, "one", "uno")  # the volume is written to
    was = sha256("stick2.img")
    one_line(isopod("layer", "commit", store), 3, "commit on a full stick", "not enough space")
    check(sha256("stick2.img") == was, "a commit for which there is no room changes nothing")
    must("remove", "stick2.img", "/images/big.img")
    must("layer", "commit", store)
    must("layer", "export", store, "o.raw", "--format", "raw", "--replace")
    check(sha256("o.raw") == sha256("want.raw"), "and works once there is room")
    os.unlink("big.img")
    # blocks that are there already take no space
    used_stick("stick2.img")
    must("layer", "create", "full", "--from", noise("full.raw", 40 * MIB, 5))
    with Served("full") as raw:
        with open(raw, "r+b") as f:
            f.seek(8 * MIB)
            f.write(rng.randbytes(20 * MIB))
    must("layer", "export", "full", "want.raw", "--format", "raw", "--replace")
    must("add", "stick2.img", *[os.path.join("full", n) for n in sorted(os.listdir("full"))], "--to", "/vm/win")
    free = int(run(os.path.join(B, "interop/exfat"), "space", volume("stick2.img")).stdout.split()[1])
    must("add", "stick2.img", noise("big.img", free - 66 * MIB, 4))  # but what takes the commit back does, meanwhile
    before = pieces("stick2.img", "base")
    must("layer", "commit", store)
    equal(pieces("stick2.img", "base"), before, "a commit into blocks that are there makes nothing longer")
    must("layer", "export", store, "o.raw", "--format", "raw", "--replace")
    check(sha256("o.raw") == sha256("want.raw"), "a commit into blocks that are there")
    fsck("stick2.img", "a commit into blocks that are there")


def wrong():
    os.makedirs("empty")
    one_line(isopod("layer", "list", "empty"), 3, "no store", "empty")
    one_line(isopod("layer", "list", "nowhere"), 3, "no folder", "nowhere")
    one_line(isopod("layer", "check", "empty", "--repair"), 3, "nothing to repair", "no layers")
    must("layer", "create", "w", "--size", "8M")
    one_line(isopod("layer", "create", "w", "--size", "8M"), 3, "create over a store", "layers")
    one_line(isopod("layer", "rollback", "w", "nobody"), 3, "no such layer", "nobody")
    one_line(isopod("layer", "delete", "w", "base"), 3, "delete a base", "cannot delete base: other layers are based on it")
    one_line(isopod("layer", "delete", "w", current("w")["name"]), 3, "delete the current layer", "current")
    one_line(isopod("layer", "rollback", "w", current("w")["name"]), 3, "rollback to the current layer", "current")
    one_line(isopod("layer", "flatten", "w", "base"), 3, "flatten a base", "cannot flatten base: it has no parent")
    one_line(isopod("layer", "commit", "w", "base"), 3, "commit a base", "cannot commit base: it has no parent")
    # two layers on one base: what is written to it would be seen in the other
    must("layer", "create", "two", "--size", "8M")
    must("layer", "snapshot", "two", "one")
    must("layer", "rollback", "two", "base")
    was = {f: sha256("two/" + f) for f in sorted(os.listdir("two"))}
    for name in ([], ["one"]):
        one_line(isopod("layer", "commit", "two", *name), 3, "commit below another", "cannot commit into base", "based on it too")
    equal({f: sha256("two/" + f) for f in sorted(os.listdir("two"))}, was, "a commit that is refused changes nothing")
    one_line(isopod("layer", "snapshot", "w", "a/b"), 3, "a bad name", "a/b")
    one_line(isopod("layer", "snapshot", "w", "BASE"), 3, "a name that is taken", "BASE")
    one_line(isopod("layer", "diff", "w", "x"), 3, "diff of nothing", "x")
    one_line(isopod("layer", "frobnicate", "w"), 2, "no such verb", "frobnicate")
    one_line(isopod("layer", "create", "w2"), 2, "create without a size", "size")
    for args in (["snapshot"], ["rename", "w", "x"], ["list", "w", "extra"], ["lock", "w", "a", "b"]):
        check(isopod("layer", *args).rc == 2, "usage: %r" % args)
    good = open("w/isopod-layers.idx", "rb").read()
    files = sorted(os.listdir("w"))
    rng = random.Random(5)
    # an index of anything: one line or a listing, and a repair that works
    for what, raw in (("empty", b""), ("short", good[:1000]), ("noise", rng.randbytes(1 << 21)), ("zeros", bytes(1 << 21))):
        open("w/isopod-layers.idx", "wb").write(raw)
        if what != "short":
            one_line(isopod("layer", "list", "w", program=FAULTS), 3, "index: " + what, "repair")
        r = isopod("layer", "check", "w", "--repair", program=FAULTS)
        check(r.rc == 0, "repair, index %s: %s" % (what, r.err))
        equal(sorted(os.listdir("w")), files, "repair, index %s: files" % what)
    # files that are missing, swapped, looped, cut
    cur = current("w")
    names = {l["name"]: os.path.join("w", l["file"]) for l in layers("w")["layers"]}
    base = names["base"]
    os.rename(base, "aside")
    check(isopod("layer", "check", "w", program=FAULTS).rc == 1, "a missing base is found")
    one_line(isopod("layer", "export", "w", "x.raw", "--format", "raw", program=FAULTS), 3, "a missing base")
    os.rename("aside", base)
    raw = open(base, "rb").read()
    os.chmod(base, 0o644)
    for what, data in (("cut", raw[:70000]), ("empty", b""), ("noise", rng.randbytes(1 << 20)), ("the child itself", open("w/" + cur["file"], "rb").read())):
        open(base, "wb").write(data)
        r = isopod("layer", "check", "w", program=FAULTS)
        check(r.rc == 1 and "Sanitizer" not in r.err, "base is %s: %d %s" % (what, r.rc, r.err[:500]))
        r = isopod("layer", "diff", "w", "base", program=FAULTS)
        check(r.rc == 3 and r.err.count("\n") == 1, "base is %s: diff: %d %s" % (what, r.rc, r.err[:500]))
        r = isopod("layer", "snapshot", "w", program=FAULTS)
        check("Sanitizer" not in r.err, "base is %s: snapshot: %s" % (what, r.err[:500]))
    open(base, "wb").write(raw)


with workdir():
    rng = random.Random(99)
    tree()
    kiosk()
    rebase(rng)
    interrupted_rebase()
    signals()
    faults()
    at_once()
    deep()
    wrong()
    for fs in (Ext4(), Ntfs(), Fat()):
        filesystem(fs, rng)
    partitioned()
    exfat()
    on_a_stick(rng)
    commit_on_a_stick(rng)
cli_common.finish()
