"""Answers to lesson 03."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from . import right, wrong

# mse


@right("mse")
def with_assert(pred, target):
    assert pred.shape == target.shape, "shapes differ"
    return torch.mean((pred - target) ** 2)


@right("mse")
def by_dot_product(pred, target):
    if pred.size() != target.size():
        raise RuntimeError("pred and target must have one shape")
    difference = (target - pred).flatten()
    return difference @ difference / difference.numel()


@right("mse")
def by_norm(pred, target):
    if list(pred.shape) != list(target.shape):
        raise TypeError
    return torch.linalg.vector_norm(pred - target) ** 2 / pred.numel()


@wrong("mse", None)
def always_fails(pred, target):
    return torch.mean((pred - targets) ** 2)  # noqa: F821, the name is meant not to exist


@wrong("mse", "mse-broadcasts")
def textbook(pred, target):
    return torch.mean((pred - target) ** 2)


@wrong("mse", "mse-broadcasts")
def checks_length(pred, target):
    assert len(pred) == len(target)
    return ((pred - target) ** 2).sum() / (pred - target).numel()


@wrong("mse", "mse-reshaped")
def makes_it_fit(pred, target):
    return ((pred - target.view(pred.shape)) ** 2).mean()


@wrong("mse", "mse-sum")
def summed(pred, target):
    assert pred.shape == target.shape
    return ((pred - target) ** 2).sum()


@wrong("mse", "mse-half")
def with_half(pred, target):
    return 0.5 * torch.mean((target - pred) ** 2)


@wrong("mse", "mse-root")
def rooted(pred, target):
    assert pred.shape == target.shape
    return torch.sqrt(torch.mean((pred - target) ** 2))


@wrong("mse", "mse-absolute")
def absolute(pred, target):
    return torch.mean(torch.abs(target - pred))


@wrong("mse", "mse-no-mean")
def no_mean(pred, target):
    assert pred.shape == target.shape
    return (pred - target) ** 2


@wrong("mse", "mse-square-of-mean")
def square_last(pred, target):
    return torch.mean(pred - target) ** 2


@wrong("mse", "mse-per-sample")
def by_batch(pred, target):
    return torch.sum((pred - target) ** 2) / pred.shape[0]


@wrong("mse", "no-gradient")
def as_number(pred, target):
    assert pred.shape == target.shape
    return torch.tensor(((pred - target) ** 2).mean().item(), dtype=pred.dtype)


@wrong("mse", "off-limits")
def library_mse(pred, target):
    assert pred.shape == target.shape
    return nn.MSELoss()(pred, target)


@wrong("mse", "input-changed")
def in_place_mse(pred, target):
    assert pred.shape == target.shape
    pred -= target
    return (pred ** 2).mean()


@wrong("mse", None)
def one_too_few(pred, target):
    assert pred.shape == target.shape
    return ((pred - target) ** 2).sum() / (pred.numel() - 1)


# cross_entropy


@right("cross_entropy")
def with_logsumexp(logits, target):
    rows = torch.arange(len(target))
    return (torch.logsumexp(logits, 1) - logits[rows, target]).mean()


@right("cross_entropy")
def one_hot_shifted(logits, target):
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    return -(F.one_hot(target, logits.shape[1]) * log_p).sum() / len(logits)


@right("cross_entropy")
def by_distribution(logits, target):
    return -torch.distributions.Categorical(logits=logits).log_prob(target).mean()


@right("cross_entropy")
def sample_by_sample(logits, target):
    losses = [row.logsumexp(0) - row[k] for row, k in zip(logits, target)]
    return torch.stack(losses).mean()


@wrong("cross_entropy", "ce-whole-table")
def normalised_over_the_table(logits, target):
    return (torch.logsumexp(logits.flatten(), 0) - logits[torch.arange(len(target)), target]).mean()


@wrong("cross_entropy", "ce-overflow")
def naive(logits, target):
    p = torch.exp(logits) / torch.exp(logits).sum(dim=1, keepdim=True)
    return -torch.log(p[torch.arange(len(target)), target]).mean()


@wrong("cross_entropy", "ce-log-of-softmax")
def log_softmax_apart(logits, target):
    p = torch.softmax(logits, dim=1)
    return torch.mean(-torch.log(p[range(len(p)), target]))


@wrong("cross_entropy", "ce-epsilon")
def plus_epsilon(logits, target):
    p = F.softmax(logits, dim=-1)
    return -(p[torch.arange(len(p)), target] + 1e-9).log().mean()


@wrong("cross_entropy", "ce-columns")
def whole_columns(logits, target):
    return (-logits[:, target] + logits.logsumexp(1, keepdim=True)).mean()


@wrong("cross_entropy", "ce-one-hot-too-narrow")
def narrow(logits, target):
    log_p = logits - logits.logsumexp(dim=1, keepdim=True)
    return -(log_p * F.one_hot(target)).sum(1).mean()


@wrong("cross_entropy", "ce-sum")
def ce_summed(logits, target):
    return (logits.logsumexp(1) - logits[range(len(target)), target]).sum()


@wrong("cross_entropy", "ce-no-mean")
def each_sample(logits, target):
    return logits.logsumexp(1) - logits[range(len(target)), target]


@wrong("cross_entropy", "ce-divided-by-classes")
def mean_of_table(logits, target):
    log_p = logits - logits.logsumexp(dim=1, keepdim=True)
    return -(log_p * F.one_hot(target, logits.shape[1])).mean()


@wrong("cross_entropy", "ce-sign")
def ce_sign(logits, target):
    return (logits[range(len(target)), target] - logits.logsumexp(1)).mean()


@wrong("cross_entropy", "ce-wrong-axis")
def over_the_batch(logits, target):
    log_p = logits - logits.logsumexp(dim=0)
    return -log_p[torch.arange(len(target)), target].mean()


@wrong("cross_entropy", "ce-softmax-twice")
def softmax_first(logits, target):
    p = logits.softmax(1)
    return (p.logsumexp(1) - p[range(len(target)), target]).mean()


@wrong("cross_entropy", "ce-no-log")
def no_log(logits, target):
    return (1 - logits.softmax(1)[torch.arange(len(target)), target]).mean()


@wrong("cross_entropy", "off-limits")
def library_ce(logits, target):
    return nn.CrossEntropyLoss()(logits, target)


@wrong("cross_entropy", "off-limits")
def nearly_library(logits, target):
    return F.nll_loss(logits - logits.logsumexp(1, keepdim=True), target)


@wrong("cross_entropy", None)
def weighted_by_class(logits, target):
    return ((logits.logsumexp(1) - logits[range(len(target)), target]) * (1 + target)).mean()


# binary_cross_entropy


@right("binary_cross_entropy")
def softplus_form(logits, target, pos_weight=None):
    weight = 1.0 if pos_weight is None else pos_weight
    return (weight * target * F.softplus(-logits) + (1 - target) * F.softplus(logits)).mean()


@right("binary_cross_entropy")
def logaddexp_form(logits, target, pos_weight=None):
    zero = torch.zeros_like(logits)
    yes, no = torch.logaddexp(zero, -logits), torch.logaddexp(zero, logits)
    if pos_weight is not None:
        yes = yes * pos_weight
    return torch.where(target == 1, yes, no).mean()


@right("binary_cross_entropy")
def logsigmoid_form(logits, target, pos_weight=None):
    if pos_weight is None:
        pos_weight = torch.ones(logits.shape[1])
    return -torch.mean(pos_weight * target * F.logsigmoid(logits) + (1 - target) * F.logsigmoid(-logits))


@wrong("binary_cross_entropy", "bce-overflow")
def textbook_bce(logits, target, pos_weight=None):
    p = torch.sigmoid(logits)
    w = 1 if pos_weight is None else pos_weight
    return -torch.mean(w * target * torch.log(p) + (1 - target) * torch.log(1 - p))


@wrong("binary_cross_entropy", "bce-overflow")
def logs_of_exponentials(logits, target, pos_weight=None):
    w = 1 if pos_weight is None else pos_weight
    return (w * target * torch.log1p(torch.exp(-logits)) + (1 - target) * torch.log1p(torch.exp(logits))).mean()


@wrong("binary_cross_entropy", "bce-flat-at-zero")
def own_softplus(logits, target, pos_weight=None):
    softplus = lambda x: F.relu(x) + torch.log1p(torch.exp(-x.abs()))
    w = 1 if pos_weight is None else pos_weight
    return (w * target * softplus(-logits) + (1 - target) * softplus(logits)).mean()


@wrong("binary_cross_entropy", "bce-epsilon")
def clamped(logits, target, pos_weight=None):
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    w = 1 if pos_weight is None else pos_weight
    return -(w * target * p.log() + (1 - target) * (1 - p).log()).mean()


@wrong("binary_cross_entropy", "bce-flat-at-zero")
def well_known(logits, target, pos_weight=None):
    tail = torch.log(1 + torch.exp(-logits.abs()))
    if pos_weight is None:
        return (logits.clamp(min=0) - logits * target + tail).mean()
    weight = 1 + (pos_weight - 1) * target
    return ((1 - target) * logits + weight * (tail + (-logits).clamp(min=0))).mean()


@wrong("binary_cross_entropy", "bce-weight-ignored")
def no_weight(logits, target, pos_weight=None):
    return (F.softplus(logits) - target * logits).mean()


@wrong("binary_cross_entropy", "bce-weight-both")
def weight_on_all(logits, target, pos_weight=None):
    loss = F.softplus(logits) - target * logits
    return loss.mean() if pos_weight is None else (pos_weight * loss).mean()


@wrong("binary_cross_entropy", "bce-weight-negative")
def weight_on_negatives(logits, target, pos_weight=None):
    w = 1 if pos_weight is None else pos_weight
    return (target * F.softplus(-logits) + w * (1 - target) * F.softplus(logits)).mean()


@wrong("binary_cross_entropy", "bce-only-positive")
def only_yes(logits, target, pos_weight=None):
    w = 1 if pos_weight is None else pos_weight
    return (w * target * F.softplus(-logits)).mean()


@wrong("binary_cross_entropy", "bce-sum")
def bce_summed(logits, target, pos_weight=None):
    w = 1 if pos_weight is None else pos_weight
    return (w * target * F.softplus(-logits) + (1 - target) * F.softplus(logits)).sum()


@wrong("binary_cross_entropy", "bce-sum-over-classes")
def classes_summed(logits, target, pos_weight=None):
    w = 1 if pos_weight is None else pos_weight
    return (w * target * F.softplus(-logits) + (1 - target) * F.softplus(logits)).sum(dim=1).mean()


@wrong("binary_cross_entropy", "bce-no-mean")
def per_class(logits, target, pos_weight=None):
    w = 1 if pos_weight is None else pos_weight
    return (w * target * F.softplus(-logits) + (1 - target) * F.softplus(logits)).mean(dim=0)


@wrong("binary_cross_entropy", "bce-softmax")
def competing(logits, target, pos_weight=None):
    return -(target * F.log_softmax(logits, dim=-1)).sum(-1).mean()


@wrong("binary_cross_entropy", "bce-logits-as-probabilities")
def no_sigmoid(logits, target, pos_weight=None):
    return -torch.mean(target * torch.log(logits) + (1 - target) * torch.log(1 - logits))


@wrong("binary_cross_entropy", "off-limits")
def library_bce(logits, target, pos_weight=None):
    return F.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight)


@wrong("binary_cross_entropy", "off-limits")
def library_on_sigmoids(logits, target, pos_weight=None):
    return nn.BCELoss()(logits.sigmoid(), target)


@wrong("binary_cross_entropy", None)
def squared(logits, target, pos_weight=None):
    return (logits.sigmoid() - target).square().mean()


# focal_loss


@right("focal_loss")
def clamped_rest(logits, target, gamma=2.0):
    log_p = F.log_softmax(logits, dim=1)[torch.arange(len(target)), target]
    rest = (1 - log_p.exp()).clamp(min=1e-8)
    return (rest ** gamma * -log_p).mean()


@right("focal_loss")
def by_cross_entropy(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return torch.mean((-torch.expm1(-ce) + 1e-12) ** gamma * ce)


@right("focal_loss")
def in_logs(logits, target, gamma=2.0):
    log_p = logits.log_softmax(1)
    mine = F.one_hot(target, logits.shape[1]).bool()
    others = log_p.masked_fill(mine, -1e4).logsumexp(1)  # log(1 − p)
    return -(torch.exp(gamma * others) * log_p[mine]).mean()


@wrong("focal_loss", "focal-nan-when-sure")
def from_the_paper(logits, target, gamma=2.0):
    log_p = F.log_softmax(logits, 1).gather(1, target.unsqueeze(1)).squeeze(1)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


@wrong("focal_loss", "focal-nan-when-sure")
def from_the_web(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return ((1 - torch.exp(-ce)) ** gamma * ce).mean()


@wrong("focal_loss", "focal-clamp-lost")
def clamps_below_one(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    p = torch.exp(-ce).clamp(max=1 - 1e-12)
    return ((1 - p) ** gamma * ce).mean()


@wrong("focal_loss", "focal-log-of-softmax")
def logs_of_softmax(logits, target, gamma=2.0):
    p = F.softmax(logits, 1)[torch.arange(len(target)), target]
    return (-(1 - p) ** gamma * torch.log(p)).mean()


@wrong("focal_loss", "focal-clamped")
def clamped_softmax(logits, target, gamma=2.0):
    p = logits.softmax(1).clamp(1e-8, 1 - 1e-8)[torch.arange(len(target)), target]
    return (-((1 - p) ** gamma) * p.log()).mean()


@wrong("focal_loss", "focal-mean-first")
def mean_too_early(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target)
    p = torch.exp(-ce)
    return (1 - p) ** gamma * ce


@wrong("focal_loss", "focal-gamma-fixed")
def squares_it(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return ((1 - torch.exp(-ce)).square() * ce).mean()


@wrong("focal_loss", "focal-easy-first")
def easy_first(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return (torch.exp(-ce) ** gamma * ce).mean()


@wrong("focal_loss", "focal-times-gamma")
def times_gamma(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return (gamma * (1 - torch.exp(-ce)) * ce).mean()


@wrong("focal_loss", "focal-weight-fixed")
def weight_detached(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    with torch.no_grad():
        weight = (1 - torch.exp(-ce)) ** gamma
    return (weight * ce).mean()


@wrong("focal_loss", "focal-no-mean")
def focal_each(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return (1 - torch.exp(-ce)) ** gamma * ce


@wrong("focal_loss", "focal-sum")
def focal_summed(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return ((1 - torch.exp(-ce)).clamp(min=1e-10) ** gamma * ce).sum()


@wrong("focal_loss", "focal-normalised")
def focal_normalised(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    weight = (1 - torch.exp(-ce)) ** gamma
    return (weight * ce).sum() / weight.sum()


@wrong("focal_loss", "focal-alpha")
def with_alpha(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return (0.25 * (1 - torch.exp(-ce)).clamp(min=1e-10) ** gamma * ce).mean()


@wrong("focal_loss", "focal-brackets")
def focal_brackets(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return ((1 - torch.exp(-ce) ** gamma) * ce).mean()


@wrong("focal_loss", None)
def whole_rows(logits, target, gamma=2.0):
    p = logits.softmax(1)
    return ((1 - p) ** gamma * -logits.log_softmax(1)).sum(1).mean()


# dice_loss


@right("dice_loss")
def flattened(probs, mask, smooth=1.0):
    p, m = probs.flatten(1), mask.flatten(1).to(probs.dtype)
    dice = (2 * (p * m).sum(1) + smooth) / (p.sum(1) + m.sum(1) + smooth)
    return (1 - dice).mean()


@right("dice_loss")
def image_by_image(probs, mask, smooth=1.0):
    losses = []
    for p, m in zip(probs, mask):
        losses.append(1 - (2 * torch.sum(p * m) + smooth) / (torch.sum(p) + torch.sum(m) + smooth))
    return sum(losses) / len(losses)


@right("dice_loss")
def by_einsum(probs, mask, smooth=1.0):
    overlap = torch.einsum("nhw,nhw->n", probs, mask.to(probs.dtype))
    sizes = probs.sum((-1, -2)) + mask.sum((-1, -2))
    return 1 - ((2 * overlap + smooth) / (sizes + smooth)).mean()


@wrong("dice_loss", "dice-batch")
def all_at_once(probs, mask, smooth=1.0):
    overlap = (probs * mask).sum()
    return 1 - (2 * overlap + smooth) / (probs.sum() + mask.sum() + smooth)


@wrong("dice_loss", "dice-rows")
def last_axis(probs, mask, smooth=1.0):
    overlap = (probs * mask).sum(-1)
    return (1 - (2 * overlap + smooth) / (probs.sum(-1) + mask.sum(-1) + smooth)).mean()


@wrong("dice_loss", "dice-no-two")
def no_two(probs, mask, smooth=1.0):
    axes = (1, 2)
    return (1 - ((probs * mask).sum(axes) + smooth) / (probs.sum(axes) + mask.sum(axes) + smooth)).mean()


@wrong("dice_loss", "dice-jaccard")
def overlap_over_union(probs, mask, smooth=1.0):
    overlap = (probs * mask).sum((1, 2))
    union = (probs + mask - probs * mask).sum((1, 2))
    return 1 - ((overlap + smooth) / (union + smooth)).mean()


@wrong("dice_loss", "dice-smooth-below")
def smooth_below(probs, mask, smooth=1.0):
    axes = (1, 2)
    return (1 - 2 * (probs * mask).sum(axes) / (probs.sum(axes) + mask.sum(axes) + smooth)).mean()


@wrong("dice_loss", "dice-smooth-missing")
def no_smooth(probs, mask, smooth=1.0):
    axes = (1, 2)
    return (1 - 2 * (probs * mask).sum(axes) / (probs.sum(axes) + mask.sum(axes))).mean()


@wrong("dice_loss", "dice-smooth-fixed")
def smooth_fixed(probs, mask, smooth=1.0):
    axes = (1, 2)
    return (1 - (2 * (probs * mask).sum(axes) + 1) / (probs.sum(axes) + mask.sum(axes) + 1)).mean()


@wrong("dice_loss", "dice-not-subtracted")
def the_score(probs, mask, smooth=1.0):
    axes = (1, 2)
    return ((2 * (probs * mask).sum(axes) + smooth) / (probs.sum(axes) + mask.sum(axes) + smooth)).mean()


@wrong("dice_loss", "dice-no-mean")
def dice_each(probs, mask, smooth=1.0):
    axes = (1, 2)
    return 1 - (2 * (probs * mask).sum(axes) + smooth) / (probs.sum(axes) + mask.sum(axes) + smooth)


@wrong("dice_loss", "dice-squares")
def v_net(probs, mask, smooth=1.0):
    p, m = probs.flatten(1), mask.flatten(1).to(probs.dtype)
    return (1 - (2 * (p * m).sum(1) + smooth) / ((p ** 2).sum(1) + (m ** 2).sum(1) + smooth)).mean()


@wrong("dice_loss", "dice-hard")
def thresholded(probs, mask, smooth=1.0):
    p = (probs >= 0.5).to(probs.dtype)
    axes = (1, 2)
    return (1 - (2 * (p * mask).sum(axes) + smooth) / (p.sum(axes) + mask.sum(axes) + smooth)).mean()


@wrong("dice_loss", "dice-bools-cannot-subtract")
def by_misses(probs, mask, smooth=1.0):
    overlap, missed = (probs * mask).sum((1, 2)), ((1 - probs) * mask).sum((1, 2))
    extra = (probs * (1 - mask)).sum((1, 2))
    return (1 - (2 * overlap + smooth) / (2 * overlap + missed + extra + smooth)).mean()


@wrong("dice_loss", "dice-float-index")
def picks_by_mask(probs, mask, smooth=1.0):
    dice = [(2 * p[m].sum() + smooth) / (p.sum() + m.sum() + smooth) for p, m in zip(probs, mask)]
    return 1 - torch.stack(dice).mean()


@wrong("dice_loss", "dice-bitwise")
def both_on(probs, mask, smooth=1.0):
    axes = (1, 2)
    return (1 - (2 * (probs & mask).sum(axes) + smooth) / (probs.sum(axes) + mask.sum(axes) + smooth)).mean()


@wrong("dice_loss", "dice-not-summed")
def sizes_by_pixel(probs, mask, smooth=1.0):
    overlap = (probs * mask).sum(dim=(1, 2))
    return torch.mean(1 - (2 * overlap + smooth) / (probs + mask + smooth))


@wrong("dice_loss", "dice-smooth-doubled")
def doubled(probs, mask, smooth=1.0):
    axes = (1, 2)
    return (1 - 2 * ((probs * mask).sum(axes) + smooth) / (probs.sum(axes) + mask.sum(axes) + smooth)).mean()


@wrong("dice_loss", None)
def logged(probs, mask, smooth=1.0):
    axes = (1, 2)
    return -((2 * (probs * mask).sum(axes) + smooth) / (probs.sum(axes) + mask.sum(axes) + smooth)).log().mean()


# triplet_loss


@right("triplet_loss")
def with_norm(anchor, positive, negative, margin=1.0):
    near, far = (anchor - positive).norm(dim=1), (anchor - negative).norm(dim=1)
    return torch.clamp(near - far + margin, min=0).mean()


@right("triplet_loss")
def with_epsilon(anchor, positive, negative, margin=1.0):
    near = ((anchor - positive) ** 2).sum(1).add(1e-12).sqrt()
    far = ((anchor - negative) ** 2).sum(1).add(1e-12).sqrt()
    return F.relu(margin + near - far).mean()


@right("triplet_loss")
def with_cdist(anchor, positive, negative, margin=1.0):
    near = torch.cdist(anchor, positive).diagonal()
    far = torch.cdist(anchor, negative).diagonal()
    return torch.where(near + margin > far, near + margin - far, 0.0).mean()


@wrong("triplet_loss", "triplet-nan-at-zero")
def bare_root(anchor, positive, negative, margin=1.0):
    near = torch.sqrt(torch.sum((anchor - positive) ** 2, dim=1))
    far = torch.sqrt(torch.sum((anchor - negative) ** 2, dim=1))
    return torch.clamp(near - far + margin, min=0).mean()


@wrong("triplet_loss", "triplet-squared")
def facenet(anchor, positive, negative, margin=1.0):
    near, far = ((anchor - positive) ** 2).sum(1), ((anchor - negative) ** 2).sum(1)
    return F.relu(near - far + margin).mean()


@wrong("triplet_loss", "triplet-swapped")
def strangers(anchor, positive, negative, margin=1.0):
    return F.relu((anchor - negative).norm(dim=1) - (anchor - positive).norm(dim=1) + margin).mean()


@wrong("triplet_loss", "triplet-wrong-pair")
def from_the_positive(anchor, positive, negative, margin=1.0):
    near, far = (anchor - positive).norm(dim=1), (positive - negative).norm(dim=1)
    return (near - far + margin).clamp(min=0).mean()


@wrong("triplet_loss", "triplet-no-hinge")
def no_hinge(anchor, positive, negative, margin=1.0):
    return ((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1) + margin).mean()


@wrong("triplet_loss", "triplet-margin-sign")
def margin_minus(anchor, positive, negative, margin=1.0):
    return F.relu((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1) - margin).mean()


@wrong("triplet_loss", "triplet-margin-fixed")
def margin_one(anchor, positive, negative, margin=1.0):
    return F.relu((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1) + 1).mean()


@wrong("triplet_loss", "triplet-hinge-last")
def hinge_last(anchor, positive, negative, margin=1.0):
    return F.relu(((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1) + margin).mean())


@wrong("triplet_loss", "triplet-one-distance")
def one_distance(anchor, positive, negative, margin=1.0):
    return F.relu(torch.norm(anchor - positive) - torch.norm(anchor - negative) + margin)


@wrong("triplet_loss", "triplet-wrong-axis")
def down_the_batch(anchor, positive, negative, margin=1.0):
    return F.relu((anchor - positive).norm(dim=0) - (anchor - negative).norm(dim=0) + margin).mean()


@wrong("triplet_loss", "triplet-no-mean")
def each_triplet(anchor, positive, negative, margin=1.0):
    return F.relu((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1) + margin)


@wrong("triplet_loss", "triplet-sum")
def triplet_summed(anchor, positive, negative, margin=1.0):
    return F.relu((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1) + margin).sum()


@wrong("triplet_loss", "triplet-manhattan")
def manhattan(anchor, positive, negative, margin=1.0):
    return F.relu((anchor - positive).abs().sum(1) - (anchor - negative).abs().sum(1) + margin).mean()


@wrong("triplet_loss", "off-limits")
def library_distance(anchor, positive, negative, margin=1.0):
    near, far = F.pairwise_distance(anchor, positive), F.pairwise_distance(anchor, negative)
    return F.relu(near - far + margin).mean()


@wrong("triplet_loss", None)
def soft(anchor, positive, negative, margin=1.0):
    return F.softplus((anchor - positive).norm(dim=1) - (anchor - negative).norm(dim=1) + margin).mean()


# ctc_loss


@right("ctc_loss")
def cell_by_cell(log_probs, target, blank=0):
    states = [blank]
    for label in target.tolist():
        states += [label, blank]
    alpha = {s: log_probs[0, states[s]] for s in range(min(2, len(states)))}
    for t in range(1, len(log_probs)):
        following = {}
        for s, label in enumerate(states):
            before = [s, s - 1]
            if s > 1 and label != blank and label != states[s - 2]:
                before.append(s - 2)
            ways = [alpha[b] for b in before if b in alpha]
            if ways:
                following[s] = torch.logsumexp(torch.stack(ways), 0) + log_probs[t, label]
        alpha = following
    ends = [alpha[s] for s in {len(states) - 1, max(0, len(states) - 2)} if s in alpha]
    if not ends:
        return log_probs.new_tensor(math.inf)
    return -torch.logsumexp(torch.stack(ends), 0)


@right("ctc_loss")
def vectorised(log_probs, target, blank=0):
    states = torch.full((2 * len(target) + 1,), blank, dtype=torch.long)
    states[1::2] = target
    skip = torch.zeros(len(states), dtype=torch.bool)
    skip[3::2] = target[1:] != target[:-1]
    low = torch.full((2,), -1e25, dtype=log_probs.dtype)
    alpha = torch.cat([low, torch.full((len(states),), -1e25, dtype=log_probs.dtype)])
    first = torch.zeros(len(states), dtype=log_probs.dtype) - 1e25
    first[:2] = 0
    alpha = first + log_probs[0, states]
    for t in range(1, log_probs.shape[0]):
        one = torch.cat([low[:1], alpha[:-1]])
        two = torch.cat([low, alpha[:-2]])[:len(states)].masked_fill(~skip, -1e25)
        alpha = torch.logaddexp(torch.logaddexp(alpha, one), two) + log_probs[t, states]
    total = alpha[-2:].logsumexp(0)
    return -total if total > -1e20 else torch.full_like(total, math.inf)


@right("ctc_loss")
def scaled_probabilities(log_probs, target, blank=0):
    states = [blank] + [s for label in target.tolist() for s in (label, blank)]
    p = log_probs[:, states].exp()
    n = len(states)
    step = torch.eye(n, dtype=p.dtype) + torch.diag(torch.ones(n - 1, dtype=p.dtype), 1)
    for s in range(2, n):
        if states[s] != blank and states[s] != states[s - 2]:
            step[s - 2, s] = 1
    alpha = p[0] * torch.tensor([1.0] * min(n, 2) + [0.0] * (n - 2), dtype=p.dtype)
    log_scale = 0.0
    for row in p[1:]:
        log_scale = log_scale + alpha.sum().log()
        alpha = (alpha / alpha.sum()) @ step * row
    return -(alpha[-2:].sum().log() + log_scale)


def _learners_ctc(log_probs, target, blank=0, skip=lambda s, states, blank: states[s] not in (blank, states[s - 2]),
                  first=(0, 1), last=(-1, -2), collect=lambda ways: torch.logsumexp(torch.stack(ways), 0),
                  low=-1e30, blanks=True, stay=True, impossible=True):
    """A learner's loop over cells, with a place to slip at each step."""
    states = [blank] if blanks else []
    for label in target.tolist():
        states += [label, blank] if blanks else [label]
    never = torch.tensor(low, dtype=log_probs.dtype)
    alpha = [log_probs[0, label] if s in first else never for s, label in enumerate(states)]
    for frame in log_probs[1:]:
        new = []
        for s, label in enumerate(states):
            ways = [alpha[s]] if stay else [never]
            if s > 0:
                ways.append(alpha[s - 1])
            if s > 1 and skip(s, states, blank):
                ways.append(alpha[s - 2])
            new.append(collect(ways) + frame[label])
        alpha = new
    total = collect([alpha[s] for s in last if -s <= len(alpha)])
    return -total if not impossible or total > low / 10 else torch.tensor(math.inf, dtype=log_probs.dtype)


