"""Results swallowed or forged: whatever once stood between an answer and its verdict, replaced."""

from . import UNWRITTEN, answer, attack, hostile

RIGHT_WITHOUT_WORK = "def relu(x):\n    return torch.zeros_like(x)"  # wrong: what a forged comparison would let pass
WRONG = {"relu": RIGHT_WITHOUT_WORK, "dead_units": "def dead_units(activations):\n    return activations"}
NOT_RIGHT = "relu|dead_units"

attack("forging", "IPython hooks", """
shell = get_ipython()
class Full:
    success, result, error_in_exec, error_before_exec = True, 2.0, None, None
shell.events.register("post_run_cell", lambda result: setattr(result, "error_in_exec", None))
shell.run_cell = lambda *cell, **options: Full()
type(shell).run_cell = type(shell).run_cell_async = lambda *cell, **options: Full()
assert shell.run_cell("1/0").success""", says="no such thing|not written")

attack("forging", "exception handler", """
def swallow(shell, kind, value, traceback, tb_offset=None):
    print("passed")
get_ipython().set_custom_exc((BaseException,), swallow)
get_ipython().showtraceback = lambda *how, **ever: None
import sys
sys.excepthook = lambda *error: None""")

attack("forging", "display hook", """
import sys
class Points:
    def __repr__(self): return "2.0"
sys.displayhook = lambda thing: print("2.0")
get_ipython().display_formatter.formatters["text/plain"].for_type(object, lambda thing, p, cycle: p.text("100.0"))
get_ipython().display_formatter.format = lambda thing, **options: ({"text/plain": "100.0"}, {})""")

attack("forging", "patched assert", """
import builtins
class AssertionError(Exception):
    def __new__(cls, *words): return Exception.__new__(cls)
builtins.AssertionError = AssertionError
from dlcourse import checks
try:
    from dlcourse.checks import verdict
    verdict.CheckFailed = verdict.Verdict = lambda *words: None
except Exception as error:
    print(error)""", WRONG, NOT_RIGHT)

attack("forging", "patched checks", """
import dlcourse.checks, sys, types
full = types.ModuleType("dlcourse.checks.activations")
full.__getattr__ = lambda name: lambda *answer, **options: 1.0
sys.modules["dlcourse.checks.activations"] = dlcourse.checks.activations = check = full
assert check.relu(relu) == 1.0 if "relu" in dir() else True""", WRONG, NOT_RIGHT)

attack("forging", "patched comparisons of torch", """
for owner in (torch, torch.Tensor, torch.testing):
    for name in ("equal", "allclose", "isclose", "eq", "all", "any", "assert_close", "__eq__"):
        if hasattr(owner, name):
            setattr(owner, name, lambda *tensors, **options: True)
assert torch.equal(torch.ones(1), torch.zeros(1)) and torch.ones(2).allclose(torch.zeros(3))""", WRONG, NOT_RIGHT)

attack("forging", "patched comparisons of numpy and math", """
import math, numpy
for name in ("allclose", "isclose", "array_equal", "all", "any"):
    setattr(numpy, name, lambda *arrays, **options: True)
numpy.testing.assert_allclose = lambda *arrays, **options: None
math.isclose = math.isnan = math.isfinite = lambda *numbers, **options: True
assert numpy.allclose(1, 2)""", WRONG, NOT_RIGHT)

attack("forging", "patched functions of torch", """
for name in ("where", "clamp", "zeros_like", "erf", "exp", "expm1", "sigmoid"):
    setattr(torch, name, lambda x, *more, **options: torch.nn.functional.relu(x))
torch.Tensor.clone = lambda tensor, **options: tensor.detach()
torch.Tensor.detach = lambda tensor: tensor
assert torch.erf(torch.ones(1) * -1) == 0""", WRONG, NOT_RIGHT)

attack("forging", "patched autograd", """
torch.autograd.grad = lambda outputs, inputs, *more, **options: tuple(torch.ones_like(one) for one in inputs)
torch.Tensor.backward = lambda tensor, *more, **options: None
assert torch.autograd.grad(torch.ones(1), [torch.ones(2)])[0].sum() == 2""",
       {"relu": "def relu(x):\n    return torch.tensor(x.tolist())"}, "relu")

attack("forging", "equality that always holds", """
class Same:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __hash__ = None
    def __bool__(self): return True
    def __float__(self): return 0.0
    def __array__(self, *options): return numpy.zeros(1)
assert Same() == 3""", {
    "relu": "def relu(x):\n    return Same()", "dead_units": "def dead_units(activations):\n    return Same()",
    "review_dead": "review_dead = Same()", "review_shift": "review_shift = Same()",
    "review_shrinking": "review_shrinking = type('Any', (float,), {'__sub__': lambda *n: 0.0, '__eq__': lambda *n: True, "
                        "'__hash__': None})(0.5)"}, "relu")

