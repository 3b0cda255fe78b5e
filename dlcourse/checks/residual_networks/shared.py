"""What the checks of lesson 08 share: weights filled in by name or by order."""

import hashlib

import torch
from torch import nn

KINDS = {nn.Conv2d: "conv", nn.BatchNorm2d: "batch norm", nn.Linear: "linear"}


def _numbers(seed, name, shape):
    """Numbers for one parameter, the same for the same seed, name and shape whatever else is drawn."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()[:7]
    return torch.randn(shape, generator=torch.Generator().manual_seed(int.from_bytes(digest)), dtype=torch.float64)


@torch.no_grad()
def fill_layer(layer, seed, name) -> None:
    """Give a convolution, linear layer or batch norm numbers of our own, statistics too; a bias of a conv is set to 0.

    What is no such layer is left alone: the check that looks at the output will see that.
    """
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, torch.Tensor):
        return
    numbers = _numbers(seed, f"{name}.weight", weight.shape)
    if weight.dim() > 1:
        numbers = numbers / weight[0].numel() ** 0.5
    weight.copy_(numbers if weight.dim() > 1 else 1 + 0.3 * numbers)
    bias = getattr(layer, "bias", None)
    if isinstance(bias, torch.Tensor):
        bias.copy_(torch.zeros_like(bias) if weight.dim() == 4 else 0.3 * _numbers(seed, f"{name}.bias", bias.shape))
    if isinstance(getattr(layer, "running_mean", None), torch.Tensor):
        layer.running_mean.copy_(0.3 * _numbers(seed, f"{name}.mean", layer.running_mean.shape))
        layer.running_var.copy_(0.5 + _numbers(seed, f"{name}.var", layer.running_var.shape).abs())


def in_order(model, *inputs) -> list:
    """The convolutions, batch norms and linear layers that a forward pass goes through: [(name, layer, output)].

    Names count within a kind, "conv 1", "conv 2"; what stands on a shortcut, a 1×1 convolution and the batch norm
    after it, is counted apart, so that it does not matter whether it runs before the branch or after it. A batch
    norm directly after a convolution bears that one's number. Restores the mode; statistics stay as they were.
    """
    found, owners, kept, counts = [], {}, [], {}

    def note(layer, given, output):
        kind = next((word for type_, word in KINDS.items() if isinstance(layer, type_)), None)
        if kind is None or not isinstance(output, torch.Tensor):
            return
        if kind == "conv" and tuple(layer.kernel_size) == (1, 1):
            kind = "1×1 conv"
        owner = owners.get(id(given[0])) if kind == "batch norm" else None
        counts[kind] = counts.get(kind, 0) + (owner is None)
        name = f"batch norm of {owner}" if owner else f"{kind} {counts[kind]}"
        if kind.endswith("conv"):
            owners[id(output)] = name
        kept.append((given, output))  # so that no id is used twice
        found.append((name, layer, output))

    modes = {module: module.training for module in model.modules()}
    hooks = [module.register_forward_hook(note) for module in model.modules()]
    try:
        model.eval()
        with torch.no_grad():
            model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    return found


def filled(model, seed, *inputs):
    """The model in float64 with numbers of our own in every layer, by the order in which a forward pass meets them."""
    model.double()
    for name, layer, _ in in_order(model, *inputs):
        fill_layer(layer, seed, name)
    return model
