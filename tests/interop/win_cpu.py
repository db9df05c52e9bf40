# SPDX-License-Identifier: BSD-2-Clause
"""A Windows program on an emulated processor (Unicorn): x64, ia32 and aa64 in the same way. The file is mapped as Windows' loader would
do it: sections with their rights, somewhere else than it was linked for, imports bound. Each function that it calls is a method of the
`api`, told by its signature; what it may not rely on after a call (volatile registers, the upper half of a 32-bit result) is filled with rubbish.

A signature has a letter per argument: p pointer or handle, u 32 bits, q 64 bits; the one in front is the result's (v: none)."""
import struct

from unicorn import UC_ARCH_ARM64, UC_ARCH_X86, UC_HOOK_MEM_FETCH_UNMAPPED, UC_MODE_32, UC_MODE_64, UC_MODE_ARM, Uc, UcError
from unicorn.arm64_const import UC_ARM64_REG_LR, UC_ARM64_REG_SP, UC_ARM64_REG_X0, UC_ARM64_REG_X18, UC_ARM64_REG_X19
from unicorn.x86_const import (UC_X86_REG_EAX, UC_X86_REG_EBP, UC_X86_REG_EBX, UC_X86_REG_ECX, UC_X86_REG_EDI, UC_X86_REG_EDX, UC_X86_REG_ESI,
                               UC_X86_REG_ESP, UC_X86_REG_R8, UC_X86_REG_R9, UC_X86_REG_R10, UC_X86_REG_R11, UC_X86_REG_R12, UC_X86_REG_R13,
                               UC_X86_REG_R14, UC_X86_REG_R15, UC_X86_REG_RAX, UC_X86_REG_RBP, UC_X86_REG_RBX, UC_X86_REG_RCX, UC_X86_REG_RDI,
                               UC_X86_REG_RDX, UC_X86_REG_RSI, UC_X86_REG_RSP)

PAGE = 4096
READ, WRITE, EXECUTE = 1, 2, 4
RUBBISH = 0xdeadbeefdeadbeef
TEB = 0x7ffd1230


class X64:
    name, machine, width, base, high = "x64", 0x8664, 8, 0x7ff612340000, 0x200000000000
    uc = UC_ARCH_X86, UC_MODE_64
    result, sp = UC_X86_REG_RAX, UC_X86_REG_RSP
    volatile = UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_R8, UC_X86_REG_R9, UC_X86_REG_R10, UC_X86_REG_R11
    kept = (UC_X86_REG_RBX, UC_X86_REG_RBP, UC_X86_REG_RDI, UC_X86_REG_RSI, UC_X86_REG_RSP, UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14,
            UC_X86_REG_R15)
    in_registers = UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_R8, UC_X86_REG_R9

    @staticmethod
    def arguments(cpu, signature):
        sp = cpu.get(X64.sp)
        if sp % 16 != 8:
            raise AssertionError("the stack is not aligned")
        return [cpu.get(X64.in_registers[i]) if i < 4 else cpu.u64(sp + 8 + 8 * i) for i in range(len(signature))]

    @staticmethod
    def back(cpu, _):
        sp = cpu.get(X64.sp)
        cpu.set(X64.sp, sp + 8)
        return cpu.u64(sp)

    @staticmethod
    def enter(cpu, args, back):
        sp = cpu.get(X64.sp) - 0x100 & ~15
        cpu.set(X64.sp, sp - 8)
        cpu.write(sp - 8, struct.pack("<Q", back))
        for i, v in enumerate(args):
            if i < 4:
                cpu.set(X64.in_registers[i], v)
            else:
                cpu.write(sp + 8 * i, struct.pack("<Q", v))


class Ia32:
    name, machine, width, base, high = "ia32", 0x14c, 4, 0x00a30000, 0x60000000
    uc = UC_ARCH_X86, UC_MODE_32
    result, sp = UC_X86_REG_EAX, UC_X86_REG_ESP
    volatile = UC_X86_REG_ECX, UC_X86_REG_EDX
    kept = UC_X86_REG_EBX, UC_X86_REG_EBP, UC_X86_REG_EDI, UC_X86_REG_ESI, UC_X86_REG_ESP

    @staticmethod
    def arguments(cpu, signature):
        at, out = cpu.get(Ia32.sp) + 4, []
        for s in signature:
            out.append(cpu.u64(at) if s == "q" else cpu.u32(at))
            at += 8 if s == "q" else 4
        return out

    @staticmethod
    def back(cpu, signature):
        sp = cpu.get(Ia32.sp)
        cpu.set(Ia32.sp, sp + 4 + stdcall_bytes(signature))
        return cpu.u32(sp)

    @staticmethod
    def enter(cpu, args, back):
        sp = cpu.get(Ia32.sp) - 0x100
        cpu.write(sp, struct.pack("<%dI" % (1 + len(args)), back, *args))
        cpu.set(Ia32.sp, sp)


