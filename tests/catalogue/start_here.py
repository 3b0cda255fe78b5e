"""Answers to the start page's exercise."""

import torch

from . import right, wrong


@right("square")
def power(x):
    return x ** 2


@right("square")
def library(x):
    return torch.square(x)


@right("square")
def magnitudes(x):
    return x.abs() * x.abs()


@right("square")
def in_place_on_a_copy(x):
    y = x.clone()
    y *= x
    return y


@wrong("square", "square-double")
def doubled(x):
    return x + x


@wrong("square", "square-cube")
def cubed(x):
    return x * x * x


@wrong("square", "square-power-of-two")
def exponential(x):
    return torch.exp2(x)


@wrong("square", "square-magnitude")
def magnitude(x):
    return torch.where(x < 0, -x, x)


@wrong("square", "square-signed")
def sign_kept(x):
    return torch.sign(x) * x ** 2


@wrong("square", "square-root")
def root(x):
    return torch.sqrt(x.abs())


@wrong("square", "square-identity")
def nothing_done(x):
    return x


@wrong("square", "square-negated")
def precedence(x):
    return -x ** 2


@wrong("square", "square-caret")
def caret(x):
    return x ^ 2


@wrong("square", "square-summed")
def one_number(x):
    return torch.sum(x ** 2)


@wrong("square", "square-summed")
def mean_square(x):
    return torch.mean(x * x)


@wrong("square", "square-matrix")
def matmul(x):
    return torch.matmul(x, x)


@wrong("square", "no-gradient")
def detached(x):
    return x.detach() ** 2


@wrong("square", "no-gradient")
def made_anew(x):
    return torch.tensor(x.tolist(), dtype=x.dtype) ** 2


@wrong("square", "square-half-detached")
def one_factor_detached(x):
    return x.detach() * x


@wrong("square", "input-changed")
def in_place(x):
    x *= x
    return x


@wrong("square", "returned-none")
def no_return(x):
    x ** 2


@wrong("square", "not-written")
def hole(x):
    raise NotImplementedError()


@wrong("square", None)
def off_by_a_bit(x):
    return x ** 2 + 0.01
