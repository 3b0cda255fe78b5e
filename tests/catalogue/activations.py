"""Answers to lesson 02."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from . import right, wrong

# relu


@right("relu")
def mask(x):
    return x * (x > 0)


@right("relu")
def indexed_copy(x):
    y = x.clone()
    y[y <= 0] = 0
    return y


@right("relu")
def masked_fill(x):
    return x.masked_fill(x <= 0, 0)


@wrong("relu", "relu-clamp")
def clamped(x):
    return torch.clamp(x, min=0.0)


@wrong("relu", "relu-half-at-zero")
def averaged(x):
    return (x + x.abs()) / 2


@wrong("relu", "relu-half-at-zero")
def maximum(x):
    return torch.max(x, torch.tensor(0.0, dtype=x.dtype))


@wrong("relu", "relu-abs")
def root_of_square(x):
    return (x * x) ** 0.5


@wrong("relu", "relu-mirrored")
def wrong_comparison(x):
    return x * (x < 0)


@wrong("relu", "relu-step")
def forgot_x(x):
    return torch.where(x > 0, 1.0, 0.0).to(x.dtype)


@wrong("relu", "relu-leaks")
def leaks(x):
    return torch.where(x > 0, x, x / 100)


@wrong("relu", "input-changed")
def in_place(x):
    x[x < 0] = 0
    return x


@wrong("relu", "wrong-shape")
def filtered(x):
    return x[x > 0]


@wrong("relu", "no-gradient")
def rebuilt(x):
    return torch.tensor([max(0.0, v) for v in x.flatten().tolist()], dtype=x.dtype).view(x.shape)


@wrong("relu", "returned-none")
def no_return(x):
    y = x * (x > 0)


@wrong("relu", "not-written")
def stub(x):
    raise NotImplementedError()


@wrong("relu", "off-limits")
def by_module(x):
    return nn.ReLU()(x)


@wrong("relu", "off-limits")
def by_getattr(x):
    return getattr(torch, "re" + "lu")(x)


@wrong("relu", "off-limits")
def by_ops(x):
    return torch.ops.aten.relu(x)


@wrong("relu", None)
def shifted(x):
    return torch.where(x > 0.5, x, 0.0)


@wrong("relu", "relu-clamp")
def zero_to_the_right_side(x):
    return x * (x >= 0)


@wrong("relu", "one-truth-for-many")
def pythons_max(x):
    return max(0, x)


# leaky_relu


@right("leaky_relu")
def two_masks(x, negative_slope=0.01):
    return x * (x > 0) + negative_slope * x * (x <= 0)


@right("leaky_relu")
def clamp_both(x, negative_slope=0.01):
    return x.clamp(min=0) + negative_slope * x.clamp(max=0)


@wrong("leaky_relu", "leaky-maximum")
def larger(x, negative_slope=0.01):
    return torch.max(negative_slope * x, x)


@wrong("leaky_relu", "leaky-slope-ignored")
def fixed(x, negative_slope=0.01):
    y = x.clone()
    y[x < 0] *= 0.01
    return y


@wrong("leaky_relu", "leaky-constant")
def flat(x, negative_slope=0.01):
    return torch.where(x >= 0, x, torch.full_like(x, negative_slope))


@wrong("leaky_relu", "leaky-sides-swapped")
def swapped(x, negative_slope=0.01):
    return torch.where(x < 0, x, x * negative_slope)


@wrong("leaky_relu", "leaky-sign")
def upward(x, negative_slope=0.01):
    return torch.where(x > 0, x, negative_slope * x.abs())


@wrong("leaky_relu", "leaky-relu")
def no_leak(x, negative_slope=0.01):
    return x * (x > 0)


@wrong("leaky_relu", "leaky-added")
def on_top(x, negative_slope=0.01):
    return torch.where(x > 0, x, 0.0) + negative_slope * x


@wrong("leaky_relu", "off-limits")
def library(x, negative_slope=0.01):
    return F.leaky_relu(x, negative_slope)


@wrong("leaky_relu", "no-gradient")
def without_grad(x, negative_slope=0.01):
    with torch.no_grad():
        return torch.where(x > 0, x, negative_slope * x)


@wrong("leaky_relu", None)
def divided(x, negative_slope=0.01):
    return torch.where(x > 0, x, x / (1 + negative_slope))


# elu


@right("elu")
def two_sided(x, alpha=1.0):
    negative = torch.where(x > 0, torch.zeros_like(x), x)
    return torch.where(x > 0, x, alpha * (torch.exp(negative) - 1))


@right("elu")
def indexed(x, alpha=1.0):
    y = x.clone()
    left = x <= 0
    y[left] = alpha * torch.expm1(x[left])
    return y


@wrong("elu", "elu-where-trap")
def trapped(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x))


@wrong("elu", "elu-no-minus-one")
def jumps(x, alpha=1.0):
    left = torch.where(x > 0, 0.0, x)
    return torch.where(x > 0, x, alpha * left.exp())


@wrong("elu", "elu-alpha-ignored")
def no_alpha(x, alpha=1.0):
    return torch.where(x > 0, x, x.clamp(max=0).exp() - 1)


@wrong("elu", "elu-alpha-inside")
def alpha_in_exponent(x, alpha=1.0):
    left = x.clamp(max=0)
    return torch.where(x > 0, x, torch.exp(left * alpha) - 1)


@wrong("elu", "elu-alpha-everywhere")
def alpha_everywhere(x, alpha=1.0):
    return alpha * torch.where(x > 0, x, x.clamp(max=0).exp() - 1)


@wrong("elu", "elu-one-slope-too-many")
def sum_of_clamps(x, alpha=1.0):
    return torch.clamp(x, min=0) + torch.clamp(alpha * (x.clamp(max=0).exp() - 1), max=0)


@wrong("elu", "elu-right-slope-at-zero")
def zero_to_the_right(x, alpha=1.0):
    return torch.where(x < 0, alpha * (x.clamp(max=0).exp() - 1), x)


@wrong("elu", "elu-leaky")
def straight(x, alpha=1.0):
    return x.clamp(min=0) + alpha * x.clamp(max=0)


@wrong("elu", "elu-sides-swapped")
def swapped_sides(x, alpha=1.0):
    return torch.where(x <= 0, x, alpha * (x.exp() - 1))


@wrong("elu", "off-limits")
def library_elu(x, alpha=1.0):
    return torch.nn.ELU(alpha)(x)


@wrong("elu", None)
def base_two(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * (2 ** x.clamp(max=0) - 1))


@wrong("elu", "elu-brackets")
def brackets(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.exp(x.clamp(max=0)) - 1)


@wrong("elu", "elu-flat-at-zero")
def by_absolute(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * (torch.exp(-torch.abs(x)) - 1))


# sigmoid


@right("sigmoid")
def log_form(x):
    return torch.exp(-torch.logaddexp(torch.zeros_like(x), -x))


@right("sigmoid")
def separately(x):
    y = torch.empty_like(x)
    left = x < 0
    e = torch.exp(x[left])
    y[left] = e / (1 + e)
    y[~left] = 1 / (1 + torch.exp(-x[~left]))
    return y


@wrong("sigmoid", "sigmoid-overflow-left")
def textbook(x):
    return (1 + torch.exp(-x)) ** -1


@wrong("sigmoid", "sigmoid-overflow-right")
def other_textbook(x):
    e = x.exp()
    return e / (e + 1)


@wrong("sigmoid", "sigmoid-where-trap")
def both_in_where(x):
    e = torch.exp(x)
    return torch.where(x > 0, 1 / (1 + torch.exp(-x)), e / (1 + e))


@wrong("sigmoid", "sigmoid-flat-at-zero")
def absolute(x):
    z = torch.exp(-torch.abs(x))
    return torch.where(x < 0, z, torch.ones_like(x)) / (1 + z)


@wrong("sigmoid", "sigmoid-sign")
def sign(x):
    x = x.clamp(-700, 700) if x.dtype == torch.float64 else x.clamp(-80, 80)
    return 1 / (1 + torch.exp(x))


@wrong("sigmoid", "sigmoid-no-one")
def no_one(x):
    return 1 / torch.exp(-x)


@wrong("sigmoid", "sigmoid-hard")
def hard(x):
    return torch.clamp((x + 3) / 6, 0, 1)


@wrong("sigmoid", "sigmoid-softplus")
def softplus(x):
    return torch.logaddexp(x, torch.zeros_like(x))


@wrong("sigmoid", "off-limits")
def tanh_form(x):
    return 0.5 * (1 + torch.tanh(x / 2))


@wrong("sigmoid", "off-limits")
def special(x):
    return torch.special.expit(x)


@wrong("sigmoid", "off-limits")
def two_class_softmax(x):
    return torch.stack([x, torch.zeros_like(x)]).softmax(0)[0]


@wrong("sigmoid", "wrong-dtype")
def in_single(x):
    return log_form(x.float()) if x.dtype == torch.float64 else log_form(x)


@wrong("sigmoid", None)
def algebraic(x):
    return 0.5 + 0.5 * x / (1 + x.abs())


@wrong("sigmoid", "sigmoid-brackets")
def no_brackets(x):
    return 1 / 1 + torch.exp(-x)


@wrong("sigmoid", "sigmoid-flat-at-zero")
def half_absolute(x):
    return x.clamp(max=0).exp() / (1 + (-x.abs()).exp())


# gelu


@right("gelu")
def distribution(x):
    return x * torch.distributions.Normal(0.0, 1.0).cdf(x)


@right("gelu")
def special_ndtr(x):
    return x * torch.special.ndtr(x)


@right("gelu")
def complement(x):
    return 0.5 * x * torch.erfc(-x * math.sqrt(0.5))


@wrong("gelu", "gelu-tanh")
def tanh_approximation(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


@wrong("gelu", "gelu-sigmoid")
def sigmoid_approximation(x):
    return x / (1 + torch.exp(-1.702 * x))


@wrong("gelu", "gelu-swish")
def silu(x):
    return F.silu(x)


@wrong("gelu", "gelu-no-root-two")
def no_root(x):
    return 0.5 * x * (1 + x.erf())


@wrong("gelu", "gelu-no-half")
def no_half(x):
    return x * (1 + torch.erf(x / 2 ** 0.5))


@wrong("gelu", "gelu-only-cdf")
def only_cdf(x):
    return torch.special.ndtr(x)


@wrong("gelu", "gelu-density")
def density(x):
    return x * torch.distributions.Normal(0.0, 1.0).log_prob(x).exp()


@wrong("gelu", "gelu-only-erf")
def only_erf(x):
    return x * torch.erf(x * 0.7071067811865476)


@wrong("gelu", "gelu-relu")
def rectified(x):
    return F.relu(x)


@wrong("gelu", "off-limits")
def library_gelu(x):
    return nn.GELU()(x)


@wrong("gelu", "off-limits")
def disguised_gelu(x):
    return torch._C._nn.gelu(x)


@wrong("gelu", "gelu-gate-fixed")
def fixed_gate(x):
    with torch.no_grad():
        share = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    return share * x


@wrong("gelu", "gelu-times-root-two")
def times_root_two(x):
    return x / 2 * (1 + torch.erf(x * 2 ** 0.5))


@right("gelu")
def constant_in_single(x):
    return x * 0.5 * (1 + torch.erf(x / torch.sqrt(torch.tensor(2.0))))


# swish


@right("swish")
def own_gate(x, beta=1.0):
    return x * log_form(beta * x)


@right("swish")
def reciprocal(x, beta=1.0):
    return x.mul(torch.sigmoid(x.mul(beta)))


@wrong("swish", "swish-beta-ignored")
def ignores_beta(x, beta=1.0):
    return x * torch.sigmoid(x)


@wrong("swish", "swish-beta-outside")
def beta_outside(x, beta=1.0):
    return beta * x * torch.sigmoid(x)


@wrong("swish", "swish-beta-twice")
def beta_twice(x, beta=1.0):
    z = beta * x
    return z * torch.sigmoid(z)


@wrong("swish", "swish-overflow")
def unstable(x, beta=1.0):
    return x * (1 / (1 + torch.exp(-beta * x)))


@wrong("swish", "swish-only-gate")
def only_gate(x, beta=1.0):
    return torch.sigmoid(x * beta)


@wrong("swish", "swish-gate-fixed")
def item_gate(x, beta=1.0):
    return x * torch.sigmoid(beta * x.data)


@wrong("swish", "swish-gate-mirrored")
def mirrored(x, beta=1.0):
    return x * (1 - torch.sigmoid(beta * x))


@wrong("swish", "swish-tanh-gate")
def tanh_gate(x, beta=1.0):
    return torch.tanh(beta * x) * x


@wrong("swish", "off-limits")
def library_swish(x, beta=1.0):
    return F.silu(beta * x) / beta if beta else x / 2


@wrong("swish", None)
def squared_gate(x, beta=1.0):
    return x * torch.sigmoid(beta * x) ** 2


# softmax


@right("softmax")
def detached_shift(x, dim):
    e = (x - x.max(dim=dim, keepdim=True).values.detach()).exp()
    return e / e.sum(dim=dim, keepdim=True)


@right("softmax")
def through_log(x, dim):
    shifted = x - x.amax(dim=dim, keepdim=True)
    return torch.exp(shifted - shifted.exp().sum(dim=dim, keepdim=True).log())


@wrong("softmax", "softmax-overflow")
def textbook_softmax(x, dim):
    e = torch.exp(x)
    return e / e.sum(dim=dim, keepdim=True)


@wrong("softmax", "softmax-global-max")
def one_max(x, dim):
    e = torch.exp(x - torch.max(x))
    return e / torch.sum(e, dim, keepdim=True)


@wrong("softmax", "softmax-last-dim")
def last_axis(x, dim):
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


@wrong("softmax", "softmax-first-dim")
def first_axis(x, dim):
    e = (x - x.amax(0, keepdim=True)).exp()
    return e / e.sum(0, keepdim=True)


@wrong("softmax", "softmax-whole-tensor")
def whole(x, dim):
    e = (x - x.max()).exp()
    return e / e.sum()


@wrong("softmax", "softmax-not-normalised")
def unnormalised(x, dim):
    return torch.exp(x - x.max(dim, keepdim=True).values)


@wrong("softmax", "softmax-no-exp")
def linear_share(x, dim):
    return x / torch.sum(x, dim=dim, keepdim=True)


@wrong("softmax", "softmax-base-two")
def powers_of_two(x, dim):
    e = 2 ** (x - x.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


@wrong("softmax", "softmax-sigmoid")
def independent(x, dim):
    return log_form(x)


@wrong("softmax", "softmax-mean-shift")
def mean_shift(x, dim):
    e = torch.exp(x - x.mean(dim=dim, keepdim=True))
    return e / e.sum(dim=dim, keepdim=True)


@wrong("softmax", "softmax-sum-fixed")
def fixed_sum(x, dim):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.data.sum(dim, keepdim=True)


@wrong("softmax", "off-limits")
def by_logsumexp(x, dim):
    return torch.exp(x - torch.logsumexp(x, dim, keepdim=True))


@wrong("softmax", "input-changed")
def shifts_in_place(x, dim):
    x -= x.max(dim, keepdim=True).values
    e = x.exp()
    return e / e.sum(dim, keepdim=True)


@wrong("softmax", "softmax-keepdim")
def dropped_axis(x, dim):
    e = torch.exp(x - x.max(dim, keepdim=True).values)
    return e / e.sum(dim)


@wrong("softmax", "softmax-global-max")
def item_max(x, dim):
    e = torch.exp(x - x.max().item())
    return e / e.sum(dim, keepdim=True)


@wrong("softmax", "values-and-indices")
def forgot_values(x, dim):
    e = torch.exp(x - x.max(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


@wrong("softmax", "softmax-epsilon")
def small_number(x, dim):
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / (e.sum(dim, keepdim=True) + 1e-4)


# log_softmax


@right("log_softmax")
def max_back(x, dim):
    m = x.amax(dim, keepdim=True)
    return x - (m + torch.log(torch.sum(torch.exp(x - m), dim, keepdim=True)))


@right("log_softmax")
def detached_max(x, dim):
    shifted = x - x.max(dim, keepdim=True)[0].detach()
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


@wrong("log_softmax", "log-softmax-of-softmax")
def two_steps(x, dim):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return torch.log(e / e.sum(dim, keepdim=True))


@wrong("log_softmax", "log-softmax-overflow")
def no_shift(x, dim):
    return x - torch.log(torch.exp(x).sum(dim=dim, keepdim=True))


@wrong("log_softmax", "log-softmax-epsilon")
def epsilon(x, dim):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return torch.log(e / e.sum(dim, keepdim=True) + 1e-9)


@wrong("log_softmax", "log-softmax-half-shift")
def half_shift(x, dim):
    m = x.amax(dim, keepdim=True)
    return x - torch.log(torch.exp(x - m).sum(dim, keepdim=True))


@wrong("log_softmax", "log-softmax-no-log")
def no_log(x, dim):
    s = x - x.amax(dim, keepdim=True)
    return s - torch.exp(s).sum(dim, keepdim=True)


@wrong("log_softmax", "log-softmax-global-max")
def global_max(x, dim):
    s = x - x.max()
    return s - torch.log(s.exp().sum(dim, keepdim=True))


@wrong("log_softmax", "log-softmax-last-dim")
def ignores_dim(x, dim):
    s = x - x.amax(-1, keepdim=True)
    return s - s.exp().sum(-1, keepdim=True).log()


@wrong("log_softmax", "log-softmax-plain")
def plain_softmax(x, dim):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)


@wrong("log_softmax", "log-softmax-sign")
def negative(x, dim):
    s = x - x.amax(dim, keepdim=True)
    return s.exp().sum(dim, keepdim=True).log() - s


@wrong("log_softmax", "off-limits")
def library_log_softmax(x, dim):
    return F.log_softmax(x, dim)


@wrong("log_softmax", "log-softmax-base")
def base_ten(x, dim):
    s = x - x.amax(dim, keepdim=True)
    return (s - s.exp().sum(dim, keepdim=True).log()) * math.log10(math.e)


@wrong("log_softmax", "log-softmax-epsilon")
def floor(x, dim):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return torch.log((e / e.sum(dim, keepdim=True)).clamp(min=1e-12))


@wrong("log_softmax", "log-softmax-keepdim")
def log_dropped_axis(x, dim):
    s = x - x.max(dim=dim, keepdim=True).values
    return s - torch.log(torch.sum(torch.exp(s), dim=dim))


@wrong("log_softmax", "log-softmax-shift-sign")
def shift_sign(x, dim):
    m = x.amax(dim, keepdim=True)
    return x - torch.log(torch.exp(x - m).sum(dim, keepdim=True)) + m


# SwishFunction


@right("SwishFunction")
class from_the_output(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + torch.exp(-x))

    @staticmethod
    def backward(ctx, grad_out):
        x = ctx.saved_tensors[0]
        s = torch.sigmoid(x)
        y = x * s
        return (s + y - s * y) * grad_out


@right("SwishFunction")
class with_setup_context(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x * torch.sigmoid(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad * s * (1 + x * (1 - s))


class _Swish(torch.autograd.Function):
    """What the wrong answers below share: the right forward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)


