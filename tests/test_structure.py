"""The order in which modules import each other, and how long functions and signatures may be."""

import ast
import functools

import pytest
from conftest import ROOT

# From low to high, by folders and by modules beside them: a module imports from its own level or from lower ones.
LEVELS = (
    ("errors", "streams", "flags", "flag_help", "flag_sources", "cluster_flags", "tool_flags", "config", "tool_config",
     "storage"),
    ("data",),
    ("losses", "models"),
    ("extensions",),
    ("visualization", "evaluation"),
    ("inference",),
    ("counting",),
    ("training",),
    ("train_fg", "train_hoc", "distill", "evaluate", "segment", "sample", "count", "export",
     "experiments", "benchmarks"),
)
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}

# Modules whose functions say the types of all they take and return.
ANNOTATED = ("errors", "streams", "flags", "flag_help", "flag_sources", "cluster_flags", "tool_flags", "config",
             "tool_config", "storage", "data", "losses", "models", "extensions", "visualization", "evaluation",
             "inference", "training", "train_fg", "train_hoc", "distill", "evaluate", "counting", "segment", "sample", "count", "export")

# Imports from a higher level that are still there, (importer, imported). One that is gone must be gone here too.
KNOWN_UPWARD_IMPORTS = frozenset()

# The longest function and signature of today. Lower these when they become shorter, and never raise them.
MOST_LINES_OF_A_FUNCTION = 52
MOST_PARAMETERS = 10


@functools.cache
def trees():
    """Returns the syntax tree of each of the project's modules: dict from dotted name, tests left out."""
    paths = [*ROOT.glob("*.py"), *(path for folder in ROOT.iterdir() if folder.name in LEVEL_OF
                                   for path in folder.rglob("*.py"))]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): ast.parse(path.read_text(encoding="utf-8"))
            for name, path in sorted(named.items())}


def imports_of(name, tree):
    """Returns the names of the project's modules that a module imports anywhere in it, inside of functions too."""
    package = name.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = ".".join(filter(None, (package if node.level else "", node.module)))
            found |= {whole if (whole := f"{source}.{alias.name}") in trees() else source for alias in node.names}
    return {imported for imported in found if imported in trees()}


@functools.cache
def imports():
    """Returns what each module imports of the project: dict from name to a set of names."""
    return {name: imports_of(name, tree) for name, tree in trees().items()}


def level_of(name):
    """Returns the number of a module's level."""
    return LEVEL_OF[name.partition(".")[0]]


def circle(arrows):
    """Returns names that import each other in a circle, the first one again at the end, or None."""
    done = set()

    def follow(name, path):
        if name in path:
            return [*path[path.index(name):], name]
        if name in done:
            return None
        found = next(filter(None, (follow(imported, [*path, name]) for imported in sorted(arrows[name]))), None)
        done.add(name)
        return found

    return next(filter(None, (follow(name, []) for name in sorted(arrows))), None)


def functions():
    """Yields (where, node) for each function and method of the project, nested ones too."""
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{name}:{node.lineno} {node.name}", node


def num_parameters(node):
    """Returns how many parameters a function has, `self` and `cls` not counted."""
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return sum(argument is not None and argument.arg not in ("self", "cls") for argument in named)


def num_lines(node):
    """Returns how many lines a function has, its signature and docstring among them."""
    return node.end_lineno - node.lineno + 1


def test_every_module_has_a_level():
    assert not [name for name in trees() if name.partition(".")[0] not in LEVEL_OF]
    assert {"train_fg", "models.unet", "storage.weights"} <= set(trees())


def test_modules_import_from_their_own_level_or_lower_ones():
    upward = {(name, imported) for name, found in imports().items() for imported in found
              if level_of(imported) > level_of(name)}
    assert upward - KNOWN_UPWARD_IMPORTS == set(), "imports from a higher level"
    assert KNOWN_UPWARD_IMPORTS - upward == set(), "these are gone: take them out of KNOWN_UPWARD_IMPORTS"


def test_no_modules_import_each_other_in_a_circle():
    assert circle(imports()) is None


@pytest.mark.parametrize("arrows, found", [
    ({"a": {"b"}, "b": set()}, None),
    ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, None),
    ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c", "b"]),
    ({"a": {"a"}}, ["a", "a"]),
])
def test_circles_are_found(arrows, found):
    assert circle(arrows) == found


def test_imports_are_found_wherever_they_are():
    tree = ast.parse("import errors, os\nfrom data import images, nothing\ndef f():\n    from storage.weights import load")
    assert {"errors", "data", "data.images", "storage.weights"} == imports_of("models.unet", tree)


def test_no_function_is_longer_than_the_limit():
    lines = {where: num_lines(node) for where, node in functions()}
    assert {where: count for where, count in lines.items() if count > MOST_LINES_OF_A_FUNCTION} == {}


def test_no_signature_has_more_parameters_than_the_limit():
    counts = {where: num_parameters(node) for where, node in functions()}
    assert {where: count for where, count in counts.items() if count > MOST_PARAMETERS} == {}


def test_functions_say_the_types_of_what_they_take_and_return():
    def is_annotated(node):
        arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        return all(one is None or one.annotation or one.arg in ("self", "cls") for one in named) and node.returns

    assert not [where for where, node in functions() if where.partition(":")[0].partition(".")[0] in ANNOTATED
                and not is_annotated(node)]
