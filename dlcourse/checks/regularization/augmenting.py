"""Making more of the data there is: crops, flips, colours and mixtures, judged by properties, in any order of draws."""

import torch
from torch.nn import functional as F

from ..asking import remembered
from ..core import Check, Mistake, Part
from .looking import (ANOTHER, DOUBLE, GLOBAL, SAME, alike, draws, generator, looked_at, of_form, raises, seed,
                      seen_that, share, untouched, widened)

MANY = 1500  # images over which shares are taken: two of them differ by 0.018 as a rule, and 0.09 is allowed
SHARES = (0.0, 0.09)


def pictures(*shape, dtype=DOUBLE, low=0.05, high=0.95, **options):
    """A case: images with pixels between low and high, all different, and a seed."""
    def case(g):
        images = low + (high - low) * torch.rand(shape, generator=g, dtype=DOUBLE)
        return {"images": images.to(dtype), **options, "seed": seed(g)}
    return case


def several(*cases):
    """A part's cases from functions of the generator."""
    return lambda g: [case(g) for case in cases]


def random_ones(name, source="`torch.rand` and `torch.randint` take it as `generator=`."):
    """The mistakes in using a generator that every one of these exercises can have."""
    return [Mistake(f"{name}-generator", "Not all numbers come from the generator that was handed in: the same state "
                    f"gave another result. {source}", shows=seen_that(SAME)),
            Mistake(f"{name}-restarted", "Every call draws the same numbers: it starts from a seed each time. Draw "
                    "from the generator as it comes; it moves on by itself.", shows=seen_that(ANOTHER)),
            Mistake(f"{name}-global-state", "The global random state is another one afterwards: it was seeded, or "
                    "numbers were drawn from it. Other code counts on it; `torch.random.fork_rng()` puts it back.",
                    shows=seen_that(GLOBAL))]


# --------------------------------------------------------------------------------------------- random_crop


def _windows(images, padding, mode="constant"):
    """Every window of the padded images, (N, offsets, C, H, W), row by row."""
    height, width = images.shape[2:]
    if mode == "constant":
        padded = F.pad(images, (padding,) * 4)
    else:
        padded = F.pad(images, (padding,) * 4, mode=mode)
    found = padded.unfold(2, height, 1).unfold(3, width, 1)  # (N, C, offsets, offsets, H, W)
    return found.flatten(2, 3).transpose(1, 2)


def _offsets(output, images, padding, mode="constant"):
    """Which window each output is, (N,); −1 where it is none of its own image's."""
    same = ((_windows(images, padding, mode) - output[:, None]).abs() < 1e-6).flatten(2).all(2)
    return torch.where(same.any(1), same.double().argmax(1), -1)


@remembered
def cropped(answer, images, padding, seed):
    """How many outputs are windows of their own image, and what the others are."""
    before = images.clone()
    output = answer(images, padding, generator(seed))
    seen = of_form(output, before)
    if seen["output"] is output:
        return seen
    windows = share(_offsets(output, before, padding) >= 0)
    seen |= {"share of images that are a window of themselves": windows}
    if padding and windows < 0.999:  # what are they, then?
        borders = {"wrapped round": "circular", "repeated": "replicate", "mirrored": "reflect"}
        seen |= {f"share that would be windows if the border were {word}":
                 share(_offsets(output, before, padding, mode) >= 0) for word, mode in borders.items()}
        others = torch.roll(before, 1, 0)
        seen |= {"share that are a window of the image next to it":
                 share(_offsets(output, others, padding) >= 0)}
    return {**seen, **untouched(images, before)}


@remembered
def offsets(answer, images, padding, seed):
    """How the offsets are spread."""
    output = answer(images, padding, generator(seed))
    if of_form(output, images)["output"] is output:
        return {"output": output}
    found, sides = _offsets(output, images, padding), 2 * padding + 1
    found = found[found >= 0]
    rows, columns = found // sides, found % sides
    seen = {f"share of images with offset {k} in {word}": share(where == k)
            for word, where in (("rows", rows), ("columns", columns)) for k in range(sides)}
    return {**seen, "share of images with the same offset in both": share(rows == columns),
            "share of images with the offset of the one before": share(found[1:] == found[:-1])}