@wrong("SwishFunction", "swish-function-no-chain")
class ignores_grad_out(_Swish):
    @staticmethod
    def backward(ctx, grad_out):
        x, = ctx.saved_tensors
        s = torch.sigmoid(x)
        return s * (1 + x * (1 - s))


@wrong("SwishFunction", "swish-function-only-gate")
class only_the_gate(_Swish):
    @staticmethod
    def backward(ctx, grad_out):
        return grad_out * torch.sigmoid(ctx.saved_tensors[0])


@wrong("SwishFunction", "swish-function-only-slope")
class only_the_slope(_Swish):
    @staticmethod
    def backward(ctx, grad_out):
        x, = ctx.saved_tensors
        return grad_out * x * torch.sigmoid(x) * torch.sigmoid(-x)


@wrong("SwishFunction", "swish-function-missing-factor")
class lost_a_factor(_Swish):
    @staticmethod
    def backward(ctx, grad_out):
        x, = ctx.saved_tensors
        s = torch.sigmoid(x)
        return (s + x - x * s) * grad_out


@wrong("SwishFunction", "swish-function-saves-more")
class saves_two(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x)
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, grad_out):
        x, s = ctx.saved_tensors
        return grad_out * (s + x * s * (1 - s))


@wrong("SwishFunction", "swish-function-saves-on-ctx")
class saves_on_ctx(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.x = x
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad_out):
        s = torch.sigmoid(ctx.x)
        return grad_out * (s + ctx.x * s * (1 - s))


