"""Answers to lesson 01."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from . import right, wrong

# linear


@right("linear")
def einsum(x, W, b):
    return torch.einsum("...i,oi->...o", x, W) + b


@right("linear")
def products_summed(x, W, b):
    return (x[..., None, :] * W).sum(-1) + b


@right("linear")
def matmul_and_transpose(x, W, b):
    return torch.matmul(x, W.transpose(0, 1)).add(b)


@wrong("linear", "linear-not-transposed")
def straight_from_the_formula(x, W, b):
    return torch.matmul(x, W) + b


@wrong("linear", "linear-weights-first")
def column_convention(x, W, b):
    return torch.matmul(W, x) + b


@wrong("linear", "linear-turned")
def columns(x, W, b):
    return (W @ x.transpose(-1, -2)) + b.unsqueeze(1)


@wrong("linear", "linear-no-bias")
def forgot_b(x, W, b):
    return torch.einsum("...i,oi->...o", x, W)


@wrong("linear", "linear-no-sum")
def not_summed(x, W, b):
    return x[..., None, :] * W


@wrong("linear", "linear-bent")
def with_relu(x, W, b):
    return torch.relu(torch.matmul(x, W.T) + b)


@wrong("linear", "linear-bias-by-sample")
def bias_as_column(x, W, b):
    return x @ W.T + b[:, None]


@wrong("linear", "linear-bias-sum")
def summed_bias(x, W, b):
    return x.matmul(W.t()) + torch.sum(b)


@wrong("linear", "linear-two-axes-only")
def only_matrices(x, W, b):
    return torch.mm(x, W.t()) + b


@wrong("linear", "linear-two-axes-only")
def two_letters(x, W, b):
    return torch.einsum("ni,oi->no", x, W) + b


@wrong("linear", "linear-flattened")
def flattened(x, W, b):
    return x.flatten(0, -2) @ W.T + b


@wrong("linear", "linear-mean")
def averaged(x, W, b):
    return (x[..., None, :] * W).mean(-1) + b


@wrong("linear", "off-limits")
def functional(x, W, b):
    return F.linear(x, W, b)


@wrong("linear", "off-limits")
def module(x, W, b):
    layer = nn.Linear(W.shape[1], W.shape[0], dtype=W.dtype)
    layer.weight.data, layer.bias.data = W, b
    return layer(x)


@wrong("linear", "off-limits")
def operator(x, W, b):
    return torch.ops.aten.linear(x, W, b)


@wrong("linear", "no-gradient")
def detached(x, W, b):
    return (x.detach() @ W.detach().T) + b.detach()


@wrong("linear", "input-changed")
def in_place(x, W, b):
    x *= 2
    return x / 2 @ W.T + b


@wrong("linear", "returned-none")
def no_return(x, W, b):
    x @ W.T + b


@wrong("linear", "not-written")
def unwritten_linear(x, W, b):
    raise NotImplementedError()


@wrong("linear", None)
def bias_twice(x, W, b):
    return x @ W.T + 2 * b


# mlp


@right("mlp")
def last_apart(x, layers, activation):
    for W, b in layers[:-1]:
        x = activation(F.linear(x, W, b))
    W, b = layers[-1]
    return x @ W.T + b


@right("mlp")
def bend_before(x, layers, activation):
    for i, (weight, bias) in enumerate(layers):
        x = (activation(x) if i > 0 else x) @ weight.T + bias
    return x


@right("mlp")
def recursive(x, layers, activation):
    (W, b), *rest = layers
    h = x @ W.T + b
    return recursive(activation(h), rest, activation) if rest else h


@wrong("mlp", "mlp-bent-at-the-end")
def every_layer(x, layers, activation):
    for W, b in layers:
        x = activation(x @ W.T + b)
    return x


@wrong("mlp", "mlp-input-bent")
def bend_first(x, layers, activation):
    for W, b in layers:
        x = F.linear(activation(x), W, b)
    return x


@wrong("mlp", "mlp-straight")
def no_bend(x, layers, activation):
    for W, b in layers:
        x = x @ W.T + b
    return x


@wrong("mlp", "mlp-own-activation")
def always_relu(x, layers, activation):
    for W, b in layers[:-1]:
        x = torch.relu(x @ W.T + b)
    return x @ layers[-1][0].T + layers[-1][1]


@wrong("mlp", "mlp-last-layer-missing")
def forgot_the_last(x, layers, activation):
    for W, b in layers[:-1]:
        x = activation(x @ W.T + b)
    return x


@wrong("mlp", "mlp-first-layer-only")
def early_return(x, layers, activation):
    for W, b in layers:
        x = activation(x @ W.T + b)
        return x


@wrong("mlp", "mlp-always-x")
def x_every_time(x, layers, activation):
    for i, (W, b) in enumerate(layers):
        h = x @ W.T + b
        if i < len(layers) - 1:
            h = activation(h)
    return h


@wrong("mlp", "mlp-not-transposed")
def not_turned(x, layers, activation):
    for W, b in layers[:-1]:
        x = activation(x @ W + b)
    return x @ layers[-1][0] + layers[-1][1]


@wrong("mlp", "mlp-bias-outside")
def bias_after(x, layers, activation):
    for i, (W, b) in enumerate(layers):
        x = x @ W.T
        x = (activation(x) if i + 1 < len(layers) else x) + b
    return x


@wrong("mlp", "mlp-called-for-nothing")
def one_call_too_many(x, layers, activation):
    h = x
    for W, b in layers:
        x = h @ W.T + b
        h = activation(x)
    return x


@wrong("mlp", "mlp-no-bias")
def weights_only(x, layers, activation):
    *hidden, (last, _) = layers
    for W, _ in hidden:
        x = activation(x @ W.T)
    return x @ last.T


@wrong("mlp", "mlp-backwards")
def last_layer_first(x, layers, activation):
    for i, (W, b) in enumerate(reversed(layers)):
        x = x @ W.T + b
        x = activation(x) if i < len(layers) - 1 else x
    return x


@wrong("mlp", "off-limits")
def sequential(x, layers, activation):
    modules = []
    for W, b in layers:
        layer = nn.Linear(W.shape[1], W.shape[0], dtype=W.dtype)
        layer.weight, layer.bias = nn.Parameter(W), nn.Parameter(b)
        modules += [layer, nn.Tanh()]
    return nn.Sequential(*modules[:-1])(x)


@wrong("mlp", "returned-none")
def mlp_without_return(x, layers, activation):
    for W, b in layers:
        x = x @ W.T + b


@wrong("mlp", None)
def doubled(x, layers, activation):
    return last_apart(x, layers, lambda h: activation(activation(h)))


# linear_backward


@right("linear_backward")
def by_einsum(x, W, grad_out):
    return (torch.einsum("no,oi->ni", grad_out, W), torch.einsum("no,ni->oi", grad_out, x),
            torch.einsum("no->o", grad_out))


@right("linear_backward")
def sample_by_sample(x, W, grad_out):
    grad_W = sum(torch.outer(g, row) for g, row in zip(grad_out, x))
    return [grad_out.mm(W), grad_W, grad_out.sum(dim=0)]


@right("linear_backward")
def without_recording(x, W, grad_out):
    with torch.no_grad():
        return grad_out @ W, (x.T @ grad_out).T, torch.ones(len(x), dtype=x.dtype) @ grad_out


@wrong("linear_backward", "backward-order")
def weights_come_first(x, W, grad_out):
    return grad_out.T @ x, grad_out.sum(0), grad_out @ W


@wrong("linear_backward", "backward-weight-turned")
def as_in_forward(x, W, grad_out):
    return grad_out @ W, x.T @ grad_out, grad_out.sum(0)


@wrong("linear_backward", "backward-mean")
def mean_over_batch(x, W, grad_out):
    n = x.shape[0]
    return grad_out @ W, grad_out.T @ x / n, grad_out.sum(0) / n


@wrong("linear_backward", "backward-mean")
def mean_bias(x, W, grad_out):
    return grad_out @ W, grad_out.T @ x, grad_out.mean(dim=0)


@wrong("linear_backward", "backward-sign")
def downhill(x, W, grad_out):
    return -(grad_out @ W), -(grad_out.T @ x), -grad_out.sum(0)


@wrong("linear_backward", "backward-grad-out-unused")
def ones_for_bias(x, W, grad_out):
    return grad_out @ W, grad_out.T @ x, torch.ones(W.shape[0], dtype=W.dtype)


@wrong("linear_backward", "backward-grad-out-unused")
def just_x(x, W, grad_out):
    return W.sum(0).expand_as(x), x.sum(0).expand_as(W), torch.full_like(grad_out[0], len(x))


@wrong("linear_backward", "backward-samples-mixed")
def turned_again(x, W, grad_out):
    return grad_out @ W.T, grad_out.T @ x, grad_out.sum(0)


@wrong("linear_backward", "backward-product-order")
def does_not_fit(x, W, grad_out):
    return grad_out @ W, x @ grad_out, grad_out.sum(0)


@wrong("linear_backward", "backward-bias-by-sample")
def unsummed(x, W, grad_out):
    return grad_out @ W, grad_out.T @ x, grad_out.clone()


@wrong("linear_backward", "backward-bias-wrong-axis")
def last_axis(x, W, grad_out):
    return grad_out @ W, grad_out.T @ x, grad_out.sum(-1)


@wrong("linear_backward", "backward-bias-one-number")
def all_summed(x, W, grad_out):
    return grad_out @ W, grad_out.T @ x, torch.sum(grad_out)


@wrong("linear_backward", "backward-bias-kept-axis")
def keeps_axis(x, W, grad_out):
    return grad_out @ W, grad_out.T @ x, torch.ones(1, len(x), dtype=x.dtype) @ grad_out


@wrong("linear_backward", "backward-not-three")
def weights_alone(x, W, grad_out):
    return grad_out.T @ x


@wrong("linear_backward", "off-limits")
def asks_autograd(x, W, grad_out):
    x, W = x.requires_grad_(), W.requires_grad_()
    b = torch.zeros(W.shape[0], dtype=W.dtype, requires_grad=True)
    return torch.autograd.grad(x @ W.T + b, (x, W, b), grad_out)


@wrong("linear_backward", "off-limits")
def asks_backward(x, W, grad_out):
    x, W = x.requires_grad_(), W.requires_grad_()
    b = torch.zeros(W.shape[0], dtype=W.dtype, requires_grad=True)
    (x @ W.T + b).backward(grad_out)
    return x.grad, W.grad, b.grad


@wrong("linear_backward", "returned-none")
def nothing_back(x, W, grad_out):
    grad_x, grad_W, grad_b = grad_out @ W, grad_out.T @ x, grad_out.sum(0)


@wrong("linear_backward", None)
def doubled_weights(x, W, grad_out):
    return grad_out @ W, 2 * grad_out.T @ x, grad_out.sum(0)


# Value


@wrong("Value", "value-old-passed-on")
class with_closures:
    def __init__(self, data, below=()):
        self.data, self.grad, self.below = data, 0, below
        self.pull = lambda: None

    def _wrap(self, other):
        return other if isinstance(other, with_closures) else with_closures(other)

    def __add__(self, other):
        other = self._wrap(other)
        out = with_closures(self.data + other.data, (self, other))

        def pull():
            self.grad += out.grad
            other.grad += out.grad
        out.pull = pull
        return out

    def __mul__(self, other):
        other = self._wrap(other)
        out = with_closures(self.data * other.data, (self, other))

        def pull():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.pull = pull
        return out

    def _one(self, data, slope):
        out = with_closures(data, (self,))

        def pull():
            self.grad += slope * out.grad
        out.pull = pull
        return out

    def __pow__(self, n):
        return self._one(self.data ** n, n * self.data ** (n - 1))

    def relu(self):
        return self._one(self.data if self.data > 0 else 0, 1 if self.data > 0 else 0)

    def exp(self):
        return self._one(math.exp(self.data), math.exp(self.data))

    def log(self):
        return self._one(math.log(self.data), 1 / self.data)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __truediv__(self, other):
        return self * self._wrap(other) ** -1

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return -self + other

    def __rtruediv__(self, other):
        return self ** -1 * other

    def backward(self):
        waiting = {self: 0}  # how many of the nodes made from it are still to come
        todo = [self]
        for node in todo:
            for child in node.below:
                if child not in waiting:
                    waiting[child] = 0
                    todo.append(child)
                waiting[child] += 1
        self.grad = 1
        ready = [self]
        while ready:
            node = ready.pop()
            node.pull()
            for child in node.below:
                waiting[child] -= 1
                if waiting[child] == 0:
                    ready.append(child)


class _Operators:
    """What the answers below share: operators that note (node, slope) pairs, and the age of a node."""

    made = 0

    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents
        _Operators.made += 1
        self.age = _Operators.made

    def make(self, data, *parents):
        return type(self)(data, parents)

    def lift(self, other):
        return other if isinstance(other, _Operators) else self.make(other)

    def __add__(self, other):
        other = self.lift(other)
        return self.make(self.data + other.data, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        other = self.lift(other)
        return self.make(self.data * other.data, (self, other.data), (other, self.data))

    def __pow__(self, n):
        return self.make(self.data ** n, (self, n * self.data ** (n - 1)))

    def relu(self):
        return self.make(max(self.data, 0.0), (self, 1.0 if self.data > 0 else 0.0))

    def exp(self):
        return self.make(math.exp(self.data), (self, math.exp(self.data)))

    def log(self):
        return self.make(math.log(self.data), (self, 1.0 / self.data))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + self.lift(other) * -1.0

    def __rsub__(self, other):
        return self.lift(other) - self

    def __truediv__(self, other):
        return self * self.lift(other) ** -1

    def __rtruediv__(self, other):
        return self.lift(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def ancestors(self):
        found, todo = {self}, [self]
        while todo:
            for parent, _ in todo.pop().parents:
                if parent not in found:
                    found.add(parent)
                    todo.append(parent)
        return sorted(found, key=lambda node: -node.age)

    def backward(self):
        self.grad = 1.0
        for node in self.ancestors():
            for parent, slope in node.parents:
                parent.grad += slope * node.grad


@wrong("Value", "value-old-passed-on")
class by_age(_Operators):
    def backward(self):
        self.grad = 1.0
        for node in self.ancestors():
            for parent, slope in node.parents:
                parent.grad = parent.grad + slope * node.grad


@right("Value")
class youngest_first(_Operators):
    def backward(self):
        flow = {self: 1.0}
        while flow:
            node = max(flow, key=lambda node: node.age)
            arrived = flow.pop(node)
            node.grad += arrived
            for parent, slope in node.parents:
                flow[parent] = flow.get(parent, 0.0) + slope * arrived


@right("Value")
class a_table_of_its_own(_Operators):
    def backward(self):
        flow = {}
        flow[self] = 1.0
        for node in self.ancestors():
            for parent, slope in node.parents:
                flow[parent] = flow.get(parent, 0.0) + flow[node] * slope
        for node, arrived in flow.items():
            node.grad += arrived


@wrong("Value", "value-every-path")
class each_path(_Operators):
    def backward(self):
        stack = [(self, 1.0)]
        while stack:
            node, share = stack.pop()
            node.grad = node.grad + share
            for parent, slope in node.parents:
                stack.append((parent, share * slope))


@wrong("Value", "value-recursion")
class recursive_order(_Operators):
    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent, _ in node.parents:
                    visit(parent)
                order.append(node)
        visit(self)
        flow = dict.fromkeys(order, 0.0)
        flow[self] = 1.0
        for node in reversed(order):
            node.grad += flow[node]
            for parent, slope in node.parents:
                flow[parent] += slope * flow[node]


@wrong("Value", "value-every-path")
class down_every_path(_Operators):
    def backward(self, arrived=1.0):
        self.grad += arrived
        for parent, slope in self.parents:
            parent.backward(slope * arrived)


@wrong("Value", "value-assigns")
class overwrites(_Operators):
    def backward(self):
        self.grad = 1.0
        for node in self.ancestors():
            for parent, slope in node.parents:
                parent.grad = slope * node.grad


@wrong("Value", "value-order")
class in_a_queue(_Operators):
    def backward(self):
        self.grad = 1.0
        queue, seen = [self], {self}
        while queue:
            node = queue.pop(0)
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
                if parent not in seen:
                    seen.add(parent)
                    queue.append(parent)


@wrong("Value", "value-order")
class on_a_stack(_Operators):
    def backward(self):
        self.grad = 1.0
        stack, seen = [self], set()
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
                stack.append(parent)


@wrong("Value", "value-passed-twice")
class again_and_again(_Operators):
    def backward(self):
        self.grad = 1.0
        self.push()

    def push(self):
        for parent, slope in self.parents:
            parent.grad += slope * self.grad
            parent.push()


@wrong("Value", "value-not-seeded")
class nothing_starts(_Operators):
    def backward(self):
        for node in self.ancestors():
            for parent, slope in node.parents:
                parent.grad += slope * node.grad


@wrong("Value", "value-not-chained")
class local_slopes(_Operators):
    def backward(self):
        self.grad = 1.0
        for node in self.ancestors():
            for parent, slope in node.parents:
                parent.grad += slope


@wrong("Value", "value-not-seeded")
class grad_never_written(_Operators):
    def backward(self):
        flow = {node: 0.0 for node in self.ancestors()}
        flow[self] = 1.0
        for node in self.ancestors():
            for parent, slope in node.parents:
                flow[parent] += slope * flow[node]


@wrong("Value", "value-clears")
class clears_first(_Operators):
    def backward(self):
        for node in self.ancestors():
            node.grad = 0.0
        _Operators.backward(self)


@wrong("Value", "value-graph-gone")
class frees_the_graph(_Operators):
    def backward(self):
        nodes = self.ancestors()
        _Operators.backward(self)
        for node in nodes:
            node.parents = ()


@wrong("Value", "value-product-slope")
class own_factor(_Operators):
    def __mul__(self, other):
        other = self.lift(other)
        return self.make(self.data * other.data, (self, self.data), (other, other.data))

    __rmul__ = __mul__


@wrong("Value", "value-power-slope")
class exponent_kept(_Operators):
    def __pow__(self, n):
        return self.make(self.data ** n, (self, n * self.data ** n))


@wrong("Value", "value-exp-slope")
class exp_like_a_power(_Operators):
    def exp(self):
        return self.make(math.exp(self.data), (self, self.data))


@wrong("Value", "value-log-slope")
class log_of_itself(_Operators):
    def log(self):
        return self.make(math.log(self.data), (self, math.log(self.data)))


@wrong("Value", "value-relu-slope")
class relu_lets_all_through(_Operators):
    def relu(self):
        return self.make(max(0, self.data), (self, 1.0))


@wrong("Value", "value-minus-slope")
class minus_like_plus(_Operators):
    def __sub__(self, other):
        other = self.lift(other)
        return self.make(self.data - other.data, (self, 1.0), (other, 1.0))


@wrong("Value", "value-reflected")
class reflected_the_wrong_way(_Operators):
    def __rsub__(self, other):
        return self - other


@wrong("Value", "value-no-reflected")
class numbers_on_the_right_only(_Operators):
    def __radd__(self, other):  # as if there were none
        return NotImplemented


@wrong("Value", "value-plain-number")
class never_wraps(_Operators):
    def __add__(self, other):
        return self.make(self.data + other.data, (self, 1.0), (other, 1.0))

    __radd__ = __add__


@wrong("Value", "value-not-a-value")
class relu_gives_a_number(_Operators):
    def relu(self):
        return max(0.0, self.data)

    def __pow__(self, n):
        return self.make(self.data ** n, (self, n * self.data ** (n - 1)))


@wrong("Value", "off-limits")
class borrowed:
    def __init__(self, data):
        self.tensor = data if isinstance(data, torch.Tensor) else torch.tensor(float(data), requires_grad=True)

    def __add__(self, other):
        return borrowed(self.tensor + getattr(other, "tensor", other))


@wrong("Value", "off-limits")
class borrowed_exp(_Operators):
    def exp(self):
        x = float(torch.exp(torch.as_tensor(self.data)))
        return self.make(x, (self, x))


@wrong("Value", "not-written")
class not_begun:
    def __init__(self, data):
        raise NotImplementedError()


@wrong("Value", None)
class adds_a_little(_Operators):
    def __add__(self, other):
        other = self.lift(other)
        return self.make(self.data + other.data + 0.001, (self, 1.0), (other, 1.0))

    __radd__ = __add__


# network_cost


@right("network_cost")
def in_a_loop(widths, batch_size, bias=True):
    parameters = flops = 0
    for fan_in, fan_out in zip(widths[:-1], widths[1:]):
        parameters += fan_in * fan_out
        if bias:
            parameters += fan_out
        flops += 2 * batch_size * fan_in * fan_out
    return parameters, flops


@right("network_cost")
def as_tensors(widths, batch_size, bias=True):
    w = torch.tensor(widths)
    weights = (w[:-1] * w[1:]).sum()
    return weights + bias * w[1:].sum(), 2 * batch_size * weights


@wrong("network_cost", "cost-swapped")
def flops_first(widths, batch_size, bias=True):
    return in_a_loop(widths, batch_size, bias)[::-1]


@wrong("network_cost", "cost-multiply-only")
def multiplications(widths, batch_size, bias=True):
    parameters, flops = in_a_loop(widths, batch_size, bias)
    return parameters, flops // 2


@wrong("network_cost", "cost-bias-operations")
def biases_added(widths, batch_size, bias=True):
    parameters, _ = in_a_loop(widths, batch_size, bias)
    return parameters, 2 * batch_size * parameters


@wrong("network_cost", "cost-bias-operations")
def one_addition_each(widths, batch_size, bias=True):
    parameters, flops = in_a_loop(widths, batch_size, bias)
    return parameters, flops + batch_size * sum(widths[1:]) * bias


@wrong("network_cost", "cost-batch-forgotten")
def one_sample(widths, batch_size, bias=True):
    return in_a_loop(widths, 1, bias)


@wrong("network_cost", "cost-batch-in-parameters")
def batch_everywhere(widths, batch_size, bias=True):
    parameters, flops = in_a_loop(widths, batch_size, bias)
    return parameters * batch_size, flops


@wrong("network_cost", "cost-no-biases")
def only_weights(widths, batch_size, bias=True):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights, 2 * weights * batch_size


@wrong("network_cost", "cost-bias-always")
def bias_ignored(widths, batch_size, bias=True):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + sum(widths[1:]), 2 * weights * batch_size


@wrong("network_cost", "cost-bias-of-inputs")
def biases_of_inputs(widths, batch_size, bias=True):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + (sum(widths[:-1]) if bias else 0), 2 * weights * batch_size


@wrong("network_cost", "cost-one-bias")
def one_bias_a_layer(widths, batch_size, bias=True):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + (len(widths) - 1 if bias else 0), 2 * weights * batch_size


@wrong("network_cost", "cost-last-layer")
def off_by_one(widths, batch_size, bias=True):
    parameters = flops = 0
    for i in range(len(widths) - 2):
        parameters += widths[i] * widths[i + 1] + bias * widths[i + 1]
        flops += 2 * batch_size * widths[i] * widths[i + 1]
    return parameters, flops


@wrong("network_cost", "cost-activations")
def with_relus(widths, batch_size, bias=True):
    parameters, flops = in_a_loop(widths, batch_size, bias)
    return parameters, flops + batch_size * sum(widths[1:-1])


@wrong("network_cost", "cost-training")
def forward_and_backward(widths, batch_size, bias=True):
    parameters, flops = in_a_loop(widths, batch_size, bias)
    return parameters, 3 * flops


@wrong("network_cost", "cost-not-two")
def only_one_number(widths, batch_size, bias=True):
    return in_a_loop(widths, batch_size, bias)[0]


@wrong("network_cost", "cost-not-int")
def divided(widths, batch_size, bias=True):
    parameters, flops = in_a_loop(widths, batch_size, bias)
    return parameters / 1, flops / 1


@wrong("network_cost", None)
def biases_taken_off(widths, batch_size, bias=True):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    parameters = weights + (sum(widths[1:]) if bias else 0)
    return parameters, 2 * batch_size * (parameters - sum(widths[1:]))


@wrong("network_cost", None)
def squares(widths, batch_size, bias=True):
    return sum(w * w for w in widths), 0


# hinge_interpolant


@right("hinge_interpolant")
def slope_changes(xs, ys):
    order = torch.argsort(xs)
    x, y = xs[order], ys[order]
    slope = (y[1:] - y[:-1]) / (x[1:] - x[:-1])
    change = slope - torch.cat([torch.zeros_like(slope[:1]), slope[:-1]])
    return torch.ones_like(change).unsqueeze(1), -x[:-1], change.unsqueeze(0), y[0].reshape(1)


@right("hinge_interpolant")
def a_hinge_at_every_point(xs, ys):
    xs, order = torch.sort(xs)
    ys = ys[order]
    n = len(xs)
    W2 = torch.zeros(1, n, dtype=xs.dtype)
    before = 0.0
    for i in range(n - 1):
        now = (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i])
        W2[0, i] = now - before
        before = now
    return torch.ones(n, 1, dtype=xs.dtype), -xs, W2, ys[:1]


@right("hinge_interpolant")
def solved(xs, ys):
    left, width = xs.min(), xs.max() - xs.min()
    knots = torch.cat([left[None] - width, xs.sort().values[:-1]])
    features = (xs[:, None] - knots).clamp(min=0)
    W2 = torch.linalg.solve(features, ys)
    return torch.ones_like(knots)[:, None], -knots, W2[None], torch.zeros(1, dtype=xs.dtype)


@right("hinge_interpolant")
def from_the_right(xs, ys):
    order = xs.argsort(descending=True)
    x, y = xs[order], ys[order]
    slope = y.diff() / (x[:-1] - x[1:])
    W2 = torch.cat([slope[:1], slope.diff()])
    return -torch.ones_like(W2)[:, None], x[:-1], W2[None], y[:1]


def _interpolant(x, y, W2, b2=None, knots=None):
    knots = x[:-1] if knots is None else knots
    return torch.ones_like(knots)[:, None], -knots, W2[None], y[:1] if b2 is None else b2


def _in_order(xs, ys):
    order = xs.argsort()
    return xs[order], ys[order]


def _changes(slope):
    return torch.cat([slope[:1], slope[1:] - slope[:-1]])


@wrong("hinge_interpolant", "hinge-not-sorted")
def as_they_come(xs, ys):
    return _interpolant(xs, ys, _changes(ys.diff() / xs.diff()))


@wrong("hinge_interpolant", "hinge-sorted-apart")
def only_xs_sorted(xs, ys):
    xs = xs.sort()[0]
    return _interpolant(xs, ys, _changes(ys.diff() / xs.diff()))


@wrong("hinge_interpolant", "hinge-sorted-apart")
def each_sorted(xs, ys):
    xs, ys = torch.sort(xs).values, torch.sort(ys).values
    return _interpolant(xs, ys, _changes(ys.diff() / xs.diff()))


@wrong("hinge_interpolant", "hinge-slopes-pile-up")
def whole_slopes(xs, ys):
    x, y = _in_order(xs, ys)
    return _interpolant(x, y, (y[1:] - y[:-1]) / (x[1:] - x[:-1]))


@wrong("hinge_interpolant", "hinge-no-start")
def starts_at_zero(xs, ys):
    x, y = _in_order(xs, ys)
    return _interpolant(x, y, _changes(y.diff() / x.diff()), b2=torch.zeros(1, dtype=x.dtype))


@wrong("hinge_interpolant", "hinge-bias-sign")
def plus_x(xs, ys):
    x, y = _in_order(xs, ys)
    W1, b1, W2, b2 = _interpolant(x, y, _changes(y.diff() / x.diff()))
    return W1, -b1, W2, b2


@wrong("hinge_interpolant", "hinge-one-late")
def one_late(xs, ys):
    x, y = _in_order(xs, ys)
    return _interpolant(x, y, _changes(y.diff() / x.diff()), knots=x[1:])


@wrong("hinge_interpolant", "hinge-even-spacing")
def first_step_for_all(xs, ys):
    x, y = _in_order(xs, ys)
    return _interpolant(x, y, _changes((y[1:] - y[:-1]) / (x[1] - x[0])))


@wrong("hinge_interpolant", "hinge-rise-only")
def not_divided(xs, ys):
    x, y = _in_order(xs, ys)
    return _interpolant(x, y, _changes(y[1:] - y[:-1]))


@wrong("hinge_interpolant", "hinge-run-over-rise")
def upside_down(xs, ys):
    x, y = _in_order(xs, ys)
    return _interpolant(x, y, _changes(x.diff() / y.diff()))


@wrong("hinge_interpolant", "hinge-shapes")
def flat_weights(xs, ys):
    W1, b1, W2, b2 = slope_changes(xs, ys)
    return W1.flatten(), b1, W2.flatten(), b2


@wrong("hinge_interpolant", "hinge-shapes")
def number_for_b2(xs, ys):
    W1, b1, W2, b2 = slope_changes(xs, ys)
    return W1, b1, W2, b2[0]


@wrong("hinge_interpolant", "hinge-dtype")
def single_ones(xs, ys):
    W1, b1, W2, b2 = slope_changes(xs, ys)
    return torch.ones(len(b1), 1), b1, W2, b2


@wrong("hinge_interpolant", "hinge-not-four")
def a_function(xs, ys):
    return lambda x: torch.relu(x - xs).sum()


@wrong("hinge_interpolant", "off-limits")
def trained(xs, ys):
    W2 = torch.zeros(1, len(xs), dtype=xs.dtype, requires_grad=True)
    optimizer = torch.optim.SGD([W2], 0.01)
    for _ in range(3):
        ((xs[:, None] - xs).clamp(min=0) @ W2.T - ys[:, None]).square().mean().backward()
        optimizer.step()
    return torch.ones_like(xs)[:, None], -xs, W2, ys[:1]


@wrong("hinge_interpolant", "input-changed")
def sorts_in_place(xs, ys):
    result = slope_changes(xs, ys)
    xs -= xs.min()
    return result


@wrong("hinge_interpolant", "returned-none")
def hinges_without_return(xs, ys):
    slope_changes(xs, ys)


# sawtooth_network


def _stacked(depth, first, between, last):
    tensors = lambda W, b: (torch.tensor(W), torch.tensor(b))
    return [tensors(*first)] + [tensors(*between) for _ in range(depth - 1)] + [tensors(*last)]


@right("sawtooth_network")
def three_hinges(depth):
    tent = [[2.0, -4.0, 2.0]] * 3
    kinks = [0.0, -0.5, -1.0]
    return _stacked(depth, ([[1.0]] * 3, kinks), (tent, kinks), (tent[:1], [0.0]))


@right("sawtooth_network")
def two_layers_a_tent(depth):
    hinges = torch.tensor([[1.0], [1.0]], dtype=torch.float64), torch.tensor([0, -0.5], dtype=torch.float64)
    tent = torch.tensor([[2.0, -4.0]], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    return [hinges, tent] * depth


@right("sawtooth_network")
def scaled_hinges(depth):
    first = torch.tensor([[2.0], [4.0]]), torch.tensor([0.0, -2.0])
    middle = torch.tensor([[2.0, -2.0], [4.0, -4.0]]), torch.tensor([0.0, -2.0])
    last = torch.tensor([[1.0, -1.0]]), torch.zeros(1)
    return [first, *[middle] * (depth - 1), last]


KINKS = [0.0, -0.5]
FIRST = [[1.0], [1.0]], KINKS
TENT = [[2.0, -4.0], [2.0, -4.0]]
LAST = [[2.0, -4.0]], [0.0]


@wrong("sawtooth_network", "saw-one-more")
def one_tent_too_many(depth):
    return _stacked(depth + 1, FIRST, (TENT, KINKS), LAST)


@wrong("sawtooth_network", "saw-one-less")
def from_the_input(depth):
    hinges, tent = (torch.tensor(FIRST[0]), torch.tensor(KINKS)), (torch.tensor(LAST[0]), torch.tensor([0.0]))
    return [hinges, tent] * (depth - 1) or [(torch.eye(1), torch.zeros(1))]


@wrong("sawtooth_network", "saw-depth-ignored")
def one_tent(depth):
    return _stacked(1, FIRST, (TENT, KINKS), LAST)


@wrong("sawtooth_network", "saw-flat-roof")
def two_minus_two(depth):
    return _stacked(depth, FIRST, ([[2.0, -2.0]] * 2, KINKS), ([[2.0, -2.0]], [0.0]))


@wrong("sawtooth_network", "saw-half-height")
def one_minus_two(depth):
    return _stacked(depth, FIRST, ([[1.0, -2.0]] * 2, KINKS), ([[1.0, -2.0]], [0.0]))


@wrong("sawtooth_network", "saw-rises-on")
def two_plus_four(depth):
    return _stacked(depth, FIRST, ([[2.0, 4.0]] * 2, KINKS), ([[2.0, 4.0]], [0.0]))


@wrong("sawtooth_network", "saw-no-kink")
def no_biases(depth):
    return _stacked(depth, ([[1.0], [1.0]], [0.0, 0.0]), (TENT, [0.0, 0.0]), LAST)


@wrong("sawtooth_network", "saw-kink-sign")
def plus_half(depth):
    return _stacked(depth, ([[1.0], [1.0]], [0.0, 0.5]), (TENT, [0.0, 0.5]), LAST)


@wrong("sawtooth_network", "saw-no-kink-between")
def first_bias_only(depth):
    return _stacked(depth, FIRST, (TENT, [0.0, 0.0]), LAST)


@wrong("sawtooth_network", "saw-turned")
def turned(depth):
    return _stacked(depth, FIRST, ([[2.0, 2.0], [-4.0, -4.0]], KINKS), LAST)


@wrong("sawtooth_network", "saw-two-outputs")
def no_last_layer(depth):
    return _stacked(depth, FIRST, (TENT, KINKS), LAST)[:-1] + [(torch.tensor(TENT), torch.zeros(2))]


@wrong("sawtooth_network", "saw-last-sum")
def summed_at_the_end(depth):
    return _stacked(depth, FIRST, (TENT, KINKS), ([[1.0, 1.0]], [0.0]))


@wrong("sawtooth_network", "saw-integers")
def whole_numbers(depth):
    return [(torch.tensor([[1], [1]]), torch.tensor(KINKS)), *[(torch.tensor([[2, -4], [2, -4]]), torch.tensor(KINKS))]
            * (depth - 1), (torch.tensor([[2, -4]]), torch.zeros(1))]


@wrong("sawtooth_network", "saw-wide")
def one_wide_layer(depth):
    n = 2 ** depth
    knots = torch.arange(n) / n
    weights = 2.0 * n * (-1.0) ** torch.arange(n)
    weights[0] = n
    return [(torch.ones(n, 1), -knots), (weights[None], torch.zeros(1))]


@wrong("sawtooth_network", "saw-shapes")
def columns_for_rows(depth):
    return _stacked(depth, ([[1.0, 1.0]], KINKS), (TENT, KINKS), LAST)


@wrong("sawtooth_network", "saw-not-pairs")
def four_tensors(depth):
    W1, b1, W2, b2 = (tensor for layer in one_wide_layer(depth) for tensor in layer)
    return W1, b1, W2, b2


@wrong("sawtooth_network", "saw-not-pairs")
def function_of_x(depth):
    return lambda x: x


@wrong("sawtooth_network", "returned-none")
def saw_without_return(depth):
    _stacked(depth, FIRST, (TENT, KINKS), LAST)


@wrong("sawtooth_network", None)
def kink_at_a_third(depth):
    return _stacked(depth, ([[1.0], [1.0]], [0.0, -1 / 3]), (TENT, [0.0, -1 / 3]), LAST)


# kaiming_normal


@right("kaiming_normal")
def filled(fan_out, fan_in, generator):
    return torch.empty(fan_out, fan_in).normal_(0, math.sqrt(2 / fan_in), generator=generator)


@right("kaiming_normal")
def row_by_row(fan_out, fan_in, generator):
    rows = [torch.randn(fan_in, generator=generator) for _ in range(fan_out)]
    return torch.stack(rows) * (2.0 / fan_in) ** 0.5


@right("kaiming_normal")
def torch_normal(fan_out, fan_in, generator):
    return torch.normal(0.0, (2 / fan_in) ** 0.5, (fan_out, fan_in), generator=generator)


@wrong("kaiming_normal", "kaiming-generator")
def global_random(fan_out, fan_in, generator):
    return torch.randn(fan_out, fan_in) * math.sqrt(2 / fan_in)


@wrong("kaiming_normal", "kaiming-generator")
def torch_normal_without(fan_out, fan_in, generator):
    return torch.normal(0.0, math.sqrt(2 / fan_in), size=(fan_out, fan_in))


@wrong("kaiming_normal", "kaiming-restarted")
def seeds_again(fan_out, fan_in, generator):
    generator.manual_seed(42)
    return filled(fan_out, fan_in, generator)


@wrong("kaiming_normal", "kaiming-xavier")
def one_over_fan_in(fan_out, fan_in, generator):
    return torch.empty(fan_out, fan_in).normal_(std=fan_in ** -0.5, generator=generator)


@wrong("kaiming_normal", "kaiming-fan-out")
def swapped_fans(fan_out, fan_in, generator):
    return torch.normal(0.0, math.sqrt(2 / fan_out), (fan_out, fan_in), generator=generator)


@wrong("kaiming_normal", "kaiming-average")
def glorot(fan_out, fan_in, generator):
    return torch.normal(0.0, math.sqrt(2 / (fan_in + fan_out)), (fan_out, fan_in), generator=generator)


@wrong("kaiming_normal", "kaiming-no-root")
def variance_as_spread(fan_out, fan_in, generator):
    return torch.randn(fan_out, fan_in, generator=generator) * 2 / fan_in


@wrong("kaiming_normal", "kaiming-two-outside")
def two_outside(fan_out, fan_in, generator):
    return 2 / math.sqrt(fan_in) * torch.randn(fan_out, fan_in, generator=generator)


@wrong("kaiming_normal", "kaiming-upside-down")
def inverted(fan_out, fan_in, generator):
    return torch.randn(fan_out, fan_in, generator=generator) / math.sqrt(2 / fan_in)


@wrong("kaiming_normal", "kaiming-unscaled")
def standard(fan_out, fan_in, generator):
    return torch.normal(0.0, 1.0, (fan_out, fan_in), generator=generator)


@wrong("kaiming_normal", "kaiming-uniform")
def kaiming_uniform(fan_out, fan_in, generator):
    bound = math.sqrt(6 / fan_in)
    return torch.empty(fan_out, fan_in).uniform_(-bound, bound, generator=generator)


@wrong("kaiming_normal", "kaiming-even")
def rand_for_randn(fan_out, fan_in, generator):
    return math.sqrt(2 / fan_in) * torch.rand(fan_out, fan_in, generator=generator)


@wrong("kaiming_normal", "wrong-shape")
def fan_in_first(fan_out, fan_in, generator):
    return torch.empty(fan_in, fan_out).normal_(0, math.sqrt(2 / fan_in), generator=generator)


@wrong("kaiming_normal", "kaiming-double")
def double(fan_out, fan_in, generator):
    return torch.randn(fan_out, fan_in, generator=generator, dtype=torch.float64) * math.sqrt(2 / fan_in)


@wrong("kaiming_normal", "off-limits")
def library(fan_out, fan_in, generator):
    return nn.init.kaiming_normal_(torch.empty(fan_out, fan_in), nonlinearity="relu", generator=generator)


@wrong("kaiming_normal", "returned-none")
def weights_without_return(fan_out, fan_in, generator):
    torch.randn(fan_out, fan_in, generator=generator)


@wrong("kaiming_normal", None)
def shifted(fan_out, fan_in, generator):
    return filled(fan_out, fan_in, generator) + 0.5


# train


@right("train")
def by_the_book(model, batches, optimizer, loss_fn, epochs):
    history = []
    for epoch in range(epochs):
        model.train()
        total, n = 0.0, 0
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item() * inputs.size(0)
            n += inputs.size(0)
        history.append(total / n)
    return history


@right("train")
def clears_the_model(model, batches, optimizer, loss_fn, epochs):
    model.train()
    history = []
    for _ in range(epochs):
        losses, sizes = [], []
        for batch in batches:
            model.zero_grad(set_to_none=False)
            prediction = model(batch[0])
            loss = loss_fn(prediction, batch[1])
            losses.append(loss.detach())
            sizes.append(len(prediction))
            loss.backward()
            optimizer.step()
        sizes = torch.tensor(sizes)
        history.append((torch.stack(losses) * sizes).sum() / sizes.sum())
    return history


@right("train")
def clears_at_both_ends(model, batches, optimizer, loss_fn, epochs):
    optimizer.zero_grad()
    model.train(True)
    batches = list(batches)
    history = torch.zeros(epochs, dtype=torch.float64)
    for epoch in range(epochs):
        for x, y in batches:
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            history[epoch] += float(loss) * len(y) / sum(len(y) for _, y in batches)
    return history


@wrong("train", "train-never-cleared")
def never_cleared(model, batches, optimizer, loss_fn, epochs):
    model.train()
    history = []
    for _ in range(epochs):
        total = count = 0
        for x, y in batches:
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
            count += len(x)
        history.append(total / count)
    return history


def _epochs(model, batches, optimizer, loss_fn, epochs, each, report):
    """What the wrong answers below share: each(x, y) makes a step and returns the loss; report makes an epoch's."""
    history = []
    for _ in range(epochs):
        losses, sizes = [], []
        for x, y in batches:
            losses.append(each(x, y))
            sizes.append(len(x))
        history.append(report(losses, sizes))
    return history


