"""The checks of lesson 09, `generative_models`: exercises in three modules, review questions here."""

from ..sealed import questions
from .autoencoding import Autoencoder, reparameterize, kl_to_standard_normal, elbo_loss
from .adversarial import discriminator_loss, generator_loss, gan_step, modes_covered
from .diffusion import interpolate, cosine_alpha_bar, diffuse, denoise_step

review_kl, review_signal, review_collapse, review_posterior, review_order = questions("generative_models")
