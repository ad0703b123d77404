"""Item response: the ability of each respondent where not all answered the same problems.

A respondent is a model at a budget. The two-parameter logistic model (Birnbaum 1968) says that respondent i is right
on problem j with probability 1 / (1 + exp(-(a_j t_i + d_j))): ability t, discrimination a > 0, easiness d (difficulty
is -d/a). Abilities are drawn from a standard normal, which fixes their scale.

Fitted by marginal maximum likelihood with an EM algorithm (Bock and Aitkin 1981, Psychometrika 46:443-459), the
integral over each ability by Gauss-Hermite quadrature about its own mode (Naylor and Smith 1982; Liu and Pierce 1994,
Biometrika 81:624-629): with hundreds of problems an ability is known far better than fixed nodes are apart. Weak
priors keep what separates perfectly from running away (Mislevy 1986, Psychometrika 51:177-195).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from thinkcurve.analysis.basis.grid import Floats, units_of

Model = Literal["2pl", "1pl"]

FEWEST_RESPONDENTS = 5
"""For two parameters a problem. Below, slopes rest on little but their prior: the Rasch model is fitted instead."""
SLOPE_SD = 0.5
"""Of the normal prior of log a, about 0: 95 % of slopes lie between 0.37 and 2.7."""
EASINESS_SD = 6.0
"""Of the normal prior of d: a problem that all solve is easy, but not infinitely. At half of this, respondents who were
asked problems of unlike difficulty were drawn visibly together (simulated: two groups of four, 80 common problems)."""
NODES = 7
MOST_STEPS = 500
TOLERANCE = 1e-3
"""The largest change of an ability, in its own standard errors, at which the fit is done, for each step made."""
BLOCKS = 20
"""Blocks of problems that the jackknife leaves out by turns."""
CHUNK_VALUES = 1 << 22
"""Values of (problem, respondent, node) held at once."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What was fitted to I respondents and J problems.

    ``ability`` and ``se`` (I,) are mean and standard deviation of each posterior, in standard deviations of abilities;
    ``slope`` and ``easiness`` (J,) are a and d. ``log_likelihood`` is marginal, without the priors of problems.
    ``se`` takes the problems' parameters as known, and a mean over samples as one trial.
    """

    model: Model
    ability: Floats
    se: Floats
    slope: Floats
    easiness: Floats
    log_likelihood: float
    n_steps: int
    has_converged: bool

    def chances(self) -> Floats:
        """The chance that each respondent has at each problem, asked or not, of shape (I, J)."""
        return np.asarray(expit(self.ability[:, None] * self.slope + self.easiness))

    def completed(self, responses: Floats) -> Floats:
        """Answers of shape (I, J), the chance of a right one where there is none (NaN)."""
        return np.where(np.isnan(responses), self.chances(), responses)


@dataclass(frozen=True, eq=False)
class _Posterior:
    """Of each of I abilities: mode, mean and standard deviation (I,), nodes and the share of each (I, Q)."""

    mode: Floats
    mean: Floats
    sd: Floats
    points: Floats
    shares: Floats
    log_likelihood: Floats


def fit(
    responses: Floats, *, model: Model | None = None, weights: Floats | None = None, start: Fit | None = None
) -> Fit:
    """Fit responses of shape (I, J), each 0 to 1 (a mean over samples), NaN where there is none.

    Without ``model``: ``2pl`` from `FEWEST_RESPONDENTS` respondents, else ``1pl`` (Rasch: one slope for all).
    ``weights`` (J,) say how often each problem counts; ``start`` is a fit of the same problems to go on from. Raises
    `ValueError` for fewer than two respondents, and for respondents that no chain of common problems connects.
    """
    asked = ~np.isnan(responses)
    if len(responses) < 2 or not asked.any(axis=1).all():
        raise ValueError("abilities need two respondents, each with an answer")
    if not are_connected(asked):
        raise ValueError("not identifiable: no chain of common problems connects all respondents")
    kind: Model = model or ("2pl" if len(responses) >= FEWEST_RESPONDENTS else "1pl")
    y, counts = np.where(asked, responses, 0.0), np.ones(responses.shape[1]) if weights is None else weights
    weight = asked.astype(float)
    if start is None:
        at = np.stack([np.zeros(y.shape[1]), _start(y, weight)]), np.zeros(len(y))
    else:
        at = np.stack([np.log(start.slope), start.easiness]), start.ability

    def step(problems: Floats, now: _Posterior) -> tuple[Floats, _Posterior]:
        after = _problems(y, weight, counts, now, problems, kind)
        return after, _abilities(y, weight, counts, after, now.mode)

    problems, now = at[0], _abilities(y, weight, counts, *at)
    has_converged, n_steps = False, 0
    while not has_converged and n_steps < MOST_STEPS:
        first, once = step(problems, now)
        second, twice = step(first, once)
        has_converged = bool((np.abs(twice.mean - once.mean) < TOLERANCE * twice.sd).all())
        far = _extrapolated(problems, first, second)
        leap = _abilities(y, weight, counts, far, twice.mode)
        is_better = leap.log_likelihood.sum() + _prior(far, kind) > twice.log_likelihood.sum() + _prior(second, kind)
        problems, now = (far, leap) if is_better and not has_converged else (second, twice)
        n_steps += 3
    found = (now.mean, now.sd, np.exp(problems[0]), problems[1], float(now.log_likelihood.sum()))
    return Fit(kind, *found, n_steps, has_converged)


def _extrapolated(before: Floats, first: Floats, second: Floats) -> Floats:
    """Where two EM steps lead (SQUAREM, scheme S3 of Varadhan and Roland 2008, Scand. J. Stat. 35:335-353)."""
    step = first - before
    bend = second - first - step
    size = np.sqrt((bend**2).sum())
    length = np.clip(np.sqrt((step**2).sum()) / size, 1, 16) if size > 0 else 1.0
    return before + 2 * length * step + length**2 * bend


def _prior(problems: Floats, kind: Model) -> float:
    """The log of the priors of problems (2, J), but for a constant."""
    slopes = problems[0] if kind == "2pl" else problems[0, :1]
    return float(-(slopes**2).sum() / (2 * SLOPE_SD**2) - (problems[1] ** 2).sum() / (2 * EASINESS_SD**2))


@dataclass(frozen=True, eq=False)
class Replicates:
    """Fits without each of G blocks of problems: abilities and expected accuracies (G, I), answers counted where there
    are any (`Fit.completed`), and each block's share of all problems (G,)."""

    ability: Floats
    expected: Floats
    share: Floats