class Aa64:
    name, machine, width, base, high = "aa64", 0xaa64, 8, 0x7ff612340000, 0x200000000000
    uc = UC_ARCH_ARM64, UC_MODE_ARM
    result, sp = UC_ARM64_REG_X0, UC_ARM64_REG_SP
    volatile = tuple(range(UC_ARM64_REG_X0 + 1, UC_ARM64_REG_X18))
    kept = (*range(UC_ARM64_REG_X19, UC_ARM64_REG_X19 + 10), UC_ARM64_REG_SP)

    @staticmethod
    def arguments(cpu, signature):
        sp = cpu.get(Aa64.sp)
        if sp % 16 or cpu.get(UC_ARM64_REG_X18) != TEB:
            raise AssertionError("the stack is not aligned, or x18 was changed")
        return [cpu.get(UC_ARM64_REG_X0 + i) if i < 8 else cpu.u64(sp + 8 * (i - 8)) for i in range(len(signature))]

    @staticmethod
    def back(cpu, _):
        return cpu.get(UC_ARM64_REG_LR)

    @staticmethod
    def enter(cpu, args, back):
        cpu.set(Aa64.sp, cpu.get(Aa64.sp) - 0x100 & ~15)
        cpu.set(UC_ARM64_REG_X18, TEB)
        cpu.set(UC_ARM64_REG_LR, back)
        for i, v in enumerate(args):
            cpu.set(UC_ARM64_REG_X0 + i, v)


ARCHITECTURES = X64, Ia32, Aa64


def stdcall_bytes(signature):
    return sum(8 if s == "q" else 4 for s in signature)


class Exit(Exception):
    """The program's own end."""


