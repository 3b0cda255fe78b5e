"""What the checks of lesson 09 share: drawn cases, ways to look at random numbers, errors told apart."""

import torch

DOUBLE = torch.float64


def normal(g, *shape, dtype=DOUBLE):
    """Standard normal numbers."""
    return torch.randn(*shape, generator=g, dtype=DOUBLE).to(dtype)


def seed(g) -> int:
    """A seed drawn from g."""
    return int(torch.randint(2 ** 31, (), generator=g))


def generator(number: int) -> torch.Generator:
    """A fresh generator with this seed."""
    return torch.Generator().manual_seed(number)


def raises(*texts):
    """A mistake's `shows`: an error that has one of these pieces in its text."""
    return lambda finding, seen, case: any(text in seen.get("raised", {}).get("text", "") for text in texts)


def looked_at(*words):
    """A mistake's `shows`: what came out wrong is called one of these."""
    return lambda finding, seen, case: bool(finding.path) and finding.path[0] in words


def varied(base, **methods):
    """A subclass of base with some methods of its own."""
    return type(base.__name__, (base,), methods)


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
