"""The checks of decay_groups and orthogonalize, where it matters that a parameter is a matrix."""

from functools import partial

import torch
from torch import nn

from ..core import Check, Mistake, Part
from ..telling import UNTOUCHED
from .machine import raised

# -------------------------------------------------------------------------------------------- decay_groups


class _Tied(nn.Module):
    """An embedding whose weight is also the output layer's, and a norm in between."""

    def __init__(self):
        super().__init__()
        self.embed, self.norm, self.out = nn.Embedding(5, 4), nn.LayerNorm(4), nn.Linear(4, 5)
        self.out.weight = self.embed.weight


class _Bare(nn.Module):
    """Parameters of its own, and a module two levels down."""

    def __init__(self):
        super().__init__()
        self.scale, self.mix = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3, 3))
        self.temperature = nn.Parameter(torch.tensor(1.0))
        self.inner = nn.Sequential(nn.Sequential(nn.Linear(3, 2)), nn.BatchNorm1d(2))


MODELS = {
    "Linear, LayerNorm, Linear": lambda: nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.ReLU(), nn.Linear(6, 3)),
    "Conv2d, BatchNorm2d, Conv2d, Linear": lambda: nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(8, 3)),
    "an embedding tied to the output layer": _Tied,
    "parameters of its own and nested modules": _Bare,
    "a Linear without bias": lambda: nn.Linear(3, 2, bias=False),
    "a LayerNorm alone": lambda: nn.LayerNorm(3)}


def models(*names, weight_decay=0.1):
    """One case for each of these models."""
    return lambda g: [{"model": name, "weight_decay": weight_decay} for name in names]


def grouped(answer, model, weight_decay):
    """Whose tensors are in which group, by name, and each group's decay."""
    net = MODELS[model]()
    names = {id(p): name for name, p in net.named_parameters()}
    groups = answer(net, weight_decay)
    if not isinstance(groups, (list, tuple)):
        return {"groups": groups}
    seen = {"groups": [f"group {number}" for number in range(1, len(groups) + 1)]}
    for title, group in zip(("the first group", "the second group"), groups):
        if not isinstance(group, dict):
            return {**seen, title: group}
        listed = isinstance(group["params"], (list, tuple))
        seen[f"kind of params of {title}"] = "a list" if listed else f"a {type(group['params']).__name__}"
        seen[f"params of {title}"] = ", ".join(sorted(names.get(id(p), "another tensor") for p in group["params"]))
        seen[f"weight_decay of {title}"] = group["weight_decay"]
    return seen


def _groups(model, weight_decay, decays=lambda name, p, module: p.dim() >= 2, rest=0.0, named=None):
    found = named(model) if named else [
        (name, p, model.get_submodule(name.rpartition(".")[0])) for name, p in model.named_parameters()]
    return [{"params": [p for name, p, m in found if decays(name, p, m)], "weight_decay": float(weight_decay)},
            {"params": [p for name, p, m in found if not decays(name, p, m)], "weight_decay": rest}]


def _groups_slip(**parts):
    return partial(_groups, **parts)


def _modules(model, kinds=(nn.Module,)):
    return [(name, p, m) for m in model.modules() if isinstance(m, kinds)
            for name, p in m.named_parameters(recurse=False)]


def _without_empty(model, weight_decay):
    return [group for group in _groups(model, weight_decay) if group["params"]]


def _is_norm(module):
    return "Norm" in type(module).__name__


