#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Message catalogues of the boot manager.

  po2c.py c FILE.po NAME OUT.c       the catalogue as a C table sorted by message: menu_text_NAME
  po2c.py check FILE.po SOURCE.c...  every T("..."), FT(fw, "...") and N_("...") of the sources is translated, with the same %
                                     directives, and the catalogue holds nothing else; so is every text that sources in core/ hand
                                     to the plan or say of a damaged image (the menu names them in N_()); no literal in boot/ reads like words and is in none
                                     of these or PLAIN_(); prints one line per finding, exit status 1 if there are any
  po2c.py new FILE.po SOURCE.c...    prints the entries FILE.po still lacks

A .po file as GNU gettext defines it, without plural forms and contexts: the boot manager needs neither.
"""
import re
import sys

STRING = r'"(?:[^"\\]|\\.)*"'
ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"'}


def unquote(literals):
    out = []
    for lit in re.findall(STRING, literals):
        body = lit[1:-1]
        out.append(re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(0)), body))
    return "".join(out)


def quote(text):
    return '"' + "".join({"\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"'}.get(c, c) for c in text) + '"'


def quote_c(text):
    """As a C literal in ASCII: other bytes in octal, which cannot run into what follows."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in text.encode()) + '"'


def read_po(path):
    """[(msgid, msgstr, fuzzy)] without the header."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    entries = []
    for block in re.split(r"\n\s*\n", text):
        lines = [x for x in block.splitlines() if x and not x.startswith("#")]
        m = re.fullmatch(rf"msgid\s+((?:{STRING}\s*)+)msgstr\s+((?:{STRING}\s*)+)", "\n".join(lines))
        if not m:
            if lines:
                raise SystemExit(f"{path}: cannot read the entry that starts with: {lines[0]}")
            continue
        msgid = unquote(m.group(1))
        if msgid:
            entries.append((msgid, unquote(m.group(2)), "fuzzy" in block.split("msgid")[0]))
    return entries


def without_comments(text):
    """C without comments, line by line the same."""
    return re.sub(rf"({STRING})|/\*.*?\*/|//[^\n]*", lambda m: m.group(1) or re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)


def messages(sources):
    found = {}
    for path in sources:
        with open(path, encoding="utf-8") as f:
            text = without_comments(f.read().replace("\\\n", "\n"))  # macros go on on the next line
        for m in re.finditer(rf"\b(?:T|N_|FT)\((?:[^\"()]+,)?\s*((?:{STRING}\s*)+)\)", text):
            found.setdefault(unquote(m.group(1)), f"{path}:{text.count(chr(10), 0, m.start()) + 1}")
    return found


def plan_texts(sources):
    """Reasons and warnings of the planner: literals of more than one word in the calls that record them."""
    found = {}
    for path in sources:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for m in re.finditer(r"\b(?:pod_plan_warn|pod_plan_note|patch_records)\(((?:[^;\"]|\"(?:[^\"\\]|\\.)*\")*)\)\)?;", text):
            for lit in re.finditer(rf"(?:{STRING}\s*)+", m.group(1)):
                if " " in unquote(lit.group(0)):
                    found[unquote(lit.group(0))] = f"{path}:{text.count(chr(10), 0, m.start()) + 1}"
    return found


# Of the core: what the menu opens an image with. Changing files is the command's.
OPENING = re.compile(r"core/(plan|image|vhd)/|core/fs/iso9660")
CHANGING = re.compile(r"(_(format|merge|rebase|write|compact|edit|check|space)|/undo)\.c$")


def field_texts(sources):
    """What is wrong with an image, as the core says it in struct pod_diag, where that is words and not a specification's name of a
    field."""
    found = {}
    for path in sources:
        if not OPENING.match(path) or CHANGING.search(path):
            continue
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for m in re.finditer(rf"\bpod_fail\(((?:[^;\"]|{STRING})*)\);", text):
            for lit in re.findall(STRING, m.group(1)):
                if re.search(r"\b[a-z]{2,}\W* [a-z]", unquote(lit)):
                    found[unquote(lit)] = f"{path}:{text.count(chr(10), 0, m.start()) + 1}"
    return found


# Literals that nobody is shown: what the compiler, the assembler or the host's diagnostics read.
SILENT = ("asm", "__asm__", "volatile", "_Static_assert", "pod_fail", "optimize")


def loose_texts(path):
    """(line, text) of literals that read like words and stand outside T, FT, N_ and PLAIN_: two words in a row, or one with a
    capital."""
    with open(path, encoding="utf-8") as f:
        text = without_comments(f.read())
    # the names of the calls that are open at each place
    calls, tokens = [], re.compile(rf"((?:u?{STRING}\s*)+)|'(?:[^'\\]|\\.)+'|(\w*)\s*\(|(\))")
    for m in tokens.finditer(text):
        if m.group(2) is not None:
            calls.append(m.group(2))
        elif m.group(3):
            calls = calls[:-1]
        elif m.group(1):
            body = re.sub(r"%[-0-9.]*(?:ll|l|z)?[a-z]", "", unquote(m.group(1)))
            words = re.search(r"\b[A-Za-z][a-z]+\W* \W*[A-Za-z][a-z]+\b", body) or re.fullmatch(r"\W*[A-Z][a-z]{2,}\W*", body)
            if words and not set(calls) & {"T", "FT", "N_", "PLAIN_", *SILENT}:
                yield text.count("\n", 0, m.start()) + 1, body


def directives(text):
    return re.findall(r"%[-0-9.]*(?:ll|l|z)?[a-zA-Z%]", text)


def check(po, sources):
    bad = 0
    used = messages(sources)
    core = plan_texts([s for s in sources if s.startswith("core/")]) | field_texts(sources)
    if not used:
        print(f"{sources}: no messages found")
        bad = 1
    seen = {}
    for msgid, msgstr, fuzzy in read_po(po):
        if msgid in seen:
            print(f"{po}: given twice: {quote(msgid)}")
            bad = 1
        seen[msgid] = msgstr
        if msgid not in used:
            print(f"{po}: in no source: {quote(msgid)}")
            bad = 1
        if not msgstr or fuzzy:
            print(f"{po}: not translated: {quote(msgid)}")
            bad = 1
        elif directives(msgid) != directives(msgstr):
            print(f"{po}: other % directives: {quote(msgid)}")
            bad = 1
        elif msgid.count("\t") != msgstr.count("\t"):
            print(f"{po}: other tabs: {quote(msgid)}")
            bad = 1
    for msgid, place in used.items():
        if msgid not in seen:
            print(f"{place}: not in {po}: {quote(msgid)}")
            bad = 1
    for msgid, place in core.items():
        if msgid not in seen:
            print(f"{place}: the menu does not name this text of the core: {quote(msgid)}")
            bad = 1
    for path in sources:
        for line, text in loose_texts(path) if path.startswith("boot/") else ():
            print(f"{path}:{line}: shown untranslated (T, FT, N_), or on purpose so (PLAIN_)? {quote(text)}")
            bad = 1
    return bad


def write_c(po, name, out):
    entries = sorted(read_po(po), key=lambda e: e[0].encode())
    with open(out, "w", encoding="ascii") as f:
        f.write(f"/* Made by tools/po2c.py from {po}. */\n#include \"boot/text/text.h\"\n")
        f.write(f"const struct menu_text menu_text_{name}[] = {{\n")
        for msgid, msgstr, fuzzy in entries:
            if msgstr and not fuzzy:
                f.write(f"\t{{{quote_c(msgid)}, {quote_c(msgstr)}}},\n")
        f.write(f"}};\nconst size_t menu_text_{name}_count = POD_ARRAY_LEN(menu_text_{name});\n")


def main():
    args = sys.argv[1:]
    if len(args) == 4 and args[0] == "c":
        write_c(*args[1:])
    elif len(args) > 2 and args[0] == "check":
        sys.exit(check(args[1], args[2:]))
    elif len(args) > 2 and args[0] == "new":
        have = {e[0] for e in read_po(args[1])}
        for msgid, place in messages(args[2:]).items():
            if msgid not in have:
                print(f"#: {place}\nmsgid {quote(msgid)}\nmsgstr \"\"\n")
    else:
        raise SystemExit(__doc__)


main()
