"""Answers to saliency and fine_tune."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from .. import right, wrong

# saliency


def _slope(model, x, score):
    x = x.clone().detach().requires_grad_(True)
    return torch.autograd.grad(score(model(x)), x)[0]


def _target_logits(logits, target):
    return logits[torch.arange(len(target)), target]


@right("saliency")
def by_autograd_grad(model, x, target):
    slope = _slope(model, x, lambda logits: _target_logits(logits, target).sum())
    return slope.abs().max(dim=1).values


@right("saliency")
def one_image_at_a_time(model, x, target):
    maps = []
    for image, label in zip(x, target):
        slope = _slope(model, image[None], lambda logits: logits[0, label])
        maps.append(slope[0].abs().amax(0))
    return torch.stack(maps)


@right("saliency")
def backward_and_put_back(model, x, target):
    before = [p.grad for p in model.parameters()]
    for p in model.parameters():
        p.grad = None
    leaf = x.detach().clone().requires_grad_()
    model(leaf).gather(1, target.view(-1, 1)).sum().backward()
    for p, grad in zip(model.parameters(), before):
        p.grad = grad
    return leaf.grad.abs().amax(dim=1)


@right("saliency")
def backward_for_x_alone(model, x, target):
    leaf = x.detach().clone().requires_grad_()
    _target_logits(model(leaf), target).sum().backward(inputs=[leaf])
    return leaf.grad.abs().amax(dim=1)


@wrong("saliency", "saliency-signed")
def with_signs(model, x, target):
    return _slope(model, x, lambda logits: _target_logits(logits, target).sum()).max(1).values


@wrong("saliency", "saliency-abs-late")
def absolute_afterwards(model, x, target):
    return _slope(model, x, lambda logits: _target_logits(logits, target).sum()).max(1)[0].abs()


@wrong("saliency", "saliency-channel-sum")
def sums_channels(model, x, target):
    return _slope(model, x, lambda logits: _target_logits(logits, target).sum()).abs().sum(dim=1)


@wrong("saliency", "saliency-channel-mean")
def averages_channels(model, x, target):
    return _slope(model, x, lambda logits: _target_logits(logits, target).sum()).abs().mean(dim=1)


@wrong("saliency", "saliency-channels-kept")
def keeps_channels(model, x, target):
    return _slope(model, x, lambda logits: _target_logits(logits, target).sum()).abs()


@wrong("saliency", "saliency-probability")
def of_the_probability(model, x, target):
    slope = _slope(model, x, lambda logits: _target_logits(F.softmax(logits, -1), target).sum())
    return slope.abs().amax(1)


@wrong("saliency", "saliency-loss")
def of_the_loss(model, x, target):
    return _slope(model, x, lambda logits: F.cross_entropy(logits, target)).abs().amax(1)


@wrong("saliency", "saliency-loss")
def of_the_log_probability(model, x, target):
    slope = _slope(model, x, lambda logits: _target_logits(F.log_softmax(logits, 1), target).sum())
    return slope.abs().amax(1)


@wrong("saliency", "saliency-all-classes")
def of_all_logits(model, x, target):
    return _slope(model, x, torch.sum).abs().amax(1)


@wrong("saliency", "saliency-every-target")
def indexed_as_a_table(model, x, target):
    return _slope(model, x, lambda logits: logits[:, target].sum()).abs().amax(1)


@wrong("saliency", "saliency-predicted")
def of_the_predicted_class(model, x, target):
    return _slope(model, x, lambda logits: logits.max(1).values.sum()).abs().amax(1)


@wrong("saliency", "saliency-mean")
def of_the_mean(model, x, target):
    return _slope(model, x, lambda logits: _target_logits(logits, target).mean()).abs().amax(1)


@wrong("saliency", "saliency-times-input")
def times_the_input(model, x, target):
    slope = _slope(model, x, lambda logits: _target_logits(logits, target).sum())
    return (slope * x).detach().abs().amax(1)


@wrong("saliency", "saliency-grad-filled")
def plain_backward(model, x, target):
    leaf = x.detach().clone().requires_grad_()
    _target_logits(model(leaf), target).sum().backward()
    return leaf.grad.abs().amax(1)


@wrong("saliency", "saliency-grad-filled")
def backward_on_a_clone(model, x, target):
    leaf = x.clone().requires_grad_()
    _target_logits(model(leaf), target).sum().backward()
    return leaf.grad.abs().amax(1)


@wrong("saliency", "saliency-grad-cleared")
def cleans_up(model, x, target):
    leaf = x.detach().clone().requires_grad_()
    model.zero_grad()
    _target_logits(model(leaf), target).sum().backward()
    model.zero_grad()
    return leaf.grad.abs().amax(1)


@wrong("saliency", "saliency-flag-left")
def marks_the_callers_x(model, x, target):
    x.requires_grad = True
    return torch.autograd.grad(_target_logits(model(x), target).sum(), x)[0].abs().amax(1)


@wrong("saliency", "saliency-no-leaf")
def forgot_requires_grad(model, x, target):
    return torch.autograd.grad(_target_logits(model(x), target).sum(), x)[0].abs().amax(1)


@wrong("saliency", "saliency-not-scalar")
def no_sum(model, x, target):
    leaf = x.detach().clone().requires_grad_()
    _target_logits(model(leaf), target).backward()
    return leaf.grad.abs().amax(1)


@wrong("saliency", "saliency-no-grad")
def grad_of_a_non_leaf(model, x, target):
    x = x.clone()
    _target_logits(model(x), target).sum().backward()
    return x.grad.abs().amax(1)


# fine_tune


def _last_linear(model):
    return [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]


def _put(model, name, layer):
    *path, last = name.split(".")
    for step in path:
        model = getattr(model, step)
    setattr(model, last, layer)


@right("fine_tune")
def copy_freeze_replace(model, num_classes, freeze=True):
    model = copy.deepcopy(model)
    if freeze:
        for parameter in model.parameters():
            parameter.requires_grad = False
    name, old = _last_linear(model)
    head = nn.Linear(old.in_features, num_classes).to(old.weight)
    head.training = old.training
    _put(model, name, head)
    return model


@right("fine_tune")
def replace_then_freeze(model, num_classes, freeze=True):
    new = copy.deepcopy(model)
    name, old = _last_linear(new)
    head = nn.Linear(old.in_features, num_classes, device=old.weight.device, dtype=old.weight.dtype)
    _put(new, name, head.train(old.training))
    if freeze:
        new.requires_grad_(False)
        head.requires_grad_(True)
    return new


@right("fine_tune")
def with_set_submodule(model, num_classes, freeze=True):
    new = copy.deepcopy(model).requires_grad_(False) if freeze else copy.deepcopy(model)
    name, old = _last_linear(new)
    parent, _, child = name.rpartition(".")
    head = nn.Linear(old.in_features, num_classes, dtype=old.weight.dtype)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    new.get_submodule(parent).add_module(child, head)
    head.train(model.training)
    return new


@wrong("fine_tune", "tune-in-place")
def no_copy(model, num_classes, freeze=True):
    name, old = _last_linear(model)
    if freeze:
        model.requires_grad_(False)
    _put(model, name, nn.Linear(old.in_features, num_classes, dtype=old.weight.dtype).train(old.training))
    return model


@wrong("fine_tune", "tune-shallow")
def shallow(model, num_classes, freeze=True):
    new = copy.copy(model)
    new._modules = copy.copy(model._modules)
    name, old = _last_linear(new)
    if freeze:
        for parameter in new.parameters():
            parameter.requires_grad = False
    _put(new, name, nn.Linear(old.in_features, num_classes, dtype=old.weight.dtype).train(old.training))
    return new


@wrong("fine_tune", "tune-nothing-frozen")
def nothing_frozen(model, num_classes, freeze=True):
    return copy_freeze_replace(model, num_classes, freeze=False)


@wrong("fine_tune", "tune-all-frozen")
def freezes_afterwards(model, num_classes, freeze=True):
    new = copy_freeze_replace(model, num_classes, False)
    if freeze:
        new.requires_grad_(False)
    return new


@wrong("fine_tune", "tune-inverted")
def freezes_the_head(model, num_classes, freeze=True):
    new = copy_freeze_replace(model, num_classes, False)
    if freeze:
        _last_linear(new)[1].requires_grad_(False)
    return new


@wrong("fine_tune", "tune-bias-frozen")
def only_weights_learn(model, num_classes, freeze=True):
    new = copy_freeze_replace(model, num_classes, False)
    if freeze:
        new.requires_grad_(False)
        _last_linear(new)[1].weight.requires_grad = True
    return new


@wrong("fine_tune", "tune-freeze-ignored")
def always_freezes(model, num_classes, freeze=True):
    return copy_freeze_replace(model, num_classes)


@wrong("fine_tune", "tune-thawed")
def sets_every_flag(model, num_classes, freeze=True):
    new = copy_freeze_replace(model, num_classes, False)
    for parameter in new.parameters():
        parameter.requires_grad = not freeze
    _last_linear(new)[1].requires_grad_(True)
    return new


@wrong("fine_tune", "tune-head-kept")
def keeps_a_fitting_head(model, num_classes, freeze=True):
    if _last_linear(model)[1].out_features != num_classes:
        return copy_freeze_replace(model, num_classes, freeze)
    new = copy.deepcopy(model)
    if freeze:
        new.requires_grad_(False)
        _last_linear(new)[1].requires_grad_(True)
    return new


@wrong("fine_tune", "tune-zero-head")
def zero_head(model, num_classes, freeze=True):
    new = copy_freeze_replace(model, num_classes, freeze)
    with torch.no_grad():
        _last_linear(new)[1].weight.fill_(0.0)
    return new


@wrong("fine_tune", "tune-dtype")
def single_head(model, num_classes, freeze=True):
    new = copy_freeze_replace(model, num_classes, freeze)
    name, old = _last_linear(new)
    _put(new, name, nn.Linear(old.in_features, num_classes).train(old.training))
    return new


@wrong("fine_tune", "tune-train-mode")
def head_in_training_mode(model, num_classes, freeze=True):
    new = copy_freeze_replace(model, num_classes, freeze)
    _last_linear(new)[1].train()
    return new


@wrong("fine_tune", "tune-train-mode")
def all_in_training_mode(model, num_classes, freeze=True):
    return copy_freeze_replace(model, num_classes, freeze).train()


@wrong("fine_tune", "tune-eval-mode")
def all_in_eval_mode(model, num_classes, freeze=True):
    return copy_freeze_replace(model, num_classes, freeze).eval()


@wrong("fine_tune", "tune-first-linear")
def first_linear(model, num_classes, freeze=True):
    new = copy.deepcopy(model)
    name, old = next((n, m) for n, m in new.named_modules() if isinstance(m, nn.Linear))
    _put(new, name, nn.Linear(old.in_features, num_classes))
    return new


@wrong("fine_tune", "tune-on-top")
def on_top(model, num_classes, freeze=True):
    new = copy.deepcopy(model)
    if freeze:
        new.requires_grad_(False)
    return nn.Sequential(new, nn.Linear(_last_linear(new)[1].out_features, num_classes))


@wrong("fine_tune", "tune-name")
def called_head(model, num_classes, freeze=True):
    new = copy.deepcopy(model)
    new.head = nn.Linear(new.head.in_features, num_classes)
    return new


@wrong("fine_tune", "tune-children")
def top_level_only(model, num_classes, freeze=True):
    new = copy.deepcopy(model)
    *_, (name, old) = new.named_children()
    setattr(new, name, nn.Linear(old.in_features, num_classes))
    return new


@wrong("saliency", "saliency-values-and-places")
def with_places(model, x, target):
    return _slope(model, x, lambda logits: _target_logits(logits, target).sum()).abs().max(1)


@wrong("saliency", "saliency-graph")
def ready_for_a_second_slope(model, x, target):
    leaf = x.detach().clone().requires_grad_()
    slope, = torch.autograd.grad(_target_logits(model(leaf), target).sum(), leaf, create_graph=True)
    return slope.abs().amax(1)


@wrong("fine_tune", "tune-not-replaced")
def always_called_fc(model, num_classes, freeze=True):
    new = copy.deepcopy(model).requires_grad_(not freeze)
    name, old = _last_linear(new)
    new.fc = nn.Linear(old.in_features, num_classes, dtype=old.weight.dtype).train(old.training)
    return new


@wrong("fine_tune", "tune-not-replaced")
def a_name_with_a_dot(model, num_classes, freeze=True):
    new = copy.deepcopy(model).requires_grad_(not freeze)
    name, old = _last_linear(new)
    setattr(new, name, nn.Linear(old.in_features, num_classes, dtype=old.weight.dtype).train(old.training))
    return new


@wrong("fine_tune", "tune-not-replaced")
def another_number_noted(model, num_classes, freeze=True):
    new = copy.deepcopy(model).requires_grad_(not freeze)
    _last_linear(new)[1].out_features = num_classes
    return new


@wrong("fine_tune", "tune-no-bias")
def without_a_bias(model, num_classes, freeze=True):
    new = copy.deepcopy(model).requires_grad_(not freeze)
    name, old = _last_linear(new)
    _put(new, name, nn.Linear(old.in_features, num_classes, bias=False, dtype=old.weight.dtype).train(old.training))
    return new


@wrong("fine_tune", "tune-no-bias")
def bias_as_before(model, num_classes, freeze=True):
    new = copy.deepcopy(model).requires_grad_(not freeze)
    name, old = _last_linear(new)
    head = nn.Linear(old.in_features, num_classes, bias=old.bias is not None, dtype=old.weight.dtype)
    _put(new, name, head.train(old.training))
    return new


@wrong("fine_tune", "tune-name")
def by_its_place(model, num_classes, freeze=True):
    new = copy.deepcopy(model).requires_grad_(not freeze)
    new[-1] = nn.Linear(_last_linear(new)[1].in_features, num_classes)
    return new


@wrong("fine_tune", "returned-none")
def no_return(model, num_classes, freeze=True):
    new = copy.deepcopy(model).requires_grad_(not freeze)
    name, old = _last_linear(new)
    _put(new, name, nn.Linear(old.in_features, num_classes))


@wrong("fine_tune", "tune-shallow")
def copied_at_the_top(model, num_classes, freeze=True):
    new = copy.copy(model)
    name, old = _last_linear(new)
    _put(new, name, nn.Linear(old.in_features, num_classes, dtype=old.weight.dtype).train(old.training))
    for parameter in new.parameters():
        parameter.requires_grad = not freeze
    _last_linear(new)[1].requires_grad_()
    return new
