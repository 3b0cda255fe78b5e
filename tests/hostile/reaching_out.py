"""Out of the notebook: gradebook, others' work, network, links, files beside it, pickles, and scripts in a page."""

import base64
import json

from . import add_code, add_text, answer, attack, cell_of, hostile

attack("reaching out", "writing the gradebook", """
import os, sqlite3
try:
    with sqlite3.connect(GRADEBOOK) as book:
        book.execute("update grade set auto_score = 100")
except sqlite3.Error as error:
    print(error)
else:
    raise AssertionError("it could be written")
try:
    os.makedirs(os.path.dirname(GRADEBOOK))
except OSError as error:
    print(type(error).__name__)""", says=".")

attack("reaching out", "writing another's work", """
import os
for path in (NEIGHBOUR, SOLUTION):
    for way in (lambda: open(path, "w"), lambda: os.remove(path), lambda: os.symlink("/dev/null", path)):
        try:
            way()
        except OSError as error:
            print(type(error).__name__)
        else:
            raise AssertionError(path)""", says=".")

attack("reaching out", "network", """
import socket, urllib.request
for address in (("1.1.1.1", 80), ("8.8.8.8", 53), ("10.0.0.1", 80), ("169.254.169.254", 80)):
    try:
        socket.create_connection(address, timeout=2)
    except OSError as error:
        print(error)
    else:
        raise AssertionError(address)
for name in ("example.org", "localhost.localdomain"):
    try:
        urllib.request.urlopen(f"http://{name}", timeout=2)
    except OSError as error:
        print(type(error).__name__)
    else:
        raise AssertionError(name)""", says=".")

attack("reaching out", "the host's loopback and sockets", """
import os, socket
def reach(family, address):
    with socket.socket(family) as one:
        one.settimeout(1)
        one.connect(address)
for family, address in [(socket.AF_INET, ("127.0.0.1", PORT)), (socket.AF_UNIX, "/var/run/docker.sock"),
                        (socket.AF_UNIX, "/run/dbus/system_bus_socket"), (socket.AF_UNIX, "\\0/tmp/.X11-unix/X0")]:
    try:
        reach(family, address)
    except OSError as error:
        print(type(error).__name__)
    else:
        raise AssertionError(address)""", says=".")

attack("reaching out", "out of the namespaces", """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mount(b"none", b"/course", b"tmpfs", 0, None) == -1
assert libc.umount2(b"/tmp", 2) == -1
assert libc.chroot(b"/proc/1/root") == -1
assert libc.sethostname(b"mine", 4) == -1
assert libc.setuid(0) == -1 or os.getuid() == 0 and not os.access("/etc/shadow", os.R_OK)
for name in ("pid", "mnt", "net", "user"):
    try:
        here = os.open(f"/proc/1/ns/{name}", os.O_RDONLY)
    except OSError as error:
        print(error)
    else:
        assert libc.setns(here, 0) == -1 or name == "pid", name
assert os.access(SOLUTION, os.F_OK) is False""", says=".")

attack("reaching out", "a namespace of its own", """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000 | 0x20000) == 0:  # a user namespace, in which it may mount again
    print("mounting", libc.mount(b"none", b"/usr", b"tmpfs", 0, None))
assert not os.path.exists(SOLUTION) and not os.path.exists(GRADEBOOK)""", says=".")

attack("reaching out", "files that shadow modules", """
import importlib, os, sys
for name in ("torch", "math", "json", "dlcourse", "numpy", "random", "cloudpickle", "sitecustomize", "usercustomize"):
    with open(name + ".py", "w") as file:
        file.write("raise SystemExit(0)")
sys.path.insert(0, os.getcwd())
for name in ("json", "random", "dlcourse.checks.wire", "cloudpickle"):
    sys.modules.pop(name, None)
import random""", says=".", tries=False)


