"""The explorer of attention: what each head of a small character model looks at."""

from functools import cache

import ipywidgets
import torch
from torch import nn
from torch.nn import functional as F

from .. import plots
from ..data import prose
from ..training import Muon
from .explorer import Explorer, menu

SENTENCES = ["the gradient of the loss at the", "A layer that is off stays off. ", "weights, and weights of weights"]
LAYERS, HEADS, WIDTH, CONTEXT, STEPS = 2, 4, 48, 32, 500


def attention_maps() -> Explorer:
    """The attention weights of one head over a short text, and of one place in it, back to the places before.

    The model has two pre-norm blocks with four heads each. It reads the course's own text for 500 steps when it is
    first drawn.
    """
    def whole(label, value, high):
        return ipywidgets.IntSlider(value, min=1, max=high, description=label, continuous_update=True,
                                    style={"description_width": "initial"}, layout=ipywidgets.Layout(width="240px"))

    controls = {"text": menu("text", SENTENCES), "layer": whole("layer", 1, LAYERS), "head": whole("head", 1, HEADS),
                "place": whole("place", 20, 31)}
    controls["text"].layout.width = "320px"
    return Explorer(_maps, controls, size=(8, 3.8), top=0.9, slow="reading the course…")


def _maps(figure, text: str, layer: int, head: int, place: int) -> str:
    weights = attention_of(text)[layer - 1, head - 1]
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
    characters = [c if c != " " else "·" for c in text]
    left.imshow(weights, cmap="cividis", vmin=0, vmax=1)
    left.axhline(place - 1, color=plots.COLOURS[1], linewidth=1, linestyle="-")
    left.set(title=f"layer {layer}, head {head}", xlabel="looked at", xticks=range(0, len(text), 10),
             yticks=range(0, len(text), 10), xticklabels=range(1, len(text) + 1, 10),
             yticklabels=range(1, len(text) + 1, 10))
    row = weights[place - 1]
    colours = [plots.COLOURS[1 if i == place - 1 else 0] for i in range(len(text))]
    right.bar(range(len(text)), row, color=colours)
    right.set(title=f"weights of place {place}, “{characters[place - 1]}”", ylim=(0, 1), xticks=range(len(text)))
    right.set_xticklabels(characters, family="monospace")
    for ax in (left, right):
        ax.grid(False)
    most = int(row.argmax())
    back = place - 1 - most
    where = "itself" if back == 0 else f"“{characters[most]}”, {back} place{'s' if back > 1 else ''} before"
    return (f"Layer {layer}, head {head}: place {place} of “{text}” looks most at {where}, with a weight of "
            f"{row[most]:.2f}.")


class _Reader(nn.Module):
    """A character model whose forward can also hand out each head's attention weights."""

    def __init__(self, characters: int):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(characters, WIDTH), nn.Embedding(CONTEXT, WIDTH)])
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.1)
        self.blocks = nn.ModuleList([nn.ModuleDict({
            "norm": nn.LayerNorm(WIDTH), "qkv": nn.Linear(WIDTH, 3 * WIDTH), "out": nn.Linear(WIDTH, WIDTH),
            "mlp": nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(),
                                 nn.Linear(4 * WIDTH, WIDTH))}) for _ in range(LAYERS)])
        self.last = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, characters))

    def forward(self, numbers, weights: list | None = None):
        n, t = numbers.shape
        x = self.tables[0](numbers) + self.tables[1].weight[:t]
        future = torch.ones(t, t, dtype=torch.bool).triu(1)
        for block in self.blocks:
            q, k, v = block["qkv"](block["norm"](x)).view(n, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
            w = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(future, -torch.inf).softmax(-1)
            if weights is not None:
                weights.append(w)
            x = x + block["out"]((w @ v).transpose(1, 2).reshape(n, t, WIDTH))
            x = x + block["mlp"](x)
        return self.last(x)


@cache
def reader() -> tuple[_Reader, dict]:
    """The small model, trained, and the number of each character."""
    text = prose()
    number = {c: i for i, c in enumerate(sorted(set(text)))}
    numbers, window = torch.tensor([number[c] for c in text]), torch.arange(CONTEXT + 1)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        model = _Reader(len(number))
        matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
        others = [*model.tables.parameters(), *model.last.parameters(),
                  *(p for p in model.blocks.parameters() if p.dim() < 2)]
        optimizers = [Muon(matrices, 0.015), torch.optim.AdamW(others, 0.006, betas=(0.9, 0.98))]
        peaks = (0.015, 0.006)
        for step in range(STEPS):
            batch = numbers[torch.randint(len(numbers) - CONTEXT, (12, 1)) + window]
            loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
            model.zero_grad()
            loss.backward()
            for optimizer, peak in zip(optimizers, peaks):
                optimizer.param_groups[0]["lr"] = peak * min((step + 1) / 20, 1 - step / STEPS)
                optimizer.step()
    return model, number


@cache
def attention_of(text: str) -> torch.Tensor:
    """The attention weights of all heads over a text of up to 32 characters: (layers, heads, T, T)."""
    model, number = reader()
    weights = []
    with torch.no_grad():
        model(torch.tensor([[number[c] for c in text]]), weights)
    return torch.cat(weights)