def _crop(images, padding, generator, high=1, pick=None, mode="constant"):
    """The reference; mistakes are other settings. pick(rows, columns) changes the offsets."""
    n, _, height, width = images.shape
    padded = F.pad(images, (padding,) * 4, mode=mode) if padding else images
    rows, columns = torch.randint(0, max(1, 2 * padding + high), (2, n), generator=generator)
    if pick:
        rows, columns = pick(rows, columns)
    rows = rows[:, None, None] + torch.arange(height)[:, None]
    columns = columns[:, None, None] + torch.arange(width)
    return padded.movedim(1, 3)[torch.arange(n)[:, None, None], rows, columns].movedim(3, 1)


def _crop_channels_apart(images, padding, generator):
    flat = images.flatten(0, 1)[:, None]
    return _crop(flat, padding, generator).view(images.shape)


def _crop_one_side(images, padding, generator):
    return _crop(images, padding, generator, high=1 - padding)


def _crop_shuffled(images, padding, generator):
    return _crop(images, padding, generator)[torch.randperm(len(images), generator=generator)]


def _other_sides(finding, seen, case):
    n, channels, height, width = case["images"].shape
    return finding.kind == "shape" and height != width and finding.got in [
        f"shape {(n, channels, *sides)}" for sides in ((height, height), (width, width), (width, height))]


def _wrapped(images, padding, generator):
    return _crop(images, padding, generator, mode="circular" if padding else "constant")


random_crop = Check(
    "random_crop", "random_crop(images, padding, generator)", _crop,
    [Part("windows", 0.45, "each image is a window of itself, zeros around it, all channels together", several(
        pictures(300, 2, 3, 4, padding=2), pictures(6, 1, 3, 3, dtype=torch.float32, padding=0)), cropped,
        rounding=(0.0, 0.1)),
     Part("offsets", 0.3, "every image has its own two offsets, each even over 0 … 2·padding",
          several(pictures(MANY, 1, 3, 3, padding=1), pictures(MANY, 1, 3, 3, padding=2)), offsets, rounding=SHARES),
     Part("generator", 0.25, "all randomness comes from the generator, which moves on",
          several(pictures(40, 1, 4, 4, padding=2)),
          draws(lambda answer, g, images, padding: answer(images.clone(), padding, g)))],
    [Mistake("crop-one-for-all", "All images are moved by the same two offsets. Each wants its own.",
             shows=lambda finding, seen, case: isinstance(seen.get("seen"), dict) and seen["seen"].get(
                 "share of images with the offset of the one before", 0) > 0.99),
     Mistake("crop-diagonal", "An image is moved as far down as it is moved across: one number was used for both. "
             "Rows and columns want a number each.", lambda images, padding, generator: _crop(
                 images, padding, generator, pick=lambda rows, columns: (rows, rows))),
     Mistake("crop-end-left-out", "The largest offset, 2·padding, never comes up: the upper end of `torch.randint` is "
             "not included.", lambda images, padding, generator: _crop(images, padding, generator, high=0)),
     Mistake("crop-empty-range", "With padding 0 there is no number to draw from: `randint` leaves out its upper end, "
             "so from 0 to 0 is empty. There are 2·padding + 1 offsets.", shows=raises("expects 'from'", "from < to",
                                                                                 "to be less than")),
     Mistake("crop-too-far", "An offset of 2·padding + 1 comes up, which is past the end: there are 2·padding + 1 "
             "offsets, and they start at 0.", shows=raises("out of range", "out of bounds")),
     Mistake("crop-half-the-way", "Offsets run from 0 to padding only, so that images move in one direction. The "
             "padded image is larger by 2·padding.", _crop_one_side),
     Mistake("crop-wrapped", "What leaves on one side comes in on the other (`torch.roll` does that). Zeros should "
             "come in.", _wrapped),
     Mistake("crop-border", "The border is repeated or mirrored where it should be zeros: `F.pad` pads with zeros "
             "unless told otherwise.",
             [lambda images, padding, generator: _crop(images, padding, generator, mode="replicate"),
              lambda images, padding, generator: _crop(images, padding, generator, mode="reflect")]),
     Mistake("crop-channels-apart", "The channels of an image are moved apart from one another. An image moves as a "
             "whole.", _crop_channels_apart),
     Mistake("crop-shuffled", "The images have changed places. Image i must stay at i, or labels no longer belong to "
             "their images.", [_crop_shuffled,
                               lambda images, padding, generator: _crop(images, padding, generator).roll(1, 0)]),
     Mistake("crop-no-crop", "The images came back larger: they were padded, and no window was cut out.",
             lambda images, padding, generator: F.pad(images, (padding,) * 4)),
     Mistake("crop-no-padding", "The images came back smaller: a window was cut without padding them first.",
             lambda images, padding, generator: images[:, :, :-2 * padding or None, :-2 * padding or None]),
     Mistake("crop-one-axis", "Images move along one axis only.",
             [lambda images, padding, generator: _crop(images, padding, generator, pick=lambda rows, columns: (
                 rows, 0 * columns + padding)),
              lambda images, padding, generator: _crop(images, padding, generator, pick=lambda rows, columns: (
                  0 * rows + padding, columns))]),
     Mistake("crop-axes-confused", "Height and width are confused somewhere, or one of them is used for both: images "
             "need not be square.", shows=_other_sides),
     Mistake("crop-pads-one-axis", "Some windows reach beyond the padded image, so they differ in size. Is it padded "
             "on all four sides? `F.pad` takes left, right, top, bottom.", shows=raises("stack expects each tensor")),
     Mistake("crop-not-moved", "The images came back as they were: none was moved.",
             lambda images, padding, generator: images + 0),
     *random_ones("crop")])

