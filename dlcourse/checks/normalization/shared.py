"""What the checks of lesson 07 share: what is off limits, random cases, and how a layer is built and loaded."""

import torch
from torch import nn

from ..asking import normal
from ..core import Mistake
from ..watching import gradient

NORMS = frozenset(
    "batch_norm layer_norm group_norm instance_norm rms_norm local_response_norm "
    "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d "
    "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d "
    "CrossMapLRN2d native_batch_norm native_layer_norm native_group_norm native_batch_norm_backward "
    "native_layer_norm_backward native_group_norm_backward cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit "
    "_batch_norm_impl_index _batch_norm_with_update _fused_rms_norm batch_norm_stats batch_norm_elemt".split())
TOOLS = "`mean`, `var`, `var_mean`, `sqrt`, `rsqrt`, `view`, `unflatten` and arithmetic are your tools."
LOOSE = (1e-4, 1e-5)  # where an eps of 1e-5 does not show: it has a part of its own


def activations(g, *shape, dtype=torch.float64, scale=2.0, axis=1):
    """Numbers with a mean and a scale of their own for each index along `axis`."""
    along = [1] * len(shape)
    along[axis] = shape[axis]
    spread = scale * (0.5 + torch.rand(*along, generator=g, dtype=dtype))
    return spread * (normal(g, *shape, dtype=dtype) + 1.5 * normal(g, *along, dtype=dtype))


def affine(g, *shape, dtype=torch.float64):
    """A weight away from 1 and a bias away from 0."""
    sign = 1 - 2 * torch.randint(2, shape, generator=g).to(dtype)
    return sign * (0.5 + torch.rand(*shape, generator=g, dtype=dtype)), 1 + normal(g, *shape, dtype=dtype)


def raises(*words, where=lambda case: True):
    """A mistake's `shows`: the answer raised an error with one of these words in it, where `where(case)`."""
    return lambda finding, seen, case: "raised" in seen and where(case) and any(
        word in f"{seen['raised']['type']}: {seen['raised']['text']}" for word in words)


def no_slope(*names):
    """A mistake's `shows`: no gradient arrives at one of these."""
    return lambda finding, seen, case: finding.kind == "none" and finding.path in [
        (f"gradient of {name}",) for name in names]


def looked_at(*steps):
    """A mistake's `shows`: the first difference is at this path, or below it."""
    return lambda finding, seen, case: finding.path[:len(steps)] == steps


# How a layer is built and loaded.

def as_made(layer, names, dtype):
    """What a layer's tensors hold before anything has happened."""
    return {f"{name} of a new layer": getattr(layer, name).detach().to(dtype).clone() for name in names}


def built(answer, arguments, tensors, options=None, training=True):
    """A layer with these tensors in it, or None; and a report on what it keeps them as.

    tensors: {name: tensor or None}; None leaves what is there. The layer takes the dtype of the tensors given.
    """
    layer = answer(*arguments, **(options or {}))
    if not isinstance(layer, nn.Module):
        return None, {"the layer": {"$type": type(layer).__name__}}
    dtype = next((t.dtype for t in tensors.values() if t is not None), torch.float64)
    layer = layer.to(dtype).train(training)
    report = {name: _kept_as(layer, name, tensor) for name, tensor in tensors.items()}
    wanted = {name: _wanted(name, tensor) for name, tensor in tensors.items()}
    if report != wanted:
        return None, {"kept as": report}
    with torch.no_grad():
        for name, tensor in tensors.items():
            if tensor is not None:
                getattr(layer, name).copy_(tensor)
    return layer, {"kept as": report}


def _wanted(name, tensor):
    kind = "a buffer" if name.startswith("running") else "a parameter"
    return kind if tensor is None else f"{kind} of shape {tuple(tensor.shape)}"