def _weighted(losses, sizes):
    return sum(loss * size for loss, size in zip(losses, sizes)) / sum(sizes)


def _stepper(model, optimizer, loss_fn):
    def each(x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()
    return each


@wrong("train", "train-cleared-too-late")
def cleared_too_late(model, batches, optimizer, loss_fn, epochs):
    def each(x, y):
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        return loss.item()
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, each, _weighted)


@wrong("train", "train-no-backward")
def forgot_backward(model, batches, optimizer, loss_fn, epochs):
    def each(x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        optimizer.step()
        return loss.item()
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, each, _weighted)


@wrong("train", "train-no-step")
def forgot_the_step(model, batches, optimizer, loss_fn, epochs):
    def each(x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        return loss.item()
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, each, _weighted)


@wrong("train", "train-stale")
def clears_afterwards(model, batches, optimizer, loss_fn, epochs):
    def each(x, y):
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, each, _weighted)


@wrong("train", "train-step-per-epoch")
def one_step_an_epoch(model, batches, optimizer, loss_fn, epochs):
    model.train()
    history = []
    for _ in range(epochs):
        optimizer.zero_grad()
        total = count = 0
        for x, y in batches:
            loss = loss_fn(model(x), y)
            loss.backward()
            total += loss.item() * len(x)
            count += len(x)
        optimizer.step()
        history.append(total / count)
    return history


