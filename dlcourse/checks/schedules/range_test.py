"""The check of the learning-rate range test: what it reports, when it stops, and what it leaves behind."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from ..asking import remembered
from ..comparing import Finding, first_difference
from ..core import Check, Mistake, Part
from .acting import RATE, rates_of
from .drawing import OFF_LIMITS

# --------------------------------------------------------------------------------------------- lr_range_test


LIVE = "the losses are tensors with their graphs"


def _parameters(numbers):
    """A little net with batch norm in float64, its weights from `numbers`."""
    net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 1)).double()
    with torch.no_grad():
        for parameter, chunk in zip(net.parameters(), numbers.split([p.numel() for p in net.parameters()])):
            parameter.copy_(chunk.view_as(parameter))
    return net


def _prepared(numbers, xs, ys, warm):
    """The net, an SGD with momentum and two groups, after a step of training if `warm`."""
    net = _parameters(numbers)
    optimizer = torch.optim.SGD([{"params": net[0].parameters(), "lr": 0.02}, {"params": net[1:].parameters()}],
                                lr=0.01, momentum=0.5)
    if warm:
        _train_on(net, optimizer, xs[0], ys[0])
    return net, optimizer


def _train_on(net, optimizer, x, y):
    optimizer.zero_grad()
    F.mse_loss(net(x), y).backward()
    optimizer.step()


def _test(answer, net, optimizer, xs, ys, lr_min, lr_max, once=False):
    batches = list(zip(xs, ys))
    return answer(net, optimizer, F.mse_loss, iter(batches) if once else batches, lr_min, lr_max)


def _pair(result):
    """What the answer gave, as (lrs, losses); anything but a pair is an error told to the learner."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        if result is None:
            return None, None
        raise TypeError("lr_range_test should return a pair, (lrs, losses)")
    losses = result[1] if isinstance(result[1], (tuple, list)) else [result[1]]
    if any(isinstance(loss, torch.Tensor) and loss.requires_grad for loss in losses):
        raise TypeError(LIVE)
    return result


@remembered
def tested_rates(answer, numbers, xs, ys, lr_min, lr_max):
    """The learning rates that it reports."""
    net, optimizer = _prepared(numbers, xs, ys, False)
    return {"lrs": _without_the_last(_pair(_test(answer, net, optimizer, xs, ys, lr_min, lr_max)))[0]}


@remembered
def tested_losses(answer, numbers, xs, ys, lr_min, lr_max, once=False):
    """Rates and losses that it reports."""
    net, optimizer = _prepared(numbers, xs, ys, False)
    lrs, losses = _without_the_last(_pair(_test(answer, net, optimizer, xs, ys, lr_min, lr_max, once)))
    return {"lrs": lrs, "losses": losses}


@remembered
def scripted(answer, losses, lr_min, lr_max):
    """The losses that it reports where the targets are the losses, whatever the net does."""
    torch.manual_seed(0)
    net = nn.Linear(1, 1).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5)
    batches = [(torch.ones(1, 1, dtype=torch.float64), torch.tensor([[loss]], dtype=torch.float64)) for loss in losses]
    found = answer(net, optimizer, lambda output, y: (0 * output + y).sum(), batches, lr_min, lr_max)
    return {"losses": _without_the_last(_pair(found))[1]}


def _without_the_last(pair):
    """The pair without the entries of a loss that ended the test: whether that one is noted is left open."""
    lists = [part.tolist() if isinstance(part, torch.Tensor) and part.dim() == 1 else part for part in pair]
    if not all(isinstance(part, list) and part for part in lists) or len(lists[0]) != len(lists[1]):
        return pair
    losses = [loss.item() if isinstance(loss, torch.Tensor) and loss.numel() == 1 else loss for loss in lists[1]]
    if not all(isinstance(loss, (int, float)) for loss in losses):
        return pair
    ended = not math.isfinite(losses[-1]) or losses[:-1] and losses[-1] > 4 * min(losses[:-1])
    return tuple(part[:-1] for part in lists) if ended else pair