# ----------------------------------------------------------------------------------------- horizontal_flip


MOVED = "share where another image stands in its place"


def flipped(answer, images, p, seed):
    """How many images came back as they were, mirrored, or as something else."""
    before = images.clone()
    output = answer(images, p, generator(seed))
    seen = of_form(output, before)
    if seen["output"] is output:
        return seen
    same = alike(output, before)
    ways = {"left and right": (3,), "top and bottom": (2,), "both": (2, 3)}
    found = {name: alike(output, before.flip(dims)) for name, dims in ways.items()}
    near = (output.double().flatten(1).sum(1)[:, None] - before.double().flatten(1).sum(1)).abs() < 1e-5
    moved = near.any(1) & ~near.diagonal()  # made of another image's pixels
    return {**seen, "share that is itself or mirrored left and right": share(same | found["left and right"]),
            MOVED: share(moved),
            **{f"share mirrored {name}": share(one) for name, one in found.items()},
            "share treated like the one before": share(same[1:] == same[:-1]), **untouched(images, before)}


def _flip(images, p, generator, dims=(3,), draw=None):
    """The reference; mistakes are other settings. draw(n, generator) are numbers between 0 and 1."""
    numbers = draw(len(images), generator) if draw else torch.rand(len(images), generator=generator)
    return torch.where((numbers < p)[:, None, None, None], images.flip(dims), images)


def _flip_pixels(images, p, generator):
    return torch.where(torch.rand(images.shape, generator=generator) < p, images.flip(3), images)


def _flip_channels(images, p, generator):
    return torch.where(torch.rand(*images.shape[:2], 1, 1, generator=generator) < p, images.flip(3), images)


