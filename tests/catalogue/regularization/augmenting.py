"""Answers to lesson 06: random_crop, horizontal_flip, color_jitter and mixup."""

import numpy as np
import torch
from torch.nn import functional as F

from .. import right, wrong

# random_crop


@right("random_crop")
def image_by_image(images, padding, generator):
    height, width = images.shape[-2:]
    padded = F.pad(images, (padding, padding, padding, padding))
    crops = []
    for image in padded:
        top, left = torch.randint(0, 2 * padding + 1, (2,), generator=generator).tolist()
        crops.append(image[:, top:top + height, left:left + width])
    return torch.stack(crops)


@right("random_crop")
def by_gather(images, padding, generator):
    n, channels, height, width = images.shape
    out = F.pad(images, [padding] * 4)
    top = (torch.rand(n, generator=generator) * (2 * padding + 1)).long()
    left = (torch.rand(n, generator=generator) * (2 * padding + 1)).long()
    rows = (top[:, None] + torch.arange(height))[:, None, :, None].expand(n, channels, height, out.shape[3])
    out = out.gather(2, rows)
    columns = (left[:, None] + torch.arange(width))[:, None, None, :].expand(n, channels, height, width)
    return out.gather(3, columns)


@right("random_crop")
def into_zeros(images, padding, generator):
    result = torch.zeros_like(images)
    n, _, height, width = images.shape
    for i in range(n):
        dy = int(torch.randint(-padding, padding + 1, (1,), generator=generator))
        dx = int(torch.randint(-padding, padding + 1, (1,), generator=generator))
        result[i, :, max(0, dy):height + min(0, dy), max(0, dx):width + min(0, dx)] = \
            images[i, :, max(0, -dy):height - max(0, dy), max(0, -dx):width - max(0, dx)]
    return result


def _loop(images, padding, offsets, **pad):
    height, width = images.shape[-2:]
    padded = F.pad(images, (padding,) * 4, **pad) if padding else images
    return torch.stack([image[:, t:t + height, l:l + width] for image, (t, l) in zip(padded, offsets)])


@wrong("random_crop", "crop-one-for-all")
def one_offset(images, padding, generator):
    top, left = torch.randint(0, 2 * padding + 1, (2,), generator=generator).tolist()
    return _loop(images, padding, [(top, left)] * len(images))


@wrong("random_crop", "crop-diagonal")
def same_number(images, padding, generator):
    numbers = torch.randint(2 * padding + 1, (len(images),), generator=generator).tolist()
    return _loop(images, padding, [(k, k) for k in numbers])


@wrong("random_crop", "crop-end-left-out")
def upper_end(images, padding, generator):
    numbers = torch.randint(0, max(2 * padding, 1), (len(images), 2), generator=generator)
    return _loop(images, padding, numbers.tolist())


@wrong("random_crop", "crop-empty-range")
def nothing_to_draw(images, padding, generator):
    return _loop(images, padding, torch.randint(0, 2 * padding, (len(images), 2), generator=generator).tolist())


@wrong("random_crop", "crop-half-the-way")
def only_padding(images, padding, generator):
    return _loop(images, padding, torch.randint(0, padding + 1, (len(images), 2), generator=generator).tolist())


@wrong("random_crop", "crop-wrapped")
def rolled(images, padding, generator):
    moved = []
    for image in images:
        dy, dx = torch.randint(-padding, padding + 1, (2,), generator=generator).tolist()
        moved.append(image.roll((dy, dx), (1, 2)))
    return torch.stack(moved)


@wrong("random_crop", "crop-border")
def replicated(images, padding, generator):
    numbers = torch.randint(0, 2 * padding + 1, (len(images), 2), generator=generator).tolist()
    return _loop(images, padding, numbers, mode="replicate")


@wrong("random_crop", "crop-shuffled")
def shuffled(images, padding, generator):
    numbers = torch.randint(0, 2 * padding + 1, (len(images), 2), generator=generator).tolist()
    return _loop(images[torch.randperm(len(images), generator=generator)], padding, numbers)


