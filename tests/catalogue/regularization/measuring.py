"""Answers to lesson 06: smoothed_cross_entropy, random_features_error, calibration_error and fgsm."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .. import right, wrong

# smoothed_cross_entropy


@right("smoothed_cross_entropy")
def two_terms(logits, target, smoothing):
    log_p = torch.log_softmax(logits, dim=1)
    return (1 - smoothing) * F.nll_loss(log_p, target) - smoothing * log_p.mean()


@right("smoothed_cross_entropy")
def soft_target(logits, target, smoothing):
    classes = logits.shape[-1]
    soft = F.one_hot(target, classes).to(logits.dtype) * (1 - smoothing) + smoothing / classes
    return -(soft * F.log_softmax(logits, -1)).sum(-1).mean()


@right("smoothed_cross_entropy")
def by_logsumexp(logits, target, smoothing):
    z = logits.logsumexp(1)
    right_ones = logits[torch.arange(len(target)), target]
    return (z - (1 - smoothing) * right_ones - smoothing * logits.mean(1)).mean()


@right("smoothed_cross_entropy")
def soft_into_torch(logits, target, smoothing):
    soft = torch.full_like(logits, smoothing / logits.shape[1])
    soft[torch.arange(len(target)), target] += 1 - smoothing
    return F.cross_entropy(logits, soft)


@wrong("smoothed_cross_entropy", "smoothed-by-torch")
def torchs_own(logits, target, smoothing):
    return F.cross_entropy(logits, target, label_smoothing=smoothing)


@wrong("smoothed_cross_entropy", "smoothed-by-torch")
def torchs_module(logits, target, smoothing):
    return nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, target)


@wrong("smoothed_cross_entropy", "smoothed-others-only")
def over_the_others(logits, target, smoothing):
    c = logits.shape[1]
    soft = torch.full_like(logits, smoothing / (c - 1))
    soft.scatter_(1, target[:, None], 1 - smoothing)
    return -(soft * logits.log_softmax(1)).sum(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-others-c")
def sums_to_less(logits, target, smoothing):
    soft = torch.full_like(logits, smoothing / logits.shape[1])
    soft.scatter_(1, target[:, None], 1 - smoothing)
    return -(soft * logits.log_softmax(1)).sum(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-both-whole")
def added_on_top(logits, target, smoothing):
    log_p = logits.log_softmax(1)
    return F.nll_loss(log_p, target) - smoothing * log_p.mean(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-not-divided")
def sum_over_classes(logits, target, smoothing):
    log_p = logits.log_softmax(1)
    return ((1 - smoothing) * F.nll_loss(log_p, target, reduction="none") - smoothing * log_p.sum(1)).mean()


@wrong("smoothed_cross_entropy", "smoothed-ignored")
def plain(logits, target, smoothing):
    return F.cross_entropy(logits, target)


@wrong("smoothed_cross_entropy", "smoothed-sum")
def summed(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    return -(soft * logits.log_softmax(1)).sum()


@wrong("smoothed_cross_entropy", "smoothed-mean-of-all")
def mean_of_table(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    return -(soft * logits.log_softmax(1)).mean()


@wrong("smoothed_cross_entropy", "smoothed-two-steps")
def log_of_softmax(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    return -(soft * torch.log(torch.softmax(logits, 1))).sum(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-clipped")
def a_little_more(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    return -(soft * torch.log(torch.softmax(logits, 1) + 1e-9)).sum(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-turned")
def exchanged(logits, target, smoothing):
    log_p = logits.log_softmax(1)
    return smoothing * F.nll_loss(log_p, target) - (1 - smoothing) * log_p.mean(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-wrong-axis")
def over_samples(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    return -(soft * logits.log_softmax(0)).sum(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-sign")
def no_minus(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    return (soft * logits.log_softmax(1)).sum(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-twice")
def softmax_into_loss(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    return F.cross_entropy(logits.softmax(1), soft.to(logits.dtype))


@wrong("smoothed_cross_entropy", "no-gradient")
def number(logits, target, smoothing):
    return two_terms(logits.detach(), target, smoothing)


@wrong("smoothed_cross_entropy", "smoothed-mean-twice")
def divided_again(logits, target, smoothing):
    log_p = logits.log_softmax(1)
    return ((1 - smoothing) * F.nll_loss(log_p, target) - smoothing * log_p.mean()) / len(logits)


@wrong("smoothed_cross_entropy", "smoothed-over-samples")
def length_of_logits(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / len(logits)
    return -(soft * logits.log_softmax(1)).sum(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-ten-classes")
def digits_only(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / 10
    return -(soft * logits.log_softmax(1)).sum(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-one-hot")
def classes_not_told(logits, target, smoothing):
    soft = (1 - smoothing) * F.one_hot(target) + smoothing / logits.shape[1]
    return -(soft * F.log_softmax(logits, 1)).sum(1).mean()


@wrong("smoothed_cross_entropy", "smoothed-divergence")
def by_kl_div(logits, target, smoothing):
    soft = F.one_hot(target, logits.shape[1]).to(logits.dtype) * (1 - smoothing) + smoothing / logits.shape[1]
    return F.kl_div(logits.log_softmax(1), soft, reduction="batchmean")


# random_features_error


def _problem(n_train, noise, generator, d=10, test=1000, dtype=torch.float64):
    w = torch.randn(d, generator=generator, dtype=dtype)
    w /= w.norm()
    x = torch.randn(n_train, d, generator=generator, dtype=dtype)
    y = x @ w + noise * torch.randn(n_train, generator=generator, dtype=dtype)
    fresh = torch.randn(test, d, generator=generator, dtype=dtype)
    return x, y, fresh, fresh @ w


def _relu(z):
    return torch.relu(z)


@right("random_features_error")
def by_lstsq(n_train, widths, noise, generator):
    x, y, fresh, truth = _problem(n_train, noise, generator)
    errors = []
    for width in widths:
        V = torch.randn(10, width, generator=generator, dtype=torch.float64)
        a = torch.linalg.lstsq(_relu(x @ V), y[:, None], driver="gelsd").solution[:, 0]
        errors.append(((_relu(fresh @ V) @ a - truth) ** 2).mean().item())
    return errors


@right("random_features_error")
def nested_features(n_train, widths, noise, generator):
    """One V for the widest net, of which narrower ones use the first columns; a tensor comes back."""
    x, y, fresh, truth = _problem(n_train, noise, generator, test=600)
    V = torch.randn(10, max(widths), generator=generator, dtype=torch.float64) / 10 ** 0.5
    return torch.stack([(_relu(fresh @ V[:, :k]) @ (torch.linalg.pinv(_relu(x @ V[:, :k])) @ y) - truth).square().mean()
                        for k in widths])


@right("random_features_error")
def new_data_for_each_width(n_train, widths, noise, generator):
    result = []
    for width in widths:
        x, y, fresh, truth = _problem(n_train, noise, generator, test=500)
        V = torch.randn(10, width, generator=generator, dtype=torch.float64)
        U, S, Vh = torch.linalg.svd(_relu(x @ V), full_matrices=False)
        good = S > 1e-10 * S.max()
        a = Vh[good].T @ ((U[:, good].T @ y) / S[good])
        result.append(F.mse_loss(_relu(fresh @ V) @ a, truth).item())
    return result


def _error(x, y, fresh, truth, width, generator, bend=_relu, mean=lambda e: (e ** 2).mean(),
           fit=lambda phi, y: torch.linalg.pinv(phi) @ y):
    V = torch.randn(10, width, generator=generator, dtype=torch.float64)
    return mean(bend(fresh @ V) @ fit(bend(x @ V), y) - truth).item()


@wrong("random_features_error", "features-training-error")
def on_training_points(n_train, widths, noise, generator):
    x, y, _, _ = _problem(n_train, noise, generator)
    return [_error(x, y, x, y, width, generator) for width in widths]


@wrong("random_features_error", "features-noisy-test")
def noise_everywhere(n_train, widths, noise, generator):
    x, y, fresh, truth = _problem(n_train, noise, generator)
    truth = truth + noise * torch.randn(len(truth), generator=generator, dtype=torch.float64)
    return [_error(x, y, fresh, truth, width, generator) for width in widths]


@wrong("random_features_error", "features-noise-ignored")
def clean(n_train, widths, noise, generator):
    problem = _problem(n_train, 0.0, generator)
    return [_error(*problem, width, generator) for width in widths]


@wrong("random_features_error", "features-variance")
def root_of_noise(n_train, widths, noise, generator):
    problem = _problem(n_train, math.sqrt(noise), generator)
    return [_error(*problem, width, generator) for width in widths]


@wrong("random_features_error", "features-no-bend")
def linear_features(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator)
    return [_error(*problem, width, generator, bend=lambda z: z) for width in widths]


@wrong("random_features_error", "features-w-not-unit")
def long_w(n_train, widths, noise, generator):
    w = torch.randn(10, generator=generator, dtype=torch.float64)
    x = torch.randn(n_train, 10, generator=generator, dtype=torch.float64)
    fresh = torch.randn(500, 10, generator=generator, dtype=torch.float64)
    y = x @ w + noise * torch.randn(n_train, generator=generator, dtype=torch.float64)
    return [_error(x, y, fresh, fresh @ w, width, generator) for width in widths]


@wrong("random_features_error", "features-ridge")
def stabilised(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator)
    fit = lambda phi, y: torch.linalg.solve(phi.T @ phi + torch.eye(phi.shape[1]), phi.T @ y)
    return [_error(*problem, width, generator, fit=fit) for width in widths]


@wrong("random_features_error", "features-normal-equations")
def normal_equations(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator)
    fit = lambda phi, y: torch.cholesky_solve((phi.T @ y)[:, None], torch.linalg.cholesky(phi.T @ phi))[:, 0]
    return [_error(*problem, width, generator, fit=fit) for width in widths]


@wrong("random_features_error", "features-root")
def root_of_mean(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator)
    return [math.sqrt(_error(*problem, width, generator)) for width in widths]


@wrong("random_features_error", "features-sum")
def summed_errors(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator, test=500)
    return [_error(*problem, width, generator, mean=lambda e: (e ** 2).sum()) for width in widths]


@wrong("random_features_error", "features-sorted")
def in_order_of_size(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator)
    return [_error(*problem, width, generator) for width in sorted(widths)]


@wrong("random_features_error", "features-first-width")
def only_the_first(n_train, widths, noise, generator):
    problem, errors = _problem(n_train, noise, generator), []
    for width in widths:
        errors.append(_error(*problem, width, generator))
        return errors


@wrong("random_features_error", "features-other-v")
def other_features(n_train, widths, noise, generator):
    x, y, fresh, truth = _problem(n_train, noise, generator)
    draw = lambda width: torch.randn(10, width, generator=generator, dtype=torch.float64)
    return [(_relu(fresh @ draw(k)) @ (torch.linalg.pinv(_relu(x @ draw(k))) @ y) - truth).square().mean().item()
            for k in widths]


@wrong("random_features_error", "features-generator")
def from_the_global(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, None)
    return [_error(*problem, width, None) for width in widths]


@wrong("random_features_error", "returned-none")
def features_no_return(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator)


@right("random_features_error")
def lstsq_as_it_comes(n_train, widths, noise, generator):
    """Torch's default driver, whose last digits are not always the same."""
    x, y, fresh, truth = _problem(n_train, noise, generator)
    errors = []
    for width in widths:
        V = torch.randn(10, width, generator=generator, dtype=torch.float64)
        a = torch.linalg.lstsq(_relu(x @ V), y[:, None]).solution[:, 0]
        errors.append(((_relu(fresh @ V) @ a - truth) ** 2).mean())
    return errors