@wrong("SwishFunction", "swish-function-output-as-input")
class saves_the_output(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x * torch.sigmoid(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad_out):
        y, = ctx.saved_tensors
        s = torch.sigmoid(y)
        return grad_out * s * (1 + y * (1 - s))


@wrong("SwishFunction", "swish-function-straight-through")
class passes_on(_Swish):
    @staticmethod
    def backward(ctx, grad_out):
        return grad_out.clone()


@wrong("SwishFunction", "off-limits")
class asks_autograd(_Swish):
    @staticmethod
    def backward(ctx, grad_out):
        with torch.enable_grad():
            x = ctx.saved_tensors[0].detach().requires_grad_()
            return torch.autograd.grad(x * torch.sigmoid(x), x, grad_out)[0]


@wrong("SwishFunction", "not-written")
class not_written(_Swish):
    @staticmethod
    def backward(ctx, grad_out):
        raise NotImplementedError()


@wrong("SwishFunction", "swish-function-forward-gate")
class gate_forward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 1 / (1 + torch.exp(-x))

    @staticmethod
    def backward(ctx, grad_out):
        x, = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_out * s * (1 + x * (1 - s))


@wrong("SwishFunction", "swish-function-saves-on-ctx")
class one_saved_one_kept(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.gate = torch.sigmoid(x)
        return x * ctx.gate

    @staticmethod
    def backward(ctx, grad_out):
        x, = ctx.saved_tensors
        return grad_out * (ctx.gate + x * ctx.gate * (1 - ctx.gate))


@wrong("SwishFunction", "swish-function-backward-none")
class backward_without_return(_Swish):
    @staticmethod
    def backward(ctx, grad_out):
        x, = ctx.saved_tensors
        s = torch.sigmoid(x)
        s + x * s * (1 - s)


@wrong("SwishFunction", "swish-function-second-term")
class lost_the_x(_Swish):
    @staticmethod
    def backward(ctx, grad_out):
        s = torch.sigmoid(ctx.saved_tensors[0])
        return grad_out * (2 * s - s * s)


# dead_units


@right("dead_units")
def never_alive(activations):
    return ~(activations > 0).any(0)


@right("dead_units")
def largest_is_zero(activations):
    return activations.amax(0) == 0


@right("dead_units")
def counted(activations):
    return torch.count_nonzero(activations, dim=0) == 0


@wrong("dead_units", "dead-any")
def smallest_is_zero(activations):
    return activations.min(dim=0).values == 0


@wrong("dead_units", "dead-samples")
def wrong_axis(activations):
    return activations.sum(dim=1) == 0


@wrong("dead_units", "dead-threshold")
def nearly(activations):
    return activations.max(0).values < 1e-8


@wrong("dead_units", "dead-alive")
def inverted(activations):
    return activations.sum(0) > 0


@wrong("dead_units", "dead-number")
def as_floats(activations):
    return (activations.sum(0) == 0).double()


@wrong("dead_units", "dead-indices")
def as_indices(activations):
    return torch.where(activations.sum(0) == 0)[0]


@wrong("dead_units", "dead-table")
def every_entry(activations):
    return activations <= 0


@wrong("dead_units", "dead-count")
def how_many(activations):
    return ((activations > 0).sum(0) == 0).sum()


@wrong("dead_units", "dead-share")
def share(activations):
    return 1 - (activations > 0).double().mean(0)


@wrong("dead_units", "dead-first-sample")
def first_sample(activations):
    return ~activations[0].bool()


@wrong("dead_units", "dead-number")
def as_single(activations):
    return (activations.amax(0) == 0).float()


@wrong("dead_units", "dead-count")
def one_flag(activations):
    return (activations.sum(0) == 0).all()


@wrong("dead_units", "dead-count")
def compares_a_pair(activations):
    return activations.max(0) == 0


# gradient_norms


@right("gradient_norms")
def one_by_one(model, loss):
    found = {}
    for name, parameter in model.named_parameters():
        grad, = torch.autograd.grad(loss, parameter, retain_graph=True, allow_unused=True)
        found[name] = float(grad.norm()) if grad is not None else 0.0
    return found


@right("gradient_norms")
def save_and_restore(model, loss):
    before = [p.grad for p in model.parameters()]
    for p in model.parameters():
        p.grad = None
    loss.backward(retain_graph=True)
    found = {name: torch.linalg.vector_norm(p.grad) if p.grad is not None else torch.tensor(0.0, dtype=p.dtype)
             for name, p in model.named_parameters()}
    for p, grad in zip(model.parameters(), before):
        p.grad = grad
    return found


@wrong("gradient_norms", "norms-squared")
def squares(model, loss):
    grads = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True, materialize_grads=True)
    return {name: (g ** 2).sum().item() for (name, _), g in zip(model.named_parameters(), grads)}


@wrong("gradient_norms", "norms-rms")
def root_mean_square(model, loss):
    grads = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True, materialize_grads=True)
    return {name: (g ** 2).mean().item() ** 0.5 for (name, _), g in zip(model.named_parameters(), grads)}


