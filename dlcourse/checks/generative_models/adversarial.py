"""Two networks against each other: their losses, one step of each, and what is left of the data's variety."""

import torch
from torch import nn
from torch.nn import functional as F

from ..core import Check, Mistake, Part
from ..watching import gradient, paused
from .shared import DOUBLE, looked_at, normal, raises, seed

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

# ------------------------------------------------------------------------------------------------ gan_step


def games(*askings):
    """Cases: (real samples, steps, options)."""
    return lambda g: [{"real": normal(g, steps, n, 3), "z": normal(g, steps, 5, 2), "seed": seed(g), **options}
                      for n, steps, options in askings]


class _Watched(nn.Module):
    """A network that remembers what it was given, in order."""

    def __init__(self, net):
        super().__init__()
        self.net, self.given = net, []

    def forward(self, x):
        self.given.append(x.detach().clone())
        return self.net(x)


def _table(real, seed, stale=False, rule="sgd"):
    torch.manual_seed(seed)
    layers = lambda *sizes: nn.Sequential(nn.Linear(sizes[0], 4), nn.Tanh(), nn.Linear(4, sizes[1])).double()
    nets = _Watched(layers(2, real.shape[-1])), _Watched(layers(real.shape[-1], 1))
    make = {"sgd": lambda p: torch.optim.SGD(p, 0.3), "momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)}[rule]
    optimizers = [make(net.parameters()) for net in nets]
    if stale:
        for net in nets:
            for parameter in net.parameters():
                parameter.grad = torch.full_like(parameter, 0.7)
    return nets, optimizers


def _weights(net):
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def _scalar(loss):
    if isinstance(loss, torch.Tensor):
        return loss.detach().item() if loss.numel() == 1 else loss
    return loss


def _losses(output):
    if output is None:
        return {"d_loss": None, "g_loss": None}
    pair = output if isinstance(output, (tuple, list)) and len(output) == 2 else None
    return {"d_loss": _scalar(pair[0]), "g_loss": _scalar(pair[1])} if pair else {"what came back": output}


def _played(answer, real, z, seed, **options):
    (generator, discriminator), (opt_g, opt_d) = _table(real, seed, **options)
    outputs = [answer(generator, discriminator, opt_g, opt_d, one, noise) for one, noise in zip(real, z)]
    return generator, discriminator, outputs


def _only(z, generator) -> bool:
    return all(any(torch.equal(given, noise) for noise in z) for given in generator.given)


def discriminators_turn(answer, real, z, seed, **options):
    """The discriminator afterwards, and its loss."""
    generator, discriminator, outputs = _played(answer, real, z, seed, **options)
    losses = _losses(outputs[0])
    seen = {"d_loss": losses["d_loss"]} if "d_loss" in losses else losses
    return {"the generator is given z and nothing else": _only(z, generator),
            "discriminator's weights": _weights(discriminator), **seen}


def generators_turn(answer, real, z, seed, **options):
    """What the generator was given, the generator afterwards, and its loss."""
    generator, _, outputs = _played(answer, real, z, seed, **options)
    losses = _losses(outputs[0])
    seen = {"g_loss": losses["g_loss"]} if "g_loss" in losses else losses
    return {"the generator is given z and nothing else": _only(z, generator),
            "generator's weights": _weights(generator), **seen}


def apart(answer, real, z, seed, **options):
    """How often a gradient came to the generator, and what is left behind."""
    (generator, discriminator), (opt_g, opt_d) = _table(real, seed, **options)
    arrivals = []
    next(generator.parameters()).register_hook(lambda grad: arrivals.append(1))
    outputs = answer(generator, discriminator, opt_g, opt_d, real[0], z[0])
    flags = [p.requires_grad for net in (generator, discriminator) for p in net.parameters()]
    graph = [isinstance(one, torch.Tensor) and one.requires_grad for one in outputs] if isinstance(
        outputs, (tuple, list)) else []
    return {"gradients that reached the generator": len(arrivals), "a graph hangs on a loss": any(graph),
            "parameters that still require a gradient": sum(flags)}


def _dloss(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def _gloss(fake):
    return F.softplus(-fake).mean()


def _step(clear_d=True, clear_g=True, detach="once", saturating=False, d_twice=False, old=False, order="dg", noise=None,
          swap=False, late=False, graph=False, frozen=False, scale=1.0, g_steps=True, d_steps=True, d_again=False,
          real_only=False, clear_g_late=True, opts_swapped=False, clear_after=False, batches_swapped=False,
          against_itself=False):
    """A gan_step with every habit that is asked for."""
    def answer(generator, discriminator, opt_g, opt_d, real, z):
        with paused():
            if opts_swapped:
                opt_g, opt_d = opt_d, opt_g
            stash = []

            def d_turn():
                fake = generator(z)
                fake = fake.detach() if detach != "never" else fake
                if clear_d:
                    opt_d.zero_grad()
                if detach == "never" and clear_g and not clear_g_late:
                    opt_g.zero_grad()
                pair = (fake, real) if batches_swapped else (real, fake)
                loss = scale * _dloss(*map(discriminator, pair)) if not real_only else F.softplus(
                    -discriminator(real)).mean()
                if old:
                    stash.append(_gloss(discriminator(generator(z))))
                    grads = torch.autograd.grad(stash[0], list(generator.parameters()))
                    stash.append(grads)
                loss.backward()
                if d_steps:
                    opt_d.step()
                if late:
                    loss = _dloss(discriminator(real), discriminator(fake))
                return loss

            def g_turn():
                if clear_g and clear_g_late:
                    opt_g.zero_grad()
                if old and stash:
                    for parameter, grad in zip(generator.parameters(), stash[1]):
                        parameter.grad = grad
                    loss = stash[0]
                else:
                    fake = generator(noise(z) if noise else z)
                    logits = discriminator(fake.detach() if detach == "twice" else fake)
                    loss = -F.softplus(logits).mean() if saturating else scale * _gloss(logits)
                    loss = F.softplus(logits).mean() if against_itself else loss
                    loss.backward()
                if g_steps:
                    opt_g.step()
                if d_again:
                    opt_d.step()
                return loss
            d_loss, g_loss = (d_turn(), g_turn()) if order == "dg" else (g_turn(), d_turn())[::-1]
            if d_twice:
                d_turn()
            if clear_after:
                opt_d.zero_grad()
                opt_g.zero_grad()
            if frozen:
                discriminator.requires_grad_(False)
        pair = (d_loss, g_loss) if graph else (d_loss.item(), g_loss.item())
        return pair[::-1] if swap else pair
    return answer


def _at_once(generator, discriminator, opt_g, opt_d, real, z):
    with paused():
        fake = generator(z)
        d_loss, g_loss = _dloss(discriminator(real), discriminator(fake.detach())), _gloss(discriminator(fake))
        opt_d.zero_grad()
        opt_g.zero_grad()
        d_loss.backward()
        g_loss.backward()
        opt_d.step()
        opt_g.step()
    return d_loss.item(), g_loss.item()


_FROZEN = ("The discriminator was frozen for the generator's step and stays frozen: switch its parameters' "
           "`requires_grad` on again.")

gan_step = Check(
    "gan_step", "gan_step(generator, discriminator, opt_g, opt_d, real, z)", _step(),
    [Part("discriminator", 0.35, "one step down its loss, from cleared gradients; its loss is that before the step",
          games((6, 1, {}), (4, 1, {"stale": True}), (5, 3, {"rule": "momentum"})), discriminators_turn),
     Part("generator", 0.35, "one step down its own loss, against the discriminator as it is now, with the same z",
          games((6, 1, {}), (4, 1, {"stale": True}), (5, 3, {"rule": "momentum"})), generators_turn),
     Part("apart", 0.3, "the discriminator's step sends the generator nothing, and nothing is left frozen or hanging",
          games((6, 1, {}), (4, 1, {"stale": True})), apart)],
    [Mistake("gan-backward-twice", "The generator's step goes back through a graph that the discriminator's backward "
             "has already used up. Make the fakes once and cut them off where the discriminator learns from them; "
             "for the generator, judge them anew.", shows=raises("backward through the graph a second time",
                                                                  "modified by an inplace operation")),
     Mistake("gan-generator-cut-off", "No gradient reaches the generator: in its own step the fakes may not be cut "
             "off, as they are for the discriminator's, and its loss needs a `backward`.",
             [_step(detach="twice")]),
     Mistake("gan-one-round", "Both losses are worked out before either network has stepped, and both leave gradients "
             "in the discriminator. Finish its step first; then judge the fakes anew, with the discriminator as it is.",
             _at_once),
     Mistake("gan-cleared-late", "Gradients are cleared after the steps, not before: what was there from earlier is "
             "stepped on.", [_step(clear_d=False, clear_g=False, clear_after=True),
                             _step(clear_d=False, clear_after=True), _step(clear_g=False, clear_after=True)]),
     Mistake("gan-batches-swapped", "Real and fake are exchanged in the discriminator's loss.",
             _step(batches_swapped=True)),
     Mistake("gan-generator-against-itself", "The generator minimises what the discriminator does, so it learns to be "
             "found out. Take your `generator_loss`.", _step(against_itself=True)),
     Mistake("gan-no-graph", "Backward finds no graph. In the generator's step the fakes must hang on the generator; "
             "`no_grad` and `detach` are for the discriminator's step.",
             shows=raises("does not require grad")),
     Mistake("gan-not-detached", "The discriminator's backward runs on into the generator, since its fakes are not "
             "cut off. Cleared in time that only costs work; else the generator is pushed the wrong way.",
             [_step(detach="never"), _step(detach="never", clear_g_late=False)]),
     Mistake("gan-stale-discriminator", "The discriminator's gradients are not cleared before its step. They hold what "
             "the generator's last step left there, which would teach it to be fooled.", _step(clear_d=False)),
     Mistake("gan-stale-generator", "The generator's gradients are not cleared before its step.",
             [_step(clear_g=False)]),
     Mistake("gan-stale-both", "No gradient is cleared before a step.", _step(clear_d=False, clear_g=False)),
     Mistake("gan-generator-first", "The generator steps first. The discriminator's turn comes before it.",
             _step(order="gd")),
     Mistake("gan-old-discriminator", "The generator steps against the discriminator as it was before its step. Ask it "
             "again.", _step(old=True)),
     Mistake("gan-other-noise", "The generator's step uses other noise than the z that was handed in.",
             shows=looked_at("the generator is given z and nothing else")),
     Mistake("gan-discriminator-twice", "The discriminator steps twice: once more with the generator, or after it.",
             [_step(d_again=True), _step(d_twice=True)]),
     Mistake("gan-late-loss", "The discriminator's loss is taken after its step. The one that it stepped on is asked "
             "for.", _step(late=True)),
     Mistake("gan-swapped", "The two losses come back in the other order: d_loss first.", _step(swap=True)),
     Mistake("gan-graph",
             "A loss comes back with its whole graph hanging on it, which fills the memory when losses are "
             "collected: give back its `.item()`, or cut it off.", _step(graph=True)),
     Mistake("gan-left-frozen", _FROZEN, _step(frozen=True)),
     Mistake("gan-left-frozen", _FROZEN, shows=looked_at("parameters that still require a gradient")),
     Mistake("gan-saturating", "The generator minimises log(1 − σ(fake)), which saturates. Take your "
             "`generator_loss`.", _step(saturating=True)),
     Mistake("gan-no-generator-step", "The generator does not move. Does its optimizer step, after `backward` "
             "and before gradients are cleared?", _step(g_steps=False)),
     Mistake("gan-no-discriminator-step", "The discriminator does not move. Does its optimizer step, after "
             "`backward` and before gradients are cleared?",
             _step(d_steps=False)),
     Mistake("gan-no-fakes", "The discriminator never sees a fake.", _step(real_only=True)),
     Mistake("gan-optimizers-swapped", "The optimizers are swapped: opt_g holds the generator's parameters, opt_d the "
             "discriminator's.", _step(opts_swapped=True))])

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
