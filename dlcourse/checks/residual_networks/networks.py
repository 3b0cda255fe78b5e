"""The check of a whole residual network, counted to the layer."""

from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import drawn_seed, normal, raises, remembered, varied
from ..core import Check, Mistake, Part
from .blocks import _Basic
from .shared import filled, in_order


def nets(*askings, size=8):
    """Cases: the arguments of resnet, as a dict; images of size×size."""
    return lambda g: [{"asked": dict(asked), "x": normal(g, 2, asked.get("in_channels", 1), size, size),
                       "seed": drawn_seed(g)} for asked in askings]


def _made(answer, asked):
    torch.manual_seed(0)
    return answer(**asked)


def layer_count(answer, asked, x, seed):
    """How many layers with weights a forward pass goes through, and the shape of what it gives."""
    model = _made(answer, asked).double()
    found = in_order(model, x)
    counted = [name for name, _, _ in found if name.startswith(("conv", "linear"))]
    model.eval()
    return {"layers": len(counted), "logits of shape": list(model(x).shape)}


def architecture(answer, asked, x, seed):
    """Every convolution and linear layer in order, and the number of parameters."""
    model = _made(answer, asked).double()
    found = in_order(model, x)
    seen = {name: _described(layer, out) for name, layer, out in found if name.startswith("conv")}
    seen |= {f"{name}, a shortcut": _described(layer, out) for name, layer, out in found if name.startswith("1×1")}
    seen["batch norms"] = sum(name.startswith("batch norm") for name, _, _ in found)
    seen |= {name: f"{layer.in_features} → {layer.out_features}" for name, layer, _ in found
             if name.startswith("linear")}
    return seen | {"parameters": sum(p.numel() for p in model.parameters())}


def _described(conv, out):
    words = f"{conv.in_channels} → {conv.out_channels} channels, {'×'.join(map(str, conv.kernel_size))}"
    bias = "" if conv.bias is None else ", with a bias"
    return f"{words}, to {out.shape[2]}×{out.shape[3]} pixels{bias}"


def parameter_count(answer, asked):
    """The number of parameters alone."""
    return {"parameters": sum(p.numel() for p in _made(answer, asked).parameters())}


def logits(answer, asked, x, seed):
    """The logits with numbers of our own in every layer, in eval mode."""
    return {"logits": filled(_made(answer, asked), seed, x).eval()(x)}


def refused(answer, depths):
    """What becomes of depths that there is no such network for."""
    seen = {}
    for depth in depths:
        try:
            answer(depth=depth, width=4, num_classes=3)
            seen[f"depth {depth}"] = "accepted"
        except Exception:
            seen[f"depth {depth}"] = "refused"
    return seen