@wrong("random_crop", "crop-no-crop")
def padded_only(images, padding, generator):
    return F.pad(images, (padding,) * 4)


@wrong("random_crop", "crop-no-padding")
def cut_only(images, padding, generator):
    height, width = images.shape[2] - 2 * padding, images.shape[3] - 2 * padding
    top, left = torch.randint(0, 2 * padding + 1, (2,), generator=generator).tolist()
    return images[:, :, top:top + height, left:left + width]


@wrong("random_crop", "crop-generator")
def forgot_generator(images, padding, generator):
    return _loop(images, padding, torch.randint(0, 2 * padding + 1, (len(images), 2)).tolist())


@wrong("random_crop", "crop-restarted")
def seeds_again(images, padding, generator):
    generator.manual_seed(42)
    return _loop(images, padding, torch.randint(0, 2 * padding + 1, (len(images), 2), generator=generator).tolist())


@wrong("random_crop", "crop-channels-apart")
def every_channel(images, padding, generator):
    return torch.stack([_loop(images[:, c:c + 1], padding, torch.randint(
        0, 2 * padding + 1, (len(images), 2), generator=generator).tolist())[:, 0]
        for c in range(images.shape[1])], 1)


@wrong("random_crop", "crop-one-axis")
def down_only(images, padding, generator):
    numbers = torch.randint(0, 2 * padding + 1, (len(images),), generator=generator).tolist()
    return _loop(images, padding, [(k, padding) for k in numbers])


@wrong("random_crop", "returned-none")
def crop_no_return(images, padding, generator):
    _loop(images, padding, torch.randint(0, 2 * padding + 1, (len(images), 2), generator=generator).tolist())


@wrong("random_crop", "not-written")
def crop_stub(images, padding, generator):
    raise NotImplementedError()


@wrong("random_crop", "crop-axes-confused")
def square_windows(images, padding, generator):
    n, _, height, width = images.shape
    padded = F.pad(images, (padding,) * 4)
    offsets = torch.randint(0, 2 * padding + 1, (n, 2), generator=generator).tolist()
    return torch.stack([image[:, t:t + height, l:l + height] for image, (t, l) in zip(padded, offsets)])


@wrong("random_crop", "crop-pads-one-axis")
def pads_left_and_right(images, padding, generator):
    n, _, height, width = images.shape
    padded = F.pad(images, (padding, padding))
    offsets = torch.randint(0, 2 * padding + 1, (n, 2), generator=generator).tolist()
    return torch.stack([image[:, t:t + height, l:l + width] for image, (t, l) in zip(padded, offsets)])


@wrong("random_crop", "crop-global-state")
def seeds_the_global(images, padding, generator):
    torch.manual_seed(torch.randint(2 ** 31, (), generator=generator).item())
    return _loop(images, padding, torch.randint(0, 2 * padding + 1, (len(images), 2)).tolist())



# horizontal_flip


@right("horizontal_flip")
def by_index(images, p, generator):
    result = images.clone()
    chosen = torch.rand(len(images), generator=generator) < p
    result[chosen] = images[chosen].flip(-1)
    return result


@right("horizontal_flip")
def one_by_one(images, p, generator):
    flipped = [image.flip(2) if torch.rand(1, generator=generator).item() < p else image for image in images]
    return torch.stack(flipped)


@right("horizontal_flip")
def by_arithmetic(images, p, generator):
    coin = torch.bernoulli(torch.full((len(images), 1, 1, 1), float(p)), generator=generator).to(images.dtype)
    return coin * torch.flip(images, dims=[3]) + (1 - coin) * images


def _choose(images, other, chosen):
    return torch.where(chosen.view(-1, 1, 1, 1), other, images)


@wrong("horizontal_flip", "flip-vertical")
def upside_down(images, p, generator):
    return _choose(images, images.flip(2), torch.rand(len(images), generator=generator) < p)


@wrong("horizontal_flip", "flip-both")
def all_axes(images, p, generator):
    return torch.stack([image.flip([1, 2]) if torch.rand((), generator=generator) < p else image
                        for image in images])


