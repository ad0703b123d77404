"""Every node of a cluster looked at, for ``thinkcurve doctor``: what it has, which versions, how it isolates code."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from thinkcurve.cluster.fleet import Fleet, Node, Share, WorkerLost
from thinkcurve.cluster.worker import Ready
from thinkcurve.errors import UsageError

PATIENCE_S = 120.0
"""How long a node may take to answer."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One node. ``problem`` is why no worker can be used there, in one line."""

    node: Node
    ready: Ready
    problem: str = ""


async def visit_all(address: str) -> list[Visit]:
    """All nodes at once but those that will be taken away, which take nothing new. Raises `UsageError` where it
    is not reached."""
    fleet = Fleet(address)
    try:
        nodes = [node for node in await asyncio.to_thread(fleet.nodes) if not node.is_leaving]
        if not nodes:
            raise UsageError(f"--cluster {address}: it has no node")
        return list(await asyncio.gather(*(_visit(fleet, node) for node in nodes)))
    finally:
        fleet.close()


async def _visit(fleet: Fleet, node: Node) -> Visit:
    handle = fleet.start(Share(0.0, 0.0), node.id)
    try:
        async with asyncio.timeout(PATIENCE_S):
            ready: Ready = await fleet.ask(handle, "look")
    except TimeoutError:
        return Visit(node, Ready(), f"no answer for {PATIENCE_S:.0f} s")
    except WorkerLost as lost:
        return Visit(node, Ready(), str(lost))
    finally:
        fleet.kill(handle)
    return Visit(node, ready, ready.refusal)