horizontal_flip = Check(
    "horizontal_flip", "horizontal_flip(images, p, generator)", _flip,
    [Part("mirrored", 0.5, "each image comes back as it was, or with left and right exchanged", several(
        pictures(600, 3, 3, 5, p=0.5), pictures(600, 1, 4, 3, dtype=torch.float32, p=1.0),
        pictures(600, 2, 2, 3, p=0.0)),
        flipped, rounding=(0.0, 0.18)),
     Part("chances", 0.25, "an image is flipped with probability p, on its own", several(
         pictures(MANY, 1, 2, 3, p=0.25), pictures(MANY, 1, 2, 3, p=0.6)), flipped, rounding=SHARES),
     Part("generator", 0.25, "all randomness comes from the generator, which moves on",
          several(pictures(60, 1, 2, 3, p=0.5)),
          draws(lambda answer, g, images, p: answer(images.clone(), p, g)))],
    [Mistake("flip-vertical", "Top and bottom are exchanged, not left and right. In (N, C, H, W) the last axis runs "
             "from left to right.", lambda images, p, generator: _flip(images, p, generator, (2,))),
     Mistake("flip-both", "The images are turned by 180°, or flipped along more axes than one: only left and right "
             "change places.", [lambda images, p, generator: _flip(images, p, generator, (2, 3)),
                                lambda images, p, generator: _flip(images, p, generator, (1, 2, 3))]),
     Mistake("flip-channel-axis", "The channels are reversed, red for blue. Left and right are the last axis.",
             lambda images, p, generator: _flip(images, p, generator, (1,))),
     Mistake("flip-batch-axis", "The order of the images is reversed. Image i must stay at i.",
             [lambda images, p, generator: _flip(images, p, generator, (0,)),
              lambda images, p, generator: _flip(images, p, generator, (0, 3)),
              lambda images, p, generator: images.flip(0)]),
     Mistake("flip-reordered", "Images have changed places. Image i must stay at i, or labels no longer belong to "
             "their images.", shows=lambda finding, seen, case: isinstance(seen.get("seen"), dict)
             and seen["seen"].get(MOVED, 0) > 0.3),
     Mistake("flip-negative-step", "Torch takes no negative steps in a slice. `.flip(dim)` turns an axis round.",
             shows=raises("step must be greater than zero")),
     Mistake("flip-one-coin", "All images are flipped, or none: one number was drawn for the whole batch. Each image "
             "wants its own.", [lambda images, p, generator: _flip(images, p, generator, draw=lambda n, g: torch.rand(
                 1, generator=g)), lambda images, p, generator: images.flip(3) if p > 0 else images,
                                lambda images, p, generator: images.flip(3) if p == 1 else images]),
     Mistake("flip-always", "All images are flipped: p is not used.", lambda images, p, generator: images.flip(3)),
     Mistake("flip-never", "No image was flipped.", lambda images, p, generator: images + 0),
     Mistake("flip-the-rest", "An image is flipped with probability 1 − p: the comparison is turned round.",
             lambda images, p, generator: _flip(images, 1 - p, generator)),
     Mistake("flip-p-ignored", "Half of the images are flipped whatever p is: p is not used.",
             lambda images, p, generator: _flip(images, 0.5, generator)),
     Mistake("flip-normal", "The share of flipped images is not p. Are the numbers that p is compared with spread "
             "evenly between 0 and 1? `torch.rand` gives such; `randn` does not.",
             lambda images, p, generator: _flip(images, p, generator, draw=lambda n, g: torch.randn(n, generator=g))),
     Mistake("flip-first-ones", "It is always the first images of the batch that are flipped. Each is to be flipped by "
             "chance.", lambda images, p, generator: _flip(images, p, generator,
                                                           draw=lambda n, g: torch.arange(n) / n)),
     Mistake("flip-pixels", "Each pixel is flipped on its own, or each channel: images come back as a mixture of "
             "themselves and their mirror image. Draw one number per image.", [_flip_pixels, _flip_channels]),
     Mistake("flip-blended", "Images come back as a mean of themselves and their mirror image. An image is flipped "
             "wholly or not at all.", lambda images, p, generator: (1 - p) * images + p * images.flip(3)),
     Mistake("flip-broadcast", "A mask of shape (N,) is lined up with the last axis, the width. Give it axes of length "
             "1 behind the first: (N, 1, 1, 1).", shows=raises("must match the size", "shape mismatch")),
     *random_ones("flip")])

# -------------------------------------------------------------------------------------------- color_jitter


def tinted(n, brightness, contrast, extremes=(0.6, 0.5), dark=0.45, dtype=DOUBLE):
    """A case: images of 2×1×3 pixels, of which the first two stay clear of 0 and 1; two others have `extremes`."""
    def case(g):
        base = torch.tensor([0.30, 0.42, extremes[0], 0.36, extremes[1], 0.45], dtype=DOUBLE)
        images = base + 0.05 * torch.rand(n, 6, generator=g, dtype=DOUBLE)
        images = images * (dark + (1 - dark) * torch.rand(n, 1, generator=g, dtype=DOUBLE))
        return {"images": images.view(n, 2, 1, 3).to(dtype), "brightness": brightness, "contrast": contrast,
                "seed": seed(g)}
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

