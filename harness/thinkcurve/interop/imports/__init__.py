"""Runs made of other tools' results: lm-eval's samples, inspect's logs, tables with a map of columns.

A reader of each format gives `thinkcurve.interop.imports.item.Log`s, `assemble` makes one run of them, `write` puts it
on disk. What a file does not say stays unknown: tokens, times, prices and seeds are never guessed.
"""