@remembered
def left_behind(answer, numbers, xs, ys, lr_min, lr_max, warm):
    """The model and the optimizer after the test, and after one more step of training."""
    net, optimizer = _prepared(numbers, xs, ys, warm)
    _test(answer, net, optimizer, xs, ys, lr_min, lr_max)
    flat = lambda tensors: torch.cat([tensor.detach().double().flatten() for tensor in tensors])
    seen = {"weights afterwards": flat(net.parameters()), "buffers afterwards": flat(net.buffers()),
            **rates_of(optimizer, "afterwards")}
    _train_on(net, optimizer, xs[-1].nan_to_num(), ys[-1].nan_to_num())
    return {**seen, "weights one step of training later": flat(net.parameters())}


def by_value(case, seen, expected):
    """The same numbers, and then as many of them: how far the shorter one goes says more than its length."""
    if not isinstance(seen, dict):
        return first_difference(seen, expected)
    lists = {name: values.tolist() if isinstance(values, torch.Tensor) and values.dim() == 1 else values
             for name, values in seen.items()}
    for name, wanted in expected.items():
        got = lists.get(name)
        if not isinstance(got, list):
            return first_difference(seen, expected)
        shared = min(len(got), len(wanted))
        for place in range(shared):
            if finding := first_difference(got[place], wanted[place], path=(f"{name}[{place}]",)):
                return finding
        if len(got) != len(wanted):
            return Finding((f"number of {name}",), "value", len(got), len(wanted))
    return None


def tester(grid=lambda low, high, n: [low * (high / low) ** (i / (n - 1)) for i in range(n)], restore="mbol",
           after=False, groups=slice(None), stop=lambda loss, best: not math.isfinite(loss) or loss > 4 * best,
           skip=False, record_last=True, late=False, zero=True, smooth=0.0, stopped_restore=True, evaluates=None,
           own_steps=False):
    """Make an lr_range_test; mistakes are other settings.

    restore holds letters of what is put back: m the model's weights, b its buffers, o the optimizer's state, l its
    rates. evaluates: the model is set to evaluation mode, and "stays" there or "returns".
    """
    def run(model, optimizer, loss_fn, batches, lr_min, lr_max):
        batches = list(batches)
        weights = [p.detach().clone() for p in model.parameters()]
        buffers = [b.detach().clone() for b in model.buffers()]
        state = copy.deepcopy(optimizer.state_dict())
        lrs, losses, best = [], [], math.inf
        stopped = False
        if evaluates:
            model.eval()
        for lr, (x, y) in zip(grid(lr_min, lr_max, len(batches)), batches):
            def set_rates():
                for group in optimizer.param_groups[groups]:
                    group["lr"] = lr
            if not late:
                set_rates()
            loss = loss_fn(model(x), y)
            value = loss.item()
            if smooth and losses:
                value = smooth * losses[-1] + (1 - smooth) * value
            best = min(best, value)
            stopped = stop(value, best)
            if stopped and not record_last:
                break
            if not stopped:
                if zero:
                    optimizer.zero_grad()
                loss.backward()
                if own_steps:
                    with torch.no_grad():
                        for p in model.parameters():
                            p -= lr * p.grad
                elif not skip:
                    optimizer.step()
                if late:
                    set_rates()
            if after:
                value = loss_fn(model(x), y).item()
                stopped = after == "stops too" and stop(value, min([*losses, value]))
            lrs.append(lr)
            losses.append(value)
            if stopped:
                break
        if evaluates == "returns":
            model.train()
        if stopped and not stopped_restore:
            return lrs, losses
        with torch.no_grad():
            for kept, now, letter in ((weights, model.parameters(), "m"), (buffers, model.buffers(), "b")):
                for old, tensor in zip(kept, now):
                    if letter in restore:
                        tensor.copy_(old)
        rates = [group["lr"] for group in optimizer.param_groups]
        saved = [group["lr"] for group in state["param_groups"]]
        if "o" in restore or "e" in restore and not state["state"]:
            optimizer.load_state_dict(state)
        for group, lr in zip(optimizer.param_groups, saved if "l" in restore else rates):
            group["lr"] = lr
        return lrs, losses
    return run


