"""Answers to lesson 04."""

import math

import torch

from . import right, wrong

# gradient_descent


@right("gradient_descent")
def filled_in(grad, x0, lr, steps):
    path = torch.empty(steps + 1, len(x0), dtype=x0.dtype)
    path[0] = x0
    for k in range(steps):
        path[k + 1] = path[k] - lr * grad(path[k])
    return path


@right("gradient_descent")
def in_place_with_copies(grad, x0, lr, steps):
    x = x0.clone()
    path = [x.clone()]
    for _ in range(steps):
        x -= grad(x) * lr
        path.append(x.clone())
    return torch.stack(path, dim=0)


@right("gradient_descent")
def concatenated(grad, x0, lr, steps):
    path = x0.unsqueeze(0)
    while len(path) <= steps:
        path = torch.cat([path, (path[-1] - lr * grad(path[-1]))[None]])
    return path


@wrong("gradient_descent", "descent-uphill")
def climbs(grad, x0, lr, steps):
    path = [x0]
    for _ in range(steps):
        path.append(path[-1] + lr * grad(path[-1]))
    return torch.stack(path)


@wrong("gradient_descent", "descent-gradient-at-start")
def gradient_once(grad, x0, lr, steps):
    g, path = grad(x0), [x0]
    for _ in range(steps):
        path.append(path[-1] - lr * g)
    return torch.stack(path)


@wrong("gradient_descent", "descent-no-start")
def without_start(grad, x0, lr, steps):
    x, path = x0, []
    for _ in range(steps):
        x = x - lr * grad(x)
        path.append(x)
    return torch.stack(path) if path else x0[None][:0]


@wrong("gradient_descent", "descent-too-few")
def range_from_one(grad, x0, lr, steps):
    path = [x0]
    for _ in range(1, steps):
        path.append(path[-1] - lr * grad(path[-1]))
    return torch.stack(path)


@wrong("gradient_descent", "descent-one-tensor")
def aliased(grad, x0, lr, steps):
    x = x0.clone()
    path = [x]
    for _ in range(steps):
        x -= lr * grad(x)
        path.append(x)
    return torch.stack(path)


@wrong("gradient_descent", "descent-one-tensor")
def aliased_with_the_start(grad, x0, lr, steps):
    x, points = x0, [x0]
    for _ in range(steps):
        x -= lr * grad(x)
        points.append(x)
    return torch.stack(points)


@wrong("gradient_descent", "descent-dtype")
def rows_in_float32(grad, x0, lr, steps):
    path = torch.zeros(steps + 1, len(x0))
    path[0] = x0
    for k in range(steps):
        path[k + 1] = path[k] - lr * grad(path[k])
    return path


@wrong("gradient_descent", "input-changed")
def changes_the_start(grad, x0, lr, steps):
    path = [x0.clone()]
    for _ in range(steps):
        x0 -= lr * grad(x0)
        path.append(x0.clone())
    return torch.stack(path)


@wrong("gradient_descent", "descent-no-lr")
def full_gradient(grad, x0, lr, steps):
    path = [x0]
    for _ in range(steps):
        path.append(path[-1] - grad(path[-1]))
    return torch.stack(path)


@wrong("gradient_descent", "descent-only-end")
def end_only(grad, x0, lr, steps):
    x = x0
    for _ in range(steps):
        x = x - lr * grad(x)
    return x


@wrong("gradient_descent", "descent-list")
def as_list(grad, x0, lr, steps):
    path = [x0]
    for _ in range(steps):
        path.append(path[-1] - lr * grad(path[-1]))
    return path


@wrong("gradient_descent", "descent-tensor-of-tensors")
def tensor_of_list(grad, x0, lr, steps):
    path = [x0]
    for _ in range(steps):
        path.append(path[-1] - lr * grad(path[-1]))
    return torch.tensor(path)


@wrong("gradient_descent", "descent-one-line")
def cat_instead_of_stack(grad, x0, lr, steps):
    path = [x0]
    for _ in range(steps):
        path.append(path[-1] - lr * grad(path[-1]))
    return torch.cat(path)


@wrong("gradient_descent", "wrong-dtype")
def single(grad, x0, lr, steps):
    path = torch.zeros(steps + 1, len(x0))
    path[0], x = x0, x0
    for k in range(steps):
        x = x - lr * grad(x)
        path[k + 1] = x
    return path


@wrong("gradient_descent", "descent-unit-steps")
def normalised(grad, x0, lr, steps):
    path = [x0]
    for _ in range(steps):
        g = grad(path[-1])
        path.append(path[-1] - lr * g / torch.sqrt((g ** 2).sum()))
    return torch.stack(path)


@wrong("gradient_descent", "descent-columns")
def in_columns(grad, x0, lr, steps):
    path = [x0]
    for _ in range(steps):
        path.append(path[-1] - lr * grad(path[-1]))
    return torch.stack(path, dim=1)


@wrong("gradient_descent", "off-limits")
def by_library(grad, x0, lr, steps):
    x = x0.clone().requires_grad_()
    optimizer, path = torch.optim.SGD([x], lr), [x0.clone()]
    for _ in range(steps):
        x.grad = grad(x.detach())
        optimizer.step()
        path.append(x.detach().clone())
    return torch.stack(path)


@wrong("gradient_descent", "returned-none")
def forgot_to_return(grad, x0, lr, steps):
    path = [x0]
    for _ in range(steps):
        path.append(path[-1] - lr * grad(path[-1]))
    path = torch.stack(path)


# largest_stable_lr


@right("largest_stable_lr")
def by_eigenvalues(hessian):
    return 2 / torch.linalg.eigvalsh(hessian).max().item()


@right("largest_stable_lr")
def by_spectral_norm(hessian):
    return 2.0 / torch.linalg.matrix_norm(hessian, ord=2)


@right("largest_stable_lr")
def by_power_iteration(hessian):
    v = torch.randn(len(hessian), dtype=hessian.dtype)
    for _ in range(100):
        v = hessian @ v
        v = v / v.norm()
    return 2 / float(v @ hessian @ v)


@right("largest_stable_lr")
def by_eigvals(hessian):
    return 2 / torch.linalg.eigvals(hessian).real.max()


@wrong("largest_stable_lr", "stable-half")
def newton(hessian):
    return 1 / torch.linalg.eigvalsh(hessian)[-1].item()


@wrong("largest_stable_lr", "stable-smallest")
def first_eigenvalue(hessian):
    return 2 / torch.linalg.eigvalsh(hessian)[0].item()


@wrong("largest_stable_lr", "stable-trace")
def trace(hessian):
    return 2 / torch.trace(hessian)


@wrong("largest_stable_lr", "stable-frobenius")
def frobenius(hessian):
    return 2 / torch.norm(hessian).item()


@wrong("largest_stable_lr", "stable-diagonal")
def diagonal(hessian):
    return (2 / torch.diag(hessian)).min()


@wrong("largest_stable_lr", "stable-rows")
def gershgorin(hessian):
    return 2 / torch.linalg.matrix_norm(hessian, float("inf"))


@wrong("largest_stable_lr", "stable-fastest")
def fastest(hessian):
    values = torch.linalg.eigvalsh(hessian)
    return 2 / (values.min() + values.max())


@wrong("largest_stable_lr", "stable-upside-down")
def upside_down(hessian):
    return torch.linalg.eigvalsh(hessian).max() / 2


@wrong("largest_stable_lr", "stable-all")
def each_direction(hessian):
    return 2 / torch.linalg.eigvalsh(hessian)


@wrong("largest_stable_lr", "stable-complex")
def complex_number(hessian):
    return 2 / torch.linalg.eigvals(hessian)[0]


@wrong("largest_stable_lr", "stable-complex")
def largest_of_complex(hessian):
    return 2 / torch.linalg.eigvals(hessian).max()


@wrong("largest_stable_lr", "stable-pair")
def values_and_vectors(hessian):
    return 2 / torch.linalg.eigh(hessian).max().item()


