"""Answers to lesson 07."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from . import right, wrong

# batch_norm


@right("batch_norm")
def with_var_mean(x, gamma, beta, eps=1e-5):
    var, mean = torch.var_mean(x, dim=0, correction=0)
    return (x - mean) * torch.rsqrt(var + eps) * gamma + beta


@right("batch_norm")
def sums_in_place(x, gamma, beta, eps=1e-5):
    n, centred = len(x), x - x.sum(0) / len(x)
    out = centred / torch.sqrt((centred ** 2).sum(0) / n + eps)
    out *= gamma
    out += beta
    return out


@right("batch_norm")
def scale_and_shift(x, gamma, beta, eps=1e-5):
    mu = torch.mean(x, dim=0, keepdim=True)
    var = ((x - mu) ** 2).mean(0, keepdim=True)
    scale = gamma * (var + eps) ** -0.5
    return torch.addcmul(beta - mu * scale, x, scale)


@wrong("batch_norm", "bn-mean-of-squares")
def mean_of_squares(x, gamma, beta, eps=1e-5):
    mu = torch.mean(x, dim=0, keepdim=True)
    var = (x ** 2).mean(0, keepdim=True) - mu ** 2
    return torch.addcmul(beta, gamma, (x - mu) / (var.clamp(min=0) + eps) ** 0.5)


@wrong("batch_norm", "bn-mean-of-squares")
def mean_of_squares_by_sums(x, gamma, beta, eps=1e-5):
    n = len(x)
    return (x - x.mean(0)) / torch.sqrt((x * x).sum(0) / n - (x.sum(0) / n) ** 2 + eps) * gamma + beta


@right("batch_norm")
def unbiased_put_right(x, gamma, beta, eps=1e-5):
    n = x.shape[0]
    return beta + gamma * (x - x.mean(0)) / torch.sqrt(x.var(0) * (n - 1) / n + eps)


@wrong("batch_norm", "bn-unbiased")
def default_var(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(dim=0)) / torch.sqrt(x.var(dim=0) + eps) + beta


@wrong("batch_norm", "bn-unbiased")
def default_std(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / (torch.std(x, 0) + eps) + beta


@wrong("batch_norm", "bn-detached")
def statistics_without_grad(x, gamma, beta, eps=1e-5):
    with torch.no_grad():
        mean, var = x.mean(0), x.var(0, unbiased=False)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta


@wrong("batch_norm", "bn-variance-detached")
def variance_by_data(x, gamma, beta, eps=1e-5):
    var = x.data.var(0, unbiased=False)
    return gamma * ((x - x.mean(0)) * (var + eps) ** -0.5) + beta


@wrong("batch_norm", "bn-mean-detached")
def mean_detached(x, gamma, beta, eps=1e-5):
    mean = x.mean(0).detach()
    return (x - mean) / torch.sqrt(x.var(0, unbiased=False) + eps) * gamma + beta


@wrong("batch_norm", "bn-eps-outside")
def eps_outside(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / (x.var(0, unbiased=False).sqrt() + eps) + beta


@wrong("batch_norm", "bn-eps-ignored")
def no_eps(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / x.var(0, unbiased=False).sqrt() + beta


@wrong("batch_norm", "bn-eps-fixed")
def eps_fixed(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / (x.var(0, unbiased=False) + 0.00001).sqrt() + beta


@wrong("batch_norm", "bn-over-features")
def wrong_axis(x, gamma, beta, eps=1e-5):
    mean = x.mean(1, keepdim=True)
    return gamma * (x - mean) / (x.var(1, keepdim=True, unbiased=False) + eps).sqrt() + beta


@wrong("batch_norm", "bn-shapes")
def wrong_axis_lost(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(1)) / (x.var(1, unbiased=False) + eps).sqrt() + beta


@wrong("batch_norm", "bn-over-everything")
def no_axis(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean()) / (x.var(unbiased=False) + eps).sqrt() + beta


@wrong("batch_norm", "bn-affine-ignored")
def plain(x, gamma, beta, eps=1e-5):
    return (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()


@wrong("batch_norm", "bn-beta-ignored")
def no_shift(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()


@wrong("batch_norm", "bn-shift-first")
def brackets(x, gamma, beta, eps=1e-5):
    hat = (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()
    return gamma * (hat + beta)


@wrong("batch_norm", "bn-no-root")
def by_variance(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / (x.var(0, unbiased=False) + eps) + beta


@wrong("batch_norm", "bn-not-centred")
def not_centred(x, gamma, beta, eps=1e-5):
    return gamma * x / torch.sqrt(x.var(0, unbiased=False) + eps) + beta


@wrong("batch_norm", "input-changed")
def in_place(x, gamma, beta, eps=1e-5):
    std = (x.var(0, unbiased=False) + eps).sqrt()
    x -= x.mean(0)
    return gamma * x / std + beta


@wrong("batch_norm", "off-limits")
def by_torch(x, gamma, beta, eps=1e-5):
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


@wrong("batch_norm", "off-limits")
def by_layer_norm(x, gamma, beta, eps=1e-5):
    return gamma * F.layer_norm(x.T, x.shape[:1], eps=eps).T + beta


@wrong("batch_norm", "not-written")
def stub(x, gamma, beta, eps=1e-5):
    raise NotImplementedError()


@wrong("batch_norm", "bn-shapes")
def gamma_as_a_column(x, gamma, beta, eps=1e-5):
    hat = (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()
    return gamma[:, None] * hat + beta


@wrong("batch_norm", "bn-brackets")
def divides_the_mean(x, gamma, beta, eps=1e-5):
    mean, std = x.mean(0), torch.sqrt(x.var(0, unbiased=False) + eps)
    return gamma * (x - mean / std) + beta


@wrong("batch_norm", "bn-brackets")
def divides_the_mean_by_std(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0, keepdim=True) / (torch.std(x, 0, keepdim=True) + eps)) + beta


@wrong("batch_norm", "bn-multiplied")
def times_the_deviation(x, gamma, beta, eps=1e-5):
    centred = x - x.mean(0)
    return centred * torch.sqrt((centred ** 2).mean(0) + eps) * gamma + beta


@wrong("batch_norm", "no-gradient")
@torch.no_grad()
def all_without_grad(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt() + beta


@wrong("batch_norm", None)
def largest(x, gamma, beta, eps=1e-5):
    return gamma * (x - x.mean(0)) / (x.amax(0) - x.amin(0) + eps) + beta


# BatchNorm2d


class Norm2d(nn.Module):
    """What the right answers and most wrong ones begin with."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))


@right("BatchNorm2d")
class WithLerp(Norm2d):
    def forward(self, x):
        if self.training:
            var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            n = x.numel() / x.size(1)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var * n / (n - 1), self.momentum)
        else:
            mean, var = self.running_mean, self.running_var
        scale = self.weight * torch.rsqrt(var + self.eps)
        return x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


