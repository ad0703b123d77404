"""Studies: read, refused, merged, named."""

from pathlib import Path

import pytest

from thinkcurve.errors import UsageError
from thinkcurve.study import Study, check_study, load_study, merge, run_name, seed_of


def study_of(tmp_path: Path, text: str) -> Study:
    path = tmp_path / "study.toml"
    path.write_text(text)
    return load_study(path)


def test_a_study_is_read_from_toml(tmp_path: Path) -> None:
    study = study_of(tmp_path, 'models = ["embedded"]\nbudgets = [0, 64, "none"]\nsamples = 4\ntemperature = 0.8\n')
    assert study.budgets == (0, 64, None)
    assert study.temperature == 0.8


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("model = ['x']", "unknown key 'model'. Did you mean 'models'"),
        ("budgets = [64, 0]", "0 follows 64"),
        ("budgets = []", "ladder is empty"),
        ("budgets = [0.5]", "budgets"),
        ("budgets = [-4]", "budget -4 is negative"),
        ("samples = 'two'", "samples"),
        ("samples = 0", "samples is 0; it must be at least 1"),
        ("samples = 4\ntemperature = 0", "4 samples at temperature 0"),
        ("limit = 0", "limit is 0"),
        ("temperature = -1", "temperature -1"),
        ("control = 'truncat'", "control"),
        ("control = 'effort'", "control 'effort' takes levels, not 16: none, minimal, low"),
        ("control = 'effort'\nbudgets = ['low', 4]", "takes levels, not 4"),
        ("control = 'effort'\nbudgets = ['low', 'hihg']", "'hihg' is no level of effort. Did you mean 'high'?"),
        ("control = 'effort'\nbudgets = ['high', 'low']", "ascending"),
        ("max_usd = 0", "max_usd is 0"),
        ("max_output_tokens = 0", "max_output_tokens is 0"),
        ("prices.embedded.inputt = 1", "unknown price 'inputt'"),
        ("control = 'extend'\nwait = ''", "wait is empty"),
        ("waits = -1", "waits is -1"),
        ("control = 'prompt'\nbudget_prompt = 'Be brief.'", "has no {{budget}}"),
        ("min_p = 2", "min_p 2"),
        ("tasks = ['a', 'a']", "lists 'a' twice"),
        ("models = []", "models is empty"),
        ("budgets = [", "not valid TOML"),
    ],
)
def test_a_wrong_study_is_refused_with_file_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UsageError) as refused:
        study_of(tmp_path, text)
    assert complaint in str(refused.value)
    assert "study.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_or_binary_study_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_study(tmp_path / "none.toml")
    (tmp_path / "bin.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a text file"):
        load_study(tmp_path / "bin.toml")


def test_what_can_grow_is_united() -> None:
    old = Study(budgets=(0, 64), limit=10, tasks=("arithmetic",))
    merged = merge(old, Study(budgets=(32, None), limit=5, tasks=("induce",)))
    assert merged.budgets == (0, 32, 64, None)
    assert merged.limit == 10
    assert merged.tasks == ("arithmetic", "induce")
    assert merge(old, Study(limit=None)).limit is None


def test_another_seed_is_another_study() -> None:
    with pytest.raises(UsageError, match=r"seed = 0, this study has 1.*-o"):
        merge(Study(), Study(seed=1))


def test_a_grown_study_keeps_its_directory() -> None:
    assert run_name(Study()) == run_name(Study(budgets=(0, 7), limit=3))
    assert run_name(Study()) != run_name(Study(seed=1))
    assert "/" not in run_name(Study(models=("llamacpp:/tmp/a b/x.gguf",)))


def test_seeds_are_stable_and_differ_by_everything_that_names_them() -> None:
    assert seed_of(0, "t/test/1", 0, "trace") == seed_of(0, "t/test/1", 0, "trace")
    names = [(s, p, k, q) for s in (0, 1) for p in ("t/test/1", "t/test/2") for k in (0, 1) for q in ("trace", "5")]
    seeds = {seed_of(*name) for name in names}
    assert len(seeds) == len(names)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_default_study_is_valid() -> None:
    assert check_study(Study()) == Study()


def test_a_study_that_does_not_say_how_to_sample_goes_on_as_the_run_was() -> None:
    old = Study(temperature=0.8, top_p=0.9, samples=4, budgets=(0, 64))
    merged = merge(old, Study(budgets=(0, 128)))
    assert (merged.temperature, merged.top_p, merged.samples, merged.budgets) == (0.8, 0.9, 4, (0, 64, 128))
    with pytest.raises(UsageError, match=r"temperature = 0\.8, this study has 0\.5"):
        merge(old, Study(temperature=0.5))


def test_the_name_of_a_run_depends_on_what_is_not_usual() -> None:
    usual = Study(temperature=None, wait="Wait")
    assert run_name(usual) == run_name(Study(budgets=(0, 1), samples=1))
    assert run_name(usual) != run_name(Study(temperature=0.8))
    assert run_name(usual) != run_name(Study(model_options={"embedded": {"slots": 2}}))