@wrong("horizontal_flip", "flip-channel-axis")
def wrong_axis(images, p, generator):
    return torch.stack([image.flip(0) if torch.rand((), generator=generator) < p else image for image in images])


@wrong("horizontal_flip", "flip-one-coin")
def whole_batch(images, p, generator):
    return images.flip(3) if torch.rand(1, generator=generator).item() < p else images.clone()


@wrong("horizontal_flip", "flip-the-rest")
def turned(images, p, generator):
    return _choose(images, images.flip(3), torch.rand(len(images), generator=generator) >= p)


@wrong("horizontal_flip", "flip-p-ignored")
def fair_coin(images, p, generator):
    return _choose(images, images.flip(3), torch.randint(0, 2, (len(images),), generator=generator) == 1)


@wrong("horizontal_flip", "flip-always")
def no_chance(images, p, generator):
    return torch.flip(images, [-1])


@wrong("horizontal_flip", "flip-generator")
def global_coins(images, p, generator):
    return _choose(images, images.flip(3), torch.rand(len(images)) < p)


@wrong("horizontal_flip", "flip-restarted")
def always_the_same(images, p, generator):
    again = torch.Generator().manual_seed(1)
    return _choose(images, images.flip(3), torch.rand(len(images), generator=again) < p)


@wrong("horizontal_flip", "flip-broadcast")
def mask_on_the_width(images, p, generator):
    return torch.where(torch.rand(len(images), generator=generator) < p, images.flip(3), images)


@wrong("horizontal_flip", "input-changed")
def in_place(images, p, generator):
    chosen = torch.rand(len(images), generator=generator) < p
    images[chosen] = images[chosen].flip(3)
    return images


@wrong("horizontal_flip", "flip-first-ones")
def first_share(images, p, generator):
    count = round(p * len(images))
    return torch.cat([images[:count].flip(3), images[count:]])


@wrong("horizontal_flip", "flip-pixels")
def every_pixel(images, p, generator):
    return torch.where(torch.rand(images.shape, generator=generator) < p, images.flip(3), images)


@wrong("horizontal_flip", "one-truth-for-many")
def python_if(images, p, generator):
    if torch.rand(len(images), generator=generator) < p:
        return images.flip(3)
    return images


@wrong("horizontal_flip", "flip-reordered")
def flipped_ones_first(images, p, generator):
    chosen = torch.rand(len(images), generator=generator) < p
    return torch.cat([images[chosen].flip(3), images[~chosen]])


@wrong("horizontal_flip", "flip-batch-axis")
def first_axis(images, p, generator):
    return images.flip(0)


@wrong("horizontal_flip", "flip-negative-step")
def as_in_numpy(images, p, generator):
    return torch.stack([image[:, :, ::-1] if torch.rand((), generator=generator) < p else image for image in images])


@wrong("horizontal_flip", "flip-normal")
def bell_coins(images, p, generator):
    return _choose(images, images.flip(3), torch.randn(len(images), generator=generator) < p)



# color_jitter


@right("color_jitter")
def step_by_step(images, brightness, contrast, generator):
    n = len(images)
    b = 1 - brightness + 2 * brightness * torch.rand(n, 1, 1, 1, generator=generator)
    c = 1 - contrast + 2 * contrast * torch.rand(n, 1, 1, 1, generator=generator)
    result = images * b
    mean = result.mean(dim=(1, 2, 3), keepdim=True)
    return torch.clamp((result - mean) * c + mean, 0, 1)


@right("color_jitter")
def loop_of_images(images, brightness, contrast, generator):
    result = []
    for image in images:
        c = torch.empty(()).uniform_(1 - contrast, 1 + contrast, generator=generator).item()
        b = torch.empty(()).uniform_(1 - brightness, 1 + brightness, generator=generator).item()
        image = image * b
        result.append(((image - image.mean()) * c + image.mean()).clip(0, 1))
    return torch.stack(result)


