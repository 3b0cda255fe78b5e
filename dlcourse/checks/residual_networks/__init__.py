"""The checks of lesson 08, `residual_networks`: exercises in its modules, review questions here."""

from ..sealed import questions
from .convolution import conv2d
from .blocks import BasicBlock, Bottleneck
from .networks import resnet
from .dense import DenseBlock, stochastic_depth
from .attention import attention
from .heads import MultiHeadAttention
from .transformer import TransformerBlock
from .using import saliency, fine_tune
from .capstone import train_hundred_layers

review_depth, review_degradation, review_zero, review_active, review_order = questions("residual_networks")
