"""The checks of the start page: the smallest exercise of the course, on which to see how checks talk; its words."""

from .asking import batches, slope, value
from .core import Check, Mistake, Part
from .sealed import questions

square = Check(
    "square", "square(x)", lambda x: x * x,
    [Part("values", 0.6, "each entry of x comes back times itself", batches, value),
     Part("gradient", 0.4, "the gradient is 2x", batches, slope)],
    [Mistake("square-double", "This is 2x. It agrees with x² at 0 and at 2, and nowhere else.", lambda x: 2 * x),
     Mistake("square-cube", "This is x³: one factor too many. It turns negative on the left.", lambda x: x ** 3),
     Mistake("square-power-of-two", "This is 2 to the power of x. In x² it is x that is multiplied by itself.",
             lambda x: 2 ** x),
     Mistake("square-magnitude", "This is |x|: the sign is gone, as it should be, and nothing was multiplied.",
             lambda x: abs(x)),
     Mistake("square-signed", "This is x·|x|. The size is right and the sign of x has stayed; a square has none.",
             lambda x: x * abs(x)),
     Mistake("square-root", "This is √|x|, the way back from a square.", lambda x: abs(x) ** 0.5),
     Mistake("square-identity", "The inputs came back as they went in.", lambda x: 1 * x),
     Mistake("square-negated", "The sign is turned: Python reads -x ** 2 as -(x ** 2).", lambda x: -(x * x)),
     Mistake("square-caret", "In Python ^ is no power, it compares bits; x ** 2 is one way to write a power.",
             lambda x: x ^ 2),
     Mistake("square-summed", "The squares were added up, or averaged, to one number. A square for each entry is "
             "asked for.", [lambda x: (x * x).sum(), lambda x: (x * x).mean()]),
     Mistake("square-half-detached", "The gradient is x, half of 2x. x² has x as a factor twice, and one of the two "
             "was detached: no gradient flows through it.", lambda x: x * x.detach()),
     Mistake("square-matrix", "`@` multiplies matrices: rows by columns. `*` multiplies entry by entry.",
             lambda x: x @ x)],
    curve=(-3, 3))

glossary, = questions("start_here")
