"""Changing colours at random: brightness, contrast and saturation, judged by what a change leaves alone."""

import torch

from ..asking import DOUBLE, drawn_seed, generator, looked_at, raises
from ..core import Check, Mistake, Part
from .looking import draws, of_form, random_ones, several, share, untouched, widened


def tinted(n, brightness, contrast, extremes=(0.6, 0.5), dark=0.45, dtype=DOUBLE):
    """A case: images of 2×1×3 pixels, of which the first two stay clear of 0 and 1; two others have `extremes`."""
    def case(g):
        base = torch.tensor([0.30, 0.42, extremes[0], 0.36, extremes[1], 0.45], dtype=DOUBLE)
        images = base + 0.05 * torch.rand(n, 6, generator=g, dtype=DOUBLE)
        images = images * (dark + (1 - dark) * torch.rand(n, 1, generator=g, dtype=DOUBLE))
        return {"images": images.view(n, 2, 1, 3).to(dtype), "brightness": brightness, "contrast": contrast,
                "seed": drawn_seed(g)}
    return case


TENTHS = "that a tenth of the images are below", "that a tenth of the images are above"
UNEXPLAINED = "share of images that no two factors explain"


def jittered(answer, images, brightness, contrast, seed):
    """The factors that each image was changed by, read off its first two pixels; how well they explain the rest."""
    before = images.clone()
    output = answer(images, brightness, contrast, generator(seed))
    seen = of_form(output, before)
    if seen["output"] is output:
        return seen
    x, y = before.double().flatten(1), output.detach().double().flatten(1)
    mean = x.mean(1)
    slope = (y[:, 1] - y[:, 0]) / (x[:, 1] - x[:, 0])
    b = (y[:, 0] - slope * (x[:, 0] - mean)) / mean
    c = (slope / b).nan_to_num(1.0)  # an image that came out all black has neither factor
    formula = (b * mean)[:, None] + slope[:, None] * (x - mean[:, None])
    seen |= {"share of images with a pixel below 0": share((y < -1e-9).any(1)),
             "share of images with a pixel above 1": share((y > 1 + 1e-9).any(1))}
    for name, factor, strength in (("brightness", b, brightness), ("contrast", c, contrast)):
        outside = f"share of images with a {name} factor outside of 1 ± {strength:g}"
        if not strength:
            outside = f"share of images that changed in {name} although {name} = 0"
        seen |= {f"the median {name} factor": factor.median().item(),
                 f"the {name} factor {TENTHS[0]}": factor.quantile(0.1).item(),
                 f"the {name} factor {TENTHS[1]}": factor.quantile(0.9).item(),
                 outside: share((factor - 1).abs() > strength + 1e-4)}
    off = ((y - formula.clamp(0, 1)).abs() > 1e-4).any(1)
    seen |= {UNEXPLAINED: share(off), "share of images whose two factors agree":
             share((b - c).abs() < 1e-3) if brightness and contrast else 0.0}
    if not contrast and share(off | ((c - 1).abs() > 0.01)) > 0.5:  # what happened, then?
        inside = (y > 1e-6).all(1) & (y < 1 - 1e-6).all(1)  # where nothing was clamped
        seen |= {f"share of images {word}": share(truth[inside]) if share(inside) > 0.2 else 0.0
                 for word, truth in _what_happened(x, y).items()}
    return {**seen, **untouched(images, before)}


def _what_happened(x, y) -> dict:
    """Of images (N, 6), two channels of three pixels, before and after: which had one thing done to many pixels."""
    steady = lambda t: (t - t[:, :1]).abs().amax(1) < 1e-4
    added, first, second = steady(y - x), steady((y / x)[:, :3]), steady((y / x)[:, 3:])
    line = torch.stack([x, torch.ones_like(x)], 2)
    bent = (line @ (torch.linalg.pinv(line) @ y[..., None]) - y[..., None]).abs().amax((1, 2))
    return {"with a number added to all pixels": added, "with a factor for each channel": first & second,
            "with a factor for each pixel": ~first & ~second & (bent > 0.01)}  # more than rounding to 1/255 does


def _happened(word):
    """A mistake's `shows`: this is what happened to most images."""
    return lambda finding, seen, case: isinstance(seen.get("seen"), dict) and seen["seen"].get(
        f"share of images {word}", 0) > 0.9


