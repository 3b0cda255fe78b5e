"""Answers to lesson 06."""

from . import augmenting, measuring, shrinking  # noqa: F401
