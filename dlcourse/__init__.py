"""An interactive course in deep learning: what its lessons, checks and graders are built from."""

__version__ = "0.1.0"