@right("BatchNorm2d")
class ByRows(Norm2d):
    """Through the function for tables."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        if self.training:
            out = with_var_mean(rows, self.weight, self.bias, self.eps)
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * rows.mean(0)
                self.running_var = (1 - self.momentum) * self.running_var + self.momentum * rows.var(0)
        else:
            out = (rows - self.running_mean) / (self.running_var + self.eps).sqrt() * self.weight + self.bias
        return out.view(x.shape[0], x.shape[2], x.shape[3], -1).permute(0, 3, 1, 2)


@right("BatchNorm2d")
class OneByOne(Norm2d):
    def forward(self, x):
        c = x.shape[1]
        flat = x.transpose(0, 1).reshape(c, -1)
        mean, var = flat.mean(1), flat.var(1, unbiased=False)
        if not self.training:
            mean, var = self.running_mean, self.running_var
        else:
            self.running_mean += self.momentum * (mean.detach() - self.running_mean)
            self.running_var += self.momentum * (flat.detach().var(1) - self.running_var)
        mean, std = mean.view(1, c, 1, 1), (var + self.eps).sqrt().view(1, c, 1, 1)
        return self.weight.view(1, c, 1, 1) * (x - mean) / std + self.bias.view(1, c, 1, 1)


class InPieces(Norm2d):
    """The usual layer in three pieces: what it looks at, how its memory moves, and what it gives."""

    def look(self, x):
        return x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False), x.detach().var((0, 2, 3))

    def move(self, mean, var):
        m = self.momentum
        self.running_mean = (1 - m) * self.running_mean + m * mean.detach()
        self.running_var = (1 - m) * self.running_var + m * var.detach()

    def give(self, x, mean, var):
        hat = (x - mean.view(-1, 1, 1)) / torch.sqrt(var.view(-1, 1, 1) + self.eps)
        return self.weight.view(-1, 1, 1) * hat + self.bias.view(-1, 1, 1)

    def remembered(self, x):
        return self.give(x, self.running_mean, self.running_var)

    def forward(self, x):
        if not self.training:
            return self.remembered(x)
        mean, var, unbiased = self.look(x)
        self.move(mean, unbiased)
        return self.give(x, mean, var)


@wrong("BatchNorm2d", "bn2d-eval-batch-statistics")
class AlwaysTheBatch(InPieces):
    def remembered(self, x):
        mean, var, _ = self.look(x)
        return self.give(x, mean, var)


@wrong("BatchNorm2d", "bn2d-never-asks")
class NeverAsks(InPieces):
    def forward(self, x):
        mean, var, unbiased = self.look(x)
        self.move(mean, unbiased)
        return self.give(x, mean, var)


@wrong("BatchNorm2d", "bn2d-variance-never")
class OnlyTheMean(InPieces):
    def move(self, mean, var):
        with torch.no_grad():
            self.running_mean.mul_(1 - self.momentum).add_(self.momentum * mean)


@wrong("BatchNorm2d", "bn2d-running-never")
class NoMemory(InPieces):
    def move(self, mean, var):
        pass


@wrong("BatchNorm2d", "bn2d-running-biased")
class BiasedMemory(InPieces):
    def look(self, x):
        mean, var, _ = super().look(x)
        return mean, var, var


@wrong("BatchNorm2d", "bn2d-output-unbiased")
class UnbiasedEverywhere(InPieces):
    def look(self, x):
        return x.mean((0, 2, 3)), x.var((0, 2, 3)), x.var((0, 2, 3))


@wrong("BatchNorm2d", "bn2d-momentum-swapped")
class MomentumOfTheOld(InPieces):
    @torch.no_grad()
    def move(self, mean, var):
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var


@wrong("BatchNorm2d", "bn2d-affine-ignored")
class NoAffine(InPieces):
    def give(self, x, mean, var):
        return (x - mean[:, None, None]) / (var[:, None, None] + self.eps) ** 0.5


@wrong("BatchNorm2d", "bn2d-detached")
class Detached(InPieces):
    @torch.no_grad()
    def look(self, x):
        return super().look(x)


@wrong("BatchNorm2d", "bn2d-graph-kept")
class KeepsTheGraph(InPieces):
    def look(self, x):
        return x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False), x.var((0, 2, 3))

    def move(self, mean, var):
        self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean
        self.running_var = (1 - self.momentum) * self.running_var + self.momentum * var


@wrong("BatchNorm2d", "bn2d-training-uses-running")
class FirstStoreThenUse(InPieces):
    def forward(self, x):
        if self.training:
            mean, _, unbiased = self.look(x)
            self.move(mean, unbiased)
        return self.remembered(x)


@wrong("BatchNorm2d", "bn2d-instance")
class EachImage(InPieces):
    def forward(self, x):
        if not self.training:
            return self.remembered(x)
        mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
        self.move(mean.mean((0, 2, 3)), var.mean((0, 2, 3)))
        hat = (x - mean) / (var + self.eps).sqrt()
        return self.weight.view(-1, 1, 1) * hat + self.bias.view(-1, 1, 1)


@wrong("BatchNorm2d", "bn2d-broadcast")
class ForgotTheView(InPieces):
    def give(self, x, mean, var):
        return self.weight * (x - mean) / (var + self.eps).sqrt() + self.bias


@wrong("BatchNorm2d", "bn2d-starts-at-zero")
class ZeroVariance(WithLerp):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.running_var = torch.zeros(num_features)


@wrong("BatchNorm2d", "bn2d-eval-updates")
class LearnsInEval(InPieces):
    def forward(self, x):
        mean, var, unbiased = self.look(x)
        self.move(mean, unbiased)
        return self.give(x, mean, var) if self.training else self.remembered(x)


@wrong("BatchNorm2d", "bn2d-kept-axes")
class KeptAxes(Norm2d):
    def forward(self, x):
        if self.training:
            mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
            n, m = x.numel() / x.shape[1], self.momentum
            self.running_mean = (1 - m) * self.running_mean + m * mean.detach()
            self.running_var = (1 - m) * self.running_var + m * var.detach() * n / (n - 1)
        else:
            mean, var = self.running_mean.view(1, -1, 1, 1), self.running_var.view(1, -1, 1, 1)
        hat = (x - mean) / torch.sqrt(var + self.eps)
        return self.weight.view(1, -1, 1, 1) * hat + self.bias.view(1, -1, 1, 1)


@wrong("BatchNorm2d", "bn2d-rows")
class RowsByReshape(InPieces):
    def forward(self, x):
        rows = x.reshape(-1, x.shape[1])
        if not self.training:
            return self.remembered(x)
        self.move(rows.mean(0), rows.var(0))
        return with_var_mean(rows, self.weight, self.bias, self.eps).reshape(x.shape)


@wrong("BatchNorm2d", "bn2d-rows")
class RowsInBothModes(InPieces):
    def forward(self, x):
        rows = x.reshape(-1, x.size(1))
        if self.training:
            out = with_var_mean(rows, self.weight, self.bias, self.eps)
            self.move(rows.mean(0), rows.var(0))
        else:
            out = (rows - self.running_mean) / torch.sqrt(self.running_var + self.eps) * self.weight + self.bias
        return out.reshape(x.shape)


@wrong("BatchNorm2d", "bn2d-no-grad")
class NothingToDifferentiate(WithLerp):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)


@wrong("BatchNorm2d", "layer-affine-detached")
class AffineByData(InPieces):
    def give(self, x, mean, var):
        hat = (x - mean.view(-1, 1, 1)) / torch.sqrt(var.view(-1, 1, 1) + self.eps)
        return self.weight.data.view(-1, 1, 1) * hat + self.bias.data.view(-1, 1, 1)


@wrong("BatchNorm2d", "layer-starts-wrong")
class BiasAtOne(WithLerp):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.bias = nn.Parameter(torch.ones(num_features))


@wrong("BatchNorm2d", "layer-plain-attribute")
class PlainAttributes(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.running_mean, self.running_var = torch.zeros(num_features), torch.ones(num_features)

    forward = WithLerp.forward


@wrong("BatchNorm2d", "layer-statistics-are-parameters")
class TrainedStatistics(PlainAttributes):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.running_mean = nn.Parameter(self.running_mean)
        self.running_var = nn.Parameter(self.running_var)


@wrong("BatchNorm2d", "layer-names")
class OtherNames(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("var", torch.ones(num_features))

    def forward(self, x):
        return x


@wrong("BatchNorm2d", "layer-super-missing")
class NoSuper(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))

    def forward(self, x):
        return x


@wrong("BatchNorm2d", "off-limits")
class ByTorch(nn.BatchNorm2d):
    pass


@wrong("BatchNorm2d", "off-limits")
class ByFunction(Norm2d):
    def forward(self, x):
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training,
                            self.momentum, self.eps)


@wrong("BatchNorm2d", "not-written")
class Half(Norm2d):
    def forward(self, x):
        raise NotImplementedError()


# batch_norm_backward


@right("batch_norm_backward")
def on_paper(grad_out, x, gamma, eps):
    n = x.shape[0]
    mean = x.mean(0)
    inv = torch.rsqrt(x.var(0, unbiased=False) + eps)
    hat = (x - mean) * inv
    grad_gamma, grad_beta = (grad_out * hat).sum(0), grad_out.sum(0)
    grad_x = gamma * inv / n * (n * grad_out - grad_beta - hat * grad_gamma)
    return grad_x, grad_gamma, grad_beta


@right("batch_norm_backward")
def step_by_step(grad_out, x, gamma, eps):
    n = len(x)
    centred = x - x.mean(0)
    var = (centred ** 2).mean(0)
    std = (var + eps) ** 0.5
    d_hat = grad_out * gamma
    d_var = (d_hat * centred * -0.5 * (var + eps) ** -1.5).sum(0)
    d_mean = (-d_hat / std).sum(0) + d_var * (-2 * centred).mean(0)
    d_x = d_hat / std + d_var * 2 * centred / n + d_mean / n
    return [d_x, (grad_out * centred / std).sum(0), grad_out.sum(0)]


@right("batch_norm_backward")
def by_projection(grad_out, x, gamma, eps):
    sigma = (x.var(0, correction=0) + eps).sqrt()
    hat = (x - x.mean(0)) / sigma
    g = gamma * grad_out
    return (g - g.mean(0) - hat * (g * hat).mean(0)) / sigma, torch.einsum("nd,nd->d", grad_out, hat), grad_out.sum(0)


@wrong("batch_norm_backward", "backward-statistics-constant")
def constants(grad_out, x, gamma, eps):
    sigma = (x.var(0, correction=0) + eps).sqrt()
    return gamma * grad_out / sigma, (grad_out * (x - x.mean(0)) / sigma).sum(0), grad_out.sum(0)


@wrong("batch_norm_backward", "backward-no-mean-term")
def no_mean(grad_out, x, gamma, eps):
    _, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    inv = torch.rsqrt(x.var(0, unbiased=False) + eps)
    hat = (x - x.mean(0)) * inv
    return gamma * inv * (grad_out - hat * grad_gamma / len(x)), grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-no-variance-term")
def no_variance(grad_out, x, gamma, eps):
    _, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    return gamma * torch.rsqrt(x.var(0, unbiased=False) + eps) * (grad_out - grad_out.mean(0)), grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-variance-factor")
def forgot_the_half(grad_out, x, gamma, eps):
    n = len(x)
    centred = x - x.mean(0)
    var = (centred ** 2).mean(0)
    std = (var + eps) ** 0.5
    d_hat = grad_out * gamma
    d_var = (d_hat * centred * -1 * (var + eps) ** -1.5).sum(0)
    d_x = d_hat / std + d_var * 2 * centred / n - (d_hat / std).sum(0) / n
    return d_x, (grad_out * centred / std).sum(0), grad_out.sum(0)


@wrong("batch_norm_backward", "backward-gamma-forgotten")
def no_gamma(grad_out, x, gamma, eps):
    grad_x, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    return grad_x / gamma, grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-sums")
def sums_for_means(grad_out, x, gamma, eps):
    inv = torch.rsqrt(x.var(0, unbiased=False) + eps)
    hat = (x - x.mean(0)) * inv
    grad_gamma, grad_beta = (grad_out * hat).sum(0), grad_out.sum(0)
    return gamma * inv * (grad_out - grad_beta - hat * grad_gamma), grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-raw-x")
def raw_x(grad_out, x, gamma, eps):
    grad_x, _, grad_beta = on_paper(grad_out, x, gamma, eps)
    return grad_x, (grad_out * x).sum(0), grad_beta


@wrong("batch_norm_backward", "backward-mean-for-affine")
def means(grad_out, x, gamma, eps):
    grad_x, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    return grad_x, grad_gamma / len(x), grad_beta / len(x)


@wrong("batch_norm_backward", "backward-order")
def other_order(grad_out, x, gamma, eps):
    grad_x, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    return grad_gamma, grad_beta, grad_x


@wrong("batch_norm_backward", "backward-keepdim")
def kept(grad_out, x, gamma, eps):
    grad_x, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    return grad_x, grad_gamma[None], grad_beta[None]


@wrong("batch_norm_backward", "backward-unbiased")
def with_unbiased(grad_out, x, gamma, eps):
    inv = torch.rsqrt(x.var(0) + eps)
    hat = (x - x.mean(0)) * inv
    g = grad_out * gamma
    return inv * (g - g.mean(0) - hat * (g * hat).mean(0)), (grad_out * hat).sum(0), grad_out.sum(0)


@wrong("batch_norm_backward", "backward-eps-ignored")
def without_eps(grad_out, x, gamma, eps):
    return on_paper(grad_out, x, gamma, 0)


@wrong("batch_norm_backward", "backward-how-many")
def only_x(grad_out, x, gamma, eps):
    return on_paper(grad_out, x, gamma, eps)[0]


@wrong("batch_norm_backward", "backward-gamma-twice")
def affine_from_g(grad_out, x, gamma, eps):
    hat = (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()
    g = gamma * grad_out
    return on_paper(grad_out, x, gamma, eps)[0], (g * hat).sum(0), g.sum(0)


@wrong("batch_norm_backward", "backward-gamma-twice")
def gamma_from_g(grad_out, x, gamma, eps):
    grad_x, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    return grad_x, grad_gamma * gamma, grad_beta


@wrong("batch_norm_backward", "backward-averages-axis")
def means_over_features(grad_out, x, gamma, eps):
    _, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    sigma = (x.var(0, unbiased=False) + eps).sqrt()
    g, hat = gamma * grad_out, (x - x.mean(0)) / sigma
    return (g - g.mean(1, keepdim=True) - hat * (g * hat).mean(1, keepdim=True)) / sigma, grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-averages-axis")
def means_over_all(grad_out, x, gamma, eps):
    _, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    sigma = torch.sqrt(x.var(0, unbiased=False) + eps)
    g, hat = gamma * grad_out, (x - x.mean(0)) / sigma
    return (g - g.mean() - hat * torch.mean(g * hat)) / sigma, grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-not-normalised")
def centred_in_both(grad_out, x, gamma, eps):
    _, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    g, centred = gamma * grad_out, x - x.mean(0)
    grad_x = (g - g.mean(0) - centred * (g * centred).mean(0)) / (x.var(0, correction=0) + eps).sqrt()
    return grad_x, grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-not-normalised")
def x_in_the_mean(grad_out, x, gamma, eps):
    _, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    sigma = (x.var(0, correction=0) + eps).sqrt()
    g = gamma * grad_out
    return (g - g.mean(0) - (x - x.mean(0)) / sigma * (g * x).mean(0)) / sigma, grad_gamma, grad_beta


def corrected(correction):
    """The right answer, but that `correction(g, x̂, grad_out)` is added to g in grad_x."""
    def batch_norm_backward(grad_out, x, gamma, eps):
        _, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
        sigma = torch.sqrt(x.var(0, unbiased=False) + eps)
        g, hat = gamma * grad_out, (x - x.mean(0)) / sigma
        return (g + correction(g, hat, grad_out)) / sigma, grad_gamma, grad_beta
    return batch_norm_backward


@wrong("batch_norm_backward", "backward-mean-term-sum")
def a_is_a_sum(grad_out, x, gamma, eps):
    return corrected(lambda g, hat, _: -g.sum(0) - hat * (g * hat).mean(0))(grad_out, x, gamma, eps)


@wrong("batch_norm_backward", "backward-variance-term-sum")
def b_is_a_sum(grad_out, x, gamma, eps):
    return corrected(lambda g, hat, _: -g.mean(0) - hat * (g * hat).sum(0))(grad_out, x, gamma, eps)


@wrong("batch_norm_backward", "backward-variance-without-hat")
def b_without_hat(grad_out, x, gamma, eps):
    return corrected(lambda g, hat, _: -g.mean(0) - hat * g.mean(0))(grad_out, x, gamma, eps)


@wrong("batch_norm_backward", "backward-signs")
def both_added(grad_out, x, gamma, eps):
    return corrected(lambda g, hat, _: g.mean(0) + hat * (g * hat).mean(0))(grad_out, x, gamma, eps)


@wrong("batch_norm_backward", "backward-mean-sign")
def a_added(grad_out, x, gamma, eps):
    return corrected(lambda g, hat, _: g.mean(0) - hat * (g * hat).mean(0))(grad_out, x, gamma, eps)


@wrong("batch_norm_backward", "backward-gamma-forgotten")
def gamma_in_the_first_term_only(grad_out, x, gamma, eps):
    return corrected(lambda g, hat, out: -out.mean(0) - hat * (out * hat).mean(0))(grad_out, x, gamma, eps)


@wrong("batch_norm_backward", "backward-x-otherwise")
def a_is_a_median(grad_out, x, gamma, eps):
    return corrected(lambda g, hat, _: -g.median(0).values - hat * (g * hat).mean(0))(grad_out, x, gamma, eps)


@wrong("batch_norm_backward", "off-limits")
def by_autograd(grad_out, x, gamma, eps):
    x, gamma = x.clone().requires_grad_(), gamma.clone().requires_grad_()
    beta = torch.zeros_like(gamma, requires_grad=True)
    return torch.autograd.grad(with_var_mean(x, gamma, beta, eps), [x, gamma, beta], grad_out)


@wrong("batch_norm_backward", "returned-none")
def no_return(grad_out, x, gamma, eps):
    on_paper(grad_out, x, gamma, eps)


@wrong("batch_norm_backward", "backward-gamma-forgotten")
def gamma_in_the_means_only(grad_out, x, gamma, eps):
    _, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    sigma = (x.var(0, unbiased=False) + eps).sqrt()
    g, hat = grad_out * gamma, (x - x.mean(0)) / sigma
    return (grad_out - g.mean(0) - hat * (hat * g).mean(0)) / sigma, grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-gamma-squared")
def gamma_in_front_too(grad_out, x, gamma, eps):
    grad_x, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    return gamma * grad_x, grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-no-root")
def over_the_variance(grad_out, x, gamma, eps):
    grad_x, grad_gamma, grad_beta = on_paper(grad_out, x, gamma, eps)
    return grad_x / torch.sqrt(x.var(0, unbiased=False) + eps), grad_gamma, grad_beta


@wrong("batch_norm_backward", "backward-no-root")
def sigma_is_the_variance(grad_out, x, gamma, eps):
    sigma = x.var(0, unbiased=False) + eps
    hat, g = (x - x.mean(0)) / sigma, gamma * grad_out
    return (g - g.mean(0) - hat * (g * hat).mean(0)) / sigma, (grad_out * hat).sum(0), grad_out.sum(0)


@wrong("batch_norm_backward", "backward-summed-over-all")
def sums_without_an_axis(grad_out, x, gamma, eps):
    grad_x, grad_gamma, _ = on_paper(grad_out, x, gamma, eps)
    return grad_x, grad_gamma.sum(), grad_out.sum()


# LayerNorm


class Trailing(nn.Module):
    """What most answers begin with."""

    def __init__(self, normalized_shape, eps=1e-5):
        super().__init__()
        shape = [normalized_shape] if isinstance(normalized_shape, int) else list(normalized_shape)
        self.dims, self.eps = [-k - 1 for k in range(len(shape))], eps
        self.weight, self.bias = nn.Parameter(torch.ones(*shape)), nn.Parameter(torch.zeros(*shape))


@right("LayerNorm")
class ByVarMean(Trailing):
    def forward(self, x):
        var, mean = torch.var_mean(x, self.dims, correction=0, keepdim=True)
        return (x - mean) / (var + self.eps).sqrt() * self.weight + self.bias


@right("LayerNorm")
class Flattened(Trailing):
    def forward(self, x):
        flat = x.flatten(x.dim() - len(self.dims))
        flat = flat - flat.mean(-1, keepdim=True)
        flat = flat * torch.rsqrt((flat * flat).mean(-1, keepdim=True) + self.eps)
        return torch.addcmul(self.bias, self.weight, flat.reshape(x.shape))


@right("LayerNorm")
class BySums(Trailing):
    def forward(self, x):
        n = self.weight.numel()
        mean = x.sum(self.dims, keepdim=True) / n
        var = ((x - mean) ** 2).sum(self.dims, keepdim=True) / n
        return self.weight * ((x - mean) / torch.sqrt(var + self.eps)) + self.bias


@wrong("LayerNorm", "ln-unbiased")
class DefaultVar(Trailing):
    def forward(self, x):
        mean, var = x.mean(self.dims, keepdim=True), x.var(self.dims, keepdim=True)
        return self.weight * (x - mean) / torch.sqrt(var + self.eps) + self.bias


@wrong("LayerNorm", "ln-std")
class AnnotatedStd(Trailing):
    def forward(self, x):
        mean, std = x.mean(self.dims, keepdim=True), x.std(self.dims, keepdim=True)
        return self.weight * (x - mean) / (std + self.eps) + self.bias


@wrong("LayerNorm", "ln-over-batch")
class OverBatch(Trailing):
    def forward(self, x):
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + self.eps).sqrt() * self.weight + self.bias


@wrong("LayerNorm", "ln-last-only")
class LastOnly(Trailing):
    def forward(self, x):
        hat = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + self.eps).sqrt()
        return hat * self.weight + self.bias


@wrong("LayerNorm", "ln-all-but-batch")
class AllButBatch(Trailing):
    def forward(self, x):
        flat = x.flatten(1)
        flat = (flat - flat.mean(1, keepdim=True)) / (flat.var(1, keepdim=True, unbiased=False) + self.eps).sqrt()
        return flat.view_as(x) * self.weight + self.bias


@wrong("LayerNorm", "ln-over-everything")
class Everything(Trailing):
    def forward(self, x):
        return (x - x.mean()) / (x.var(unbiased=False) + self.eps).sqrt() * self.weight + self.bias


@wrong("LayerNorm", "ln-affine-ignored")
class NotAffine(Trailing):
    def forward(self, x):
        var, mean = torch.var_mean(x, self.dims, correction=0, keepdim=True)
        return (x - mean) / (var + self.eps).sqrt()


@wrong("LayerNorm", "ln-bias-ignored")
class NoBias(Trailing):
    def forward(self, x):
        var, mean = torch.var_mean(x, self.dims, correction=0, keepdim=True)
        return (x - mean) / (var + self.eps).sqrt() * self.weight


@wrong("LayerNorm", "ln-eps-outside")
class EpsOutside(Trailing):
    def forward(self, x):
        var, mean = torch.var_mean(x, self.dims, correction=0, keepdim=True)
        return (x - mean) / (var.sqrt() + self.eps) * self.weight + self.bias


@wrong("LayerNorm", "ln-detached")
class NoGradStatistics(Trailing):
    def forward(self, x):
        with torch.no_grad():
            var, mean = torch.var_mean(x, self.dims, correction=0, keepdim=True)
        return (x - mean) / (var + self.eps).sqrt() * self.weight + self.bias


@wrong("LayerNorm", "ln-detached")
class OnlyTheVarianceByData(Trailing):
    def forward(self, x):
        var = x.detach().var(self.dims, unbiased=False, keepdim=True)
        return (x - x.mean(self.dims, keepdim=True)) * (var + self.eps) ** -0.5 * self.weight + self.bias


@wrong("LayerNorm", "ln-detached")
class OnlyTheMeanByData(Trailing):
    def forward(self, x):
        var, mean = torch.var_mean(x, self.dims, correction=0, keepdim=True)
        return (x - mean.detach()) * (var + self.eps) ** -0.5 * self.weight + self.bias


@wrong("LayerNorm", "ln-second")
class AxisOne(Trailing):
    def forward(self, x):
        var, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        return (x - mean) / torch.sqrt(var + self.eps) * self.weight + self.bias


@wrong("LayerNorm", "ln-shapes")
class WeightAsAColumn(Trailing):
    def forward(self, x):
        var, mean = torch.var_mean(x, self.dims, correction=0, keepdim=True)
        return (x - mean) / (var + self.eps).sqrt() * self.weight.unsqueeze(-1) + self.bias


@wrong("LayerNorm", "ln-sizes-as-axes")
class SizesForAxes(Trailing):
    def forward(self, x):
        var, mean = torch.var_mean(x, tuple(self.weight.shape), correction=0, keepdim=True)
        return (x - mean) / (var + self.eps).sqrt() * self.weight + self.bias


@wrong("LayerNorm", "layer-starts-wrong")
class StartsAtZero(ByVarMean):
    def __init__(self, normalized_shape, eps=1e-5):
        super().__init__(normalized_shape, eps)
        nn.init.zeros_(self.weight)


@wrong("LayerNorm", "ln-int-refused")
class TupleOnly(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5):
        super().__init__()
        self.dims, self.eps = [-k - 1 for k in range(len(normalized_shape))], eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    forward = ByVarMean.forward


@wrong("LayerNorm", "ln-int-only")
class IntOnly(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5):
        super().__init__()
        self.eps, self.dims = eps, -1
        self.weight = nn.Parameter(torch.full((normalized_shape,), 1.0))
        self.bias = nn.Parameter(torch.zeros(normalized_shape))

    forward = ByVarMean.forward


@wrong("LayerNorm", "ln-list-refused")
class NoLists(Trailing):
    def __init__(self, normalized_shape, eps=1e-5):
        assert isinstance(normalized_shape, (int, tuple))
        super().__init__(normalized_shape, eps)

    forward = ByVarMean.forward


@wrong("LayerNorm", "ln-list-refused")
class ListTakenForOneSize(Trailing):
    def __init__(self, normalized_shape, eps=1e-5):
        super().__init__(normalized_shape, eps)
        self.dims = self.dims if isinstance(normalized_shape, tuple) else -1

    forward = ByVarMean.forward


@wrong("LayerNorm", "ln-int-only")
class IntAsserted(IntOnly):
    def __init__(self, normalized_shape, eps=1e-5):
        assert isinstance(normalized_shape, int)
        super().__init__(normalized_shape, eps)


@wrong("LayerNorm", "ln-shapes")
class LostAxis(Trailing):
    def forward(self, x):
        return (x - x.mean(-1)) / (x.var(-1, unbiased=False) + self.eps).sqrt() * self.weight + self.bias


@wrong("LayerNorm", "layer-names")
class Greek(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(normalized_shape)), nn.Parameter(torch.zeros(normalized_shape))

    def forward(self, x):
        return x


@wrong("LayerNorm", "off-limits")
class TorchLayer(nn.Module):
    def __init__(self, normalized_shape, eps=1e-5):
        super().__init__()
        self.norm = nn.LayerNorm(normalized_shape, eps)
        self.weight, self.bias = self.norm.weight, self.norm.bias

    def forward(self, x):
        return self.norm(x)


@wrong("LayerNorm", None)
class HalfTheWeight(Trailing):
    def forward(self, x):
        var, mean = torch.var_mean(x, self.dims, correction=0, keepdim=True)
        return (x - mean) / (var + self.eps).sqrt() * self.weight / 2 + self.bias


# GroupNorm


class Grouped(nn.Module):
    """What most answers begin with."""

    def __init__(self, num_groups, num_channels, eps=1e-5):
        super().__init__()
        assert num_channels % num_groups == 0
        self.num_groups, self.eps = num_groups, eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_channels)), nn.Parameter(torch.zeros(num_channels))

    def affine(self, hat):
        column = [-1] + [1] * (hat.dim() - 2)
        return hat * self.weight.view(column) + self.bias.view(column)


def whiten(parts, eps, dims):
    var, mean = torch.var_mean(parts, dims, correction=0, keepdim=True)
    return (parts - mean) / (var + eps).sqrt()


@right("GroupNorm")
class ByReshape(Grouped):
    def forward(self, x):
        return self.affine(whiten(x.reshape(x.shape[0], self.num_groups, -1), self.eps, -1).view(x.shape))


@right("GroupNorm")
class ByUnflatten(Grouped):
    def forward(self, x):
        parts = x.unflatten(1, (self.num_groups, -1))
        return self.affine(whiten(parts, self.eps, list(range(2, parts.dim()))).flatten(1, 2))


@right("GroupNorm")
class ByChunks(Grouped):
    def forward(self, x):
        chunks = [whiten(part, self.eps, list(range(1, x.dim()))) for part in x.chunk(self.num_groups, dim=1)]
        return self.affine(torch.cat(chunks, dim=1))


@wrong("GroupNorm", "gn-strided")
class Dealt(Grouped):
    def forward(self, x):
        parts = x.reshape(x.shape[0], -1, self.num_groups, x[0, 0].numel())
        return self.affine(whiten(parts, self.eps, (1, 3)).reshape(x.shape))


@wrong("GroupNorm", "gn-turned")
class Turned(Grouped):
    def forward(self, x):
        parts = x.reshape(x.shape[0], x.shape[1] // self.num_groups, -1)
        return self.affine(whiten(parts, self.eps, -1).view(x.shape))


@wrong("GroupNorm", "gn-instance")
class Instance(Grouped):
    def forward(self, x):
        return self.affine(whiten(x.flatten(2) if x.dim() > 2 else x[:, :, None], self.eps, 2).view(x.shape))


@wrong("GroupNorm", "gn-layer")
class WholeSample(Grouped):
    def forward(self, x):
        return self.affine(whiten(x.flatten(1), self.eps, 1).view(x.shape))


@wrong("GroupNorm", "gn-over-batch")
class WithBatch(Grouped):
    def forward(self, x):
        return self.affine(whiten(x.reshape(x.shape[0], self.num_groups, -1), self.eps, (0, 2)).view(x.shape))


@wrong("GroupNorm", "gn-pixels-apart")
class PixelsApart(Grouped):
    def forward(self, x):
        return self.affine(whiten(x.unflatten(1, (self.num_groups, -1)), self.eps, 2).flatten(1, 2))


@wrong("GroupNorm", "gn-unbiased")
class Unbiased(Grouped):
    def forward(self, x):
        parts = x.reshape(x.shape[0], self.num_groups, -1)
        parts = (parts - parts.mean(-1, keepdim=True)) / (parts.var(-1, keepdim=True) + self.eps).sqrt()
        return self.affine(parts.view(x.shape))


@wrong("GroupNorm", "gn-affine-ignored")
class GroupPlain(Grouped):
    def forward(self, x):
        return whiten(x.reshape(x.shape[0], self.num_groups, -1), self.eps, -1).view(x.shape)


@wrong("GroupNorm", "gn-images-only")
class ImagesOnly(Grouped):
    def forward(self, x):
        n, c, h, w = x.shape
        parts = x.view(n, self.num_groups, c // self.num_groups, h, w)
        hat = whiten(parts, self.eps, (2, 3, 4)).view(n, c, h, w)
        return hat * self.weight.view(1, c, 1, 1) + self.bias.view(1, c, 1, 1)


@wrong("GroupNorm", "gn-images-only")
class AffineForImages(Grouped):
    def forward(self, x):
        hat = whiten(x.reshape(x.shape[0], self.num_groups, -1), self.eps, -1).view(x.shape)
        return hat * self.weight[None, :, None, None] + self.bias[None, :, None, None]


@wrong("GroupNorm", "gn-view-not-back")
class FlatPixels(Grouped):
    def forward(self, x):
        hat = whiten(x.reshape(x.shape[0], self.num_groups, -1), self.eps, -1).reshape(x.shape[0], x.shape[1], -1)
        return hat * self.weight[:, None] + self.bias[:, None]


@wrong("GroupNorm", "gn-detached")
class GroupVarianceDetached(Grouped):
    def forward(self, x):
        parts = x.reshape(x.shape[0], self.num_groups, -1)
        var, mean = parts.var(-1, keepdim=True, unbiased=False).detach(), parts.mean(-1, keepdim=True)
        return self.affine(((parts - mean) / torch.sqrt(var + self.eps)).view(x.shape))


@wrong("GroupNorm", "gn-broadcast")
class NoView(Grouped):
    def forward(self, x):
        return whiten(x.reshape(x.shape[0], self.num_groups, -1), self.eps, -1).view(x.shape) * self.weight + self.bias


@wrong("GroupNorm", "gn-broadcast")
class GroupMeanLostItsAxis(Grouped):
    def forward(self, x):
        parts = x.reshape(x.shape[0], self.num_groups, -1)
        hat = (parts - parts.mean(-1)) / torch.sqrt(parts.var(-1, unbiased=False) + self.eps)
        return self.affine(hat.reshape(x.shape))


@wrong("GroupNorm", "layer-starts-wrong")
class GroupStartsAtZero(ByReshape):
    def __init__(self, num_groups, num_channels, eps=1e-5):
        super().__init__(num_groups, num_channels, eps)
        nn.init.zeros_(self.weight)


@wrong("GroupNorm", "gn-not-refused")
class Anything(nn.Module):
    def __init__(self, num_groups, num_channels, eps=1e-5):
        super().__init__()
        self.num_groups, self.eps = num_groups, eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_channels)), nn.Parameter(torch.zeros(num_channels))

    affine, forward = Grouped.affine, ByReshape.forward


@wrong("GroupNorm", "gn-detached")
class GroupDetached(Grouped):
    def forward(self, x):
        parts = x.reshape(x.shape[0], self.num_groups, -1)
        mean, var = parts.mean(-1, keepdim=True).detach(), parts.var(-1, keepdim=True, unbiased=False).detach()
        return self.affine(((parts - mean) / torch.sqrt(var + self.eps)).view(x.shape))


@wrong("GroupNorm", "layer-shape")
class WeightPerGroup(nn.Module):
    def __init__(self, num_groups, num_channels, eps=1e-5):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(num_groups)), nn.Parameter(torch.zeros(num_groups))

    def forward(self, x):
        return x


@wrong("GroupNorm", "gn-view-not-back")
class GroupAxisLeft(Grouped):
    def forward(self, x):
        parts = x.unflatten(1, (self.num_groups, -1))
        return whiten(parts, self.eps, list(range(2, parts.dim())))


@wrong("GroupNorm", "off-limits")
class TorchGroup(Grouped):
    def forward(self, x):
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


# RMSNorm


class Scaled(nn.Module):
    """What most answers begin with."""

    def __init__(self, dim, eps=1e-6):
        super().__init__()
        self.eps, self.weight = eps, nn.Parameter(torch.ones(dim))


@right("RMSNorm")
class AsInLlama(Scaled):
    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


@right("RMSNorm")
class ByVectorNorm(Scaled):
    def forward(self, x):
        square = torch.linalg.vector_norm(x, dim=-1, keepdim=True) ** 2
        return self.weight * x / (square / x.shape[-1] + self.eps).sqrt()


@right("RMSNorm")
class BySum(Scaled):
    def forward(self, x):
        d = self.weight.shape[0]
        return x / torch.sqrt(torch.sum(x * x, dim=-1) / d + self.eps)[..., None] * self.weight


@wrong("RMSNorm", "rms-centred")
class Centred(Scaled):
    def forward(self, x):
        x = x - x.mean(-1, keepdim=True)
        return x / (x.square().mean(-1, keepdim=True) + self.eps).sqrt() * self.weight


@wrong("RMSNorm", "rms-standard-deviation")
class ByStd(Scaled):
    def forward(self, x):
        return x / (x.std(-1, keepdim=True) + self.eps) * self.weight


@wrong("RMSNorm", "rms-norm")
class UnitLength(Scaled):
    def forward(self, x):
        return self.weight * x / (x.norm(dim=-1, keepdim=True) + self.eps)


@wrong("RMSNorm", "rms-no-root")
class NoRoot(Scaled):
    def forward(self, x):
        return self.weight * x / ((x ** 2).mean(-1, keepdim=True) + self.eps)


@wrong("RMSNorm", "rms-eps-outside")
class RmsEpsOutside(Scaled):
    def forward(self, x):
        return self.weight * x / ((x ** 2).mean(-1, keepdim=True).sqrt() + self.eps)


@wrong("RMSNorm", "rms-eps-ignored")
class RmsNoEps(Scaled):
    def forward(self, x):
        return self.weight * x / (x ** 2).mean(-1, keepdim=True).sqrt()


@wrong("RMSNorm", "rms-eps-default")
class RmsOtherEps(AsInLlama):
    def __init__(self, dim, eps=1e-5):
        super().__init__(dim, eps)


@wrong("RMSNorm", "rms-weight-ignored")
class RmsPlain(Scaled):
    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


@wrong("RMSNorm", "rms-over-batch")
class RmsOverBatch(Scaled):
    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(0) + self.eps) * self.weight


@wrong("RMSNorm", "rms-detached")
class RmsDetached(Scaled):
    def forward(self, x):
        with torch.no_grad():
            size = torch.sqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return x / size * self.weight


@wrong("RMSNorm", "rms-square-of-mean")
class SquareOfMean(Scaled):
    def forward(self, x):
        return self.weight * x / torch.sqrt(x.mean(-1, keepdim=True) ** 2 + self.eps)


@wrong("RMSNorm", "rms-square-of-mean")
class SquareOfMeanOfAll(Scaled):
    def forward(self, x):
        return self.weight * x / torch.sqrt(x.mean() ** 2 + self.eps)


@wrong("RMSNorm", "rms-second")
class RmsAxisOne(Scaled):
    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + self.eps)


@wrong("RMSNorm", "rms-shapes")
class RmsWeightAsAColumn(Scaled):
    def forward(self, x):
        return self.weight.unsqueeze(-1) * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


@wrong("RMSNorm", "no-gradient")
class RmsWithoutGrad(AsInLlama):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)


@wrong("RMSNorm", "rms-bias")
class RmsBias(AsInLlama):
    def __init__(self, dim, eps=1e-6):
        super().__init__(dim, eps)
        self.bias = nn.Parameter(torch.zeros(dim))


@wrong("RMSNorm", "rms-shapes")
class RmsLostAxis(Scaled):
    def forward(self, x):
        return self.weight * x / torch.sqrt(torch.mean(x ** 2, -1) + self.eps)


@wrong("RMSNorm", "layer-plain-attribute")
class RmsPlainTensor(nn.Module):
    def __init__(self, dim, eps=1e-6):
        super().__init__()
        self.eps, self.weight = eps, torch.ones(dim)

    forward = AsInLlama.forward


@wrong("RMSNorm", "off-limits")
class TorchRms(Scaled):
    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


# fold_batch_norm


@right("fold_batch_norm")
def by_copy(conv, bn):
    new = copy.deepcopy(conv)
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    bias = 0 if conv.bias is None else conv.bias
    with torch.no_grad():
        new.weight.mul_(scale.view(-1, 1, 1, 1))
        new.bias = nn.Parameter((bias - bn.running_mean) * scale + bn.bias)
    return new


def like(conv, **changed):
    settings = dict(stride=conv.stride, padding=conv.padding, dilation=conv.dilation, groups=conv.groups,
                    padding_mode=conv.padding_mode, dtype=conv.weight.dtype, device=conv.weight.device) | changed
    return nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, bias=True, **settings)


def numbers(conv, bn):
    scale = (bn.weight / (bn.running_var + bn.eps).sqrt()).detach()
    bias = conv.bias.detach() if conv.bias is not None else torch.zeros_like(scale)
    return conv.weight.detach() * scale[:, None, None, None], scale * (bias - bn.running_mean) + bn.bias.detach()


@right("fold_batch_norm")
def by_new_layer(conv, bn):
    new = like(conv)
    weight, bias = numbers(conv, bn)
    new.load_state_dict({"weight": weight, "bias": bias})
    return new


@right("fold_batch_norm")
def by_matrix(conv, bn):
    new, (_, bias) = like(conv), numbers(conv, bn)
    diagonal = torch.diag(bn.weight / torch.sqrt(bn.running_var + bn.eps))
    new.weight.data = (diagonal @ conv.weight.flatten(1)).view_as(conv.weight).detach()
    new.bias.data = bias
    return new.eval()


@wrong("fold_batch_norm", "fold-conv-bias-lost")
def conv_bias_lost(conv, bn):
    new = like(conv)
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    new.weight.data = (conv.weight * scale[:, None, None, None]).detach()
    new.bias.data = (bn.bias - bn.running_mean * scale).detach()
    return new


@wrong("fold_batch_norm", "fold-bias-unscaled")
def bias_unscaled(conv, bn):
    new = conv_bias_lost(conv, bn)
    if conv.bias is not None:
        new.bias.data += conv.bias.data
    return new


@wrong("fold_batch_norm", "fold-mean-sign")
def mean_added(conv, bn):
    new, (weight, _) = like(conv), numbers(conv, bn)
    scale = (bn.weight / (bn.running_var + bn.eps).sqrt()).detach()
    bias = conv.bias.detach() if conv.bias is not None else 0
    new.weight.data, new.bias.data = weight, scale * (bias + bn.running_mean) + bn.bias.detach()
    return new


@wrong("fold_batch_norm", "fold-eps-ignored")
def folded_without_eps(conv, bn):
    blind = copy.deepcopy(bn)
    blind.eps = 0.0
    return by_new_layer(conv, blind)


@wrong("fold_batch_norm", "fold-no-root")
def folded_without_root(conv, bn):
    new = like(conv)
    scale = (bn.weight / (bn.running_var + bn.eps)).detach()
    bias = conv.bias.detach() if conv.bias is not None else torch.zeros_like(scale)
    new.weight.data = conv.weight.detach() * scale.view(-1, 1, 1, 1)
    new.bias.data = scale * (bias - bn.running_mean) + bn.bias.detach()
    return new


@wrong("fold_batch_norm", "fold-bias-is-none")
def always_a_bias(conv, bn):
    new = like(conv)
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    new.weight.data = (conv.weight * scale[:, None, None, None]).detach()
    new.bias.data = (scale * (conv.bias - bn.running_mean) + bn.bias).detach()
    return new


@wrong("fold_batch_norm", "fold-bias-truth")
def asks_if_the_bias_is_true(conv, bn):
    new, (weight, _) = like(conv), numbers(conv, bn)
    scale = (bn.weight / (bn.running_var + bn.eps).sqrt()).detach()
    bias = conv.bias.detach() if conv.bias else 0
    new.weight.data, new.bias.data = weight, scale * (bias - bn.running_mean) + bn.bias.detach()
    return new


@wrong("fold_batch_norm", "fold-bare-tensor")
def assigned(conv, bn):
    new = like(conv)
    new.weight, new.bias = numbers(conv, bn)
    return new


@wrong("fold_batch_norm", "returned-none")
def folded_and_kept(conv, bn):
    by_new_layer(conv, bn)


@wrong("fold_batch_norm", "fold-no-bias")
def only_an_old_bias(conv, bn):
    new = copy.deepcopy(conv)
    weight, bias = numbers(conv, bn)
    new.weight.data = weight
    if conv.bias is not None:
        new.bias.data = bias
    return new


@wrong("fold_batch_norm", "fold-wrong-axis")
def last_axis(conv, bn):
    new, (_, bias) = like(conv), numbers(conv, bn)
    new.weight.data = conv.weight.detach() * (bn.weight / (bn.running_var + bn.eps).sqrt()).detach()
    new.bias.data = bias
    return new


@wrong("fold_batch_norm", "fold-settings-lost")
def only_the_sizes(conv, bn):
    new = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, groups=conv.groups, dtype=conv.weight.dtype)
    new.weight.data, new.bias.data = numbers(conv, bn)
    return new


@wrong("fold_batch_norm", "fold-padding-mode-lost")
def pads_with_zeros(conv, bn):
    new = like(conv, padding_mode="zeros")
    new.weight.data, new.bias.data = numbers(conv, bn)
    return new


@wrong("fold_batch_norm", "fold-groups-lost")
def one_group(conv, bn):
    new = like(conv, groups=1)
    weight, bias = numbers(conv, bn)
    with torch.no_grad():
        new.weight.copy_(weight)
        new.bias.copy_(bias)
    return new


@wrong("fold_batch_norm", "fold-in-place")
def into_the_old(conv, bn):
    conv.weight.data, bias = numbers(conv, bn)
    conv.bias = nn.Parameter(bias)
    return conv


@wrong("fold_batch_norm", "fold-mode-changed")
def switched_off(conv, bn):
    conv.eval()
    bn.eval()
    return by_new_layer(conv, bn)


@wrong("fold_batch_norm", "fold-mode-changed")
def norm_switched_off(conv, bn):
    bn.eval()
    return by_new_layer(conv, bn)


@wrong("fold_batch_norm", "fold-eps-outside")
def folded_with_eps_outside(conv, bn):
    new = copy.deepcopy(conv)
    scale = bn.weight / (bn.running_var.sqrt() + bn.eps)
    new.weight = nn.Parameter(conv.weight * scale.view(-1, 1, 1, 1))
    new.bias = nn.Parameter(((0 if conv.bias is None else conv.bias) - bn.running_mean) * scale + bn.bias)
    return new


@wrong("fold_batch_norm", "fold-bias-left")
@torch.no_grad()
def only_the_kernel(conv, bn):
    new = copy.deepcopy(conv)
    new.weight *= (bn.weight / torch.sqrt(bn.running_var + bn.eps)).view(-1, 1, 1, 1)
    return new


@wrong("fold_batch_norm", "fold-bias-never-made")
@torch.no_grad()
def copies_into_no_bias(conv, bn):
    new = copy.deepcopy(conv)
    weight, bias = numbers(conv, bn)
    new.weight.copy_(weight)
    new.bias.copy_(bias)
    return new


@wrong("fold_batch_norm", "fold-in-place-graph")
def written_with_a_graph(conv, bn):
    new = like(conv)
    weight, bias = numbers(conv, bn)
    new.weight.copy_(weight)
    new.bias.copy_(bias)
    return new


@wrong("fold_batch_norm", "fold-numbers")
def just_numbers(conv, bn):
    return numbers(conv, bn)


@wrong("fold_batch_norm", "off-limits")
def by_fusion(conv, bn):
    from torch.nn.utils.fusion import fuse_conv_bn_eval
    return fuse_conv_bn_eval(copy.deepcopy(conv).eval(), copy.deepcopy(bn).eval())


# recalibrate


@right("recalibrate")
def by_torch_itself(model, batches):
    kept = {module: module.training for module in model.modules()}
    torch.optim.swa_utils.update_bn(batches, model)
    for module, mode in kept.items():
        module.training = mode


@right("recalibrate")
@torch.no_grad()
def with_momentum_none(model, batches):
    norms = [m for m in model.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))]
    modes, momenta = [(m, m.training) for m in model.modules()], [m.momentum for m in norms]
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for batch in batches:
        model(batch if torch.is_tensor(batch) else batch[0])
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    for module, mode in modes:
        module.training = mode
    return model


@right("recalibrate")
def with_shares(model, batches):
    """The n-th batch gets the share 1/n; dropout stays as it was."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    kept = [(m, m.momentum, m.training) for m in norms]
    with torch.no_grad():
        for number, batch in enumerate(batches, 1):
            for norm in norms:
                norm.training, norm.momentum = True, 1 / number
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for norm, momentum, mode in kept:
        norm.momentum, norm.training = momentum, mode


