"""What a learner replaced of other people's functions is put back before their answer is asked."""

import contextlib
import gc
import importlib
import sys
import threading

# Whose functions an answer may have replaced, to look better than it is.
PRISTINE = ["builtins", "math", "random", "pickle", "copyreg", "inspect", "linecache", "ast", "signal", "warnings",
            "json", "struct", "zipfile", "numpy", "numpy.lib.format", "cloudpickle.cloudpickle", "torch",
            "torch.autograd", "torch.linalg", "torch.nn.functional",
            "torch.nn.init", "torch.overrides", "torch.random", "torch.testing", "torch.utils._python_dispatch",
            "torch.autograd.graph", "dlcourse.checks.wire", "dlcourse.grading.inside",
            "dlcourse.grading.inside.session", "dlcourse.grading.inside.pristine"]
CLASSES = ["torch.Tensor", "torch.nn.Module", "torch.autograd.Function", "torch.overrides.TorchFunctionMode",
           "torch.utils._python_dispatch.TorchDispatchMode", "dlcourse.grading.inside.session.Session"]
ITSELF = {"manual_seed"}  # which torch replaces when it loads its compiler


def photograph() -> list[tuple]:
    """(owner, name, value, code) for every function, class and module that PRISTINE and CLASSES hold."""
    owners = [importlib.import_module(name) for name in PRISTINE] + _classes()
    modules = [(sys.modules, name, sys.modules[name], None) for name in PRISTINE]
    return modules + [(owner, name, value, getattr(value, "__code__", None))
                      for owner in owners for name, value in vars(owner).items()
                      if name not in ITSELF
                      and (callable(value) or isinstance(value, (type(sys), staticmethod, classmethod, property)))]


def _classes() -> list[type]:
    return [getattr(importlib.import_module(module), name)
            for module, _, name in (path.rpartition(".") for path in CLASSES)]


def put_back(pristine: list[tuple]) -> list[str]:
    """Undo what a learner replaced of other people's functions; return the names."""
    sys.settrace(None)
    sys.setprofile(None)
    threading.settrace(None)
    threading.setprofile(None)
    gc.callbacks.clear()
    replaced = []
    for owner, name, value, code in pristine:
        now = owner.get(name) if owner is sys.modules else vars(owner).get(name)
        if code is not None and value.__code__ is not code:
            value.__code__ = code
            replaced.append(name)
        if now is value:
            continue
        replaced.append(name)
        if owner is sys.modules:
            owner[name] = value
        else:
            with contextlib.suppress(AttributeError, TypeError):
                setattr(owner, name, value)
    known = {(owner, name) for owner, name, _, _ in pristine if isinstance(owner, type)}
    for owner in {owner for owner, _ in known}:
        for name in [name for name, value in vars(owner).items() if callable(value) and (owner, name) not in known]:
            delattr(owner, name)  # it hides what the class had from its bases
            replaced.append(name)
    return sorted(set(replaced))[:20]
