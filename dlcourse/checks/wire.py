"""Data that crosses the wall between the learner's process and the judge's: JSON and npy, never pickle.

A tree is made of None, bool, int, float, str, list, dict with str keys, and tensors. `pack` writes one zip file:
`tree.json`, and one `N.npy` for each tensor. `unpack` reads it back and can run no code whatever the bytes are.
"""

import io
import json
import struct
import zipfile

import numpy
import torch

TREE = "tree.json"
LIMIT = 64 * 2**20  # bytes, unpacked
AS_STORED = {torch.bfloat16: torch.float32}  # numpy has no bfloat16; float32 holds each of its values
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)}


class BadFreight(ValueError):
    """What came over the wall is not a tree in the agreed form."""


def pack(tree) -> bytes:
    """Write a tree as bytes. Raises TypeError for anything that is not plain data."""
    arrays = []

    def flatten(node):
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        if isinstance(node, torch.Tensor):
            name = str(node.dtype).removeprefix("torch.")
            plain = node.detach().cpu().to(AS_STORED.get(node.dtype, node.dtype))
            arrays.append(plain.numpy())
            return {"$tensor": len(arrays) - 1, "dtype": name}
        if isinstance(node, (list, tuple)):
            return [flatten(child) for child in node]
        if isinstance(node, dict):
            return {str(key): flatten(child) for key, child in node.items()}
        raise TypeError(f"{type(node).__name__} cannot cross the wall: only plain data can")

    text = json.dumps(flatten(tree))
    freight = io.BytesIO()
    with zipfile.ZipFile(freight, "w") as box:
        box.writestr(TREE, text)
        for number, array in enumerate(arrays):
            with box.open(f"{number}.npy", "w") as file:
                numpy.lib.format.write_array(file, array, allow_pickle=False)
    return freight.getvalue()


def unpack(freight: bytes, limit: int = LIMIT):
    """Read a tree back. Raises BadFreight where the bytes are anything else, or more than `limit`."""
    try:
        with zipfile.ZipFile(io.BytesIO(freight)) as box:
            if sum(entry.file_size for entry in box.infolist()) > limit:
                raise BadFreight(f"more than {limit} bytes came back")
            return _restore(json.loads(box.read(TREE)), box, set())
    except BadFreight:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, RecursionError,
            NotImplementedError, OSError, MemoryError, RuntimeError) as error:
        raise BadFreight(f"what came back cannot be read: {error}") from error


def _restore(node, box, taken: set[int]):
    """The tree below `node`; an array is `taken` once, or a small box would make a tree of any size."""
    if isinstance(node, list):
        return [_restore(child, box, taken) for child in node]
    if not isinstance(node, dict):
        return node
    if "$tensor" not in node:
        return {key: _restore(child, box, taken) for key, child in node.items()}
    number = int(node["$tensor"])
    if number in taken:
        raise BadFreight(f"array {number} comes twice")
    taken.add(number)
    with box.open(f"{number}.npy") as file:
        array = numpy.lib.format.read_array(file, allow_pickle=False)
    dtype = DTYPES[node["dtype"]]
    tensor = torch.from_numpy(array.copy())
    if tensor.dtype != AS_STORED.get(dtype, dtype):
        raise BadFreight(f"an array says {node['dtype']} and holds {array.dtype}")
    return tensor.to(dtype)


def send(sock, tree, waiting=None) -> None:
    """Send a tree over a socket, its length first; `waiting` as in `receive`."""
    freight = pack(tree)
    rest = memoryview(struct.pack("!Q", len(freight)) + freight)
    while rest:
        try:
            rest = rest[sock.send(rest):]
        except TimeoutError:
            waiting()


def receive(sock, limit: int = LIMIT, waiting=None):
    """Receive what `send` sent; None where the other side has closed.

    `waiting` is called between two pieces and, of a socket with a timeout, whenever it has waited so long; it may
    raise. Raises BadFreight for more than `limit` bytes, and for anything but a tree.
    """
    header = _exactly(sock, 8, waiting)
    if header is None:
        return None
    length, = struct.unpack("!Q", header)
    if length > limit:
        raise BadFreight(f"more than {limit} bytes came back")
    freight = _exactly(sock, length, waiting)
    return None if freight is None else unpack(freight, limit)


def _exactly(sock, length: int, waiting) -> bytes | None:
    chunks = []
    while length:
        try:
            chunk = sock.recv(min(length, 1 << 20))
        except TimeoutError:
            waiting()
            continue
        except ConnectionResetError:
            return None
        if not chunk:
            return None
        chunks.append(chunk)
        length -= len(chunk)
        if length and waiting:
            waiting()  # who sends byte by byte never makes a socket wait
    return b"".join(chunks)