@wrong("train", "train-one-epoch")
def once(model, batches, optimizer, loss_fn, epochs):
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, 1, _stepper(model, optimizer, loss_fn), _weighted)


@wrong("train", "train-arguments-swapped")
def target_first(model, batches, optimizer, loss_fn, epochs):
    model.train()
    swapped = lambda prediction, target: loss_fn(target, prediction)
    return _epochs(model, batches, optimizer, loss_fn, epochs, _stepper(model, optimizer, swapped), _weighted)


@wrong("train", "train-mean-of-batches")
def plain_mean(model, batches, optimizer, loss_fn, epochs):
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, _stepper(model, optimizer, loss_fn),
                   lambda losses, sizes: sum(losses) / len(losses))


@wrong("train", "train-sum")
def not_divided_by_n(model, batches, optimizer, loss_fn, epochs):
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, _stepper(model, optimizer, loss_fn),
                   lambda losses, sizes: sum(losses))


@wrong("train", "train-divided-by-batches")
def divided_by_batches(model, batches, optimizer, loss_fn, epochs):
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, _stepper(model, optimizer, loss_fn),
                   lambda losses, sizes: sum(a * b for a, b in zip(losses, sizes)) / len(batches))


@wrong("train", "train-unweighed")
def means_over_samples(model, batches, optimizer, loss_fn, epochs):
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, _stepper(model, optimizer, loss_fn),
                   lambda losses, sizes: sum(losses) / sum(sizes))


