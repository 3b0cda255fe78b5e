"""From one code to another on a sphere, and from data to noise: the schedule and the way there."""

import math

import torch

from ..asking import DOUBLE, looked_at, normal, raises
from ..core import Check, Mistake, Part

# --------------------------------------------------------------------------------------------- interpolate


def walks(*askings):
    """Cases: (d, steps, dtype, size)."""
    return lambda g: [{"z0": size * _unit(g, d).to(dtype), "z1": 1.7 * size * _unit(g, d).to(dtype), "steps": steps}
                      for d, steps, dtype, size in askings]


def _unit(g, d):
    """A direction, within a right angle or so of (1, 1, …): two of them are never nearly opposite."""
    z = normal(g, d) + 0.8
    return z / z.norm()


def in_line(g):
    """Two codes in one direction, of other and of the same length."""
    z = normal(g, 4)
    return [{"z0": z, "z1": 2.5 * z, "steps": 5}, {"z0": z, "z1": z.clone(), "steps": 3},
            {"z0": z.float(), "z1": (3 * z).float(), "steps": 4}]


def opposite(g):
    """Two codes in opposite directions."""
    z = normal(g, 4)
    return [{"z0": z, "z1": -z, "steps": 5}, {"z0": z.float(), "z1": (-2 * z).float(), "steps": 4}]


def walked(answer, z0, z1, steps):
    """The path."""
    path = answer(z0.clone(), z1.clone(), steps)
    if isinstance(path, (list, tuple)) and path and isinstance(path[0], torch.Tensor):
        return {"path": {"$type": f"list of {len(path)} tensors"}}
    return {"path": path}


def finite(answer, z0, z1, steps):
    """Of opposite codes only this is asked: numbers, as many as there should be."""
    path = walked(answer, z0, z1, steps)["path"]
    if not isinstance(path, torch.Tensor):
        return {"path": path}
    return {"shape of the path": list(path.shape), "all numbers are finite": bool(path.isfinite().all())}


def _sphere(z0, z1, steps, safe=True, angle=None, share=None, turned=False, divide=True):
    cosine = z0 @ z1 / (z0.norm() * z1.norm())
    omega = torch.acos(cosine.clamp(-1, 1)) if angle is None else angle(z0, z1, cosine)
    t = (torch.linspace(0, 1, steps, dtype=z0.dtype) if share is None else share(steps, z0.dtype))[:, None]
    if safe and torch.sin(omega).abs() < 1e-3:
        return (1 - t) * z0 + t * z1
    t = 1 - t if turned else t
    path = torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1
    return path / torch.sin(omega) if divide else path


def _stays(z0, z1, steps, fill=1.0):
    path = _sphere(z0, z1, steps)
    return path if z0 @ z1 < 0.999 * z0.norm() * z1.norm() else fill * z0.expand(steps, -1)


def _with(**options):
    return lambda z0, z1, steps: _sphere(z0, z1, steps, **options)


def _line(z0, z1, steps):
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    return (1 - t) * z0 + t * z1


def _line_stretched(z0, z1, steps):
    line, t = _line(z0, z1, steps), torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    return line / line.norm(dim=1, keepdim=True) * ((1 - t) * z0.norm() + t * z1.norm())


def _directions(z0, z1, steps, lengths=False):
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None]
    path = _sphere(z0 / z0.norm(), z1 / z1.norm(), steps)
    return path * ((1 - t) * z0.norm() + t * z1.norm()) if lengths else path


def _cosines(z0, z1, steps):
    t = torch.linspace(0, 1, steps, dtype=z0.dtype)[:, None] * math.pi / 2
    return t.cos() * z0 + t.sin() * z1


