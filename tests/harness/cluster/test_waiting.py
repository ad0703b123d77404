"""When a word is due about a worker that brings nothing: by a clock that is given."""

from thinkcurve.cluster.waiting import Reminder, Waiting


def due(waits: list[tuple[str, Waiting]], until_s: int) -> list[tuple[int, str]]:
    """What is said, and when, by who looks every two seconds."""
    reminder = Reminder()
    found = ((now_s, reminder.words(waits, now_s)) for now_s in range(0, until_s, 2))
    return [(now_s, words) for now_s, words in found if words]


def waiting(what: str, since_s: float) -> Waiting:
    made = Waiting()
    made.begin(what, since_s)
    return made


def test_words_come_at_growing_distances() -> None:
    said = due([("pid 7 on one", waiting("opening its model", 10))], 10_000)
    assert [when for when, _ in said] == [310, 610, 1210, 2410, 4810, 9610]
    assert said[1][1] == "opening its model for 10 min (pid 7 on one)"


def test_who_finishes_something_is_waited_for_anew() -> None:
    wait = waiting("without a finished request", 0)
    for now_s in range(0, 3000, 30):
        wait.hear(now_s // 240, now_s)  # something every four minutes
        assert not Reminder().words([("a", wait)], now_s)
    last_s = 2880
    assert Reminder().words([("a", wait)], last_s + 299) == ""
    assert Reminder().words([("a", wait)], last_s + 300) == "without a finished request for 5 min (a)"


def test_of_whom_nothing_is_expected_nothing_is_said() -> None:
    wait = waiting("opening its model", 0)
    wait.end()
    assert due([("a", wait), ("b", Waiting())], 10_000) == []


def test_many_that_are_quiet_at_about_the_same_time_are_one_line_and_the_longest_comes_first() -> None:
    waits = [(f"w{i}", waiting("without a finished request", 20 * i)) for i in range(5)]
    said = due(waits, 5000)
    assert [when for when, _ in said] == [300, 600, 1200, 2400, 4800]
    what = "without a finished request for"
    assert said[1][1] == f"{what} 10 min (w0), {what} 10 min (w1), {what} 9 min (w2), and 2 more"


def test_one_that_falls_quiet_later_is_not_held_back_by_the_others() -> None:
    waits = [("a", waiting("opening its model", 0)), ("b", waiting("opening its model", 3000))]
    assert [when for when, _ in due(waits, 6000)] == [300, 600, 1200, 2400, 3300]
