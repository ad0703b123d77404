"""How many problems, or samples of each, would decide what a gate could not."""

from __future__ import annotations

import math

from scipy.special import stdtrit

from thinkcurve.analysis.comparison.power import FEWEST_PROBLEMS, POWER, problems_enough, samples_needed
from thinkcurve.analysis.gate.measures import Finding, Noise
from thinkcurve.analysis.gate.outcome import Needed, Outcome

MOST = 10_000_000
"""More than so many problems or samples are none that anyone will have."""


def needed(
    finding: Finding, *, regressed_from: float, passes_to: float, alpha_regressed: float, alpha_pass: float
) -> Needed | None:
    """What would decide four times in five, were the truth what was measured.

    An estimate above ``regressed_from`` is to be told from it at ``alpha_regressed``, one below ``passes_to`` at
    ``alpha_pass``, one-sided (Miller 2024, equation 9, see `thinkcurve.analysis.comparison.power`); of two ways the one
    that takes fewer problems. ``None`` where there is no estimate.
    """
    evidence, noise = finding.evidence, finding.noise
    if evidence is None or noise is None or not math.isfinite(evidence.estimate):
        return None
    ways = []
    if evidence.estimate > regressed_from:
        ways.append((evidence.estimate - regressed_from, alpha_regressed, Outcome.REGRESSED))
    if evidence.estimate < passes_to:
        ways.append((passes_to - evidence.estimate, alpha_pass, Outcome.PASS))
    found = [_needed(finding, *way) for way in ways]
    at_tolerance = Needed(None, None, Outcome.INCONCLUSIVE)
    return min(found, key=lambda way: math.inf if way.problems is None else way.problems, default=at_tolerance)


def _needed(finding: Finding, gap: float, alpha: float, towards: Outcome) -> Needed:
    noise, n = finding.noise, finding.n_problems
    assert noise is not None
    problems = _problems(noise, gap, alpha)
    samples = None
    if noise.between is not None and noise.within is not None:
        left = noise.between + noise.extra / n
        samples = samples_needed(gap, n, between=left, within=noise.within, alpha=2 * alpha)
    return Needed(
        None if problems > MOST else max(math.ceil(problems), n + 1),
        None if samples is None or samples > MOST else max(math.ceil(samples), finding.n_samples + 1),
        towards,
    )


def _problems(noise: Noise, gap: float, alpha: float) -> float:
    """How many problems tell a gap from nothing, by the standard error that `Noise` says they have."""
    q = float(stdtrit(noise.df, 1 - alpha) + stdtrit(noise.df, POWER))
    rough = (q**2 * noise.total + math.sqrt((q**2 * noise.total) ** 2 + 4 * (gap * q) ** 2 * noise.extra)) / 2 / gap**2
    if noise.extra or rough > MOST:
        return max(FEWEST_PROBLEMS, rough)
    return problems_enough(gap, noise.total, alpha=2 * alpha)