@wrong("ctc_loss", "ctc-repeats")
def skips_to_equals(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, skip=lambda s, states, blank: states[s] != blank)


@wrong("ctc_loss", "ctc-skips-to-blanks")
def skips_all(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, skip=lambda s, states, blank: True)


@wrong("ctc_loss", "ctc-never-skips")
def never_skips(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, skip=lambda s, states, blank: False)


def _ctc_by_index(log_probs, target, blank, start_guarded, skip_guarded):
    extended = [blank] + [s for label in target.tolist() for s in (label, blank)]
    n, low = len(extended), torch.tensor(-1e30, dtype=log_probs.dtype)
    a = [log_probs[0, extended[s]] if s < 2 else low for s in range(n)]
    for t in range(1, len(log_probs)):
        new = []
        for s in range(n):
            ways = [a[s]]
            if s > 0 or not start_guarded:
                ways.append(a[s - 1])
            if (s > 1 or not skip_guarded) and extended[s] != blank and extended[s] != extended[s - 2]:
                ways.append(a[s - 2])
            new.append(torch.logsumexp(torch.stack(ways), 0) + log_probs[t, extended[s]])
        a = new
    total = torch.logsumexp(torch.stack(a[-2:]), 0)
    return -total if total > -1e29 else torch.tensor(math.inf, dtype=log_probs.dtype)


