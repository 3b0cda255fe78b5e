"""Two networks against each other: their losses, and what is left of the data's variety."""

import torch
from torch.nn import functional as F

from ..asking import DOUBLE, normal, raises
from ..core import Check, Mistake, Part
from ..watching import gradient

# -------------------------------------------------------------------- discriminator_loss, generator_loss


def verdicts(*askings, scale=2.0):
    """Cases: (shape of the real logits, shape of the fakes', dtype)."""
    return lambda g: [{"real_logits": scale * normal(g, *real, dtype=dtype),
                       "fake_logits": scale * normal(g, *fake, dtype=dtype)} for real, fake, dtype in askings]


def sure(g):
    """Logits of ±300, right and wrong."""
    return [{"real_logits": torch.tensor([300.0, -300.0, 1.0], dtype=dtype),
             "fake_logits": torch.tensor([-300.0, 300.0, 0.0], dtype=dtype)} for dtype in (DOUBLE, torch.float32)]


def judged(answer, real_logits, fake_logits):
    """The discriminator's loss."""
    return {"loss": answer(real_logits.clone(), fake_logits.clone())}


def judged_slope(answer, real_logits, fake_logits):
    """Its gradients."""
    leaves = [real_logits.clone().requires_grad_(), fake_logits.clone().requires_grad_()]
    found = gradient(answer(leaves[0] * 1, leaves[1] * 1), leaves) or [None, None]
    return {"gradient for real_logits": found[0], "gradient for fake_logits": found[1]}


def _judged_both(answer, **case):
    return judged(answer, **case) | judged_slope(answer, **case)


def _d(real=lambda r: F.softplus(-r), fake=lambda f: F.softplus(f), join=lambda r, f: r.mean() + f.mean()):
    return lambda real_logits, fake_logits: join(real(real_logits), fake(fake_logits))


_LOGS = {"plain": lambda p: p.log(), **{eps: (lambda p, eps=eps: (p + eps).log())
                                        for eps in (1e-6, 1e-7, 1e-8, 1e-10, 1e-12)},
         **{f"clamp {eps}": (lambda p, eps=eps: p.clamp(min=eps).log()) for eps in (1e-6, 1e-7, 1e-8, 1e-10, 1e-12)}}
_TOGETHER = lambda r, f: 2 * torch.cat([r.flatten(), f.flatten()]).mean()

