"""The checks of lesson 09, `generative_models`: exercises in its modules, review questions here."""

from ..sealed import questions
from .autoencoding import Autoencoder
from .variational import reparameterize, kl_to_standard_normal, elbo_loss
from .adversarial import discriminator_loss, generator_loss, modes_covered
from .adversarial_step import gan_step
from .diffusion import interpolate, cosine_alpha_bar, diffuse
from .denoising import denoise_step

review_kl, review_signal, review_collapse, review_posterior, review_order = questions("generative_models")
