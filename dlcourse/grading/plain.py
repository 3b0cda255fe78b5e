"""Answers made of plain code: definitions and arithmetic, nothing that could reach what watches over them.

A process that has run a learner's cells may say anything about itself. So an answer is asked in a process that has
run nothing of theirs but what the answer is made of (`made_of`), where that is plain: what stands in it can call
torch and itself, but has no means to find frames, files, other objects or the watch (`reaches`).
"""

import ast
import copy
import functools
import importlib
import re
import symtable
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager

IMPORTS, DEFINITIONS = (ast.Import, ast.ImportFrom), (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
MODULES = frozenset(
    "__future__ abc cmath collections contextlib copy dataclasses decimal dlcourse enum fractions functools itertools "
    "math numbers numpy operator random re statistics time torch typing".split())
# Builtins that make code of text, or open what lies beside a program.
NAMES = frozenset(
    "eval exec compile open globals locals vars breakpoint get_ipython getattr setattr delattr type wraps "
    "update_wrapper".split())
# Attributes that lead out: to the system's modules, to frames, loaders, and what works below torch's modes.
ATTRIBUTES = frozenset(
    "annotationlib ast asyncio atexit builtins codeop concurrent contextvars ctypes dis faulthandler gc importlib "
    "inspect io json linecache logging marshal multiprocessing os pathlib pickle posix pty runpy shutil signal socket "
    "struct subprocess sys sysconfig tempfile threading tokenize traceback types warnings weakref zipfile ag_code "
    "ag_frame co_code cr_code cr_frame f_back f_builtins f_code f_globals f_locals f_trace gi_code gi_frame "
    "gi_yieldfrom tb_frame tb_next ForwardRef attrgetter evaluate_forward_ref get_type_hints make_dataclass "
    "methodcaller singledispatch singledispatchmethod update_wrapper wraps core ctypeslib dump dumps f2py fromfile "
    "genfromtxt lib load loads loadtxt memmap save savefig savetxt savez savez_compressed switch_backend testing "
    "tofile checks grading inside wire BaseTorchFunctionMode DisableTorchFunctionSubclass TorchDispatchMode "
    "TorchFunctionMode backends benchmark compile compiler cpp_extension export flop_counter from_file fx hub jit "
    "library load_library onnx overrides package profiler serialization".split())
# Worth an instructor's look wherever they stand.
STRIKING = frozenset(
    "_getframe _exit __code__ __globals__ builtins ctypes f_globals f_locals fork gc inspect kill marshal settrace "
    "setprofile socket sqlite3 subprocess".split())
# Torch's own that people use for want of a public name, and the _foreach_ functions.
HARMLESS = frozenset("_BatchNorm _NormBase _ConvNd _LRScheduler _standard_gamma".split())
# Whose private names lead below what is watched; what torch adds to them when it loads more of itself, and of these
# the one that people have for something of their own.
OF_TORCH = frozenset(f"torch.{name}" for name in (
    "autograd autograd.function autograd.graph functional linalg nn nn.functional optim overrides random "
    "utils").split())
LOADED_LATER = frozenset("_dynamo _functools _inductor _numpy _pallas _sympy _triton".split())
OWN = frozenset({"_device"})
METHODS = frozenset(f"__{name}__" for name in (
    "init post_init call repr str len iter next getitem setitem delitem contains enter exit bool hash add radd iadd "
    "sub rsub mul rmul matmul rmatmul truediv rtruediv floordiv mod pow rpow neg abs lt le gt ge eq ne name doc "
    "version all slots").split())
HARMLESS_MAGIC = re.compile(r"\A\s*%%(time|capture|prun)\b.*\n")


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell: its text, whether a learner wrote it, and what names have to do with it.

    binds: what it gives a value to; uses: what it needs when it runs, `later` what its functions need when called;
    sets, calls: whose things it changes or may change, as `x.y = …` and `x.append(…)` do.
    """

    cell: int
    text: str
    tree: ast.stmt
    theirs: bool
    binds: frozenset[str]
    uses: frozenset[str]
    later: frozenset[str]
    sets: frozenset[str]
    calls: frozenset[str]

    def settles(self, name: str) -> bool:
        """Whether after it nothing from before can still matter for the name."""
        return name in self.binds and name not in self.uses and isinstance(
            self.tree, (*IMPORTS, *DEFINITIONS, ast.Assign, ast.AnnAssign))


@dataclass(frozen=True)
class Made:
    """What an answer is made of: the text of each cell's part, the learner's part of it, and what it reaches for."""

    cells: tuple[str, ...]
    theirs: str
    reaches: tuple[str, ...]


def statements(source: str, cell: int, theirs: bool) -> list[Statement]:
    """A cell's statements; none where Python cannot read it, for then none of it runs."""
    try:
        source = TransformerManager().transform_cell(HARMLESS_MAGIC.sub("\n", source))
        return [_statement(node, text, cell, theirs) for node, text in _pieces(source)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def made_of(expression: str, before: list[Statement]) -> Made | None:
    """Follow the names in `expression` through the statements `before` it; None where one is nowhere bound."""
    wanted = {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
    if not wanted <= {name for one in before for name in one.binds}:
        return None
    end, chosen, seen = len(before), set(), set()
    waiting = [(name, end) for name in wanted]  # names, and the statement at which their value matters
    while waiting:
        if (use := waiting.pop()) in seen:
            continue
        seen.add(use)
        for number in _makers(*use, before):
            chosen.add(number)
            waiting += [(name, number) for name in before[number].uses]
            waiting += [(name, when) for name in before[number].later for when in {use[1], end}]
    found = [before[number] for number in sorted(chosen)]
    texts: dict[int, list[str]] = {}
    for one in found:
        texts.setdefault(one.cell, []).append(one.text)
    theirs = [one for one in found if one.theirs]
    return Made(tuple("\n".join(lines) for lines in texts.values()), "\n".join(one.text for one in theirs),
                tuple(sorted({word for one in theirs for word in reaches(one.tree)})))


def _makers(name: str, end: int, before: list[Statement]):
    """The numbers of the statements before `end` by which the name is what it is there; no module is changed by one."""
    binders = [one for one in before if name in one.binds]
    module = any(isinstance(one.tree, IMPORTS) for one in binders)
    value = any(not isinstance(one.tree, (*IMPORTS, *DEFINITIONS)) for one in binders)
    for number in reversed(range(end)):
        one = before[number]
        if name in one.binds or name in one.sets and not module or name in one.calls and value:
            yield number
            if one.settles(name):
                return


def reaches(tree: ast.AST) -> set[str]:
    """The words in code by which it could get hold of more than it is given; none in plain code."""
    return {word for node in ast.walk(tree) for word in _words(node, tree)}


def striking(source: str) -> set[str]:
    """The words in a cell that an instructor may want to know of."""
    words = {word for one in statements(source, 0, True) for node in ast.walk(one.tree) for word in _all_words(node)}
    return words & STRIKING


def _all_words(node: ast.AST) -> list[str]:
    if isinstance(node, ast.alias):
        return node.name.split(".")
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")
    return [node.id] if isinstance(node, ast.Name) else [node.attr] if isinstance(node, ast.Attribute) else []


def _words(node: ast.AST, tree: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        if node.id.startswith("__") and node.id not in METHODS or node.id in NAMES - _called_with_care(tree):
            return [node.id]
    elif isinstance(node, ast.Attribute):
        if node.attr == "wraps" and _called_with_one(node, tree):
            return []
        own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "ctx")
        if not _attribute_is_plain(node.attr, own):
            return [node.attr]
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        if node.name.startswith("__") and node.name not in METHODS:
            return [node.name]
        if isinstance(node, ast.ClassDef) and node.keywords:
            return ["metaclass"]
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        return _imported(node)
    elif isinstance(node, ast.MatchClass):
        return [name for name in node.kwd_attrs if not _attribute_is_plain(name)]
    return []


def _attribute_is_plain(name: str, own: bool = False) -> bool:
    if name.startswith("__"):
        return name in METHODS
    if name in HARMLESS or name.startswith("_foreach_"):
        return True
    return name not in ATTRIBUTES and (not name.startswith("_") or own and name not in _private())


@functools.cache
def _private() -> frozenset[str]:
    """Names that modules in reach keep to themselves: whatever is called self, self._C is none of the learner's own.

    They are the same in every process, whatever else it has loaded.
    """
    modules = [importlib.import_module(name) for name in sorted(MODULES - {"dlcourse"} | OF_TORCH)]
    return LOADED_LATER | frozenset(name for module in modules for name in vars(module) if name.startswith("_")) - OWN


def _called_with_care(tree: ast.AST) -> frozenset[str]:
    """Of `type`, `getattr` and their like those that are only ever used as in type(x) and getattr(x, "name")."""
    careful, all_uses = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            all_uses[node.id] = all_uses.get(node.id, 0) + 1
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords and _with_care(node):
            careful[node.func.id] = careful.get(node.func.id, 0) + 1
    return frozenset(name for name in careful if careful[name] == all_uses[name])


def _called_with_one(function: ast.Attribute, tree: ast.AST) -> bool:
    """Whether it has one argument: functools.wraps(f) copies a name and its like, with more whatever it is told."""
    return any(isinstance(node, ast.Call) and node.func is function and len(node.args) == 1 and not node.keywords
               and not isinstance(node.args[0], ast.Starred) for node in ast.walk(tree))


def _with_care(call: ast.Call) -> bool:
    if any(isinstance(one, ast.Starred) for one in call.args):
        return False
    if call.func.id in ("type", "wraps"):
        return len(call.args) == 1
    if call.func.id not in ("getattr", "setattr", "delattr") or len(call.args) < 2:
        return False
    name = call.args[1]
    if isinstance(name, ast.JoinedStr) and name.values and call.func.id == "setattr":
        name = name.values[0]  # layer1, layer2; what is set anywhere that matters is seen afterwards
    return isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value[:1].isalpha() \
        and _attribute_is_plain(name.value)


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    names = [alias.name for alias in node.names]
    if any(alias.name == "wraps" and alias.asname for alias in node.names):
        return ["wraps"]
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module or ''}.{name}" for name in names]
    found = []
    for name in names:
        first, *rest = name.split(".")
        if first not in MODULES or "*" in rest or name != "functools.wraps" and not all(map(_attribute_is_plain, rest)):
            found.append(name)
    return found


def _pieces(source: str):
    """Each statement at the top of a source with its text; an import of several names is as many imports."""
    lines = source.encode().splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, IMPORTS) and len(node.names) > 1:
            for alias in node.names:
                one = copy.copy(node)
                one.names = [alias]
                yield one, ast.unparse(one)
            continue
        start = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        after = lines[node.end_lineno - 1][node.end_col_offset:].split(b"#")[0].strip()
        alone = node.col_offset == 0 and not after
        yield node, b"\n".join(lines[start - 1:node.end_lineno]).decode() if alone else ast.unparse(node)


def _statement(node: ast.stmt, text: str, cell: int, theirs: bool) -> Statement:
    top = symtable.symtable(text, "cell", "exec")
    binds = {name.get_name() for name in top.get_symbols()
             if name.is_assigned() or name.is_imported() or name.is_namespace()}
    uses, later = {name.get_name() for name in top.get_symbols() if name.is_referenced()}, set()
    tables = [(table, False) for table in top.get_children()]
    while tables:
        table, called = tables.pop()
        called = called or isinstance(table, symtable.Function)
        tables += [(inner, called) for inner in table.get_children()]
        for name in table.get_symbols():
            if name.is_global():
                (later if called else uses).add(name.get_name())
                if name.is_assigned():
                    binds.add(name.get_name())
    stored = [one for one in ast.walk(node)
              if isinstance(one, (ast.Attribute, ast.Subscript)) and not isinstance(one.ctx, ast.Load)]
    method = [node.value.func] if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else []
    return Statement(cell, text, node, theirs, frozenset(binds), frozenset(uses), frozenset(later),
                     frozenset(map(_root, stored)) & (uses | later), frozenset(map(_root, method)) & uses)


def _root(node: ast.expr) -> str:
    """The x of x.y[0].z; "" where it is no name."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