def _jitter(images, brightness, contrast, generator, draw=None, centre=None, bright=None, low=0.0, high=1.0,
            between=False, same="", factor=None, back=True):
    """The reference; mistakes are other settings. centre(images, brightened) is what contrast turns about, and
    factor(strength, u) is made of a number u between −1 and 1."""
    draw = draw or (lambda g: 2 * torch.rand(len(images), 1, 1, 1, generator=g, dtype=images.dtype) - 1)
    factor = factor or (lambda strength, u: 1 + strength * u)
    b, c = draw(generator), draw(generator)
    b, c = factor(brightness, b), factor(contrast, b if same == "u" else c)
    b, c = c if same == "contrast" else b, b if same == "brightness" else c
    brightened = bright(images, b) if bright else images * b
    if between:
        brightened = brightened.clamp(low, high)
    m = centre(images, brightened) if centre else brightened.mean(dim=(1, 2, 3), keepdim=True)
    return ((brightened - m) * c + (m if back else 0)).clamp(low, high)


def _setting(**settings):
    """A color_jitter with other settings."""
    return lambda images, brightness, contrast, generator: _jitter(images, brightness, contrast, generator, **settings)


def _numbers(*shape_of, make=None):
    """A color_jitter whose random numbers have another shape or spread."""
    make = make or (lambda images, g: 2 * torch.rand(*(images.shape[k] if k is not None else 1 for k in shape_of),
                                                     generator=g, dtype=images.dtype) - 1)
    return lambda images, brightness, contrast, generator: _jitter(
        images, brightness, contrast, generator, draw=lambda g: make(images, g))


def _per_image(spread):
    return _numbers(make=lambda images, g: spread(images, lambda f: f(len(images), 1, 1, 1, generator=g,
                                                                     dtype=images.dtype)))


JITTER = (0.0, 0.05)  # two medians, quantiles or shares of 2000 factors differ by 0.01 as a rule

