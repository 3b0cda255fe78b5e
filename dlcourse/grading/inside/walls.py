"""A session's own walls, built by the process that it forks from: namespaces, empty folders, limits, no privilege."""

import contextlib
import ctypes
import fcntl
import io
import os
import resource
import socket
import struct
import sys

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
MS_BIND, MS_REC = 0x1000, 0x4000
PR_SET_NO_NEW_PRIVS = 38
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1

ROOM = b"size=256m"
FILE_SIZE = 64 * 2**20
ADDRESS_SPACE = 6 * 2**30  # beyond what the loaded process maps; what counts is watched from outside
PROCESSES = 200


def unshare(libc) -> None:
    """Leave the namespaces that all sessions share. Raises OSError where the system does not allow it."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def furnish(libc) -> None:
    """In the new namespaces: empty folders for temporary files, a loopback, and no privilege from here on."""
    pythons = [(place, os.open(place, os.O_PATH)) for place in sorted({sys.prefix, sys.base_prefix})
               if place.startswith("/tmp/")]  # a course that lies there keeps its Python in sight
    for folder in (b"/tmp", b"/dev/shm"):
        if libc.mount(b"tmpfs", folder, b"tmpfs", 0, ROOM):
            raise OSError(ctypes.get_errno(), "mount")
    for place, descriptor in pythons:
        os.makedirs(place)
        if libc.mount(f"/proc/self/fd/{descriptor}".encode(), place.encode(), None, MS_BIND | MS_REC, None):
            raise OSError(ctypes.get_errno(), "mount")
        os.close(descriptor)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), nothing):
        raise OSError(ctypes.get_errno(), "capset")


def limit() -> None:
    """Set what one process of a session may use; memory and processes of all together are watched from outside."""
    with open("/proc/self/statm") if os.path.exists("/proc/self/statm") else io.StringIO("0") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    for name, value in (("RLIMIT_CORE", 0), ("RLIMIT_FSIZE", FILE_SIZE), ("RLIMIT_NOFILE", 512),
                        ("RLIMIT_AS", mapped + ADDRESS_SPACE), ("RLIMIT_NPROC", PROCESSES)):
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))