decay_groups = Check(
    "decay_groups", "decay_groups(model, weight_decay)", _groups,
    [Part("groups", 0.5, "matrices and kernels decay, biases and norm weights do not",
          models("Linear, LayerNorm, Linear", "Conv2d, BatchNorm2d, Conv2d, Linear"), grouped),
     Part("every parameter", 0.2, "parameters of the model itself and of nested modules are sorted too",
          models("parameters of its own and nested modules", weight_decay=0.02), grouped),
     Part("shared once", 0.2, "a parameter that two layers share is listed once",
          models("an embedding tied to the output layer"), grouped),
     Part("empty groups", 0.1, "both groups are there, even if one is empty",
          models("a Linear without bias", "a LayerNorm alone"), grouped)],
    [Mistake("groups-by-name", "Whatever is not called bias decays, the weights of norms too. They are vectors; their "
             "shape tells them apart from matrices better than their name.",
             [_groups_slip(decays=lambda name, p, m: "bias" not in name),
              _groups_slip(decays=lambda name, p, m: not name.endswith("bias"))]),
     Mistake("groups-by-norm-name", "Biases and what has norm in its name were left out, but in a Sequential a norm's "
             "weight is called 1.weight. Go by the number of dimensions.",
             [_groups_slip(decays=lambda name, p, m: "bias" not in name and "norm" not in name.lower())]),
     Mistake("groups-only-norms", "Only the norms' tensors are spared. Biases should not decay either.",
             [_groups_slip(decays=lambda name, p, m: not _is_norm(m)),
              _groups_slip(decays=lambda name, p, m: p.dim() >= 2 or not _is_norm(m))]),
     Mistake("groups-swapped", "The groups are exchanged: the one that decays comes first.",
             [lambda model, weight_decay: _groups(model, weight_decay)[::-1],
              _groups_slip(decays=lambda name, p, m: p.dim() < 2)]),
     Mistake("groups-matrices-only", "Only tensors of exactly two dimensions decay. A convolution's kernel has four "
             "and should decay as well.", _groups_slip(decays=lambda name, p, m: p.dim() == 2)),
     Mistake("groups-dimension-off", "Vectors decay too: the limit is off by one. Matrices have 2 dimensions.",
             _groups_slip(decays=lambda name, p, m: p.dim() >= 1)),
     Mistake("groups-kernels-only", "Matrices do not decay: the limit is off by one. Matrices have 2 dimensions.",
             _groups_slip(decays=lambda name, p, m: p.dim() > 2)),
     Mistake("groups-all", "Everything is in the first group, so everything decays.",
             _groups_slip(decays=lambda name, p, m: True)),
     Mistake("groups-twice", "A parameter that two modules share is listed twice, and an optimizer would refuse it or "
             "step it twice. `model.named_parameters()` gives each once.",
             [_groups_slip(named=_modules), _groups_slip(named=lambda model: [
                 (name, p, None) for name, p in model.named_parameters(remove_duplicate=False)])]),
     Mistake("groups-known-layers", "Only the tensors of some kinds of layers are in the groups. The rest, such as a "
             "parameter of the model itself, would never be trained.",
             [_groups_slip(named=lambda model: list({id(p): (name, p, m) for name, p, m in _modules(
                 model, (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.Embedding))}.values())),
              _groups_slip(decays=lambda name, p, m: p.dim() >= 2 and isinstance(m, (nn.Linear, nn.Conv2d))),
              _groups_slip(decays=lambda name, p, m: p.dim() >= 2
                           and isinstance(m, (nn.Linear, nn.Conv2d, nn.Embedding)))]),
     Mistake("groups-no-convolutions", "Only the weights of linear layers decay. Convolution kernels are weights of "
             "the same kind.", _groups_slip(decays=lambda name, p, m: isinstance(m, nn.Linear) and p.dim() == 2)),
     Mistake("groups-drops-empty", "An empty group was left out. Code that reads the two groups counts on both.",
             _without_empty),
     Mistake("groups-rest-decays", "The second group has the same weight_decay as the first. It should be 0.",
             lambda model, weight_decay: _groups(model, weight_decay, rest=float(weight_decay))),
     Mistake("groups-no-zero", "A group does not say its weight_decay, and the optimizer's default would apply, which "
             "for AdamW is not 0.", shows=lambda finding, seen, case: seen.get("raised", {}).get("text") in (
                 "'weight_decay'", "weight_decay")),
     Mistake("groups-default", "`weight_decay` is not used: the first group's decay is not what was asked for.",
             [lambda model, weight_decay, fixed=fixed: _groups(model, fixed) for fixed in (0.01, 0.0, 1e-4)]),
     Mistake("groups-no-list", "`params` is no list. PyTorch's optimizers refuse a set, which has no order, and a "
             "generator can be walked through only once.",
             shows=lambda finding, seen, case: str(finding.path[0] if finding.path else "").startswith("kind of")),
     Mistake("groups-in", "`p in some_list` compares tensors with ==, entry by entry. Ask whether it is the same "
             "object, with `is` or by `id(p)`; or see whether the model lists a shared parameter twice at all.",
             shows=raised("Boolean value of Tensor", "must match the size")),
     Mistake("groups-other-tensors", "A group holds something other than the model's own parameters: names, pairs, "
             "copies, or `.data`. An optimizer needs the Parameter objects themselves.",
             shows=lambda finding, seen, case: "another tensor" in str(finding.got))])