@wrong("random_features_error", "features-other-v")
def column_minus_vector(n_train, widths, noise, generator):
    x, y, fresh, truth = _problem(n_train, noise, generator, test=500)
    errors = []
    for width in widths:
        V = torch.randn(10, width, generator=generator, dtype=torch.float64)
        a = torch.linalg.pinv(_relu(x @ V)) @ y[:, None]
        errors.append(((_relu(fresh @ V) @ a - truth) ** 2).mean().item())
    return errors


@wrong("random_features_error", "features-normal-equations")
def inverse_of_gram(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator)
    fit = lambda phi, y: torch.linalg.inv(phi.T @ phi) @ phi.T @ y
    return [_error(*problem, width, generator, fit=fit) for width in widths]


@wrong("random_features_error", "features-normal-equations")
def gram_solved(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator)
    fit = lambda phi, y: torch.linalg.solve(phi.T @ phi, phi.T @ y)
    return [_error(*problem, width, generator, fit=fit) for width in widths]


@wrong("random_features_error", "features-sum")
def sum_of_a_thousand(n_train, widths, noise, generator):
    problem = _problem(n_train, noise, generator)
    return [_error(*problem, width, generator, mean=lambda e: e.square().sum()) for width in widths]


@wrong("random_features_error", "features-restarted")
def seeded_inside(n_train, widths, noise, generator):
    generator = torch.Generator().manual_seed(0)
    problem = _problem(n_train, noise, generator)
    return [_error(*problem, width, generator) for width in widths]


