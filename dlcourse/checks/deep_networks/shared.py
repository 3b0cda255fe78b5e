"""What the checks of lesson 01 share: what is off limits, and ways to recognise an error that was raised."""

AUTOGRAD = frozenset({"backward", "grad", "vjp", "jvp", "jacobian", "jacrev", "jacfwd", "torch.autograd.grad",
                      "torch.autograd.backward", "torch.autograd.functional"})


def raises(*words, where=lambda case: True):
    """A mistake's `shows`: the answer raised an error with these words in its text, in a case that `where` admits."""
    return lambda finding, seen, case: "raised" in seen and where(case) and all(
        word in seen["raised"]["text"] for word in words)


def multiplied(first, second):
    """A mistake's `shows`: a matrix product of case[first] and case[second] whose shapes do not fit."""
    def shows(finding, seen, case):
        rows = ["x".join(map(str, case[name].shape)) for name in (first, second)]
        return case[first].dim() == 2 and f"({rows[0]} and {rows[1]})" in seen.get("raised", {}).get("text", "")
    return shows