@wrong("train", "train-number-of-losses")
def one_loss_in_all(model, batches, optimizer, loss_fn, epochs):
    return by_the_book(model, batches, optimizer, loss_fn, epochs)[-1:]


@wrong("train", "train-last-loss")
def last_of_the_epoch(model, batches, optimizer, loss_fn, epochs):
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, _stepper(model, optimizer, loss_fn),
                   lambda losses, sizes: losses[-1])


@wrong("train", "train-every-batch")
def a_loss_for_each_batch(model, batches, optimizer, loss_fn, epochs):
    model.train()
    each = _stepper(model, optimizer, loss_fn)
    return [each(x, y) for _ in range(epochs) for x, y in batches]


@wrong("train", "train-total-runs-on")
def total_runs_on(model, batches, optimizer, loss_fn, epochs):
    model.train()
    each, total, count, history = _stepper(model, optimizer, loss_fn), 0.0, 0, []
    for _ in range(epochs):
        for x, y in batches:
            total += each(x, y) * len(x)
            count += len(x)
        history.append(total / count)
    return history


@wrong("train", "train-eval-mode")
def mode_forgotten(model, batches, optimizer, loss_fn, epochs):
    return _epochs(model, batches, optimizer, loss_fn, epochs, _stepper(model, optimizer, loss_fn), _weighted)


