"""Batch norm's backward pass, by hand."""

from math import isfinite

import torch

from ..asking import normal
from ..core import Check, Mistake, Part
from .batches import both
from .shared import LOOSE, NORMS, activations, affine, raises

AUTOGRAD = frozenset({"backward", "grad", "vjp", "jvp", "jacobian", "jacrev", "jacfwd", "torch.autograd.grad",
                      "torch.autograd.backward", "torch.autograd.functional"})


def upstream(*shapes, eps=1e-5, dtype=torch.float64, scale=2.0):
    """Cases: x (N, D), the gradient that arrives, gamma and eps."""
    def cases(g):
        return [{"grad_out": normal(g, n, d, dtype=dtype) + normal(g, 1, d, dtype=dtype),
                 "x": activations(g, n, d, dtype=dtype, scale=scale), "gamma": affine(g, d, dtype=dtype)[0], "eps": eps}
                for n, d in shapes]
    return cases


def _three(found):
    if not isinstance(found, (tuple, list)):
        return {"results": found if found is None else f"one {type(found).__name__}"}
    names = ("grad_x", "grad_gamma", "grad_beta")
    return {"results": f"{len(found)} things", **(dict(zip(names, found)) if len(found) == 3 else {})}


def of_affine(answer, grad_out, x, gamma, eps):
    """What is returned for gamma and beta."""
    found = _three(answer(grad_out, x, gamma, eps))
    return {name: found[name] for name in ("results", "grad_gamma", "grad_beta") if name in found}


def of_input(answer, grad_out, x, gamma, eps):
    """What is returned for x."""
    found = _three(answer(grad_out, x, gamma, eps))
    return {name: found[name] for name in ("results", "grad_x") if name in found}


def untouched(answer, grad_out, x, gamma, eps):
    """The three tensors that were given, afterwards."""
    given = {"grad_out": grad_out.clone(), "x": x.clone(), "gamma": gamma.clone()}
    answer(*given.values(), eps)
    return {f"{name} afterwards": tensor for name, tensor in given.items()}


def constant(g):
    """A feature that is nearly the same for the whole batch."""
    case = upstream((5, 3))(g)[0]
    case["x"][:, 1] = 1 + 3e-3 * normal(g, 5)
    return [case, *upstream((4, 3), eps=0.3, scale=0.5)(g)]


def _only_in_x(finding, seen, case):
    """A mistake's `shows`: grad_x has other numbers, where eps is too small to show."""
    return (finding.path == ("grad_x",) and finding.kind == "value" and isfinite(finding.got)
            and case["eps"] < 0.1 and bool((case["x"].std(0) > 0.01).all()))


def _by_hand(dim=0, mean_term=True, variance_term=True, gamma_in=True, unbiased=False, sums=(), eps_at="inside",
             hat_for_gamma="hat", reduce_affine="sum", own_eps=None, order=(0, 1, 2), inv=True, keepdim=False,
             sign=1, mean_sign=1, half=1.0, first="hat", second="hat", averages=None,
             affine_of="grad_out", bare=(), gammas=1, root=True):
    """batch_norm_backward, with habits: see the mistakes."""
    def batch_norm_backward(grad_out, x, gamma, eps):
        eps = eps if own_eps is None else own_eps
        mean = x.mean(dim, keepdim=True)
        var = x.var(dim, correction=int(unbiased), keepdim=True)
        below = var.sqrt() + eps if eps_at == "outside" else (var + eps).sqrt()
        below = below if root is not False else var + eps
        hat = (x - mean) / below
        other = {"hat": hat, "x": x, "centred": x - mean}[hat_for_gamma]
        shrink = {"sum": lambda t: t.sum(0, keepdim=keepdim), "mean": lambda t: t.mean(0, keepdim=keepdim),
                  "features": lambda t: t.sum(1), "all": lambda t: t.sum()}[reduce_affine]
        g = grad_out * gamma if gamma_in else grad_out
        into_gamma = g if affine_of in ("g", "g for gamma") else grad_out
        grad_gamma, grad_beta = shrink(into_gamma * other), shrink(g if affine_of == "g" else grad_out)
        over = {"features": {"dim": 1, "keepdim": True}, "all": {}}.get(averages, {"dim": dim, "keepdim": True})
        average = lambda t, term: t.sum(**over) if term in sums else t.mean(**over)
        factors = {"hat": hat, "centred": x - mean, "x": x, "one": 1}
        inside = grad_out if "first" in bare else g
        if mean_term:
            inside = inside - mean_sign * average(grad_out if "mean" in bare else g, "mean")
        if variance_term:
            inside = inside - sign * half * factors[first] * average(
                (grad_out if "variance" in bare else g) * factors[second], "variance")
        grad_x = inside * gamma ** (gammas - 1) / (1 if not inv else var + eps if root == "not at last" else below)
        found = (grad_x, grad_gamma, grad_beta)
        return tuple(found[k] for k in order)
    return batch_norm_backward