def range_case(g, n=9, lr_min=0.001, lr_max=0.1, **options):
    """One case: weights, n batches of a regression, and the ends of the grid."""
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
    xs = draw(n, 8, 3)
    return {"numbers": 0.7 * draw(36), "xs": xs, "ys": xs.sum(2, keepdim=True) + 0.1 * draw(n, 8, 1),
            "lr_min": lr_min, "lr_max": lr_max, **options}


def _ratios(case, warm=False, **others):
    """Each loss over the best one before it, in a test that never stops."""
    net, optimizer = _prepared(case["numbers"], case["xs"], case["ys"], warm)
    _, losses = _test(tester(stop=lambda loss, best: False), net, optimizer, case["xs"], case["ys"], case["lr_min"],
                      case["lr_max"])
    return [loss / min(losses[:number]) for number, loss in enumerate(losses) if number]


def calm_case(g, n=9, lr_max=0.1, **options):
    """One whose loss stays far below four times the best."""
    for _ in range(200):
        case = range_case(g, n, lr_max=lr_max, **options)
        if max(_ratios(case, **options)) < 3:
            return case
    raise RuntimeError("no calm case was found")


def diverging_case(g, **options):
    """One whose loss jumps far above four times the best within the test, and never near that limit before."""
    for _ in range(200):
        case = range_case(g, 10, 0.01, 3000.0, **options)
        ratios = _ratios(case, **options)
        first = next((number for number, ratio in enumerate(ratios, 1) if not ratio < 3), None)
        if first and 2 <= first <= 7 and ratios[first - 1] > 6:
            return case
    raise RuntimeError("no diverging case was found")


def nan_case(g, **options):
    """One whose sixth batch has targets that are not numbers."""
    case = calm_case(g, **options)
    case["ys"][5] = math.nan
    return case


def scripted_case(g, **options):
    """Losses of which one is just under four times the best, and a later one just over; the first is not the best."""
    unit = 0.6 + 0.3 * torch.rand(1, generator=g, dtype=torch.float64).item()
    return {"losses": [unit * loss for loss in (3.0, 2.0, 7.6, 2.5, 1.0, 3.85, 4.15, 2.0, 1.2)], "lr_min": 0.001,
            "lr_max": 0.1}


def _scripted_call(case):
    losses = ", ".join(f"{loss:.2f}" for loss in case["losses"])
    return f"lr_range_test(…) on {len(case['losses'])} batches whose losses are {losses}"


def _counted(finding):
    return finding.kind == "value" and bool(finding.path) and str(finding.path[0]).startswith("number of")


def _left(*names, stopped=False):
    """Whether the first difference is in one of these, after a full test or only after one that stopped early."""
    return lambda finding, seen, case: bool(
        finding.path and str(finding.path[0]).startswith(names) and (case["lr_max"] > 100) == stopped)


def _range_call(case):
    ends = f"{case['lr_min']:g}, {case['lr_max']:g}"
    return f"lr_range_test(model, optimizer, loss_fn, {len(case['xs'])} batches, {ends})"


def _no_length(finding, seen, case):
    text = seen.get("raised", {}).get("text", "")
    return "len()" in text or "not subscriptable" in text or "has no len" in text