class Cpu:
    """`functions`: (dll, name) -> (signature, method). The program's start is run()."""

    def __init__(self, arch, path, functions):
        self.arch, self.functions = arch, functions
        self.uc = Uc(*arch.uc)
        self.traps, self.imported = {}, []
        self.heap, self.trap_at, self.trapped = arch.high, arch.high + 0x8000000, None
        self.depth = 0
        self.end = self.trap("end", "v", None)
        self.uc.hook_add(UC_HOOK_MEM_FETCH_UNMAPPED, self.fetch)
        self.map_image(open(path, "rb").read())
        stack = self.alloc(1 << 20)
        self.set(arch.sp, stack + (1 << 20) - 0x1000)

    # --- memory ---

    def get(self, register):
        return self.uc.reg_read(register)

    def set(self, register, value):
        self.uc.reg_write(register, value & (1 << 8 * self.arch.width) - 1)

    def read(self, at, n):
        return bytes(self.uc.mem_read(at, n))

    def write(self, at, data):
        self.uc.mem_write(at, data)

    def u32(self, at):
        return struct.unpack("<I", self.read(at, 4))[0]

    def u64(self, at):
        return struct.unpack("<Q", self.read(at, 8))[0]

    def put(self, at, *values):
        self.write(at, struct.pack("<%d%s" % (len(values), "Q" if self.arch.width == 8 else "I"), *values))

    def wide(self, at):
        out = b""
        while (unit := self.read(at + len(out), 2)) != b"\0\0":
            out += unit
        return out.decode("utf-16-le")

    def narrow(self, at):
        out = b""
        while (unit := self.read(at + len(out), 1)) != b"\0":
            out += unit
        return out

    def put_wide(self, at, text):
        self.write(at, (text + "\0").encode("utf-16-le"))

    def alloc(self, size):
        """With a page on either side that faults."""
        at = self.heap + PAGE
        size = -(-size // PAGE) * PAGE
        self.uc.mem_map(at, size, READ | WRITE)
        self.heap = at + size
        return at

    # --- the loader ---

    def map_image(self, data):
        pe, = struct.unpack_from("<I", data, 60)
        if data[pe:pe + 4] != b"PE\0\0":
            raise ValueError("no PE file")
        machine, count = struct.unpack_from("<HH", data, pe + 4)
        opt_len, = struct.unpack_from("<H", data, pe + 20)
        opt = pe + 24
        plus = struct.unpack_from("<H", data, opt)[0] == 0x20b
        if machine != self.arch.machine or plus != (self.arch.width == 8):
            raise ValueError("a program for another processor")
        self.entry, = struct.unpack_from("<I", data, opt + 16)
        linked, = struct.unpack_from("<Q", data, opt + 24) if plus else struct.unpack_from("<I", data, opt + 28)
        size, headers = struct.unpack_from("<II", data, opt + 56)
        self.directory = opt + (112 if plus else 96)
        image = bytearray(size)
        image[:headers] = data[:headers]
        sections = [struct.unpack_from("<8sIIIIIIHHI", data, opt + opt_len + 40 * i) for i in range(count)]
        for _, virtual, at, raw, offset, *_ in sections:
            image[at:at + min(raw, virtual)] = data[offset:offset + min(raw, virtual)]
        self.relocate(image, data, self.arch.base - linked)
        self.bind(image, data)
        self.uc.mem_map(self.arch.base, -(-headers // PAGE) * PAGE, READ)
        self.uc.mem_write(self.arch.base, bytes(image[:headers]))
        for _, virtual, at, *_, flags in sections:
            rights = (READ if flags & 1 << 30 else 0) | (WRITE if flags & 1 << 31 else 0) | (EXECUTE if flags & 1 << 29 else 0)
            self.uc.mem_map(self.arch.base + at, -(-virtual // PAGE) * PAGE, rights)
            self.uc.mem_write(self.arch.base + at, bytes(image[at:at + virtual]))

    def relocate(self, image, data, by):
        at, size = struct.unpack_from("<II", data, self.directory + 5 * 8)
        end = at + size
        while at < end:
            page, length = struct.unpack_from("<II", image, at)
            for entry in struct.unpack_from("<%dH" % ((length - 8) // 2), image, at + 8):
                kind, where = entry >> 12, page + (entry & 0xfff)
                if kind not in (0, 3, 10):
                    raise ValueError("relocation of kind %d" % kind)
                if kind:
                    form, mask = ("<I", 0xffffffff) if kind == 3 else ("<Q", (1 << 64) - 1)
                    struct.pack_into(form, image, where, struct.unpack_from(form, image, where)[0] + by & mask)
            at += length

    def bind(self, image, data):
        at, _ = struct.unpack_from("<II", data, self.directory + 8)
        form = "<Q" if self.arch.width == 8 else "<I"
        while any(image[at:at + 20]):
            names, _, _, dll, table = struct.unpack_from("<5I", image, at)
            dll = image[dll:image.index(0, dll)].decode().lower()
            while name_at := struct.unpack_from(form, image, names)[0]:
                name = image[name_at + 2:image.index(0, name_at + 2)].decode()
                struct.pack_into(form, image, table, self.address(dll, name))
                self.imported.append((dll, name))
                names, table = names + self.arch.width, table + self.arch.width
            at += 20

    # --- calls ---

    def trap(self, name, signature, method):
        """An address where nothing is: to go there is a call."""
        self.trap_at += 16
        self.traps[self.trap_at] = name, signature, method
        return self.trap_at

    def address(self, dll, name):
        """Of a function; 0: there is none of that name."""
        found = self.functions.get((dll, name))
        return self.trap(name, *found) if found else 0

    def fetch(self, _uc, _access, address, *_):
        self.trapped = address
        return False

    def go(self, pc):
        """Runs until a call; what is called."""
        self.trapped = None
        try:
            self.uc.emu_start(pc, self.end)
        except UcError as e:
            if self.trapped not in self.traps:
                raise RuntimeError("%s: %s at %s" % (self.arch.name, e, hex(self.trapped or 0))) from None
        return self.trapped if self.trapped is not None else self.end

    def loop(self, pc):
        while (at := self.go(pc)) != self.end:
            name, signature, method = self.traps[at]
            args = [v & 0xffffffff if s == "u" else v for s, v in zip(signature[1:], self.arch.arguments(self, signature[1:]))]
            value = method(*args)
            pc = self.arch.back(self, signature[1:])
            for r in self.arch.volatile:
                self.set(r, RUBBISH)
            if signature[0] == "u" and self.arch.width == 8:
                value = int(value) & 0xffffffff | 0x5a5a5a5a00000000
            self.set(self.arch.result, RUBBISH if signature[0] == "v" else int(value))

    def call(self, function, *args):
        """The program's own function, called by Windows: of 32 bits as stdcall."""
        if self.depth > 3:
            raise RuntimeError("calls within calls")
        self.depth += 1
        saved = self.uc.context_save()
        before = [self.get(r) for r in self.arch.kept]
        self.arch.enter(self, args, self.end)
        entered = self.get(self.arch.sp)
        self.loop(function)
        after = [self.get(r) for r in self.arch.kept]
        gone = {X64: 8, Ia32: 4 + 4 * len(args), Aa64: 0}[self.arch]
        if after[-1 if self.arch is not X64 else 4] != entered + gone or \
           [a for r, a in zip(self.arch.kept, after) if r != self.arch.sp] != [b for r, b in zip(self.arch.kept, before) if r != self.arch.sp]:
            raise AssertionError(self.arch.name + ": a function of the program does not keep what it must")
        self.uc.context_restore(saved)
        self.depth -= 1

    def run(self):
        self.arch.enter(self, (), self.end)
        try:
            self.loop(self.arch.base + self.entry)
        except Exit as e:
            return e.args[0]
        raise AssertionError("it returned without ExitProcess")
