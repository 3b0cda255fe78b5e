"""Answers to BasicBlock and Bottleneck."""

import torch
from torch import nn
from torch.nn import functional as F

from .. import right, wrong

# BasicBlock


@right("BasicBlock")
class as_in_the_paper(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                                          nn.BatchNorm2d(out_channels))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class _Projection(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.norm = nn.BatchNorm2d(o)
        self.linear = nn.Conv2d(i, o, kernel_size=(1, 1), stride=(stride, stride), bias=False)

    def forward(self, x):
        return self.norm(self.linear(x))


@right("BasicBlock")
class with_modules(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else _Projection(in_channels, out_channels, stride)
        self.relu = nn.ReLU(inplace=True)
        self.bn2, self.bn1 = nn.BatchNorm2d(out_channels), nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding="same", bias=False)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)

    def forward(self, x):
        skip = self.shortcut(x)
        branch = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(skip + branch)


@right("BasicBlock")
class with_clamps(as_in_the_paper):
    def forward(self, x):
        branch = self.bn2(self.conv2(torch.clamp(self.bn1(self.conv1(x)), min=0)))
        return torch.relu(torch.add(self.shortcut(x), branch))


def _block(name, exercise, mistake, forward):
    """An answer that differs from the paper's in its forward alone."""
    base = as_in_the_paper if exercise == "BasicBlock" else narrow
    return wrong(exercise, mistake)(type(name, (base,), {"forward": forward, "__module__": __name__}))


def _half(self, x):
    return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


_block("no_skip", "BasicBlock", "basic-no-skip", lambda self, x: F.relu(_half(self, x)))
_block("skip_detached", "BasicBlock", "basic-skip-detached",
       lambda self, x: torch.relu(_half(self, x) + self.shortcut(x.detach())))
_block("skip_without_grad", "BasicBlock", "basic-skip-detached",
       lambda self, x: torch.relu(_half(self, x) + self.shortcut(x).data))
_block("branch_detached", "BasicBlock", "basic-branch-detached",
       lambda self, x: torch.relu(_half(self, x).detach() + self.shortcut(x)))
_block("adds_before_norm", "BasicBlock", "basic-add-before-norm", lambda self, x: F.relu(
    self.bn2(self.shortcut(x) + self.conv2(F.relu(self.bn1(self.conv1(x)))))))
_block("relu_before_addition", "BasicBlock", "basic-relu-before-add",
       lambda self, x: F.relu(_half(self, x)) + self.shortcut(x))
_block("two_relus", "BasicBlock", "basic-relu-before-add",
       lambda self, x: F.relu(self.shortcut(x) + _half(self, x).clamp(min=0)))
_block("no_relu_at_the_end", "BasicBlock", "basic-no-last-relu", lambda self, x: _half(self, x) + self.shortcut(x))
_block("no_relu_inside", "BasicBlock", "basic-no-inner-relu",
       lambda self, x: F.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))) + self.shortcut(x)))
_block("relu_then_norm", "BasicBlock", "basic-relu-before-norm",
       lambda self, x: F.relu(self.bn2(self.conv2(self.bn1(F.relu(self.conv1(x))))) + self.shortcut(x)))
_block("skip_bent", "BasicBlock", "basic-skip-bent",
       lambda self, x: F.relu(_half(self, x) + F.relu(self.shortcut(x))))