lr_range_test = Check(
    "lr_range_test", "lr_range_test(model, optimizer, loss_fn, batches, lr_min, lr_max)", tester(),
    [Part("grid", 0.3, "one rate per batch, from lr_min to lr_max, each the same multiple of the last", lambda g: [
         calm_case(g), calm_case(g, 5, lr_max=0.05, lr_min=1e-4)], tested_rates, shows=_range_call, agrees=by_value),
     Part("losses", 0.25, "each batch's loss, before the update that is made with that batch's rate", lambda g: [
         calm_case(g)], tested_losses, shows=_range_call, agrees=by_value),
     Part("any iterable", 0.1, "batches may be a generator, which can be gone through once and has no length",
         lambda g: [
         calm_case(g, once=True)], tested_losses, shows=lambda case: _range_call(case) + ", the batches a generator",
          agrees=by_value),
     Part("divergence", 0.1, "it stops at a loss that is not finite, or above four times the best so far", lambda g: [
         diverging_case(g), nan_case(g)], tested_losses, shows=_range_call, agrees=by_value),
     Part("limit", 0.05, "four times the best so far is the limit, and a loss just below it does not end the test",
          lambda g: [scripted_case(g)], scripted, shows=_scripted_call, agrees=by_value),
     Part("restored", 0.2, "weights, buffers, the optimizer's state and its rates are as before", lambda g: [
         calm_case(g, lr_max=0.3, warm=True), calm_case(g, lr_max=0.3, warm=False), diverging_case(g, warm=True)],
          left_behind, shows=lambda case: _range_call(case) + (
              ", the optimizer with momentum from earlier training" if case["warm"] else ", the optimizer new"))],
    [Mistake("range-linear", "The rates are evenly spaced. A test over powers of ten wants equal *ratios*: each rate "
             "is the same multiple of the one before.",
             tester(lambda low, high, n: [low + (high - low) * i / (n - 1) for i in range(n)])),
     Mistake("range-open-end", "lr_max is not reached: n batches make n − 1 steps from lr_min to lr_max.",
             [tester(lambda low, high, n: [low * (high / low) ** (i / n) for i in range(n)])]),
     Mistake("range-open-start", "The first rate is above lr_min: the grid should have both its ends in it.",
             [tester(lambda low, high, n: [low * (high / low) ** ((i + 1) / n) for i in range(n)])]),
     Mistake("range-exponents", "These are exponents, not rates: 10 to the power of them is missing.",
             [tester(lambda low, high, n: [math.log10(low * (high / low) ** (i / (n - 1))) for i in range(n)]),
              tester(lambda low, high, n: [math.log(low * (high / low) ** (i / (n - 1))) for i in range(n)])]),
     Mistake("range-downwards", "The rates run from lr_max down. Starting high would spoil the weights at once.",
             tester(lambda low, high, n: [low * (high / low) ** (1 - i / (n - 1)) for i in range(n)])),
     Mistake("range-logspace-of-rates", "`logspace` takes exponents: give it the log10 of lr_min and lr_max.",
             tester(lambda low, high, n: torch.logspace(low, high, n).tolist())),
     Mistake("range-swapped", "The losses and the rates have changed places: (lrs, losses) is asked for.",
             lambda *args: tuple(reversed(tester()(*args)))),
     Mistake("range-live-losses", "The losses are tensors that still hold their graphs, and cannot be drawn: note "
             "`loss.item()`, a Python float.",
             shows=lambda finding, seen, case: LIVE in seen.get("raised", {}).get("text", "")),
     Mistake("range-loss-after", "The loss is computed after the update. What counts is the loss that the batch had "
             "when its gradient was taken: it costs nothing extra.", [tester(after=True), tester(after="stops too")]),
     Mistake("range-first-group", "Only the first group gets the rate. The losses show that the other group went on "
             "with its own.", tester(groups=slice(0, 1))),
     Mistake("range-no-update", "The weights never moved during the test: each rate must take a step, or they all "
             "show the same net.", [tester(skip=True)]),
     Mistake("range-evaluates", "These are the losses of a net in evaluation mode, in which batch norm (lesson 7) does "
             "not look at the batch. The test is of training: leave out `model.eval()`.",
             [tester(evaluates="stays"), tester(evaluates="returns")]),
     Mistake("range-own-steps", "The updates are plain ones, lr times the gradient. Whether a rate is too high depends "
             "on the optimizer's momentum too: let the given one make them, by `optimizer.step()`.",
             tester(own_steps=True)),
     Mistake("range-late", "Each rate is set after its own update, so that every step is made with the rate before.",
             tester(late=True)),
     Mistake("range-accumulates", "The gradients pile up from batch to batch: clear them before `backward`.",
             tester(zero=False)),
     Mistake("range-smoothed", "The losses are smoothed. The raw loss of each batch is asked for; smooth it when you "
             "draw it.", [tester(smooth=s) for s in (0.5, 0.8, 0.9, 0.95, 0.98, 0.1, 0.05)]),
     Mistake("range-no-length", "The batches may be a generator, which has no length. Turn them into a list first.",
             shows=_no_length),
     Mistake("range-gone-through-twice", "A generator can be gone through once: counting its batches used them up, "
             "and none was left to train on.",
             lambda model, optimizer, loss_fn, batches, lr_min, lr_max: (
                 tester()(model, optimizer, loss_fn, batches, lr_min, lr_max) if isinstance(batches, list) else ([],
                     []))),
     Mistake("range-never-stops", "It goes on after the loss has blown up: it should stop at a loss that is not "
             "finite or above four times the best so far.", [tester(stop=lambda loss, best: False)]),
     Mistake("range-only-nan", "It stops only where the loss is no longer finite. Four times the best so far is "
             "enough: beyond that nothing is learned from the test.",
             [tester(stop=lambda loss, best: not math.isfinite(loss)),
              tester(stop=lambda loss, best: not math.isfinite(loss), record_last=False)]),
     Mistake("range-nan-goes-on", "A loss that is nan does not stop it: every comparison with nan is False. Ask "
             "whether it is finite.", [tester(stop=lambda loss, best: loss > 4 * best),
                               tester(stop=lambda loss, best: loss > 4 * best, record_last=False),
                               tester(stop=lambda loss, best: loss > 4 * best or loss == math.inf),
                               tester(stop=lambda loss, best: loss > 4 * best or loss == math.inf, record_last=False)]),
     Mistake("range-stops-early", "It stops too soon: no loss had been more than four times the best so far, and none "
             "was nan or infinite.", shows=lambda finding, seen, case: _counted(finding) and finding.got
             < finding.expected),
     Mistake("range-limit", "It goes on although a loss is more than four times the *best* so far: that is the limit, "
             "not another multiple, and not the first loss or the one just before.",
             shows=lambda finding, seen, case: "losses" in case and _counted(finding) and finding.got
             > finding.expected),
     Mistake("range-uneven", "It reports a rate more than losses, or the other way round: they belong together in "
             "pairs.",
             [lambda *args: (lambda lrs, losses: (lrs, losses[:-1]) if len(lrs) < len(args[3]) else (lrs, losses))(
                 *tester()(args[0], args[1], args[2], *[list(args[3])], *args[4:]))]),
     Mistake("range-weights-kept", "The weights are not restored. If you saved `model.state_dict()`, mind that it "
             "holds the very tensors that training then changes: copy them.",
             shows=_left("weights afterwards")),
     Mistake("range-buffers-kept", "The weights are back but the buffers are not: batch norm counted the test's "
             "batches into its running statistics. `model.state_dict()` has them too.",
             shows=_left("buffers afterwards")),
     Mistake("range-state-kept", "Weights, buffers and rates are back, but the first step of training afterwards goes "
             "elsewhere: the optimizer still has the momentum of the test, or lost what it had before. Its "
             "`state_dict()`, copied deeply, can be put back.",
             shows=_left("weights one step of training later")),
     Mistake("range-rates-kept", "The groups' rates are not what they were before the test: put each one's own back.",
             shows=_left(RATE)),
     Mistake("range-first-rate-restored", "The groups do not get their own rates back: all have the first group's.",
             lambda model, optimizer, *rest: (tester()(model, optimizer, *rest), [
                 group.update(lr=optimizer.param_groups[0]["lr"]) for group in optimizer.param_groups])[0]),
     Mistake("range-not-restored-after-stop", "After a full test all is restored, but not after an early stop: a "
             "`return` in the loop leaves before the restoring. `break`, or `try … finally`.",
             shows=_left("weights", "buffers", RATE, stopped=True))],
    OFF_LIMITS, "A loop of training steps, and `copy.deepcopy` of the two state dictionaries, are your tools.",
    seconds=5)