_right = _by_hand()


batch_norm_backward = Check(
    "batch_norm_backward", "batch_norm_backward(grad_out, x, gamma, eps)", _right,
    [Part("gamma and beta", 0.4, "each is a sum over the batch: grad_out for beta, grad_out times the normalised x for "
          "gamma", both(upstream((5, 3), (4, 6)), upstream((6, 2), dtype=torch.float32)), of_affine, LOOSE),
     Part("x", 0.4, "x also moves the batch's mean and variance, and through them every output of its feature",
          both(upstream((5, 3), (4, 6), (2, 3)), upstream((6, 2), dtype=torch.float32)), of_input, LOOSE),
     Part("eps", 0.1, "eps stands where forward has it: under the root", constant, of_input),
     Part("untouched", 0.1, "the tensors that were given stay as they are", upstream((4, 3)), untouched)],
    [Mistake("backward-statistics-constant", "grad_x is gamma·grad_out/σ: right if the mean and the variance were "
             "constants. They depend on every x in the batch: two more terms are missing.",
             [_by_hand(mean_term=False, variance_term=False)]),
     Mistake("backward-no-mean-term", "The path through the mean is missing: raising all x of a feature together "
             "changes nothing, so grad_x must sum to 0 over the batch.", _by_hand(mean_term=False)),
     Mistake("backward-no-variance-term", "The path through the variance is missing: scaling all of a feature's "
             "deviations changes nothing, so grad_x must have no part along them.", _by_hand(variance_term=False)),
     Mistake("backward-variance-sign", "The path through the variance has the wrong sign.", _by_hand(sign=-1)),
     Mistake("backward-mean-sign", "The path through the mean has the wrong sign.", _by_hand(mean_sign=-1)),
     Mistake("backward-signs", "Both corrections are added. In the formula both are taken off.",
             _by_hand(mean_sign=-1, sign=-1)),
     Mistake("backward-variance-factor", "The path through the variance is off by a factor of 2 or ½: the derivative "
             "of (var + eps)^(−½) brings a −½, the one of a square a 2, and they cancel.",
             [_by_hand(half=0.5), _by_hand(half=2.0)]),
     Mistake("backward-sums", "The two correction terms are sums over the batch; they should be means: each x is one "
             "Nth of the mean.", _by_hand(sums=("mean", "variance"))),
     Mistake("backward-mean-term-sum", "The path through the mean is a sum over the batch. Each x is one Nth of the "
             "mean.", _by_hand(sums=("mean",))),
     Mistake("backward-variance-term-sum", "The path through the variance is a sum over the batch. Each x has a share "
             "of one Nth in the variance.", _by_hand(sums=("variance",))),
     Mistake("backward-variance-without-hat", "In the path through the variance the mean is of g alone, as in the path "
             "through the mean. How much an output answers to the variance depends on how far it lies from the mean.",
             _by_hand(second="one")),
     Mistake("backward-gamma-forgotten", "gamma is missing in grad_x, or in a part of it: on its way back the gradient "
             "passes the scaling first, on every path.",
             [_by_hand(gamma_in=False), *(_by_hand(bare=terms) for terms in (
                 ("first",), ("mean",), ("variance",), ("mean", "variance"), ("first", "mean"),
                 ("first", "variance")))]),
     Mistake("backward-gamma-squared", "gamma is in grad_x twice: g = gamma·grad_out has it already.",
             _by_hand(gammas=2)),
     Mistake("backward-no-root", "It divides by the variance. σ is its root.",
             [_by_hand(root=False), _by_hand(root="not at last")]),
     Mistake("backward-no-sigma", "grad_x is not divided by the standard deviation.", _by_hand(inv=False)),
     Mistake("backward-raw-x", "grad_gamma is the sum of grad_out · x. What gamma multiplies in forward is the "
             "*normalised* x.", _by_hand(hat_for_gamma="x")),
     Mistake("backward-only-centred", "grad_gamma uses x with the mean taken off, but not divided by the standard "
             "deviation.", _by_hand(hat_for_gamma="centred")),
     Mistake("backward-gamma-twice", "grad_gamma or grad_beta is multiplied by gamma. Each is a sum of grad_out, not "
             "of g = gamma·grad_out: the derivative of gamma·x̂ + beta with respect to gamma is x̂.",
             [_by_hand(affine_of="g for gamma"), _by_hand(affine_of="g")]),
     Mistake("backward-averages-axis", "The statistics are right, but in grad_x the two means of gradients are taken "
             "over another axis. They are over the batch, one for each feature.",
             [_by_hand(averages="features"), _by_hand(averages="all")]),
     Mistake("backward-mean-for-affine", "grad_gamma and grad_beta are means over the batch. gamma takes part in every "
             "sample's output, and its gradients add up.", _by_hand(reduce_affine="mean")),
     Mistake("backward-keepdim", "grad_gamma and grad_beta have shape (1, D); gamma has (D,).", _by_hand(keepdim=True)),
     Mistake("backward-per-sample", "grad_gamma and grad_beta are summed over the features. There is one for each "
             "feature: sum over the batch.", _by_hand(reduce_affine="features")),
     Mistake("backward-summed-over-all", "grad_gamma and grad_beta are single numbers. There is one for each feature: "
             "sum over the batch alone.", _by_hand(reduce_affine="all")),
     Mistake("backward-not-summed", "grad_gamma and grad_beta still have an entry for each sample. Sum over the batch.",
             lambda grad_out, x, gamma, eps: (_right(grad_out, x, gamma, eps)[0], grad_out * (
                 x - x.mean(0)) / (x.var(0, correction=0) + eps).sqrt(), grad_out)),
     Mistake("backward-order", "The right gradients, in another order. Asked for is grad_x, grad_gamma, grad_beta.",
             [_by_hand(order=(0, 2, 1)), _by_hand(order=(2, 1, 0)), _by_hand(order=(1, 2, 0)),
              _by_hand(order=(1, 0, 2)), _by_hand(order=(2, 0, 1))]),
     Mistake("backward-unbiased", "The variance is divided by N − 1. Forward divides by N.", _by_hand(unbiased=True)),
     Mistake("backward-over-features", "The statistics were taken over the features of each sample. Batch norm takes "
             "each feature over the batch.", _by_hand(dim=1)),
     Mistake("backward-eps-ignored", "eps is not used.", _by_hand(own_eps=0.0)),
     Mistake("backward-eps-fixed", "eps is 1e-5 whatever was asked for.", _by_hand(own_eps=1e-5)),
     Mistake("backward-eps-outside", "eps is added to the standard deviation; forward has it under the root.",
             _by_hand(eps_at="outside")),
     Mistake("backward-not-normalised", "In the path through the variance x or x − μ stands in place of x̂. Both "
             "factors there are the normalised one.", [_by_hand(first=first, second=second) for first, second in (
                 ("hat", "centred"), ("centred", "hat"), ("centred", "centred"), ("hat", "x"), ("x", "hat"),
                 ("x", "x"))]),
     Mistake("backward-x-otherwise", "grad_gamma and grad_beta hold, grad_x does not. Try it: it must sum to 0 over "
             "the batch, and so must, nearly, grad_x · x̂. Where the first fails look at A, where the second does, at "
             "B.",
             shows=_only_in_x),
     Mistake("backward-how-many", "Three tensors were asked for: grad_x, grad_gamma and grad_beta.",
             shows=lambda finding, seen, case: finding.path[:1] == ("results",) and finding.kind
             == "value"),
     Mistake("backward-shapes", "The shapes do not fit. grad_out and x are (N, D); gamma and the statistics over the "
             "batch have D entries.", shows=raises("must match the size"))],
    AUTOGRAD | NORMS, "Work the derivative out on paper: sums, means and arithmetic are your tools.")