@wrong("gradient_norms", "norms-l1")
def one_norm(model, loss):
    grads = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True, materialize_grads=True)
    return {name: g.norm(p=1).item() for (name, _), g in zip(model.named_parameters(), grads)}


@wrong("gradient_norms", "norms-unused-missing")
def skips_unused(model, loss):
    named = dict(model.named_parameters())
    grads = torch.autograd.grad(loss, named.values(), retain_graph=True, allow_unused=True)
    return {name: g.norm().item() for name, g in zip(named, grads) if g is not None}


@wrong("gradient_norms", "norms-weights")
def of_weights(model, loss):
    return {name: p.detach().norm().item() for name, p in model.named_parameters()}


@wrong("gradient_norms", "norms-graph-freed")
def frees_the_graph(model, loss):
    named = dict(model.named_parameters())
    grads = torch.autograd.grad(loss, named.values(), allow_unused=True)
    return {name: 0.0 if g is None else g.norm().item() for name, g in zip(named, grads)}


@wrong("gradient_norms", "norms-accumulated")
def accumulates(model, loss):
    loss.backward(retain_graph=True)
    return {n: p.grad.norm().item() if p.grad is not None else 0.0 for n, p in model.named_parameters()}


@wrong("gradient_norms", "norms-grad-overwritten")
def leaves_grads(model, loss):
    model.zero_grad()
    loss.backward(retain_graph=True)
    return {n: p.grad.norm().item() if p.grad is not None else 0.0 for n, p in model.named_parameters()}


