"""Too much of everything, and the ways to take others along: time, memory, processes, output, disk, signals."""

from . import add_code, attack, hostile

ENDED = "The notebook was ended at a cell of their own"

attack("resources", "time in a cell", "import time\ntime.sleep(1)\nprint('tried')\ntime.sleep(100000)", says=".", tries=False)
attack("resources", "time that catches its alarm", """
import signal
import time
signal.alarm(0); signal.setitimer(signal.ITIMER_REAL, 0); signal.signal(signal.SIGALRM, signal.SIG_IGN)
while True:
    time.sleep(1)""", says=ENDED + ".*ran for too long", tries=False)
attack("resources", "time in an answer", answers={"relu": "def relu(x):\n    while True:\n        try:\n            "
       "while True: pass\n        except BaseException: pass"}, says="goes on and on|did not come to an end", tries=False)
attack("resources", "memory", "kept = []\nwhile True:\n    kept.append(bytearray(200_000_000))", says=".", tries=False)
attack("resources", "memory in many processes", """
import os, time
for number in range(12):
    if os.fork() == 0:
        kept = bytearray(600_000_000)
        time.sleep(60)
        os._exit(0)
time.sleep(60)""", says=ENDED + ".*of memory", tries=False)
attack("resources", "memory in an answer", answers={"dead_units": "def dead_units(a):\n    return torch.ones(10 ** 12)"},
       says="dead_units", tries=False)
attack("resources", "an endless output", """
for _ in range(3_000_000):
    print("x" * 100)
for _ in range(200):
    display("y" * 100_000)
print("tried")""", says=".", tries=False)
attack("resources", "observations without end", answers={
    "dead_units": "def dead_units(a):\n    return torch.zeros(3000, 3000) if len(a) % 2 else [[0] * 1000] * 5000"}, says="dead_units", tries=False)
attack("resources", "processes", """
import os, time
try:
    while True:
        if os.fork() == 0:
            time.sleep(1000)
        time.sleep(0.05)
except OSError as error:
    print(error)
time.sleep(5)""", says=ENDED + ".*(processes|memory)", tries=False)
attack("resources", "a fork bomb", """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)""", says=ENDED, tries=False)
attack("resources", "threads", """
import threading, time
started = 0
try:
    for _ in range(5000):
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        started += 1
except RuntimeError as error:
    print(error, started)""", says=".")
attack("resources", "disk", """
import os
wrote = 0
try:
    for number in range(20):
        with open(f"/tmp/big{number}", "wb") as file:
            for _ in range(60):
                wrote += file.write(b"x" * 1_000_000)
except OSError as error:
    print(error)
assert wrote < 600_000_000
for place in ("/usr", "/etc", "/course", "/", "/var"):
    try:
        open(os.path.join(place, "mine"), "w")
    except OSError:
        continue
    raise AssertionError(place)""", says=".")
attack("resources", "open files", """
kept = []
try:
    while True:
        kept.append(open("/dev/null"))
except OSError as error:
    print(len(kept), error)""", says=".")
attack("resources", "deep recursion", """
import sys
sys.setrecursionlimit(10 ** 6)
def down(n): return down(n + 1) + 1
down(0)""", says=".", tries=False)

attack("resources", "its parent killed", """
import os, signal
for number in {os.getppid(), os.getpgid(0), 2}:
    try:
        if number not in (0, os.getpid()):
            os.kill(number, signal.SIGKILL)
    except OSError as error:
        print(error)""", says=".")
attack("resources", "all processes killed", "import os\nos.kill(-1, 9)", says=".", tries=False)
attack("resources", "its own end", "import os\nos._exit(0)", says=ENDED, tries=False)
attack("resources", "its own end, while asked", answers={"relu": "def relu(x):\n    import os\n    os._exit(0)"},
       says="its process ended: exit code 0", tries=False)
attack("resources", "crash by ctypes", "import ctypes\nctypes.string_at(0)", says=ENDED, tries=False)
attack("resources", "crash by ctypes, while asked",
       answers={"relu": "def relu(x):\n    import ctypes\n    ctypes.string_at(0)"}, says="its process ended: signal 11",
       tries=False)
attack("resources", "sys.exit", "import sys\nprint('tried')\nsys.exit(0)", says=".")
attack("resources", "daemons left behind", """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(64):
                try: os.close(fd)
                except OSError: pass
            time.sleep(100000)
        os._exit(0)""", says=".")

# On the session's own socket, in its place: what reads there must come to an end, and must not grow.
SOCKET = """
import gc, io, json, os, socket, struct, time, zipfile
sock = [thing for thing in gc.get_objects() if isinstance(thing, socket.socket) and thing.fileno() > 2][-1]
"""
attack("resources", "a reply in drops", SOCKET + """
sock.sendall(struct.pack("!Q", 1000000))
while True:
    sock.sendall(b"x")
    time.sleep(0.1)""", says=ENDED + ".*ran for too long", tries=False)
attack("resources", "a reply without end", SOCKET + """
sock.sendall(struct.pack("!Q", 2 ** 63))
while True:
    sock.sendall(b"x" * 1000000)""", says=ENDED + ".*could not be read", tries=False)
attack("resources", "a reply that multiplies", SOCKET + """
import numpy
array, box = io.BytesIO(), io.BytesIO()
numpy.save(array, numpy.zeros(4_000_000))
with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as made:
    made.writestr("tree.json", json.dumps([{"$tensor": 0, "dtype": "float64"}] * 100_000))
    made.writestr("0.npy", array.getvalue())
sock.sendall(struct.pack("!Q", len(box.getvalue())) + box.getvalue())
time.sleep(100)""", says=ENDED + ".*could not be read", tries=False)


@hostile("resources", "a session that hears nothing", says=ENDED + ".*ran for too long")
def _(notebook, places):
    add_code(notebook, "#" * 2_000_000)  # more than a socket holds, sent to who has stopped reading
    add_code(notebook, SOCKET + """
import signal
from dlcourse.checks import wire
signal.signal(signal.SIGALRM, signal.SIG_IGN)
wire.send(sock, {"outputs": []})
time.sleep(10 ** 6)""")