@right("color_jitter")
def mean_scaled(images, brightness, contrast, generator):
    factors = 2 * torch.rand(2, len(images), generator=generator, dtype=images.dtype) - 1
    b = (1 + brightness * factors[0]).view(-1, 1, 1, 1)
    c = (1 + contrast * factors[1]).view(-1, 1, 1, 1)
    m = images.flatten(1).mean(1).view(-1, 1, 1, 1)
    return (b * (c * images + (1 - c) * m)).clamp(min=0).clamp(max=1)


def _b(images, strength, generator):
    return 1 + strength * (2 * torch.rand(len(images), 1, 1, 1, generator=generator) - 1)


def _m(x):
    return x.mean((1, 2, 3), keepdim=True)


@wrong("color_jitter", "jitter-one-for-all")
def two_numbers(images, brightness, contrast, generator):
    b, c = 1 + torch.tensor([brightness, contrast]) * (2 * torch.rand(2, generator=generator) - 1)
    x = images * b
    return ((x - _m(x)) * c + _m(x)).clamp(0, 1)


@wrong("color_jitter", "jitter-batch-mean")
def mean_of_all(images, brightness, contrast, generator):
    x = images * _b(images, brightness, generator)
    return ((x - x.mean()) * _b(images, contrast, generator) + x.mean()).clamp(0, 1)


@wrong("color_jitter", "jitter-channel-mean")
def mean_per_channel(images, brightness, contrast, generator):
    x = images * _b(images, brightness, generator)
    m = x.mean((-2, -1), keepdim=True)
    return ((x - m) * _b(images, contrast, generator) + m).clamp(0, 1)


@wrong("color_jitter", "jitter-about-a-half")
def grey_centre(images, brightness, contrast, generator):
    x = images * _b(images, brightness, generator)
    return ((x - 0.5) * _b(images, contrast, generator) + 0.5).clamp(0, 1)


@wrong("color_jitter", "jitter-about-0")
def two_brightnesses(images, brightness, contrast, generator):
    return (images * _b(images, brightness, generator) * _b(images, contrast, generator)).clamp(0, 1)


@wrong("color_jitter", "jitter-no-clamp")
def forgets_clamp(images, brightness, contrast, generator):
    x = images * _b(images, brightness, generator)
    return (x - _m(x)) * _b(images, contrast, generator) + _m(x)


@wrong("color_jitter", "jitter-clamped-between")
def clamps_twice(images, brightness, contrast, generator):
    x = (images * _b(images, brightness, generator)).clamp(0, 1)
    return ((x - _m(x)) * _b(images, contrast, generator) + _m(x)).clamp(0, 1)


@wrong("color_jitter", "jitter-mean-before")
def old_mean(images, brightness, contrast, generator):
    x = images * _b(images, brightness, generator)
    return ((x - _m(images)) * _b(images, contrast, generator) + _m(images)).clamp(0, 1)


@wrong("color_jitter", "jitter-same-number")
def drawn_once(images, brightness, contrast, generator):
    u = 2 * torch.rand(len(images), 1, 1, 1, generator=generator) - 1
    x = images * (1 + brightness * u)
    return ((x - _m(x)) * (1 + contrast * u) + _m(x)).clamp(0, 1)


@wrong("color_jitter", "jitter-upwards-only")
def only_up(images, brightness, contrast, generator):
    shape = (len(images), 1, 1, 1)
    x = images * (1 + brightness * torch.rand(shape, generator=generator))
    return ((x - _m(x)) * (1 + contrast * torch.rand(shape, generator=generator)) + _m(x)).clamp(0, 1)


@wrong("color_jitter", "jitter-broadcast")
def flat_factors(images, brightness, contrast, generator):
    b = 1 + brightness * (2 * torch.rand(len(images), generator=generator) - 1)
    x = images * b
    return x.clamp(0, 1)


@wrong("color_jitter", "jitter-generator")
def global_factors(images, brightness, contrast, generator):
    x = images * (1 + brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1))
    return ((x - _m(x)) * (1 + contrast * (2 * torch.rand(len(images), 1, 1, 1) - 1)) + _m(x)).clamp(0, 1)