# --------------------------------------------------------------------------------------------------- mixup


def labelled(n=64, alpha=2.0, shape=(1, 8, 8), dtype=DOUBLE):
    """A case: image i is 1 at its pixel number i and 0 elsewhere, so that a mixture can be read off it; n classes."""
    def case(g):
        y = F.one_hot(torch.randperm(n, generator=g), n).to(dtype)
        return {"x": torch.eye(n, dtype=dtype).view(n, *shape), "y": y, "alpha": alpha, "seed": seed(g)}
    return case


TWO = "two tensors, x and y"


def _pair(result):
    """What the answer gave, as two tensors; None where it is something else."""
    good = isinstance(result, (tuple, list)) and len(result) == 2 and all(isinstance(t, torch.Tensor) for t in result)
    return result if good else None


def _unpaired(result):
    """What to say of a result that is no pair."""
    return {TWO: result if result is None else False}


def mixed(answer, x, y, alpha, seed):
    """What each image was mixed from."""
    before = x.clone()
    result = answer(x, y.clone(), alpha, generator(seed))
    if not _pair(result):
        return _unpaired(result)
    seen = {TWO: True, **of_form(result[0], before)}
    if seen["output"] is result[0]:
        return seen
    m = result[0].detach().flatten(1)
    own, others = m.diagonal(), m - m.diag().diag()
    partners = others.argmax(1)
    one_other = ((others.abs() > 1e-9).sum(1) <= 1) & ((own > 1e-9) | (others.sum(1) > 1 - 1e-9))
    return {**seen, "share of images mixed from themselves and one other at most": share(one_other),
            "smallest sum of an image's weights": m.sum(1).min().item(),
            "largest sum of an image's weights": m.sum(1).max().item(), "smallest weight": min(m.min().item(), 0.0),
            "share of images with another in them": share(others.sum(1) > 1e-9),
            "share mixed with the same other": (partners.bincount().max() / len(x)).item(), **untouched(x, before)}


def labels_mixed(answer, x, y, alpha, seed):
    """Whether labels were mixed as their images were."""
    before = y.clone()
    result = answer(x.clone(), y, alpha, generator(seed))
    if not _pair(result):
        return _unpaired(result)
    seen = {TWO: True, **of_form(result[1], before)}
    if seen["output"] is result[1] or result[0].shape != x.shape or result[0].dtype != x.dtype:
        return seen
    m = result[0].detach().flatten(1)
    right, of = alike(result[1], m @ before), result[1].detach() @ before.T  # `of`: what each label is mixed from
    same_two = ((of.abs() > 1e-9) == (m.abs() > 1e-9)).all(1)
    turned = same_two & ((of.diagonal() - (m.sum(1) - m.diagonal())).abs() < 1e-6)
    return {**seen, "share of labels mixed as their images are": share(right),
            "share of labels that come from the same two samples": share(same_two),
            "share of labels with the two weights exchanged": share(turned & ~right),
            "share of labels that are one-hot": share((result[1] > 1 - 1e-9).any(1)),
            "share of labels that are as they were": share(alike(result[1], before)),
            "smallest sum of a label": result[1].sum(1).min().item(),
            "largest sum of a label": result[1].sum(1).max().item(), **untouched(y, before)}


@remembered
def strength(answer, x, y, alpha, seed, calls=200):
    """How far the first image is mixed, over many calls.

    About 150 of them mix it with another. Then the mean of λ has a standard deviation of 0.032 at most, and 0.18 is
    more than five times that; two means of λ(1 − λ) differ by 0.01, of which the part allows 0.045.
    """
    given, first = generator(seed), []
    for _ in range(calls):
        result = _pair(pair := answer(x.clone(), y.clone(), alpha, given))
        if not result:
            return _unpaired(pair)
        first.append(result[0].flatten(1)[0, 0].item())
    own = torch.tensor(first, dtype=DOUBLE)
    own = own[own < 1 - 1e-12] if alpha else own  # those not mixed with themselves
    if not len(own):
        return {TWO: True, "the first image is ever mixed with another": False}
    return {TWO: True, "the first image is ever mixed with another": True, ANEW: len(own.unique()) > len(own) / 2,
            SYMMETRIC: abs(own.mean().item() - 0.5) < 0.18, "mean of λ(1 − λ)": (own * (1 - own)).mean().item()}


