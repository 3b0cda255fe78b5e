"""Backpropagation: by hand for one layer, and as an engine for scalars."""

import ast
import contextlib
import functools
import math

import torch

from ..asking import normal
from ..core import Check, Mistake, Part
from .shared import AUTOGRAD, multiplied

# ----------------------------------------------------------------------------------------- linear_backward

GRADS = ("grad_x", "grad_W", "grad_b")


def upstream(n, dtype=torch.float64, fan_in=3, out=5):
    """One case: a batch, the weights, and the gradient that arrives at the output."""
    return lambda g: [{"x": normal(g, n, fan_in, dtype=dtype), "W": normal(g, out, fan_in, dtype=dtype),
                       "grad_out": normal(g, n, out, dtype=dtype)}]


def handed_back(*names):
    """Observe those of the three gradients that are named."""
    def observe(answer, x, W, grad_out):
        found = answer(x.clone(), W.clone(), grad_out.clone())
        if found is None or isinstance(found, (tuple, list)) and len(found) == 3:
            found = dict(zip(GRADS, found or [None] * 3))
            return {name: found[name] for name in names}
        return {"answer": found}
    return observe


def _by_hand(x, W, grad_out):
    return grad_out @ W, grad_out.T @ x, grad_out.sum(0)


def _instead(**forms):
    """The three gradients, some of them replaced by grad_x=f(x, W, grad_out) and so on."""
    def answer(x, W, grad_out):
        return tuple(forms.get(name, lambda *_: right)(x, W, grad_out)
                     for name, right in zip(GRADS, _by_hand(x, W, grad_out)))
    return answer


def _both(g):
    return upstream(4)(g) + upstream(6, torch.float32, 4, 3)(g)


linear_backward = Check(
    "linear_backward", "linear_backward(x, W, grad_out)", _by_hand,
    [Part("grad_W", 0.4, "grad_W (out, in) sums grad_out times x over the batch", _both, handed_back("grad_W")),
     Part("grad_x", 0.3, "grad_x (N, in) sends grad_out back through W", _both, handed_back("grad_x")),
     Part("grad_b", 0.2, "grad_b (out,) sums grad_out over the batch", _both, handed_back("grad_b")),
     Part("one sample", 0.1, "a batch of one works too", upstream(1), handed_back(*GRADS))],
    [Mistake("backward-not-three", "Three tensors are asked for, in one tuple: grad_x, grad_W, grad_b.",
             shows=lambda finding, seen, case: "answer" in (seen.get("seen") or {})),
     Mistake("backward-order", "The gradients are right but in another order: grad_x, grad_W, grad_b, please.",
             [lambda x, W, grad_out, order=order: tuple(_by_hand(x, W, grad_out)[i] for i in order)
              for order in ((1, 2, 0), (1, 0, 2), (2, 1, 0), (0, 2, 1), (2, 0, 1))]),
     Mistake("backward-weight-turned", "grad_W came out as (in, out). It has W's shape, (out, in): each weight has its "
             "own slope.", _instead(grad_W=lambda x, W, g: x.T @ g)),
     Mistake("backward-mean", "The gradient is averaged over the batch. Nothing here divides by N: if the loss is a "
             "mean, grad_out has the 1/N in it already.",
             [_instead(grad_W=lambda x, W, g: g.T @ x / len(x), grad_b=lambda x, W, g: g.mean(0)),
              _instead(grad_W=lambda x, W, g: g.T @ x / len(x)), _instead(grad_b=lambda x, W, g: g.mean(0))]),
     Mistake("backward-sign", "The signs are turned. This is the direction to step in; the gradient itself points "
             "uphill.", lambda x, W, grad_out: tuple(-grad for grad in _by_hand(x, W, grad_out))),
     Mistake("backward-grad-out-unused", "grad_out is not used: this is the slope of the sum of all outputs. The chain "
             "rule multiplies it with the gradient that arrives.",
             [lambda x, W, g: _by_hand(x, W, torch.ones_like(g)),
              _instead(grad_W=lambda x, W, g: torch.ones_like(g).T @ x),
              _instead(grad_x=lambda x, W, g: torch.ones_like(g) @ W),
              _instead(grad_b=lambda x, W, g: torch.ones_like(g).sum(0)),
              _instead(grad_b=lambda x, W, g: torch.ones_like(g[0])),
              _instead(grad_x=lambda x, W, g: W)]),
     Mistake("backward-samples-mixed", "The shapes do not line up in grad_x: grad_out is (N, out) and W is (out, in), "
             "so here W is not transposed. Forward transposed it; backward undoes that.",
             shows=lambda finding, seen, case: multiplied("g", "W")(
                 finding, seen, {"g": case["grad_out"], "W": case["W"].T})),
     Mistake("backward-product-order", "The shapes do not line up: grad_W is (out, in), so the batch axis, N, must be "
             "the one that is summed over. Which of the two factors has to be transposed?",
             shows=lambda finding, seen, case: any(multiplied("a", "b")(finding, seen, {"a": a, "b": b}) for a, b in (
                 (case["grad_out"], case["x"]), (case["x"], case["grad_out"]), (case["grad_out"], case["x"].T),
                 (case["x"].T, case["grad_out"].T)))),
     Mistake("backward-bias-by-sample", "grad_b has a row for each sample. One bias serves all of them, so its slope "
             "is the sum over the batch.", _instead(grad_b=lambda x, W, g: g)),
     Mistake("backward-bias-kept-axis", "grad_b came out as (1, out); b is (out,).",
             _instead(grad_b=lambda x, W, g: g.sum(0, keepdim=True))),
     Mistake("backward-bias-wrong-axis", "grad_b was summed over the outputs: it has one number for each sample. Sum "
             "over the batch.", _instead(grad_b=lambda x, W, g: g.sum(1))),
     Mistake("backward-bias-one-number", "grad_b is one number. There is a bias for each output, and a slope for each "
             "bias.", _instead(grad_b=lambda x, W, g: g.sum()))],
    off_limits=AUTOGRAD, instead="Work the three products out on paper: `@`, `.T` and `sum` are your tools.")