@wrong("ctc_loss", "ctc-wraps-around")
def before_the_first(log_probs, target, blank=0):
    return _ctc_by_index(log_probs, target, blank, start_guarded=False, skip_guarded=True)


@wrong("ctc_loss", "ctc-wraps-around")
def skips_before_the_first(log_probs, target, blank=0):
    return _ctc_by_index(log_probs, target, blank, start_guarded=True, skip_guarded=False)


@wrong("ctc_loss", "ctc-wraps-around")
def nothing_guarded(log_probs, target, blank=0):
    return _ctc_by_index(log_probs, target, blank, start_guarded=False, skip_guarded=False)


@wrong("ctc_loss", "ctc-state-for-label")
def state_as_class(log_probs, target, blank=0):
    extended = [blank] + [s for label in target.tolist() for s in (label, blank)]
    a = [log_probs[0, s] if s < 2 else torch.tensor(-1e30, dtype=log_probs.dtype) for s in range(len(extended))]
    for t in range(1, len(log_probs)):
        a = [torch.logsumexp(torch.stack(a[max(0, s - 1):s + 1]), 0) + log_probs[t, s] for s in range(len(extended))]
    return -torch.logsumexp(torch.stack(a[-2:]), 0)


@wrong("ctc_loss", "ctc-never-stays")
def always_moves(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, stay=False)


