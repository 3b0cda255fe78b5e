"""What lesson 08 says of attention is true: its formulas, and its landmarks over three seeds."""

import math

import pytest
import torch
from lesson_text import lesson_text
from torch import nn
from torch.nn import functional as F

from dlcourse.data import prose
from dlcourse.explorers import attention as explorer
from dlcourse.training import Muon

LESSON = lesson_text("08_residual_networks")
SEEDS = (0, 1, 2)
own = LESSON.code


def test_attention_is_the_formula_and_agrees_with_torch():
    LESSON.says(r"\mathrm{attention}(q, k, v) = w\,v, \qquad "
                r"w = \mathrm{softmax}\left(\frac{q\,k^\top}{\sqrt d}\right)")
    q, k, v = (torch.randn(2, 3, n, 4, dtype=torch.float64) for n in (5, 6, 6))
    mask = torch.rand(5, 6) < 0.7
    mask[:, 0] = True
    output, weights = own["attention"](q, k, v, mask)
    torch.testing.assert_close(output, F.scaled_dot_product_attention(q, k, v, mask))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 5, dtype=torch.float64))
    assert not weights[..., ~mask].any()


def test_a_dot_product_of_d_entries_has_variance_d_and_the_root_keeps_weights_apart_from_one():
    LESSON.says(r"$q \cdot k$ is a sum of $d$ products and has variance $d$",
                "Without the root nearly all the weight of a wide query goes to one key")
    q, k = torch.randn(2, 20_000, 64, generator=torch.Generator().manual_seed(0))
    assert (q * k).sum(1).var().item() == pytest.approx(64, rel=0.05)
    assert own["largest_weight"](1024, scaled=False) > 0.9 and own["largest_weight"](1024) < 0.4


def test_multi_head_attention_agrees_with_torchs():
    LESSON.says(r"q, k, v = \mathrm{qkv}(x), \qquad \mathrm{head}_i = \mathrm{attention}(q_i, k_i, v_i)")
    ours, torchs = own["MultiHeadAttention"](12, 3), nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        torchs.in_proj_weight.copy_(ours.qkv.weight)
        torchs.in_proj_bias.copy_(ours.qkv.bias)
        torchs.out_proj.load_state_dict(ours.out.state_dict())
    x = torch.randn(2, 7, 12)
    expected, _ = torchs(x, x, x, attn_mask=torch.ones(7, 7, dtype=torch.bool).triu(1))
    torch.testing.assert_close(ours(x), expected)


def test_above_the_diagonal_there_is_exactly_no_dependence():
    LESSON.says("below the diagonal there is some, above it exactly none")
    torch.manual_seed(0)
    seen = own["dependence"](own["MultiHeadAttention"](16, 4), torch.randn(12, 16))
    assert not seen.triu(1).any() and (seen[torch.ones(12, 12).tril().bool()] > 0).all()


def test_attention_without_a_mask_treats_places_as_a_set():
    LESSON.says("attention treats what it sees as a set: shuffle the places and the outputs are shuffled alike")
    x, order = torch.randn(6, 4), torch.randperm(6)
    output, _ = own["attention"](x, x, x)
    torch.testing.assert_close(own["attention"](x[order], x[order], x[order])[0], output[order])


def test_the_block_is_the_formula_and_the_identity_where_all_parameters_are_0():
    LESSON.says(r"x \leftarrow x + \mathrm{attention}(\mathrm{norm}(x)), \qquad "
                r"x \leftarrow x + \mathrm{mlp}(\mathrm{norm}(x))",
                "with every parameter 0 the block gives $x$ back")
    block, x = own["TransformerBlock"](8, 2), torch.randn(2, 5, 8)
    between = x + block.attention(block.norm1(x))
    torch.testing.assert_close(block(x), between + block.mlp(block.norm2(between)))
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.zero_()
    torch.testing.assert_close(block(x), x)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_pre_norm_trains_without_warm_up_where_post_norm_needs_it(seed):
    LESSON.says("Post-norm without warm-up stays at guessing. With 50 steps of warm-up the same net learns; pre-norm "
                "learns without any.")
    end = lambda losses: sum(losses[-20:]) / 20
    lost = end(own["read_rows"](own["PostNormBlock"], 0, seed=seed))
    warmed = end(own["read_rows"](own["PostNormBlock"], 50, seed=seed))
    pre = end(own["read_rows"](own["TransformerBlock"], 0, seed=seed))
    assert lost > 0.95 * math.log(10)
    assert warmed < 1.7 and pre < 1.0


def test_the_text_is_the_course_s_own_and_has_the_size_that_is_told():
    LESSON.says(r"Guessing among 75 characters costs $\log_2 75 = 6.2$ bits.", "62 000 characters of lessons 1 to 5")
    assert len(set(prose())) == 75 and round(len(prose()), -3) == 62_000 and round(math.log2(75), 1) == 6.2
    training, validation, test = own["split_text"]()
    assert len(training) + len(validation) + len(test) == len(prose()) and len(training) > 48_000
    assert not set(training.splitlines()) & set(test.splitlines())


def test_an_n_gram_is_the_formula_and_gives_probabilities():
    LESSON.says(r"p_n(c \mid h) = \frac{\mathrm{count}(h\,c) + k\,p_{n-1}(c \mid h')}{\mathrm{count}(h) + k}")
    counts, number = own["count"]("abab", 2), len(own["CHARACTERS"])
    first = lambda c: (2 * (c in "ab") + 3 / number) / (4 + 3)
    second = (2 + 3 * first("b")) / (2 + 3)
    bits = own["ngram_bits"](counts, "ab", 3, 2)
    assert bits[0] == pytest.approx(-math.log2(first("a") * first("b")) / 2)
    assert bits[1] == pytest.approx(-math.log2(first("a") * second) / 2)
    assert sum(map(first, own["CHARACTERS"])) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_two_layer_model_beats_the_best_n_gram_on_text_it_has_not_seen(seed):
    LESSON.says("The model passes every $n$-gram, though the best of them by little")
    counted = own["best_ngram"](seed)
    model, history = own["learn_text"](seed=seed)
    _, validation, test = own["split_text"](seed)
    assert own["model_bits"](model, test) < counted["test"] - 0.02
    assert history[-1] < min(map(min, counted["table"].values())) and history[-1] < history[0] - 0.5
    if seed == 0:
        written = own["write"](model, "The gradient ")
        words = set(prose().split())
        assert sum(word in words for word in written.split()) > 0.6 * len(written.split())


def test_muon_brings_the_step_of_a_matrix_near_an_orthogonal_one():
    p = nn.Parameter(torch.zeros(32, 64))
    p.grad = torch.randn(32, 64)
    Muon([p], lr=1.0, weight_decay=0.0).step()
    assert 0.5 < torch.linalg.svdvals(p.detach()).min() and torch.linalg.svdvals(p.detach()).max() < 1.4


@pytest.mark.slow
def test_some_heads_of_the_explorers_first_layer_look_at_the_places_just_before():
    LESSON.says("In its first layer some heads look mostly at the last few places")
    weights = torch.stack([explorer.attention_of(text)[0] for text in explorer.SENTENCES])  # (texts, heads, T, T)
    near = sum(weights.diagonal(-back, 2, 3)[..., 8:].mean((0, 2)) for back in range(3))
    assert (near > 0.5).sum() >= 2
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    assert not weights.triu(1).any()
