"""Losses between what was said and what is so: squared error, cross-entropy and its kin."""

import math

import torch
from torch.nn import functional as F

from ..comparing import Finding
from ..core import Check, Mistake, Part
from .looking import DOUBLE, SINGLE, both, draw, sloped, valued

# ----------------------------------------------------------------------------------------------------- mse

PAIR = ("pred", "target")


def _mse(pred, target):
    if pred.shape != target.shape:
        raise ValueError(f"pred is {tuple(pred.shape)}, target is {tuple(target.shape)}")
    return (pred - target).square().mean()


def pairs(g):
    """Predictions and targets of one shape."""
    cases = [((7,), DOUBLE), ((3, 5), DOUBLE), ((2, 3, 4), DOUBLE), ((4, 3), SINGLE)]
    return [{"pred": draw(g, *shape, dtype=dtype, scale=2.0), "target": draw(g, *shape, dtype=dtype)}
            for shape, dtype in cases]


def refusal(answer, pred, target):
    """Whether the answer raises; what it raises for shapes that agree, too, is no refusal and goes its way."""
    answer(pred, pred.clone())
    try:
        return {"raises": False, "gave": answer(pred, target)}
    except NotImplementedError:
        raise
    except Exception:  # any type will do
        return {"raises": True, "gave": "nothing"}


def _agrees_to_refuse(case, seen, expected):
    if isinstance(seen, dict) and seen.get("raises") is True:
        return None
    gave = seen.get("gave") if isinstance(seen, dict) else None
    return Finding(("what came back",), "value", gave.item() if isinstance(gave, torch.Tensor) and gave.numel() == 1
                   else "an answer", "an error that names the two shapes")


def mismatched(g):
    """Shapes that broadcasting would quietly accept."""
    return [{"pred": draw(g, *p), "target": draw(g, *t)} for p, t in
            [((5,), (5, 1)), ((5, 1), (5,)), ((3, 4), (4,)), ((3, 4), (1, 4))]]


def _mse_without(check):
    def answer(pred, target):
        if check(pred, target):
            raise ValueError
        return (pred - target).square().mean()
    return answer


def _checked(f):
    """f behind the check of shapes, as somebody has it who got only f wrong."""
    def answer(pred, target):
        _mse(pred, target)
        return f(pred, target)
    return answer


def _twice(f):
    return [f, _checked(f)]


mse = Check(
    "mse", "mse(pred, target)", _mse,
    [Part("values", 0.4, "the mean of (pred − target)² over every entry", pairs, valued(*PAIR)),
     Part("gradient", 0.25, "the gradient is 2(pred − target) over the number of entries", pairs, sloped(*PAIR)),
     Part("shapes", 0.35, "shapes that differ raise an error instead of broadcasting", mismatched, refusal,
          agrees=_agrees_to_refuse)],
    [Mistake("mse-broadcasts", "Shapes that differ were broadcast: (N,) against (N, 1) makes a table of N × N "
             "differences, and its mean is a number that looks like a loss. Training then pulls every prediction to "
             "the mean. Refuse such shapes.",
             [lambda pred, target: (pred - target).square().mean(),
              _mse_without(lambda p, t: len(p) != len(t)), _mse_without(lambda p, t: p.numel() != t.numel()),
              _mse_without(lambda p, t: p.dim() != t.dim())]),
     Mistake("mse-reshaped", "The target was reshaped to fit. That repairs (N,) against (N, 1), and hides the mistake "
             "that made them differ: here it should be an error.",
             [lambda p, t: (p - t.reshape(p.shape)).square().mean(),
              lambda p, t: (p.flatten() - t.flatten()).square().mean(),
              lambda p, t: (p.squeeze() - t.squeeze()).square().mean()]),
     Mistake("mse-sum", "This is the sum of the squares. The mean does not grow with the batch.",
             _twice(lambda p, t: (p - t).square().sum())),
     Mistake("mse-half", "There is a ½ in front. Some textbooks put it there to tidy the derivative; here there is "
             "none.", _twice(lambda p, t: (p - t).square().mean() / 2)),
     Mistake("mse-root", "This is the root of the mean square, RMSE.",
             _twice(lambda p, t: (p - t).square().mean().sqrt())),
     Mistake("mse-absolute", "This is the mean absolute error: the differences were not squared.",
             _twice(lambda p, t: (p - t).abs().mean())),
     Mistake("mse-not-squared", "The differences were averaged without a square, so those of opposite sign cancel.",
             _twice(lambda p, t: (p - t).mean())),
     Mistake("mse-square-of-mean", "This is the square of the mean difference; the mean of the squares is asked for.",
             _twice(lambda p, t: (p - t).mean().square())),
     Mistake("mse-no-mean", "These are the squares, one for each entry. One number was asked for.",
             _twice(lambda p, t: (p - t).square())),
     Mistake("mse-per-sample", "The sum was divided by the length of the first axis only. The mean is over every "
             "entry.", _twice(lambda p, t: (p - t).square().sum() / len(p))),
     Mistake("mse-difference-of-squares", "This is pred² − target². The difference comes first, then the square.",
             _twice(lambda p, t: (p ** 2 - t ** 2).mean())),
     Mistake("mse-one-axis", "Only one axis was averaged, and several numbers came back.",
             [*_twice(lambda p, t: (p - t).square().mean(0)), *_twice(lambda p, t: (p - t).square().mean(-1))])],
    frozenset({"mse_loss"}), "Arithmetic, `square`, `mean` and the tensors' `shape` are your tools.")