ANEW, SYMMETRIC = "every call draws another λ", "λ is as often small as large"


def not_mixed(answer, x, y, alpha, seed):
    """What alpha = 0 gives."""
    result = answer(x.clone(), y.clone(), alpha, generator(seed))
    if not _pair(result):
        return _unpaired(result)
    return {TWO: True, "x": result[0], "y": result[1]}


def _beta(alpha, shape, g):
    if not alpha:
        return torch.ones(shape, dtype=DOUBLE)
    first, second = torch._standard_gamma(torch.full((2, *shape), float(alpha), dtype=DOUBLE), generator=g)
    return first / (first + second)


def _mixup(x, y, alpha, generator, weight=_beta, partner=None):
    """The reference; mistakes are other settings."""
    lam = weight(alpha, (1,), generator).item()
    other = torch.randperm(len(x), generator=generator) if partner is None else partner(len(x))
    return tuple(lam * t + (1 - lam) * t[other] for t in (x, y))


def _with(**settings):
    """A mixup with other settings."""
    return lambda x, y, alpha, generator: _mixup(x, y, alpha, generator, **settings)


def _weighing(number):
    """A mixup whose λ is number(alpha), once as it is and once with alpha = 0 treated apart."""
    apart = lambda alpha: number(alpha) if alpha else 1.0
    return [_with(weight=lambda alpha, shape, g, f=f: torch.full(shape, f(alpha), dtype=DOUBLE))
            for f in (number, apart)]


def _even(alpha, shape, g):
    return torch.rand(shape, generator=g, dtype=DOUBLE)


def _noise_mix(x, y, alpha, generator):
    lam = _beta(alpha, x.shape, generator)
    other = torch.randperm(len(x), generator=generator)
    weight = lam.flatten(1).mean(1)[:, None]
    return lam * x + (1 - lam) * x[other], weight * y + (1 - weight) * y[other]


def _labels(test):
    """A mistake's `shows`: what was seen of the labels passes test(share one-hot, of the same two, exchanged)."""
    keys = ("share of labels that are one-hot", "share of labels that come from the same two samples",
            "share of labels with the two weights exchanged")
    return lambda finding, seen, case: isinstance(seen.get("seen"), dict) and keys[0] in seen["seen"] and test(
        *(seen["seen"][key] for key in keys)) and "sum of a label" not in finding.path[0]


