"""`experiments/results.json`: every figure of README.md and RESULTS.md stands in it, and what was transcribed in its log."""

import functools
import re

import pytest

from conftest import ROOT
from experiments import results

ENTRIES = results.read()
# A figure of a text is a number from 0 to 1 with three decimals; in a cell of results also one with two, and a count such as
# 58 in '58 of 64'. Not figures of results: the average's decay, and the discriminator's loss at chance, 2 ln 2.
FIGURE, CELL_FIGURE, SETTINGS = r"(?<![\d.,])[01]\.\d{3}(?!\d)", r"(?<![\d.,])[01]\.\d{2,3}(?!\d)", ("0.999", "1.386")


def is_printed(figure, numbers):
    """Says whether a figure is one of the numbers, rounded as it is printed."""
    return any(f"{number:.{len(figure) - 2}f}" == figure for number in numbers)


def table_rows():
    """Returns title and results of each row of RESULTS.md's tables; the title of a row of the paper is its item."""
    for line in (ROOT / "RESULTS.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] not in ("row", "paper", "picture"):
            yield cells[0], cells[2] if cells[0].startswith(("Table", "Figure")) else cells[1]


def section(source):
    """Returns the text below a heading of a page, up to the next heading of its level; 'page#anchor'."""
    page, _, anchor = source.partition("#")
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    if not anchor:
        return "\n".join(lines)
    found, level = [], 0
    for line in lines:
        heading = re.match(r"(#+) (.*)", line)
        if heading and level and len(heading[1]) <= level:
            break
        if heading and re.sub(r"[^\w\- ]", "", heading[2].lower()).replace(" ", "-") == anchor:
            level = len(heading[1])
        if level:
            found.append(line)
    assert found, f"{page} has no heading for #{anchor}"
    return "\n".join(found)


@pytest.mark.parametrize("page", ["README.md", "RESULTS.md"])
def test_every_figure_of_a_page_is_one_of_a_run(page):
    numbers = results.figures(ENTRIES)
    found = set(re.findall(FIGURE, (ROOT / page).read_text(encoding="utf-8"))) - set(SETTINGS)
    assert len(found) > 10
    assert not [figure for figure in sorted(found) if not is_printed(figure, numbers)]


def blocks(text):
    """Returns a page's paragraphs, list items and table rows, a table's rows each with the paragraph that ends in its ':'."""
    found, introduction = [], ""
    for part in re.split(r"\n\s*\n", text):
        is_table = part.startswith("|")
        pieces = part.splitlines() if is_table else re.split(r"\n(?=(?:-|\d+\.) )", part)
        found += [f"{introduction}\n{piece}" if is_table else piece for piece in pieces]
        introduction = part if part.endswith(":") else ""
    return found


def figures_without_source(text):
    """Returns the figures of a page of docs/ that stand in no log, nor in RESULTS.md or README.md, that their block links."""
    lacking = []
    for block in blocks(text):
        links = re.findall(r"\]\(((?:log/|\.\./RESULTS\.md|\.\./README\.md)[^)\s]*)\)", block)
        known = set().union(SETTINGS, *(numbers_of(f"docs/{link}".replace("docs/../", "")) for link in links))
        lacking += [(figure, *links) for figure in re.findall(FIGURE, block) if figure not in known]
    return lacking


@pytest.mark.parametrize("page", ["docs/failures.md", "docs/extensions.md", "docs/clusters.md", "docs/counting.md"])
def test_every_figure_of_a_page_below_stands_in_the_log_beside_it(page):
    assert not figures_without_source((ROOT / page).read_text(encoding="utf-8"))


def test_a_figure_of_another_log_or_of_none_is_found(monkeypatch):
    logs = {"docs/log/birds.md": {"0.565"}, "docs/log/pets.md": {"0.614", "0.425"}, "RESULTS.md": {"0.742"}}
    monkeypatch.setitem(globals(), "numbers_of", logs.get)
    birds, pets = "[log](log/birds.md)", "[log](log/pets.md)"
    right = (f"Birds 0.565 ({birds}), as in [RESULTS](../RESULTS.md) 0.742.\n\n- Pets 0.614 and\n  0.425 ({pets}).\n"
             f"- Birds 0.565 ({birds}).\n\nA table ({pets}):\n\n| a | 0.614 |\n|---|---|\n| b | 0.425 |\n")
    assert figures_without_source(right) == []
    wrong = right.replace("- Birds 0.565", "- Birds 0.425").replace("b | 0.425", "b | 0.565") + "\nNo link: 0.614."
    assert figures_without_source(wrong) == [("0.425", "log/birds.md"), ("0.565", "log/pets.md"), ("0.614",)]
    assert figures_without_source(right.replace("0.742", "0.743")) == [("0.743", "log/birds.md", "../RESULTS.md")]


def test_every_figure_of_a_row_is_one_of_its_own_runs():
    missing = {}
    for title, cell in table_rows():
        numbers = results.figures(entry for entry in ENTRIES if entry["row"] == title)
        lacking = [figure for figure in sorted(set(re.findall(CELL_FIGURE, cell)) - set(SETTINGS))
                   if not is_printed(figure, numbers)]
        lacking += [count for count in re.findall(r"(\d+) of \d+(?!\d| not seen)", cell) if int(count) not in numbers]
        if lacking:
            missing[title] = lacking
    assert not missing


def test_every_entry_belongs_to_a_row_and_says_how_it_was_made():
    titles = {title for title, _ in table_rows()}
    for entry in ENTRIES:
        assert entry["row"] in titles and entry["command"] and entry["device"] and entry["metrics"], entry
        assert entry.get("transcribed", False) == ("source" in entry), entry


@functools.cache
def numbers_of(source):
    """Returns the numbers of a section of a log as they are printed."""
    return set(re.findall(r"-?\d+\.\d+|\d+", section(source)))


@functools.cache
def numbers_of_logs():
    """Returns the numbers of all logs as they are printed."""
    return set().union(*(numbers_of(f"docs/log/{log.name}") for log in (ROOT / "docs/log").glob("*.md")))


def test_what_was_transcribed_stands_in_its_log():
    for entry in ENTRIES:
        for name, values in entry["metrics"].items() if entry.get("transcribed") else ():
            for value in values if isinstance(values, list) else [values]:
                printed = {str(value)} if isinstance(value, int) else {f"{value:.2f}", f"{value:.3f}"}
                assert printed & numbers_of(entry["source"]), (entry["row"], name, value)


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*/*.flags")), ids=lambda path: path.stem)
def test_the_head_of_a_flagfile_says_row_command_time_and_figure(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    head = "\n".join(line for line in lines if line.startswith("#"))
    row, command, time, expect = re.fullmatch(r"# Row: (.*)\n# Command: (.*)\n# Time: (.*)\n# Expect: (.*)", head, re.S).groups()
    assert row and time and f"--flagfile={path.relative_to(ROOT)} " in command and (ROOT / command.split()[1]).exists()
    figures = set(re.findall(FIGURE, expect)) - numbers_of_logs()
    assert not [figure for figure in sorted(figures) if not is_printed(figure, results.figures(ENTRIES))]


def test_a_figure_is_a_value_a_mean_or_a_deviation_of_one_row():
    runs = [results.entry({"num_steps": 7, "last": {"evaluation/mean_iou": iou, "rate/steps_per_second": 0.9}}, row="birds",
                          stage="raw", command="train_fg.py", seed=seed, device="CPU") for seed, iou in enumerate((0.4, 0.6))]
    assert results.figures(runs) == [0.4, 0.6, 0.5, pytest.approx(0.1414, abs=1e-4)]
    assert is_printed("0.141", results.figures(runs)) and not is_printed("0.142", results.figures(runs))