def without_blocks(
    responses: Floats, whole: Fit, *, groups: NDArray[Any] | None = None, n_blocks: int = BLOCKS, seed: int = 0
) -> Replicates:
    """Fits without each block of problems in turn, blocks drawn at random; of whole outer groups (J,) where there are.

    The standard error of anything made of them is `jackknife_se`: it knows that the parameters of problems are
    estimates too, and has the problem, or the group, as its unit (delete-a-group jackknife, Kott 2001, J. Official
    Stat. 17:521-526). A block without which the respondents are not connected any more, or one has no answer, is
    passed over.
    """
    units = units_of(responses.shape[1], groups)
    n_units = int(units.max()) + 1
    n = min(n_blocks, n_units)
    block = np.random.default_rng(seed).permutation(np.arange(n_units) % n)[units]
    abilities, accuracies, sizes = [], [], []
    for left_out in range(n):
        kept = block != left_out
        asked = ~np.isnan(responses[:, kept])
        if not asked.any(axis=1).all() or not are_connected(asked):
            continue
        found = fit(responses, model=whole.model, weights=kept.astype(float), start=whole)
        abilities.append(found.ability)
        accuracies.append(found.completed(responses)[:, kept].mean(axis=1))
        sizes.append(1 - kept.mean())
    shape = (-1, len(responses))
    return Replicates(np.array(abilities).reshape(shape), np.array(accuracies).reshape(shape), np.array(sizes))


def jackknife_se(whole: Floats, replicates: Floats, share: Floats) -> Floats:
    """The standard error of ``whole`` (...) from values without each of G blocks (G, ...); NaN for fewer than two.

    ``share`` (G,) is each block's share of all problems. A block's pseudo-value is an estimate from that block alone
    (Busing, Meijer and van der Leeden 1999, Statistics and Computing 9:3-8); they are put together as clusters of
    unlike size are elsewhere: of a plain mean this is `accuracy.shares`'s standard error by groups, CR2. (Busing's own
    sum takes large contests to be as much surer as they are larger, which they are not where contests differ.)
    """
    if len(replicates) < 2:
        return np.full(whole.shape, np.nan)
    s = share.reshape(-1, *[1] * whole.ndim)
    alone = whole / s - (1 / s - 1) * replicates
    off = alone - (s * alone).sum(axis=0) / s.sum()
    return np.sqrt(((s * off) ** 2 / (1 - s)).sum(axis=0) / share.sum())


def jackknife_df(share: Floats) -> float:
    """Bell and McCaffrey's degrees of freedom of `jackknife_se`: G - 1 for blocks of one size, else fewer."""
    s = share / share.sum()
    b = s**2 / (1 - s)
    return float(1 / ((s**2).sum() + b.sum() ** 2 - (b**2).sum()))


def are_connected(asked: NDArray[np.bool_]) -> bool:
    """Whether a chain of common problems leads from each respondent to each other; ``asked`` is (I, J)."""
    common = asked.astype(float) @ asked.T.astype(float) > 0
    return int(connected_components(common, directed=False)[0]) == 1


def log_likelihood(responses: Floats, slope: Floats, easiness: Floats) -> Floats:
    """The log of the marginal likelihood of each respondent (I,) under given parameters of problems (J,)."""
    asked = ~np.isnan(responses)
    y = np.where(asked, responses, 0.0)
    problems = np.stack([np.log(slope), easiness])
    return _abilities(y, asked.astype(float), np.ones(len(slope)), problems, np.zeros(len(y))).log_likelihood