discriminator_loss = Check(
    "discriminator_loss", "discriminator_loss(real_logits, fake_logits)", _d(),
    [Part("values", 0.4, "mean −log σ(real) plus mean −log(1 − σ(fake)), not halved",
          verdicts(((5,), (5,), DOUBLE), ((4, 1), (4, 1), DOUBLE), ((3,), (3,), torch.float32)), judged),
     Part("sizes", 0.15, "the two batches may differ in size, and count alike",
          verdicts(((2,), (6,), DOUBLE), ((5, 1), (3, 1), DOUBLE)), judged),
     Part("gradient", 0.2, "gradients reach both", verdicts(((4,), (4,), DOUBLE)), judged_slope),
     Part("extremes", 0.25, "logits of ±300 give finite, right values and gradients", sure, _judged_both)],
    [Mistake("dloss-halved", "The sum is halved. Both means count in full here.",
             _d(join=lambda r, f: (r.mean() + f.mean()) / 2)),
     Mistake("dloss-labels-swapped", "Real is called fake and fake real: that is what the generator would like.",
             _d(lambda r: F.softplus(r), lambda f: F.softplus(-f))),
     Mistake("dloss-summed", "The losses are summed over the batch. Take the mean of each.",
             _d(join=lambda r, f: r.sum() + f.sum())),
     Mistake("dloss-together", "Real and fake are averaged together, so the larger batch counts more. Each has its "
             "own mean.", [_d(join=_TOGETHER), _d(join=lambda r, f: _TOGETHER(r, f) / 2)]),
     Mistake("dloss-real-only", "The fakes are missing: a discriminator that calls everything real would be perfect.",
             _d(join=lambda r, f: r.mean() + 0 * f.mean())),
     Mistake("dloss-fake-only", "The real samples are missing: a discriminator that calls everything fake would be "
             "perfect.", _d(join=lambda r, f: 0 * r.mean() + f.mean())),
     Mistake("dloss-sign", "This is the game's value, which the discriminator makes large. A loss is made small: turn "
             "its sign.", _d(join=lambda r, f: -r.mean() - f.mean())),
     Mistake("dloss-fake-as-real", "Both batches are called real.", _d(fake=lambda f: F.softplus(-f))),
     Mistake("dloss-fake-minus", "The two terms have opposite signs: each is a cost.",
             _d(join=lambda r, f: r.mean() - f.mean())),
     Mistake("dloss-unstable", "Right for ordinary logits; far out the probability rounds to 0 or 1 and its logarithm, "
             "or the gradient, is lost. log σ can be had from the logit itself, as in lesson 3.",
             [_d(lambda r, log=log: -log(torch.sigmoid(r)), lambda f, log=log: -log(1 - torch.sigmoid(f)))
              for log in _LOGS.values()]
             + [_d(lambda r: torch.log(1 + torch.exp(-r)), lambda f: torch.log(1 + torch.exp(f))),
                _d(lambda r: F.binary_cross_entropy(torch.sigmoid(r), torch.ones_like(r), reduction="none"),
                   lambda f: F.binary_cross_entropy(torch.sigmoid(f), torch.zeros_like(f), reduction="none"))]),
     Mistake("dloss-log-of-logits", "The logarithm was taken of the logits, which are no probabilities.",
             _d(lambda r: -r.log(), lambda f: -(1 - f).log())),
     Mistake("dloss-probabilities", "A cross-entropy of probabilities wants numbers between 0 and 1; these are logits.",
             shows=raises("between 0 and 1")),
     Mistake("dloss-wasserstein",
             "This is the difference of the logits, as in a Wasserstein GAN. Here the logits are a "
             "classifier's.", _d(lambda r: -r, lambda f: f)),
     Mistake("dloss-squares", "These are squared distances from 1 and 0, as in a least-squares GAN. Here a "
             "cross-entropy is asked for.", [_d(lambda r: (r - 1) ** 2, lambda f: f ** 2),
                                             _d(lambda r: (torch.sigmoid(r) - 1) ** 2,
                                                lambda f: torch.sigmoid(f) ** 2)]),
     Mistake("dloss-hinge", "This is the hinge loss. Here a cross-entropy is asked for.",
             _d(lambda r: (1 - r).clamp(min=0), lambda f: (1 + f).clamp(min=0))),
     Mistake("dloss-not-averaged", "There is a number for each sample: take the means.",
             _d(join=lambda r, f: r + f)),
     Mistake("dloss-sizes", "The two batches are added before they are averaged, which fails where one is larger. Take "
             "each one's mean first.", shows=raises("must match the size")),
     Mistake("dloss-sigmoid-twice", "The logits go through a sigmoid twice: `…_with_logits`, `logsigmoid` and "
             "`softplus` take logits as they are.",
             _d(lambda r: F.softplus(-torch.sigmoid(r)), lambda f: F.softplus(torch.sigmoid(f)))),
     Mistake("dloss-mean-first", "The logits are averaged before the loss is taken of their mean. Take the mean of the "
             "losses.",
             lambda real_logits, fake_logits: F.softplus(-real_logits.mean()) + F.softplus(fake_logits.mean()))])


def far_behind(g):
    """Fakes that the discriminator has seen through, by more and more."""
    return [{"fake_logits": torch.tensor([-20.0], dtype=DOUBLE)},
            {"fake_logits": torch.tensor([-20.0, -15.0, 0.5], dtype=torch.float32)},
            {"fake_logits": torch.tensor([-300.0, 300.0], dtype=torch.float32)}]


def fooled(answer, fake_logits):
    """The generator's loss."""
    return {"loss": answer(fake_logits.clone())}


def fooled_slope(answer, fake_logits):
    """Its gradient."""
    leaf = fake_logits.clone().requires_grad_()
    return {"gradient": gradient(answer(leaf * 1), leaf)}


def _g(loss, join=torch.mean):
    return lambda fake_logits: join(loss(fake_logits))