@wrong("gradient_norms", "norms-grad-cleared")
def clears_grads(model, loss):
    for p in model.parameters():
        p.grad = None
    loss.backward(retain_graph=True)
    found = {n: p.grad.norm().item() if p.grad is not None else 0.0 for n, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = None
    return found


@wrong("gradient_norms", "norms-no-biases")
def no_biases(model, loss):
    named = {n: p for n, p in model.named_parameters() if "bias" not in n}
    grads = torch.autograd.grad(loss, named.values(), retain_graph=True, materialize_grads=True)
    return {n: g.norm().item() for n, g in zip(named, grads)}


@wrong("gradient_norms", "norms-reversed")
def last_first(model, loss):
    named = dict(reversed(list(model.named_parameters())))
    grads = torch.autograd.grad(loss, named.values(), retain_graph=True, materialize_grads=True)
    return {n: g.norm().item() for n, g in zip(named, grads)}


@wrong("gradient_norms", None)
def by_layer(model, loss):
    grads = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True, materialize_grads=True)
    return {number: g.norm().item() for number, g in enumerate(grads)}


@wrong("gradient_norms", "norms-unused-refused")
def refused(model, loss):
    grads = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    return {name: g.norm().item() for (name, _), g in zip(model.named_parameters(), grads)}


@wrong("gradient_norms", "norms-none-has-no-norm")
def none_has_no_norm(model, loss):
    grads = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True, allow_unused=True)
    return {name: g.norm().item() for (name, _), g in zip(model.named_parameters(), grads)}


@wrong("gradient_norms", "norms-stale")
def counts_what_was_there(model, loss):
    before = {n: p.grad.clone() if p.grad is not None else None for n, p in model.named_parameters()}
    loss.backward(retain_graph=True)
    found = {n: 0.0 if p.grad is None else p.grad.norm().item() for n, p in model.named_parameters()}
    for n, p in model.named_parameters():
        p.grad = before[n]
    return found


@wrong("gradient_norms", "norms-none-has-no-norm")
def plain_backward(model, loss):
    loss.backward()
    return {name: p.grad.norm().item() for name, p in model.named_parameters()}
