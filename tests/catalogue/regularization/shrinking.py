"""Answers to lesson 06: l2_penalty, Dropout and EarlyStopping."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from .. import right, wrong

# l2_penalty


@right("l2_penalty")
def one_loop(params, strength):
    total = 0.0
    for w in params:
        total = total + torch.sum(w ** 2)
    return strength * total


@right("l2_penalty")
def dot_products(params, strength):
    return sum(strength * torch.dot(w.reshape(-1), w.reshape(-1)) for w in params)


@right("l2_penalty")
def one_long_vector(params, strength):
    return strength * torch.cat([w.flatten() for w in params]).pow(2).sum()


@right("l2_penalty")
def norm_squared(params, strength):
    return strength * sum(torch.linalg.vector_norm(w) ** 2 for w in params)


@wrong("l2_penalty", "l2-half")
def textbook_half(params, strength):
    return 0.5 * strength * sum(w.square().sum() for w in params)


@wrong("l2_penalty", "l2-norm")
def forgot_square(params, strength):
    return strength * sum(torch.linalg.vector_norm(w) for w in params)


@wrong("l2_penalty", "l2-absolute")
def lasso(params, strength):
    return strength * sum(torch.abs(w).sum() for w in params)


@wrong("l2_penalty", "l2-sum-squared")
def square_outside(params, strength):
    return strength * sum(torch.sum(w) ** 2 for w in params)


@wrong("l2_penalty", "l2-mean")
def mean_of_squares(params, strength):
    return strength * sum((w ** 2).mean() for w in params)


@wrong("l2_penalty", "l2-no-sum")
def adds_matrices(params, strength):
    total = 0
    for w in params:
        total = total + w ** 2
    return strength * total.sum()


@wrong("l2_penalty", "l2-first-only")
def returns_inside(params, strength):
    total = 0
    for w in params:
        total = total + (w ** 2).sum()
        return strength * total


@wrong("l2_penalty", "l2-last-only")
def overwrites(params, strength):
    for w in params:
        total = (w ** 2).sum()
    return strength * total


@wrong("l2_penalty", "l2-only-matrices")
def spares_biases(params, strength):
    return strength * sum((w ** 2).sum() for w in params if w.ndim > 1)


@wrong("l2_penalty", "l2-needs-a-list")
def counts_them(params, strength):
    total = torch.zeros((), dtype=torch.float32)
    total = 0
    for i in range(len(params)):
        total = total + (params[i] ** 2).sum()
    return strength * total


@wrong("l2_penalty", "l2-read-twice")
def looks_first(params, strength):
    if not any(w.numel() for w in params):
        return 0.0
    total = 0.0
    shapes = [w.shape for w in params]
    for w in params:
        total = total + (w ** 2).sum()
    return strength * total


@wrong("l2_penalty", "l2-in-place")
def squares_them_away(params, strength):
    return strength * sum(w.pow_(2).sum() for w in params)


@wrong("l2_penalty", "no-gradient")
def as_numbers(params, strength):
    return strength * sum(w.pow(2).sum().item() for w in params)


@wrong("l2_penalty", "l2-strength-ignored")
def no_strength(params, strength):
    return sum(w.pow(2).sum() for w in params)


@wrong("l2_penalty", "l2-root-and-back")
def root_first(params, strength):
    return strength * sum(torch.sqrt((w ** 2).sum()) ** 2 for w in params)


@wrong("l2_penalty", "returned-none")
def no_return(params, strength):
    total = strength * sum((w ** 2).sum() for w in params)


@wrong("l2_penalty", None)
def cubes(params, strength):
    return strength * sum((w.abs() ** 3).sum() for w in params)


# Dropout


@right("Dropout")
class Where(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return torch.zeros_like(x) * x
        return torch.where(torch.rand(x.shape) < self.p, 0.0, x / (1 - self.p))


@right("Dropout")
class Bernoulli(nn.Module):
    def __init__(self, p):
        super(Bernoulli, self).__init__()
        self.keep = 1 - p

    def forward(self, x):
        if self.training:
            mask = torch.bernoulli(torch.full_like(x, self.keep))
            return x * mask / max(self.keep, 1e-12)
        return x


@right("Dropout")
class OwnGenerator(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.register_buffer("p", torch.tensor(float(p)))
        self.generator = torch.Generator().manual_seed(7)

    def forward(self, x):
        if not self.training:
            return x
        kept = torch.rand(x.shape, generator=self.generator) >= self.p
        return x.mul(kept).div(1 - self.p.item()) if self.p < 1 else x * 0


class _Plain(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        return self.drop(x) if self.training else x


@wrong("Dropout", "dropout-not-scaled")
class NoScale(_Plain):
    def drop(self, x):
        return x * (torch.rand_like(x) > self.p).to(x.dtype)


@wrong("Dropout", "dropout-scaled-at-test")
class Classic(_Plain):
    def forward(self, x):
        if self.training:
            return x * (torch.rand_like(x) > self.p)
        return (1 - self.p) * x


@wrong("Dropout", "dropout-keeps-p")
class KeepsP(_Plain):
    def drop(self, x):
        return x * (torch.rand_like(x) < self.p) / self.p if self.p else x * 0


@wrong("Dropout", "dropout-divides-by-p")
class DividesByP(_Plain):
    def drop(self, x):
        if self.p == 0:
            return x
        return x * (torch.rand_like(x) >= self.p) / self.p


@wrong("Dropout", "dropout-multiplied")
class Multiplies(_Plain):
    def drop(self, x):
        return (1 - self.p) * x * torch.rand_like(x).ge(self.p)


@wrong("Dropout", "dropout-row-by-row")
class PerSample(_Plain):
    def drop(self, x):
        keep = torch.rand(len(x), 1) >= self.p
        return x * keep / (1 - self.p) if self.p < 1 else x * 0


@wrong("Dropout", "dropout-column-by-column")
class PerFeature(_Plain):
    def drop(self, x):
        keep = torch.rand(x.shape[1]) >= self.p
        return x * keep / (1 - self.p) if self.p < 1 else x * 0


@wrong("Dropout", "dropout-one-coin")
class AllOrNothing(_Plain):
    def drop(self, x):
        return x * 0 if torch.rand(()) < self.p else x / (1 - self.p)


@wrong("Dropout", "dropout-same-mask")
class MaskKept(_Plain):
    mask = None

    def drop(self, x):
        if self.mask is None:
            self.mask = torch.rand_like(x) >= self.p
        return x * self.mask / (1 - self.p) if self.p < 1 else x * 0


@wrong("Dropout", "dropout-in-eval")
class NoMode(_Plain):
    def forward(self, x):
        if self.p == 1:
            return 0 * x
        return x * (torch.rand_like(x) >= self.p) / (1 - self.p)


@wrong("Dropout", "dropout-modes-swapped")
class Swapped(_Plain):
    def forward(self, x):
        if self.training:
            return x
        return x * (torch.rand_like(x) >= self.p) / (1 - self.p)


@wrong("Dropout", "dropout-nan-at-one")
class ZeroByZero(_Plain):
    def drop(self, x):
        return x * (torch.rand_like(x) >= self.p) / (1 - self.p)


@wrong("Dropout", "dropout-no-super")
class ForgotSuper(nn.Module):
    def __init__(self, p):
        self.p = p

    def forward(self, x):
        return x * (torch.rand_like(x) >= self.p) / (1 - self.p) if self.training else x


@wrong("Dropout", "dropout-not-a-module")
class JustAClass:
    def __init__(self, p):
        self.p = p

    def __call__(self, x):
        return x * (torch.rand_like(x) >= self.p) / (1 - self.p)


@wrong("Dropout", "input-changed")
class InPlace(_Plain):
    def drop(self, x):
        x *= torch.rand_like(x) >= self.p
        return x / (1 - self.p) if self.p < 1 else x


@wrong("Dropout", "off-limits")
class Borrowed(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.inner = nn.Dropout(p)

    def forward(self, x):
        return self.inner(x)


@wrong("Dropout", "off-limits")
class Functional(_Plain):
    def forward(self, x):
        return F.dropout(x, self.p, self.training)


@wrong("Dropout", "dropout-p-ignored")
class AlwaysHalf(_Plain):
    def drop(self, x):
        return 2 * x * (torch.rand_like(x) < 0.5)


@wrong("Dropout", "not-written")
class Stub(nn.Module):
    def __init__(self, p):
        raise NotImplementedError()


@wrong("Dropout", "no-gradient")
class Detached(_Plain):
    def drop(self, x):
        return (x * (torch.rand_like(x) >= self.p)).detach() / (1 - self.p) if self.p < 1 else x.detach() * 0


@right("Dropout")
class ZerosAtOne(_Plain):
    def drop(self, x):
        if self.p == 1:
            return torch.zeros_like(x)
        return x / (1 - self.p) * (torch.rand_like(x) > self.p)


@wrong("Dropout", "dropout-one-coin")
class OnlyScales(_Plain):
    def drop(self, x):
        return x / (1 - self.p) if self.p < 1 else x * 0


@wrong("Dropout", "dropout-normal")
class Bell(_Plain):
    def drop(self, x):
        return x * (torch.randn(x.shape) > self.p) / (1 - self.p) if self.p < 1 else x * 0


@wrong("Dropout", "dropout-not-stored")
class ForgotP(nn.Module):
    def __init__(self, p):
        super().__init__()

    def forward(self, x):
        return x * (torch.rand_like(x) >= self.p) / (1 - self.p) if self.training else x


@wrong("Dropout", "dropout-no-forward")
class CallsItDrop(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def drop(self, x):
        return x * (torch.rand_like(x) >= self.p) / (1 - self.p) if self.training else x



# EarlyStopping


@right("EarlyStopping")
class CountsDown:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.delta = patience, min_delta
        self.left, self.best, self.state = patience, None, None

    def step(self, val_loss, model):
        if not math.isnan(val_loss) and (self.best is None or val_loss < self.best - self.delta):
            self.best, self.left = val_loss, self.patience
            self.state = {k: v.clone() for k, v in model.state_dict().items()}
            return False
        self.left -= 1
        return self.left <= 0

    def restore(self, model):
        if self.state:
            model.load_state_dict(self.state)


@right("EarlyStopping")
class ComparesEpochs:
    """Remembers when the best was, and keeps a whole copy of the model."""

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.now, self.when, self.best, self.copy = 0, 0, float("inf"), None

    def step(self, val_loss, model):
        self.now += 1
        if self.best - val_loss > self.min_delta:
            self.best, self.when, self.copy = val_loss, self.now, copy.deepcopy(model)
        return self.now - self.when >= self.patience

    @torch.no_grad()
    def restore(self, model):
        if self.copy is None:
            return
        theirs = [*self.copy.parameters(), *self.copy.buffers()]
        for mine, saved in zip([*model.parameters(), *model.buffers()], theirs):
            mine.copy_(saved)


@right("EarlyStopping")
class KeepsHistory:
    """Goes through all losses again at each step."""

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta, self.losses, self.weights = patience, min_delta, [], {}

    def step(self, val_loss, model):
        self.losses.append(float(val_loss))
        best, when = float("inf"), -1
        for number, loss in enumerate(self.losses):
            if loss + self.min_delta < best:
                best, when = loss, number
        if when == len(self.losses) - 1:
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return len(self.losses) - 1 - when >= self.patience

    def restore(self, model):
        for name, tensor in model.state_dict().items():
            if name in self.weights:
                tensor.copy_(self.weights[name])


class _Base:
    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.count, self.saved = math.inf, 0, None

    def step(self, val_loss, model):
        if self.improves(val_loss):
            self.best, self.count = val_loss, 0
            self.save(model)
        else:
            self.count += 1
        return self.count >= self.patience

    def improves(self, val_loss):
        return val_loss < self.best - self.min_delta

    def save(self, model):
        self.saved = copy.deepcopy(model.state_dict())

    def restore(self, model):
        if self.saved:
            model.load_state_dict(self.saved)


@wrong("EarlyStopping", "stopping-best-creeps")
class LowestSoFar(_Base):
    """The best is the lowest loss so far, also where it is no new best."""

    def step(self, val_loss, model):
        stop = super().step(val_loss, model)
        self.best = min(self.best, val_loss)
        return stop


@wrong("EarlyStopping", "stopping-late")
class AsOnPlateau(_Base):
    def step(self, val_loss, model):
        super().step(val_loss, model)
        return self.count > self.patience


@wrong("EarlyStopping", "stopping-early")
class OffByOne(_Base):
    def step(self, val_loss, model):
        super().step(val_loss, model)
        return self.count >= self.patience - 1


@wrong("EarlyStopping", "stopping-at-once")
class Impatient(_Base):
    def step(self, val_loss, model):
        super().step(val_loss, model)
        return self.count > 0


@wrong("EarlyStopping", "stopping-not-in-a-row")
class CountsAll(_Base):
    def step(self, val_loss, model):
        before = self.count
        super().step(val_loss, model)
        self.count = max(self.count, before)
        return self.count >= self.patience


@wrong("EarlyStopping", "stopping-against-previous")
class Neighbours(_Base):
    previous = math.inf

    def step(self, val_loss, model):
        self.best = self.previous
        self.previous = val_loss
        return super().step(val_loss, model)


@wrong("EarlyStopping", "stopping-alias")
class StateDictKept(_Base):
    def save(self, model):
        self.saved = model.state_dict()


@wrong("EarlyStopping", "stopping-alias")
class ShallowCopy(_Base):
    def save(self, model):
        self.saved = copy.copy(model.state_dict())


@wrong("EarlyStopping", "stopping-alias")
class NewModelThrownAway(_Base):
    def save(self, model):
        self.saved = copy.deepcopy(model)

    def restore(self, model):
        model = self.saved


@wrong("EarlyStopping", "stopping-no-buffers")
class ParametersOnly(_Base):
    def save(self, model):
        self.saved = [p.detach().clone() for p in model.parameters()]

    def restore(self, model):
        for p, saved in zip(model.parameters(), self.saved):
            p.data.copy_(saved)


@wrong("EarlyStopping", "stopping-no-buffers")
class ListOfParameters:
    """Only the parameters, and those are put in by reference."""

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta, self.best, self.count = patience, min_delta, float("inf"), 0

    def step(self, val_loss, model):
        if self.best - val_loss > self.min_delta:
            self.best, self.count, self.weights = val_loss, 0, [p.data.clone() for p in model.parameters()]
        else:
            self.count += 1
        return self.count >= self.patience

    def restore(self, model):
        for p, kept in zip(model.parameters(), self.weights):
            p.data = kept


@wrong("EarlyStopping", "stopping-restores-its-own")
class SharesStorage(_Base):
    def save(self, model):
        self.saved = copy.deepcopy(model.state_dict())

    def restore(self, model):
        for name, tensor in model.state_dict(keep_vars=True).items():
            tensor.data = self.saved[name]


@wrong("EarlyStopping", "stopping-nan-is-best")
class NotWorse(_Base):
    def improves(self, val_loss):
        return not val_loss >= self.best - self.min_delta


@wrong("EarlyStopping", "stopping-nan-is-best")
class FirstIsBest(_Base):
    def improves(self, val_loss):
        return self.saved is None or super().improves(val_loss)


@wrong("EarlyStopping", "stopping-delta-ignored")
class AnyImprovement(_Base):
    def step(self, val_loss, model):
        self.min_delta = 0
        return super().step(val_loss, model)


@wrong("EarlyStopping", "stopping-equal-is-better")
class OrEqual(_Base):
    def improves(self, val_loss):
        return val_loss <= self.best - self.min_delta


@wrong("EarlyStopping", "stopping-higher-is-better")
class Accuracy(_Base):
    def __init__(self, patience, min_delta=0.0):
        super().__init__(patience, min_delta)
        self.best = -math.inf

    def improves(self, val_loss):
        return val_loss > self.best + self.min_delta


@wrong("EarlyStopping", "stopping-compares-with-none")
class StartsFromNone(_Base):
    def __init__(self, patience, min_delta=0.0):
        super().__init__(patience, min_delta)
        self.best = None


@wrong("EarlyStopping", "stopping-restore-unwritten")
class HalfWritten(_Base):
    def restore(self, model):
        raise NotImplementedError()


@wrong("EarlyStopping", "returned-none")
class SaysNothing(_Base):
    def step(self, val_loss, model):
        super().step(val_loss, model)


@wrong("EarlyStopping", "not-written")
class NotWritten:
    def __init__(self, patience, min_delta=0.0):
        raise NotImplementedError()


@wrong("EarlyStopping", "stopping-nan-not-counted")
class SkipsNan(_Base):
    def step(self, val_loss, model):
        if val_loss != val_loss:
            return False
        return super().step(val_loss, model)


@wrong("EarlyStopping", "stopping-saved-always")
class SavesEveryEpoch(_Base):
    def step(self, val_loss, model):
        result = super().step(val_loss, model)
        self.save(model)
        return result


@wrong("EarlyStopping", "stopping-alias")
class GivesItBack(_Base):
    def restore(self, model):
        return self.saved


@wrong("EarlyStopping", "stopping-best-creeps")
class KeepsTheLower(_Base):
    def step(self, val_loss, model):
        if val_loss < self.best - self.min_delta:
            self.count = 0
        else:
            self.count += 1
        if val_loss < self.best:
            self.best = val_loss
            self.save(model)
        return self.count >= self.patience


@wrong("EarlyStopping", "stopping-saves-any-lower")
class TwoBests(_Base):
    lowest = math.inf

    def step(self, val_loss, model):
        if val_loss < self.lowest:
            self.lowest = val_loss
            self.saved = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        return super().step(val_loss, model)

    def save(self, model):
        pass


@wrong("EarlyStopping", "stopping-delta-sign")
class PlusDelta(_Base):
    def improves(self, val_loss):
        return val_loss < self.best + self.min_delta
