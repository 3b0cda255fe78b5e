"""Explorers: pictures with sliders, one module per lesson, made with `explorer.Explorer`."""