# calibration_error


def _between(edges, probs, target):
    confidence, chosen = probs.max(dim=1)
    error = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.sum() > 0:
            gap = (chosen[inside] == target[inside]).double().mean() - confidence[inside].mean()
            error += inside.double().mean() * gap.abs()
    return error


@right("calibration_error")
def edges_of_bins(probs, target, bins=15):
    return _between(torch.linspace(0, 1, bins + 1), probs, target)


@right("calibration_error")
def by_bincount(probs, target, bins=15):
    confidence, chosen = probs.max(1)
    where = torch.clamp((confidence * bins).int(), max=bins - 1)
    hits = torch.bincount(where, (chosen == target).double(), bins)
    sure = torch.bincount(where, confidence.double(), bins)
    return ((hits - sure).abs().sum() / len(target)).item()


@right("calibration_error")
def by_bucketize(probs, target, bins=15):
    confidence, correct = probs.amax(1), (probs.argmax(1) == target).to(probs.dtype)
    where = torch.bucketize(confidence, torch.arange(1, bins) / bins)
    total = torch.zeros((), dtype=probs.dtype)
    for k in where.unique():
        total += (confidence[where == k] - correct[where == k]).sum().abs()
    return total / len(probs)


def _pieces(probs, target, bins):
    confidence, chosen = probs.max(1)
    where = (confidence * bins).long().clamp(max=bins - 1)
    right_ones = (chosen == target).double()
    return [(right_ones[where == k], confidence[where == k].double()) for k in range(bins) if (where == k).any()]