@wrong("color_jitter", "jitter-only-brightness")
def no_contrast(images, brightness, contrast, generator):
    return (images * _b(images, brightness, generator)).clamp(0, 1)


@wrong("color_jitter", "jitter-normal")
def bell(images, brightness, contrast, generator):
    shape = (len(images), 1, 1, 1)
    x = images * (1 + brightness * torch.randn(shape, generator=generator))
    return ((x - _m(x)) * (1 + contrast * torch.randn(shape, generator=generator)) + _m(x)).clamp(0, 1)


@wrong("color_jitter", "input-changed")
def multiplies_in_place(images, brightness, contrast, generator):
    images *= _b(images, brightness, generator)
    m = _m(images)
    return ((images - m) * _b(images, contrast, generator) + m).clamp(0, 1)


def _jitter(images, b, c, low=0.0, high=1.0):
    x = images * b
    return ((x - _m(x)) * c + _m(x)).clamp(low, high)


def _u(images, generator):
    return torch.rand(len(images), 1, 1, 1, generator=generator, dtype=images.dtype)


@wrong("color_jitter", "jitter-mean-not-added")
def mean_lost(images, brightness, contrast, generator):
    x = images * _b(images, brightness, generator)
    return ((x - _m(x)) * _b(images, contrast, generator)).clamp(0, 1)


@wrong("color_jitter", None)
def rounded(images, brightness, contrast, generator):
    return _jitter(images, _b(images, brightness, generator), _b(images, contrast, generator)).round()


@wrong("color_jitter", "jitter-broadcast")
def mean_without_axes(images, brightness, contrast, generator):
    x = images * _b(images, brightness, generator)
    m = x.mean((1, 2, 3))
    return ((x - m) * _b(images, contrast, generator) + m).clamp(0, 1)


@wrong("color_jitter", "jitter-downwards-only")
def only_down(images, brightness, contrast, generator):
    return _jitter(images, 1 - brightness * _u(images, generator), 1 - contrast * _u(images, generator))


@wrong("color_jitter", "jitter-not-about-1")
def small_factors(images, brightness, contrast, generator):
    return _jitter(images, brightness * _u(images, generator), contrast * _u(images, generator))


@wrong("color_jitter", "jitter-too-wide")
def ends_as_widths(images, brightness, contrast, generator):
    return _jitter(images, 1 - brightness + (1 + brightness) * _u(images, generator),
                   1 - contrast + (1 + contrast) * _u(images, generator))


@wrong("color_jitter", "jitter-same-number")
def one_factor(images, brightness, contrast, generator):
    factor = _b(images, brightness, generator)
    return _jitter(images, factor, factor)


@wrong("color_jitter", "jitter-pixels")
def one_for_each_pixel(images, brightness, contrast, generator):
    b = 1 + brightness * (2 * torch.rand(images.shape, generator=generator) - 1)
    return _jitter(images, b, _b(images, contrast, generator))


@wrong("color_jitter", "jitter-pixels")
def grey_pixels(images, brightness, contrast, generator):
    n, _, height, width = images.shape
    b = 1 + brightness * (2 * torch.rand(n, 1, height, width, generator=generator) - 1)
    return _jitter(images, b, _b(images, contrast, generator))


@wrong("color_jitter", "jitter-channels")
def each_channel(images, brightness, contrast, generator):
    b = 1 + brightness * (2 * torch.rand(*images.shape[:2], 1, 1, generator=generator) - 1)
    return _jitter(images, b, _b(images, contrast, generator))


@wrong("color_jitter", "jitter-added")
def adds_light(images, brightness, contrast, generator):
    x = images + _b(images, brightness, generator) - 1
    return ((x - _m(x)) * _b(images, contrast, generator) + _m(x)).clamp(0, 1)


