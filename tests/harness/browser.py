"""A real browser for tests of pages: headless Chromium by playwright, without any network.

It takes the Chromium of the system (``chromium`` on the path, ``THINKCURVE_CHROMIUM`` otherwise) or the one that
``playwright install chromium`` fetched. Where there is none, tests of pages skip and say how to get one; CI sets
``THINKCURVE_BROWSER=required``, and then that is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, sync_playwright
from playwright.sync_api import Error as BrowserError

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium; skips the test where there is none."""
    path = os.environ.get("THINKCURVE_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        except BrowserError as error:
            if os.environ.get("THINKCURVE_BROWSER") == "required":
                raise
            pytest.skip(f"no Chromium: apt-get install chromium, or playwright install chromium ({error.message[:80]})")
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, and all that went wrong on it: errors, console messages, requests to anywhere."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def is_clean(self) -> bool:
        """Whether nothing went wrong; what did is in ``errors`` and ``requests``."""
        return not self.errors and not self.requests

    def flaws(self) -> list[str]:
        """What axe-core finds against WCAG 2.2 A and AA: contrast, labels, roles."""
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": tags}})
        return [
            f"{one['id']}: {node['html'][:160]}" for one in found.response["violations"] for node in one["nodes"][:4]
        ]


@contextmanager
def opened(browser: Browser, path: Path, *, fragment: str = "", **context: Any) -> Iterator[Opened]:
    """A file in a fresh context (``color_scheme="dark"``, ``viewport=...``), with everything but files refused."""
    held = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **context})
    page = held.new_page()
    seen = Opened(page)

    def refuse(route: Route) -> None:
        seen.requests.append(route.request.url)
        route.abort()

    held.route(lambda url: not url.startswith(("file:", "data:", "blob:")), refuse)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("console", lambda told: seen.errors.append(told.text) if told.type in ("error", "warning") else None)
    page.goto(path.resolve().as_uri() + fragment)
    try:
        yield seen
    finally:
        held.close()
