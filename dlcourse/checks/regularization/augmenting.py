"""Making more of the data there is by crops and flips, judged by properties, in any order of draws."""

import torch
from torch.nn import functional as F

from ..asking import generator, raises, remembered
from ..core import Check, Mistake, Part
from .looking import MANY, SHARES, alike, draws, of_form, pictures, random_ones, several, share, untouched

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
