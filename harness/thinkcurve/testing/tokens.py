"""Checks of the tokens themselves: exact continuation, lengths, greedy choice, log-probabilities, bytes."""

from __future__ import annotations

import math

from thinkcurve.backend import ModelInfo, Sampling, Stop
from thinkcurve.budget import EFFORTS
from thinkcurve.testing.subject import Failure, Skipped, Subject, remarks, shown

STEPS = 8
"""Tokens that are asked for one by one."""
BAD_BYTES = "\ufffd"
WRITINGS = {
    "emoji": "👩‍👩‍👧‍👦 🙂🏳️‍🌈",
    "Chinese and Japanese": "数学は楽しい。漢字",
    "combining marks": "e\u0301 n\u0303 क्षि",
    "right to left": "שלום عليكم",
    "rare letters": "𝔘𝔫𝔦 ∀x∈ℝ",
}


async def description(subject: Subject) -> str:
    """The model is described: a name, a positive context, room for a request, and markers that its tokenizer knows."""
    backend, model = subject.backend, subject.backend.model
    if not model.name:
        raise Failure("the model has no name; ModelInfo.name goes into every run")
    if model.context_tokens is not None and model.context_tokens < 1:
        raise Failure(f"context_tokens is {model.context_tokens}; a number of tokens or None is promised")
    if backend.concurrency < 1:
        raise Failure(f"concurrency is {backend.concurrency}; at least one request at a time is promised")
    if not backend.controls:
        raise Failure("controls is empty; at least one way to enforce a budget is promised")
    thinking = model.thinking
    if thinking is not None and backend.tokenizer is not None:
        for marker in (thinking.open, thinking.close, thinking.ends_with):
            said = subject.tokenizer.decode(subject.tokenizer.encode(marker))
            if said.strip() != marker.strip():
                raise Failure(f"marker {marker!r} comes back from the tokenizer as {said!r}; the same text is promised")
        prompt = subject.tokenizer.decode(subject.question(0))
        if thinking.open and thinking.template_opens is not prompt.rstrip().endswith(thinking.open.rstrip()):
            verb = "does" if thinking.template_opens else "does not"
            raise Failure(
                f"template_opens says that a prompt {verb} end in {thinking.open!r}; it ends {prompt[-24:]!r}"
            )
    _check_provider(model)
    known = "unknown" if model.context_tokens is None else f"{model.context_tokens:,}"
    efforts = f"effort {', '.join(model.efforts)}" if model.efforts else ""
    return remarks(f"context {known}, {'thinks in ' + thinking.open if thinking else 'no thinking markers'}", efforts)


def _check_provider(model: ModelInfo) -> None:
    """What is said of budgets, levels and lengths can be true."""
    native = model.native
    if native is not None and (native.least < 1 or (native.most is not None and native.most < native.least)):
        raise Failure(f"native takes budgets from {native.least} to {native.most}; a least of 1 or more is promised")
    places = [EFFORTS.index(level) if level in EFFORTS else -1 for level in model.efforts]
    if places != sorted(set(places)) or -1 in places:
        raise Failure(f"efforts is {model.efforts!r}; levels of {', '.join(EFFORTS)}, lowest first, are promised")
    if model.max_output_tokens is not None and model.max_output_tokens < 1:
        raise Failure(f"max_output_tokens is {model.max_output_tokens}; a number of tokens or None is promised")


