"""Thinking by problem: what each needs, what a policy could win, routers, demand."""