def _kept_as(layer, name, tensor):
    found = getattr(layer, name, None)
    if found is None:
        return "nothing"
    kind = "a parameter" if name in layer._parameters else "a buffer" if name in layer._buffers else "an attribute"
    return kind if tensor is None or not isinstance(found, torch.Tensor) else f"{kind} of shape {tuple(found.shape)}"


def with_slopes(answer, x, weights, arguments, tensors, options=None):
    """What a layer gives for x in training mode, and the gradients of sum(weights·output)."""
    layer, report = built(answer, arguments, tensors, options)
    if layer is None:
        return report
    leaf = x.clone().requires_grad_()
    output = layer(leaf.clone())
    leaves = {"x": leaf, **{name: getattr(layer, name) for name in tensors if not name.startswith("running")}}
    found = gradient(output, list(leaves.values()), weights) or [None] * len(leaves)
    return {**report, "output": output, **{f"gradient of {name}": grad for name, grad in zip(leaves, found)}}


def naming(*names):
    """The mistakes in what a layer calls its tensors and how it keeps them."""
    listed = ", ".join(f"`{name}`" for name in names)

    def kept(word, of=""):
        return lambda finding, seen, case: (finding.path[:1] == ("kept as",) and isinstance(finding.got, str)
                                            and finding.got.startswith(word) and str(finding.path[-1]).startswith(of))

    def shape(finding, seen, case):
        return (finding.path[:1] == ("kept as",) and isinstance(finding.got, str)
                and finding.got.split(" of ")[0] == finding.expected.split(" of ")[0])

    return [
        Mistake("layer-not-a-module", "The layer is no `nn.Module`, so it has neither a mode nor parameters that an "
                "optimizer could find. Let the class derive from `nn.Module`.", shows=looked_at("the layer")),
        Mistake("layer-super-missing", "`super().__init__()` has to come first in `__init__`: it makes the places "
                "where a module keeps its parameters and buffers.",
                shows=raises("Module.__init__() call", "has no attribute '_parameters'", "has no attribute '_buffers'",
                             "has no attribute '_modules'", "has no attribute 'training'")),
        Mistake("layer-names", "Nothing by that name is in the layer. Its tensors are called "
                f"{listed}, and `__init__` makes them: the checks load numbers by these names, and so does "
                "`load_state_dict`.", shows=kept("nothing")),
        Mistake("layer-plain-attribute", "A plain tensor as an attribute is neither saved with the layer, nor moved by "
                "`.to(…)`, nor trained. What is trained is an `nn.Parameter`; what is only kept is registered with "
                "`self.register_buffer(name, tensor)`.", shows=kept("an attribute")),
        Mistake("layer-statistics-are-parameters", "The running statistics are parameters here, so that an optimizer "
                "would change them. They are counted, not trained: `self.register_buffer(name, tensor)`.",
                shows=kept("a parameter", "running")) if "running_var" in names else None,
        Mistake("layer-affine-is-a-buffer", "The scale or the shift is a buffer here. They are trained, so they must "
                "be an `nn.Parameter`.", shows=lambda finding, seen, case: kept("a buffer")(finding, seen, case)
                and finding.expected.startswith("a parameter")),
        Mistake("layer-starts-wrong", "A new layer starts with numbers of its own here. `weight` starts at 1"
                + (", `bias` at 0" if "bias" in names else "")
                + (", the running mean at 0 and the running variance at 1" if "running_var" in names else "") + ".",
                shows=lambda finding, seen, case: finding.kind == "value"
                and "of a new layer" in str(finding.path[:1])),
        Mistake("layer-affine-detached", "No gradient reaches the layer's parameters, so they will never be trained: "
                "`.data`, `.detach()` or `no_grad` cut them off.", shows=no_slope("weight", "bias")),
        Mistake("layer-shape", "The layer's tensors have another shape than was asked for: there is one entry for each "
                "index of the axes that the docstring names.", shows=shape)]


def named(*names):
    """`naming`, without the ones that do not apply."""
    return [mistake for mistake in naming(*names) if mistake]
