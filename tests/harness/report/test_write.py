"""Figures as files: by suffix, whole or not at all, offline, and safe from the names in them."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from thinkcurve.errors import UsageError
from thinkcurve.report.look import THEMES
from thinkcurve.report.write import page, write_figure

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)> $bundle ${spec} %SPEC% \u2028"
SPEC: dict[str, Any] = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "title": {"text": EVIL},
    "description": EVIL,
    "background": THEMES["light"].paper,
    "data": {"values": [{"a": 1, "name": EVIL}]},
    "mark": "point",
    "encoding": {"x": {"field": "a", "type": "quantitative"}},
}


class Tags(HTMLParser):
    """Collects tags with their attributes, and the text of scripts and of the title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag in ("script", "title"):
            self.text.setdefault(tag, []).append("")

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "title"):
            self.text[self._open][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


@pytest.fixture(scope="module")
def tags() -> Tags:
    return Tags(page(SPEC))


@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("html", b"<!doc")]
)
def test_the_suffix_chooses_the_form(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = write_figure(SPEC, tmp_path / f"figure.{suffix}")
    assert path.read_bytes().startswith(start)


def test_json_is_the_spec_itself(tmp_path: Path) -> None:
    assert json.loads(write_figure(SPEC, tmp_path / "figure.JSON").read_text("utf-8")) == SPEC


def test_html_loads_nothing_from_elsewhere(tags: Tags) -> None:
    assert not any({"src", "href", "data", "action"} & attributes.keys() for _, attributes in tags.tags)
    assert not {"link", "img", "iframe", "object", "base"} & {tag for tag, _ in tags.tags}


def test_html_forbids_the_network_by_policy(tags: Tags) -> None:
    policies = [a["content"] for tag, a in tags.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert str(policies[0]).startswith("default-src 'none'")
    assert "unsafe-eval" not in str(policies[0])


def test_names_cannot_end_the_script_they_stand_in(tags: Tags) -> None:
    assert [tag for tag, _ in tags.tags].count("script") == 3
    assert json.loads(tags.text["script"][0]) == SPEC
    assert tags.text["title"] == [EVIL]


def test_html_and_svg_follow_a_dark_screen(tmp_path: Path) -> None:
    assert THEMES["dark"].paper in page(SPEC)
    svg = write_figure(SPEC, tmp_path / "figure.svg").read_text("utf-8")
    assert "prefers-color-scheme:dark" in svg


@pytest.mark.parametrize("name", ["figure", "figure.gif", "figure.html.txt"])
def test_other_suffixes_are_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"give one of \.html, \.svg, \.png, \.pdf, \.json") as caught:
        write_figure(SPEC, tmp_path / name)
    assert "\n" not in str(caught.value)


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist; make it first"):
        write_figure(SPEC, tmp_path / "none" / "figure.json")


def test_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "figure.json").mkdir()
    with pytest.raises(UsageError, match="Is a directory"):
        write_figure(SPEC, tmp_path / "figure.json")


@pytest.mark.parametrize("name", ["x" * 300 + ".json", "x" * 300 + "/figure.json"])
def test_a_name_the_disk_refuses_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*: File name too long"):
        write_figure(SPEC, tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="Permission denied"):
        write_figure(SPEC, tmp_path / "figure.json")


def test_a_failed_write_leaves_the_old_figure_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "figure.json"
    path.write_text("old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_figure(SPEC, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_again_replaces(tmp_path: Path) -> None:
    path = tmp_path / "figure.json"
    path.write_text("old")
    write_figure(SPEC, path)
    assert json.loads(path.read_text("utf-8")) == SPEC
    assert list(tmp_path.iterdir()) == [path]