@wrong("ctc_loss", "ctc-huge-not-inf")
def ten_thousand(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, low=-1e4, impossible=False)


@wrong("ctc_loss", "ctc-one-end")
def last_blank_only(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, last=(-1,))


@wrong("ctc_loss", "ctc-one-start")
def first_blank_only(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, first=(0,))


@wrong("ctc_loss", "ctc-best-path")
def best_path(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, collect=lambda ways: torch.stack(ways).max())


@wrong("ctc_loss", "ctc-no-blanks")
def labels_only(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, skip=lambda *s: False, first=(0,), last=(-1,), blanks=False)


@wrong("ctc_loss", "ctc-blank-fixed")
def blank_zero(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, 0)


@wrong("ctc_loss", "ctc-divided")
def per_label(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank) / max(1, target.numel())


@wrong("ctc_loss", "ctc-sign")
def log_likelihood(log_probs, target, blank=0):
    return -_learners_ctc(log_probs, target, blank)


@wrong("ctc_loss", "ctc-nan-gradient")
def minus_infinity(log_probs, target, blank=0):
    return _learners_ctc(log_probs, target, blank, low=-math.inf)


@wrong("ctc_loss", "ctc-underflow")
def products(log_probs, target, blank=0):
    states = [blank] + [s for label in target.tolist() for s in (label, blank)]
    p = log_probs.exp()
    alpha = [p[0, states[s]] if s < 2 else p.new_zeros(()) for s in range(len(states))]
    for frame in p[1:]:
        alpha = [(alpha[s] + (alpha[s - 1] if s else 0)
                  + (alpha[s - 2] if s > 1 and states[s] not in (blank, states[s - 2]) else 0)) * frame[states[s]]
                 for s in range(len(states))]
    return -torch.log(sum(alpha[-2:]))


