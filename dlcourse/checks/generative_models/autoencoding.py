"""Through a narrow place and back: the autoencoder."""

import torch
from torch import nn

from ..asking import drawn_seed, generator, looked_at, normal, raises, varied
from ..comparing import Finding
from ..core import Check, Mistake, Part
from ..watching import gradient


def points(*askings):
    """Cases: (samples, dim, latent)."""
    return lambda g: [{"x": normal(g, n, dim), "latent": latent, "seed": drawn_seed(g)} for n, dim, latent in askings]


def _built(answer, x, latent, seed):
    torch.manual_seed(seed)
    return answer(x.shape[1], latent).double().eval()


def _form(thing):
    if isinstance(thing, (tuple, list)):
        return f"{len(thing)} things"
    return list(thing.shape) if isinstance(thing, torch.Tensor) else thing


def _near(one, other) -> bool:
    return isinstance(one, torch.Tensor) and one.shape == other.shape and bool(torch.allclose(one, other, 1e-6, 1e-9))


def ways(answer, x, latent, seed):
    """The shapes of the three ways, and whether they fit together."""
    model = _built(answer, x, latent, seed)
    code = model.encode(x.clone())
    if _form(code) != [len(x), latent]:
        return {"shape of encode(x)": _form(code)}
    seen = {"shape of encode(x)": _form(code), "encode(x) is the same twice": _near(model.encode(x.clone()), code)}
    back, whole = model.decode(code), model.forward(x.clone())
    return seen | {"shape of decode(z)": _form(back), "shape of forward(x)": _form(whole),
                   "forward(x) is decode(encode(x))": _near(whole, back) if _form(whole) == _form(back) else False}


def jacobian(answer, x, latent, seed):
    """The rank of d forward(x) / dx at each sample, and how far one sample's answer depends on another."""
    model = _built(answer, x, latent, seed)
    leaf = x.clone().requires_grad_()
    out = model(leaf)
    if not isinstance(out, torch.Tensor) or out.shape != x.shape or not out.requires_grad:
        return {"a reconstruction that depends on x": False}
    slopes = [torch.autograd.grad(out[:, k].sum(), leaf, retain_graph=True, allow_unused=True)[0]
              for k in range(x.shape[1])]
    if any(slope is None for slope in slopes):
        return {"a reconstruction that depends on x": False}
    rows = torch.stack(slopes, 1)
    others, = torch.autograd.grad(out[0].sum(), leaf)
    sizes = torch.linalg.svdvals(rows)
    rank = int((sizes > 1e-9 * sizes.max().clamp(min=1e-12)).sum(1).max())
    return {"a reconstruction that depends on x": True, "rank of the Jacobian": rank,
            "samples that change the first one's reconstruction": int((others.abs().sum(1) > 0)[1:].sum())}


def at_most(case, seen, expected):
    """The rank may be anything up to the latent dimension."""
    key = "rank of the Jacobian"
    if not isinstance(seen, dict) or seen.get("a reconstruction that depends on x") is not True:
        return Finding(("a reconstruction that depends on x",), "value", False, True)
    if not isinstance(seen.get(key), int) or seen[key] > case["latent"]:
        return Finding((key,), "value", seen.get(key), f"at most {case['latent']}, the number of latents")
    key = "samples that change the first one's reconstruction"
    return None if seen.get(key) == 0 else Finding((key,), "value", seen.get(key), 0)


def learning(answer, x, latent, seed):
    """Whether the reconstruction's error can teach both halves."""
    model = _built(answer, x, latent, seed)
    parameters = list(model.parameters())

    def reached(output):
        found = gradient(output.square().sum(), parameters) if parameters else None
        return [bool(grad is not None and grad.abs().sum() > 0) for grad in found or []]
    code = reached(model.encode(x.clone()))
    back, whole = reached(model.decode(normal(generator(seed), len(x), latent))), reached(model(x.clone()) - x)
    return {"parameters that encode uses get a gradient": any(code),
            "parameters that decode uses get a gradient": any(back),
            "the error of forward reaches what decode uses": any(w and b for w, b in zip(whole, back)),
            "the error of forward reaches what encode uses": any(w and c for w, c in zip(whole, code))}