interpolate = Check(
    "interpolate", "interpolate(z0, z1, steps)", _sphere,
    [Part("path", 0.45, "sin((1 − t)ω)/sin ω of z0 and sin(tω)/sin ω of z1, both ends included",
          walks((3, 5, DOUBLE, 0.5), (8, 4, DOUBLE, 3.0), (5, 6, torch.float32, 1.0)), walked, rounding=(1e-4, 1e-5)),
     Part("two steps", 0.15, "with two steps the ends are all there is", walks((3, 2, DOUBLE, 2.0)), walked,
          rounding=(1e-4, 1e-5)),
     Part("parallel", 0.25, "codes in one direction are joined by a straight line", in_line, walked,
          rounding=(1e-3, 1e-3)),
     Part("opposite", 0.15, "opposite codes do not give nan", opposite, finite)],
    [Mistake("walk-straight", "This is the straight line. It cuts through the ball, where few codes lie: go along the "
             "sphere.", _line),
     Mistake("walk-line-stretched", "This is a straight line whose points were pushed out afterwards: it has the same "
             "course and other speeds.", _line_stretched),
     Mistake("walk-directions", "These are directions, of length 1. The codes have lengths of their own: weigh z0 and "
             "z1 as they are.", _directions),
     Mistake("walk-lengths-apart", "Directions go along the sphere and lengths along a line. Weigh z0 and z1 as they "
             "are.", lambda z0, z1, steps: _directions(z0, z1, steps, True)),
     Mistake("walk-nan", "In one direction ω and sin ω are 0, or rounding lifts the cosine above 1: 0/0 and acos of "
             "more than 1 are nan. Treat that case apart, or keep the cosine away from it.",
             shows=lambda finding, seen, case: isinstance(finding.got, float) and math.isnan(finding.got)
             and case["z0"] @ case["z1"] > 0.999 * case["z0"].norm() * case["z1"].norm()),
     Mistake("walk-nan-opposite", "In opposite directions it is nan: rounding takes the cosine below −1.",
             shows=looked_at("all numbers are finite")),
     Mistake("walk-raw-angle", "The angle is that of z0·z1 as it stands. Divide by both lengths: the cosine belongs to "
             "the directions.", _with(angle=lambda a, b, c: torch.acos(a @ b))),
     Mistake("walk-clamped-raw-angle",
             "The angle is that of z0·z1, clamped. Divide by both lengths: the cosine belongs "
             "to the directions.", _with(angle=lambda a, b, c: torch.acos((a @ b).clamp(-1, 1)))),
     Mistake("walk-turned", "It runs from z1 to z0: at t = 0 all the weight belongs to z0.",
             [lambda z0, z1, steps: _sphere(z1, z0, steps), _with(turned=True)]),
     Mistake("walk-cosine-for-angle", "The cosine stands where the angle belongs: `acos` of it is ω.",
             _with(angle=lambda a, b, c: c)),
     Mistake("walk-one-length", "The cosine divides by one length twice. z0 and z1 have a length each.",
             [_with(angle=lambda a, b, c: torch.acos((a @ b / a.norm() ** 2).clamp(-1, 1))),
              _with(angle=lambda a, b, c: torch.acos((a @ b / b.norm() ** 2).clamp(-1, 1)))]),
     Mistake("walk-parallel-stays", "Where the codes have one direction the path stays at z0, or at 0. It should run "
             "straight from z0 to z1.", [_stays, lambda z0, z1, steps: _stays(z0, z1, steps, 0.0)]),
     Mistake("walk-axes", "t has a number for each step and z one for each coordinate. Give t an axis more, "
             "`t[:, None]`, so that each step meets each coordinate.", shows=raises("must match the size")),
     Mistake("walk-end-missing", "An end is missing. `steps` points, both ends among them, are asked for.",
             [_with(share=lambda steps, dtype: torch.arange(steps, dtype=dtype) / steps),
              _with(share=lambda steps, dtype: torch.arange(1, steps + 1, dtype=dtype) / (steps + 1))]),
     Mistake("walk-one-more", "There is one point too many: `steps` counts the ends too.",
             _with(share=lambda steps, dtype: torch.linspace(0, 1, steps + 1, dtype=dtype))),
     Mistake("walk-across", "The path came back with its axes swapped: (steps, d) is asked for.",
             lambda z0, z1, steps: _sphere(z0, z1, steps).T),
     Mistake("walk-quarter", "The angle is taken to be a right one. Work it out.", _cosines),
     Mistake("walk-not-divided", "The weights are not divided by sin ω: they do not reach 1 at the ends.",
             [_with(divide=False), lambda z0, z1, steps: _sphere(z0, z1, steps) * torch.sin(torch.acos(
                 (z0 @ z1 / (z0.norm() * z1.norm())).clamp(-1, 1)))]),
     Mistake("walk-list", "A list came back: stack its points into one tensor, (steps, d).",
             shows=lambda finding, seen, case: "list of" in str(finding.got) and "tensors" in str(finding.got))])


# ---------------------------------------------------------------------------------------- cosine_alpha_bar


def lengths(*timesteps):
    """Cases: how many timesteps."""
    return lambda g: [{"timesteps": number} for number in timesteps]