def _start(y: Floats, weight: Floats) -> Floats:
    """Log odds of each problem, half a success and half a failure added."""
    right = y.sum(axis=0)
    return np.log((right + 0.5) / (weight.sum(axis=0) - right + 0.5))


def _abilities(y: Floats, weight: Floats, counts: Floats, problems: Floats, mode: Floats) -> _Posterior:
    """The posterior of each ability, given log a and d of the problems (2, J); ``mode`` is where its search begins."""
    slope, easiness, y, weight = np.exp(problems[0]), problems[1], y * counts, weight * counts
    curvature = np.ones(len(y))
    for _ in range(50):  # Newton; the log posterior is concave
        p = expit(np.outer(mode, slope) + easiness)
        curvature = (weight * p * (1 - p)) @ slope**2 + 1
        step = np.clip(((y - weight * p) @ slope - mode) / curvature, -1.0, 1.0)
        mode = mode + step
        if np.abs(step).max() < 1e-6:
            break
    width = 1 / np.sqrt(curvature)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    points = mode[:, None] + width[:, None] * nodes
    logs = _log_density(y, weight, slope, easiness, points) + nodes**2 / 2 + np.log(weights)
    top = logs.max(axis=1, keepdims=True)
    total = np.exp(logs - top).sum(axis=1, keepdims=True)
    shares = np.exp(logs - top) / total
    mean = (points * shares).sum(axis=1)
    sd = np.sqrt(((points - mean[:, None]) ** 2 * shares).sum(axis=1))
    # the nodes' own weight exp(-x^2/2) was taken out above; ``width`` is what dx is worth, 1/sqrt(2 pi) the prior's
    log_likelihood = (top + np.log(total))[:, 0] + np.log(width) - 0.5 * np.log(2 * np.pi)
    return _Posterior(mode, mean, sd, points, shares, log_likelihood)


def _log_density(y: Floats, weight: Floats, slope: Floats, easiness: Floats, points: Floats) -> Floats:
    """Log of likelihood times exp(-t^2/2) at nodes (I, Q)."""
    sums = -(points**2) / 2
    for part in _chunks(y.shape[1], points.size):
        logit = points[:, :, None] * slope[part] + easiness[part]
        gain = np.matmul(logit, y[:, part, None]) - np.matmul(np.logaddexp(0, logit), weight[:, part, None])
        sums += gain[:, :, 0]
    return sums


def _problems(y: Floats, weight: Floats, counts: Floats, at: _Posterior, problems: Floats, kind: Model) -> Floats:
    """One damped step of Fisher scoring for each problem (2, J): enough for an EM step to go uphill."""
    (log_slope, easiness), (slopes, easinesses) = problems, problems.copy()
    up, information = -log_slope[0] / SLOPE_SD**2, 1 / SLOPE_SD**2  # of the one slope of a Rasch model
    powers = at.shares * at.points ** np.arange(3)[:, None, None]
    for part in _chunks(y.shape[1], at.points.size):
        a = np.exp(log_slope[part])
        p = expit(at.points[:, :, None] * a + easiness[part])
        mean_p, moment_p = _over_nodes(p, powers[:2])
        seen = weight[:, part]
        g_d = y[:, part].sum(axis=0) - (mean_p * seen).sum(axis=0)
        g_s = at.mean @ y[:, part] - (moment_p * seen).sum(axis=0)
        h_d, h_sd, h_s = (_over_nodes(p * (1 - p), powers) * seen).sum(axis=1)
        g_d, g_s = g_d - easiness[part] / EASINESS_SD**2, g_s * a
        h_d, h_sd, h_s = h_d + 1 / EASINESS_SD**2, h_sd * a, h_s * a**2
        if kind == "1pl":
            up += (counts[part] * (g_s - h_sd * g_d / h_d)).sum()
            information += (counts[part] * (h_s - h_sd**2 / h_d)).sum()
            easinesses[part] += np.clip(g_d / h_d, -1, 1)
            continue
        g_s, h_s = g_s - log_slope[part] / SLOPE_SD**2, h_s + 1 / SLOPE_SD**2
        determinant = h_s * h_d - h_sd**2
        slopes[part] += np.clip((h_d * g_s - h_sd * g_d) / determinant, -0.5, 0.5)
        easinesses[part] += np.clip((h_s * g_d - h_sd * g_s) / determinant, -1, 1)
    if kind == "1pl":
        slopes += np.clip(up / information, -0.5, 0.5)
    return np.stack([slopes, easinesses])


def _over_nodes(values: Floats, powers: Floats) -> Floats:
    """Sums over nodes of values (I, Q, J), weighed by each of K powers (K, I, Q): (K, I, J)."""
    return np.moveaxis(np.matmul(np.moveaxis(powers, 0, 1), values), 1, 0)


def _chunks(n_problems: int, n_points: int) -> list[slice]:
    step = max(1, CHUNK_VALUES // max(n_points, 1))
    return [slice(start, start + step) for start in range(0, n_problems, step)]