@wrong("calibration_error", "ece-unweighted")
def mean_over_bins(probs, target, bins=15):
    gaps = [(r.mean() - c.mean()).abs().item() for r, c in _pieces(probs, target, bins)]
    return sum(gaps) / len(gaps)


@wrong("calibration_error", "ece-largest")
def worst_bin(probs, target, bins=15):
    return max((r.mean() - c.mean()).abs().item() for r, c in _pieces(probs, target, bins))


@wrong("calibration_error", "ece-signed")
def cancels(probs, target, bins=15):
    return sum(len(r) * (c.mean() - r.mean()).item() for r, c in _pieces(probs, target, bins)) / len(target)


@wrong("calibration_error", "ece-sample-by-sample")
def per_sample(probs, target, bins=15):
    return sum((c - r).abs().sum().item() for r, c in _pieces(probs, target, bins)) / len(target)


@wrong("calibration_error", "ece-target-probability")
def of_the_target(probs, target, bins=15):
    confidence = probs[torch.arange(len(target)), target]
    correct = (probs.argmax(1) == target).double()
    where, total = (confidence * bins).long().clamp(max=bins - 1), 0.0
    for k in range(bins):
        inside = where == k
        if inside.any():
            total += inside.double().mean().item() * (correct[inside].mean() - confidence[inside].mean()).abs().item()
    return total


@wrong("calibration_error", "ece-bins-ignored")
def always_fifteen(probs, target, bins=15):
    return sum(len(r) * (c.mean() - r.mean()).abs().item() for r, c in _pieces(probs, target, 15)) / len(target)


@wrong("calibration_error", "ece-empty-bin")
def mean_of_nothing(probs, target, bins=15):
    confidence, chosen = probs.max(1)
    where, total = (confidence * bins).long().clamp(max=bins - 1), 0.0
    for k in range(bins):
        inside = where == k
        gap = (chosen == target)[inside].double().mean() - confidence[inside].mean()
        total += inside.double().mean() * gap.abs()
    return total.item()


@wrong("calibration_error", "ece-one-left-out")
def below_the_edge(probs, target, bins=15):
    confidence, chosen = probs.max(1)
    total = 0.0
    for k in range(bins):
        inside = (confidence >= k / bins) & (confidence < (k + 1) / bins)
        if inside.any():
            gap = (chosen == target)[inside].double().mean() - confidence[inside].mean()
            total += inside.double().mean().item() * gap.abs().item()
    return total


