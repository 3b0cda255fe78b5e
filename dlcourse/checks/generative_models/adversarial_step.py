"""One step of the discriminator, then one of the generator, and neither moves the other."""

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import drawn_seed, looked_at, normal, raises
from ..core import Check, Mistake, Part
from ..watching import paused


def games(*askings):
    """Cases: (real samples, steps, options)."""
    return lambda g: [{"real": normal(g, steps, n, 3), "z": normal(g, steps, 5, 2), "seed": drawn_seed(g), **options}
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


def turn(network):
    """Look at what the generator was given, and at "discriminator" or "generator" afterwards, with its loss."""
    loss = f"{network[0]}_loss"

    def observe(answer, real, z, seed, **options):
        generator, discriminator, outputs = _played(answer, real, z, seed, **options)
        losses = _losses(outputs[0])
        seen = {loss: losses[loss]} if loss in losses else losses
        return {"the generator is given z and nothing else": _only(z, generator),
                f"{network}'s weights": _weights(generator if network == "generator" else discriminator), **seen}
    return observe


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
          games((6, 1, {}), (4, 1, {"stale": True}), (5, 3, {"rule": "momentum"})), turn("discriminator")),
     Part("generator", 0.35, "one step down its own loss, against the discriminator as it is now, with the same z",
          games((6, 1, {}), (4, 1, {"stale": True}), (5, 3, {"rule": "momentum"})), turn("generator")),
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
