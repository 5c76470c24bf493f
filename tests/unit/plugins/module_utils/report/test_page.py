# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The HTML page: as text, and as headless Chromium shows it."""

from __future__ import annotations

import html.parser
import itertools
import re
import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.report.build import build

TEMPLATES = Path(__file__).resolve().parents[5] / "roles" / "check" / "templates"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "</pre></style><script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"


@pytest.fixture
def page():
    """Return a function that renders a report as ansible.builtin.template would."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, undefined=jinja2.StrictUndefined
    )

    def render(results, expected=(), title="HostProcess containers") -> str:
        report = build(results, expected, "2026-11-23 14:30 UTC", "1.36.3")
        return environment.get_template("report.html.j2").render(check_report=report, check_report_title=title)

    return render


class Elements(html.parser.HTMLParser):
    """Every element with its attributes, and the text outside style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "br", "img", "input", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def of(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.found if name == tag]


def hostile(outcome) -> dict:
    result = outcome("node" + HOSTILE, fault="leak", pod=HOSTILE)
    result["node"]["os"]["product_name"] = HOSTILE
    result["node"]["kubelet"]["version"] = HOSTILE
    for job in result["actual"]["job_objects"]:
        job["processes"][0].update(image=HOSTILE, command_line=HOSTILE)
    for finding in result["check"]["findings"]:
        finding.update(message=HOSTILE, evidence={HOSTILE: HOSTILE}, fix=HOSTILE, title=HOSTILE)
    return result


def test_every_expression_of_the_template_is_escaped():
    source = (TEMPLATES / "report.html.j2").read_text()
    macros = set(re.findall(r"{% macro (\w+)", source))
    expressions = re.findall(r"{{(.+?)}}", source)
    assert len(expressions) > 40
    unescaped = [
        expression
        for expression in expressions
        if not expression.rstrip().endswith("| e") and expression.split("(")[0].strip() not in macros
    ]
    assert unescaped == []


def test_hostile_names_stay_text(outcome, page):
    elements = Elements(page([hostile(outcome)], title=HOSTILE))
    assert elements.of("script") == elements.of("img") == []
    assert HOSTILE in elements.text
    assert not any(name.startswith("on") for _tag, attributes in elements.found for name in attributes)


def test_the_page_is_well_formed_and_asks_for_nothing_from_anywhere(outcome, page):
    text = page([outcome("a", fault="rate"), outcome("b", fault="leak")], expected=["c"])
    elements = Elements(text)
    assert elements.open == []
    links = [
        value for _tag, attributes in elements.found for key, value in attributes.items() if key in ("href", "src")
    ]
    assert links
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert "url(" not in text
    assert "@import" not in text
    assert any("default-src 'none'" in (meta.get("content") or "") for meta in elements.of("meta"))


def test_every_link_leads_somewhere(outcome, page):
    elements = Elements(page([outcome("a", fault="rate"), outcome("b", fault="leak")], expected=["c"]))
    anchors = {attributes["id"] for _tag, attributes in elements.found if "id" in attributes}
    targets = {link["href"][1:] for link in elements.of("a")}
    assert targets
    assert targets <= anchors


def test_headings_go_down_one_level_at_a_time(outcome, page):
    levels = [int(tag[1]) for tag, _ in Elements(page([outcome("a", fault="gone")])).found if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_a_state_is_told_by_word_and_mark_and_not_by_colour_alone(outcome, page):
    text = page([outcome("a", fault="rate"), outcome("b")], expected=["c"])
    badges = re.findall(r'<span class="badge (\w+)"><span aria-hidden="true">(.)</span> ([^<]+)</span>', text)
    marks = {(kind, mark) for kind, mark, word in badges if word.strip()}
    assert {("ok", "✓"), ("finding", "✕"), ("unchecked", "–"), ("error", "✕")} <= marks


def test_the_chain_shows_an_escaped_process_and_a_missing_job(outcome, page):
    assert "left the job" in Elements(page([outcome("a", fault="escaped")])).text
    assert "no job object" in Elements(page([outcome("a", fault="gone")])).text


def test_large_fleets_open_only_the_nodes_with_findings(outcome, page):
    results = [outcome(f"win-{number:03d}", fault="rate" if number == 7 else None) for number in range(200)]
    details = [item for item in Elements(page(results)).of("details") if item.get("class") == "node"]
    assert len(details) == 200
    assert sum("open" in item for item in details) == 1


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Return a function that runs headless Chromium on a page, with an empty profile and no resolver."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: how the report looks is not tested (apt-get install chromium)")

    def run(path: Path, *options: str) -> str:
        profile = tmp_path_factory.mktemp("profile")
        command = [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
            *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND"),
            f"--user-data-dir={profile}",
            *options,
            path.as_uri(),
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    return run


def screenshot(chromium, page: Path, *options: str) -> bytes:
    target = page.with_suffix(".png")
    chromium(page, "--window-size=1280,1600", f"--screenshot={target}", *options)
    image = target.read_bytes()
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(image[16:20]), int.from_bytes(image[20:24])) == (1280, 1600)
    return image


def requests_of_the_page(log: Path) -> set[str]:
    """Return what was asked for over a network, without the browser's own requests to its maker.

    Those fail too: no name is resolved. That the page names none of these hosts, another test shows.
    """
    own = r"https?://([^/]+\.)?(google|googleapis|gstatic)\.com[:/]"
    urls = re.findall(r'"url":"((?:https?|wss?|ftp):[^"]*)"', log.read_text())
    return {url for url in urls if not re.match(own, url)}


def test_chromium_renders_the_page_light_and_dark(outcome, page, chromium, tmp_path):
    path, blank = tmp_path / "report.html", tmp_path / "blank.html"
    path.write_text(page([outcome("a", fault="rate"), outcome("b"), outcome("c", 26100)]))
    blank.write_text("<!DOCTYPE html><title>blank</title>")
    light, empty = screenshot(chromium, path), screenshot(chromium, blank)
    dark = screenshot(chromium, path, "--blink-settings=preferredColorScheme=0")
    assert len(light) > 10 * len(empty)
    assert len(dark) > 10 * len(empty)
    assert light != dark


def test_chromium_shows_hostile_names_as_text_and_requests_nothing(outcome, page, chromium, tmp_path):
    path, log = tmp_path / "report.html", tmp_path / "net.json"
    path.write_text(page([hostile(outcome), outcome("b")]))
    elements = Elements(re.sub(r"(?s)^.*?(?=<html)", "", chromium(path, "--dump-dom", f"--log-net-log={log}")))
    assert elements.of("script") == elements.of("img") == []
    assert "1 finding on 1 of 2 nodes." in elements.text
    assert HOSTILE in elements.text
    assert requests_of_the_page(log) == set()


def test_a_request_by_a_page_would_be_seen(chromium, tmp_path):
    path, log = tmp_path / "asks.html", tmp_path / "net.json"
    path.write_text('<!DOCTYPE html><title>asks</title><img src="http://example.invalid/a.png">')
    chromium(path, "--dump-dom", f"--log-net-log={log}")
    assert requests_of_the_page(log) == {"http://example.invalid/a.png"}