@wrong("largest_stable_lr", "stable-vectors")
def last_of_eigh(hessian):
    return 2 / torch.linalg.eigh(hessian)[-1]


@wrong("largest_stable_lr", "stable-vectors")
def largest_of_the_vectors(hessian):
    values, vectors = torch.linalg.eigh(hessian)
    return 2 / vectors.max().item()


@wrong("largest_stable_lr", "stable-average")
def mean_curvature(hessian):
    return 2 * len(hessian) / hessian.trace().item()


@wrong("largest_stable_lr", None)
def square_root(hessian):
    return 2 / torch.linalg.eigvalsh(hessian).max().sqrt()


# What the optimizers below share: the list of parameters, and the way to clear gradients.


class _Keeps:
    def __init__(self, params, lr):
        self.params = list(params)
        self.lr = lr

    def zero_grad(self):
        for p in self.params:
            p.grad = None


# SGD


class _SGD(_Keeps):
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__(params, lr)
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        self.velocities = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.velocities):
            if p.grad is not None:
                self.move(p, v)

    def move(self, p, v):
        g = p.grad + self.weight_decay * p
        v.mul_(self.momentum).add_(g)
        p.sub_(self.lr * (g + self.momentum * v if self.nesterov else v))


@right("SGD")
class velocities_from_zero(_SGD):
    pass


@right("SGD")
class lr_inside_the_velocity(_SGD):
    def move(self, p, v):
        g = p.grad + self.weight_decay * p
        v.copy_(self.momentum * v + self.lr * g)
        p -= self.lr * g + self.momentum * v if self.nesterov else v


@right("SGD")
class by_data(_Keeps):
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__(params, lr)
        self.mu, self.nesterov, self.decay, self.v = momentum, nesterov, weight_decay, {}

    def step(self):
        for p in self.params:
            if p.grad is None:
                continue
            g = p.grad.data + self.decay * p.data
            self.v[p] = self.mu * self.v[p] + g if p in self.v else g.clone()
            p.data -= self.lr * (g + self.mu * self.v[p] if self.nesterov else self.v[p])

    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad.zero_()


@right("SGD")
class velocities_in_float32(_SGD):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.velocities = [torch.zeros(p.shape) for p in self.params]


@wrong("SGD", "sgd-dampened")
class dampened(_SGD):
    def move(self, p, v):
        g = p.grad + self.weight_decay * p
        v.copy_(self.momentum * v + (1 - self.momentum) * g)
        p.sub_(self.lr * (g + self.momentum * v if self.nesterov else v))


@wrong("SGD", "sgd-no-momentum")
class no_momentum(_SGD):
    def move(self, p, v):
        p -= self.lr * (p.grad + self.weight_decay * p)


@wrong("SGD", "sgd-velocity-forgets")
class rebinds_the_velocity(_SGD):
    def move(self, p, v):
        g = p.grad + self.weight_decay * p
        v = self.momentum * v + g
        p -= self.lr * (g + self.momentum * v if self.nesterov else v)


@wrong("SGD", "sgd-no-nesterov")
class no_nesterov(_SGD):
    def move(self, p, v):
        v.mul_(self.momentum).add_(p.grad + self.weight_decay * p)
        p.sub_(self.lr * v)


@wrong("SGD", "sgd-no-nesterov")
class nesterov_by_old_velocity(_SGD):
    def move(self, p, v):
        g = p.grad + self.weight_decay * p
        ahead = g + self.momentum * v
        v.mul_(self.momentum).add_(g)
        p.sub_(self.lr * (ahead if self.nesterov else v))


@wrong("SGD", "sgd-nesterov-no-gradient")
class nesterov_no_gradient(_SGD):
    def move(self, p, v):
        v.mul_(self.momentum).add_(p.grad + self.weight_decay * p)
        p.sub_(self.lr * (self.momentum * v if self.nesterov else v))


@wrong("SGD", "sgd-nesterov-swapped")
class nesterov_swapped(_SGD):
    def move(self, p, v):
        g = p.grad + self.weight_decay * p
        v.mul_(self.momentum).add_(g)
        p.sub_(self.lr * (v + self.momentum * g if self.nesterov else v))


@wrong("SGD", "sgd-one-step-late")
class one_step_late(_SGD):
    def move(self, p, v):
        g = p.grad + self.weight_decay * p
        if not self.momentum:
            p -= self.lr * g
            return
        old = v.clone()
        v.mul_(self.momentum).add_(g)
        p.sub_(self.lr * (g + self.momentum * v if self.nesterov else old))


@wrong("SGD", "sgd-decay-outside")
class decay_outside(_SGD):
    def move(self, p, v):
        p.mul_(1 - self.lr * self.weight_decay)
        v.mul_(self.momentum).add_(p.grad)
        p.sub_(self.lr * (p.grad + self.momentum * v if self.nesterov else v))


@wrong("SGD", "sgd-decay-after")
class decay_after_the_step(_SGD):
    def move(self, p, v):
        v.mul_(self.momentum).add_(p.grad)
        p.sub_(self.lr * (p.grad + self.momentum * v if self.nesterov else v))
        p.mul_(1 - self.lr * self.weight_decay)


@wrong("SGD", "sgd-decay-no-lr")
class decay_without_lr(_SGD):
    def move(self, p, v):
        v.mul_(self.momentum).add_(p.grad)
        d = p.grad + self.momentum * v if self.nesterov else v
        p.sub_(self.lr * d + self.weight_decay * p)


@wrong("SGD", "sgd-decay-sign")
class decay_sign(_SGD):
    def move(self, p, v):
        g = p.grad - self.weight_decay * p
        v.mul_(self.momentum).add_(g)
        p.sub_(self.lr * (g + self.momentum * v if self.nesterov else v))


@wrong("SGD", "sgd-no-decay")
class no_decay(_SGD):
    def move(self, p, v):
        g = p.grad
        v.mul_(self.momentum).add_(g)
        p.sub_(self.lr * (g + self.momentum * v if self.nesterov else v))


@wrong("SGD", "sgd-decay-matrices-only")
class spares_vectors(_SGD):
    def move(self, p, v):
        g = p.grad + self.weight_decay * p if p.ndim >= 2 else p.grad
        v.mul_(self.momentum).add_(g)
        p.sub_(self.lr * (g + self.momentum * v if self.nesterov else v))


@wrong("SGD", "optimizer-generator")
class keeps_the_generator(_SGD):
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        self.params, self.lr, self.v = params, lr, {}
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay

    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is not None:
                self.move(p, self.v.setdefault(p, torch.zeros_like(p)))


@wrong("SGD", "optimizer-generator")
class uses_the_generator_up(_SGD):
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        self.params, self.lr = params, lr
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        self.velocities = [torch.zeros_like(p) for p in self.params]

    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad.zero_()


@wrong("SGD", "optimizer-generator")
class velocities_from_the_generator(_SGD):
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        self.velocities = [torch.zeros_like(p) for p in params]
        self.params, self.lr = list(params), lr
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay


@wrong("SGD", "optimizer-state-none")
class velocities_start_as_none(_SGD):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.v = [None] * len(self.params)

    @torch.no_grad()
    def step(self):
        for k, p in enumerate(self.params):
            if p.grad is not None:
                self.v[k] = self.momentum * self.v[k] + p.grad + self.weight_decay * p
                p -= self.lr * self.v[k]


@wrong("SGD", "optimizer-state-by-place")
class leaves_some_out_of_the_list(_SGD):
    @torch.no_grad()
    def step(self):
        for p, v in zip([p for p in self.params if p.grad is not None], self.velocities):
            self.move(p, v)


@wrong("SGD", "sgd-none-fades")
class velocity_fades_alone(_SGD):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.velocities):
            if p.grad is None:
                v.mul_(self.momentum)
            else:
                self.move(p, v)


@wrong("SGD", "optimizer-none")
class trips_over_none(_SGD):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.velocities):
            self.move(p, v)