# ------------------------------------------------------------------------------------------- cross_entropy

LABELLED = ("logits", "target")


def labelled(g, shapes=((5, 3), (4, 6), (7, 2), (1, 4)), dtype=DOUBLE, scale=2.0, **options):
    """Logits and classes; the second case has no sample of the last two classes."""
    return [{"logits": draw(g, n, c, dtype=dtype, scale=scale),
             "target": torch.randint(c - 2 if number == 1 else c, (n,), generator=g), **options}
            for number, (n, c) in enumerate(shapes)]


def mixed(g, **options):
    """Ordinary logits in float64, and one batch in float32."""
    return labelled(g, **options) + labelled(g, ((6, 3),), SINGLE, **options)


def far(g, **options):
    """Logits of ±1e4, targets on the winning and on the losing side."""
    logits = torch.tensor([[1e4, 0, -1e4], [-1e4, -1e4 + 1, -1e4], [0, 5.0, 1e4], [1.0, 2.0, 0]], dtype=DOUBLE)
    return [{"logits": logits, "target": torch.tensor([0, 1, 0, 2]), **options},
            {"logits": logits.float() / 100, "target": torch.tensor([2, 0, 2, 1]), **options}]


def _picked(table, target):
    return table.gather(1, target[:, None])[:, 0]


def _logp(logits, target):
    return _picked(logits.log_softmax(1), target)


EPSILONS = (1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)

