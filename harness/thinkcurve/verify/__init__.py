"""Verdicts: what an answer says (``extract``), whether it is right (``math``, ``sandbox``), one face (``judge``).

Model output is hostile here. Text of a model is matched by regular expressions and compared as exact numbers in
this process; everything that needs a parser runs in a killable worker (``worker``), and code runs only in a
sandbox (``sandbox``) which never holds the expected results. Nothing here reads thinking, tasks or studies.
"""
