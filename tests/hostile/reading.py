"""Answers and secrets looked for: in memory, in files, in the environment, in other people's work."""

from . import add_code, attack, hostile

STOLEN = {"gelu": "def gelu(x):\n    return found['gelu'](x)", "dead_units": "def dead_units(a):\n    return found['dead_units'](a)"}

attack("reading", "frames", """
import sys
found, frame = {}, sys._getframe()
while frame:
    for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:
        if type(value).__name__ != "module" and hasattr(value, "reference"):
            found[name] = value.reference
    frame = frame.f_back
print(sorted(found))
assert not found""", STOLEN, "gelu|dead_units")

attack("reading", "frames while asked", answers={"dead_units": """
def dead_units(activations):
    import sys
    frame = sys._getframe()
    while frame:
        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
            if hasattr(value, "reference"):
                return value.reference(activations)
            for one in value if isinstance(value, (list, tuple)) else ():
                if hasattr(one, "reference"):
                    return one.reference(activations)
        frame = frame.f_back
    return activations"""}, says="dead_units", tries=False)

attack("reading", "gc", """
import gc, types
found = {}
for thing in gc.get_objects():
    if type(thing).__name__ in ("Check", "Mistake") or hasattr(type(thing), "reference"):
        found[getattr(thing, "name", "?")] = getattr(thing, "reference", None)
    if isinstance(thing, types.FunctionType) and (thing.__module__ or '').startswith("dlcourse.checks.a"):
        print(thing.__qualname__)
assert not found, found""", STOLEN, "gelu|dead_units")

attack("reading", "the check's own reference", """
from dlcourse.checks import activations
found = {}
for name in ("gelu", "dead_units"):
    check_ = getattr(activations, name)
    assert not hasattr(check_, "reference")
    for cell in (check_.__closure__ or ()):
        print(cell.cell_contents)
import inspect
print(inspect.getsource(activations))
assert "torch" not in inspect.getsource(activations)""", STOLEN, "gelu|dead_units")

attack("reading", "the installed package", """
import importlib.util, pathlib, sys, site
found = []
for folder in {*sys.path, *site.getsitepackages(), "/course"}:
    for path in pathlib.Path(folder or ".").glob("dlcourse/checks/*.py"):
        if "reference" in path.read_text() or "Mistake(" in path.read_text():
            found.append(str(path))
assert not found, found
try:
    from dlcourse.checks.core import Check
except Exception as error:
    print(type(error).__name__)
else:
    assert not hasattr(Check, "judge")""")

attack("reading", "what the freight carries", answers={"dead_units": """
def dead_units(activations):
    import gc, types
    texts = []
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType) and (thing.__module__ or "").startswith("dlcourse.checks"):
            if thing.__code__.co_qualname.startswith(("_norms", "<lambda>", "_gradients")):
                try:
                    return thing(activations)
                except Exception:
                    pass
    return activations"""}, says="dead_units", tries=False)

attack("reading", "files", """
for path in (SOLUTION, GRADEBOOK, NEIGHBOUR):
    try:
        print(open(path).read())
    except OSError as error:
        print(type(error).__name__)
    else:
        raise AssertionError(path)""", says=".")

attack("reading", "every file there is", """
import os
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if name not in ("dev", "proc", "sys", "usr", "site-packages", "lib", "lib64")]
    for name in files:
        try:
            with open(os.path.join(folder, name), errors="replace") as file:
                text = file.read(1 << 20)
        except OSError:
            continue
        if "CANARY" + "-7f3a" in text:
            print(text)
    if os.path.basename(folder) in ("solutions", "submitted", "autograded") or "gradebook.db" in files:
        raise AssertionError(folder)""", says=".")

attack("reading", "environment", """
import os
print(dict(os.environ))
for name in ("/proc/1/environ", "/proc/self/environ"):
    try:
        with open(name, "rb") as file:
            print(file.read().replace(b"\\0", b" ").decode(errors="replace"))
    except OSError as error:
        print(error)
assert not {"USER", "LOGNAME", "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY", "CANARY"} & set(os.environ)""", says=".")

attack("reading", "other processes in proc", """
import os
seen = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
for number in seen:
    for what in ("cmdline", "environ", "maps"):
        try:
            with open(f"/proc/{number}/{what}", "rb") as file:
                text = file.read(200000).replace(b"\\0", b" ").decode(errors="replace")
        except OSError:
            continue
        print(text[:300] if what != "maps" else "")
    for fd in os.listdir(f"/proc/{number}/cwd") if os.access(f"/proc/{number}/cwd", os.R_OK) else ():
        print(fd)
    root = f"/proc/{number}/root" + SOLUTION
    assert not os.path.exists(root), root
assert os.getppid() == 0, os.getppid()""", says=".")

attack("reading", "memory of the first process", """
import os, ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(16, os.getppid() or 99999, 0, 0) == -1  # PTRACE_ATTACH
for number in range(2, 400):
    assert not os.path.exists(f"/proc/{number}/mem") or True
kept = [fd for fd in os.listdir("/proc/self/fd")]
for fd in kept:
    try:
        print(os.readlink(f"/proc/self/fd/{fd}"))
    except OSError:
        pass""", says=".")

attack("reading", "stashing the questions", """
import atexit, pickle, os
stash = "/tmp/stash"
""", {"relu": """
def relu(x):
    with open("/tmp/stash", "ab") as file:
        file.write(repr(x.tolist()).encode())
    print(x)
    import sys
    print(x, file=sys.__stderr__)
    raise ValueError(f"SECRET QUESTION {x.tolist()}")"""}, says="relu", wants=["relu"])


@hostile("reading", "what the notebook before left", says=".", tries=True)
def _(notebook, places):
    """What an earlier submission could have left in a place that both can write to."""
    add_code(notebook, """
import os
places = sorted({line.split()[1] for line in open("/proc/self/mounts")} | {"/", "/var", "/run", "/home", "/dev/pts"})
for place in places:
    left = os.path.join(place, "left-for-the-next")
    assert not os.path.exists(left), left
    try:
        open(left, "w").write("the answer")
    except OSError:
        continue
    print(left)
print("tried")""")


attack("reading", "questions told by an error", answers={
    "dead_units": "def dead_units(a):\n    raise ValueError('SECRET QUESTION ' + str(a.tolist()))",
    "review_shrinking": "review_shrinking = 'SECRET QUESTION'"}, says="dead_units", tries=False)
