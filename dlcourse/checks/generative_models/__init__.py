"""The checks of lesson 09, `generative_models`: exercises in three modules, review questions here."""

import math

from ..questions import choice, numeric, ordering
from .autoencoding import Autoencoder, reparameterize, kl_to_standard_normal, elbo_loss
from .adversarial import discriminator_loss, generator_loss, gan_step, modes_covered
from .diffusion import interpolate, cosine_alpha_bar, diffuse, denoise_step

# ---------------------------------------------------------------------------------------- review questions

review_kl = numeric(
    "review_kl", 0.5 * (1 + 4 - 1 - math.log(4)),
    "½(μ² + σ² − 1 − log σ²) = ½(1 + 4 − 1 − 1.386) = 1.307 nats.",
    "The formula wants the variance and its natural logarithm. Are the − 1 and the ½ in front there too?",
    {"review-kl-no-half": (1 + 4 - 1 - math.log(4), "The ½ in front is missing."),
     "review-kl-std": (0.5 * (1 + 2 - 1 - math.log(2)), "2 is the standard deviation. The formula wants the variance."),
     "review-kl-log-std": (0.5 * (1 + 4 - 1 - math.log(2)), "The logarithm is that of the variance, 4."),
     "review-kl-no-one": (0.5 * (1 + 4 - math.log(4)), "The − 1 is missing."),
     "review-kl-log2": (0.5 * (1 + 4 - 1 - 2), "The logarithm is the natural one, to base e."),
     "review-kl-plus": (0.5 * (1 + 4 - 1 + math.log(4)), "The logarithm is taken off, not added.")}, within=0.01)

review_signal = numeric(
    "review_signal", 0.25,
    "√ᾱ = ½, so half of the sample is left and the noise has the standard deviation √0.75 ≈ 0.87.",
    "The sample is multiplied by √ᾱ.",
    {"review-signal-square": (0.5, "That is √ᾱ itself. What is ᾱ?"),
     "review-signal-noise": (0.75, "That is 1 − ᾱ, the variance of the noise."),
     "review-signal-root": (math.sqrt(0.5), "That is the root of a half. It is √ᾱ that is a half."),
     "review-signal-fourth": (0.0625, "That is ¼ squared: one root too many was undone.")}, within=0.01)

review_collapse = choice(
    "review_collapse", "b",
    "The generator is paid for fooling the discriminator of the moment with each sample, on its own: nothing in its "
    "loss asks that samples differ.",
    {"a": "It then gives few kinds of samples because it overfits? It never sees the data: it learns from the "
          "discriminator's gradient alone.",
     "c": "That loss's gradient vanishes only where fakes already fool the discriminator, and a small gradient does "
          "not make samples alike.",
     "d": "A low-dimensional z can be spread over many modes: in the lesson two numbers reach all eight."})

review_posterior = choice(
    "review_posterior", "c",
    "KL = 0 means that μ and σ are the same for every digit: the code says nothing, and the decoder always gives the "
    "mean digit.",
    {"a": "With KL = 0 nothing about x is left in the code: no decoder could rebuild a digit from it.",
     "b": "The KL compares the codes' distribution with the prior; it is the reconstruction that compares pixels.",
     "d": "A lower loss on held-out digits would say that. This one's was higher: what the KL saved the reconstruction "
          "lost. The bound is even tight then, on a worse model."})

review_order = ordering(
    "review_order", "cadb",
    "Noise first; then the network's guess of the noise, the mean of the step, and fresh noise on top of it.",
    "Not quite. You start from noise; what does a step need before it can take its mean?",
    {"cabd": ("review-order-noise-early", "Fresh noise goes on top of the mean, so the mean comes first."),
     "cdab": ("review-order-mean-early", "The mean needs the network's guess."),
     "acdb": ("review-order-start", "Before a network can guess, there must be an x_T to look at."),
     "bdac": ("review-order-reversed", "The order is right, from the other end.")})