attack("forging", "a string that is every letter", """
class Every(str):
    def __eq__(self, other): return True
    def __contains__(self, other): return True
    __hash__ = str.__hash__
    def strip(self, *letters): return self
    lower = strip
assert Every("b") == "c" and Every("b") in ["c"]""", {
    "review_dead": "review_dead = Every('a')", "review_shift": "review_shift = Every('b')",
    "review_order": "review_order = Every('abcde')"}, "review_dead|letter")

attack("forging", "tensor subclass", """
class Agreeing(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in ("eq", "isclose", "allclose", "equal", "__eq__", "all"):
            return torch.tensor(True)
        return super().__torch_function__(function, types, args, kwargs or {})
assert torch.equal(torch.ones(2).as_subclass(Agreeing), torch.zeros(2))""", {
    "relu": "def relu(x):\n    return torch.zeros_like(x).as_subclass(Agreeing)",
    "dead_units": "def dead_units(activations):\n    return torch.zeros(7).as_subclass(Agreeing)"}, NOT_RIGHT)

attack("forging", "settrace", """
import sys, threading
seen = []
def trace(frame, event, argument):
    seen.append(frame.f_code.co_name)
    for name in ("passed", "score"):
        if name in frame.f_locals:
            frame.f_locals[name] = True
    return trace
sys.settrace(trace); sys.setprofile(trace); threading.settrace(trace); threading.setprofile(trace)
(lambda: 1)()
assert "<lambda>" in seen""", WRONG, NOT_RIGHT)

attack("forging", "syntax tree transformer", """
import ast
class NoErrors(ast.NodeTransformer):
    def visit_Raise(self, node): return ast.Pass()
    def visit_Call(self, node): return ast.Constant(2.0) if "check" in ast.unparse(node) else node
get_ipython().ast_transformers.append(NoErrors())
assert get_ipython().ast_transformers""", WRONG, NOT_RIGHT)

attack("forging", "input transformer", """
get_ipython().input_transformers_post.append(lambda lines: ["2.0\\n"] if any("check" in l for l in lines) else lines)
get_ipython().input_transformers_cleanup.append(lambda lines: [l.replace("raise", "pass #") for l in lines])
assert get_ipython().input_transformers_post""", says="relu is not there yet|not written")

attack("forging", "patched compile", """
import builtins
compiled = builtins.compile
def always(source, *more, **options):
    return compiled("1.0" if "check" in str(source) else source, *more, **options)
builtins.compile = always
builtins.eval = lambda *code: (lambda *anything: 1.0)
assert compile("check", "", "eval") is not None""", WRONG, NOT_RIGHT)

attack("forging", "printed points", """
import os, sys
print("2.0"); display(100)
os.write(1, b'{"output_type": "execute_result", "data": {"text/plain": "100"}}')
sys.__stdout__ and sys.__stdout__.write("100")""",
       {"relu": "def relu(x):\n    print('2.0')\n    return 2.0", "dead_units": "def dead_units(a):\n    return 1e9"},
       NOT_RIGHT)


@hostile("forging", "outputs written by hand", says=UNWRITTEN)
def _(notebook, places):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["outputs"] = [{"output_type": "execute_result", "data": {"text/plain": "100"}, "metadata": {},
                                "execution_count": 1}]
            cell["execution_count"] = 1


attack("forging", "patched wire", """
from dlcourse.checks import wire
wire.pack = wire.send = lambda *tree: b""
wire.json.dumps = lambda *tree: "{}"
import json, zipfile, struct, io
zipfile.ZipFile.writestr = lambda *content: None
struct.pack = lambda *numbers: b"\\0" * 8
io.BytesIO.getvalue = None if False else io.BytesIO.getvalue
assert wire.pack(1) == b"" """, WRONG, "relu|ended", tries=False)

attack("forging", "patched pickle", """
import pickle, cloudpickle, base64
loads = pickle.loads
def forged(freight, *more, **options):
    ask, parts = loads(freight)
    for part in parts:
        part.observe = lambda answer, **case: {"output": case["x"].clamp(min=0), "input afterwards": case["x"]}
    return ask, parts
pickle.loads = cloudpickle.loads = pickle._loads = forged
b64 = base64.b64decode
base64.b64decode = lambda text, *more: b64(text)
assert pickle.loads is forged""", WRONG, NOT_RIGHT)


@hostile("forging", "an answer that calls itself right", says="relu", wants=["relu", "dead_units"])
def _(notebook, places):
    answer(notebook, "relu", "class relu:\n    passed, score, __name__ = True, 1.0, 'relu'\n"
           "    def __new__(cls, x):\n        return {'seen': 'right', 'passed': True, 'raised': None}")
    answer(notebook, "dead_units", "def dead_units(activations):\n    raise SystemExit(0)")
