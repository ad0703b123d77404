"""Mathematics as a small typed tree: our own tokenizer and parser, and a ladder of rungs that compares two trees.

Text goes in, only records and numbers come out: nothing here evaluates text, and every size is bounded before
anything is computed. What cannot be read whole is a ``ParseError``; what cannot be decided is ``None``.
"""
