"""Train thinkcurve-tiny from nothing: ``python -m training.train --out DIR``.

Capped by tokens, never by minutes, so that the same seed gives the same curve again. Stops and resumes at any
checkpoint: what follows is the same, bit for bit, as if it had never stopped. One JSON line per report
goes to ``DIR/log.jsonl``: tokens read, loss, learning rate, and accuracy by what a token is for
(copying and computing apart), on problems of the training side that are drawn for this alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from training import data, tokenizer
from training.model import Llama, Shape, initialise
from training.muon import Muon

SHORT, EVEN = (4.0, 3.0, 2.0, 0.5, 0.25), (1.0, 1.0, 1.0, 1.0, 1.0)
"""Weights of levels 1 to 5 at the start and after the warm-up on short problems."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights; the seed included, the speed excluded.

    ``circuits`` and ``waves`` choose the structured start values (model.py); ``muon`` says which matrices Muon
    moves: ``rest`` (all but the seeded attention of layers 0 and 1), ``mlp``, or ``none``. AdamW moves the others.
    """

    tokens: int = 9_500_000
    seed: int = 0
    batch_tokens: int = 2048
    matrix_rate: float = 0.01
    other_rate: float = 0.001
    warm_up: float = 0.01
    short_share: float = 0.12
    decay_share: float = 0.6
    circuits: bool = True
    waves: bool = True
    muon: str = "rest"
    width: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 384


class Trainer:
    """The model, its optimisers, and where in the data they are."""

    def __init__(self, recipe: Recipe) -> None:
        torch.set_flush_denormal(True)
        self.recipe = recipe
        vocabulary = tokenizer.shared().get_vocab_size()
        shape = Shape(vocabulary, recipe.width, recipe.layers, recipe.heads, recipe.feed_forward)
        self.model = Llama(shape)
        keys = tokenizer.keys() if recipe.circuits else None
        numbers = tokenizer.numbers() if recipe.waves else None
        initialise(self.model, torch.Generator().manual_seed(recipe.seed), keys, numbers)
        matrices = [p for name, p in self.model.named_parameters() if _by_muon(name, recipe.muon)]
        others = [p for name, p in self.model.named_parameters() if not _by_muon(name, recipe.muon)]
        self.muon = Muon(matrices, recipe.matrix_rate)
        self.adam = torch.optim.AdamW(others, recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0)
        self.tokens = self.steps = self.pool = self.position = 0

    def batches(self) -> Iterator[data.Batch]:
        """Batches from where training stands, until the token cap."""
        while self.tokens < self.recipe.tokens:
            early = self.tokens < self.recipe.short_share * self.recipe.tokens
            pool = data.batches(self.recipe.seed, self.pool, self.recipe.batch_tokens, SHORT if early else EVEN)
            for number, batch in enumerate(pool):
                if number >= self.position and self.tokens < self.recipe.tokens:
                    self.position += 1
                    yield batch
            if self.tokens < self.recipe.tokens:
                self.pool, self.position = self.pool + 1, 0

    def step(self, batch: data.Batch) -> float:
        """Learn from one batch; its loss."""
        scale = self.rate_scale()
        loss = batch_loss(self.model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.adam.param_groups[0]["params"], 1.0)
        self.adam.param_groups[0]["lr"] = self.recipe.other_rate * scale
        self.adam.step()
        self.muon.step(scale)
        self.model.zero_grad(set_to_none=True)
        self.tokens += batch.tokens
        self.steps += 1
        return float(loss.detach())

    def rate_scale(self) -> float:
        """Linear warm-up, then constant, then linear to zero at the cap."""
        done = self.tokens / self.recipe.tokens
        return max(0.0, min(1.0, (done + 1e-4) / self.recipe.warm_up, (1 - done) / self.recipe.decay_share))

    def save(self, path: Path) -> None:
        """Write a checkpoint; the old one stays until the new one is whole."""
        state = {
            "recipe": dataclasses.asdict(self.recipe),
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "place": (self.tokens, self.steps, self.pool, self.position),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Trainer:
        """Go on from a checkpoint."""
        state = torch.load(path, weights_only=True)
        trainer = cls(Recipe(**state["recipe"]))
        trainer.model.load_state_dict(state["model"])
        trainer.muon.load_state_dict(state["muon"])
        trainer.adam.load_state_dict(state["adam"])
        trainer.tokens, trainer.steps, trainer.pool, trainer.position = state["place"]
        return trainer


def _by_muon(name: str, muon: str) -> bool:
    """Whether Muon moves this parameter: never the embedding, the norms and the seeded attention."""
    if muon == "rest":
        return "_proj" in name and not name.startswith(("layers.0.self_attn", "layers.1.self_attn"))
    return muon == "mlp" and ".mlp." in name


def batch_loss(model: Llama, batch: data.Batch) -> Tensor:
    """Mean cross-entropy over the tokens that are learnt; matrix products in bfloat16, the rest in float32."""
    learnt = batch.targets != data.IGNORED
    with torch.autocast("cpu", torch.bfloat16):
        logits = functional.linear(model.hidden(batch.inputs)[learnt], model.embed_tokens.weight)
    return functional.cross_entropy(logits.float(), batch.targets[learnt])


@torch.no_grad()
def role_accuracy(model: Llama, seed: int, lessons: int = 16) -> dict[str, float]:
    """Share of right next tokens for each role, teacher-forced, over ``lessons`` problems of each task and level."""
    rng = random.Random(f"thinkcurve probe {seed}")
    right: dict[str, list[bool]] = {}
    for task, make in (("chain", data.chain_lesson), ("code", data.code_lesson)):
        for level in range(1, 6):
            probes = [make(rng, level) for _ in range(lessons)]
            batch = data.collate([data.sequence(lesson, None) for lesson in probes])
            hits = model(batch.inputs).argmax(-1) == batch.targets
            for row, lesson in enumerate(probes):
                for role, hit in zip(_roles(lesson), hits[row, len(lesson.prompt) - 1 :].tolist(), strict=False):
                    right.setdefault(f"{task}_{role}", []).append(hit)
    return {role: round(sum(hits) / len(hits), 3) for role, hits in right.items()}


def _roles(lesson: data.Lesson) -> list[str]:
    return [*lesson.roles, "marker", *["answer"] * len(lesson.answer)]


def train(trainer: Trainer, out: Path, *, report_every: int, save_s: float, stop_tokens: int | None = None) -> None:
    """Run to the cap (or to ``stop_tokens``), logging and saving on the way."""
    out.mkdir(parents=True, exist_ok=True)
    losses: list[float] = []
    began = saved = time.perf_counter()
    first = trainer.tokens
    for batch in trainer.batches():
        losses.append(trainer.step(batch))
        now = time.perf_counter()
        if trainer.steps % report_every == 0:
            line = {
                "tokens": trainer.tokens,
                "steps": trainer.steps,
                "loss": round(sum(losses) / len(losses), 4),
                "rate_scale": round(trainer.rate_scale(), 4),
                "tokens_per_s": round((trainer.tokens - first) / (now - began)),
                "accuracy": role_accuracy(trainer.model, trainer.recipe.seed, 4),
            }
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            losses = []
        if now - saved > save_s:
            trainer.save(out / "checkpoint.pt")
            saved = now
        if stop_tokens is not None and trainer.tokens >= stop_tokens:
            break
    trainer.save(out / "checkpoint.pt")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train thinkcurve-tiny; then run training.export on its folder.")
    parser.add_argument("--out", type=Path, required=True, help="folder for log.jsonl and checkpoint.pt")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report-every", type=int, default=100, help="steps between lines of the log")
    parser.add_argument("--save-s", type=float, default=120.0, help="seconds between checkpoints")
    for field in dataclasses.fields(Recipe):
        flag = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default)
        else:
            parser.add_argument(flag, type=type(field.default), default=field.default)
    options = vars(parser.parse_args())
    torch.set_num_threads(options["threads"])
    recipe = Recipe(**{field.name: options[field.name] for field in dataclasses.fields(Recipe)})
    checkpoint = options["out"] / "checkpoint.pt"
    trainer = Trainer.load(checkpoint) if options["resume"] else Trainer(recipe)
    train(trainer, options["out"], report_every=options["report_every"], save_s=options["save_s"])


if __name__ == "__main__":
    main()
