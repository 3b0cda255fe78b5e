# Author B's part of 10_training_at_scale: percent cells with the course's markers. DRAFT of 15:12: the exercise cells
# are the checks' own references in lesson form; demo cells and figures are NOT yet run. See the report.

# %% [markdown]
# ## Half the bits
#
# float16 has numbers from about 6·10⁻⁸ to 65 504. A gradient below that becomes 0, and what is 0 teaches nothing.
# bfloat16 keeps float32's range and gives up digits instead. *Loss scaling* (Micikevicius et al. 2017) multiplies the
# loss by a number $S$ before backward. By the chain rule every gradient on the way is $S$ times as large; before the
# optimizer steps, $S$ is divided out again:
#
# $$g = \tfrac1S\,\nabla_w (S \cdot L)$$
#
# Which $S$? As large as possible without an overflow, and that changes while training. So try: where any gradient is
# inf or nan, leave out the step and halve $S$; after `growth_interval` good steps in a row, double it.
#
# **Exercise.** Write `LossScaler`. It is used as `(loss * scaler.scale).backward()`, `scaler.step(optimizer)`,
# `scaler.update()`. `step` divides every gradient of the optimizer's groups by the scale (None is passed over) and calls
# `optimizer.step()` only where all are finite. After a good step the gradients hold their true values. Only `update`
# changes `.scale`.

# %% exercise="LossScaler"
class LossScaler:
    """Dynamic loss scaling; `.scale` is what the loss is to be multiplied by."""
    def __init__(self, init_scale: float = 2.0 ** 16, growth_interval: int = 2000):
        """Start from init_scale."""
        ### BEGIN SOLUTION
        self.scale, self.growth_interval = init_scale, growth_interval
        self.good_steps, self.overflow = 0, False
        ### END SOLUTION

    def step(self, optimizer):
        """Unscale the gradients, and step where all of them are finite."""
        ### BEGIN SOLUTION
        grads = [p.grad for group in optimizer.param_groups for p in group["params"]
                 if p.grad is not None]
        for grad in grads:
            grad /= self.scale
        self.overflow = not all(grad.isfinite().all() for grad in grads)
        if not self.overflow:
            optimizer.step()
        ### END SOLUTION

    def update(self):
        """Halve the scale after an overflow; double it after enough good steps in a row."""
        ### BEGIN SOLUTION
        self.good_steps = 0 if self.overflow else self.good_steps + 1
        if self.overflow:
            self.scale /= 2
        elif self.good_steps == self.growth_interval:
            self.scale, self.good_steps = 2 * self.scale, 0
        ### END SOLUTION

# %% check="LossScaler" points=4
check.LossScaler(LossScaler)

# %% [markdown]
# ## Forget, and compute again
#
# Backward needs the activations of forward, so all of them are held in between. A *checkpoint* (Chen et al. 2016) keeps
# a block's inputs alone and runs the block again in backward: one more forward pass, where forward and backward
# together cost three, so about a third more compute.
#
# The second run must draw the same random numbers as the first, or dropout would drop other units:
# `torch.get_rng_state()` and `torch.set_rng_state(state)` read and set the generator. Inside `backward` gradients are
# off; `with torch.enable_grad():` turns them on. `torch.autograd.backward(outputs, grads)` sends gradients into a graph
# and adds to the `.grad` of every leaf it meets, parameters included. The `anchor` below needs a gradient and does
# nothing else: autograd gives a `Function`'s result a graph only if one of its tensor arguments needs a gradient.
#
# **Exercise.** Write `checkpoint` by filling in the two halves of `Recompute`, or your own way. The function may take
# anything beside tensors and may give a tuple.

# %% exercise="checkpoint"
class Recompute(torch.autograd.Function):
    """Runs function(*inputs) without a graph, and once more with one in backward."""
    @staticmethod
    def forward(ctx, function, anchor, *inputs):
        ### BEGIN SOLUTION
        ctx.function, ctx.inputs, ctx.random = function, inputs, torch.get_rng_state()
        return function(*inputs)  # a Function's forward builds no graph
        ### END SOLUTION

    @staticmethod
    def backward(ctx, *grads):
        ### BEGIN SOLUTION
        inputs = [x.detach().requires_grad_(x.requires_grad) if torch.is_tensor(x) else x
                  for x in ctx.inputs]
        now = torch.get_rng_state()
        torch.set_rng_state(ctx.random)
        with torch.enable_grad():
            outputs = ctx.function(*inputs)
        torch.set_rng_state(now)
        torch.autograd.backward(outputs if isinstance(outputs, tuple) else (outputs,), grads)
        return None, None, *(x.grad if torch.is_tensor(x) else None for x in inputs)
        ### END SOLUTION


def checkpoint(function, *inputs):
    """function(*inputs), whose inner activations are not held until backward but computed again."""
    return Recompute.apply(function, torch.ones((), requires_grad=True), *inputs)

# %% check="checkpoint" points=5
check.checkpoint(checkpoint)

# %% [markdown]
# **Exercise.** Write `accumulate_gradients`: the gradient of one big batch from micro-batches that fit. `loss_fn` is a
# mean, the micro-batches are any iterable of (x, y) and may differ in size; start from cleared gradients, one backward
# for each. (A batch norm would still see the small batches.)