# ------------------------------------------------------------------------------------------- orthogonalize

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def _newton_schulz(G, steps=5, coefficients=COEFFICIENTS, norm=lambda G: G.norm() + 1e-30, every=False, gram="fresh",
                   square=lambda A: A @ A):
    a, b, c = coefficients
    X = G / norm(G)
    A = X @ X.T
    for _ in range(steps):
        if gram == "fresh":
            A = X @ X.T
        X = a * X + (b * A + c * square(A)) @ X
        if every:
            X = X / (X.norm() + 1e-30)
    return X


def _ns(**parts):
    return partial(_newton_schulz, **parts)


def matrices(*shapes, scale=1.0, dtype=torch.float64, **options):
    """One case for each shape: a random matrix."""
    return lambda g: [{"G": scale * torch.randn(*shape, generator=g, dtype=dtype), **options} for shape in shapes]


def of_rank_two(g):
    """Matrices of rank 2."""
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
    return [{"G": draw(5, 2) @ draw(2, 4)}, {"G": draw(3, 2) @ draw(2, 6)}]


def zeros(g):
    """Zero matrices."""
    return [{"G": torch.zeros(3, 4, dtype=torch.float64)}, {"G": torch.zeros(4, 2)}]


def orthogonalized(answer, G, **options):
    """What comes back, and G as it is afterwards."""
    given = G.clone()
    return {"output": answer(given, **options), UNTOUCHED: given}


def _all_of(*draws):
    return lambda g: [case for draw in draws for case in draw(g)]


def _all_entrywise(G, steps=5):
    a, b, c = COEFFICIENTS
    X = G / (G.norm() + 1e-30)
    for _ in range(steps):
        X = a * X + b * X ** 3 + c * X ** 5
    return X


def _tall_as_wide(G, steps=5):
    X = _newton_schulz(G, steps)
    return X.T if G.shape[0] > G.shape[1] else X


def _in_bfloat16(finding, seen, case):
    """Is every number that came back one that bfloat16 can hold?"""
    output = seen.get("seen", {}).get("output")
    return (finding.kind == "value" and isinstance(output, torch.Tensor) and output.dtype == case["G"].dtype
            and bool(output.any()) and torch.equal(output, output.bfloat16().to(output.dtype)))


