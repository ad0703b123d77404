"""Engines broken on purpose, each in one way that real engines were or could be broken in.

`BROKEN` names for each the check that has to notice, and words of the sentence that it has to say.
"""

from __future__ import annotations

from typing import NamedTuple

import broken_generation as generation
import broken_service as service
from toy import Toy


class Broken(NamedTuple):
    """A broken engine, the check that notices, and words of what it says."""

    engine: type[Toy]
    check: str
    says: str


BROKEN = [
    Broken(service.NamelessModel, "description", "has no name"),
    Broken(service.OpeningUnsaid, "description", "template_opens says that a prompt does not end in '<think>'"),
    Broken(generation.NoIds, "continuation", "without token_ids"),
    Broken(generation.TextStripped, "continuation", "but its ids decode to"),
    Broken(generation.ReEncoded, "continuation", "they part at token"),
    Broken(generation.PromptReEncoded, "continuation", "going on after token .* they part at token"),
    Broken(generation.BadFork, "continuation", "they part at token"),
    Broken(generation.OneMore, "max-tokens", r"max_tokens 1 gave 2 ids; exactly 1 are promised"),
    Broken(generation.OneFewer, "max-tokens", r"max_tokens \d+ gave \d+ ids; exactly \d+ are promised"),
    Broken(generation.ZeroIsOne, "max-tokens", "max_tokens 0 gave 1 ids; exactly 0"),
    Broken(generation.LengthIsSeen, "max-tokens", "they part at token 1"),
    Broken(generation.GreedyDraws, "greedy", "temperature 0 with seed"),
    Broken(generation.MinPIgnored, "filters", "with min_p 1, seed"),
    Broken(generation.Log10, "logprobs", "natural logs"),
    Broken(generation.OneLogprobFewer, "logprobs", "one a token is promised"),
    Broken(generation.Probabilities, "logprobs", "none above 0"),
    Broken(generation.ShiftedLogprobs, "logprobs", "greedy chose id"),
    Broken(generation.RaisingDecoder, "unicode", "decode raised UnicodeDecodeError"),
    Broken(generation.AsciiOnly, "unicode", "comes back from the tokenizer as"),
    Broken(generation.ReEncoded, "unicode", "a prompt that ends inside a character"),
    Broken(generation.StopIdLeftIn, "stop-ids", "they part at token"),
    Broken(generation.StopIdIsFree, "stop-ids", "'length' is promised"),
    Broken(generation.StopIdAtLimitUnseen, "stop-ids", "'stop' is promised"),
    Broken(generation.StopTextLeftIn, "stop-texts", "gave the text .* is promised"),
    Broken(generation.StopIdsBeyondText, "stop-texts", "they part at token"),
    Broken(generation.StopOnlyWithinTokens, "stop-texts", "across tokens .* gave the text"),
    Broken(generation.HeldBack, "stop-texts", "begun when max_tokens"),
    Broken(generation.EndLeftIn, "end-of-turn", "they part at token|ended with|has the text"),
    Broken(generation.EndInText, "end-of-turn", r"<\|end\|>"),
    Broken(generation.SharedSeed, "seeds", "seed 1 asked again drew"),
    Broken(generation.SharedSeedInABatch, "seeds", r"seed \d+ in company drew"),
    Broken(generation.SeedIgnored, "seeds", "drew the same tokens"),
    Broken(generation.StopIdAtLimitUnseen, "budgets", "ended as 'budget'; 'closed' is promised"),
    Broken(generation.MarkerInTrace, "budgets", "holds its own closing marker"),
    Broken(generation.OnlyInCompany, "one-trace", "a run of its own at budget"),
    Broken(generation.LengthIsSeen, "extend", "after thinking that ends at .* came"),
    Broken(generation.StopIdAtLimitUnseen, "extend", "was cut; the shared trace says otherwise"),
    Broken(service.SafetyMargin, "answer-reserve", "its reserve of exactly"),
    Broken(generation.OneFewer, "answer-reserve", "its reserve of exactly"),
    Broken(generation.BudgetOneMore, "server", "thinking_budget 0 .* they part at token 1"),
    Broken(generation.ZeroBudgetIgnored, "server", "thinking_budget 0 .* they part at token 1"),
    Broken(generation.CueLeftOut, "server", "thinking_budget 0"),
    Broken(service.WrongPromptCount, "usage", "was counted as"),
    Broken(service.CachedBeyondPrompt, "usage", "at most all are promised"),
    Broken(service.CachedOutOfThinAir, "usage", "never asked before"),
    Broken(service.AnswerMiscounted, "usage", "tokens of thinking and answer were counted"),
    Broken(service.TruncatesPrompts, "context", "a BackendError is promised"),
    Broken(service.TooLongIsFatal, "context", "refused as fatal"),
    Broken(service.FullIsLength, "context", "'context' are promised"),
    Broken(service.SafetyMargin, "context", "that leaves 3 tokens"),
    Broken(service.RaisesOnEmpty, "odd-prompts", "raised IndexError"),
    Broken(service.HangsOnEmpty, "odd-prompts", "had not ended after"),
    Broken(service.TooLongIsFatal, "odd-prompts", "which ends a run"),
    Broken(service.DiesOfHugePrompts, "odd-prompts", "was refused: closed"),
    Broken(service.OneLoop, "event-loops", "different loop"),
    Broken(service.LosesOne, "company", r"had not ended after \d+ s"),
    Broken(service.MixesUp, "company", "of 200 at once gave"),
    Broken(service.RefusesMany, "company", "was refused: too many requests"),
    Broken(service.LeaksSlots, "cancellation", "promised to free its place"),
    Broken(service.WorksOn, "cancellation", "promised to free its place"),
    Broken(service.SwallowsCancel, "cancellation", "CancelledError is promised"),
    Broken(service.CancelsNeighbours, "cancellation", "the batch was cancelled"),
    Broken(service.SecondCloseRaises, "closing", "closing again raised RuntimeError"),
    Broken(service.HangsOnClose, "closing", "closing had not ended"),
    Broken(service.AnswersAfterClose, "closing", "a request after closing gave"),
    Broken(service.ClosedIsPlain, "closing", "not as fatal"),
    Broken(service.OpenHangsOnClose, "closing", "was open when the backend was closed had not ended"),
]
