"""The live page in a real browser: it follows, asks its own server only, and shows hostile words as words."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from browser import Opened, chromium
from records import a_failure, an_attempt
from report.watch.followed import MANIFEST, STUDY, line, write
from thinkcurve.errors import UsageError
from thinkcurve.report.watch.follow import Follower
from thinkcurve.report.watch.serve import WatchServer
from thinkcurve.store import write_manifest

HOSTILE = '</script><img src=x onerror="window.pwned=1">\u202etxt.exe\x1b[2J\' "}'


@contextmanager
def served(run: Path) -> Iterator[WatchServer]:
    with WatchServer(Follower(run)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    study = msgspec.structs.replace(STUDY, budgets=(8, 16))
    write_manifest(tmp_path, msgspec.structs.replace(MANIFEST, study=study))
    write(tmp_path, line(an_attempt(0)) + line(an_attempt(0, budget=16)))
    return tmp_path


def ask(server: WatchServer, path: str, host: str = "") -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    found = answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return found


def test_it_serves_two_paths_to_its_own_name_only(run: Path) -> None:
    with served(run) as server:
        status, body, headers = ask(server, "/state.json")
        assert (status, json.loads(body)["done"], headers["cache-control"]) == (200, 2, "no-store")
        assert ask(server, "/")[0] == 200
        assert ask(server, "/", f"localhost:{server.server_port}")[0] == 200
        assert ask(server, "/state.json", "evil.example")[0] == 403
        assert ask(server, "/", f"evil.example:{server.server_port}")[0] == 403
        for path in ("/manifest.json", "/../manifest.json", "/%2e%2e/journal.jsonl", "/state.json?x=1"):
            assert ask(server, path)[0] == 404, path
        assert server.server_address[0] == "127.0.0.1"
        with pytest.raises(UsageError, match="port"):
            WatchServer(Follower(run), server.server_port)


def test_a_run_that_is_gone_is_said_so(run: Path) -> None:
    with served(run) as server:
        (run / "manifest.json").unlink()
        status, body, _ = ask(server, "/state.json")
        assert status == 503
        assert "no manifest.json" in json.loads(body)["error"]
        assert ask(server, "/")[0] == 503


def test_the_page_follows_the_run_and_shows_hostile_words_as_words(run: Path) -> None:
    with served(run) as server, chromium() as browser:
        context = browser.new_context(color_scheme="dark", viewport={"width": 1200, "height": 900})
        page = context.new_page()
        seen, asked = Opened(page), set[str]()
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda told: seen.errors.append(told.text) if told.type in ("error", "warning") else None)
        page.on("request", lambda request: asked.add(request.url))
        page.goto(server.url)
        assert "2 of 8 attempts" in page.inner_text("#state")
        write(run, line(an_attempt(1)) + line(replace(a_failure(2), problem=HOSTILE, error=HOSTILE * 1000)))
        page.locator("#state", has_text="3 of 8").wait_for(timeout=15_000)
        assert "37 %" in page.inner_text("#tiles")
        assert page.is_visible("#failures")
        assert page.inner_text("#failed td").replace("\n", "").startswith("</script><img src=x")
        assert "[U+202E]" in page.inner_text("#failed")
        assert page.evaluate("window.pwned") is None
        assert page.evaluate("document.querySelectorAll('#failed img').length") == 0
        assert page.locator("#chart svg circle").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert seen.flaws() == []
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 390, "height": 800})
        assert seen.flaws() == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert seen.errors == []
        assert asked <= {server.url, f"{server.url}state.json"}
        context.close()


def test_an_end_changes_the_words(run: Path) -> None:
    with served(run) as server, chromium() as browser:
        page = browser.new_page()
        page.goto(server.url)
        assert page.inner_text("#accuracy") == "Accuracy so far"
        write_manifest(run, msgspec.structs.replace(server.follower.manifest, finished="2026-01-01T00:01:00+00:00"))
        page.locator("#state", has_text="finished").first.wait_for(timeout=15_000)
        assert page.inner_text("#accuracy") == "Accuracy"
        assert page.title().startswith("25 %")