CLOSE = (1e-3, 1e-4)
orthogonalize = Check(
    "orthogonalize", "orthogonalize(G)", _newton_schulz,
    [Part("wide", 0.35, "after division by the Frobenius norm, five times aX + (bA + cA²)X with A = XXᵀ",
          _all_of(matrices((3, 5), (4, 4), scale=0.3), matrices((2, 6), scale=30.0),
                  matrices((3, 5), dtype=torch.float32)), orthogonalized, CLOSE),
     Part("tall", 0.2, "tall matrices come out tall", matrices((5, 3), (6, 1)), orthogonalized, CLOSE),
     Part("rank-deficient", 0.15, "singular values that are 0 stay 0", of_rank_two, orthogonalized, CLOSE),
     Part("steps", 0.15, "as many steps as asked for, none at all included",
          _all_of(matrices((3, 4), steps=1), matrices((4, 3), steps=3), matrices((3, 4), steps=0)), orthogonalized,
          CLOSE),
     Part("zero", 0.15, "a matrix of zeros gives zeros", zeros, orthogonalized, CLOSE)],
    [Mistake("muon-no-norm", "G was not divided by its norm first. The polynomial only tames singular values up to "
             "about 1; larger ones explode.", _ns(norm=lambda G: 1.0)),
     Mistake("muon-largest-entry", "G was divided by its largest entry. Some singular values are still above 1 then.",
             _ns(norm=lambda G: G.abs().max() + 1e-30)),
     Mistake("muon-row-norms", "Each row (or column) was divided by its own norm, which changes the singular vectors. "
             "One number for the whole matrix.", [
                 _ns(norm=lambda G, dim=dim, small=small: G.norm(dim=dim, keepdim=True) + small)
                 for dim in (0, 1) for small in (0.0, 1e-7, 1e-8, 1e-12)]),
     Mistake("muon-squared-norm", "G was divided by the square of its Frobenius norm: the root is missing.",
             _ns(norm=lambda G: G.square().sum() + 1e-30)),
     Mistake("muon-normed-every-step", "X is divided by its norm at every step; only G is, once, before the first.",
             _ns(every=True)),
     Mistake("muon-classic", "These are the classic coefficients of Newton and Schulz, (3/2, −1/2) or "
             "(15/8, −10/8, 3/8). They end closer to 1, but five steps do not lift the small singular values that far.",
             [_ns(coefficients=(1.5, -0.5, 0.0)), _ns(coefficients=(15 / 8, -10 / 8, 3 / 8))]),
     Mistake("muon-b-and-c", "b and c are exchanged: b goes with A, c with A².",
             _ns(coefficients=(3.4445, 2.0315, -4.7750))),
     Mistake("muon-sign", "A coefficient has the wrong sign: b is negative, −4.7750; a and c are positive.",
             [_ns(coefficients=(3.4445, 4.7750, 2.0315)), _ns(coefficients=(3.4445, -4.7750, -2.0315))]),
     Mistake("muon-no-fifth", "The term cA² is missing.", _ns(coefficients=(3.4445, -4.7750, 0.0))),
     Mistake("muon-no-linear", "The term aX is missing.", _ns(coefficients=(0.0, -4.7750, 2.0315))),
     Mistake("muon-old-gram", "A was computed once, from the first X. It belongs to the present X: compute it anew at "
             "each step.", _ns(gram="first")),
     Mistake("muon-entrywise", "A square was taken entry by entry. XXᵀ and A² are matrix products: `A @ A`.",
             [_ns(square=lambda A: A * A), _all_entrywise]),
     Mistake("muon-not-turned-back", "A tall matrix comes out wide: it was transposed and not turned back.",
             _tall_as_wide),
     Mistake("muon-shapes", "The shapes of a product do not fit. A = XXᵀ has as many rows as X and multiplies X from "
             "the left; XᵀX would stand on the right.", shows=raised("cannot be multiplied", "must match the size",
                                                                     "size mismatch")),
     Mistake("muon-steps-fixed", "It always makes five steps: `steps` is not used.",
             lambda G, steps=5: _newton_schulz(G, 5)),
     Mistake("muon-steps-off", "The number of steps is off by one.",
             [lambda G, steps=5: _newton_schulz(G, steps + 1),
              lambda G, steps=5: _newton_schulz(G, max(steps - 1, 0))]),
     Mistake("muon-zero", "A matrix of zeros has norm 0, and 0/0 is nan. A tiny number added to the norm prevents it.",
             _ns(norm=lambda G: G.norm())),
     Mistake("muon-half-precision", "It was computed in bfloat16, as Muon's own code does on a GPU. Here keep G's "
             "dtype.", shows=_in_bfloat16),
     Mistake("muon-scaled-back", "The norm was multiplied back in at the end. The new scale, all singular values near "
             "1, is the point.", lambda G, steps=5: _newton_schulz(G, steps) * G.norm())],
    frozenset({"svd", "linalg_svd", "svd_lowrank", "qr", "linalg_qr", "geqrf", "householder_product",
               "linalg_householder_product", "orgqr", "eigh", "linalg_eigh", "linalg_eig", "torch.optim",
               "torch.nn.init.orthogonal_", "torch.nn.utils.parametrizations.orthogonal"}),
    "Matrix products and the five steps are your tools. (A matrix norm of order 2 computes singular values too; the "
    "Frobenius norm is `G.norm()`.)")