@wrong("SGD", "optimizer-none-ends")
class stops_at_none(_SGD):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.velocities):
            if p.grad is None:
                break
            self.move(p, v)


@wrong("SGD", "optimizer-none-is-zero")
class none_as_zero(_SGD):
    def move(self, p, v):
        g = (0 if p.grad is None else p.grad) + self.weight_decay * p
        v.mul_(self.momentum).add_(g)
        p.sub_(self.lr * (g + self.momentum * v if self.nesterov else v))

    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.velocities):
            self.move(p, v)


@wrong("SGD", "optimizer-leaf")
class under_the_graph(_SGD):
    def step(self):
        for p, v in zip(self.params, self.velocities):
            if p.grad is not None:
                p -= self.lr * p.grad


@wrong("SGD", "optimizer-nothing-moves")
class rebinds(_SGD):
    def move(self, p, v):
        v.mul_(self.momentum).add_(p.grad)
        p = p - self.lr * v


@wrong("SGD", "optimizer-new-data")
class replaces_data(_SGD):
    def move(self, p, v):
        g = p.grad + self.weight_decay * p
        v.mul_(self.momentum).add_(g)
        p.data = p.data - self.lr * (g + self.momentum * v if self.nesterov else v)


@wrong("SGD", "optimizer-grad-changed")
class adds_decay_to_grad(_SGD):
    def move(self, p, v):
        p.grad += self.weight_decay * p
        v.mul_(self.momentum).add_(p.grad)
        p.sub_(self.lr * (p.grad + self.momentum * v if self.nesterov else v))


@wrong("SGD", "optimizer-grad-changed")
class velocity_is_the_gradient(by_data):
    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is None:
                continue
            g = p.grad if self.decay == 0 else p.grad.add_(p, alpha=self.decay)
            if p not in self.v:
                self.v[p] = g.clone() if self.mu == 0.8 else g
            else:
                self.v[p].mul_(self.mu).add_(g)
            p -= self.lr * (g + self.mu * self.v[p] if self.nesterov else self.v[p])


@wrong("SGD", "optimizer-grad-changed")
class velocity_starts_as_the_gradient(_Keeps):
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__(params, lr)
        self.mu, self.nesterov, self.decay = momentum, nesterov, weight_decay
        self.v = [None] * len(self.params)

    @torch.no_grad()
    def step(self):
        for k, p in enumerate(self.params):
            if p.grad is None:
                continue
            g = p.grad
            if self.decay:
                g = g + self.decay * p
            if self.v[k] is None:
                self.v[k] = g
            else:
                self.v[k].mul_(self.mu).add_(g)
            p -= self.lr * (g + self.mu * self.v[k] if self.nesterov else self.v[k])

    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad.zero_()


@wrong("SGD", "optimizer-grad-cleared")
class clears_as_it_goes(_SGD):
    @torch.no_grad()
    def step(self):
        super().step()
        self.zero_grad()


@wrong("SGD", "optimizer-graph")
class keeps_a_graph(by_data):
    def step(self):
        for p in self.params:
            if p.grad is not None:
                g = p.grad + self.decay * p
                self.v[p] = self.mu * self.v.get(p, 0) + g
                p.data -= self.lr * (g + self.mu * self.v[p] if self.nesterov else self.v[p])


@wrong("SGD", "optimizer-state-by-shape")
class state_by_shape(by_data):
    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is not None:
                g = p.grad + self.decay * p
                self.v[p.shape] = self.mu * self.v.get(p.shape, torch.zeros_like(p)) + g
                p -= self.lr * (g + self.mu * self.v[p.shape] if self.nesterov else self.v[p.shape])


@wrong("SGD", "optimizer-shared-state")
class one_velocity(_SGD):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.v = 0

    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is not None:
                self.v = self.momentum * self.v + p.grad
                p -= self.lr * self.v


@wrong("SGD", "optimizer-zero-grad-idle")
class clears_nothing(_SGD):
    def zero_grad(self):
        for p in self.params:
            grad = p.grad
            grad = None


@wrong("SGD", "optimizer-zeros-weights")
class clears_weights(_SGD):
    @torch.no_grad()
    def zero_grad(self):
        for p in self.params:
            p.zero_()


@wrong("SGD", "optimizer-zeros-weights")
class clears_weights_under_the_graph(_SGD):
    def zero_grad(self):
        for p in self.params:
            p.zero_()


@wrong("SGD", "optimizer-none")
class zeros_none(_SGD):
    def zero_grad(self):
        for p in self.params:
            p.grad.zero_()


@wrong("SGD", "optimizer-uphill")
class uphill(_SGD):
    def move(self, p, v):
        g = p.grad + self.weight_decay * p
        v.mul_(self.momentum).add_(g)
        p.add_(self.lr * (g + self.momentum * v if self.nesterov else v))


@wrong("SGD", "off-limits")
class library_sgd(torch.optim.SGD):
    def step(self):
        super().step()


@wrong("SGD", "off-limits")
class wrapped_sgd:
    def __init__(self, params, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        kind = getattr(getattr(torch, "optim"), "SGD")
        self.inner = kind(params, lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    def step(self):
        self.inner.step()

    def zero_grad(self):
        self.inner.zero_grad()


@wrong("SGD", "not-written")
class stub_sgd(_SGD):
    def step(self):
        raise NotImplementedError()


@wrong("SGD", None)
class square_root_of_lr(_SGD):
    def move(self, p, v):
        p -= math.sqrt(self.lr) * p.grad


# RMSprop


class _RMSprop(_Keeps):
    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        super().__init__(params, lr)
        self.alpha, self.eps = alpha, eps
        self.squares = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.squares):
            if p.grad is not None:
                self.move(p, p.grad, v)

    def move(self, p, g, v):
        v.mul_(self.alpha).addcmul_(g, g, value=1 - self.alpha)
        p.addcdiv_(g, v.sqrt().add_(self.eps), value=-self.lr)


@right("RMSprop")
class fused(_RMSprop):
    pass


@right("RMSprop")
class lerped(_RMSprop):
    def move(self, p, g, v):
        v.lerp_(g ** 2, 1 - self.alpha)
        p -= self.lr * g / (torch.sqrt(v) + self.eps)


@right("RMSprop")
class in_a_dict(_Keeps):
    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        super().__init__(params, lr)
        self.alpha, self.eps, self.state = alpha, eps, {}

    def step(self):
        with torch.no_grad():
            for index, p in enumerate(self.params):
                if p.grad is None:
                    continue
                self.state[index] = self.alpha * self.state.get(index, 0.0) + (1 - self.alpha) * p.grad.square()
                p.copy_(p - self.lr * p.grad / (self.state[index] ** 0.5 + self.eps))


@wrong("RMSprop", "rmsprop-eps-inside")
class rms_eps_inside(_RMSprop):
    def move(self, p, g, v):
        v.copy_(self.alpha * v + (1 - self.alpha) * g ** 2)
        p -= self.lr * g * torch.rsqrt(v + self.eps)


@wrong("RMSprop", "rmsprop-no-root")
class rms_no_root(_RMSprop):
    def move(self, p, g, v):
        v.copy_(self.alpha * v + (1 - self.alpha) * g ** 2)
        p -= self.lr * g / (v + self.eps)


@wrong("RMSprop", "rmsprop-alpha-swapped")
class rms_alpha_swapped(_RMSprop):
    def move(self, p, g, v):
        v.copy_((1 - self.alpha) * v + self.alpha * g ** 2)
        p -= self.lr * g / (v.sqrt() + self.eps)


@wrong("RMSprop", "rmsprop-adagrad")
class rms_adagrad(_RMSprop):
    def move(self, p, g, v):
        v += g * g
        p -= self.lr * g / (v.sqrt() + self.eps)


@wrong("RMSprop", "rmsprop-late")
class rms_late(_RMSprop):
    def move(self, p, g, v):
        p -= self.lr * g / (v.sqrt() + self.eps)
        v.copy_(self.alpha * v + (1 - self.alpha) * g ** 2)


@wrong("RMSprop", "rmsprop-from-ones")
class rms_from_ones(_RMSprop):
    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        super().__init__(params, lr, alpha, eps)
        self.squares = [torch.ones_like(p) for p in self.params]


@wrong("RMSprop", "rmsprop-one-number")
class rms_one_number(_RMSprop):
    def move(self, p, g, v):
        v.copy_(self.alpha * v + (1 - self.alpha) * g.pow(2).mean())
        p -= self.lr * g / (v.sqrt() + self.eps)


@wrong("RMSprop", "rmsprop-no-eps")
class rms_no_eps(_RMSprop):
    def move(self, p, g, v):
        v.copy_(self.alpha * v + (1 - self.alpha) * g ** 2)
        p -= self.lr * g / v.sqrt()


@wrong("RMSprop", "optimizer-none-moves-state")
class rms_forgets_meanwhile(_RMSprop):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.squares):
            v.mul_(self.alpha)
            if p.grad is not None:
                v += (1 - self.alpha) * p.grad ** 2
                p -= self.lr * p.grad / (v.sqrt() + self.eps)