async def continuation(subject: Subject) -> str:
    """A continued prefix of token ids gives the same ids that one request gives, wherever it is cut."""
    whole = await subject.sample()
    n = len(whole.ids)
    said = []
    for cut in sorted({1, n // 2, n - 1}):
        rest = subject.ids_of(await subject.ask(whole.prompt + whole.ids[:cut], n - cut))
        what = f"going on after token {cut} of {n}"
        said.append(await subject.same(whole.prompt + whole.ids[:cut], whole.ids[cut:], rest, what))
    steps: tuple[int, ...] = ()
    while len(steps) < min(n, STEPS):
        steps += subject.ids_of(await subject.ask(whole.prompt + steps, 1))[:1] or (-1,)
    said.append(await subject.same(whole.prompt, whole.ids[: len(steps)], steps, "going on token by token"))
    if whole.text != subject.tokenizer.decode(whole.ids):
        raise Failure(f"text is {whole.text!r}, but its ids decode to {subject.tokenizer.decode(whole.ids)!r}")
    return remarks(f"{n} tokens, cut after 1, {n // 2} and {n - 1}, and token by token", *said)


async def max_tokens(subject: Subject) -> str:
    """``max_tokens`` is exact: 0 is nothing at once, 1 is one token, and each length is a prefix of the longer ones."""
    whole = await subject.sample()
    n, said = len(whole.ids), []
    for limit in (0, 1, 2, n - 1, n):
        generation = await subject.ask(whole.prompt, limit)
        ids = subject.ids_of(generation)
        if len(ids) != limit:
            raise Failure(f"max_tokens {limit} gave {len(ids)} ids; exactly {limit} are promised, as the model goes on")
        if generation.stop is not Stop.LENGTH:
            raise Failure(f"max_tokens {limit} ended with {generation.stop.value!r}; 'length' is promised")
        if not limit and generation.text:
            raise Failure(f"max_tokens 0 gave the text {generation.text!r}; none is promised")
        said.append(await subject.same(whole.prompt, whole.ids[:limit], ids, f"max_tokens {limit}"))
    return remarks(f"0, 1, 2, {n - 1} and {n}", *said)


async def greedy(subject: Subject) -> str:
    """Temperature 0 is true greedy: the seed, top-p, top-k and min-p change nothing."""
    whole = await subject.sample()
    said = []
    for seed, sampling in (
        (1, Sampling()),
        (2**40 + 7, Sampling(0.0, top_p=0.3)),
        (3, Sampling(0.0, top_k=5)),
        (4, Sampling(0.0, min_p=0.2)),
    ):
        generation = await subject.ask(whole.prompt, len(whole.ids), sampling=sampling, seed=seed)
        what = f"temperature 0 with seed {seed}, top_p {sampling.top_p}, top_k {sampling.top_k}, min_p {sampling.min_p}"
        said.append(await subject.same(whole.prompt, whole.ids, subject.ids_of(generation), what))
    return remarks("any seed, top_p 0.3, top_k 5, min_p 0.2", *said)


async def logprobs(subject: Subject) -> str:
    """Log-probabilities come one a token, none above 0; a greedy token is the likeliest, asked for or not."""
    whole = await subject.sample()
    n = len(whole.ids)
    asked = await subject.ask(whole.prompt, n, top_logprobs=3)
    if asked.logprobs is None:
        raise Skipped("it gives no log-probabilities")
    ids = subject.ids_of(asked)
    said = await subject.same(whole.prompt, whole.ids, ids, "the same request with log-probabilities")
    if len(asked.logprobs) != len(ids):
        raise Failure(f"{len(asked.logprobs)} log-probabilities came for {len(ids)} ids; one a token is promised")
    above = [value for value in asked.logprobs if value > 1e-6]
    if above:
        raise Failure(f"a log-probability is {above[0]:.4g}; natural logs, so none above 0, are promised")
    unknown = sum(map(math.isnan, asked.logprobs))
    if 2 * unknown > n:
        raise Failure(f"{unknown} of {n} log-probabilities are not a number; one a token is promised")
    if asked.top_logprobs is None or len(asked.top_logprobs) != len(ids):
        came = "none" if asked.top_logprobs is None else str(len(asked.top_logprobs))
        raise Failure(f"top_logprobs 3 gave {came} tables for {len(ids)} ids; one a token is promised")
    for place, (token, value, top) in enumerate(zip(ids, asked.logprobs, asked.top_logprobs, strict=True)):
        if not math.isnan(value):
            _check_table(place, token, value, top)
    bare = await subject.ask(whole.prompt, 2, top_logprobs=0)
    if bare.logprobs is None or len(bare.logprobs) != len(subject.ids_of(bare)):
        raise Failure(f"top_logprobs 0 gave {bare.logprobs!r}; one log-probability a token and no table is promised")
    return remarks(f"{n} tokens" + (f", {unknown} of them unknown to the engine" if unknown else ""), said)


def _check_table(place: int, token: int, value: float, top: dict[int, float]) -> None:
    """One position: the chosen token stands in the table as the likeliest, and the table is of probabilities."""
    if len(top) > 3 or not top:
        raise Failure(f"token {place + 1} has {len(top)} rivals listed; the 3 likeliest are promised")
    likeliest = max(top, key=lambda key: top[key])
    if value < top[likeliest] - 0.02:
        raise Failure(
            f"greedy chose id {token} with log-probability {value:.4f}, but id {likeliest} has {top[likeliest]:.4f}"
        )
    if token in top and abs(top[token] - value) > 1e-3:
        raise Failure(
            f"id {token} has log-probability {value:.4f} and {top[token]:.4f} in its table; the same is promised"
        )
    total = sum(map(math.exp, top.values()))
    if total > 1.001:
        raise Failure(
            f"the probabilities listed for token {place + 1} add up to {total:.3f}; natural logs are promised"
        )


async def unicode(subject: Subject) -> str:
    """Any writing survives the tokenizer, ids cut inside a character decode to something, and continue exactly."""
    changed = []
    for name, text in WRITINGS.items():
        ids = subject.tokenizer.encode(text)
        said = subject.tokenizer.decode(ids)
        if said.strip() != text.strip():
            if BAD_BYTES in said or subject.tokenizer.decode(subject.tokenizer.encode(said)) != said:
                raise Failure(f"{name}: {text!r} comes back from the tokenizer as {said!r}; the same text is promised")
            changed.append(name)
        for cut in range(len(ids) + 1):
            _decodes(subject, ids[:cut])
            _decodes(subject, ids[cut:])
    said_of_cuts = [await _goes_on_inside(subject, number) for number in range(2)]
    note = f"the tokenizer rewrites {', '.join(changed)}" if changed else ""
    return remarks(f"{len(WRITINGS)} writings, every cut", note, *said_of_cuts)


def _decodes(subject: Subject, ids: tuple[int, ...]) -> None:
    try:
        text = subject.tokenizer.decode(ids)
    except Exception as error:
        raise Failure(
            f"decode raised {type(error).__name__} for {shown(ids)}; a replacement character is promised"
        ) from error
    if not ids and text:
        raise Failure(f"decode of no ids gave {text!r}; nothing is promised")


async def _goes_on_inside(subject: Subject, number: int) -> str:
    """A prompt that ends inside a character, continued whole and in two parts."""
    ids = subject.tokenizer.encode("🙂🙃🤖 数"[number:])
    at = next((i for i in range(1, len(ids)) if subject.tokenizer.decode(ids[:i]).endswith(BAD_BYTES)), len(ids))
    prompt = subject.rendered("Say it again: 🙂") + ids[:at]
    whole = await subject.ask(prompt, subject.size // 2)
    n = len(subject.ids_of(whole))
    if n < 2:
        return ""
    first = subject.ids_of(await subject.ask(prompt, n // 2))
    rest = subject.ids_of(await subject.ask(prompt + first, n - n // 2))
    return await subject.same(
        prompt, subject.ids_of(whole), first + rest, "a prompt that ends inside a character, in two parts,"
    )