generator_loss = Check(
    "generator_loss", "generator_loss(fake_logits)", _g(lambda f: F.softplus(-f)),
    [Part("values", 0.45, "mean −log σ(fake)",
          lambda g: [{"fake_logits": 2 * normal(g, *shape, dtype=dtype)} for shape, dtype in
                     (((5,), DOUBLE), ((4, 1), DOUBLE), ((3,), torch.float32))], fooled),
     Part("gradient", 0.2, "it pushes the fakes' logits up",
          lambda g: [{"fake_logits": 2 * normal(g, 5)}], fooled_slope),
     Part("seen through", 0.35, "at a logit of −20 and far beyond the gradient is as large as it can be",
          far_behind, lambda answer, **case: fooled(answer, **case) | fooled_slope(answer, **case))],
    [Mistake("gloss-saturating",
             "This is the game as first written down, mean log(1 − σ(fake)). Where the discriminator "
             "sees through the fakes its gradient vanishes. The other form has the same aim and does not saturate.",
             [_g(lambda f: -F.softplus(f)), _g(lambda f: (1 - torch.sigmoid(f)).log()),
              *[_g(lambda f, eps=eps: (1 - torch.sigmoid(f) + eps).log()) for eps in (1e-6, 1e-8, 1e-10)]]),
     Mistake("gloss-discriminators", "This is what the discriminator minimises: it would teach the generator to be "
             "found out.", _g(lambda f: F.softplus(f))),
     Mistake("gloss-sign", "The sign is turned: made small, this lowers the fakes' logits.",
             _g(lambda f: -F.softplus(-f))),
     Mistake("gloss-summed",
             "The loss is summed over the batch. Take the mean.",
             _g(lambda f: F.softplus(-f), torch.sum)),
     Mistake("gloss-not-averaged", "There is a number for each sample: take their mean.",
             _g(lambda f: F.softplus(-f), lambda x: x)),
     Mistake("gloss-unstable",
             "Right for ordinary logits; far out σ rounds to 0 and its logarithm, or the gradient, is "
             "lost, and a generator that has fallen behind cannot catch up. log σ can be had from the logit itself.",
             [_g(lambda f, log=log: -log(torch.sigmoid(f))) for log in _LOGS.values()]
             + [_g(lambda f: torch.log(1 + torch.exp(-f))),
                _g(lambda f: F.binary_cross_entropy(torch.sigmoid(f), torch.ones_like(f), reduction="none"))]),
     Mistake("gloss-probability", "This is the probability, or one minus it, without its logarithm: its gradient "
             "vanishes too.", [_g(lambda f: -torch.sigmoid(f)), _g(lambda f: 1 - torch.sigmoid(f))]),
     Mistake("gloss-log-of-logits", "The logarithm was taken of the logits, which are no probabilities.",
             _g(lambda f: -f.log())),
     Mistake("gloss-probabilities", "A cross-entropy of probabilities wants numbers between 0 and 1; these are logits.",
             shows=raises("between 0 and 1")),
     Mistake("gloss-wasserstein", "This is the mean logit, as in a Wasserstein GAN.", _g(lambda f: -f)),
     Mistake("gloss-squares", "This is a squared distance from 1, as in a least-squares GAN.",
             [_g(lambda f: (f - 1) ** 2), _g(lambda f: (torch.sigmoid(f) - 1) ** 2)]),
     Mistake("gloss-half", "It is halved.", _g(lambda f: F.softplus(-f) / 2)),
     Mistake("gloss-sigmoid-twice", "The logits go through a sigmoid twice: `…_with_logits`, `logsigmoid` and "
             "`softplus` take logits as they are.", _g(lambda f: F.softplus(-torch.sigmoid(f)))),
     Mistake("gloss-mean-first", "The logits are averaged before the loss is taken of their mean. Take the mean of the "
             "losses.", lambda fake_logits: F.softplus(-fake_logits.mean())),
     Mistake("gloss-both", "These are both of the discriminator's terms, the fakes called real in one and fake in the "
             "other. The generator's loss has one: the fakes called real.",
             _g(lambda f: F.softplus(-f) + F.softplus(f)))])


# ------------------------------------------------------------------------------------------- modes_covered


def scattered(g):
    """Samples about some of the centres, and some far from all."""
    centers = 4 * torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0], [6.0, 0.0]], dtype=DOUBLE)
    near = centers[torch.randint(0, 3, (40,), generator=g)] + 0.5 * normal(g, 40, 2)
    far = torch.tensor([[6.0, 6.0], [-9.0, 4.0], [30.0, 30.0]], dtype=DOUBLE)
    one = centers[4:] + 0.3
    return [{"samples": torch.cat([near, far]), "centers": centers, "radius": 2.0},
            {"samples": torch.cat([near[:9], one]).float(), "centers": centers.float(), "radius": 2.0},
            {"samples": far, "centers": centers, "radius": 2.0},
            {"samples": torch.cat([centers[:2] + 0.5, centers[3:4] + 0.3]), "centers": centers, "radius": 0.6},
            {"samples": torch.cat([near, one])[:, :1].repeat(1, 5), "centers": centers[:, :1].repeat(1, 5),
             "radius": 3.0}]