cross_entropy = Check(
    "cross_entropy", "cross_entropy(logits, target)", F.cross_entropy,
    [Part("values", 0.4, "the mean over the batch of −log p of the right class", mixed, valued(*LABELLED)),
     Part("gradient", 0.3, "the gradient with respect to the logits is (p − y)/N", mixed, sloped(*LABELLED)),
     Part("extremes", 0.3, "logits of ±10 000 give finite, right values and gradients", far, both(*LABELLED),
          rounding=(1e-5, 2e-3))],
    [Mistake("ce-overflow", "e to the 10 000 is inf. Adding a constant to all logits of a row changes nothing: which "
             "constant makes `exp` safe?",
             [lambda x, y: -(_picked(x, y) - x.exp().sum(1).log()).mean(),
              lambda x, y: -_picked((e := x.exp()) / e.sum(1, keepdim=True), y).log().mean()]),
     Mistake("ce-log-of-softmax", "This is log(softmax(x)): where the softmax underflows to 0 its log is −inf. Work "
             "with the logarithm of the quotient, written out.",
             [lambda x, y: -_picked(x.softmax(1), y).log().mean(), lambda x, y: -_picked(x.softmax(1).log(), y).mean(),
              lambda x, y: -(F.one_hot(y, x.shape[1]) * x.softmax(1).log()).sum(1).mean()]),
     Mistake("ce-epsilon", "A small number was added before the log, or used as a floor. It keeps inf away but caps "
             "the loss of the worst mistakes, and their gradient is lost.",
             [form for small in EPSILONS for form in (
                 lambda x, y, small=small: -(_picked(x.softmax(1), y) + small).log().mean(),
                 lambda x, y, small=small: -_picked(x.softmax(1), y).clamp(min=small).log().mean())]),
     Mistake("ce-columns", "`logits[:, target]` takes whole columns, and makes a table of N × N. Each row has one "
             "right class: row i goes with target[i].",
             [lambda x, y: -x.log_softmax(1)[:, y].mean(), lambda x, y: x.logsumexp(1).mean() - x[:, y].mean(),
              lambda x, y: -(x - x.logsumexp(1, keepdim=True))[:, y].mean(1).mean()]),
     Mistake("ce-one-hot-too-narrow", "`F.one_hot(target)` has as many columns as the largest class that happens to be "
             "in the batch. Tell it how many classes there are.",
             lambda x, y: -(F.one_hot(y) * x.log_softmax(1)).sum(1).mean()),
     Mistake("ce-sum", "This is the sum over the batch. The mean makes the learning rate independent of the batch "
             "size.", lambda x, y: F.cross_entropy(x, y, reduction="sum")),
     Mistake("ce-no-mean", "This is one loss for each sample. Their mean was asked for.",
             lambda x, y: F.cross_entropy(x, y, reduction="none")),
     Mistake("ce-divided-by-classes", "The sum was divided by N·C. Most of a one-hot table are zeros that should not "
             "count in the mean: divide by N.", lambda x, y: F.cross_entropy(x, y) / x.shape[1]),
     Mistake("ce-sign", "This is the mean of log p, which training would push down. The loss is −log p.",
             lambda x, y: -F.cross_entropy(x, y)),
     Mistake("ce-no-log", "The logarithm is missing: this is made of probabilities.",
             [lambda x, y: -_picked(x.softmax(1), y).mean(), lambda x, y: 1 - _picked(x.softmax(1), y).mean()]),
     Mistake("ce-wrong-axis", "The probabilities were normalised over the batch, axis 0. The classes of one sample "
             "compete, along axis 1.", lambda x, y: -_picked(x.log_softmax(0), y).mean()),
     Mistake("ce-softmax-twice", "The logits went through a softmax and then through another one inside the loss. "
             "Everything still runs, with a loss that can never get near 0.",
             lambda x, y: F.cross_entropy(x.softmax(1), y)),
     Mistake("ce-global-max", "The constant taken off is the largest logit of the whole table. A row far below it "
             "underflows to log 0: each row needs its own.",
             [lambda x, y: -_picked((s := x - x.max()) - s.exp().sum(1, keepdim=True).log(), y).mean(),
              lambda x, y: -_picked((s := x - x.max().item()) - s.exp().sum(1, keepdim=True).log(), y).mean()]),
     Mistake("ce-whole-table", "The normalising sum runs over the whole table. The classes of one sample compete among "
             "themselves: each row has its own.",
             [lambda x, y: (x.logsumexp((0, 1)) - _picked(x, y)).mean(),
              lambda x, y: (x.exp().sum().log() - _picked(x, y)).mean(),
              lambda x, y: ((x - x.max()).exp().sum().log() + x.max() - _picked(x, y)).mean()]),
     Mistake("ce-half-shift", "The maximum was taken off inside the log-sum-exp but not outside (or the other way "
             "round). The two must match.",
             lambda x, y: -(_picked(x, y) - (x - x.amax(1, keepdim=True)).exp().sum(1).log()).mean()),
     Mistake("ce-only-logit", "This is minus the mean logit of the right class. Without the normalising term it can "
             "fall for ever.", lambda x, y: -_picked(x, y).mean()),
     Mistake("ce-normaliser-fixed", "The values are right, but the log-sum-exp was cut off from the gradient: nothing "
             "pushes the wrong classes down.", lambda x, y: -(_picked(x, y) - x.logsumexp(1).detach()).mean()),
     Mistake("ce-base", "The logarithm has another base than e.",
             [lambda x, y: F.cross_entropy(x, y) / math.log(2), lambda x, y: F.cross_entropy(x, y) / math.log(10)])],
    frozenset({"cross_entropy", "nll_loss", "log_softmax"}),
    "`exp`, `log`, `sum`, `amax`, `logsumexp` and indexing are your tools.")