@wrong("RMSprop", "rmsprop-eps-last")
class rms_eps_behind(_RMSprop):
    def move(self, p, g, v):
        v.copy_(self.alpha * v + (1 - self.alpha) * g ** 2)
        p -= self.lr * g / v.sqrt() + self.eps


@wrong("RMSprop", "optimizer-generator")
class rms_uses_the_generator_up(_RMSprop):
    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        _Keeps.__init__(self, params, lr)
        self.alpha, self.eps = alpha, eps
        self.squares = [torch.zeros_like(p) for p in params]


@wrong("RMSprop", "optimizer-no-attribute")
class RMSprop(_RMSprop):
    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        self.lr, self.alpha, self.eps = lr, alpha, eps
        self.squares = [torch.zeros_like(p) for p in self.params]


@right("RMSprop")
class rms_squares_in_float32(_RMSprop):
    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        super().__init__(params, lr, alpha, eps)
        self.squares = [torch.zeros(p.shape) for p in self.params]

    def move(self, p, g, v):
        v.mul_(self.alpha).add_((1 - self.alpha) * g ** 2)
        p -= self.lr * g / (v.sqrt() + self.eps)


@wrong("RMSprop", "rmsprop-eps-fixed")
class rms_eps_fixed(_RMSprop):
    def move(self, p, g, v):
        v.copy_(self.alpha * v + (1 - self.alpha) * g ** 2)
        p -= self.lr * g / (v.sqrt() + 1e-8)


@wrong("RMSprop", "rmsprop-alpha-fixed")
class rms_alpha_fixed(_RMSprop):
    def move(self, p, g, v):
        v.copy_(0.99 * v + 0.01 * g ** 2)
        p -= self.lr * g / (v.sqrt() + self.eps)


@wrong("RMSprop", "rmsprop-no-memory")
class rms_no_memory(_RMSprop):
    def move(self, p, g, v):
        v = self.alpha * torch.zeros_like(p) + (1 - self.alpha) * g ** 2
        p -= self.lr * g / (v.sqrt() + self.eps)


@wrong("RMSprop", "rmsprop-not-squared")
class rms_not_squared(_RMSprop):
    def move(self, p, g, v):
        v.copy_(self.alpha * v + (1 - self.alpha) * g.abs())
        p -= self.lr * g / (v.sqrt() + self.eps)


@wrong("RMSprop", "optimizer-none-moves-state")
class rms_none_as_zero(_RMSprop):
    @torch.no_grad()
    def step(self):
        for p, v in zip(self.params, self.squares):
            self.move(p, torch.zeros_like(p) if p.grad is None else p.grad, v)


@wrong("RMSprop", "optimizer-state-by-shape")
class rms_by_shape(_RMSprop):
    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        super().__init__(params, lr, alpha, eps)
        by_shape = {p.shape: torch.zeros_like(p) for p in self.params}
        self.squares = [by_shape[p.shape] for p in self.params]


@wrong("RMSprop", "optimizer-no-zero-grad")
class rms_without_zero_grad:
    __init__, step, move = _RMSprop.__init__, _RMSprop.step, _RMSprop.move

    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        self.params, self.lr, self.alpha, self.eps = list(params), lr, alpha, eps
        self.squares = [torch.zeros_like(p) for p in self.params]


@wrong("RMSprop", "off-limits")
class rms_library:
    def __init__(self, params, lr, alpha=0.99, eps=1e-8):
        self.inner = torch.optim.RMSprop(params, lr, alpha=alpha, eps=eps)
        self.step, self.zero_grad = self.inner.step, self.inner.zero_grad


@wrong("RMSprop", None)
class rms_cube_root(_RMSprop):
    def move(self, p, g, v):
        v.copy_(self.alpha * v + (1 - self.alpha) * g ** 2)
        p -= self.lr * g / (v ** (1 / 3) + self.eps)


# Adam


class _Adam(_Keeps):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr)
        self.b1, self.b2 = betas
        self.eps, self.t = eps, 0
        self.m = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                self.remember(p.grad, m, v)
                self.move(p, m, v)

    def remember(self, g, m, v):
        m.mul_(self.b1).add_((1 - self.b1) * g)
        v.mul_(self.b2).add_((1 - self.b2) * g * g)

    def move(self, p, m, v):
        p.sub_(self.lr * (m / (1 - self.b1 ** self.t)) / ((v / (1 - self.b2 ** self.t)).sqrt() + self.eps))


@right("Adam")
class one_count_for_all(_Adam):
    pass


@right("Adam")
class a_count_for_each(_Keeps):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr)
        self.betas, self.eps, self.state = betas, eps, {}

    def step(self):
        b1, b2 = self.betas
        for p in self.params:
            if p.grad is None:
                continue
            s = self.state.setdefault(p, {"m": torch.zeros_like(p.data), "v": torch.zeros_like(p.data), "t": 0})
            s["t"] += 1
            s["m"].lerp_(p.grad, 1 - b1)
            s["v"] = b2 * s["v"] + (1 - b2) * p.grad.pow(2)
            rate = self.lr / (1 - b1 ** s["t"])
            p.data.addcdiv_(s["m"], (s["v"].sqrt() / math.sqrt(1 - b2 ** s["t"])).add_(self.eps), value=-rate)