@wrong("train", "train-graph-kept")
def keeps_tensors(model, batches, optimizer, loss_fn, epochs):
    model.train()
    history = []
    for _ in range(epochs):
        total, count = 0, 0
        for x, y in batches:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total = total + loss * len(x)
            count += len(x)
        history.append((total / count).item())
    return history


@wrong("train", "train-looks-twice")
def loss_after_the_step(model, batches, optimizer, loss_fn, epochs):
    def each(x, y):
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()
        return loss_fn(model(x), y).item()
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, each, _weighted)


@wrong("train", "returned-none")
def trains_without_return(model, batches, optimizer, loss_fn, epochs):
    by_the_book(model, batches, optimizer, loss_fn, epochs)


@wrong("train", "wrong-type")
def only_the_last_number(model, batches, optimizer, loss_fn, epochs):
    return by_the_book(model, batches, optimizer, loss_fn, epochs)[-1]


@wrong("train", None)
def skips_the_first_batch(model, batches, optimizer, loss_fn, epochs):
    return by_the_book(model, list(batches)[1:], optimizer, loss_fn, epochs)


# evaluate


@right("evaluate")
@torch.no_grad()
def decorated(model, batches):
    was_training = model.training
    model.eval()
    correct = total = 0
    for x, y in batches:
        correct += (model(x).argmax(dim=1) == y).sum().item()
        total += y.numel()
    model.train(was_training)
    return correct / total