class _Autoencoder(nn.Module):
    """The reference; a mistake is a subclass."""

    def __init__(self, dim, latent):
        super().__init__()
        self.inwards = nn.Sequential(nn.Linear(dim, 16), nn.Tanh(), nn.Linear(16, latent))
        self.outwards = nn.Sequential(nn.Linear(latent, 16), nn.Tanh(), nn.Linear(16, dim))

    def encode(self, x):
        return self.inwards(x)

    def decode(self, z):
        return self.outwards(z)

    def forward(self, x):
        return self.decode(self.encode(x))


def _told(case):
    return f"Autoencoder({case['x'].shape[1]}, {case['latent']}) with a batch of {len(case['x'])}"


Autoencoder = Check(
    "Autoencoder", "Autoencoder(dim, latent)", _Autoencoder,
    [Part("ways", 0.35, "encode gives (N, latent), decode (N, dim), forward the one after the other",
          points((5, 7, 3), (4, 6, 1), (1, 5, 2)), ways, shows=_told),
     Part("bottleneck", 0.35, "no more than `latent` numbers of each sample get through: the Jacobian's rank says so",
          points((5, 7, 3), (4, 6, 1), (5, 6, 2)), jacobian, agrees=at_most, shows=_told),
     Part("learning", 0.3, "the error of the reconstruction reaches both halves", points((6, 7, 3)), learning,
          shows=_told)],
    [Mistake("ae-no-super", "`super().__init__()` must run before any layer is put on `self`: it makes the table "
             "that layers are entered in.", shows=raises("before Module.__init__")),
     Mistake("ae-unregistered", "Some weights stayed float32 when the model was moved to float64: the model does not "
             "know them. Layers belong on `self`, in `__init__`; those in a plain list, or made during a call, are "
             "not found by `.double()`, `.to()` or an optimizer.",
             shows=raises("same dtype", "expected scalar type", "but found Double")),
     Mistake("ae-new-each-time", "The same x gave two codes. Are weights drawn, or noise added, when `encode` is "
             "called? Weights are made once, in `__init__`.", shows=looked_at("encode(x) is the same twice")),
     Mistake("ae-method-missing", "One of the three methods or attributes is not there: `encode`, `decode` and "
             "`forward` are asked for.", shows=raises("has no attribute", 'missing the required "forward"')),
     Mistake("ae-sizes", "The sizes of two layers do not fit. The arguments are dim first, latent second; the encoder "
             "goes from dim to latent, the decoder from latent to dim.",
             shows=raises("mat1 and mat2 shapes cannot", "at non-singleton dimension")),
     Mistake("ae-code-back", "`forward` gives the code back. The reconstruction is asked for: decode it again.",
             varied(_Autoencoder, forward=lambda self, x: self.encode(x))),
     Mistake("ae-tuple", "`forward` gives more than one thing back. The reconstruction alone is asked for.",
             [varied(_Autoencoder, forward=lambda self, x: (self.decode(self.encode(x)), self.encode(x))),
              varied(_Autoencoder, forward=lambda self, x: (self.encode(x), self.decode(self.encode(x))))]),
     Mistake("ae-code-size", "The code has not `latent` numbers for each sample.",
             shows=looked_at("shape of encode(x)")),
     Mistake("ae-back-size", "What comes back from `decode` or `forward` has not the shape of x.",
             shows=looked_at("shape of decode(z)", "shape of forward(x)")),
     Mistake("ae-forward-apart", "`forward` is not decode(encode(x)). If x is added to it, x gets past the "
             "bottleneck, and nothing has to be learned; if layers are run twice or left out, or something more is "
             "done (a sigmoid, which belongs in `decode`), codes and reconstructions no longer belong together.",
             shows=looked_at("forward(x) is decode(encode(x))")),
     Mistake("ae-leak", "More than `latent` numbers get through. Something passes the bottleneck by: x itself, or a "
             "wider hidden layer, is kept by `encode` and used again by `decode`.",
             shows=looked_at("rank of the Jacobian")),
     Mistake("ae-batch-mixed", "A sample's reconstruction depends on the other samples of its batch. Each sample goes "
             "through on its own.", shows=looked_at("samples that change the first one's reconstruction")),
     Mistake("ae-cut", "The reconstruction does not depend on x, or no gradient shows that it does. A `detach`, a "
             "`no_grad` or `.data` on the way cuts the encoder off from the error.",
             shows=looked_at("a reconstruction that depends on x", "the error of forward reaches what encode uses",
                             "the error of forward reaches what decode uses",
                             "parameters that encode uses get a gradient",
                             "parameters that decode uses get a gradient"))])