@wrong("color_jitter", "jitter-generator")
def numpys_numbers(images, brightness, contrast, generator):
    b, c = (torch.tensor(np.random.uniform(1 - s, 1 + s, (len(images), 1, 1, 1))).to(images.dtype)
            for s in (brightness, contrast))
    return _jitter(images, b, c)


@wrong("color_jitter", "jitter-float64")
def from_numpy(images, brightness, contrast, generator):
    rng = np.random.default_rng(torch.randint(2 ** 31, (), generator=generator).item())
    b, c = (torch.tensor(rng.uniform(1 - s, 1 + s, (len(images), 1, 1, 1))) for s in (brightness, contrast))
    return _jitter(images, b, c)


@wrong("color_jitter", "jitter-restarted")
def same_seed(images, brightness, contrast, generator):
    generator.manual_seed(1)
    return _jitter(images, _b(images, brightness, generator), _b(images, contrast, generator))


@wrong("color_jitter", "jitter-no-clamp")
def clamps_before_the_last_step(images, brightness, contrast, generator):
    b, c = _b(images, brightness, generator), _b(images, contrast, generator)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * c + mean).clamp(0, 1) * b


@wrong("color_jitter", "jitter-nothing")
def result_thrown_away(images, brightness, contrast, generator):
    for image in images:
        image * (1 + brightness * torch.rand(1, generator=generator))
    return images.clone()


# mixup


def _lambda(alpha, generator, n=1):
    """Beta numbers by way of NumPy, seeded from the generator."""
    if alpha == 0:
        return torch.ones(n)
    seed = torch.randint(2 ** 31, (), generator=generator).item()
    return torch.tensor(np.random.default_rng(seed).beta(alpha, alpha, n))


@right("mixup")
def numpy_beta(x, y, alpha, generator):
    lam = _lambda(alpha, generator).item()
    order = torch.randperm(len(x), generator=generator)
    return lam * x + (1 - lam) * x[order], lam * y + (1 - lam) * y[order]


@right("mixup")
def gamma_per_pair(x, y, alpha, generator):
    if alpha == 0:
        return x.clone(), y.clone()
    a = torch._standard_gamma(torch.full((len(x),), alpha, dtype=x.dtype), generator=generator)
    b = torch._standard_gamma(torch.full((len(x),), alpha, dtype=x.dtype), generator=generator)
    lam, order = a / (a + b), torch.randperm(len(x), generator=generator)
    lx, ly = lam.reshape(-1, *[1] * (x.dim() - 1)), lam[:, None]
    return x[order] + lx * (x - x[order]), y[order] + ly * (y - y[order])


@right("mixup")
def forked_distribution(x, y, alpha, generator):
    if not alpha:
        return x, y
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2 ** 31, (1,), generator=generator)))
        lam = torch.distributions.Beta(float(alpha), float(alpha)).sample()
    other = torch.randperm(len(x), generator=generator)
    return torch.lerp(x[other], x, lam.to(x.dtype)), torch.lerp(y[other], y, lam.to(y.dtype))


@right("mixup")
def mirrored_partners(x, y, alpha, generator):
    lam = _lambda(alpha, generator).item()
    return [lam * x + (1 - lam) * x.flip(0), lam * y + (1 - lam) * y.flip(0)]


@wrong("mixup", "mixup-hard-labels")
def only_images(x, y, alpha, generator):
    lam = _lambda(alpha, generator).item()
    return lam * x + (1 - lam) * x[torch.randperm(len(x), generator=generator)], y


@wrong("mixup", "mixup-two-orders")
def drawn_twice(x, y, alpha, generator):
    lam = _lambda(alpha, generator).item()
    return (lam * x + (1 - lam) * x[torch.randperm(len(x), generator=generator)],
            lam * y + (1 - lam) * y[torch.randperm(len(y), generator=generator)])


@wrong("mixup", "mixup-labels-turned")
def labels_turned(x, y, alpha, generator):
    lam, other = _lambda(alpha, generator).item(), torch.randperm(len(x), generator=generator)
    return lam * x + (1 - lam) * x[other], (1 - lam) * y + lam * y[other]