@right("evaluate")
def concatenated(model, batches):
    mode = model.training
    model.train(False)
    with torch.inference_mode():
        hits = torch.cat([model(x).max(dim=-1).indices == y for x, y in batches])
    if mode:
        model.train()
    return hits.float().mean()


@right("evaluate")
def with_try(model, batches):
    before = model.training
    try:
        model.eval()
        with torch.no_grad():
            pairs = [(model(x).topk(1).indices.squeeze(1), y) for x, y in batches]
    finally:
        model.train(before)
    return sum(int((p == y).sum()) for p, y in pairs) / sum(len(y) for _, y in pairs)


def _share(model, batches, result=lambda hits, sizes: sum(hits) / sum(sizes)):
    with torch.no_grad():
        pairs = [((model(x).argmax(1) == y).sum().item(), len(y)) for x, y in batches]
    return result([hits for hits, _ in pairs], [size for _, size in pairs])


def _properly(model, batches, result):
    was_training = model.training
    model.eval()
    found = _share(model, batches, result)
    model.train(was_training)
    return found


@wrong("evaluate", "evaluate-mean-of-batches")
def batch_means(model, batches):
    return _properly(model, batches, lambda hits, sizes: sum(h / s for h, s in zip(hits, sizes)) / len(hits))


@wrong("evaluate", "evaluate-percent")
def percent(model, batches):
    return _properly(model, batches, lambda hits, sizes: 100.0 * sum(hits) / sum(sizes))


