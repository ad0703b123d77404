"""Whose price a model has: the study's, the list's, or nobody's."""

import subprocess
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from thinkcurve import prices
from thinkcurve.backend import ModelInfo
from thinkcurve.errors import UsageError
from thinkcurve.prices import tariff_of
from thinkcurve.study import Study
from thinkcurve.tariff import UNKNOWN, Tariff, Tier

SPEC = "openai:gpt-5"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def known(name: str = "gpt-5", provider: str | None = "openai", **more: Any) -> ModelInfo:
    return ModelInfo(name=name, provider=provider, **more)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a list of one model in the place of the real one: its prices as the argument says."""
    types = pytest.importorskip("genai_prices").types
    from genai_prices.data_snapshot import DataSnapshot

    def put(price: Any, variants: Any = None) -> None:
        entry = types.ModelInfo("gpt-5", types.ClauseEquals("gpt-5"), prices=price, price_variants=variants)
        provider = types.Provider("openai", "OpenAI", "https://x", models=[entry])
        found = prices._PriceList(DataSnapshot([provider], from_auto_update=False), "a list", "")
        monkeypatch.setattr(prices, "_price_list", lambda: found)

    return put


def test_the_study_goes_before_every_list() -> None:
    study = Study(prices={SPEC: {"input": 0.5, "output": 2.0, "thinking": 3.0, "request": 0.01}})
    expected = Tariff(input=0.5, output=2.0, thinking=3.0, request=0.01, source="the study")
    assert tariff_of(SPEC, known(), study) == expected
    assert tariff_of("other", known(provider=None), study) == UNKNOWN


def test_a_batch_costs_a_part_of_the_studys_own_price() -> None:
    study = Study(prices={SPEC: {"input": 4.0, "output": 8.0}}, batch=True)
    tariff = tariff_of(SPEC, known(), study, batch_factor=0.5)
    assert tariff.usd(prompt=1_000_000, generated=1_000_000) == 6.0


def test_the_real_list_knows_models_and_says_which_list_it_is() -> None:
    pytest.importorskip("genai_prices")
    tariff = tariff_of(SPEC, known(), Study(), now=NOON)
    assert tariff.is_known
    assert tariff.cached_input is not None
    assert tariff.output is not None
    assert tariff.input is not None
    assert tariff.cached_input < tariff.input < tariff.output
    assert tariff.source.startswith("genai-prices 0.")
    assert tariff.date == "2026-11-22"
    gemini = known("gemini-2.5-pro", "google")
    assert tariff_of("g", gemini, Study(), now=NOON).tiers
    assert tariff_of("g", known("models/gemini-2.5-pro", "google"), Study(), now=NOON) == tariff_of(
        "g", gemini, Study(), now=NOON
    )


@pytest.mark.parametrize(
    "model",
    [
        known("gpt-5-of-my-own"),
        known("ft:gpt-5:acme::x"),
        known(provider="a-provider-of-my-own"),
        known(provider=None),
        known(is_local=True),
        known("whisper-1"),
    ],
)
def test_what_is_not_listed_has_no_price(model: ModelInfo) -> None:
    assert tariff_of(SPEC, model, Study(), now=NOON) == UNKNOWN


def test_every_priced_model_of_the_real_list_becomes_a_tariff_that_agrees_with_it() -> None:
    pytest.importorskip("genai_prices")
    from genai_prices import Usage
    from genai_prices.data_snapshot import get_snapshot

    n = 0
    for provider in get_snapshot().providers:
        if provider.id not in (
            "openai",
            "anthropic",
            "google",
            "deepseek",
            "x-ai",
            "moonshotai",
            "mistral",
            "openrouter",
        ):
            continue
        for model in provider.models:
            price = model.get_prices(NOON)
            if price.input_mtok is None or price.output_mtok is None or price.output_reasoning_mtok is not None:
                continue
            tariff = prices._tariff(price, "", "")
            for prompt, cached, generated in ((1_000, 0, 500), (300_000, 100_000, 7)):
                count = Usage(input_tokens=prompt, output_tokens=generated, cache_read_tokens=cached)
                theirs = float(price.calc_price(count)["total_price"])
                ours = tariff.usd(prompt=prompt, generated=generated, cached=cached)
                assert ours == pytest.approx(theirs, rel=1e-9), (provider.id, model.id)
            n += 1
    assert n > 500


def test_steps_by_the_length_of_the_prompt_are_kept(listed: Any) -> None:
    from genai_prices.types import ModelPrice, TieredPrices
    from genai_prices.types import Tier as Step

    steps = TieredPrices(Decimal("1"), [Step(200_000, Decimal("2")), Step(500_000, Decimal("4"))])
    later = TieredPrices(Decimal("10"), [Step(500_000, Decimal("20"))])
    listed(
        ModelPrice(input_mtok=steps, output_mtok=later, cache_read_mtok=Decimal("0.1"), requests_kcount=Decimal("5"))
    )
    tariff = tariff_of(SPEC, known(), Study(), now=NOON)
    assert tariff.tiers == (Tier(200_000, input=2.0), Tier(500_000, input=4.0, output=20.0))
    assert (tariff.input, tariff.output, tariff.cached_input, tariff.request) == (1.0, 10.0, 0.1, 0.005)


def test_a_price_by_the_hour_is_the_dearest_of_the_day_at_any_hour(listed: Any) -> None:
    from genai_prices.types import ConditionalPrice, ModelPrice, TimeOfDateConstraint

    night = ModelPrice(input_mtok=Decimal("0.1"), output_mtok=Decimal("0.5"))
    day = ModelPrice(input_mtok=Decimal("0.2"), output_mtok=Decimal("1"))
    hours = TimeOfDateConstraint(time(0, 30, tzinfo=UTC), time(16, 30, tzinfo=UTC))
    listed([ConditionalPrice(prices=night), ConditionalPrice(hours, prices=day)])
    found = {
        tariff_of(SPEC, known(), Study(), now=NOON.replace(hour=hour)).usd(prompt=0, generated=1_000_000)
        for hour in range(24)
    }
    assert found == {1.0}


def test_a_price_changes_on_its_day(listed: Any) -> None:
    from genai_prices.types import ConditionalPrice, ModelPrice, StartDateConstraint

    def price(dollars: str) -> Any:
        return ModelPrice(input_mtok=Decimal(dollars), output_mtok=Decimal(dollars))

    from_now_on = ConditionalPrice(StartDateConstraint(date(2026, 11, 22)), prices=price("2"))
    listed([ConditionalPrice(prices=price("1")), from_now_on])
    assert tariff_of(SPEC, known(), Study(), now=NOON).input == 2.0
    assert tariff_of(SPEC, known(), Study(), now=NOON.replace(day=21)).input == 1.0


def test_the_lists_own_price_of_a_batch_goes_before_the_factor(listed: Any) -> None:
    from genai_prices.types import ModelPrice, PriceVariant

    usual = ModelPrice(input_mtok=Decimal("4"), output_mtok=Decimal("8"), cache_read_mtok=Decimal("1"))
    batch = ModelPrice(input_mtok=Decimal("2"), output_mtok=Decimal("4"))
    study = Study(batch=True)
    listed(usual, [PriceVariant({"processing": "batch"}, batch)])
    tariff = tariff_of(SPEC, known(), study, batch_factor=0.25)
    assert (tariff.input, tariff.output, tariff.cached_input, tariff.factor) == (2.0, 4.0, 1.0, 1.0)
    assert tariff.source == "a list, batch"
    assert tariff_of(SPEC, known(), Study(), batch_factor=0.25).input == 4.0
    listed(usual)
    assert tariff_of(SPEC, known(), study, batch_factor=0.25).factor == 0.25


def test_a_model_without_both_sides_of_a_price_has_none(listed: Any) -> None:
    from genai_prices.types import ModelPrice

    listed(ModelPrice(output_mtok=Decimal("8")))
    assert tariff_of(SPEC, known(), Study()) == UNKNOWN


def test_nothing_is_fetched_or_imported_unless_it_is_asked_for() -> None:
    code = (
        "import sys, socket\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from thinkcurve.prices import tariff_of\n"
        "from thinkcurve.backend import ModelInfo\n"
        "from thinkcurve.study import Study\n"
        "assert 'genai_prices' not in sys.modules\n"
        "tariff_of('embedded', ModelInfo(name='tiny', is_local=True), Study())\n"
        "assert 'genai_prices' not in sys.modules\n"
        "tariff_of('x', ModelInfo(name='gpt-5', provider='openai'), Study())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_newer_prices_that_cannot_be_fetched_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    genai_prices = pytest.importorskip("genai_prices")
    monkeypatch.setenv(prices.UPDATE, "1")
    monkeypatch.setattr(genai_prices.UpdatePrices, "url", "http://127.0.0.1:9/prices.json")
    prices._price_list.cache_clear()
    try:
        with pytest.raises(UsageError, match=f"cannot fetch newer prices .*without {prices.UPDATE} the list of"):
            tariff_of(SPEC, known(), Study())
    finally:
        prices._price_list.cache_clear()


def test_without_the_list_a_price_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    prices._price_list.cache_clear()
    try:
        assert tariff_of(SPEC, known(), Study()) == UNKNOWN
    finally:
        prices._price_list.cache_clear()