def again(model, batches, momentum=None, reset=True, kind=nn.modules.batchnorm._BatchNorm, where=nn.Module.modules):
    norms = [m for m in where(model) if isinstance(m, kind)]
    modes, momenta = [(m, m.training) for m in model.modules()], [m.momentum for m in norms]
    model.train()
    for norm in norms:
        if reset:
            norm.reset_running_stats()
        norm.momentum = momentum if momentum != "own" else norm.momentum
    with torch.no_grad():
        for batch in batches:
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    return norms, modes, momenta


def put_back(norms, modes, momenta):
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    for module, mode in modes:
        module.training = mode


@wrong("recalibrate", "recalibrate-moving-average")
def just_run_it(model, batches):
    put_back(*again(model, batches, momentum="own"))


@wrong("recalibrate", "recalibrate-moving-average")
def run_it_from_the_old(model, batches):
    put_back(*again(model, batches, momentum="own", reset=False))


@wrong("recalibrate", "recalibrate-moving-average")
def one_share_for_all(model, batches):
    batches = list(batches)
    put_back(*again(model, batches, momentum=1 / len(batches)))


@wrong("recalibrate", "recalibrate-not-reset")
def not_reset(model, batches):
    put_back(*again(model, batches, reset=False))


@wrong("recalibrate", "recalibrate-counter")
def zeroed_by_hand(model, batches):
    with torch.no_grad():
        for m in model.modules():
            if isinstance(m, nn.modules.batchnorm._BatchNorm):
                m.running_mean.zero_()
                m.running_var.fill_(1.0)
    put_back(*again(model, batches, reset=False))