@hostile("reaching out", "a pickle in a string", says="relu", wants=["relu"])
def _(notebook, places):
    add_code(notebook, "import pickle, os\nclass Bomb:\n    def __reduce__(self):\n        return (os.system, ('touch /tmp/bomb',))\n"
             "    def tolist(self): return pickle.dumps(self)\nprint('tried')")
    answer(notebook, "relu", "def relu(x):\n    return Bomb()")


@hostile("reaching out", "an array of objects", says="relu", wants=["relu"])
def _(notebook, places):
    add_code(notebook, "import numpy\nclass Bomb:\n    def __reduce__(self):\n        return (print, ('bomb',))\nprint('tried')")
    answer(notebook, "relu", "def relu(x):\n    return numpy.array([Bomb()], dtype=object)")


SCRIPT = "<script>document.title='SCRIPT RAN'</script><img src=x onerror=\"document.title='SCRIPT RAN'\">"


@hostile("reaching out", "script in outputs", says=".", tries=True)
def _(notebook, places):
    add_code(notebook, f'''
from IPython.display import HTML, SVG, Javascript, IFrame, Latex, Markdown, display
script = {SCRIPT!r}
display(HTML(script), Javascript("document.title='SCRIPT RAN'"), IFrame("javascript:alert(1)", 10, 10), Latex(script), Markdown(script))
display({{"image/svg+xml": "<svg onload=\\"document.title='SCRIPT RAN'\\"></svg>", "text/html": script}}, raw=True)
display({{"application/vnd.jupyter.widget-view+json": {{"model_id": "x"}}, "application/javascript": script}}, raw=True)
display({{"image/png": script, "image/jpeg": script, "text/plain": script, "text/latex": script}}, raw=True)
print(script, "\\x1b]0;title\\x07\\x1b[2J\\x1b]8;;javascript:alert(1)\\x07link\\x1b]8;;\\x07")
print("tried")
raise ValueError(script)''')


@hostile("reaching out", "script in Markdown", says=".")
def _(notebook, places):
    add_text(notebook, SCRIPT + "\n\n[click](javascript:alert(1)) ![x](javascript:alert(1)) <a href='javascript:alert(1)'>x</a>\n\n"
             "<svg/onload=alert(1)>\n\n<iframe srcdoc='<script>alert(1)</script>'></iframe>\n\n`<b>shown</b>`\n\n"
             "[a]: javascript:alert(1)\n\n[ref][a] <javascript:alert(1)>\n\n$\\href{javascript:alert(1)}{x}$\n\n"
             "```\n</pre><script>document.title='SCRIPT RAN'</script>\n```\n\n~~~\n<script>alert(1)</script>")


@hostile("reaching out", "script in the written answer", says=".")
def _(notebook, places):
    cell_of(notebook, "why_relu")["source"] = SCRIPT + "\n\n<style>body{display:none}</style>\n\n`` ` `` " + SCRIPT


@hostile("reaching out", "script in an answer's code", says="relu", wants=["relu"])
def _(notebook, places):
    answer(notebook, "relu", f"# </pre></div>{SCRIPT}\ndef relu(x):\n    raise ValueError({SCRIPT!r})")


@hostile("reaching out", "script in what the report says", says="relu|review", wants=["relu", "review_dead"])
def _(notebook, places):
    answer(notebook, "review_dead", f"review_dead = {SCRIPT!r}")
    answer(notebook, "relu", f"def relu(x):\n    return type({SCRIPT!r}, (), {{}})()")


@hostile("reaching out", "script in an attachment and in metadata", says=".")
def _(notebook, places):
    add_text(notebook, "![picture](attachment:a.svg)")
    notebook["cells"][-1]["attachments"] = {"a.svg": {"image/svg+xml": base64.b64encode(b"<svg onload='alert(1)'/>").decode()}}
    notebook["metadata"] |= {"title": SCRIPT, "authors": [{"name": SCRIPT}], "widgets": {
        "application/vnd.jupyter.widget-state+json": {"state": {"x": {"state": json.dumps(SCRIPT)}}}}}