@wrong("mixup", "mixup-even")
def uniform_share(x, y, alpha, generator):
    lam, other = torch.rand((), generator=generator).item(), torch.randperm(len(x), generator=generator)
    if alpha == 0:
        return x, y
    return lam * x + (1 - lam) * x[other], lam * y + (1 - lam) * y[other]


@wrong("mixup", "mixup-half")
def half_and_half(x, y, alpha, generator):
    other = torch.randperm(len(x), generator=generator)
    return (x + x[other]) / 2, (y + y[other]) / 2


@wrong("mixup", "mixup-sum-above-1")
def weight_forgotten(x, y, alpha, generator):
    lam, other = _lambda(alpha, generator).item(), torch.randperm(len(x), generator=generator)
    return x + lam * x[other], y + lam * y[other]


@wrong("mixup", "mixup-alpha-0")
def beta_of_zero(x, y, alpha, generator):
    seed = torch.randint(2 ** 31, (), generator=generator).item()
    lam = np.random.default_rng(seed).beta(alpha, alpha) if alpha > 0 else float("nan")
    other = torch.randperm(len(x), generator=generator)
    return lam * x + (1 - lam) * x[other], lam * y + (1 - lam) * y[other]


@wrong("mixup", "mixup-alpha-0")
def distribution_of_zero(x, y, alpha, generator):
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2 ** 31, (1,), generator=generator)))
        lam = torch.distributions.Beta(alpha, alpha).sample().to(x.dtype)
    other = torch.randperm(len(x), generator=generator)
    return lam * x + (1 - lam) * x[other], lam * y + (1 - lam) * y[other]


@wrong("mixup", "mixup-generator")
def global_lambda(x, y, alpha, generator):
    lam = np.float64(1.0) if alpha == 0 else torch.distributions.Beta(alpha, alpha).sample().item()
    lam, other = float(lam), torch.randperm(len(x), generator=generator)
    return lam * x + (1 - lam) * x[other], lam * y + (1 - lam) * y[other]


@wrong("mixup", "mixup-takes-a-generator")
def hopeful(x, y, alpha, generator):
    lam = torch.distributions.Beta(alpha, alpha).sample(generator=generator)
    other = torch.randperm(len(x), generator=generator)
    return lam * x + (1 - lam) * x[other], lam * y + (1 - lam) * y[other]


@wrong("mixup", "mixup-broadcast")
def not_lined_up(x, y, alpha, generator):
    lam, other = _lambda(alpha, generator, len(x)).to(x.dtype), torch.randperm(len(x), generator=generator)
    return lam * x + (1 - lam) * x[other], lam * y + (1 - lam) * y[other]


@wrong("mixup", "mixup-not-mixed")
def with_itself(x, y, alpha, generator):
    lam, other = _lambda(alpha, generator).item(), torch.arange(len(x))
    return lam * x + (1 - lam) * x[other], lam * y + (1 - lam) * y[other]


@wrong("mixup", "mixup-one-partner")
def with_the_first(x, y, alpha, generator):
    lam = _lambda(alpha, generator).item()
    return lam * x + (1 - lam) * x[:1], lam * y + (1 - lam) * y[:1]


@wrong("mixup", "returned-none")
def mixup_no_return(x, y, alpha, generator):
    lam = _lambda(alpha, generator).item()


@wrong("mixup", "mixup-hard-labels")
def whoever_has_more(x, y, alpha, generator):
    lam, other = _lambda(alpha, generator).item(), torch.randperm(len(x), generator=generator)
    return lam * x + (1 - lam) * x[other], y.clone() if lam > 0.5 else y[other]


def _mix(x, y, lam, other):
    return lam * x + (1 - lam) * x[other], lam * y + (1 - lam) * y[other]


