# SPDX-License-Identifier: BSD-2-Clause
"""What of Windows the helper calls, as it looks to a program on an emulated processor (win_cpu.py): files in a folder, the volumes and disks
that win/standin.c shows (the same STANDIN_ variables tell how they behave), a registry, processes, a clock of its own. Time passes only
while somebody waits. What the helper asks of Windows is insisted on; what it does goes into `notes`, in the stand-in's words."""
import os, shutil, struct, subprocess

from win_cpu import Exit

INVALID, FAILED, TIMEOUT = -1, 0xffffffff, 258
NOT_FOUND, PATH, DENIED, NO_MORE_FILES, PARAMETER, FUNCTION, BUFFER = 2, 3, 5, 18, 87, 1, 122
DATA, ESP, CD, OTHER, DISK0, DISK1, CDROM = 1, 2, 3, 4, "disk0", "disk1", "cdrom"
SECTOR = 512
FIRST_TICK = 0xfffff800  # the tick counter goes over its end after two seconds
BOX_MS = 20000


class Handle:
    def __init__(self, kind, **kw):
        self.kind, self.file, self.at, self.locked, self.dismounted, self.set, self.ends, self.status = kind, None, 0, False, False, False, None, 0
        self.__dict__.update(kw)


class Api:
    """One run of one program. `case` is a case of winhelper.py; `enum`: keys below ...\\Enum -> their values as in the registry."""

    def __init__(self, case, enum):
        self.case, self.cpu = case, None
        self.now, self.error = 0, 0
        self.handles, self.next_handle = {}, 0x100
        self.notes, self.letter, self.attached = [], "", False
        self.watch, self.window = None, None
        self.lab = {}
        self.keys = {"SYSTEM\\CurrentControlSet\\Enum\\" + k: v for k, v in enum.items()}

    def functions(self):
        """(dll, name) -> (signature, method), from the methods' own annotations: `-> "advapi32 uppuup"`."""
        out = {}
        for name in dir(type(self)):
            dll, _, signature = getattr(getattr(self, name), "__annotations__", {}).get("return", "").partition(" ")
            if signature:
                out[dll + ".dll", name] = signature, getattr(self, name)
        return out

    # --- small things ---

    def setting(self, name):
        return self.case.env.get("STANDIN_" + name)

    def number(self, name, which=0):
        return int((self.setting(name) or "0").split()[which])

    def note(self, what, text=""):
        self.notes.append("%s %s\n" % (what, text))

    def fail(self, code, value=0):
        self.error = code
        return value

    def there(self):
        return self.now >= self.number("APPEARS")

    def shown(self, kind):
        return {DATA: self.there(), ESP: self.there() and bool(self.setting("ESP")), CD: self.attached, OTHER: True}.get(kind, False)

    def handle(self, *args, **kw):
        self.next_handle += 4
        self.handles[self.next_handle] = Handle(*args, **kw)
        return self.next_handle

    def of(self, handle):
        return self.handles[handle]

    def volume(self, name):
        """Kind of volume and what follows its name; None."""
        front, _, rest = name.partition("}")
        kind = front[len("\\\\?\\Volume{"):]
        return (int(kind), rest) if front.startswith("\\\\?\\Volume{") and kind.isdigit() and self.shown(int(kind)) else None

    def path(self, name):
        """Where the file lies here, or None."""
        volume = self.volume(name)
        if volume and volume[0] == DATA and volume[1]:
            return self.case.root + "/files" + volume[1].replace("\\", "/")
        if name[:2].upper() == self.case.letter.upper() + ":":
            return self.case.root + "/drive" + name[2:].replace("\\", "/")
        return None

    # --- waiting ---

    def signalled(self, h):
        return h.set or (h.ends is not None and h.ends <= self.now)

    def arrivals(self):
        if self.watch and self.there():
            call, ctx = self.watch
            self.watch = None
            self.note("arrival told")
            self.cpu.call(call, 1, ctx, 0, 0, 0)

    def wait(self, handles, ms):
        end = None if ms == FAILED else self.now + ms
        if handles == [(1 << 8 * self.cpu.arch.width) - 1]:  # the process itself
            self.now += ms
            return TIMEOUT
        if any(h not in self.handles for h in handles):
            return FAILED
        while True:
            self.arrivals()
            for i, h in enumerate(map(self.of, handles)):
                if self.signalled(h):
                    h.set = h.set and h.kind != "event"
                    return i
            if self.now == end:
                return TIMEOUT
            times = [self.of(h).ends for h in handles] + [end, self.number("APPEARS") if self.watch else None]
            times = [t for t in times if t is not None and t > self.now]
            if not times:
                raise AssertionError("it waits for ever")
            self.now = min(times)

    def WaitForSingleObject(self, handle, ms) -> "kernel32 upu":
        return self.wait([handle], ms)

    def WaitForMultipleObjects(self, n, table, every, ms) -> "kernel32 uupuu":
        size = self.cpu.arch.width
        return FAILED if every else self.wait([int.from_bytes(self.cpu.read(table + size * i, size), "little") for i in range(n)], ms)

    def GetTickCount(self) -> "kernel32 u":
        return FIRST_TICK + self.now

    # --- kernel32: the program itself ---

    def GetLastError(self) -> "kernel32 u":
        return self.error

    def SetErrorMode(self, _mode) -> "kernel32 uu":
        return 0

    def GetCommandLineW(self) -> "kernel32 p":
        at = self.cpu.alloc(4096)
        self.cpu.put_wide(at, subprocess.list2cmdline(self.case.arguments))
        return at

    def GetModuleFileNameW(self, module, to, size) -> "kernel32 uppu":
        text = "%s:\\Windows\\System32\\%s" % (self.case.letter.upper(), self.case.program)
        if module or len(text) >= size:
            return self.fail(PARAMETER)
        self.cpu.put_wide(to, text)
        return len(text)

    def ExitProcess(self, status) -> "kernel32 vu":
        raise Exit(status)

    def LoadLibraryA(self, name) -> "kernel32 pp":
        name = self.cpu.narrow(name).decode()
        return self.handle(name) if name in ("virtdisk.dll", "cfgmgr32.dll", "user32.dll", "ntdll.dll") else self.fail(126)

    def GetProcAddress(self, module, name) -> "kernel32 ppp":
        return self.cpu.address(self.of(module).kind, self.cpu.narrow(name).decode())

    def WideCharToMultiByte(self, page, flags, text, n, to, size, default, used) -> "kernel32 uuupupupp":
        data = (self.cpu.wide(text) + "\0").encode(errors="replace")
        if page != 65001 or flags or n != FAILED or default or used:
            return self.fail(PARAMETER)
        self.cpu.write(to, data[:size])
        return len(data) if len(data) <= size else self.fail(BUFFER)

    # --- events, threads, processes ---

    def CreateEventW(self, security, manual, state, name) -> "kernel32 ppuup":
        return self.handle("event", set=bool(state)) if not security and not manual and not name else self.fail(PARAMETER)

    def SetEvent(self, handle) -> "kernel32 up":
        self.of(handle).set = True
        return 1

    def CreateThread(self, _security, _stack, start, ctx, flags, _id) -> "kernel32 pppppup":
        """It runs at once, up to its end; the window that it showed stays."""
        if flags:
            return self.fail(PARAMETER)
        thread = self.handle("thread", ends=self.now)
        self.window = None
        self.cpu.call(start, ctx)
        if self.window:
            self.of(thread).ends = self.now + (self.number("READ") or BOX_MS)
            self.window = self.of(thread)
        return thread

    def GetStartupInfoW(self, to) -> "kernel32 vp":
        size = 104 if self.cpu.arch.width == 8 else 68
        self.startup = struct.pack("<I", size) + bytes(i & 0x7f for i in range(4, size))
        self.cpu.write(to, self.startup)
        return 0

    def CreateProcessW(self, program, command, *rest) -> "kernel32 uppppuupppp":
        program, command = self.cpu.wide(program), self.cpu.wide(command)
        process, thread, inherit, flags, environment, folder, startup, out = rest
        size = 104 if self.cpu.arch.width == 8 else 68
        if process or thread or flags or environment or folder or self.cpu.u32(startup) != size:
            return self.fail(PARAMETER)
        if not os.path.exists(self.path(program) or ""):
            return self.fail(NOT_FOUND)
        driver = program.endswith("\\drvload.exe")
        if (self.cpu.read(startup, size) != self.startup or not inherit) if not driver else inherit:
            return self.fail(PARAMETER)
        self.note(program + " |", command)
        p = self.handle("process", ends=self.now + (0 if driver else self.number("RUNS")), status=(3 if "bad" in command else 0) if driver else 7)
        self.cpu.put(out, p, self.handle("thread"))
        self.cpu.write(out + 2 * self.cpu.arch.width, struct.pack("<II", 4711, 4712))
        return 1

    def GetExitCodeProcess(self, process, to) -> "kernel32 upp":
        h = self.of(process)
        self.cpu.write(to, struct.pack("<I", h.status if self.signalled(h) else 259))
        return 1

    # --- files ---

    def CreateFileW(self, name, access, share, security, how, _flags, like) -> "kernel32 ppuupuup":
        name = self.cpu.wide(name)
        volume = self.volume(name)
        if share != 3 or security or like:
            return self.fail(PARAMETER, INVALID)
        if volume and not volume[1]:
            return self.open_kind(volume[0])
        device = {"\\\\.\\PhysicalDrive0": DISK0, "\\\\.\\PhysicalDrive1": self.there() and DISK1, "\\\\.\\CDROM0": self.attached and CDROM}.get(name)
        if device:
            return self.open_kind(device)
        path = self.path(name)
        if not path or (how == 3 and not os.path.isfile(path)):
            return self.fail(NOT_FOUND, INVALID)
        return self.handle("file", file=open(path, "rb" if access == 1 << 31 else "ab"))

    def open_kind(self, kind):
        return self.handle(kind, file=open(self.case.image, "r+b") if kind in (ESP, DISK1) else None)

    def CloseHandle(self, handle) -> "kernel32 up":
        h = self.handles.pop(handle)
        if h.file:
            h.file.close()
        return 1

    def SetFilePointerEx(self, handle, to, _now, origin) -> "kernel32 upqpu":
        h = self.of(handle)
        if h.kind == "file":
            h.file.seek(to, origin)
            return 1
        if to % SECTOR or origin:
            return self.fail(PARAMETER)
        h.file.seek(to + (self.number("ESP") if h.kind == ESP else 0))
        return 1

    def ReadFile(self, handle, to, n, got, overlapped) -> "kernel32 uppupp":
        h = self.of(handle)
        if overlapped or (h.kind != "file" and n % SECTOR):
            return self.fail(PARAMETER)
        data = h.file.read(n)
        self.cpu.write(to, data)
        self.cpu.write(got, struct.pack("<I", len(data)))
        return 1

    def WriteFile(self, handle, data, n, done, overlapped) -> "kernel32 uppupp":
        h = self.of(handle)
        if overlapped or (h.kind != "file" and n % SECTOR):
            return self.fail(PARAMETER)
        if h.kind != "file":
            if not (h.locked and h.dismounted if h.kind == ESP else not self.setting("ESP")):
                return self.fail(DENIED)
            self.note("raw write:", "volume" if h.kind == ESP else "disk")
        h.file.write(self.cpu.read(data, n))
        self.cpu.write(done, struct.pack("<I", n))
        return 1

    def FlushFileBuffers(self, handle) -> "kernel32 up":
        self.of(handle).file.flush()
        return 1

    def CopyFileW(self, source, to, new) -> "kernel32 uppu":
        source, to = self.path(self.cpu.wide(source)), self.path(self.cpu.wide(to))
        if os.path.exists(to) and new:
            return self.fail(80)
        shutil.copy(source, to)
        return 1

    def MoveFileW(self, source, to) -> "kernel32 upp":
        os.rename(self.path(self.cpu.wide(source)), self.path(self.cpu.wide(to)))
        return 1

    def FindFirstFileW(self, pattern, out) -> "kernel32 ppp":
        pattern = self.cpu.wide(pattern)
        folder = self.path(pattern[:-2])
        if not pattern.endswith("\\*") or not folder or not os.path.isdir(folder):
            return self.fail(NOT_FOUND, INVALID)
        h = self.handle("find", left=[".", "..", *sorted(os.listdir(folder))], folder=folder)
        self.FindNextFileW(h, out)
        return h

    def FindNextFileW(self, handle, out) -> "kernel32 upp":
        h = self.of(handle)
        if not h.left:
            return self.fail(NO_MORE_FILES)
        name = h.left.pop(0)
        folder = os.path.isdir(os.path.join(h.folder, name))
        self.cpu.write(out, struct.pack("<I40x", 0x10 if folder else 0x80) + (name + "\0").encode("utf-16-le").ljust(520, b"\0") + bytes(28))
        return 1

    def FindClose(self, handle) -> "kernel32 up":
        return int(self.handles.pop(handle).kind == "find")

    # --- volumes ---

    def DeviceIoControl(self, handle, code, source, source_len, out, out_len, got, overlapped) -> "kernel32 upupupupp":
        h, answer = self.of(handle), None
        if source or source_len or overlapped or not got:
            return self.fail(PARAMETER)
        if code == 0x90018 and h.kind == ESP:
            h.locked, answer = True, b""
        elif code == 0x90020 and h.locked:
            h.dismounted, answer = True, b""
        elif code == 0x560000 and h.kind in (DATA, ESP, OTHER):
            name = "ESP" if h.kind == ESP else "PART"
            answer = struct.pack("<QQQQ", 1, h.kind != OTHER, self.number(name, 0), self.number(name, 1))
        elif code == 0x70050 and h.kind in (DISK0, DISK1):
            answer = self.layout(h.kind)
        elif code == 0x2d1080:
            answer = struct.pack("<III", 2 if h.kind in (CD, CDROM) else 7, 0, 0)
        if answer is None:
            return self.fail(FUNCTION)
        if out_len < len(answer):
            return self.fail(BUFFER)
        if answer:
            self.cpu.write(out, answer)
        self.cpu.write(got, struct.pack("<I", len(answer)))
        return 1

    def layout(self, kind):
        name = "12345678" if kind == DISK0 else self.setting("ID")
        if len(name) == 32:
            return struct.pack("<II", 1, 0) + bytes.fromhex(name) + bytes(24 + 144)
        return struct.pack("<III", 0, 0, int(name)) + bytes(36 + 144)

    def FindFirstVolumeW(self, name, size) -> "kernel32 ppu":
        h = self.handle("volumes", left=[k for k in (OTHER, CD, ESP, DATA) if self.shown(k)])
        return h if self.FindNextVolumeW(h, name, size) else INVALID

    def FindNextVolumeW(self, handle, name, size) -> "kernel32 uppu":
        h = self.of(handle)
        if not h.left or size < 50:
            return self.fail(NO_MORE_FILES)
        self.cpu.put_wide(name, "\\\\?\\Volume{%d}\\" % h.left.pop(0))
        return 1

    def FindVolumeClose(self, handle) -> "kernel32 up":
        return int(self.handles.pop(handle).kind == "volumes")

    def GetVolumePathNamesForVolumeNameW(self, name, to, size, need) -> "kernel32 uppup":
        kind, rest = self.volume(self.cpu.wide(name)) or (0, "")
        if rest != "\\" or size < 5:
            return self.fail(PARAMETER)
        if kind == CD and not self.setting("LETTER"):
            self.letter = self.letter or "E"
        text = self.letter + ":\\\0\0" if kind == CD and self.letter else "\0"
        self.cpu.write(to, text.encode("utf-16-le"))
        self.cpu.write(need, struct.pack("<I", len(text)))
        return 1

    def SetVolumeMountPointW(self, point, _volume) -> "kernel32 upp":
        self.letter = self.cpu.wide(point)[0]
        self.note("mount point", self.cpu.wide(point))
        return 1

    def GetLogicalDrives(self) -> "kernel32 u":
        return 1 << 2 | 1 << ord(self.case.letter.upper()) - ord("A")

    # --- advapi32 ---

    def key(self, parent, name):
        top = "" if parent == (-0x7ffffffe & (1 << 8 * self.cpu.arch.width) - 1) else self.of(parent).path + "\\"
        return top + name

    def below(self, path):
        """The names of the keys in a key; None if it is not there."""
        names = sorted({k[len(path) + 1:].split("\\")[0] for k in self.keys if k.startswith(path + "\\")})
        return names if names or path in self.keys else None

    def RegOpenKeyW(self, parent, name, out) -> "advapi32 uppp":
        path = self.key(parent, self.cpu.wide(name))
        if self.below(path) is None:
            return NOT_FOUND
        self.cpu.put(out, self.handle("key", path=path))
        return 0

    def RegCreateKeyW(self, parent, name, out) -> "advapi32 uppp":
        self.cpu.put(out, self.handle("key", path=self.key(parent, self.cpu.wide(name))))
        return 0

    def RegSetValueExW(self, key, name, reserved, kind, data, n) -> "advapi32 uppuupu":
        if self.of(key).path != "SYSTEM\\Setup\\LabConfig" or reserved or kind != 4 or n != 4:
            return PARAMETER
        self.lab[self.cpu.wide(name)] = self.cpu.u32(data)
        return 0

    def RegEnumKeyW(self, key, i, name, size) -> "advapi32 upupu":
        names = self.below(self.of(key).path)
        if i >= len(names):
            return 259
        if len(names[i]) >= size:
            return 234
        self.cpu.put_wide(name, names[i])
        return 0

    def RegGetValueA(self, key, below, name, kinds, kind, data, size) -> "advapi32 upppuppp":
        value = self.keys.get(self.of(key).path, {}).get(self.cpu.narrow(name).decode())
        if value is None or below or kind:
            return NOT_FOUND
        if not kinds & {1: 2, 7: 0x20}[value[0]]:
            return 1630
        if data and self.cpu.u32(size) < len(value[1]):
            return 234
        if data:
            self.cpu.write(data, value[1])
        if size:
            self.cpu.write(size, struct.pack("<I", len(value[1])))
        return 0

    def RegCloseKey(self, key) -> "advapi32 up":
        self.handles.pop(key)
        return 0

    # --- what is looked up at run time ---

    def RtlGetVersion(self, out) -> "ntdll up":
        if self.cpu.u32(out) != 276:
            return PARAMETER
        self.cpu.write(out + 4, struct.pack("<III", 10, 0, 19041))
        return 0

    def CM_Register_Notification(self, filter_, ctx, call, out) -> "cfgmgr32 upppp":
        size, _, kind, _, interface = struct.unpack("<IIIII", self.cpu.read(filter_, 20))
        if self.setting("MUTE") or size != 416 or kind or interface != 0x53f5630d:
            return 1
        self.watch = call, ctx
        self.cpu.put(out, self.handle("watch"))
        return 0

    def MessageBoxW(self, parent, text, title, flags) -> "user32 upppu":
        self.note("window on top" if flags & 0x40000 and not parent else "window", self.cpu.wide(title))
        self.note("window says", self.cpu.wide(text))
        self.window = True
        return 1

    def FindWindowW(self, class_, title) -> "user32 ppp":
        return int(bool(self.window) and not self.signalled(self.window) and self.cpu.wide(class_) == "#32770" and self.cpu.wide(title) == "Isopod")

    def PostMessageW(self, window, message, _a, _b) -> "user32 upupp":
        if window != 1 or message != 0x10:
            return 0
        self.note("window closed")
        self.window.ends = self.now
        return 1

    def OpenVirtualDisk(self, kind, path, access, flags, parameters, out) -> "virtdisk uppuupp":
        path = self.cpu.wide(path)
        self.note("open", path)
        if any(self.cpu.read(kind, 20)) or access != 0xd0000 or flags or parameters:
            return PARAMETER
        if not os.path.exists(self.path(path) or ""):
            return PATH
        self.cpu.put(out, self.handle("disk"))
        return self.number("OPEN")

    def AttachVirtualDisk(self, disk, security, flags, provider, parameters, overlapped) -> "virtdisk uppuupp":
        error = self.number("ATTACH")
        if self.of(disk).kind != "disk" or security or flags != 5 or provider or parameters or overlapped:
            return PARAMETER
        self.attached = not error
        self.note("attach refused" if error else "attached read-only for good")
        return error

    def GetVirtualDiskPhysicalPath(self, _disk, size, path) -> "virtdisk uppp":
        text = "\\\\.\\CDROM0"
        if self.cpu.u32(size) < 2 * len(text) + 2:
            return BUFFER
        self.cpu.put_wide(path, text)
        return 0