def _resnet(*, blocks=lambda depth: (depth - 2) // 6, wrong=lambda depth: depth < 8 or (depth - 2) % 6,
            widths=lambda w: (w, 2 * w, 4 * w), strides=(1, 2, 2), stem=None, pool=None, block=_Basic,
            every=False, head=None, last=False, channels=lambda c: c, stages=3, shared=None):
    """resnet, with habits: see the mistakes."""
    def resnet(depth, width, num_classes, in_channels=1):
        if wrong(depth):
            raise ValueError("no such depth")
        width_in = widths(width)[0] if stem is None else width
        make = stem or (lambda c, w: [nn.Conv2d(c, w, 3, 1, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU()])
        layers, now = make(channels(in_channels), width_in), width_in
        for out, stride in list(zip(widths(width), strides))[:stages]:
            count = blocks(depth)
            for number in range(count):
                first = number == (count - 1 if last else 0)
                again = shared and number > 0 and (number > 1 or shared == "all alike" and out == width_in)
                layers.append(layers[-1] if again else block(now, out, stride if first or every else 1))
                now = out
        layers += pool() if pool else [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*layers, *(head(now, num_classes) if head else [nn.Linear(now, num_classes)]))
    return resnet


def _plain_stem(c, w):
    return [nn.Conv2d(c, w, 3, 1, 1, bias=False)]


def _stem_with_bias(c, w):
    return [nn.Conv2d(c, w, 3, 1, 1), nn.BatchNorm2d(w), nn.ReLU()]


def _wide_stem(c, w):
    return [nn.Conv2d(c, w, 7, 1, 3, bias=False), nn.BatchNorm2d(w), nn.ReLU()]


def _imagenet_stem(c, w):
    return [nn.Conv2d(c, w, 7, 2, 3, bias=False), nn.BatchNorm2d(w), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]


def _no_bend_stem(c, w):
    return [nn.Conv2d(c, w, 3, 1, 1, bias=False), nn.BatchNorm2d(w)]


def _strided_stem(c, w):
    return [nn.Conv2d(c, w, 3, 2, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU()]


def _call(case):
    if "depths" in case:
        return f"resnet(depth, width=4, num_classes=3) for each depth of {', '.join(map(str, case['depths']))}"
    named = ", ".join(f"{name}={number}" for name, number in case["asked"].items())
    return f"resnet({named})" + (f" on x of shape {tuple(case['x'].shape)}" if "x" in case else "")


_NetPart = partial(Part, shows=_call)
_NO_SKIP = varied(_Basic, forward=lambda self, x: F.relu(self.branch(x)))


resnet = Check(
    "resnet", "resnet(depth, width, num_classes, in_channels)", _resnet(),
    [_NetPart("layers", 0.3, "as many layers as `depth` says: the stem, two in each block, the head",
              nets({"depth": 8, "width": 4, "num_classes": 3}, {"depth": 20, "width": 2, "num_classes": 5}),
              remembered(layer_count)),
     _NetPart("architecture", 0.3, "three stages of width w, 2w, 4w; the image is halved at the second and the third",
              nets({"depth": 8, "width": 4, "num_classes": 3}, {"depth": 14, "width": 3, "num_classes": 10,
                                                                "in_channels": 3}), remembered(architecture)),
     _NetPart("parameters", 0.1, "the exact number of parameters for 8, 20 and 110 layers",
              lambda g: [{"asked": {"depth": 8, "width": 16, "num_classes": 10, "in_channels": 3}},
                         {"asked": {"depth": 20, "width": 16, "num_classes": 10, "in_channels": 3}},
                         {"asked": {"depth": 110, "width": 2, "num_classes": 10}}], remembered(parameter_count)),
     _NetPart("logits", 0.2, "stem, blocks, the mean over the image, and a linear layer with nothing after it",
              nets({"depth": 8, "width": 4, "num_classes": 3, "in_channels": 2},
                   {"depth": 14, "width": 2, "num_classes": 4}), remembered(logits)),
     _NetPart("impossible depths", 0.1, "a depth that is not 6n + 2 with n ≥ 1 is refused",
              lambda g: [{"depths": [18, 9, 7, 12, 2, 1, 0]}], refused)],
    [Mistake("resnet-blocks-per-stage", "There are too many blocks, or too few: a block holds two layers, three stages "
             "share them, and stem and head are two more, so n = (depth − 2)/6.",
             [_resnet(blocks=lambda depth: depth // 6 + 1), _resnet(blocks=lambda depth: (depth - 2) // 3),
              _resnet(blocks=lambda depth: (depth - 2) // 2), _resnet(blocks=lambda depth: depth // 3),
              _resnet(blocks=lambda depth: (depth - 2) // 6 + 1), _resnet(blocks=lambda depth: (depth - 2) // 6 - 1)]),
     Mistake("resnet-four-stages", "There is another number of stages than three.",
             [_resnet(widths=lambda w: (w, 2 * w, 4 * w, 8 * w), strides=(1, 2, 2, 2), stages=4), _resnet(stages=2)]),
     Mistake("resnet-no-stem-norm", "The stem is the convolution alone. A batch norm and a ReLU belong to it.",
             _resnet(stem=_plain_stem)),
     Mistake("resnet-stem-no-relu", "There is no ReLU after the stem's batch norm.", _resnet(stem=_no_bend_stem)),
     Mistake("resnet-stem-bias", "The stem's convolution has a bias. A batch norm follows: `bias=False`.",
             _resnet(stem=_stem_with_bias)),
     Mistake("resnet-imagenet-stem", "The stem is that for large photographs, 7×7, or it shrinks the image. For small "
             "images it is a 3×3 convolution with stride 1 and padding 1.",
             [_resnet(stem=_imagenet_stem), _resnet(stem=_wide_stem), _resnet(stem=_strided_stem)]),
     Mistake("resnet-one-width", "All stages have the same width. It doubles from stage to stage: w, 2w, 4w.",
             _resnet(widths=lambda w: (w, w, w))),
     Mistake("resnet-widths", "The stages' widths are not w, 2w, 4w.",
             [_resnet(widths=lambda w: (w, 2 * w, 3 * w)), _resnet(widths=lambda w: (2 * w, 4 * w, 8 * w), stem=(
                 lambda c, w: [nn.Conv2d(c, w, 3, 1, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU()])),
              _resnet(widths=lambda w: (16, 32, 64)), _resnet(widths=lambda w: (w, 4 * w, 16 * w))]),
     Mistake("resnet-no-stride", "The image keeps its size all the way. The first block of the second stage and that "
             "of the third halve it, with stride 2.", _resnet(strides=(1, 1, 1))),
     Mistake("resnet-stride-first-stage", "The first stage halves the image as well. Only the second and the third "
             "do.", _resnet(strides=(2, 2, 2))),
     Mistake("resnet-stride-everywhere", "Every block of the later stages has stride 2. Only the first of a stage "
             "has.", _resnet(every=True)),
     Mistake("resnet-stride-last", "The stride is on the last block of a stage. It belongs on the first.",
             _resnet(last=True)),
     Mistake("resnet-one-block-often", "The same block stands in several places, with the same weights: `[block] * n` "
             "is n times one and the same. Make a new one for each place.",
             [_resnet(shared="all alike"), _resnet(shared="but the first")]),
     Mistake("resnet-no-skip", "The numbers are those of the same network without its skips: is your BasicBlock the "
             "right one?", _resnet(block=_NO_SKIP)),
     Mistake("resnet-max-pool", "The features are pooled by their maximum. Take the mean over the image.",
             _resnet(pool=lambda: [nn.AdaptiveMaxPool2d(1), nn.Flatten()])),
     Mistake("resnet-no-pool", "The head sees every pixel. The features are averaged over the image first: global "
             "average pooling, whatever the image's size.",
             [_resnet(pool=lambda: [nn.Flatten()], head=lambda i, o: [nn.Linear(4 * i, o)]),
              _resnet(pool=lambda: [nn.AdaptiveAvgPool2d(2), nn.Flatten()], head=lambda i, o: [nn.Linear(4 * i, o)])]),
     Mistake("resnet-softmax", "Probabilities come out. Logits were asked for: the loss does the softmax.",
             [_resnet(head=lambda i, o: [nn.Linear(i, o), nn.Softmax(1)]),
              _resnet(head=lambda i, o: [nn.Linear(i, o), nn.LogSoftmax(1)])]),
     Mistake("resnet-relu-at-end", "A ReLU stands after the head. Logits may be negative.",
             _resnet(head=lambda i, o: [nn.Linear(i, o), nn.ReLU()])),
     Mistake("resnet-head-bias", "The head has no bias.", _resnet(head=lambda i, o: [nn.Linear(i, o, bias=False)])),
     Mistake("resnet-two-heads", "The head has more than one linear layer.", [
         _resnet(head=lambda i, o: [nn.Linear(i, i), nn.ReLU(), nn.Linear(i, o)])]),
     Mistake("resnet-in-channels", "The stem expects one channel, or three, whatever `in_channels` says.",
             shows=raises("to have 1 channels", "to have 3 channels")),
     Mistake("resnet-pooled-axes", "What reaches the head has not one number per channel: average over both axes of "
             "the image, and let (N, C) come out.", shows=raises("mat1 and mat2 shapes", kind="RuntimeError")),
     Mistake("resnet-mismatch", "The widths of two layers in a row do not fit: the first block of a stage "
             "leads from the width before it to its own, the others from their own to their own.",
             shows=raises("to have", "The size of tensor a", "running_mean should contain")),
     Mistake("resnet-plain-list", "The blocks are kept in a plain list, which a module does not look into: their "
             "parameters are none of the network's. Use `nn.Sequential` or `nn.ModuleList`.",
             shows=raises("same dtype", "expected scalar type", "should be the same", "mixed dtype")),
     Mistake("resnet-no-module", "It gave back no network: build an `nn.Module` and return it.",
             shows=raises("object has no attribute 'double'", "has no attribute 'parameters'")),
     Mistake("resnet-depth-unchecked", "Depths are accepted that there is no such network for. Raise an error "
             "unless depth is 6n + 2 with n ≥ 1.",
             [_resnet(wrong=lambda depth: False), _resnet(wrong=lambda depth: (depth - 2) % 6),
              _resnet(wrong=lambda depth: depth < 8), _resnet(wrong=lambda depth: depth % 2)]),
     Mistake("resnet-wrong-refused", "A depth of 6n + 2 is refused, such as 8, 20 or 110.",
             shows=lambda finding, seen, case: "raised" in seen and seen["raised"]["type"] in (
                 "ValueError", "AssertionError") and "asked" in case)])