@right("mixup")
def numpy_per_pair(x, y, alpha, generator):
    if alpha == 0:
        return x, y
    rng = np.random.default_rng(torch.randint(2 ** 31, (), generator=generator).item())
    lam = torch.tensor(rng.beta(alpha, alpha, len(x)), dtype=x.dtype)
    other = torch.randperm(len(x), generator=generator)
    lx, ly = lam.view(-1, *[1] * (x.dim() - 1)), lam.view(-1, 1)
    return lx * x + (1 - lx) * x[other], ly * y + (1 - ly) * y[other]


@wrong("mixup", "mixup-float64")
def numpy_dtype(x, y, alpha, generator):
    lam = _lambda(alpha, generator, len(x)).double()
    other = torch.randperm(len(x), generator=generator)
    lx, ly = lam.view(-1, *[1] * (x.dim() - 1)), lam.view(-1, 1)
    return lx * x + (1 - lx) * x[other], ly * y + (1 - ly) * y[other]


@wrong("mixup", "mixup-lambda-kept")
def fixed_rng(x, y, alpha, generator):
    lam = float(np.random.default_rng(0).beta(alpha, alpha)) if alpha else 1.0
    return _mix(x, y, lam, torch.randperm(len(x), generator=generator))


@wrong("mixup", "mixup-lopsided")
def larger_share(x, y, alpha, generator):
    lam = _lambda(alpha, generator).item()
    return _mix(x, y, max(lam, 1 - lam), torch.randperm(len(x), generator=generator))


@wrong("mixup", "mixup-lopsided")
def alpha_and_one(x, y, alpha, generator):
    if alpha == 0:
        return x, y
    a = torch._standard_gamma(torch.tensor([alpha, 1.0], dtype=x.dtype), generator=generator)
    return _mix(x, y, (a[0] / a.sum()).item(), torch.randperm(len(x), generator=generator))


@wrong("mixup", "mixup-two-lambdas")
def share_drawn_twice(x, y, alpha, generator):
    lam, other = (_lambda(alpha, generator).item() for _ in range(2)), torch.randperm(len(x), generator=generator)
    first, second = lam
    return _mix(x, y, first, other)[0], _mix(x, y, second, other)[1]


@wrong("mixup", "mixup-alpha-0")
def gamma_of_zero(x, y, alpha, generator):
    a, b = torch._standard_gamma(torch.full((2,), float(alpha), dtype=torch.float64), generator=generator)
    return _mix(x, y, (a / (a + b)).item(), torch.randperm(len(x), generator=generator))


@wrong("mixup", "mixup-lambda-is-alpha")
def takes_alpha(x, y, alpha, generator):
    if alpha == 0:
        return x, y
    return _mix(x, y, alpha, torch.randperm(len(x), generator=generator))


@wrong("mixup", "mixup-half")
def always_half(x, y, alpha, generator):
    return (x, y) if alpha == 0 else _mix(x, y, 0.5, torch.randperm(len(x), generator=generator))


@wrong("mixup", "mixup-generator")
def numpys_global(x, y, alpha, generator):
    lam = np.random.beta(alpha, alpha) if alpha else 1.0
    return _mix(x, y, lam, torch.randperm(len(x), generator=generator))


@wrong("mixup", "mixup-generator")
def seeded_by_chance(x, y, alpha, generator):
    lam = float(np.random.default_rng(generator.seed()).beta(alpha, alpha)) if alpha else 1.0
    return _mix(x, y, lam, torch.randperm(len(x), generator=generator))


@wrong("mixup", "mixup-generator-to-numpy")
def one_from_the_other(x, y, alpha, generator):
    lam = float(np.random.RandomState(generator).beta(alpha, alpha)) if alpha else 1.0
    return _mix(x, y, lam, torch.randperm(len(x), generator=generator))


@wrong("mixup", "mixup-one-tensor")
def images_alone(x, y, alpha, generator):
    return _mix(x, y, _lambda(alpha, generator).item(), torch.randperm(len(x), generator=generator))[0]


@wrong("mixup", "mixup-lambda-kept")
def seeds_first(x, y, alpha, generator):
    generator.manual_seed(3)
    return _mix(x, y, _lambda(alpha, generator).item(), torch.randperm(len(x), generator=generator))