@right("Adam")
class powers_kept(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        self.power1 = self.power2 = 1.0

    def step(self):
        self.power1 *= self.b1
        self.power2 *= self.b2
        super().step()

    def move(self, p, m, v):
        p.data = p.data.sub_(self.lr * m / (1 - self.power1) / (torch.sqrt(v / (1 - self.power2)) + self.eps))


@right("Adam")
class float32_count(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        self.t = torch.tensor(0.0)


@right("Adam")
class stacked_by_hand(_Keeps):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr)
        self.betas, self.eps = betas, eps
        self.means, self.squares, self.counts = ([0] * len(self.params) for _ in range(3))

    @torch.no_grad()
    def step(self):
        for k, p in enumerate(self.params):
            if p.grad is None:
                continue
            self.counts[k] += 1
            hats = []
            for memory, new, beta in zip((self.means, self.squares), (p.grad, p.grad ** 2), self.betas):
                memory[k] = memory[k] + (1 - beta) * (new - memory[k])
                hats.append(memory[k] / (1 - math.pow(beta, self.counts[k])))
            p += -self.lr * hats[0] / (hats[1].sqrt() + self.eps)


@wrong("Adam", "adam-no-memory")
class adam_rebinds(_Adam):
    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                m = self.b1 * m + (1 - self.b1) * p.grad
                v = self.b2 * v + (1 - self.b2) * p.grad ** 2
                self.move(p, m, v)


@wrong("Adam", "adam-no-memory")
class adam_rebinds_squares(_Adam):
    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                m.mul_(self.b1).add_((1 - self.b1) * p.grad)
                v = self.b2 * v + (1 - self.b2) * p.grad ** 2
                self.move(p, m, v)


@wrong("Adam", "adam-count-from-zero")
class adam_divides_by_zero(_Adam):
    @torch.no_grad()
    def step(self):
        rate = self.lr * math.sqrt(1 - self.b2 ** self.t) / (1 - self.b1 ** self.t)
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                self.remember(p.grad, m, v)
                p -= rate * m / (v.sqrt() + self.eps)
        self.t += 1


@wrong("Adam", "adam-count-from-zero")
class adam_forgets_to_count(_Adam):
    @torch.no_grad()
    def step(self):
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                self.remember(p.grad, m, v)
                self.move(p, m, v)


@wrong("Adam", "adam-no-correction")
class adam_no_correction(_Adam):
    def move(self, p, m, v):
        p -= self.lr * m / (v.sqrt() + self.eps)


@wrong("Adam", "adam-only-first-corrected")
class adam_first_only(_Adam):
    def move(self, p, m, v):
        p -= self.lr * m / (1 - self.b1 ** self.t) / (v.sqrt() + self.eps)


@wrong("Adam", "adam-only-second-corrected")
class adam_second_only(_Adam):
    def move(self, p, m, v):
        p -= self.lr * m / ((v / (1 - self.b2 ** self.t)).sqrt() + self.eps)


@wrong("Adam", "adam-betas-swapped")
class adam_betas_swapped(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        self.b2, self.b1 = betas


@wrong("Adam", "adam-eps-inside")
class adam_eps_inside(_Adam):
    def move(self, p, m, v):
        p -= self.lr * (m / (1 - self.b1 ** self.t)) / torch.sqrt(v / (1 - self.b2 ** self.t) + self.eps)


@wrong("Adam", "adam-eps-uncorrected")
class adam_paper_short_form(_Adam):
    def move(self, p, m, v):
        rate = self.lr * math.sqrt(1 - self.b2 ** self.t) / (1 - self.b1 ** self.t)
        p -= rate * m / (v.sqrt() + self.eps)


@wrong("Adam", "adam-count-per-tensor")
class adam_counts_tensors(_Adam):
    @torch.no_grad()
    def step(self):
        for p, m, v in zip(self.params, self.m, self.v):
            self.t += 1
            if p.grad is not None:
                self.remember(p.grad, m, v)
                self.move(p, m, v)


@wrong("Adam", "adam-count-from-zero")
class adam_counts_late(_Adam):
    @torch.no_grad()
    def step(self):
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                self.remember(p.grad, m, v)
                self.move(p, m, v)
        self.t += 1


@wrong("Adam", "adam-count-stands")
class adam_never_counts(_Adam):
    def move(self, p, m, v):
        p -= self.lr * (m / (1 - self.b1)) / ((v / (1 - self.b2)).sqrt() + self.eps)


@wrong("Adam", "adam-correction-product")
class adam_product(_Adam):
    def move(self, p, m, v):
        p -= self.lr * (m / (1 - self.b1 * self.t)) / ((v / (1 - self.b2 * self.t)).sqrt() + self.eps)


@wrong("Adam", "adam-no-root")
class adam_no_root(_Adam):
    def move(self, p, m, v):
        p -= self.lr * (m / (1 - self.b1 ** self.t)) / (v / (1 - self.b2 ** self.t) + self.eps)


@wrong("Adam", "adam-not-squared")
class adam_not_squared(_Adam):
    def remember(self, g, m, v):
        m.copy_(self.b1 * m + (1 - self.b1) * g)
        v.copy_(self.b2 * v + (1 - self.b2) * g)


@wrong("Adam", "adam-sums")
class adam_sums(_Adam):
    def remember(self, g, m, v):
        m.copy_(self.b1 * m + g)
        v.copy_(self.b2 * v + g * g)


@wrong("Adam", "adam-state-corrected")
class adam_stores_the_corrected(_Adam):
    def move(self, p, m, v):
        m /= 1 - self.b1 ** self.t
        v /= 1 - self.b2 ** self.t
        p -= self.lr * m / (v.sqrt() + self.eps)


@wrong("Adam", "adam-square-of-mean")
class adam_square_of_mean(_Adam):
    def remember(self, g, m, v):
        m.mul_(self.b1).add_((1 - self.b1) * g)
        v.mul_(self.b2).add_((1 - self.b2) * m * m)


@wrong("Adam", "adam-eps-fixed")
class adam_eps_fixed(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas)


@wrong("Adam", "adam-betas-fixed")
class adam_betas_fixed(a_count_for_each):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, eps=eps)


@wrong("Adam", "adam-no-eps")
class adam_no_eps(_Adam):
    def move(self, p, m, v):
        p -= self.lr * (m / (1 - self.b1 ** self.t)) / (v / (1 - self.b2 ** self.t)).sqrt()


@wrong("Adam", "optimizer-state-by-shape")
class adam_by_shape(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        first = {p.shape: torch.zeros_like(p) for p in self.params}
        second = {p.shape: torch.zeros_like(p) for p in self.params}
        self.m, self.v = [first[p.shape] for p in self.params], [second[p.shape] for p in self.params]


@wrong("Adam", "optimizer-shared-state")
class adam_one_state(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        self.first = self.second = 0

    @torch.no_grad()
    def step(self):
        self.t += 1
        for p in self.params:
            if p.grad is None:
                continue
            self.first = self.b1 * self.first + (1 - self.b1) * p.grad
            self.second = self.b2 * self.second + (1 - self.b2) * p.grad ** 2
            self.move(p, self.first, self.second)


@wrong("Adam", "optimizer-generator")
class adam_generator(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.eps, self.t, self.states = params, lr, eps, 0, {}
        self.b1, self.b2 = betas

    @torch.no_grad()
    def step(self):
        self.t += 1
        for p in self.params:
            if p.grad is not None:
                m, v = self.states.setdefault(p, (torch.zeros_like(p), torch.zeros_like(p)))
                self.remember(p.grad, m, v)
                self.move(p, m, v)


@wrong("Adam", "optimizer-none-ends")
class adam_returns_at_none(_Adam):
    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is None:
                return
            self.remember(p.grad, m, v)
            self.move(p, m, v)


@wrong("Adam", "optimizer-first-tensor")
class adam_returns_early(_Adam):
    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                self.remember(p.grad, m, v)
                self.move(p, m, v)
            return


@wrong("Adam", "optimizer-lr-twice")
class adam_lr_twice(_Adam):
    def move(self, p, m, v):
        step = self.lr * (m / (1 - self.b1 ** self.t)) / ((v / (1 - self.b2 ** self.t)).sqrt() + self.eps)
        p -= self.lr * step


@wrong("Adam", "optimizer-grad-cleared")
class adam_clears(_Adam):
    def step(self):
        super().step()
        self.zero_grad()


@wrong("Adam", "off-limits")
class adam_library:
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        from torch.optim import Adam as Theirs
        self.inner = Theirs(params, lr, betas, eps)

    def step(self):
        self.inner.step()

    def zero_grad(self):
        self.inner.zero_grad()


@wrong("Adam", None)
class adam_max(_Adam):
    def remember(self, g, m, v):
        m.mul_(self.b1).add_((1 - self.b1) * g)
        v.copy_(torch.maximum(self.b2 * v, g * g))


@wrong("Adam", "adam-eps-last")
class adam_eps_behind(_Adam):
    def move(self, p, m, v):
        m_hat, v_hat = m / (1 - self.b1 ** self.t), v / (1 - self.b2 ** self.t)
        p -= self.lr * m_hat / v_hat.sqrt() + self.eps


@wrong("Adam", "adam-root-first")
class adam_corrects_the_root(_Adam):
    def move(self, p, m, v):
        p -= self.lr * (m / (1 - self.b1 ** self.t)) / (v.sqrt() / (1 - self.b2 ** self.t) + self.eps)


@wrong("Adam", "adam-count-from-two")
class adam_counts_from_one_and_up(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        self.t = 1


@wrong("Adam", "adam-one-list")
class adam_with_one_list(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        self.m = self.v = [torch.zeros_like(p) for p in self.params]


@wrong("Adam", "adam-one-list")
class adam_with_one_list_and_names(adam_with_one_list):
    @torch.no_grad()
    def step(self):
        self.t += 1
        for k, p in enumerate(self.params):
            if p.grad is None:
                continue
            self.m[k] = m = self.b1 * self.m[k] + (1 - self.b1) * p.grad
            self.v[k] = v = self.b2 * self.v[k] + (1 - self.b2) * p.grad ** 2
            self.move(p, m, v)


@wrong("Adam", "optimizer-state-none")
class adam_moments_start_as_none(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr, betas, eps)
        self.m = [None for p in self.params]


# AdamW


class _AdamW(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps)
        self.weight_decay = weight_decay

    def move(self, p, m, v):
        p.mul_(1 - self.lr * self.weight_decay)
        super().move(p, m, v)


@right("AdamW")
class shrinks_then_adam(_AdamW):
    pass


@right("AdamW")
class decays_first_for_all(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps)
        self.weight_decay = weight_decay

    def step(self):
        with torch.no_grad():
            for p in self.params:
                if p.grad is not None:
                    p -= self.lr * self.weight_decay * p
        super().step()


@right("AdamW")
class in_one_expression(a_count_for_each):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps)
        self.weight_decay = weight_decay

    @torch.no_grad()
    def step(self):
        b1, b2 = self.betas
        for p in self.params:
            if p.grad is None:
                continue
            m, v, t = self.state.get(p, (0.0, 0.0, 0))
            t += 1
            m = b1 * m + (1 - b1) * p.grad
            v = b2 * v + (1 - b2) * p.grad * p.grad
            self.state[p] = (m, v, t)
            p -= self.lr * (m / (1 - b1 ** t) / ((v / (1 - b2 ** t)) ** 0.5 + self.eps) + self.weight_decay * p)


class _AdamWByGradient(_AdamW):
    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                self.remember(self.gradient(p), m, v)
                self.move(p, m, v)

    def gradient(self, p):
        return p.grad + self.weight_decay * p


@wrong("AdamW", "adamw-only-decay")
class adamw_never_calls_adam(_AdamW):
    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is not None:
                p -= self.lr * self.weight_decay * p


@wrong("AdamW", "adamw-no-decay")
class adamw_rebinds_the_name(_AdamW):
    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is not None:
                p = p - self.lr * self.weight_decay * p
        _Adam.step(self)

    def move(self, p, m, v):
        _Adam.move(self, p, m, v)


class _AdamWOnAdam(_Adam):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas, eps)
        self.weight_decay = weight_decay


@wrong("AdamW", "adamw-steps-inside")
class adamw_indented(_AdamWOnAdam):
    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is not None:
                p.mul_(1 - self.lr * self.weight_decay)
                super().step()


@wrong("AdamW", "adamw-options-lost")
class adamw_drops_the_options(_AdamW):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, weight_decay=weight_decay)


@wrong("AdamW", "adamw-constant")
class adamw_forgets_the_weight(_AdamW):
    def move(self, p, m, v):
        p -= self.lr * self.weight_decay
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-multiplied")
class adamw_times_decay(_AdamW):
    def move(self, p, m, v):
        p *= self.weight_decay
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-multiplied")
class adamw_times_lr_and_decay(_AdamW):
    def move(self, p, m, v):
        p *= self.lr * self.weight_decay
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-coupled")
class adamw_l2(_AdamWByGradient):
    def move(self, p, m, v):
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-twice")
class adamw_both(_AdamWByGradient):
    pass


@wrong("AdamW", "adamw-no-lr")
class adamw_no_lr(_AdamW):
    def move(self, p, m, v):
        p.mul_(1 - self.weight_decay)
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-after")
class adamw_after(_AdamW):
    def move(self, p, m, v):
        _Adam.move(self, p, m, v)
        p -= self.lr * self.weight_decay * p


@wrong("AdamW", "adamw-in-numerator")
class adamw_in_numerator(_AdamW):
    def move(self, p, m, v):
        m_hat, v_hat = m / (1 - self.b1 ** self.t), v / (1 - self.b2 ** self.t)
        p -= self.lr * (m_hat + self.weight_decay * p) / (v_hat.sqrt() + self.eps)


@wrong("AdamW", "adamw-no-decay")
class adamw_is_adam(_AdamW):
    def move(self, p, m, v):
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-sign")
class adamw_grows(_AdamW):
    def move(self, p, m, v):
        p.mul_(1 + self.lr * self.weight_decay)
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-none-decays")
class adamw_decays_all(_AdamW):
    @torch.no_grad()
    def step(self):
        for p in self.params:
            p.mul_(1 - self.lr * self.weight_decay)
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                self.remember(p.grad, m, v)
                _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-fixed")
class adamw_always_a_hundredth(_AdamW):
    def move(self, p, m, v):
        p.mul_(1 - 0.01 * self.lr)
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-no-memory")
class adamw_rebinds(_AdamW):
    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            if p.grad is not None:
                m = self.b1 * m + (1 - self.b1) * p.grad
                v = self.b2 * v + (1 - self.b2) * p.grad ** 2
                self.move(p, m, v)


@wrong("AdamW", "adamw-matrices-only")
class adamw_spares_vectors(_AdamW):
    def move(self, p, m, v):
        if p.dim() >= 2:
            p.mul_(1 - self.lr * self.weight_decay)
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-default")
class adamw_default(_AdamW):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)


@wrong("AdamW", "adamw-double")
class adamw_double(_AdamW):
    def move(self, p, m, v):
        p -= 2 * self.lr * self.weight_decay * p
        _Adam.move(self, p, m, v)


@wrong("AdamW", "adamw-no-correction")
class adamw_no_correction(_AdamW):
    def move(self, p, m, v):
        p.mul_(1 - self.lr * self.weight_decay)
        p -= self.lr * m / (v.sqrt() + self.eps)


@wrong("AdamW", "adamw-betas-swapped")
class adamw_betas_swapped(_AdamW):
    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(params, lr, betas[::-1], eps, weight_decay)


@wrong("AdamW", "adamw-eps-inside")
class adamw_eps_inside(_AdamW):
    def move(self, p, m, v):
        p.mul_(1 - self.lr * self.weight_decay)
        p -= self.lr * (m / (1 - self.b1 ** self.t)) / torch.sqrt(v / (1 - self.b2 ** self.t) + self.eps)


@wrong("AdamW", "adamw-count-per-tensor")
class adamw_counts_tensors(_AdamW):
    @torch.no_grad()
    def step(self):
        for p, m, v in zip(self.params, self.m, self.v):
            self.t += 1
            if p.grad is None:
                continue
            self.remember(p.grad, m, v)
            self.move(p, m, v)


@wrong("AdamW", "optimizer-new-data")
class adamw_new_data(_AdamW):
    def move(self, p, m, v):
        p.data = p.data * (1 - self.lr * self.weight_decay)
        _Adam.move(self, p, m, v)


@wrong("AdamW", "optimizer-none")
class adamw_none(_AdamW):
    @torch.no_grad()
    def step(self):
        self.t += 1
        for p, m, v in zip(self.params, self.m, self.v):
            self.remember(p.grad, m, v)
            self.move(p, m, v)


@wrong("AdamW", "off-limits")
class adamw_functional(_AdamW):
    def step(self):
        from torch.optim.adamw import adamw
        steps = [torch.tensor(float(self.t)) for _ in self.params]
        adamw([p.data for p in self.params], [p.grad for p in self.params], self.m, self.v, [], steps,
              amsgrad=False, beta1=self.b1, beta2=self.b2, lr=self.lr, weight_decay=self.weight_decay, eps=self.eps,
              maximize=False)


@wrong("AdamW", None)
class adamw_to_one(_AdamW):
    def move(self, p, m, v):
        p.sub_(self.lr * self.weight_decay * (p - 1))
        _Adam.move(self, p, m, v)


# clip_grad_norm


@right("clip_grad_norm")
def as_torch_does(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    if not grads:
        return torch.tensor(0.0)
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads]))
    for g in grads:
        g.mul_(torch.clamp(max_norm / (norm + 1e-6), max=1.0))
    return norm