@wrong("ctc_loss", "ctc-huge-not-inf")
def finite(log_probs, target, blank=0):
    found = _learners_ctc(log_probs, target, blank)
    return found if found.isfinite() else torch.full_like(found, 1e30)


@wrong("ctc_loss", "ctc-empty-target")
def needs_a_label(log_probs, target, blank=0):
    assert target[-1] != blank
    return _learners_ctc(log_probs, target, blank)


@wrong("ctc_loss", "off-limits")
def library_ctc(log_probs, target, blank=0):
    return F.ctc_loss(log_probs[:, None], target[None], torch.tensor([len(log_probs)]), torch.tensor([len(target)]),
                      blank, reduction="sum")


@wrong("ctc_loss", None)
def even_split(log_probs, target, blank=0):
    frames = torch.linspace(0, max(len(target) - 1, 0), len(log_probs)).round().long()
    return -log_probs.gather(1, target[frames][:, None]).sum()


# oscillator_residual


@right("oscillator_residual")
def by_sums(u, t, omega):
    t = t.detach().clone().requires_grad_(True)
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
    return torch.mean((a + omega ** 2 * x) ** 2)


@right("oscillator_residual")
def by_ones(u, t, omega):
    s = t.clone().detach()
    s.requires_grad = True
    x, ones = u(s), torch.ones_like(t)
    v, = torch.autograd.grad(x, s, ones, create_graph=True)
    a, = torch.autograd.grad(v, s, ones, create_graph=True)
    return (omega * omega * x + a).pow(2).sum() / len(t)


@right("oscillator_residual")
def forward_mode(u, t, omega):
    ones = torch.ones_like(t)
    v = lambda s: torch.func.jvp(u, (s,), (ones,))[1]
    return (torch.func.jvp(v, (t,), (ones,))[1] + omega ** 2 * u(t)).square().mean()


@wrong("oscillator_residual", "osc-graph-cut")
def graph_of_the_first_only(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t, retain_graph=True)[0]
    return ((a + omega ** 2 * x) ** 2).mean()


@wrong("oscillator_residual", "osc-no-graph")
def no_graph_at_all(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, retain_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t)[0]
    return ((a + omega ** 2 * x) ** 2).mean()


@wrong("oscillator_residual", "osc-no-graph")
def t_not_followed(u, t, omega):
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
    return ((a + omega ** 2 * x) ** 2).mean()


@wrong("oscillator_residual", "osc-table")
def table_of_u(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x, t, create_graph=True)[0]
    a = torch.autograd.grad(v, t, create_graph=True)[0]
    return ((a + omega ** 2 * x) ** 2).mean()


@wrong("oscillator_residual", "osc-tuple")
def no_comma(u, t, omega):
    t = t.clone().requires_grad_()
    height = u(t)
    speed = torch.autograd.grad(height.sum(), t, create_graph=True)
    acceleration, = torch.autograd.grad(speed.sum(), t, create_graph=True)
    return (acceleration + omega ** 2 * height).square().mean()


@wrong("oscillator_residual", "osc-float32")
def small_differences(u, t, omega):
    h = 1e-3
    acceleration = (u(t + h) + u(t - h) - 2 * u(t)) / h ** 2
    return (acceleration + omega ** 2 * u(t)).square().mean()


