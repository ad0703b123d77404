"""What runs inside the sandbox: the zygote, the task it forks, and the walls around both. Standard library only.

Nothing in here knows what an answer should be. The harness's side is ``verify.sandbox``; of this package it imports
``wire`` and ``scratch`` alone.
"""