def bordering(g):
    """Samples at exactly the radius, a 3-4-5 triangle, and just beyond it."""
    centers = torch.tensor([[0.0, 0.0], [20.0, 0.0], [0.0, 40.0]], dtype=DOUBLE)
    return [{"samples": torch.tensor([[3.0, 4.0], [23.0, 4.5]], dtype=DOUBLE), "centers": centers, "radius": 5.0},
            {"samples": torch.tensor([[-4.0, 3.0], [0.0, 45.0]], dtype=DOUBLE), "centers": centers, "radius": 5.0}]


def overlapping(g):
    """A sample within reach of two centres."""
    centers = torch.tensor([[0.0, 0.0], [2.0, 0.0], [9.0, 0.0]], dtype=DOUBLE)
    return [{"samples": torch.tensor([[0.9, 0.1]], dtype=DOUBLE), "centers": centers, "radius": 1.5}]


def counted(answer, samples, centers, radius):
    """The count."""
    return {"modes": answer(samples.clone(), centers.clone(), radius)}


def _modes(near=lambda d, r: d <= r, count=lambda near: near.any(0).sum(), distance=torch.cdist):
    return lambda samples, centers, radius: int(count(near(distance(samples, centers), radius)))


def _nearest_only(within):
    def answer(samples, centers, radius):
        distance, index = torch.cdist(samples, centers).min(1)
        return len(set(index[distance <= radius].tolist() if within else index.tolist()))
    return answer


modes_covered = Check(
    "modes_covered", "modes_covered(samples, centers, radius)", _modes(),
    [Part("count", 0.5, "how many centres have at least one sample near", scattered, counted),
     Part("border", 0.25, "a sample at exactly the radius counts", bordering, counted),
     Part("overlap", 0.25, "a sample near two centres counts for both", overlapping, counted)],
    [Mistake("modes-samples", "This counts samples that are near a centre. Count centres that have a sample near.",
             _modes(count=lambda near: near.any(1).sum())),
     Mistake("modes-pairs", "This counts every pair of a sample and a centre that are near.",
             _modes(count=lambda near: near.sum())),
     Mistake("modes-strict", "A sample at exactly the radius is left out.", _modes(lambda d, r: d < r)),
     Mistake("modes-nearest-anywhere", "Each sample counts for its nearest centre however far it is: the radius is not "
             "used.", _nearest_only(False)),
     Mistake("modes-nearest", "Each sample counts for its nearest centre only. It may be near two.",
             _nearest_only(True)),
     Mistake("modes-squared", "A squared distance is compared with the radius: take the root, or square both.",
             _modes(lambda d, r: d ** 2 <= r)),
     Mistake("modes-other-distance", "The distances are not Euclidean: take the root of the sum of squares.",
             [_modes(distance=lambda a, b: torch.cdist(a, b, p=1)),
              _modes(distance=lambda a, b: torch.cdist(a, b, p=float("inf"))),
              _modes(distance=lambda a, b: (a[:, None] - b).abs().mean(2)),
              _modes(distance=lambda a, b: (a[:, None] - b).square().mean(2).sqrt())]),
     Mistake("modes-all", "A centre counts only if every sample is near it. One is enough.",
             _modes(count=lambda near: near.all(0).sum())),
     Mistake("modes-missed", "This counts the centres with no sample near.",
             _modes(count=lambda near: (~near.any(0)).sum())),
     Mistake("modes-share", "This is the share of the centres. Their number is asked for.",
             lambda samples, centers, radius: _modes()(samples, centers, radius) / len(centers)),
     Mistake("modes-flags", "This tells for each centre whether it is covered: count them.",
             lambda samples, centers, radius: (torch.cdist(samples, centers) <= radius).any(0)),
     Mistake("modes-shapes", "Samples and centres cannot be subtracted as they are: give one of them an axis more, so "
             "that every sample meets every centre, or use `torch.cdist`.",
             shows=raises("must match the size"))])
