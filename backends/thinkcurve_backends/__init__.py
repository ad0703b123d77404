"""Backends of thinkcurve: one an engine or provider, reached through the ``thinkcurve.backends`` entry points."""