# ------------------------------------------------------------------------------------- binary_cross_entropy


def labels(g, shapes=((5, 3), (4, 6), (7, 2)), dtype=DOUBLE, weighted=False):
    """Logits and 0/1 labels of the same shape; some logits exactly 0."""
    cases = []
    for n, c in shapes:
        logits = draw(g, n, c, dtype=dtype, scale=2.0)
        logits[0] = 0.0
        target = torch.randint(2, (n, c), generator=g).to(dtype)
        target[:2, 0] = torch.tensor([1.0, 0.0], dtype=dtype)
        weights = {"pos_weight": 0.5 + 4 * torch.rand(c, generator=g, dtype=DOUBLE).to(dtype)} if weighted else {}
        cases.append({"logits": logits, "target": target, **weights})
    return cases


def mixed_labels(g, **options):
    """In float64, and one batch in float32."""
    return labels(g, **options) + labels(g, ((6, 3),), SINGLE, **options)


def far_labels(g):
    """Logits of ±1000 with both labels."""
    logits = torch.tensor([[1000.0, -1000.0], [1000.0, -1000.0], [0.5, -2.0]], dtype=DOUBLE)
    target = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=DOUBLE)
    weight = torch.tensor([2.0, 3.0], dtype=DOUBLE)
    return [{"logits": logits, "target": target}, {"logits": logits, "target": target, "pos_weight": weight},
            {"logits": logits.float() / 5, "target": target.float()}]


def _bce(x, y, pos_weight=None):
    return F.binary_cross_entropy_with_logits(x, y, pos_weight=pos_weight)


def _two_terms(positive, negative):
    """−mean(w·y·positive(x) + (1 − y)·negative(x))."""
    def answer(x, y, pos_weight=None):
        w = 1 if pos_weight is None else pos_weight
        return -(w * y * positive(x) + (1 - y) * negative(x)).mean()
    return answer


def _each(x, y, w=None):
    return F.binary_cross_entropy_with_logits(x, y, pos_weight=w, reduction="none")