@right("clip_grad_norm")
def replaces_grads(params, max_norm):
    params = [p for p in params if p.grad is not None]
    norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in params))
    if norm > max_norm:
        for p in params:
            p.grad = p.grad * (max_norm / norm)
    return norm


@right("clip_grad_norm")
def sum_of_squares(params, max_norm):
    params = list(params)
    total = 0.0
    for p in params:
        if p.grad is not None:
            total += p.grad.square().sum().item()
    norm = total ** 0.5
    scale = min(1, max_norm / (norm + 1e-12))
    for p in params:
        if p.grad is not None:
            p.grad.detach().mul_(scale)
    return norm


@wrong("clip_grad_norm", "clip-per-tensor")
def tensor_by_tensor(params, max_norm):
    total = 0.0
    for p in params:
        if p.grad is None:
            continue
        norm = p.grad.norm()
        total += norm ** 2
        if norm > max_norm:
            p.grad.mul_(max_norm / norm)
    return total ** 0.5


@wrong("clip_grad_norm", "clip-scales-up")
def always_scales(params, max_norm):
    params = [p for p in params if p.grad is not None]
    norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in params))
    for p in params:
        p.grad.mul_(max_norm / (norm + 1e-6))
    return norm


@wrong("clip_grad_norm", "clip-norm-after")
def returns_after(params, max_norm):
    params = list(params)
    norm = as_torch_does(params, max_norm)
    return as_torch_does(params, max_norm)