_block("averages", "BasicBlock", "basic-mean", lambda self, x: F.relu(0.5 * (_half(self, x) + self.shortcut(x))))
_block("subtracts", "BasicBlock", "basic-subtracted", lambda self, x: F.relu(self.shortcut(x) - _half(self, x)))
_block("multiplies", "BasicBlock", "basic-product", lambda self, x: F.relu(self.shortcut(x) * _half(self, x)))
_block("one_norm_for_both", "BasicBlock", "basic-one-norm",
       lambda self, x: F.relu(self.bn1(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.shortcut(x)))
_block("in_place_on_the_input", "BasicBlock", "basic-input-bent", lambda self, x: F.relu(
    _half(self, F.relu(x, inplace=True)) + self.shortcut(x)))
_block("no_return", "BasicBlock", "returned-none", lambda self, x: None)


def _pre(self, x):
    out = self.bn1(self.conv1(F.relu(x)))
    out = self.bn2(self.conv2(F.relu(out)))
    return self.shortcut(x) + out


_block("pre_activation", "BasicBlock", "basic-pre-activation", _pre)


def _late(self, x):
    out = F.relu(self.bn1(self.conv1(x)))
    residual = out
    return F.relu(self.bn2(self.conv2(out)) + residual)


_block("residual_taken_too_late", "BasicBlock", "basic-skip-too-late", _late)


@wrong("BasicBlock", "basic-always-projects")
class always_projects(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                                      nn.BatchNorm2d(out_channels))


@wrong("BasicBlock", "basic-conv-bias")
class with_biases(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1)


@wrong("BasicBlock", "basic-conv-bias")
class projection_with_bias(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        if len(self.shortcut):
            self.shortcut[0] = nn.Conv2d(in_channels, out_channels, 1, stride)


@wrong("BasicBlock", "basic-stride")
class stride_on_the_second(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.conv1.stride, self.conv2.stride = (1, 1), (stride, stride)


@wrong("BasicBlock", "basic-sizes")
class stride_on_both(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.conv2.stride = (stride, stride)


@wrong("BasicBlock", "basic-sizes")
class projects_for_channels_only(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        if in_channels == out_channels:
            self.shortcut = nn.Identity()


@wrong("BasicBlock", "basic-channels-not-projected")
class projects_for_stride_only(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        if stride == 1:
            self.shortcut = nn.Identity()


@wrong("BasicBlock", "basic-sizes")
class projection_without_stride(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        if len(self.shortcut):
            self.shortcut[0].stride = (1, 1)


@wrong("BasicBlock", "basic-projection-norm")
class projection_alone(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        if len(self.shortcut):
            self.shortcut = self.shortcut[0]


@wrong("BasicBlock", "basic-padding")
class no_padding(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.conv1.padding = self.conv2.padding = (0, 0)


@wrong("BasicBlock", "basic-names")
class other_names(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
                                    nn.BatchNorm2d(out_channels), nn.ReLU(),
                                    nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
                                    nn.BatchNorm2d(out_channels))
        self.shortcut = nn.Identity()

    def forward(self, x):
        return F.relu(self.branch(x) + self.shortcut(x))


@wrong("BasicBlock", "basic-no-super")
class no_super(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)


@wrong("BasicBlock", "basic-arguments")
class channels_swapped(as_in_the_paper):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__(in_channels, out_channels, stride)
        self.conv2 = nn.Conv2d(in_channels, out_channels, 3, 1, 1, bias=False)


# Bottleneck


@right("Bottleneck")
class narrow(nn.Module):
    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.shortcut = nn.Identity()
        if stride > 1 or in_channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        return F.relu(_third(self, x) + self.shortcut(x))


def _third(self, x):
    out = F.relu(self.bn1(self.conv1(x)))
    out = F.relu(self.bn2(self.conv2(out)))
    return self.bn3(self.conv3(out))


@right("Bottleneck")
class narrow_with_modules(nn.Module):
    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(n) for n in (width, width, width * 4))
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.conv3 = nn.Conv2d(width, width * 4, kernel_size=1, bias=False)
        fits = in_channels == width * 4 and stride == 1
        self.shortcut = nn.Sequential() if fits else _Projection(in_channels, width * 4, stride)
        self.relu = nn.ReLU()

    def forward(self, x):
        out = x
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2)):
            out = self.relu(norm(conv(out)))
        return self.relu(self.shortcut(x) + self.bn3(self.conv3(out)))


_block("narrow_without_skip", "Bottleneck", "bottleneck-no-skip", lambda self, x: torch.relu(_third(self, x)))
_block("narrow_skip_detached", "Bottleneck", "bottleneck-skip-detached",
       lambda self, x: torch.relu(_third(self, x) + self.shortcut(x).detach()))
_block("narrow_relu_before_addition", "Bottleneck", "bottleneck-relu-before-add",
       lambda self, x: torch.relu(_third(self, x)) + self.shortcut(x))
_block("narrow_no_last_relu", "Bottleneck", "bottleneck-no-last-relu",
       lambda self, x: _third(self, x) + self.shortcut(x))
_block("narrow_adds_before_norm", "Bottleneck", "bottleneck-add-before-norm", lambda self, x: F.relu(self.bn3(
    self.conv3(F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))) + self.shortcut(x))))
_block("narrow_no_inner_relus", "Bottleneck", "bottleneck-no-inner-relu", lambda self, x: F.relu(
    self.bn3(self.conv3(self.bn2(self.conv2(self.bn1(self.conv1(x)))))) + self.shortcut(x)))
_block("narrow_skip_inside", "Bottleneck", "bottleneck-skip-inside", lambda self, x: F.relu(
    _third(self, x) + F.relu(self.bn1(self.conv1(x)))))


@wrong("Bottleneck", "bottleneck-stride")
class stride_on_the_first(narrow):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.conv1.stride, self.conv2.stride = (stride, stride), (1, 1)


@wrong("Bottleneck", "bottleneck-conv-bias")
class narrow_with_biases(narrow):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.conv1 = nn.Conv2d(in_channels, width, 1)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1)
        self.conv3 = nn.Conv2d(width, 4 * width, 1)


@wrong("Bottleneck", "bottleneck-always-projects")
class narrow_always_projects(narrow):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.shortcut = _Projection(in_channels, 4 * width, stride)


@wrong("Bottleneck", "bottleneck-expansion")
class no_expansion(nn.Module):
    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(in_channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width)
        fits = in_channels == width and stride == 1
        self.shortcut = nn.Identity() if fits else _Projection(in_channels, width, stride)

    forward = narrow.forward


@wrong("Bottleneck", "bottleneck-kernels")
class three_by_three_everywhere(narrow):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(width, 4 * width, 3, padding=1, bias=False)


@wrong("Bottleneck", "bottleneck-arguments")
class norm_of_the_wrong_width(narrow):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.bn3 = nn.BatchNorm2d(width)


@wrong("Bottleneck", "bottleneck-padding")
class padding_on_all(narrow):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.conv1.padding = self.conv2.padding = self.conv3.padding = (1, 1)


@wrong("Bottleneck", "bottleneck-no-inner-relu")
class one_bend_too_few(narrow):
    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        return F.relu(self.bn3(self.conv3(h)) + self.shortcut(x))