# %% exercise="accumulate_gradients"
def accumulate_gradients(model, loss_fn, micro_batches) -> None:
    """Leave in .grad the gradient of the mean loss over all micro-batches together."""
    ### BEGIN SOLUTION
    model.zero_grad()
    total = 0
    for x, y in micro_batches:
        (loss_fn(model(x), y) * len(x)).backward()
        total += len(x)
    for p in model.parameters():
        if p.grad is not None:
            p.grad /= total
    ### END SOLUTION

# %% check="accumulate_gradients" points=3
check.accumulate_gradients(accumulate_gradients)

# %% [markdown]
# **Exercise.** Write `large_batch_lr` (Goyal et al. 2017): with batches $B/B_0$ times as large, a rate as many times as
# high, reached on a straight line from $\eta_0$ over the first $W$ steps.
#
# $$\eta_n = \eta_0 + \left(\tfrac{B}{B_0}\,\eta_0 - \eta_0\right)\min\left(1, \tfrac nW\right)$$

# %% exercise="large_batch_lr"
def large_batch_lr(step: int, base_lr: float, base_batch: int, batch: int, warmup: int) -> float:
    """From base_lr to base_lr · batch / base_batch at step warmup; constant after that."""
    ### BEGIN SOLUTION
    peak = base_lr * batch / base_batch
    return peak if step >= warmup else base_lr + (peak - base_lr) * step / warmup
    ### END SOLUTION

# %% check="large_batch_lr" points=2
check.large_batch_lr(large_batch_lr)

# %% [markdown]
# ## On paper
#
# **Exercise.** Write `memory_per_device`: bytes of model states, activations left out. Per parameter: fp16 weights 2,
# fp16 gradients 2, Adam's fp32 states 12 (a copy of the weights, two moments). ZeRO (Rajbhandari et al. 2019) shares
# out the states at stage 1, the gradients too at 2, the weights too at 3.

# %% exercise="memory_per_device"
def memory_per_device(parameters: int, devices: int, stage: int) -> float:
    """Bytes of weights, gradients and optimizer states on each device, at ZeRO stage 0 to 3."""
    ### BEGIN SOLUTION
    pieces = ((12, 1), (2, 2), (2, 3))  # bytes per parameter, shared out from this stage on
    return parameters * sum(size / devices if stage >= first else size for size, first in pieces)
    ### END SOLUTION

# %% check="memory_per_device" points=2
check.memory_per_device(memory_per_device)

# %%
with once_written("memory_per_device"):
    for stage in range(4):
        print(f"7.5 billion parameters, 64 devices, stage {stage}: "
              f"{memory_per_device(7_500_000_000, 64, stage) / 1e9:5.1f} GB each")

# %% [markdown]
# Figure 1 of the ZeRO paper has 120, 31.4, 16.6 and 1.9 GB.
#
# **Exercise.** Write `training_cost`: forward takes 2 FLOPs per parameter and token, backward 4, so $6ND$ in all. Rates
# and watts are the whole cluster's; utilization is the share of the peak rate that is reached. Return seconds, kWh, kg.

# %% exercise="training_cost"
def training_cost(parameters: float, tokens: float, flops_per_second: float, utilization: float,
                  watts: float, grams_per_kwh: float) -> tuple[float, float, float]:
    """Seconds, kilowatt-hours and kilograms of CO2-equivalent of one training run."""
    ### BEGIN SOLUTION
    seconds = 6 * parameters * tokens / (flops_per_second * utilization)
    kwh = seconds / 3600 * watts / 1000
    return seconds, kwh, kwh * grams_per_kwh / 1000
    ### END SOLUTION

# %% check="training_cost" points=3
check.training_cost(training_cost)

# %%
with once_written("training_cost"):
    gpt3 = 174.6e9, 300e9
    seconds, kwh, kg = training_cost(*gpt3, 10_000 * 125e12, 24.6 / 125, 10_000 * 330 * 1.1, 429)
    print(f"{6 * gpt3[0] * gpt3[1]:.2e} FLOPs, {seconds / 86400:.1f} days, "
          f"{kwh / 1000:.0f} MWh, {kg / 1000:.0f} t CO2e")

# %% [markdown]
# Brown et al. (2020, table D.1) count 3.14·10²³ FLOPs. Patterson et al. (2021) have 14.8 days, 1287 MWh and 552 t; ours
# differ from these by no more than rounding, about a thousandth.
#
# **Exercise.** Write `fit_power_law`: the a, b, c of $a\,n^{-b} + c$ that fit best. For any one $b$ the best $a$ and $c$
# are a linear least-squares problem.

# %% exercise="fit_power_law"
def fit_power_law(n, loss) -> tuple[float, float, float]:
    """The (a, b, c) for which a·n^−b + c has the least squared error; lists or 1-d tensors."""
    ### BEGIN SOLUTION
    n, loss = (torch.as_tensor(values, dtype=torch.float64) for values in (n, loss))
    first, best = n.min(), (math.inf,)
    for b in torch.linspace(0.01, 2, 400, dtype=torch.float64):
        design = torch.stack([(n / first) ** -b, torch.ones_like(n)], dim=1)
        a, c = torch.linalg.lstsq(design, loss[:, None]).solution[:, 0]
        error = (design @ torch.stack([a, c]) - loss).square().sum().item()
        best = min(best, (error, (a * first ** b).item(), b.item(), c.item()))
    return best[1:]
    ### END SOLUTION

# %% check="fit_power_law" points=3
check.fit_power_law(fit_power_law)
