"""What users meet before they run anything: the container's recipe and how the work is cited. Docker is not needed."""

import fnmatch
import re

import pytest
from conftest import ROOT
from test_structure import LEVELS

NEEDED = [*(name for names in LEVELS for name in names), "pretrained", "requirements.txt"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()


def instructions(name):
    return re.findall(rf"^{name} (.*)", DOCKERFILE, re.MULTILINE)


def test_the_image_has_the_makefiles_python():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    version = re.search(r"version_info\[:2\] != \((\d+), (\d+)\)", makefile).groups()
    assert [re.match(r"python:(\d+)\.(\d+)-", base).groups() for base in instructions("FROM")] == [version]


def test_what_the_image_copies_and_installs_from_is_there():
    copied = [source for line in instructions("COPY") for source in line.split()[:-1]]
    assert copied == ["requirements.txt", "."] and all((ROOT / source).exists() for source in copied)
    install, = instructions("RUN")
    assert " -r requirements.txt " in install
    assert DOCKERFILE.index("COPY requirements.txt") < DOCKERFILE.index("RUN ") < DOCKERFILE.index("COPY . ")


@pytest.mark.parametrize("name", NEEDED)
def test_what_scripts_need_is_not_kept_out_of_the_image(name):
    names = {name, f"{name}.py"} & {path.name for path in ROOT.iterdir()}
    assert names and not [pattern for pattern in IGNORED for name in names if fnmatch.fnmatch(name, pattern)]


def test_commands_in_the_dockerfile_name_files_that_are_there():
    named = re.findall(r"(?:python |--weights=|--flagfile=)([\w/.]+\.(?:py|npz|flags))", DOCKERFILE)
    assert len(named) >= 6 and all((ROOT / name).exists() for name in named)


def test_everything_that_git_ignores_stays_out_of_the_image():
    ignored = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split() if line.endswith("/")}
    assert {name for name in ignored if name != "__pycache__"} | {"**/__pycache__"} <= set(IGNORED)


def citation(pattern):
    return re.findall(pattern, CITATION, re.MULTILINE)


def test_the_citation_is_of_the_paper_that_the_readme_names():
    software, paper = CITATION.split("preferred-citation:\n")
    assert software.startswith("cff-version: 1.2.0\n") and "\nmessage: " in software and "\nauthors:\n" in software
    assert citation('^title: "(.*)"$') == [re.match(r"# (.*)", README)[1]]
    title, names, year = re.search(r"\[\*(.*)\*\]\(.*\)\s\((.*); AAAI (\d+)\)", README).groups()
    assert ", ".join(citation("^      family-names: (.*)$")) == names
    assert f"  title: {title}\n" in paper and f"  year: {year}\n" in paper
    assert all(re.fullmatch(r" *(- )?[a-z-]+:( \S.*)?", line) for line in CITATION.splitlines())