mixup = Check(
    "mixup", "mixup(x, y, alpha, generator)", _mixup,
    [Part("images", 0.35, "each image is λ of itself and 1 − λ of another",
          several(labelled(), labelled(alpha=1.0, shape=(64,)), labelled(64, 3.0, (8, 8), torch.float32)), mixed,
          rounding=(0.0, 0.16)),
     Part("labels", 0.3, "each label is mixed with the same λ and the same other one",
          several(labelled(), labelled(alpha=1.0, shape=(64,)), labelled(64, 3.0, (8, 8), torch.float32)), labels_mixed,
          rounding=(0.0, 0.16)),
     Part("alpha", 0.15, "λ comes from the distribution Beta(alpha, alpha)",
          several(labelled(4, 0.3, (4,)), labelled(4, 8.0, (4,))), strength, rounding=(0.0, 0.045)),
     Part("alpha = 0", 0.1, "with alpha = 0 everything stays as it is", several(labelled(9, 0.0, (1, 3, 3))),
          not_mixed),
     Part("generator", 0.1, "all randomness comes from the generator, which moves on",
          several(labelled(16, 1.0, (1, 4, 4))),
          draws(lambda answer, g, x, y, alpha: answer(x.clone(), y.clone(), alpha, g)))],
    [Mistake("mixup-hard-labels", "The images are mixed and the labels are not: they are still one-hot, the image's "
             "own or the other's. An image that is half a 3 has a label that is half a 3.",
             shows=_labels(lambda hard, same_two, turned: hard > 0.9)),
     Mistake("mixup-two-orders", "Images and labels are mixed with different others: the order was drawn twice. Draw "
             "it once and use it for both.", shows=_labels(lambda hard, same_two, turned: hard < 0.5 > same_two)),
     Mistake("mixup-labels-turned", "The labels have λ and 1 − λ exchanged.",
             shows=_labels(lambda hard, same_two, turned: turned > 0.8)),
     Mistake("mixup-two-lambdas", "Images and labels come from the same two samples, mixed with different λ. Was it "
             "drawn twice?", shows=_labels(lambda hard, same_two, turned: max(hard, turned) < 0.5 and same_two > 0.9)),
     Mistake("mixup-not-mixed", "Nothing was mixed: every image is still only itself. Is it its own partner?",
             [_with(partner=lambda n: torch.arange(n)), lambda x, y, alpha, generator: (x * 1, y * 1)]),
     Mistake("mixup-one-partner", "All images are mixed with the same other one. Each wants a partner of its own.",
             _with(partner=lambda n: torch.zeros(n, dtype=torch.long))),
     Mistake("mixup-sum-above-1", "The weights do not sum to 1: the image is added whole, or the other one is.",
             shows=looked_at("smallest sum of an image's weights", "largest sum of an image's weights")),
     Mistake("mixup-pixels", "Each pixel has a λ of its own. An image has one.", _noise_mix),
     Mistake("mixup-even", "λ is even between 0 and 1 whatever alpha is: that is Beta(1, 1). `alpha` is not used.",
             [_with(weight=_even), _with(weight=lambda alpha, shape, g: _even(alpha, shape, g) if alpha
                                         else torch.ones(shape, dtype=DOUBLE))]),
     Mistake("mixup-half", "λ is always ½. It comes from Beta(alpha, alpha).", _weighing(lambda alpha: 0.5)),
     Mistake("mixup-lambda-is-alpha", "λ is alpha itself. alpha is the parameter of the distribution λ comes from.",
             _weighing(float)),
     Mistake("mixup-lopsided", "λ is more often large than small, or the other way round. Beta(alpha, alpha) favours "
             "neither: does it have two different numbers, or was the larger share picked?",
             shows=looked_at(SYMMETRIC)),
     Mistake("mixup-alpha-0", "With alpha = 0 there is no Beta distribution to draw from: something raises, or becomes "
             "nan, or ½. That case is to mix nothing: treat it apart.",
             shows=lambda finding, seen, case: case.get("alpha") == 0 and finding.path[:1] != (TWO,)),
     Mistake("mixup-one-tensor", "It should give back two things, the mixed x and the mixed y.", shows=seen_that(TWO)),
     Mistake("mixup-float64", "float32 came in and float64 came out: λ is a float64 tensor, as NumPy's numbers are, "
             "and the wider dtype wins. Turn it into x's dtype, or into a Python number.", shows=widened),
     Mistake("mixup-broadcast", "λ of shape (N,) is lined up with the last axis. Give it an axis of length 1 for each "
             "axis behind the first.", shows=raises("must match the size", "shape mismatch")),
     Mistake("mixup-takes-a-generator", "`torch.distributions` takes no generator. The text above says what else "
             "gives Beta numbers.", shows=raises("unexpected keyword argument 'generator'")),
     Mistake("mixup-generator-to-numpy", "NumPy cannot start from a torch generator: it wants a seed, a whole number. "
             "Draw one from yours.", shows=raises("SeedSequence expects", "Cannot cast scalar")),
     Mistake("mixup-lambda-kept", "Every call has the same λ: a seed is set each time. Draw from the generator as it "
             "comes, or draw the seed from it.", shows=seen_that(ANEW)),
     *random_ones("mixup", "`torch.distributions` and NumPy's global numbers do not know of it, and its method "
                  "`seed()` sets it by chance: the text above says how to come to Beta numbers.")])
