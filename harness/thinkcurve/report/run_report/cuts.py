"""Where in a trace's text each budget cuts it.

A run keeps a trace as token ids and as one text, and no tokenizer. Where an endpoint speaks text, the trace says itself
where it was cut. Elsewhere the lengths of tokens are told from all the traces and answers of a model together: the
lengths of a text's tokens add up to its length, one equation a text, solved by least squares. Such a place is an
estimate, a character or two off where tokens always stand side by side, and the page says so; which answer belongs to
which budget does not rest on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

Text = tuple[tuple[int, ...], str]
"""Token ids and the text that they are."""
MOST_TEXTS = 4000
MOST_TOKENS = 1_000_000
"""Texts and tokens from which lengths are told, the first so many: more would tell little."""
USUAL = 4.0
"""Characters of a token of which nothing is known."""
ROUNDS = 300
TIE = 0.05
"""How strongly a token's length is drawn to the usual one, as a share of one text's equation."""


def lengths_of(texts: Iterable[Text]) -> dict[int, float]:
    """Characters of each token that stands in some texts of one model, by least squares, none below 0."""
    known = list(_enough(texts))
    if not known:
        return {}
    from scipy.sparse import csr_matrix, identity, vstack
    from scipy.sparse.linalg import lsqr

    vocabulary = sorted({token for ids, _ in known for token in ids})
    place = {token: i for i, token in enumerate(vocabulary)}
    rows = np.repeat(np.arange(len(known)), [len(ids) for ids, _ in known])
    columns = np.array([place[token] for ids, _ in known for token in ids])
    totals = np.array([float(len(text)) for _, text in known])
    counts = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(known), len(vocabulary)))
    usual = totals.sum() / len(rows)
    tied = vstack([counts, TIE * identity(len(vocabulary))]).tocsr()
    wanted = np.concatenate([totals - counts @ np.full(len(vocabulary), usual), np.zeros(len(vocabulary))])
    found = usual + lsqr(tied, wanted, iter_lim=ROUNDS)[0]
    return dict(zip(vocabulary, np.maximum(found, 0.0).tolist(), strict=True))


def _enough(texts: Iterable[Text]) -> Iterator[Text]:
    n_texts = n_tokens = 0
    for ids, text in dict.fromkeys(texts):
        if not ids:
            continue
        n_texts, n_tokens = n_texts + 1, n_tokens + len(ids)
        yield ids, text
        if n_texts >= MOST_TEXTS or n_tokens >= MOST_TOKENS:
            return


def places_of(
    tokens: Sequence[int],
    text: str,
    *,
    ids: Sequence[int] = (),
    n_tokens: int | None = None,
    marks: Sequence[int] = (),
    lengths: Mapping[int, float] | None = None,
) -> list[tuple[int, bool]]:
    """For each number of ``tokens``, how many characters of ``text`` they are, and whether that is an estimate.

    ``marks`` are those of `thinkcurve.store.Trace`: they are exact, as are the beginning and the end. ``n_tokens`` is
    the length of the whole trace, by default that of ``ids``; without ``ids`` places are by proportion.
    """
    whole = len(ids) if n_tokens is None else n_tokens
    known = dict(zip(marks[::2], marks[1::2], strict=True)) | {0: 0}
    ends = np.concatenate([[0.0], np.cumsum([(lengths or {}).get(token, USUAL) for token in ids])])
    if len(ids) < whole or ends[-1] <= 0:
        ends = np.arange(whole + 1, dtype=float)
    stretch = len(text) / ends[-1] if ends[-1] > 0 else 0.0
    found = []
    for n in tokens:
        if n >= whole:
            found.append((len(text), False))
        elif n in known:
            found.append((min(known[n], len(text)), False))
        else:
            found.append((round(float(ends[n]) * stretch), True))
    return found