def _asked(answer, timesteps):
    """What came back; a list of numbers as a tensor."""
    found = answer(timesteps)
    numbers = isinstance(found, (list, tuple)) and all(isinstance(one, (int, float)) or isinstance(one, torch.Tensor)
                                                       and one.dim() == 0 for one in found)
    return torch.tensor([float(one) for one in found], dtype=DOUBLE) if numbers else found


def schedule(answer, timesteps):
    """ᾱ, in float64."""
    found = _asked(answer, timesteps)
    return {"alpha_bar": found.double() if isinstance(found, torch.Tensor) else found}


def betas(answer, timesteps):
    """β_t = 1 − ᾱ_t / ᾱ_{t−1}."""
    found = _asked(answer, timesteps)
    if not isinstance(found, torch.Tensor) or found.shape != (timesteps,):
        return {"alpha_bar": found}
    found = found.double()
    return {"1 − ᾱ[t] / ᾱ[t−1]": 1 - found / torch.cat([torch.ones(1, dtype=DOUBLE), found[:-1]])}


def _cosine(timesteps, s=0.008, first=1, most=0.999, power=2, turn=math.pi / 2, divide=True, clip=True):
    t = torch.arange(timesteps + 1, dtype=DOUBLE) / timesteps
    f = torch.cos((t + s) / (1 + s) * turn) ** power
    if not clip:
        alpha_bar = f / f[0] if divide else f
        return alpha_bar[first:first + timesteps]
    beta = 1 - f[1:] / f[:-1]
    return torch.cumprod(1 - beta.clamp(max=most), 0)


def _schedule(**options):
    return lambda timesteps: _cosine(timesteps, **options)


def _linear_betas(low, high):
    return lambda timesteps: torch.cumprod(1 - torch.linspace(low, high, timesteps, dtype=DOUBLE), 0)


cosine_alpha_bar = Check(
    "cosine_alpha_bar", "cosine_alpha_bar(timesteps)", _cosine,
    [Part("values", 0.5, "entry t is the product of 1 − β up to and with t, so entry 0 is already noisy",
          lengths(10, 50, 3), schedule, rounding=(5e-5, 1e-6)),
     Part("clip", 0.25, "no β is above 0.999, so no step destroys everything", lengths(20, 100, 1), betas,
          rounding=(0.0, 3e-4)),
     Part("long", 0.25, "a thousand steps work as well", lengths(1000), schedule, rounding=(2e-3, 1e-6))],
    [Mistake("cosine-starts-clean", "Entry 0 is 1, no noise at all. Entry t is what is left *after* step t, "
             "f(t + 1)/f(0) but for the clip.", [_schedule(clip=False, first=0),
                                       lambda timesteps: torch.cat([torch.ones(1, dtype=DOUBLE),
                                                                    _cosine(timesteps)])[:-1]]),
     Mistake("cosine-not-clipped", "The last β is 1, or nearly: ᾱ falls to 0 and the way back would divide by it. Clip "
             "every β at 0.999.", [_schedule(clip=False), _schedule(most=1.0), _schedule(most=0.9999)]),
     Mistake("cosine-clipped-elsewhere", "The clip is at another place than 0.999, or on ᾱ and not on β.",
             [_schedule(most=0.99), _schedule(most=0.9), _schedule(most=0.02), _schedule(most=0.5),
              lambda timesteps: _cosine(timesteps, clip=False).clamp(min=0.001),
              lambda timesteps: _cosine(timesteps, clip=False).clamp(max=0.999)]),
     Mistake("cosine-not-divided", "f(t) is not divided by f(0), so that some noise comes in before the first step.",
             [_schedule(clip=False, divide=False)]),
     Mistake("cosine-no-offset", "The offset s = 0.008 is missing.", [_schedule(s=0.0), _schedule(s=0.0, clip=False)]),
     Mistake("cosine-offset-above-only", "s is added above and not below: at t = T the angle goes beyond π/2.",
             lambda timesteps: _offset_above(timesteps)),
     Mistake("cosine-not-squared", "The cosine is not squared.", [_schedule(power=1), _schedule(power=1, clip=False)]),
     Mistake("cosine-half-wave", "The angle runs to π. A quarter of a wave is enough, to π/2.",
             [_schedule(turn=math.pi), _schedule(turn=math.pi, clip=False)]),
     Mistake("cosine-linear", "This schedule has betas on a straight line, as in the paper before.",
             [_linear_betas(1e-4, 0.02), _linear_betas(1e-4, 0.2)]),
     Mistake("cosine-straight", "ᾱ itself falls on a straight line here.",
             lambda timesteps: 1 - torch.arange(1, timesteps + 1, dtype=DOUBLE) / timesteps),
     Mistake("cosine-betas", "These are the betas. ᾱ is the running product of 1 − β.",
             lambda timesteps: betas(_cosine, timesteps)["1 − ᾱ[t] / ᾱ[t−1]"]),
     Mistake("cosine-alphas", "These are the alphas, 1 − β, one by one. ᾱ is their running product.",
             lambda timesteps: 1 - betas(_cosine, timesteps)["1 − ᾱ[t] / ᾱ[t−1]"]),
     Mistake("cosine-product-of-betas", "The running product is taken of the betas. It is 1 − β that each step keeps.",
             lambda timesteps: betas(_cosine, timesteps)["1 − ᾱ[t] / ᾱ[t−1]"].cumprod(0)),
     Mistake("cosine-sum", "The alphas, or the betas, are summed up. Shares that are kept one after another multiply.",
             [lambda timesteps: (1 - betas(_cosine, timesteps)["1 − ᾱ[t] / ᾱ[t−1]"]).cumsum(0),
              lambda timesteps: betas(_cosine, timesteps)["1 − ᾱ[t] / ᾱ[t−1]"].cumsum(0),
              lambda timesteps: 1 - betas(_cosine, timesteps)["1 − ᾱ[t] / ᾱ[t−1]"].cumsum(0)]),
     Mistake("cosine-turned", "The schedule runs backwards: ᾱ falls from near 1 to near 0.",
             lambda timesteps: _cosine(timesteps).flip(0)),
     Mistake("cosine-root", "This is √ᾱ.", lambda timesteps: _cosine(timesteps).sqrt()),
     Mistake("cosine-one-more", "There is an entry too many: (timesteps,) is asked for, without the 1 of no steps.",
             lambda timesteps: torch.cat([torch.ones(1, dtype=DOUBLE), _cosine(timesteps)])),
     Mistake("cosine-one-less", "There is an entry too few: betas need f at timesteps + 1 points.",
             [lambda timesteps: _cosine(timesteps)[:-1], lambda timesteps: _cosine(timesteps)[1:]])])