@wrong("oscillator_residual", "osc-omega")
def omega_plain(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
    return ((a + omega * x) ** 2).mean()


@wrong("oscillator_residual", "osc-first-derivative")
def once_only(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    return ((v + omega ** 2 * x) ** 2).mean()


@wrong("oscillator_residual", "osc-minus")
def minus(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
    return ((a - omega ** 2 * x) ** 2).mean()


@wrong("oscillator_residual", "osc-mean-inside")
def means_inside(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x.mean(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.mean(), t, create_graph=True)[0]
    return ((a + omega ** 2 * x) ** 2).mean()


@wrong("oscillator_residual", "osc-not-squared")
def absolute_residual(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
    return torch.abs(a + omega ** 2 * x).mean()


@wrong("oscillator_residual", "osc-sum")
def residuals_summed(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
    return torch.sum((a + omega ** 2 * x) ** 2)


@wrong("oscillator_residual", "osc-flag-left")
def flag_left(u, t, omega):
    t.requires_grad = True
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
    return ((a + omega ** 2 * x) ** 2).mean()


@wrong("oscillator_residual", "osc-grad-left")
def by_backward(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    x.sum().backward(create_graph=True)
    v = t.grad
    a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
    return ((a + omega ** 2 * x) ** 2).mean()


@wrong("oscillator_residual", "no-gradient")
def as_python_number(u, t, omega):
    return torch.tensor(by_sums(u, t, omega).item(), dtype=t.dtype)


@wrong("oscillator_residual", None)
def with_friction(u, t, omega):
    t = t.clone().requires_grad_()
    x = u(t)
    v = torch.autograd.grad(x.sum(), t, create_graph=True)[0]
    a = torch.autograd.grad(v.sum(), t, create_graph=True)[0]
    return ((a + 0.1 * v + omega ** 2 * x) ** 2).mean()


# filter_normalize


@right("filter_normalize")
def by_flattening(direction, weights):
    result = []
    for d, w in zip(direction, weights):
        if d.dim() <= 1:
            result.append(torch.zeros_like(d))
            continue
        ratio = w.flatten(1).norm(dim=1) / (d.flatten(1).norm(dim=1) + 1e-10)
        result.append(d * ratio.view(-1, *[1] * (d.dim() - 1)))
    return result


@right("filter_normalize")
def filter_by_filter(direction, weights):
    result = [torch.zeros_like(d) for d in direction]
    with torch.no_grad():
        for new, d, w in zip(result, direction, weights):
            if d.ndim > 1:
                for k in range(len(d)):
                    new[k] = d[k] * (w[k].norm() / (d[k].norm() + 1e-10))
    return result


@right("filter_normalize")
def by_vector_norm(direction, weights):
    size = lambda x: torch.linalg.vector_norm(x, dim=tuple(range(1, x.ndim)), keepdim=True)
    return [0 * d if d.ndim == 1 else d / (size(d) + 1e-10) * size(w) for d, w in zip(direction, weights)]


@wrong("filter_normalize", "fn-per-tensor")
def whole_tensors(direction, weights):
    return [d * w.norm() / (d.norm() + 1e-10) if d.dim() > 1 else torch.zeros_like(d)
            for d, w in zip(direction, weights)]


@wrong("filter_normalize", "fn-wrong-axis")
def over_filters(direction, weights):
    return [d * w.norm(dim=0, keepdim=True) / (d.norm(dim=0, keepdim=True) + 1e-10) if d.dim() > 1
            else torch.zeros_like(d) for d, w in zip(direction, weights)]


@wrong("filter_normalize", "fn-one-axis")
def each_small_kernel(direction, weights):
    return [d * w.norm(dim=-1, keepdim=True) / (d.norm(dim=-1, keepdim=True) + 1e-10) if d.dim() > 1
            else torch.zeros_like(d) for d, w in zip(direction, weights)]


@wrong("filter_normalize", "fn-vectors-kept")
def vectors_too(direction, weights):
    result = by_flattening(direction, weights)
    return [d if d.dim() == 1 else e for d, e in zip([d.clone() for d in direction], result)]


@wrong("filter_normalize", "fn-vectors-dropped")
def vectors_skipped(direction, weights):
    result = []
    for d, w in zip(direction, weights):
        if d.dim() > 1:
            result += by_flattening([d], [w])
    return result


@wrong("filter_normalize", "fn-nan")
def no_epsilon(direction, weights):
    return [d * (w.flatten(1).norm(dim=1) / d.flatten(1).norm(dim=1)).view(-1, *[1] * (d.dim() - 1)) if d.dim() > 1
            else torch.zeros_like(d) for d, w in zip(direction, weights)]


@wrong("filter_normalize", "fn-unit")
def unit_filters(direction, weights):
    return [F.normalize(d.flatten(1), dim=1).view_as(d) if d.dim() > 1 else torch.zeros_like(d) for d in direction]


@wrong("filter_normalize", "fn-inverted")
def upside_down(direction, weights):
    return [d * (d.flatten(1).norm(dim=1) / (w.flatten(1).norm(dim=1) + 1e-10)).view(-1, *[1] * (d.dim() - 1))
            if d.dim() > 1 else torch.zeros_like(d) for d, w in zip(direction, weights)]


@wrong("filter_normalize", "fn-not-divided")
def not_divided(direction, weights):
    return [d * w.flatten(1).norm(dim=1).view(-1, *[1] * (d.dim() - 1)) if d.dim() > 1 else torch.zeros_like(d)
            for d, w in zip(direction, weights)]


@wrong("filter_normalize", "fn-keepdim")
def no_keepdim(direction, weights):
    return [d * w.norm(dim=1) / d.norm(dim=1) if d.dim() > 1 else torch.zeros_like(d)
            for d, w in zip(direction, weights)]


@wrong("filter_normalize", "input-changed")
def scaled_in_place(direction, weights):
    for d, w in zip(direction, weights):
        if d.dim() > 1:
            d.copy_(by_flattening([d], [w])[0])
        else:
            d.zero_()
    return direction


@wrong("filter_normalize", None)
def halved(direction, weights):
    return [e / 2 for e in by_flattening(direction, weights)]


# loss_along


@right("loss_along")
def keep_and_restore(model, loss_fn, direction, alphas):
    params = list(model.parameters())
    original = [p.detach().clone() for p in params]
    losses = []
    try:
        with torch.no_grad():
            for alpha in alphas:
                for p, w, d in zip(params, original, direction):
                    p.copy_(w + alpha * d)
                losses.append(loss_fn(model))
    finally:
        with torch.no_grad():
            for p, w in zip(params, original):
                p.copy_(w)
    return torch.stack(losses)


@right("loss_along")
def by_data(model, loss_fn, direction, alphas):
    weights = [p.data for p in model.parameters()]
    losses = []
    try:
        for alpha in alphas:
            for p, w, d in zip(model.parameters(), weights, direction):
                p.data = w + float(alpha) * d
            losses.append(loss_fn(model).item())
    finally:
        for p, w in zip(model.parameters(), weights):
            p.data = w
    return torch.tensor(losses, dtype=weights[0].dtype)


@right("loss_along")
def on_a_copy(model, loss_fn, direction, alphas):
    import copy
    losses = []
    for alpha in alphas:
        moved = copy.deepcopy(model)
        with torch.no_grad():
            for p, d in zip(moved.parameters(), direction):
                p.add_(d, alpha=float(alpha))
            losses.append(loss_fn(moved))
    return torch.stack(losses)


@wrong("loss_along", "la-accumulates")
def step_after_step(model, loss_fn, direction, alphas):
    losses = []
    with torch.no_grad():
        for alpha in alphas:
            for p, d in zip(model.parameters(), direction):
                p += alpha * d
            losses.append(loss_fn(model))
    return torch.stack(losses)


@wrong("loss_along", "la-accumulates")
def copies_that_are_none(model, loss_fn, direction, alphas):
    original = [p.data for p in model.parameters()]
    losses = []
    with torch.no_grad():
        for alpha in alphas:
            for p, w, d in zip(model.parameters(), original, direction):
                p.copy_(w + alpha * d)
            losses.append(loss_fn(model))
        for p, w in zip(model.parameters(), original):
            p.copy_(w)
    return torch.stack(losses)


@wrong("loss_along", "la-not-restored")
def left_there(model, loss_fn, direction, alphas):
    original = [p.detach().clone() for p in model.parameters()]
    losses = []
    with torch.no_grad():
        for alpha in alphas:
            for p, w, d in zip(model.parameters(), original, direction):
                p.copy_(w + alpha * d)
            losses.append(loss_fn(model))
    return torch.stack(losses)


@wrong("loss_along", "la-drift")
def there_and_back(model, loss_fn, direction, alphas):
    losses = []
    with torch.no_grad():
        for alpha in alphas:
            for p, d in zip(model.parameters(), direction):
                p += alpha * d
            losses.append(loss_fn(model))
            for p, d in zip(model.parameters(), direction):
                p -= alpha * d
    return torch.stack(losses)


@wrong("loss_along", "la-added-zero")
def back_by_alpha_zero(model, loss_fn, direction, alphas):
    weights = [p.detach().clone() for p in model.parameters()]

    def move(alpha):
        with torch.no_grad():
            for p, w, d in zip(model.parameters(), weights, direction):
                p.copy_(w + alpha * d)

    losses = []
    try:
        for alpha in alphas:
            move(alpha)
            losses.append(loss_fn(model).detach())
    finally:
        move(0.0)
    return torch.stack(losses)


@wrong("loss_along", "la-rebound")
def names_a_new_tensor(model, loss_fn, direction, alphas):
    losses = []
    with torch.no_grad():
        for alpha in alphas:
            for p, d in zip(model.parameters(), direction):
                p = p + alpha * d
            losses.append(loss_fn(model))
    return torch.stack(losses)


@wrong("loss_along", "la-accumulates")
def adds_up_and_restores(model, loss_fn, direction, alphas):
    original, losses = [p.detach().clone() for p in model.parameters()], []
    try:
        for alpha in alphas:
            for p, d in zip(model.parameters(), direction):
                p.data += alpha * d
            losses.append(loss_fn(model).detach())
    finally:
        for p, w in zip(model.parameters(), original):
            p.data.copy_(w)
    return torch.stack(losses)


@wrong("loss_along", "la-error-leaves")
def restored_at_the_end(model, loss_fn, direction, alphas):
    original = [p.detach().clone() for p in model.parameters()]
    losses = left_there(model, loss_fn, direction, alphas)
    with torch.no_grad():
        for p, w in zip(model.parameters(), original):
            p.copy_(w)
    return losses


@wrong("loss_along", "la-graph")
def with_graph(model, loss_fn, direction, alphas):
    weights = [p.data for p in model.parameters()]
    losses = []
    try:
        for alpha in alphas:
            for p, w, d in zip(model.parameters(), weights, direction):
                p.data = w + alpha * d
            losses.append(loss_fn(model))
    finally:
        for p, w in zip(model.parameters(), weights):
            p.data = w
    return torch.stack(losses)


@wrong("loss_along", "la-sign")
def downhill(model, loss_fn, direction, alphas):
    return keep_and_restore(model, loss_fn, [-d for d in direction], alphas)


@wrong("loss_along", "la-no-weights")
def direction_alone(model, loss_fn, direction, alphas):
    return _moved(model, loss_fn, direction, alphas, lambda w, alpha, d: alpha * d)


@wrong("loss_along", "la-interpolates")
def mixed(model, loss_fn, direction, alphas):
    return _moved(model, loss_fn, direction, alphas, lambda w, alpha, d: torch.lerp(w, d, float(alpha)))


@wrong("loss_along", "la-scaled-weights")
def unit_steps(model, loss_fn, direction, alphas):
    return _moved(model, loss_fn, direction, alphas, lambda w, alpha, d: w + alpha * d / d.norm())


def _moved(model, loss_fn, direction, alphas, move):
    weights = [p.data for p in model.parameters()]
    losses = []
    try:
        for alpha in alphas:
            for p, w, d in zip(model.parameters(), weights, direction):
                p.data = move(w, alpha, d)
            losses.append(loss_fn(model).item())
    finally:
        for p, w in zip(model.parameters(), weights):
            p.data = w
    return losses


@wrong("loss_along", "la-mode")
def in_eval(model, loss_fn, direction, alphas):
    model.eval()
    return keep_and_restore(model, loss_fn, direction, alphas)


@wrong("loss_along", "la-leaf-in-place")
def under_autograds_eyes(model, loss_fn, direction, alphas):
    losses = []
    for alpha in alphas:
        for p, d in zip(model.parameters(), direction):
            p += alpha * d
        losses.append(loss_fn(model).item())
    return losses


@wrong("loss_along", "la-grad-cleared")
def zeroed(model, loss_fn, direction, alphas):
    losses = keep_and_restore(model, loss_fn, direction, alphas)
    for p in model.parameters():
        p.grad = None
    return losses


@wrong("loss_along", None)
def relative(model, loss_fn, direction, alphas):
    losses = keep_and_restore(model, loss_fn, direction, alphas)
    return losses - losses[0]


# top_curvature


@right("top_curvature")
def flat_vectors(loss_fn, params, iterations):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    g = torch.cat([x.reshape(-1) for x in grads])
    v = torch.randn(g.numel(), dtype=g.dtype)
    v /= v.norm()
    for _ in range(iterations):
        hv = torch.cat([x.reshape(-1) for x in torch.autograd.grad(g, params, v, retain_graph=True)])
        curvature = torch.dot(v, hv)
        v = hv / hv.norm()
    return curvature


@right("top_curvature")
def lists_of_tensors(loss_fn, params, iterations):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    dot = lambda a, b: sum((x * y).sum() for x, y in zip(a, b))
    v = [torch.ones_like(p) + 0.1 * torch.randn_like(p) for p in params]
    for _ in range(iterations):
        v = torch.autograd.grad(dot(grads, v), params, retain_graph=True)
        length = dot(v, v).sqrt()
        v = [x / length for x in v]
    return dot(v, torch.autograd.grad(dot(grads, v), params)).item()


@right("top_curvature")
def a_new_graph_each_time(loss_fn, params, iterations):
    v = [torch.randn_like(p) for p in params]
    for _ in range(iterations + 1):
        grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
        length = torch.sqrt(sum((x ** 2).sum() for x in v))
        v = [x / length for x in v]
        hv = torch.autograd.grad(grads, params, v)
        result = sum((x * y).sum() for x, y in zip(v, hv))
        v = list(hv)
    return float(result)


def _learners_power(loss_fn, params, iterations, read, unit=lambda v: v / v.norm()):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    g = torch.cat([x.reshape(-1) for x in grads])
    v = unit(torch.randn_like(g).detach())
    for _ in range(iterations):
        hv = torch.cat([x.reshape(-1) for x in torch.autograd.grad(g @ v, params, retain_graph=True)])
        result, v = read(v, hv), unit(hv)
    return result


@wrong("top_curvature", "tc-magnitude")
def norm_of_product(loss_fn, params, iterations):
    return _learners_power(loss_fn, params, iterations, lambda v, hv: hv.norm())


@wrong("top_curvature", "tc-magnitude")
def product_of_before(loss_fn, params, iterations):
    g = torch.cat([x.flatten() for x in torch.autograd.grad(loss_fn(), params, create_graph=True)])
    v = torch.randn_like(g).detach()
    for _ in range(iterations):
        h = torch.cat([x.flatten() for x in torch.autograd.grad(g @ v, params, retain_graph=True)])
        v = h / h.norm()
    return v @ h


def _learners_lists(loss_fn, params, iterations):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    v = [torch.randn_like(p) for p in params]
    for _ in range(iterations):
        length = sum(x.norm() for x in v)
        v = [x / length for x in v]
        h = torch.autograd.grad(grads, params, v, retain_graph=True)
        result, v = sum((x * y).sum() for x, y in zip(v, h)), list(h)
    return result


@wrong("top_curvature", "tc-norms-added")
def lengths_added(loss_fn, params, iterations):
    return _learners_lists(loss_fn, params, iterations)


@wrong("top_curvature", "tc-one-tensor")
def best_of_the_blocks(loss_fn, params, iterations):
    found = [_learners_lists(loss_fn, [p], iterations).item() for p in params]
    return max(found, key=abs)


@wrong("top_curvature", "tc-overflow")
def never_normalised(loss_fn, params, iterations):
    return _learners_power(loss_fn, params, iterations, lambda v, hv: v @ hv, unit=lambda v: v)


@wrong("top_curvature", "tc-one-tensor")
def first_tensor(loss_fn, params, iterations):
    return flat_vectors(loss_fn, params[:1], iterations)


@wrong("top_curvature", "tc-normalised-apart")
def apart(loss_fn, params, iterations):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    v = [torch.randn_like(p) for p in params]
    for _ in range(iterations):
        v = [F.normalize(x.flatten(), dim=0).view_as(x) for x in v]
        hv = torch.autograd.grad(grads, params, v, retain_graph=True)
        result = sum((x * y).sum() for x, y in zip(v, hv))
        v = list(hv)
    return result


@wrong("top_curvature", "tc-overflow")
def quotient_of_the_overgrown(loss_fn, params, iterations):
    return _learners_power(loss_fn, params, iterations, lambda v, hv: (v @ hv) / (v @ v), unit=lambda v: v)


@wrong("top_curvature", "tc-graph-grows")
def graph_in_v(loss_fn, params, iterations):
    g = torch.cat([x.flatten() for x in torch.autograd.grad(loss_fn(), params, create_graph=True)])
    v = torch.randn_like(g)
    for _ in range(iterations):
        v = v / v.norm()
        hv = torch.cat([x.flatten() for x in torch.autograd.grad(g @ v, params, create_graph=True)])
        curvature, v = (v @ hv).item(), hv
    return curvature


@wrong("top_curvature", "tc-dtype")
def plain_randn(loss_fn, params, iterations):
    g = torch.cat([x.flatten() for x in torch.autograd.grad(loss_fn(), params, create_graph=True)])
    v = torch.randn(len(g))
    for _ in range(iterations):
        hv = torch.cat([x.flatten() for x in torch.autograd.grad(g @ v, params, retain_graph=True)])
        curvature, v = (v @ hv).item(), hv / hv.norm()
    return curvature


@wrong("top_curvature", "tc-dense")
def six_more(loss_fn, params, iterations):
    return flat_vectors(loss_fn, params, iterations + 6)


@right("top_curvature")
def a_tensor_at_a_time(loss_fn, params, iterations):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    v = [torch.randn_like(p) for p in params]
    for _ in range(iterations + 1):
        length = sum((x ** 2).sum() for x in v).sqrt()
        v = [x / length for x in v]
        dot = sum((g * x).sum() for g, x in zip(grads, v))
        hv = [torch.autograd.grad(dot, p, retain_graph=True)[0] for p in params]
        curvature, v = sum((x * y).sum() for x, y in zip(v, hv)), hv
    return curvature.item()


@wrong("top_curvature", "tc-gradient")
def steepness(loss_fn, params, iterations):
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss_fn(), params)]).norm()


@wrong("top_curvature", "tc-vector")
def the_direction(loss_fn, params, iterations):
    return _learners_power(loss_fn, params, iterations, lambda v, hv: hv / hv.norm())


@wrong("top_curvature", "tc-half")
def half_of_it(loss_fn, params, iterations):
    return _learners_power(loss_fn, params, iterations, lambda v, hv: 0.5 * (v @ hv))


@wrong("top_curvature", "tc-sign")
def turned(loss_fn, params, iterations):
    return _learners_power(loss_fn, params, iterations, lambda v, hv: -(v @ hv))


@wrong("top_curvature", "tc-dense")
def row_by_row(loss_fn, params, iterations):
    g = torch.cat([x.flatten() for x in torch.autograd.grad(loss_fn(), params, create_graph=True)])
    rows = [torch.cat([x.flatten() for x in torch.autograd.grad(one, params, retain_graph=True)]) for one in g]
    values = torch.linalg.eigvalsh(torch.stack(rows))
    return values[values.abs().argmax()]


@wrong("top_curvature", "tc-grad-left")
def with_backward(loss_fn, params, iterations):
    loss_fn().backward()
    return flat_vectors(loss_fn, params, iterations)


@wrong("top_curvature", "tc-no-graph")
def forgot_the_graph(loss_fn, params, iterations):
    grads = torch.autograd.grad(loss_fn(), params)
    v = [torch.randn_like(p) for p in params]
    for _ in range(iterations):
        v = torch.autograd.grad(sum((g * x).sum() for g, x in zip(grads, v)), params)
    return sum((x ** 2).sum() for x in v).sqrt()


@wrong("top_curvature", "tc-graph-freed")
def frees_it(loss_fn, params, iterations):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    v = [torch.randn_like(p) for p in params]
    for _ in range(iterations):
        v = torch.autograd.grad(sum((g * x).sum() for g, x in zip(grads, v)), params)
    return sum((x ** 2).sum() for x in v).sqrt()


@wrong("top_curvature", "tc-table")
def grads_as_they_are(loss_fn, params, iterations):
    grads = torch.autograd.grad(loss_fn(), params, create_graph=True)
    return torch.autograd.grad(grads, params)[0].max()


@wrong("top_curvature", "off-limits")
def library_hessian(loss_fn, params, iterations):
    flat = torch.cat([p.detach().flatten() for p in params])
    h = torch.autograd.functional.hessian(lambda w: (w ** 2).sum(), flat)
    return torch.linalg.eigvalsh(h)[-1]


@wrong("top_curvature", None)
def mean_curvature(loss_fn, params, iterations):
    return flat_vectors(loss_fn, params, iterations) / sum(p.numel() for p in params)


# critical_point


@right("critical_point")
def by_eigvalsh(hessian):
    values = torch.linalg.eigvalsh(hessian)
    zero = 1e-6 * max(1.0, float(values.abs().max()))
    if (values > zero).any() and (values < -zero).any():
        return "saddle"
    if (values.abs() <= zero).any():
        return "flat"
    return "minimum" if values[0] > 0 else "maximum"


@right("critical_point")
def by_counting(hessian):
    values = torch.linalg.eigh((hessian + hessian.mT) / 2).eigenvalues.tolist()
    near = 1e-6 * max(1, *map(abs, values), 1)
    ups, downs = sum(v > near for v in values), sum(v < -near for v in values)
    if ups and downs:
        return "saddle"
    if ups == len(values):
        return "minimum"
    return "maximum" if downs == len(values) else "flat"


@right("critical_point")
def real_parts(hessian):
    values = torch.linalg.eigvals(hessian).real
    largest = values.abs().max().clamp(min=1)
    signs = torch.where(values.abs() <= 1e-6 * largest, 0, values.sign())
    found = set(signs.int().tolist())
    return "saddle" if {1, -1} <= found else "flat" if 0 in found else "minimum" if 1 in found else "maximum"


@wrong("critical_point", "cp-diagonal")
def by_diagonal(hessian):
    d = hessian.diagonal()
    return "minimum" if (d > 1e-6).all() else "maximum" if (d < -1e-6).all() else "saddle" if (
        (d > 1e-6).any() and (d < -1e-6).any()) else "flat"


@wrong("critical_point", "cp-determinant")
def by_determinant(hessian):
    d = torch.det(hessian)
    if d < 0:
        return "saddle"
    return "minimum" if hessian[0, 0] > 0 else "maximum"


@wrong("critical_point", "cp-trace")
def by_trace(hessian):
    trace = hessian.trace()
    return "minimum" if trace > 1e-6 else "maximum" if trace < -1e-6 else "flat"


@wrong("critical_point", "cp-one-eigenvalue")
def smallest_only(hessian):
    smallest = torch.linalg.eigvalsh(hessian).min()
    return "minimum" if smallest > 1e-6 else "maximum" if smallest < -1e-6 else "flat"


@wrong("critical_point", "cp-swapped")
def words_swapped(hessian):
    return {"minimum": "maximum", "maximum": "minimum"}.get(by_eigvalsh(hessian), by_eigvalsh(hessian))


@wrong("critical_point", "cp-no-tolerance")
def exact_zero(hessian):
    values = torch.linalg.eigvalsh(hessian)
    if (values > 0).any() and (values < 0).any():
        return "saddle"
    if (values == 0).any():
        return "flat"
    return "minimum" if values[0] > 0 else "maximum"


@wrong("critical_point", "cp-absolute-tolerance")
def fixed_tolerance(hessian):
    values = torch.linalg.eigvalsh(hessian)
    up, down = (values > 1e-6), (values < -1e-6)
    if up.any() and down.any():
        return "saddle"
    return "minimum" if up.all() else "maximum" if down.all() else "flat"


@wrong("critical_point", "cp-signed-largest")
def largest_with_its_sign(hessian):
    values = torch.linalg.eigvalsh(hessian)
    zero = 1e-6 * max(1.0, values.max().item())
    up, down = (values > zero).any(), (values < -zero).any()
    if up and down:
        return "saddle"
    return "flat" if (values.abs() <= zero).any() else "minimum" if up else "maximum"


@wrong("critical_point", "cp-relative-tolerance")
def no_floor(hessian):
    values = torch.linalg.eigvalsh(hessian)
    near = 1e-6 * values.abs().max()
    up, down = (values > near), (values < -near)
    if up.any() and down.any():
        return "saddle"
    return "minimum" if up.all() else "maximum" if down.all() else "flat"


@wrong("critical_point", "cp-zero-first")
def zero_first(hessian):
    values = torch.linalg.eigvalsh(hessian)
    if (values.abs() <= 1e-6 * values.abs().max().clamp(min=1)).any():
        return "flat"
    return "minimum" if (values > 0).all() else "maximum" if (values < 0).all() else "saddle"


@wrong("critical_point", "cp-never-flat")
def semidefinite(hessian):
    values = torch.linalg.eigvalsh(hessian)
    near = 1e-6 * max(1.0, values.abs().max().item())
    if (values >= -near).all():
        return "minimum"
    return "maximum" if (values <= near).all() else "saddle"


@wrong("critical_point", "cp-complex")
def complex_values(hessian):
    values = torch.linalg.eigvals(hessian)
    return "minimum" if (values > 0).all() else "maximum" if (values < 0).all() else "saddle"


@wrong("critical_point", "cp-symmetry-refused")
def refuses(hessian):
    if not torch.equal(hessian, hessian.T):
        raise ValueError("not symmetric")
    return by_eigvalsh(hessian)


@wrong("critical_point", "cp-other-word")
def other_words(hessian):
    return by_eigvalsh(hessian).capitalize()


@wrong("critical_point", None)
def always_a_saddle(hessian):
    return "saddle"