binary_cross_entropy = Check(
    "binary_cross_entropy", "binary_cross_entropy(logits, target, pos_weight)", _bce,
    [Part("values", 0.3, "the mean of −y·log σ(x) − (1 − y)·log(1 − σ(x)) over every entry", mixed_labels,
          valued(*LABELLED)),
     Part("pos_weight", 0.25, "pos_weight, one number for each class, scales the term of the positive labels",
          lambda g: mixed_labels(g, weighted=True), both(*LABELLED)),
     Part("gradient", 0.2, "the gradient is (σ(x) − y) over the number of entries, at x = 0 too", mixed_labels,
          sloped(*LABELLED)),
     Part("extremes", 0.25, "logits of ±1000 give finite, right values and gradients", far_labels, both(*LABELLED))],
    [Mistake("bce-overflow", "An intermediate result leaves the range of floats. σ(1000) rounds to 1, and log(1 − 1) "
             "is −inf; e to the 1000 is inf, and so is log(1 + e^1000), where it should be 1000. Use a form of log "
             "σ(x) and log(1 − σ(x)) in which neither happens.",
             [_two_terms(lambda x: x.sigmoid().log(), lambda x: (1 - x.sigmoid()).log()),
              _two_terms(lambda x: x.sigmoid().log(), lambda x: (-x).sigmoid().log()),
              _two_terms(lambda x: (1 / (1 + (-x).exp())).log(), lambda x: (1 - 1 / (1 + (-x).exp())).log()),
              _two_terms(lambda x: -(1 + (-x).exp()).log(), lambda x: -(1 + x.exp()).log()),
              _two_terms(lambda x: -torch.log1p((-x).exp()), lambda x: -torch.log1p(x.exp())),
              _two_terms(lambda x: -torch.log1p((-x).exp()), lambda x: -x - torch.log1p((-x).exp()))]),
     Mistake("bce-epsilon", "The probabilities were clamped, or a small number added before the log. That caps the "
             "loss of the worst mistakes, and a clamp gives them no gradient at all.",
             [form for small in EPSILONS for form in (
                 _two_terms(lambda x, e=small: (x.sigmoid() + e).log(), lambda x, e=small: (1 - x.sigmoid() + e).log()),
                 _two_terms(lambda x, e=small: x.sigmoid().clamp(e, 1 - e).log(),
                            lambda x, e=small: (1 - x.sigmoid().clamp(e, 1 - e)).log()),
                 _two_terms(lambda x, e=small: x.sigmoid().clamp(min=e).log(),
                            lambda x, e=small: (1 - x.sigmoid()).clamp(min=e).log()))]),
     Mistake("bce-flat-at-zero", "At a logit of exactly 0 the gradient is wrong: |x| has slope 0 there in PyTorch, and "
             "`clamp(min=0)` has 1 and `relu` 0, so the well-known max(x, 0) − xy + log(1 + e^−|x|) misses. "
             "A head that starts with zero weights gives just that logit.",
             [form for top in (lambda x: x.clamp(min=0), F.relu)
              for form in (
                  _two_terms(lambda x, top=top: -top(-x) - torch.log1p((-x.abs()).exp()),
                             lambda x, top=top: -top(x) - torch.log1p((-x.abs()).exp())),
                  lambda x, y, pos_weight=None, top=top: (
                      (1 - y) * x + (1 if pos_weight is None else 1 + (pos_weight - 1) * y)
                      * (torch.log1p((-x.abs()).exp()) + top(-x))).mean(),
                  lambda x, y, pos_weight=None, top=top: (
                      (1 if pos_weight is None else 1 + (pos_weight - 1) * y)
                      * (top(x) - x * y + torch.log1p((-x.abs()).exp()))).mean())]),
     Mistake("bce-only-positive", "Only the positive labels count here: the term of the negative ones is missing, so "
             "saying yes to everything costs nothing.", _two_terms(F.logsigmoid, lambda x: 0 * x)),
     Mistake("bce-weight-ignored", "`pos_weight` is not used.", lambda x, y, pos_weight=None: _bce(x, y)),
     Mistake("bce-weight-both", "`pos_weight` scales the whole loss of its class. Only the positive labels' term is "
             "meant; or nothing shifts between yes and no.",
             lambda x, y, pos_weight=None: (_each(x, y) * (1 if pos_weight is None else pos_weight)).mean()),
     Mistake("bce-weight-negative", "`pos_weight` scales the term of the negative labels.",
             lambda x, y, pos_weight=None: _bce(-x, 1 - y, pos_weight)),
     Mistake("bce-weighted-mean", "The loss was divided by the sum of the weights. Here the mean is over the "
             "number of entries, whatever they weigh.",
             lambda x, y, pos_weight=None: _bce(x, y) if pos_weight is None else _each(x, y, pos_weight).sum()
             / (y * pos_weight + 1 - y).sum()),
     Mistake("bce-sum", "This is the sum over all entries; the mean was asked for.",
             lambda x, y, pos_weight=None: _each(x, y, pos_weight).sum()),
     Mistake("bce-sum-over-classes", "The labels of a sample were summed, and only the samples averaged. The mean is "
             "over every entry.", lambda x, y, pos_weight=None: _each(x, y, pos_weight).sum(1).mean()),
     Mistake("bce-no-mean", "One number was asked for; here the classes, the samples or all entries are still apart.",
             [_each, lambda x, y, pos_weight=None: _each(x, y, pos_weight).mean(0),
              lambda x, y, pos_weight=None: _each(x, y, pos_weight).mean(1),
              lambda x, y, pos_weight=None: _each(x, y, pos_weight).sum(1)]),
     Mistake("bce-softmax", "The classes were made to compete by a softmax. Labels are independent questions: several "
             "may be yes, or none.",
             [lambda x, y, pos_weight=None: -(y * x.log_softmax(1)).sum(1).mean(),
              lambda x, y, pos_weight=None: -(y * x.log_softmax(1)).mean(),
              _two_terms(lambda x: x.log_softmax(1), lambda x: (1 - x.softmax(1)).log())]),
     Mistake("bce-logits-as-probabilities", "The logits were used as if they were probabilities: the log of a "
             "negative number is nan. Which function turns a logit into a probability?",
             [_two_terms(lambda x: x.log(), lambda x: (1 - x).log()),
              lambda x, y, pos_weight=None: -(y * x.log() + (1 - y) * (1 - x).log()).mean()]),
     Mistake("bce-sign", "The sign is turned: this falls as the answers get worse.",
             lambda x, y, pos_weight=None: -_bce(x, y, pos_weight)),
     Mistake("bce-labels-swapped", "Yes and no are swapped: σ(x) is the probability of label 1.",
             _two_terms(lambda x: F.logsigmoid(-x), F.logsigmoid))],
    frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits", "BCELoss", "BCEWithLogitsLoss"}),
    "`F.softplus`, `F.logsigmoid`, `logaddexp`, `exp` and arithmetic are your tools.")

