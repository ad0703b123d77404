"""Verdicts: what an answer says (``extract``), whether it is right (``math``, ``sandbox``), one face (``judge``).

Model output is hostile here. Text of a model is read by regular expressions and by our own bounded parser
(``maths``) and compared in this process, each size checked before anything is computed; what that cannot tell goes
to a killable worker (``worker``), and code runs only in a sandbox (``sandbox``) which never holds the expected
results. Nothing here reads thinking, tasks or studies.
"""
