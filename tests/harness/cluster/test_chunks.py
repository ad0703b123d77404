"""Work handed out in chunks: everything once, nothing lost where workers die, and the unit that kills found."""

import pytest

from scripts import Doubling
from thinkcurve.cluster.chunks import DEATHS, LARGEST, Chunk, Chunks, Piece, blocks, failures_of, without
from thinkcurve.opened import Prompt
from thinkcurve.records import Failure


def pieces(n: int, samples: int = 1) -> list[Piece]:
    prompts = [Prompt(problem, (1, 2), "d") for problem in Doubling(n).problems()]
    return [Piece(p, sample, (0, 8)) for block in blocks(prompts) for sample in range(samples) for p in block]


def chunks(n: int, width: int = 8) -> Chunks:
    return Chunks(iter(pieces(n)), n, width)


def units(found: list[Chunk]) -> list[tuple[str, int]]:
    return [piece.unit for chunk in found for piece in chunk.pieces]


def take_all(work: Chunks, n_workers: int = 2) -> list[Chunk]:
    found = []
    while (chunk := work.take(n_workers, is_idle=True)) is not None:
        found.append(chunk)
    return found


def test_everything_is_handed_out_once_and_done_when_all_is_finished() -> None:
    work = chunks(100)
    found = take_all(work)
    assert units(found) == [piece.unit for piece in pieces(100)]
    assert not work.is_done
    for _ in found:
        work.finish()
    assert work.is_done


def test_chunks_fill_a_worker_and_shrink_towards_the_end() -> None:
    sizes = [len(chunk.pieces) for chunk in take_all(chunks(1000, width=32))]
    assert sizes[0] == 16
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1
    assert max(len(c.pieces) for c in take_all(chunks(10_000, width=10_000), 1)) == LARGEST


def test_all_samples_of_a_block_of_problems_stand_together() -> None:
    found = [piece.unit for piece in pieces(40, samples=3)]
    assert len(set(found)) == 120
    assert {problem for problem, _ in found[:48]} == {f"doubling/test/{i}" for i in range(16)}


def test_what_is_given_back_for_no_fault_of_its_own_is_done_next_and_not_alone() -> None:
    work = chunks(100)
    first = work.take(2, is_idle=True)
    assert first is not None
    assert work.give_back(first, is_suspect=False) is None
    again = work.take(2, is_idle=False)
    assert again == first


def test_a_suspect_goes_only_to_an_idle_worker() -> None:
    work = chunks(100)
    first = work.take(2, is_idle=True)
    assert first is not None
    work.give_back(first, is_suspect=True)
    other = work.take(2, is_idle=False)
    assert other is not None
    assert not set(units([other])) & set(units([first]))
    suspect = work.take(2, is_idle=True)
    assert suspect is not None
    assert suspect.is_suspect
    assert suspect.pieces == first.pieces


@pytest.mark.parametrize("deadly", [0, 13, 99])
def test_the_one_unit_that_kills_is_given_up_and_all_others_are_done(deadly: int) -> None:
    work, done, given_up, deaths = chunks(100, width=64), [], [], 0
    while not work.is_done:
        chunk = work.take(1, is_idle=True)
        assert chunk is not None
        if f"doubling/test/{deadly}" in {problem for problem, _ in units([chunk])}:
            deaths += 1
            if (last := work.give_back(chunk, is_suspect=True)) is not None:
                given_up.append(last)
        else:
            done.append(chunk)
            work.finish()
    assert units(given_up) == [(f"doubling/test/{deadly}", 0)]
    assert sorted(units(done)) == sorted(piece.unit for piece in pieces(100) if piece.unit != units(given_up)[0])
    assert deaths <= 3 + DEATHS
    failures = failures_of(given_up[0], "m", "truncate", "it died")
    assert [failure.budget for failure in failures] == [0, 8]


def test_what_a_shard_holds_is_not_done_again_and_travels_on() -> None:
    chunk = Chunk(tuple(pieces(3)))
    failed = Failure("m", "doubling", "doubling/test/0", 0, 8, "truncate", "trace", "no")
    elsewhere = Failure("m", "doubling", "doubling/test/1", 1, 8, "truncate", "trace", "another sample")
    rest = without(chunk, "m", [failed, elsewhere])
    assert [piece.budgets for piece in rest.pieces] == [(0,), (0, 8), (0, 8)]
    assert without(chunk, "another model", [failed]) == chunk
    both = [failed, Failure("m", "doubling", "doubling/test/0", 0, 0, "truncate", "trace", "no")]
    assert len(without(chunk, "m", both).pieces) == 2