@wrong("calibration_error", "ece-out-of-bins")
def one_bin_too_far(probs, target, bins=15):
    confidence, chosen = probs.max(1)
    where = (confidence * bins).long()
    gaps = [0.0] * bins
    for k, c, r in zip(where.tolist(), confidence.tolist(), (chosen == target).double().tolist()):
        gaps[k] += r - c
    return sum(map(abs, gaps)) / len(target)


@wrong("calibration_error", "ece-one-bin-less")
def edges_not_bins(probs, target, bins=15):
    return _between(torch.linspace(0, 1, bins), probs, target)


@wrong("calibration_error", "ece-percent")
def in_percent(probs, target, bins=15):
    return 100 * edges_of_bins(probs, target, bins)


@wrong("calibration_error", "values-and-indices")
def forgot_values(probs, target, bins=15):
    confidence = probs.max(1)
    return (confidence - target).abs()


@wrong("calibration_error", None)
def overall(probs, target, bins=15):
    return ((probs.argmax(1) == target).double().mean() - probs.amax(1).mean()).abs().item() / 2


@wrong("calibration_error", "ece-counts")
def weighed_by_numbers(probs, target, bins=15):
    return sum(len(r) * (c.mean() - r.mean()).abs().item() for r, c in _pieces(probs, target, bins))


@wrong("calibration_error", "ece-own-range")
def between_the_extremes(probs, target, bins=15):
    confidence, chosen = probs.max(1)
    lowest, highest = confidence.min(), confidence.max()
    number, error = ((confidence - lowest) / (highest - lowest) * bins).long().clamp(max=bins - 1), 0.0
    for one in range(bins):
        inside = number == one
        if inside.any():
            gap = (chosen[inside] == target[inside]).double().mean() - confidence[inside].double().mean()
            error += inside.double().mean().item() * gap.abs().item()
    return error


@wrong("calibration_error", "ece-one-bin-more")
def an_edge_too_many(probs, target, bins=15):
    return _between(torch.linspace(0, 1, bins + 2), probs, target)


# fgsm


@right("fgsm")
def by_grad(model, x, y, epsilon):
    adversary = x.detach().clone().requires_grad_(True)
    gradient = torch.autograd.grad(F.cross_entropy(model(adversary), y), adversary)[0]
    return torch.clamp(x + epsilon * gradient.sign(), 0.0, 1.0).detach()


@right("fgsm")
def by_summed_loss(model, x, y, epsilon):
    leaf = torch.empty_like(x).copy_(x.detach()).requires_grad_()
    log_p = model(leaf).log_softmax(1)
    (slope,) = torch.autograd.grad(-log_p.gather(1, y[:, None]).sum(), [leaf])
    return (x.detach() + epsilon * torch.sign(slope)).clip(0, 1)


@right("fgsm")
def puts_gradients_back(model, x, y, epsilon):
    kept = [p.grad for p in model.parameters()]
    for p in model.parameters():
        p.grad = None
    leaf = x.clone().detach().requires_grad_()
    nn.CrossEntropyLoss()(model(leaf), y).backward()
    for p, grad in zip(model.parameters(), kept):
        p.grad = grad
    with torch.no_grad():
        return (leaf + epsilon * leaf.grad.sign()).clamp(0, 1)


@right("fgsm")
def backward_into_inputs_only(model, x, y, epsilon):
    leaf = x.clone().requires_grad_()
    F.cross_entropy(model(leaf), y).backward(inputs=[leaf])
    return (x + epsilon * leaf.grad.sign()).clamp(0, 1)


def _slope(model, x, y, loss=F.cross_entropy):
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(loss(model(leaf), y), leaf)[0]