def _offset_above(timesteps):
    t = torch.arange(timesteps + 1, dtype=DOUBLE) / timesteps
    f = torch.cos((t + 0.008) * math.pi / 2) ** 2
    return torch.cumprod(1 - (1 - f[1:] / f[:-1]).clamp(max=0.999), 0)


# ------------------------------------------------------------------------------------------------- diffuse


def mixtures(*askings):
    """Cases: (shape of x0, dtype)."""
    def cases(g):
        found = []
        for shape, dtype in askings:
            alpha_bar = torch.linspace(0.97, 0.02, 9, dtype=DOUBLE) - 0.01 * torch.rand(9, generator=g, dtype=DOUBLE)
            found.append({"x0": normal(g, *shape, dtype=dtype), "t": torch.randperm(9, generator=g)[:shape[0]],
                          "noise": normal(g, *shape, dtype=dtype), "alpha_bar": alpha_bar.to(dtype)})
        return found
    return cases


def mixed(answer, x0, t, noise, alpha_bar):
    """The noisy samples."""
    return {"x_t": answer(x0.clone(), t.clone(), noise.clone(), alpha_bar.clone())}


def _mix(x0, t, noise, alpha_bar, signal=torch.sqrt, rest=lambda a: (1 - a).sqrt(), shape=None):
    a = (shape or _column)(alpha_bar[t], x0)
    return signal(a) * x0 + rest(a) * noise


def _column(values, x0):
    return values.view(-1, *[1] * (x0.dim() - 1))


def _blend(**options):
    return lambda x0, t, noise, alpha_bar: _mix(x0, t, noise, alpha_bar, **options)