# ---------------------------------------------------------------------------------------------- focal_loss


def _focal(x, y, gamma=2.0, weigh=lambda rest, gamma: rest.clamp(min=1e-30) ** gamma):
    logp = _logp(x, y)
    return (weigh(1 - logp.exp(), gamma) * -logp).mean()


def sure(g):
    """Targets whose probability rounds to 1, and one that is hopelessly wrong."""
    logits = torch.tensor([[60.0, 0, 0], [0, 900.0, 1], [2.0, 0, 1], [0, 1, -800.0]], dtype=DOUBLE)
    target = torch.tensor([0, 1, 0, 2])
    cases = [{"logits": logits, "target": target, "gamma": gamma} for gamma in (0.0, 0.5, 2.0)]
    return cases + [{**case, "logits": case["logits"].float()} for case in cases]


focal_loss = Check(
    "focal_loss", "focal_loss(logits, target, gamma)", _focal,
    [Part("values", 0.35, "the mean of (1 − p)^γ · (−log p), with γ = 2 unless told otherwise", mixed,
          valued(*LABELLED)),
     Part("gamma", 0.25, "γ = 0 is plain cross-entropy, and other γ work too",
          lambda g: labelled(g, gamma=0.0) + labelled(g, gamma=1.0) + labelled(g, gamma=3.5), valued(*LABELLED)),
     Part("gradient", 0.2, "the gradient flows through the weight too",
          lambda g: labelled(g) + labelled(g, gamma=0.5), sloped(*LABELLED)),
     Part("extremes", 0.2, "gradients stay finite where p rounds to 1 or to 0", sure, both(*LABELLED),
          rounding=(1e-4, 1e-5))],
    [Mistake("focal-nan-when-sure", "Where p rounds to 1, (1 − p)^γ has slope inf for γ below 1, and inf times the 0 "
             "beside it is nan. Keep the base a little above 0.",
             [lambda x, y, gamma=2.0: _focal(x, y, gamma, torch.pow),
              lambda x, y, gamma=2.0: _focal(x, y, gamma, lambda r, g: (r.log() * g).exp())]),
     Mistake("focal-clamp-lost", "In float32 a number as near to 1 as 1 − 1e-12 is 1, so `clamp(max=…)` on p does "
             "nothing, and where p rounds to 1 the gradient is nan after all. Keep 1 − p itself above 0: "
             "`(1 - p).clamp(min=1e-12)`.",
             [lambda x, y, gamma=2.0, e=small: (-(logp := _logp(x, y)) * (1 - logp.exp().clamp(max=1 - e)) ** gamma
                                                ).mean() for small in EPSILONS]),
     Mistake("focal-log-of-softmax", "Where the softmax underflows to 0 its logarithm is −inf. Get log p from the "
             "logits, and p from log p.",
             [lambda x, y, gamma=2.0: (-(p := _picked(x.softmax(1), y)).log() * (1 - p) ** gamma).mean(),
              lambda x, y, gamma=2.0: (-(p := _picked(x.softmax(1), y)).log()
                                       * (1 - p).clamp(min=1e-12) ** gamma).mean()]),
     Mistake("focal-clamped", "The probabilities were clamped, or a small number added before the log. That caps the "
             "loss of the worst samples, and a clamp gives them no gradient at all. Get log p from the logits.",
             [lambda x, y, gamma=2.0, form=form: (p := form(_picked(x.softmax(1), y))).log().mul(
                 -(1 - p) ** gamma).mean() for small in EPSILONS for form in (
                     lambda p, e=small: p + e, lambda p, e=small: p.clamp(min=e),
                     lambda p, e=small: p.clamp(e, 1 - e))]),
     Mistake("focal-mean-first", "The cross-entropy was averaged before the weight was computed from it, so all "
             "samples share one weight. Each needs its own.",
             [lambda x, y, gamma=2.0: (ce := F.cross_entropy(x, y)) * (1 - (-ce).exp()) ** gamma]),
     Mistake("focal-gamma-fixed", "γ is 2 whatever was asked for: `gamma` is not used.",
             lambda x, y, gamma=2.0: _focal(x, y, 2.0)),
     Mistake("focal-plain", "This is plain cross-entropy: no sample is weighed down.",
             lambda x, y, gamma=2.0: F.cross_entropy(x, y)),
     Mistake("focal-easy-first", "The weight is p^γ: easy samples count most. Hard ones should.",
             lambda x, y, gamma=2.0: _focal(x, y, gamma, lambda r, g: (1 - r) ** g)),
     Mistake("focal-times-gamma", "The weight is γ·(1 − p), a product; a power is meant.",
             lambda x, y, gamma=2.0: _focal(x, y, gamma, lambda r, g: g * r)),
     Mistake("focal-weight-fixed", "The values are right, but the weight was cut off from the gradient.",
             lambda x, y, gamma=2.0: _focal(x, y, gamma, lambda r, g: r.detach() ** g)),
     Mistake("focal-normalised", "The sum was divided by the sum of the weights, which takes back what they did. "
             "Divide by the number of samples.",
             lambda x, y, gamma=2.0: (w := (1 - _logp(x, y).exp()) ** gamma).mul(-_logp(x, y)).sum() / w.sum()),
     Mistake("focal-sum", "This is the sum over the batch; the mean was asked for.",
             lambda x, y, gamma=2.0: _focal(x, y, gamma) * len(y)),
     Mistake("focal-no-mean", "This is one loss for each sample. Their mean was asked for.",
             lambda x, y, gamma=2.0: (1 - (l := _logp(x, y)).exp()) ** gamma * -l),
     Mistake("focal-no-log", "The logarithm is missing: this is (1 − p)^γ times a probability, or alone.",
             [lambda x, y, gamma=2.0: ((1 - _logp(x, y).exp()) ** gamma).mean(),
              lambda x, y, gamma=2.0: ((1 - _logp(x, y).exp()) ** (gamma + 1)).mean(),
              lambda x, y, gamma=2.0: -((1 - (p := _logp(x, y).exp())) ** gamma * p).mean()]),
     Mistake("focal-sigmoid", "p came from a sigmoid. With several classes that exclude each other it is the softmax's "
             "probability of the right one.",
             lambda x, y, gamma=2.0: ((1 - (p := _picked(x.sigmoid(), y))) ** gamma * -p.log()).mean()),
     Mistake("focal-alpha", "There is a constant factor of ¼ or ¾ in front, the α of the paper's balanced form. Here "
             "there is none.", [lambda x, y, gamma=2.0: 0.25 * _focal(x, y, gamma),
                                lambda x, y, gamma=2.0: 0.75 * _focal(x, y, gamma)]),
     Mistake("focal-brackets", "This is 1 − p^γ: the power should take the whole bracket.",
             lambda x, y, gamma=2.0: _focal(x, y, gamma, lambda r, g: 1 - (1 - r) ** g)),
     Mistake("focal-sign", "The sign is turned.", lambda x, y, gamma=2.0: -_focal(x, y, gamma))],
    instead="Your own losses and torch's are your tools.")
