"""Checks of drawing: a seed draws the same tokens alone and in company, another one others, filters leave the best."""

from __future__ import annotations

import math

from thinkcurve.backend import Sampling
from thinkcurve.testing.subject import Failure, Skipped, Subject, remarks, shown

SEEDS = (1, 2, 3, 2**31 - 1, 2**32 + 7, 2**53 - 1)
OTHERS = 3
"""Requests of other lengths and prompts among those with seeds."""
FEW = 5
"""Draws are among so many tokens. Without it they come from a long tail of tokens, where rounding in another batch
moves the borders: llama.cpp at float16 then drew others for three seeds of six within eleven tokens."""
SHARE = 4
"""One repeat in so many may part, after its first token, where rounding moved one of the few borders that are left. A
wrong seed parts nearly always, and at once."""


async def seeds(subject: Subject) -> str:
    """A seed draws the same tokens again at temperature 1, also among other requests; other seeds draw others."""
    prompt, hot, n = await undecided(subject)
    alone = [subject.ids_of(await subject.ask(prompt, n, sampling=hot, seed=seed)) for seed in SEEDS]
    again = [subject.ids_of(await subject.ask(prompt, n, sampling=hot, seed=seed)) for seed in SEEDS[:2]]
    others = (subject.ask(subject.question(i), n // 2, sampling=hot, seed=SEEDS[i]) for i in range(OTHERS))
    together = await subject.together(
        (*others, *(subject.ask(prompt, n, sampling=hot, seed=seed) for seed in SEEDS)), "requests with seeds at once"
    )
    came = [(number, ids, "asked again") for number, ids in enumerate(again)]
    came += [(number, subject.ids_of(told), "in company") for number, told in enumerate(together[OTHERS:])]
    parted = [(number, ids, how) for number, ids, how in came if ids != alone[number]]
    for number, ids, how in parted:
        at = next((i for i, (a, b) in enumerate(zip(ids, alone[number], strict=False)) if a != b), 0)
        if len(parted) * SHARE > len(came) or at == 0:
            raise Failure(
                f"seed {SEEDS[number]} {how} drew {shown(ids, at)}; {shown(alone[number], at)}, as at first, is "
                f"promised ({len(parted)} of {len(came)} repeats part)"
            )
    note = f"{len(parted)} parted on the way, as rounding may do" if parted else ""
    heat = f"{len(set(alone))} of {len(SEEDS)} seeds differ at temperature {hot.temperature:g}"
    return remarks(heat, f"{len(came)} repeats are the same" if not parted else f"{len(came)} repeats", note)


async def _told_apart(subject: Subject, prompt: tuple[int, ...], n: int, same: str) -> None:
    """Fail where log-probabilities say that other tokens were likely enough to be drawn by one seed of four."""
    generation = await subject.ask(prompt, n, top_logprobs=2)
    likely = [top for top in generation.top_logprobs or () if sorted(top.values())[0] > math.log(0.2)]
    if likely:
        raise Failure(f"{same}, though {len(likely)} of {n} tokens had a rival of more than 0.2; others are promised")
    if generation.top_logprobs:
        raise Skipped(f"{same}; its log-probabilities leave no rival a chance")


async def filters(subject: Subject) -> str:
    """Top-k, top-p and min-p are applied: each of them at its narrowest leaves only the likeliest token."""
    prompt, hot, n = await undecided(subject)
    best = subject.ids_of(await subject.ask(prompt, n))
    said = []
    for name, sampling in (
        ("top_k 1", Sampling(hot.temperature, top_k=1)),
        ("top_p 0.000001", Sampling(hot.temperature, top_p=1e-6)),
        ("min_p 1", Sampling(hot.temperature, min_p=1.0)),
    ):
        for seed in SEEDS[:3]:
            generation = await subject.ask(prompt, n, sampling=sampling, seed=seed)
            what = f"temperature {hot.temperature:g} with {name}, seed {seed}"
            said.append(await subject.same(prompt, best, subject.ids_of(generation), what))
    return remarks(f"top_k 1, top_p 0.000001 and min_p 1 are greedy at temperature {hot.temperature:g}", *said)


async def undecided(subject: Subject) -> tuple[tuple[int, ...], Sampling, int]:
    """A prompt and a temperature at which seeds differ: 1 for most models, 3 for one that is very sure."""
    whole = await subject.sample()
    n = max(len(whole.ids) // 2, 4)
    drawn: set[tuple[int, ...]] = set()
    for temperature in (1.0, 3.0):
        hot = Sampling(temperature, top_k=FEW)
        for prompt in (whole.prompt, subject.filler(12, 2), subject.question(2)):
            drawn = {subject.ids_of(await subject.ask(prompt, n, sampling=hot, seed=seed)) for seed in SEEDS[:4]}
            if len(drawn) > 1:
                return prompt, hot, n
    same = f"seeds {SEEDS[:4]} drew the same tokens at temperatures 1 and 3: {shown(min(drawn))}"
    await _told_apart(subject, whole.prompt, n, same)
    raise Skipped(f"{same}; it gives no log-probabilities to say whether others were likely")