@wrong("recalibrate", "recalibrate-untouched")
def a_copy(model, batches):
    model = copy.deepcopy(model)
    put_back(*again(model, batches))


@wrong("recalibrate", "recalibrate-untouched")
def eval_without_reset(model, batches):
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    for batch in batches:
        model(batch if torch.is_tensor(batch) else batch[0])
    put_back([], modes, [])


@wrong("recalibrate", "recalibrate-not-3d")
def no_volumes(model, batches):
    put_back(*again(model, batches, kind=(nn.BatchNorm1d, nn.BatchNorm2d)))


@wrong("recalibrate", "recalibrate-some-missed")
def only_the_children_in_training(model, batches):
    norms = [m for m in model.children() if isinstance(m, nn.BatchNorm2d)]
    kept = [(m, m.momentum, m.training) for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    for batch in batches:
        model(batch if torch.is_tensor(batch) else batch[0])
    for m, momentum, training in kept:
        m.momentum, m.training = momentum, training


@wrong("recalibrate", "recalibrate-tensors")
def pairs_only(model, batches):
    put_back(*again(model, (x for x, y in batches)))


@wrong("recalibrate", "recalibrate-tensors")
def first_of_everything(model, batches):
    put_back(*again(model, (batch[0] for batch in batches)))


@wrong("recalibrate", "recalibrate-last-batch")
def last_batch(model, batches):
    put_back(*again(model, batches, momentum=1.0))


@wrong("recalibrate", "recalibrate-2d-only")
def only_2d(model, batches):
    put_back(*again(model, batches, kind=nn.BatchNorm2d))


@wrong("recalibrate", "recalibrate-top-level")
def children_only(model, batches):
    put_back(*again(model, batches, where=nn.Module.children))


@wrong("recalibrate", "recalibrate-momentum-lost")
def momentum_left(model, batches):
    _, modes, _ = again(model, batches)
    put_back([], modes, [])


@wrong("recalibrate", "recalibrate-momentum-default")
def momentum_default(model, batches):
    norms, modes, _ = again(model, batches)
    put_back(norms, modes, [0.1] * len(norms))


@wrong("recalibrate", "recalibrate-left-training")
def left_training(model, batches):
    norms, _, momenta = again(model, batches)
    put_back(norms, [], momenta)


@wrong("recalibrate", "recalibrate-left-eval")
def left_eval(model, batches):
    norms, _, momenta = again(model, batches)
    put_back(norms, [], momenta)
    model.eval()


@wrong("recalibrate", "recalibrate-root-mode")
def update_bn_alone(model, batches):
    torch.optim.swa_utils.update_bn(batches, model)


@wrong("recalibrate", "recalibrate-pooled")
def all_at_once(model, batches):
    batches = [batch[0] if isinstance(batch, (list, tuple)) else batch for batch in batches]
    put_back(*again(model, [torch.cat(batches)]))


@wrong("recalibrate", "recalibrate-pairs")
def tensors_only(model, batches):
    put_back(*again(model, (batch.clone() for batch in batches)))


@wrong("recalibrate", "recalibrate-eval")
def in_eval_mode(model, batches):
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
    for batch in batches:
        model(batch if torch.is_tensor(batch) else batch[0])
    put_back([], modes, [])


@wrong("recalibrate", "recalibrate-generator")
def asks_for_the_length(model, batches):
    number, shares = len(batches), 0.0
    put_back(*again(model, batches))
    return shares / number


@wrong("recalibrate", "not-written")
def nothing_yet(model, batches):
    raise NotImplementedError()