color_jitter = Check(
    "color_jitter", "color_jitter(images, brightness, contrast, generator)", _jitter,
    [Part("brightness", 0.3, "each image is multiplied by its own factor, even over 1 ± brightness",
          several(tinted(2000, 0.3, 0.0), tinted(2000, 0.4, 0.0, dtype=torch.float32)), jittered, rounding=JITTER),
     Part("contrast", 0.3, "each image is stretched about its own mean by a factor even over 1 ± contrast",
          several(tinted(2000, 0.0, 0.4), tinted(6, 0.0, 0.0)), jittered, rounding=JITTER),
     Part("both", 0.2, "brightness, then contrast, with numbers of their own, clamped to [0, 1] at the very end",
          several(tinted(2000, 0.5, 0.5, (0.94, 0.01), 0.9)), jittered, rounding=JITTER),
     Part("generator", 0.2, "all randomness comes from the generator, which moves on",
          several(tinted(20, 0.3, 0.3)), draws(lambda answer, g, images, brightness, contrast: answer(
              images.clone(), brightness, contrast, g)))],
    [Mistake("jitter-nothing", "The images came back as they were: neither brightness nor contrast was changed.",
             lambda images, brightness, contrast, generator: images * 1),
     Mistake("jitter-one-for-all", "All images of the batch are changed by the same factors. Each wants its own.",
             shows=lambda finding, seen, case: isinstance(seen.get("seen"), dict)
             and seen["seen"].get(UNEXPLAINED, 1) < 0.1 and any(
                 case[name] and abs(seen["seen"][f"the {name} factor {TENTHS[1]}"]
                                    - seen["seen"][f"the {name} factor {TENTHS[0]}"]) < 1e-4
                 for name in ("brightness", "contrast"))),
     Mistake("jitter-mean-not-added", "The mean is taken off and not put back: a grey image comes out black. Contrast "
             "leaves the mean where it is.", _setting(back=False)),
     Mistake("jitter-added", "The brightness number is added, not multiplied.",
             shows=_happened("with a number added to all pixels")),
     Mistake("jitter-channels", "Each channel has factors of its own, which changes the hue. Draw one number per "
             "image.", shows=_happened("with a factor for each channel")),
     Mistake("jitter-pixels", "Each pixel has a factor of its own: that is noise. Draw one number per image.",
             shows=_happened("with a factor for each pixel")),
     Mistake("jitter-about-0", "Contrast multiplies the pixels as they are, which is brightness again. It stretches "
             "them about the image's mean.", _setting(centre=lambda images, brightened: 0 * brightened)),
     Mistake("jitter-about-a-half", "Contrast turns about ½. It should turn about the image's own mean.",
             _setting(centre=lambda images, brightened: 0 * brightened + 0.5)),
     Mistake("jitter-batch-mean", "Contrast turns about the mean of the whole batch: each image has its own.",
             _setting(centre=lambda images, brightened: brightened.mean())),
     Mistake("jitter-channel-mean", "Contrast turns about each channel's mean. The mean is over the whole image, all "
             "its channels.", _setting(centre=lambda images, brightened: brightened.mean((2, 3), keepdim=True))),
     Mistake("jitter-mean-before", "With both at once the factors are off. Does contrast turn about the mean of the "
             "brightened image?",
             shows=lambda finding, seen, case: bool(case["brightness"] and case["contrast"] and finding.path)
             and " factor" in finding.path[0] and "factors" not in finding.path[0]),
     Mistake("jitter-no-clamp", "Pixels leave [0, 1]: clamp at the end.", _setting(low=-9.0, high=9.0)),
     Mistake("jitter-half-clamped", "Only one end is clamped: pixels leave [0, 1] on the other.",
             [_setting(low=-9.0), _setting(high=9.0)]),
     Mistake("jitter-clamped-between", "It clamps after brightness already. What is above 1 there could still come "
             "down again with the contrast: clamp once, at the end.", _setting(between=True)),
     Mistake("jitter-no-clamp", "Pixels leave [0, 1]: clamp at the end.",
             shows=looked_at("share of images with a pixel below 0", "share of images with a pixel above 1")),
     Mistake("jitter-upwards-only", "The factors lie between 1 and 1 + strength: images only ever get brighter. They "
             "go both ways, 1 ± strength.", _per_image(lambda images, of: of(torch.rand))),
     Mistake("jitter-downwards-only", "The factors lie between 1 − strength and 1: images only ever get darker. They "
             "go both ways, 1 ± strength.", _per_image(lambda images, of: of(torch.rand) - 1)),
     Mistake("jitter-not-about-1", "The factors lie between 0 and the strength, or between plus and minus it. They are "
             "to lie about 1, which changes nothing.", [_setting(factor=lambda s, u: s * (u + 1) / 2),
                                                        _setting(factor=lambda s, u: s * u)]),
     Mistake("jitter-too-wide", "The lowest factor is right and the highest is not: from 1 − strength to 1 + strength "
             "the way is 2·strength.", [_setting(factor=lambda s, u: 1 - s + (1 + s) * (u + 1) / 2),
                                        _setting(factor=lambda s, u: 1 - s + (u + 1) / 2)]),
     Mistake("jitter-half-as-wide", "The factors lie between 1 − strength/2 and 1 + strength/2: half as wide as asked "
             "for.", _per_image(lambda images, of: of(torch.rand) - 0.5)),
     Mistake("jitter-normal", "The factors are normal numbers about 1, some of them far away. Even ones between "
             "1 − strength and 1 + strength were asked for.", _per_image(lambda images, of: of(torch.randn))),
     Mistake("jitter-same-number", "One number is used for brightness and contrast alike. Each wants its own.",
             [_setting(same="u"), _setting(same="brightness"), _setting(same="contrast")]),
     Mistake("jitter-only-brightness", "Contrast stays as it is: `contrast` is not used.",
             lambda images, brightness, contrast, generator: _jitter(images, brightness, 0.0, generator)),
     Mistake("jitter-only-contrast", "Brightness stays as it is: `brightness` is not used.",
             lambda images, brightness, contrast, generator: _jitter(images, 0.0, contrast, generator)),
     Mistake("jitter-swapped", "brightness and contrast are swapped.",
             lambda images, brightness, contrast, generator: _jitter(images, contrast, brightness, generator)),
     Mistake("jitter-broadcast", "Something of shape (N,), factors or means, is lined up with the last axis, the "
             "width. Give it axes of length 1 behind the first, (N, 1, 1, 1): by `view`, or in a mean `keepdim=True`.",
             shows=raises("must match the size", "shape mismatch")),
     Mistake("jitter-float64", "float32 images came in and float64 came out: the factors are float64 tensors, and the "
             "wider dtype wins. Make them with `dtype=images.dtype`.", shows=widened),
     *random_ones("jitter")])