@wrong("fgsm", "fgsm-descends")
def minus(model, x, y, epsilon):
    return (x - epsilon * _slope(model, x, y).sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-no-sign")
def raw_gradient(model, x, y, epsilon):
    return (x + epsilon * _slope(model, x, y)).clamp(0, 1)


@wrong("fgsm", "fgsm-normalised")
def unit_step(model, x, y, epsilon):
    g = _slope(model, x, y)
    return (x + epsilon * g / torch.linalg.vector_norm(g)).clamp(0, 1)


@wrong("fgsm", "fgsm-unclipped")
def leaves_the_range(model, x, y, epsilon):
    return x + epsilon * _slope(model, x, y).sign()


@wrong("fgsm", "fgsm-clips-the-step")
def clamps_too_early(model, x, y, epsilon):
    return x + torch.clamp(epsilon * _slope(model, x, y).sign(), 0, 1)


@wrong("fgsm", "fgsm-only-the-step")
def forgot_the_image(model, x, y, epsilon):
    return (epsilon * _slope(model, x, y).sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-epsilon-ignored")
def full_step(model, x, y, epsilon):
    return (x + _slope(model, x, y).sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-predicted-class")
def no_labels(model, x, y, epsilon):
    leaf = x.clone().requires_grad_()
    logits = model(leaf)
    g, = torch.autograd.grad(F.cross_entropy(logits, logits.detach().argmax(1)), leaf)
    return (x + epsilon * g.sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-forces-eval")
def in_eval(model, x, y, epsilon):
    was = model.training
    model.eval()
    g = _slope(model, x, y)
    model.train(was)
    return (x + epsilon * g.sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-left-in-eval")
def eval_and_gone(model, x, y, epsilon):
    model.eval()
    return (x + epsilon * _slope(model, x, y).sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-grads-left")
def plain_backward(model, x, y, epsilon):
    leaf = x.clone().requires_grad_()
    F.cross_entropy(model(leaf), y).backward()
    return (x + epsilon * leaf.grad.sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-grads-cleared")
def clears_up(model, x, y, epsilon):
    leaf = x.clone().requires_grad_()
    F.cross_entropy(model(leaf), y).backward()
    model.zero_grad()
    return (x + epsilon * leaf.grad.sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-marks-x")
def uses_x_itself(model, x, y, epsilon):
    x.requires_grad = True
    g, = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x + epsilon * g.sign()).clamp(0, 1).detach()


@wrong("fgsm", "fgsm-graph")
def still_attached(model, x, y, epsilon):
    leaf = x.clone().requires_grad_()
    g, = torch.autograd.grad(F.cross_entropy(model(leaf), y), leaf)
    return (leaf + epsilon * g.sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-x-needs-grad")
def no_requires_grad(model, x, y, epsilon):
    g, = torch.autograd.grad(F.cross_entropy(model(x), y), x)
    return (x + epsilon * g.sign()).clamp(0, 1)


@wrong("fgsm", "input-changed")
def moves_x(model, x, y, epsilon):
    x += epsilon * _slope(model, x, y).sign()
    return x.clamp_(0, 1)


@wrong("fgsm", "fgsm-half-clipped")
def only_from_above(model, x, y, epsilon):
    return torch.clamp(x + epsilon * _slope(model, x, y).sign(), max=1.0)


@wrong("fgsm", "fgsm-tuple")
def not_unpacked(model, x, y, epsilon):
    leaf = x.clone().requires_grad_()
    slope = torch.autograd.grad(F.cross_entropy(model(leaf), y), leaf)
    return (x + epsilon * slope.sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-tuple")
def sign_of_a_tuple(model, x, y, epsilon):
    leaf = x.clone().requires_grad_()
    slope = torch.autograd.grad(F.cross_entropy(model(leaf), y), leaf)
    return (x + epsilon * torch.sign(slope)).clamp(0, 1)


@wrong("fgsm", "fgsm-x-needs-grad")
def without_gradients(model, x, y, epsilon):
    leaf = x.clone().requires_grad_()
    with torch.no_grad():
        loss = F.cross_entropy(model(leaf), y)
    slope, = torch.autograd.grad(loss, leaf)
    return (x + epsilon * slope.sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-forces-train")
def in_training_mode(model, x, y, epsilon):
    was = model.training
    model.train()
    slope = _slope(model, x, y)
    model.train(was)
    return (x + epsilon * slope.sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-by-chance")
def random_signs(model, x, y, epsilon):
    return (x + epsilon * torch.randn_like(x).sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-nll-on-logits")
def nll_of_logits(model, x, y, epsilon):
    return (x + epsilon * _slope(model, x, y, F.nll_loss).sign()).clamp(0, 1)


@wrong("fgsm", "fgsm-softmax-twice")
def softmax_first(model, x, y, epsilon):
    slope = _slope(model, x, y, lambda logits, y: F.cross_entropy(logits.softmax(1), y))
    return (x + epsilon * slope.sign()).clamp(0, 1)
