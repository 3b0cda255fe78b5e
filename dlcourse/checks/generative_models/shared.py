"""What the checks of lesson 09 share: ways to look at random numbers."""

import torch

from ..asking import generator


def draws(call):
    """A way to look at how an answer uses its generator; call(answer, generator, **case) is one use of it."""
    def observe(answer, seed, **case):
        given, before = generator(seed), torch.random.get_rng_state()
        first, second = (call(answer, given, **case) for _ in range(2))
        once_more = call(answer, generator(seed), **case)
        if not all(isinstance(one, torch.Tensor) for one in (first, second, once_more)):
            return {"output": first}
        return {"same state, same result": torch.equal(first, once_more),
                "a second call gives another result": not torch.equal(first, second),
                "the global random state is as before": torch.equal(before, torch.random.get_rng_state())}
    return observe


def of_noise(noise) -> dict:
    """Statistics of what should be independent standard normal numbers, (N, d), a column each."""
    noise = noise.detach()
    mean, spread = noise.mean(0), noise.std(0)
    apart = noise - mean
    return {"mean of the noise": mean, "standard deviation of the noise": spread,
            "share of the noise beyond one standard deviation": (apart.abs() > spread).to(noise.dtype).mean(0),
            "share of samples with the noise of the one above": (noise[1:] == noise[:-1]).double().mean().item(),
            "correlation of the noise in two coordinates":
            (apart[:, 0] * apart[:, 1] / (spread[0] * spread[1]).clamp(min=1e-9)).mean().item()}