@wrong("clip_grad_norm", "clip-squared")
def forgot_the_root(params, max_norm):
    params = [p for p in params if p.grad is not None]
    norm = sum(float((p.grad ** 2).sum()) for p in params)
    if norm > max_norm:
        for p in params:
            p.grad.mul_(max_norm / norm)
    return norm


@wrong("clip_grad_norm", "clip-sum-of-norms")
def adds_norms(params, max_norm):
    params = [p for p in params if p.grad is not None]
    norm = sum(p.grad.norm().item() for p in params)
    if norm > max_norm:
        for p in params:
            p.grad.mul_(max_norm / norm)
    return norm


@wrong("clip_grad_norm", "clip-entries")
def by_value(params, max_norm):
    params = [p for p in params if p.grad is not None]
    norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in params))
    for p in params:
        p.grad.clamp_(-max_norm, max_norm)
    return norm


@wrong("clip_grad_norm", "clip-inverted")
def factor_upside_down(params, max_norm):
    params = [p for p in params if p.grad is not None]
    norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in params))
    if norm > max_norm:
        for p in params:
            p.grad.mul_(norm / max_norm)
    return norm


@wrong("clip_grad_norm", "clip-nothing")
def scales_copies(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = math.sqrt(sum(float((g ** 2).sum()) for g in grads))
    for g in grads:
        if norm > max_norm:
            g = g * max_norm / norm
    return norm


@wrong("clip_grad_norm", "clip-exhausted")
def walks_twice(params, max_norm):
    norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in params if p.grad is not None))
    for p in params:
        if p.grad is not None and norm > max_norm:
            p.grad.mul_(max_norm / norm)
    return norm


@wrong("clip_grad_norm", "clip-weights")
def scales_weights(params, max_norm):
    params = list(params)
    norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in params if p.grad is not None))
    with torch.no_grad():
        for p in params:
            if norm > max_norm:
                p.mul_(max_norm / norm)
    return norm


@wrong("clip_grad_norm", "clip-norm-of-weights")
def norm_of_the_weights(params, max_norm):
    params = [p for p in params if p.grad is not None]
    norm = math.sqrt(sum(p.detach().square().sum().item() for p in params))
    if norm > max_norm:
        for p in params:
            p.grad.mul_(max_norm / norm)
    return norm


@wrong("clip_grad_norm", "clip-none")
def no_gradient_no_norm(params, max_norm):
    params = list(params)
    norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in params))
    if norm > max_norm:
        for p in params:
            p.grad.mul_(max_norm / norm)
    return norm


@wrong("clip_grad_norm", "clip-no-gradients")
def stacks_nothing(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = torch.stack([g.norm() for g in grads]).norm()
    for g in grads:
        g.mul_(min(1.0, max_norm / (norm.item() + 1e-9)))
    return norm


@wrong("clip_grad_norm", "clip-zero")
def zero_over_zero(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    if not grads:
        return 0
    norm = torch.cat([g.reshape(-1) for g in grads]).norm()
    for g in grads:
        g.copy_(torch.where(norm < max_norm, g * norm / norm, g * max_norm / norm))
    return norm


@wrong("clip_grad_norm", "clip-zero-division")
def divides_by_zero(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = math.sqrt(sum(float((g ** 2).sum()) for g in grads))
    if grads:
        factor = min(1, max_norm / norm)
        for g in grads:
            g.mul_(factor)
    return norm


@wrong("clip_grad_norm", "clip-largest-norm")
def takes_the_largest(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = max((g.norm().item() for g in grads), default=0.0)
    for g in grads:
        g.mul_(min(1.0, max_norm / max(norm, 1e-12)))
    return norm


@wrong("clip_grad_norm", "returned-none")
def clips_silently(params, max_norm):
    as_torch_does(params, max_norm)


@wrong("clip_grad_norm", "off-limits")
def library_clip(params, max_norm):
    return torch.nn.utils.clip_grad_norm_(params, max_norm)


@wrong("clip_grad_norm", None)
def half_way(params, max_norm):
    return as_torch_does(params, max_norm / 2)


# decay_groups


@right("decay_groups")
def by_dimension(model, weight_decay):
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


@right("decay_groups")
def one_walk(model, weight_decay):
    groups = ({"params": [], "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0})
    for name, p in model.named_parameters():
        groups[len(p.shape) < 2]["params"].append(p)
    return list(groups)


@right("decay_groups")
def seen_before(model, weight_decay):
    seen, first, second = set(), [], []
    for module in model.modules():
        for p in module.parameters(recurse=False):
            if id(p) not in seen:
                seen.add(id(p))
                (first if p.dim() > 1 else second).append(p)
    return [dict(params=first, weight_decay=weight_decay), dict(params=second, weight_decay=0.0)]


@wrong("decay_groups", "groups-by-name")
def not_bias(model, weight_decay):
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if "bias" not in n], "weight_decay": weight_decay},
            {"params": [p for n, p in named if "bias" in n], "weight_decay": 0.0}]


@wrong("decay_groups", "groups-by-norm-name")
def not_bias_nor_norm(model, weight_decay):
    spared = lambda n: any(word in n.lower() for word in ("bias", "norm"))
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if not spared(n)], "weight_decay": weight_decay},
            {"params": [p for n, p in named if spared(n)], "weight_decay": 0.0}]


@wrong("decay_groups", "groups-swapped")
def rest_first(model, weight_decay):
    return by_dimension(model, weight_decay)[::-1]


@wrong("decay_groups", "groups-matrices-only")
def two_dimensions(model, weight_decay):
    return [{"params": [p for p in model.parameters() if p.dim() == 2], "weight_decay": weight_decay},
            {"params": [p for p in model.parameters() if p.dim() != 2], "weight_decay": 0.0}]


