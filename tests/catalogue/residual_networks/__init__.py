"""Answers to lesson 08, a module for each part of it."""

from . import attention, blocks, capstone, convolution, dense, networks, using  # noqa: F401