diffuse = Check(
    "diffuse", "diffuse(x0, t, noise, alpha_bar)", _mix,
    [Part("values", 0.5, "√ᾱ of the sample and √(1 − ᾱ) of the noise, ᾱ taken at each sample's own t",
          mixtures(((5, 2), DOUBLE), ((4, 3), torch.float32)), mixed),
     Part("images", 0.3, "a whole image shares its t", mixtures(((4, 1, 3, 5), DOUBLE), ((2, 3, 4, 4), DOUBLE)), mixed),
     Part("squares", 0.2, "the t of a sample is not taken for that of a column", mixtures(((4, 4), DOUBLE),
                                                                                       ((3, 3, 3), DOUBLE)), mixed)],
    [Mistake("diffuse-no-roots", "The weights are ᾱ and 1 − ᾱ, and the variances no longer add up to 1: their roots "
             "belong here.", _blend(signal=lambda a: a, rest=lambda a: 1 - a)),
     Mistake("diffuse-noise-root", "The noise is weighed by its variance, 1 − ᾱ. Take the root.",
             _blend(rest=lambda a: 1 - a)),
     Mistake("diffuse-signal-root", "The sample is weighed by ᾱ. Take the root.", _blend(signal=lambda a: a)),
     Mistake("diffuse-rest-of-root", "The noise is weighed by 1 − √ᾱ. It is √(1 − ᾱ) that makes the variances add up.",
             _blend(rest=lambda a: 1 - a.sqrt())),
     Mistake("diffuse-swapped", "The weights are swapped: at the start, where ᾱ is near 1, the sample is nearly whole.",
             _blend(signal=lambda a: (1 - a).sqrt(), rest=torch.sqrt)),
     Mistake("diffuse-noise-whole", "The noise is added in full.", _blend(rest=lambda a: torch.ones_like(a))),
     Mistake("diffuse-signal-whole", "The noise is added to the whole sample, which does not fade.",
             _blend(signal=lambda a: torch.ones_like(a))),
     Mistake("diffuse-squares", "The weights are ᾱ and √(1 − ᾱ²), as if ᾱ were an amplitude. It is a share of the "
             "variance: its root weighs the sample.", _blend(signal=lambda a: a, rest=lambda a: (1 - a ** 2).sqrt())),
     Mistake("diffuse-first-entries", "ᾱ's first entries are taken, one for each sample, whatever t is.",
             lambda x0, t, noise, alpha_bar: _mix(x0, torch.arange(len(t)), noise, alpha_bar)),
     Mistake("diffuse-minus", "The noise is taken off.", _blend(rest=lambda a: -(1 - a).sqrt())),
     Mistake("diffuse-product-again", "The running product was taken of ᾱ, which is one already.",
             lambda x0, t, noise, alpha_bar: _mix(x0, t, noise, alpha_bar.cumprod(0))),
     Mistake("diffuse-one-t", "All samples get the same t. Each has its own.",
             [lambda x0, t, noise, alpha_bar: _mix(x0, t[:1].expand(len(t)), noise, alpha_bar),
              lambda x0, t, noise, alpha_bar: _mix(x0, t[-1:].expand(len(t)), noise, alpha_bar)]),
     Mistake("diffuse-shifted", "ᾱ is taken one step beside t: t counts from 0.",
             [lambda x0, t, noise, alpha_bar: _mix(x0, t - 1, noise, alpha_bar),
              lambda x0, t, noise, alpha_bar: _mix(x0, (t + 1).clamp(max=len(alpha_bar) - 1), noise, alpha_bar)]),
     Mistake("diffuse-not-reshaped",
             "ᾱ[t] has one number for each sample, and broadcasting lines it up with the *last* "
             "axis. Give it axes of length 1 behind the first, as many as x0 has.",
             [_blend(shape=lambda a, x0: a)]),
     Mistake("diffuse-axes",
             "ᾱ[t] does not line up with x0: it wants an axis of length 1 for each axis of x0 behind the "
             "first, and x0 may be a batch of images.", shows=raises("must match the size", "is invalid for input",
                                                                     "shape '")),
     Mistake("diffuse-own-noise", "The noise that was handed in is not used.",
             shows=lambda finding, seen, case: finding.kind == "value" and _ignores_noise(seen, case))])


def _ignores_noise(seen, case) -> bool:
    """Whether what came back, less √ᾱ of the sample, has nothing to do with the noise that was handed in."""
    output = seen["seen"].get("x_t") if isinstance(seen.get("seen"), dict) else None
    if not isinstance(output, torch.Tensor) or output.shape != case["x0"].shape:
        return False
    a = _column(case["alpha_bar"][case["t"]], case["x0"])
    drawn = ((output - a.sqrt() * case["x0"]) / (1 - a).sqrt()).double().flatten()
    alike = torch.corrcoef(torch.stack([drawn, case["noise"].double().flatten()]))[0, 1]
    return bool(0.3 < drawn.std() < 2.5 and alike.abs() < 0.75)