# --------------------------------------------------------------------------------------------------- Value


class _Value:
    """A number that knows what it was made of and the slope for each: the reference of `Value`."""

    def __init__(self, data, made_of=()):
        self.data, self.grad, self.made_of = data, 0.0, made_of

    def new(self, data, *made_of):
        return type(self)(data, made_of)

    def lift(self, other):
        return other if isinstance(other, _Value) else self.new(other)

    def __add__(self, other):
        other = self.lift(other)
        return self.new(self.data + other.data, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        other = self.lift(other)
        return self.new(self.data * other.data, (self, other.data), (other, self.data))

    def __sub__(self, other):
        return self + -self.lift(other)

    def __truediv__(self, other):
        return self * self.lift(other) ** -1

    def __pow__(self, power):
        return self.new(self.data ** power, (self, power * self.data ** (power - 1)))

    def __neg__(self):
        return self * -1

    def __rsub__(self, other):
        return self.lift(other) - self

    def __rtruediv__(self, other):
        return self.lift(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def relu(self):
        return self.new(max(0.0, self.data), (self, float(self.data > 0)))

    def exp(self):
        return self.new(math.exp(self.data), (self, math.exp(self.data)))

    def log(self):
        return self.new(math.log(self.data), (self, 1 / self.data))

    def order(self):
        """Every node below, each before all that it was made of."""
        found, seen, todo = [], set(), [(self, False)]
        while todo:
            node, done = todo.pop()
            if done:
                found.append(node)
            elif node not in seen:
                seen.add(node)
                todo += [(node, True), *((child, False) for child, _ in node.made_of)]
        return reversed(found)

    def backward(self):
        arrived = {self: 1.0}
        for node in self.order():
            node.grad += arrived[node]
            for child, slope in node.made_of:
                arrived[child] = arrived.get(child, 0.0) + slope * arrived[node]


class _Direct(_Value):
    """The same with differences and quotients that do not go by way of + and *."""

    def __neg__(self):
        return self.new(-self.data, (self, -1.0))

    def __sub__(self, other):
        other = self.lift(other)
        return self.new(self.data - other.data, (self, 1.0), (other, -1.0))

    def __truediv__(self, other):
        other = self.lift(other)
        return self.new(self.data / other.data, (self, 1 / other.data), (other, -self.data / other.data ** 2))


def value_class(base=_Value, **methods):
    """The reference with some of its methods replaced."""
    return type("Value", (base,), methods)


def _slope(name, slopes, base=_Value):
    """The reference with other slopes in one operation: slopes(self.data, [other's data]) gives a tuple."""
    right = getattr(_Direct, name)

    def wrong(self, *others):
        others = [self.lift(other) if name != "__pow__" else other for other in others]
        made = right(self, *others)
        data = [getattr(other, "data", other) for other in others]
        made.made_of = tuple((node, slope) for (node, _), slope in zip(made.made_of, slopes(self.data, *data)))
        return made
    reflected = {"__rmul__": wrong} if name == "__mul__" else {}
    return value_class(base, **{name: wrong}, **reflected)


def _orphan(name):
    """An operation of the reference that forgets its parents."""
    return lambda self, *others: self.new(getattr(_Value, name)(self, *others).data)


def _backward(visit, kept=0.0):
    """A backward that pushes from node to child at once; `visit(self)` lists the nodes in some order."""
    def backward(self):
        self.grad = 1.0 + kept * self.grad
        for node in visit(self):
            for child, slope in node.made_of:
                child.grad += slope * node.grad
    return backward


def _by_distance(self):
    found, todo = {}, [self]
    for node in todo:
        if node not in found:
            found[node] = True
            todo += [child for child, _ in node.made_of]
    return found


def _as_met(self, last_first=True):
    found, todo = {}, [self]
    while todo:
        node = todo.pop()
        if node not in found:
            found[node] = True
            children = [child for child, _ in node.made_of]
            todo += children if last_first else children[::-1]
    return found


def _each_time(self):
    """Like _as_met, but a node is pushed from each time it is met, with all that it holds."""
    todo = [self]
    while todo:
        yield (node := todo.pop())
        todo += [child for child, _ in reversed(node.made_of)]


def _each_time_in_turn(self):
    """The same with a queue in place of the stack."""
    todo = [self]
    for node in todo:
        yield node
        todo += [child for child, _ in node.made_of]


def _oldest_first(self):
    return reversed(list(self.order()))


def _collected_by_path(self):
    """Right, but a node is collected once for every path that leads to it, and only then once and for all."""
    todo = [self]
    for node in todo:
        todo += [child for child, _ in node.made_of]
    _Value.backward(self)


def _lazily(visit):
    """Visit while pushing, as a recursive backward does: a node's children see what it holds at that moment."""
    def backward(self):
        self.grad = 1.0
        visit(self, set())
    return backward


def _at_once(node, seen):
    if node not in seen:
        seen.add(node)
        for child, slope in node.made_of:
            child.grad += slope * node.grad
        for child, _ in node.made_of:
            _at_once(child, seen)


def _at_once_held(node):
    for child, slope in node.made_of:
        child.grad += slope * node.grad
        _at_once_held(child)


def _assigned(self):
    self.grad = 1.0
    for node in self.order():
        for child, slope in node.made_of:
            child.grad = slope * node.grad


def _last_path(self):
    arrived = {self: 1.0}
    for node in self.order():
        node.grad += arrived[node]
        for child, slope in node.made_of:
            arrived[child] = slope * arrived[node]


def _unchained(self):
    for node in self.order():
        for child, slope in node.made_of:
            child.grad += slope


def _every_path(self):
    todo = [(self, 1.0)]
    while todo:
        node, arrived = todo.pop()
        node.grad += arrived
        todo += [(child, slope * arrived) for child, slope in node.made_of]


def _cleared_first(self):
    nodes = list(self.order())
    for node in nodes:
        node.grad = 0.0
    _Value.backward(self)


def _graph_cut(self):
    nodes = list(self.order())
    _Value.backward(self)
    for node in nodes:
        node.made_of = ()


EXPRESSIONS = {  # what is asked: how it is computed from two Values
    "a + b": lambda a, b: a + b, "a * b": lambda a, b: a * b, "a - b": lambda a, b: a - b,
    "-a + b": lambda a, b: -a + b, "a**3 * b": lambda a, b: a ** 3 * b, "a**-1 + b": lambda a, b: a ** -1 + b,
    "a**0.5 * b": lambda a, b: a ** 0.5 * b, "a / b": lambda a, b: a / b,  # a power too, and nobody wrote it as one
    "2 + a * b": lambda a, b: 2 + a * b, "a + 2 * b": lambda a, b: a + 2 * b, "a * 3 + b": lambda a, b: a * 3 + b,
    "2.5 - a * b": lambda a, b: 2.5 - a * b, "2 / a + b": lambda a, b: 2 / a + b, "a * b - 1": lambda a, b: a * b - 1,
    "a / 4 + b": lambda a, b: a / 4 + b, "a.exp() * b": lambda a, b: a.exp() * b,
    "a.log() * b": lambda a, b: a.log() * b, "(a - b).relu()": lambda a, b: (a - b).relu(),
    "(b - a).relu()": lambda a, b: (b - a).relu(), "((a * b).exp() + 1).log()": lambda a, b: ((a * b).exp() + 1).log(),
    "a * a": lambda a, b: a * a, "a + a": lambda a, b: a + a, "c = a * b; c + c * a": lambda a, b: (c := a * b) + c * a,
    "c = a * b; c * a + c": lambda a, b: (c := a * b) * a + c,
    "c = a + b; d = c * c; d * c": lambda a, b: (c := a + b) * c * c,
    "c = a * b; d = c.exp(); (d + c) * (c + d)": lambda a, b: ((d := (c := a * b).exp()) + c) * (c + d),
}
SHARED = [name for name in EXPRESSIONS if name.startswith("c =") or name in ("a * a", "a + a")]
SINGLE = [name for name in EXPRESSIONS if name not in SHARED]
OURS = ("a + b", "a * b", "a - b")  # nothing in these is the learner's, except backward


def expressions(names):
    """A case for each: the expression by name and where to evaluate it, a < b and both above 0."""
    def cases(g):
        draw = lambda low, high: low + (high - low) * torch.rand((), generator=g).item()
        return [{"expression": name, "a": draw(0.5, 1.0), "b": draw(1.2, 2.0)} for name in names]
    return cases


def at_zero(g):
    """A power where the number is 0: it has a slope there, and nothing can be divided by that number."""
    return [{**case, "a": 0.0} for case in expressions(["a**3 * b"])(g)]


def told_value(case):
    """The expression and where it was evaluated."""
    return f"{case['expression']} with a = Value({case['a']:.4f}), b = Value({case['b']:.4f})"


def number(thing):
    """A plain number as a float; anything else by its type."""
    return float(thing) if isinstance(thing, (int, float)) else {"$type": f"{type(thing).__name__}, not a plain number"}


def _unwritten(answer):
    """The names of the methods that are still holes."""
    calls = {"`**`": lambda a: a ** 2, "`relu`": lambda a: a.relu(), "`exp`": lambda a: a.exp(),
             "`log`": lambda a: a.log(), "`backward`": lambda a: (a + a).backward()}
    found = []
    for name, call in calls.items():
        try:
            call(answer(1.0))
        except NotImplementedError:
            found.append(name)
        except Exception:  # written, and wrong in some other way
            pass
    return found, len(found) == len(calls)


STILL_HOLES = "still to be written: "


def naming_holes(observe):
    """Observe; where some methods are written and one of the others was called, say which are not."""
    @functools.wraps(observe)
    def named(answer, **case):
        try:
            return observe(answer, **case)
        except NotImplementedError as error:
            names, all_of_them = _unwritten(answer)
            if str(error) or all_of_them or not names:
                raise
            raise NotImplementedError(STILL_HOLES + ", ".join(names)) from error
    return named


@naming_holes
def computed(answer, expression, a, b):
    """The value of an expression, and of what class the result is."""
    result = EXPRESSIONS[expression](answer(a), answer(b))
    return {"data": number(result.data), "the result is a Value": not isinstance(answer, type)
            or isinstance(result, answer)}


@naming_holes
def differentiated(answer, expression, a, b):
    """The slopes for a and b."""
    a, b = answer(a), answer(b)
    EXPRESSIONS[expression](a, b).backward()
    return {"a.grad": number(a.grad), "b.grad": number(b.grad)}


@naming_holes
def again(answer, a, b, how):
    """.grad after two calls of backward: on one result with all set to 0 in between, or on two results."""
    a, b = answer(a), answer(b)
    product = a * b
    total = product + a
    total.backward()
    if how == HOW[2]:
        (product * b).backward()
    elif how == HOW[0]:
        for node in (a, b, product, total):
            node.grad = 0.0
        total.backward()
    else:
        (b * b * a).backward()
    return {"a.grad": number(a.grad), "b.grad": number(b.grad)}


@naming_holes
def chained(answer, length, factor):
    """The slope through a long chain of products, as a share of what it is; the length is for answers not ours."""
    if getattr(answer, "__module__", "") == __name__:  # by name: the class itself would be sent into the sandbox
        length = 100
    first = node = answer(1.0)
    for _ in range(length):
        node = node * factor
    node.backward()
    return {"slope, as a share of the true one": number(first.grad / factor ** length)}


HOW = ("twice, all .grad set to 0 in between", "on two results that share a and b",
       "on two results that share a * b, nothing cleared in between")


class _Counting(float):
    """A number that counts how often it is multiplied with."""

    count = 0

    def __mul__(self, other):
        _Counting.count += 1
        return float(self) * float(other)

    __rmul__ = __mul__


class _Stopped(BaseException):
    """Raised in an answer that has looked at its nodes too often; no `except Exception` of the learner's holds it."""


@contextlib.contextmanager
def _looked_at(nodes, times):
    """Raise _Stopped in here when the attributes of this class's nodes have been read more than so many times."""
    looks = 0

    def counted(node, name):
        nonlocal looks
        looks += 1
        if looks > times:
            raise _Stopped
        return before(node, name)

    before, own = nodes.__getattribute__, "__getattribute__" in vars(nodes)
    nodes.__getattribute__ = counted
    try:
        yield
    finally:
        if own:
            nodes.__getattribute__ = before
        else:
            del nodes.__getattribute__


@naming_holes
def doubled(answer, levels):
    """The slope through levels that each use the one below twice, and whether that took a walk down every path.

    An answer that takes one is stopped on its way: with 20 levels there are a million.
    """
    one, first = answer(_Counting(1.0)), answer(1.0)
    node = first
    for _ in range(levels):
        node = node * one + node * one
    _Counting.count, slope = 0, {}
    with contextlib.suppress(_Stopped), _looked_at(type(node), 2000 * levels):
        node.backward()
        slope = {"slope": number(first.grad)}
    return {"each node passes on a few times at most": _Counting.count < 30 * levels,
            "each node is looked at a few times at most": bool(slope), **slope}


def _no_tuple(finding, seen, case):
    """Was a tuple expected where a single number or node stands?"""
    raised = seen.get("raised", {"type": "", "text": ""})
    return raised["type"] == "TypeError" and any(words in raised["text"] for words in (
        "object is not iterable", "object is not subscriptable", "has no len()"))


def _number_asked(seen):
    """Was something asked of a number that only a Value has?"""
    raised = seen.get("raised", {"type": "", "text": ""})
    return raised["type"] == "AttributeError" and raised["text"].startswith(("'int' object", "'float' object"))


def _number_met(finding, seen, case):
    """Was a number asked for what it was made of, or the like, on the way down?"""
    return _number_asked(seen) and not any(f"'{name}'" in seen["raised"]["text"] for name in (
        "data", "relu", "exp", "log", "backward"))


def _lost(finding, seen, case):
    """Has less arrived at an input than all paths bring? Where a node is used twice every slope is above 0."""
    where = case.get("expression", "")
    return finding.kind == "value" and (finding.got < finding.expected if where in SHARED else
                                        finding.got == 0 and where in OURS)


def _gained(finding, seen, case):
    """Has more arrived at an input than all paths bring?"""
    return finding.kind == "value" and case.get("expression") in SHARED and finding.got > finding.expected


class _PlainPython(Check):
    """A check of an answer in plain Python: the whole of torch is off limits, under whatever name its code uses."""

    def _off_limits_called(self, observations):
        found = set(super()._off_limits_called(observations))
        with_source = ast.walk(ast.parse(observations["source"])) if observations["source"] else []
        for node in with_source:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "torch":
                found.add(node.attr)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                found |= {"tensors" for name in names if name.split(".")[0] == "torch"}
        return sorted(found)


ASSIGNS = ("A node that is used twice keeps only one of its slopes: the second overwrote the first, or was dropped. "
           "Contributions from different paths add up.")
ORDER = ("A node passed its gradient on before all of it had arrived. Every node that was made from it must be done "
         "first, and the order in which nodes are met does not see to that: go from the youngest to the oldest.")
TWICE = ("A node that is used twice passed on all that it held each time it was met, so some of it was counted twice. "
         "Let each node pass on its gradient once, when all of it has arrived.")

Value = _PlainPython(
    "Value", "Value(data)", _Value,
    [Part("values", 0.25, "every operator gives the right .data, numbers on either side included",
          expressions(SINGLE), computed, shows=told_value),
     Part("slopes", 0.35, "backward() leaves in .grad the slope of the result for each input",
          lambda g: expressions(SINGLE)(g) + at_zero(g), differentiated, shows=told_value),
     Part("shared", 0.2, "what is used several times gets the sum over all its uses",
          expressions(SHARED), differentiated,
          shows=told_value),
     Part("again", 0.1, "backward() adds to .grad, and after clearing it gives the same again",
          lambda g: [{**case, "how": how} for how in HOW for case in [
              {name: value for name, value in expressions(["a + b"])(g)[0].items() if name != "expression"}]], again,
          shows=lambda case: f"a * b + a, backward() {case['how']}"),
     Part("paths", 0.05, "many paths through few nodes take no longer", lambda g: [{"levels": 20}], doubled,
          shows=lambda case: "x * 1 + x * 1 twenty times over: a million paths"),
     Part("deep", 0.05, "a chain of 10 000 nodes is no problem", lambda g: [{"length": 10_000, "factor": 1.0001}],
          chained, shows=lambda case: "x * 1.0001 * 1.0001 * …, 10 000 times")],
    [Mistake("value-part-unwritten", "Some of it stands. What is named below still says `raise NotImplementedError()`.",
             shows=lambda finding, seen, case: seen.get("raised", {}).get("text", "").startswith(STILL_HOLES)),
     Mistake("value-recursion", "Python's stack ran over: `backward` calls itself for every node on the way down, and "
             "Python allows about a thousand calls inside each other. Keep a list of nodes still to visit, and loop.",
             shows=lambda finding, seen, case: seen.get("raised", {}).get("type") == "RecursionError"),
     Mistake("value-number-among-parents", "A plain number stands among the parents. Only nodes belong there, one for "
             "each slope: the exponent is a plain number, and nobody asks for its slope.", shows=_number_met),
     Mistake("value-assigns", ASSIGNS, [value_class(backward=_assigned), value_class(backward=_last_path)]),
     Mistake("value-oldest-first", "The nodes are in order, but from the oldest on, so each passes on before anything "
             "has arrived. Begin with the youngest, which is the result.",
             [value_class(base, backward=_backward(_oldest_first)) for base in (_Value, _Direct)]),
     Mistake("value-order", ORDER,
             [value_class(backward=_backward(_by_distance)), value_class(backward=_backward(_as_met)),
              value_class(backward=_backward(lambda self: _as_met(self, False))),
              value_class(backward=_lazily(_at_once))]),
     Mistake("value-passed-twice", TWICE,
             [value_class(backward=_backward(_each_time)), value_class(backward=_backward(_each_time_in_turn)),
              value_class(backward=lambda self: (setattr(self, "grad", 1.0), _at_once_held(self)))]),
     Mistake("value-not-seeded", "All slopes are 0. The slope of the result for itself is 1: something has to start "
             "the chain of products. Or the oldest nodes came first, before anything had arrived, or nothing was ever "
             "written into .grad.",
             shows=lambda finding, seen, case: case.get("expression") == "a + b" and finding.path == ("a.grad",)
             and finding.got == 0 == seen["seen"].get("b.grad")),
     Mistake("value-not-chained", "Each node got its own slope, but it was not multiplied with the gradient that "
             "arrives from above. That product is the chain rule.",
             [value_class(base, backward=_unchained) for base in (_Value, _Direct)]),
     Mistake("value-clears", "backward() sets .grad to 0 before it starts. It should add: a node may serve several "
             "results, and whoever calls decides when to clear.", value_class(backward=_cleared_first)),
     Mistake("value-every-path", "The slopes are right, but every path is walked on its own, and each sum of a node "
             "with itself doubles their number: 30 of them would take forever. Let each node pass on once, when all "
             "of it has arrived.", value_class(backward=_every_path)),
     Mistake("value-every-path-collected", "The slopes are right, but a node is looked up again for every path that "
             "leads to it, and each sum of a node with itself doubles their number: 30 of them would take forever. "
             "Note which nodes you have met, and go on from each of them once.",
             value_class(backward=_collected_by_path)),
     Mistake("value-old-passed-on", "A .grad that an earlier backward() had left in an inner node was passed on again. "
             "Keep what arrives in this pass apart from .grad, and add it there.",
             [value_class(backward=_backward(_Value.order)), value_class(backward=_backward(_Value.order, 1.0))]),
     Mistake("value-graph-gone", "The second backward() finds nothing below: the first one forgot what the result was "
             "made of.", value_class(backward=_graph_cut)),
     Mistake("value-product-slope", "The slope of a·b for a came out as a. Nudge a a little: by how many times that "
             "nudge does the product move?", [_slope("__mul__", lambda a, b: (a, b), base)
             for base in (_Value, _Direct)]),
     Mistake("value-power-slope", "The slope of a power is off: what is the derivative of xⁿ? Check both the factor "
             "and the exponent.", [_slope("__pow__", form, base) for base in (_Value, _Direct) for form in (
                 lambda a, n: (n * a ** n,), lambda a, n: (a ** (n - 1),), lambda a, n: ((n - 1) * a ** (n - 1),),
                 lambda a, n: (n * a,))]),
     Mistake("value-power-brackets", "Python raises to a power before it subtracts: power * x ** power - 1 takes the 1 "
             "off at the very end. The lower exponent needs brackets.",
             [_slope("__pow__", lambda a, n: (n * a ** n - 1,), base) for base in (_Value, _Direct)]),
     Mistake("value-power-at-zero", "Where the number is 0, a division by it fails, yet its powers have a slope there. "
             "Lower the exponent; do not divide.",
             shows=lambda finding, seen, case: case.get("a") == 0
             and seen.get("raised", {}).get("type") == "ZeroDivisionError"),
     Mistake("value-exp-slope", "The slope of exp came out as something else than exp itself, which is its own "
             "derivative.", [_slope("exp", lambda a: (a,)), _slope("exp", lambda a: (1.0,)),
                             _slope("exp", lambda a: (a * math.exp(a - 1),))]),
     Mistake("value-log-slope", "The slope of log is off: nudge x by a little, how far does log x move?",
             [_slope("log", lambda a: (math.log(a),)), _slope("log", lambda a: (a,)),
              _slope("log", lambda a: (1 / math.log(a),)), _slope("log", lambda a: (1.0,))]),
     Mistake("value-relu-slope", "ReLU lets the gradient through, whole, where its input is above 0, and stops it "
             "elsewhere. This does something else.",
             [_slope("relu", lambda a: (1.0,)), _slope("relu", lambda a: (max(0.0, a),)),
              _slope("relu", lambda a: (float(a < 0),)), _slope("relu", lambda a: (0.0,))]),
     Mistake("value-minus-slope", "In a − b the slope for b is −1: raising b lowers the result.",
             _slope("__sub__", lambda a, b: (1.0, 1.0))),
     Mistake("value-quotient-slope", "The slope of a / b for b is off: b stands in the denominator, so raising it "
             "lowers the result. a / b is a · b⁻¹.", [_slope("__truediv__", form) for form in (
                 lambda a, b: (1 / b, a / b ** 2), lambda a, b: (1 / b, -1 / b ** 2), lambda a, b: (1 / b, 1 / b),
                 lambda a, b: (1 / b, a))]),
     Mistake("value-reflected", "With a number on the left, as in 2 − a or 2 / a, the operands came out swapped. "
             "Python calls a.__rsub__(2) there: a is the one on the right.",
             [value_class(__rsub__=_Value.__sub__), value_class(__rtruediv__=_Value.__truediv__),
              value_class(__rsub__=_Value.__sub__, __rtruediv__=_Value.__truediv__)]),
     Mistake("value-no-reflected", "A number on the left is not understood: Python asks the Value with the reflected "
             "method, as `__radd__`, `__rsub__` or `__rtruediv__`.",
             shows=lambda finding, seen, case: "unsupported operand" in (text := seen.get("raised", {}).get("text", ""))
             and ("'int' and '" in text or "'float' and '" in text)),
     Mistake("value-plain-number", "A plain number is no Value and has no .data: wrap it first, as in a + 2.",
             shows=lambda finding, seen, case: _number_asked(seen) and seen["raised"]["line"] is not None),
     Mistake("value-not-a-value", "The result of an operation is a plain number, which has no .data and cannot go "
             "backward. Each operation gives a new Value.",
             shows=lambda finding, seen, case: _number_asked(seen) and seen["raised"]["line"] is None),
     Mistake("value-other-class", "The result is a node of another class than Value, and that class cannot go "
             "backward. Make it with `Value(…)`.",
             shows=lambda finding, seen, case: finding.path == ("the result is a Value",)),
     Mistake("value-not-tuples", "A single thing stands where a tuple was expected. Parents and slopes are tuples, "
             "also where there is one of them, and it is the comma that makes a tuple: `(self,)`.", shows=_no_tuple),
     Mistake("value-no-parents", "The result does not know what it was made of, so nothing reaches its input and the "
             "slope there stays 0. Give each new Value its parents and its slopes.",
             [value_class(**{name: _orphan(name) for name in names}) for names in (
                 ("exp",), ("log",), ("__pow__",), ("exp", "log"), ("exp", "log", "__pow__"),
                 ("relu", "exp", "log"), ("relu", "exp", "log", "__pow__"))]),
     Mistake("value-log-base", "This is a logarithm to another base. The natural one is meant: `math.log`.",
             [value_class(log=lambda self, base=base, slope=slope: self.new(math.log(self.data, base),
                                                                            (self, slope / self.data)))
              for base in (10, 2) for slope in (1.0, 1 / math.log(base))]),
     Mistake("value-relu-value", "ReLU should give 0 below 0 and x itself above.",
             [value_class(relu=lambda self: self.new(abs(self.data), (self, 1.0))),
              value_class(relu=lambda self: self.new(float(self.data > 0), (self, 0.0)))]),
     # In none of the forms above, so by its sign: every slope is right, and something is lost, or gained, on the way.
     Mistake("value-assigns", ASSIGNS,
             shows=lambda *seen: _lost(*seen) and seen[-1]["expression"] in ("a * a", "a + a")),
     Mistake("value-order", ORDER, shows=_lost), Mistake("value-passed-twice", TWICE, shows=_gained)],
    off_limits=frozenset({"tensor", "as_tensor", "scalar_tensor", "lift_fresh"}),
    instead="Plain numbers, and `math.exp` and `math.log`, are your tools.")