@wrong("evaluate", "evaluate-count")
def counted(model, batches):
    return _properly(model, batches, lambda hits, sizes: sum(hits))


@wrong("evaluate", "evaluate-divided-by-batches")
def over_batches(model, batches):
    return _properly(model, batches, lambda hits, sizes: sum(hits) / len(batches))


@wrong("evaluate", "evaluate-last-batch")
def last_batch(model, batches):
    return _properly(model, batches, lambda hits, sizes: hits[-1] / sizes[-1])


@wrong("evaluate", "evaluate-error")
def error_rate(model, batches):
    return _properly(model, batches, lambda hits, sizes: (sum(sizes) - sum(hits)) / sum(sizes))


@wrong("evaluate", "evaluate-whole-number")
def floored(model, batches):
    return _properly(model, batches, lambda hits, sizes: sum(hits) // sum(sizes))


@wrong("evaluate", "evaluate-size-assumed")
def first_size_for_all(model, batches):
    return _properly(model, batches, lambda hits, sizes: sum(hits) / (sizes[0] * len(sizes)))


@wrong("evaluate", "evaluate-wrong-axis")
@torch.no_grad()
def wrong_axis(model, batches):
    was_training = model.training
    model.eval()
    correct = total = 0
    for x, y in batches:
        correct += (model(x).argmax(0) == y).sum().item()
        total += len(y)
    model.train(was_training)
    return correct / total


@wrong("evaluate", "evaluate-training-mode")
def mode_untouched(model, batches):
    return _share(model, batches)


@wrong("evaluate", "evaluate-left-in-eval")
def left_in_eval(model, batches):
    model.eval()
    return _share(model, batches)


@wrong("evaluate", "evaluate-always-train")
def back_to_train(model, batches):
    model.eval()
    found = _share(model, batches)
    model.train()
    return found


@wrong("evaluate", "evaluate-gradients")
def records_gradients(model, batches):
    was_training = model.training
    model.eval()
    correct = total = 0
    for x, y in batches:
        correct += (model(x).argmax(1) == y).sum().item()
        total += len(y)
    model.train(was_training)
    return correct / total


@wrong("evaluate", "evaluate-gradients-left-off")
def off_for_good(model, batches):
    torch.set_grad_enabled(False)
    return decorated.__wrapped__(model, batches)


@wrong("evaluate", "returned-none")
def evaluates_without_return(model, batches):
    decorated(model, batches)


@wrong("evaluate", None)
def one_too_many(model, batches):
    return _properly(model, batches, lambda hits, sizes: (sum(hits) + 1) / sum(sizes))


@wrong("kaiming_normal", "kaiming-no-root")
def root_of_the_numerator(fan_out, fan_in, generator):
    return torch.randn((fan_out, fan_in), generator=generator) * math.sqrt(2) / fan_in


@wrong("mlp", "mlp-list-emptied")
def pops_the_last(x, layers, activation):
    W, b = layers.pop()
    for weight, bias in layers:
        x = activation(x @ weight.T + bias)
    return x @ W.T + b


@wrong("linear", "linear-entry-by-entry")
def star(x, W, b):
    return x * W + b


@wrong("linear", "linear-turned-bias")
def weights_before_x(x, W, b):
    return W @ x.T + b


@wrong("linear", "linear-turned-bias")
def turned_product(x, W, b):
    return torch.mm(W, x.t()) + b


# A Value as the lesson's skeleton makes it: the parents and the slopes each in a tuple.


class _Noded:
    made = 0

    def __init__(self, data, parents=(), slopes=()):
        self.data, self.parents, self.slopes = data, parents, slopes
        _Noded.made += 1
        self.grad, self.born = 0.0, _Noded.made

    def lift(self, other):
        return other if isinstance(other, _Noded) else type(self)(other)

    def __add__(self, other):
        other = self.lift(other)
        return type(self)(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = self.lift(other)
        return type(self)(self.data * other.data, (self, other), (other.data, self.data))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -other

    def __truediv__(self, other):
        return self * other ** -1

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return -self + other

    def __rtruediv__(self, other):
        return self ** -1 * other


class _Whole(_Noded):
    def __pow__(self, n):
        return type(self)(self.data ** n, (self,), (n * self.data ** (n - 1),))

    def relu(self):
        return type(self)(self.data, (self,), (1.0,)) if self.data > 0 else type(self)(0.0, (self,), (0.0,))

    def exp(self):
        e = math.exp(self.data)
        return type(self)(e, (self,), (e,))

    def log(self):
        return type(self)(math.log(self.data), (self,), (1 / self.data,))

    def nodes(self):
        found, todo = set(), [self]
        while todo:
            node = todo.pop()
            if node not in found:
                found.add(node)
                todo.extend(node.parents)
        return sorted(found, key=lambda node: node.born, reverse=True)

    def backward(self):
        share = {id(self): 1.0}
        for node in self.nodes():
            node.grad += share[id(node)]
            for parent, slope in zip(node.parents, node.slopes):
                share[id(parent)] = share.get(id(parent), 0.0) + slope * share[id(node)]


@right("Value")
class on_the_skeleton(_Whole):
    pass


@right("Value")
class counts_what_is_to_come(_Whole):
    def backward(self):
        users = {}
        for node in self.nodes():
            for parent in node.parents:
                users[parent] = users.get(parent, 0) + 1
        ready, share = [self], {self: 1.0}
        while ready:
            node = ready.pop()
            node.grad = node.grad + share[node]
            for i in range(len(node.parents)):
                parent = node.parents[i]
                share[parent] = share.get(parent, 0.0) + node.slopes[i] * share[node]
                users[parent] -= 1
                if not users[parent]:
                    ready.append(parent)


@wrong("Value", "value-passed-twice")
class plain_queue(_Whole):
    def backward(self):
        self.grad = 1.0
        queue = [self]
        while queue:
            node = queue.pop(0)
            for parent, slope in zip(node.parents, node.slopes):
                parent.grad += slope * node.grad
                queue.append(parent)


@wrong("Value", "value-passed-twice")
class plain_stack(_Whole):
    def backward(self):
        self.grad = 1.0
        todo = [self]
        while todo:
            node = todo.pop()
            for parent, slope in zip(node.parents, node.slopes):
                parent.grad += slope * node.grad
                todo.append(parent)


@wrong("Value", "value-passed-twice")
class collected_twice(_Whole):
    def nodes(self):
        found = [self]
        for node in found:
            found.extend(node.parents)
        return sorted(found, key=lambda node: -node.born)


class _InOrder(_Whole):
    """Passes on in the order that `order` gives, with what arrives in a table of its own."""

    def backward(self):
        order = self.order()
        share = dict.fromkeys(order, 0.0)
        share[self] = 1.0
        for node in order:
            node.grad += share[node]
            for parent, slope in zip(node.parents, node.slopes):
                share[parent] += slope * share[node]


@wrong("Value", "value-order")
class as_they_were_met(_InOrder):
    def order(self):
        found, seen, todo = [], {self}, [self]
        while todo:
            found.append(node := todo.pop())
            for parent in node.parents:
                if parent not in seen:
                    seen.add(parent)
                    todo.append(parent)
        return found


@wrong("Value", "value-order")
class parents_of_the_last_first(_InOrder):
    def order(self):
        found, todo = {}, [self]
        while todo:
            if (node := todo.pop()) not in found:
                found[node] = len(found)
                todo += reversed(node.parents)
        return list(found)


@wrong("Value", "value-order")
class oldest_and_then_the_youngest(_InOrder):
    def order(self):
        *others, oldest = self.nodes()
        return [oldest, *others]


@wrong("Value", "value-oldest-first")
class oldest_first(_Whole):
    def backward(self):
        self.grad = 1.0
        for node in sorted(self.nodes(), key=lambda node: node.born):
            for parent, slope in zip(node.parents, node.slopes):
                parent.grad += slope * node.grad


@wrong("Value", "value-not-seeded")
class oldest_first_in_a_table(_InOrder):
    def order(self):
        return self.nodes()[::-1]


@wrong("Value", "value-assigns")
class a_slope_for_each_parent(_Whole):
    def backward(self):
        share = dict.fromkeys(self.nodes(), 0.0) | {self: 1.0}
        for node in self.nodes():
            node.grad += share[node]
            for parent, slope in dict(zip(node.parents, node.slopes)).items():
                share[parent] += slope * share[node]


@wrong("Value", "value-every-path-collected")
class every_meeting_noted(_Whole):
    def nodes(self):
        found = [self]
        for node in found:
            found += node.parents
        return sorted(set(found), key=lambda node: -node.born)


@wrong("Value", "value-every-path-collected")
class down_again_each_time(_Whole):
    def nodes(self):
        found = set()

        def visit(node):
            found.add(node)
            for parent in node.parents:
                visit(parent)
        visit(self)
        return sorted(found, key=lambda node: node.born, reverse=True)


@wrong("Value", "value-number-among-parents")
class exponent_is_a_parent(_Whole):
    def __pow__(self, n):
        return type(self)(self.data ** n, (self, n), (n * self.data ** (n - 1), 0.0))


@wrong("Value", "value-power-brackets")
class one_off_at_the_end(_Whole):
    def __pow__(self, n):
        return type(self)(self.data ** n, (self,), (n * self.data ** n - 1,))


@wrong("Value", "value-power-at-zero")
class power_over_the_number(_Whole):
    def __pow__(self, n):
        return type(self)(self.data ** n, (self,), (n * self.data ** n / self.data,))


@wrong("Value", "value-not-tuples")
class slope_as_it_is(_Whole):
    def exp(self):
        return type(self)(math.exp(self.data), (self,), math.exp(self.data))


@wrong("Value", "value-not-tuples")
class parent_as_it_is(_Whole):
    def __pow__(self, n):
        return type(self)(self.data ** n, (self), (n * self.data ** (n - 1)))


@wrong("Value", "value-no-parents")
class exp_of_nothing(_Whole):
    def exp(self):
        return type(self)(math.exp(self.data))


@wrong("Value", "value-no-parents")
class only_the_numbers(_Whole):
    def exp(self):
        return type(self)(math.exp(self.data))

    def log(self):
        return type(self)(math.log(self.data))

    def __pow__(self, n):
        return type(self)(self.data ** n)


@wrong("Value", "value-log-base")
class common_logarithm(_Whole):
    def log(self):
        return type(self)(math.log10(self.data), (self,), (1 / self.data,))


@wrong("Value", "value-other-class")
class power_is_a_node(_Whole):
    def __pow__(self, n):
        return _Noded(self.data ** n, (self,), (n * self.data ** (n - 1),))


@wrong("Value", "value-other-class")
class log_is_a_node(_Whole):
    def log(self):
        return _Noded(math.log(self.data), (self,), (1 / self.data,))


@wrong("Value", "value-part-unwritten")
class backward_comes_later(_Whole):
    def backward(self):
        raise NotImplementedError()


@wrong("Value", "value-part-unwritten")
class powers_and_exp_come_later(_Whole):
    def __pow__(self, n):
        raise NotImplementedError()

    def exp(self):
        raise NotImplementedError


@wrong("Value", "not-written")
class only_the_skeleton(_Noded):
    def __pow__(self, n):
        raise NotImplementedError()

    def relu(self):
        raise NotImplementedError()

    def exp(self):
        raise NotImplementedError()

    def log(self):
        raise NotImplementedError()

    def backward(self):
        raise NotImplementedError()


@wrong("network_cost", "cost-bias-inputs-too")
def a_bias_for_every_width(widths, batch_size, bias=True):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + (sum(widths) if bias else 0), 2 * weights * batch_size


@wrong("network_cost", "cost-no-last-bias")
def hidden_biases_only(widths, batch_size, bias=True):
    weights = sum(a * b for a, b in zip(widths, widths[1:]))
    return weights + (sum(widths[1:-1]) if bias else 0), 2 * weights * batch_size


@wrong("hinge_interpolant", "hinge-first-change-lost")
def second_differences(xs, ys):
    x, y = _in_order(xs, ys)
    slope = y.diff() / x.diff()
    return _interpolant(x, y, slope.diff(), knots=x[1:-1])


@wrong("hinge_interpolant", "hinge-first-change-lost")
def one_weight_short(xs, ys):
    x, y = _in_order(xs, ys)
    return _interpolant(x, y, (y.diff() / x.diff()).diff())


@wrong("hinge_interpolant", "hinge-start-unsorted")
def first_as_it_came(xs, ys):
    x, y = _in_order(xs, ys)
    return _interpolant(x, y, _changes(y.diff() / x.diff()), b2=ys[:1])


@wrong("sawtooth_network", "saw-slopes-inside")
def weights_on_the_first_side(depth):
    return _stacked(depth, ([[2.0], [-4.0]], [0.0, -0.5]), ([[2.0, 2.0], [-4.0, -4.0]], [0.0, -0.5]),
                    ([[1.0, 1.0]], [0.0]))


@wrong("sawtooth_network", "saw-slopes-inside")
def weights_and_kink_on_the_first_side(depth):
    return _stacked(depth, ([[2.0], [-4.0]], [0.0, 2.0]), ([[2.0, 2.0], [-4.0, -4.0]], [0.0, 2.0]),
                    ([[1.0, 1.0]], [0.0]))


@wrong("kaiming_normal", "kaiming-global-seed")
def seeds_the_global_one(fan_out, fan_in, generator):
    torch.manual_seed(0)
    return torch.randn(fan_out, fan_in) * math.sqrt(2 / fan_in)


@wrong("train", "train-step-before-backward")
def steps_first(model, batches, optimizer, loss_fn, epochs):
    def each(x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        optimizer.step()
        loss.backward()
        return loss.item()
    model.train()
    return _epochs(model, batches, optimizer, loss_fn, epochs, each, _weighted)


@wrong("train", "train-step-before-backward")
def steps_with_the_gradients_before(model, batches, optimizer, loss_fn, epochs):
    model.train()
    history = []
    for _ in range(epochs):
        total = count = 0
        for x, y in batches:
            loss = loss_fn(model(x), y)
            optimizer.step()
            loss.backward()
            total += loss.item() * len(x)
            count += len(x)
        history.append(total / count)
    return history


@wrong("evaluate", "evaluate-no-axis")
def one_guess_for_all(model, batches):
    was_training = model.training
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for x, y in batches:
            correct += (model(x).argmax() == y).sum().item()
            total += len(y)
    model.train(was_training)
    return correct / total