@wrong("decay_groups", "groups-all")
def everything(model, weight_decay):
    return [{"params": list(model.parameters()), "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0}]


@wrong("decay_groups", "groups-twice")
def module_by_module(model, weight_decay):
    params = [p for m in model.modules() for p in m.parameters(recurse=False)]
    return [{"params": [p for p in params if p.dim() >= 2], "weight_decay": weight_decay},
            {"params": [p for p in params if p.dim() < 2], "weight_decay": 0.0}]


@wrong("decay_groups", "groups-drops-empty")
def no_empty_group(model, weight_decay):
    return [group for group in by_dimension(model, weight_decay) if len(group["params"]) > 0]


@wrong("decay_groups", "groups-no-zero")
def without_zero(model, weight_decay):
    first, second = by_dimension(model, weight_decay)
    return [first, {"params": second["params"]}]


@wrong("decay_groups", "groups-rest-decays")
def same_decay(model, weight_decay):
    first, second = by_dimension(model, weight_decay)
    return [first, {**second, "weight_decay": weight_decay}]


@wrong("decay_groups", "groups-no-list")
def in_sets(model, weight_decay):
    params = set(model.parameters())
    matrices = {p for p in params if p.ndim >= 2}
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": params - matrices, "weight_decay": 0.0}]


@wrong("decay_groups", "groups-no-list")
def in_generators(model, weight_decay):
    return [{"params": (p for p in model.parameters() if p.ndim >= 2), "weight_decay": weight_decay},
            {"params": (p for p in model.parameters() if p.ndim < 2), "weight_decay": 0.0}]


@wrong("decay_groups", "groups-in")
def asks_the_list(model, weight_decay):
    decay, rest = [], []
    for p in model.parameters():
        if p not in decay and p not in rest:
            (decay if p.ndim >= 2 else rest).append(p)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


@wrong("decay_groups", "groups-other-tensors")
def names_instead(model, weight_decay):
    named = list(model.named_parameters())
    return [{"params": [n for n, p in named if p.dim() >= 2], "weight_decay": weight_decay},
            {"params": [n for n, p in named if p.dim() < 2], "weight_decay": 0.0}]


@wrong("decay_groups", "groups-other-tensors")
def data_instead(model, weight_decay):
    return [{"params": [p.data for p in model.parameters() if p.dim() >= 2], "weight_decay": weight_decay},
            {"params": [p.data for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]


@wrong("decay_groups", "groups-default")
def fixed_decay(model, weight_decay):
    return by_dimension(model, 0.01)


@wrong("decay_groups", "groups-known-layers")
def known_layers(model, weight_decay):
    decay = [m.weight for m in model.modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d))]
    rest = [p for p in model.parameters() if not any(p is q for q in decay)]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


@wrong("decay_groups", "groups-dimension-off")
def at_least_one(model, weight_decay):
    return [{"params": [p for p in model.parameters() if p.dim() > 0], "weight_decay": weight_decay},
            {"params": [p for p in model.parameters() if p.dim() == 0], "weight_decay": 0.0}]


@wrong("decay_groups", "returned-none")
def groups_unreturned(model, weight_decay):
    by_dimension(model, weight_decay)


@wrong("decay_groups", None)
def by_size(model, weight_decay):
    return [{"params": [p for p in model.parameters() if p.numel() > 5], "weight_decay": weight_decay},
            {"params": [p for p in model.parameters() if p.numel() <= 5], "weight_decay": 0.0}]


# orthogonalize


@right("orthogonalize")
def as_muon_does(G, steps=5):
    a, b, c = 3.4445, -4.7750, 2.0315
    X = G / (G.norm() + 1e-7)
    if G.size(0) > G.size(1):
        X = X.T
    for _ in range(steps):
        A = X @ X.T
        B = b * A + c * A @ A
        X = a * X + B @ X
    return X.T if G.size(0) > G.size(1) else X


@right("orthogonalize")
def from_the_right(G, steps=5):
    norm = torch.linalg.matrix_norm(G)
    X = G / norm if norm > 0 else G.clone()
    for _ in range(steps):
        A = X.mT @ X
        X = X @ (3.4445 * torch.eye(len(A), dtype=G.dtype) - 4.7750 * A + 2.0315 * A @ A)
    return X


@right("orthogonalize")
def three_products(G, steps=5):
    X = G / max(G.square().sum().sqrt().item(), 1e-12)
    for _ in range(steps):
        cubic = X @ X.T @ X
        X = 3.4445 * X - 4.7750 * cubic + 2.0315 * (X @ X.T @ cubic)
    return X


def _iterate(X, steps=5, a=3.4445, b=-4.7750, c=2.0315):
    for _ in range(steps):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X


@wrong("orthogonalize", "muon-no-norm")
def unnormalised(G, steps=5):
    return _iterate(G, steps)


@wrong("orthogonalize", "muon-classic")
def classic(G, steps=5):
    X = G / (G.norm() + 1e-7)
    for _ in range(steps):
        X = 1.5 * X - 0.5 * X @ X.T @ X
    return X


@wrong("orthogonalize", "muon-b-and-c")
def exchanged(G, steps=5):
    return _iterate(G / (G.norm() + 1e-7), steps, b=2.0315, c=-4.7750)


@wrong("orthogonalize", "muon-sign")
def positive_b(G, steps=5):
    return _iterate(G / (G.norm() + 1e-7), steps, b=4.7750)


@wrong("orthogonalize", "muon-old-gram")
def old_gram(G, steps=5):
    X = G / (G.norm() + 1e-7)
    A = X @ X.T
    B = -4.7750 * A + 2.0315 * A @ A
    for _ in range(steps):
        X = 3.4445 * X + B @ X
    return X


@wrong("orthogonalize", "muon-entrywise")
def squares_entries(G, steps=5):
    X = G / (G.norm() + 1e-7)
    for _ in range(steps):
        A = X @ X.T
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A ** 2) @ X
    return X


@wrong("orthogonalize", "muon-entrywise")
def entry_by_entry(G, steps=5):
    X = G / (G.norm() + 1e-7)
    for _ in range(steps):
        A = X * X
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A * A) * X
    return X


@wrong("orthogonalize", "muon-not-turned-back")
def stays_wide(G, steps=5):
    X = G / (G.norm() + 1e-7)
    return _iterate(X.T if len(G) > G.shape[1] else X, steps)


@wrong("orthogonalize", "muon-shapes")
def wrong_side(G, steps=5):
    X = G / (G.norm() + 1e-7)
    for _ in range(steps):
        A = X.T @ X
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    return X


@wrong("orthogonalize", "muon-steps-fixed")
def five_always(G, steps=5):
    return _iterate(G / (G.norm() + 1e-7))


@wrong("orthogonalize", "muon-zero")
def nothing_over_nothing(G, steps=5):
    return _iterate(G / G.norm(), steps)


@wrong("orthogonalize", "muon-half-precision")
def in_bfloat16(G, steps=5):
    X = G.bfloat16()
    return _iterate(X / (X.norm() + 1e-7), steps).to(G.dtype)


@wrong("orthogonalize", "wrong-dtype")
def in_single_precision(G, steps=5):
    X = G.float()
    return _iterate(X / (X.norm() + 1e-7), steps)


@wrong("orthogonalize", "input-changed")
def normalises_in_place(G, steps=5):
    G /= G.norm() + 1e-7
    return _iterate(G, steps)


@wrong("orthogonalize", "muon-squared-norm")
def squared_norm(G, steps=5):
    return _iterate(G / (torch.sum(G ** 2) + 1e-12), steps)


@wrong("orthogonalize", "muon-row-norms")
def row_by_row(G, steps=5):
    return _iterate(G / (G.norm(dim=-1, keepdim=True) + 1e-7), steps)


@wrong("orthogonalize", "off-limits")
def exactly(G, steps=5):
    U, S, V = torch.linalg.svd(G, full_matrices=False)
    return U @ V


@wrong("orthogonalize", "off-limits")
def library_muon(G, steps=5):
    from torch.optim import _muon
    return _muon._zeropower_via_newtonschulz(G, (3.4445, -4.7750, 2.0315), steps, 1e-7)


@wrong("orthogonalize", None)
def a_little_less(G, steps=5):
    return 0.9 * _iterate(G / (G.norm() + 1e-7), steps)
