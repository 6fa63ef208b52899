"""Targets: what is accepted, and the one line that says why something is not."""

import os

import pytest

from frostproof.reference.subjects.loading import as_subject, load
from frostproof.reference.subjects.signatures import UnusableSubject
from frostproof.reference.subjects.targets import UnusableTarget
from frostproof.reference.trials.probe import capabilities_of
from frostproof.reports.cli.main import main

GOOD = "def fn(seed, x, y, lr):\n    return [0.0, 0.0, 0.0]\n"

TRAINER = """import frostproof
def create(seed, batch, optimizer): ...
def train_step(state, batch): ...

head = frostproof.LinenTrainer(create, train_step, frozen=('w',))
"""

#: What a file holds, the name that is asked for, and what the message has to say.
FAULTY = {
    "syntax error": ("def fn(:\n", "fn", ("SyntaxError", "line 1: `def fn(:`)")),
    "exit": ("import sys\n\nsys.exit(3)\n", "fn", ("SystemExit", "3", "line 3")),
    "exception": ("\n1 / 0\n", "fn", ("ZeroDivisionError", "line 2")),
    "missing import": ("import no_such_library\n", "fn", ("no_such_library", "line 1")),
    "missing name": ("fmm = 3\n" + GOOD, "fm", ("no 'fm'; did you mean fn?",)),
    "far name": (
        "from functools import reduce\nfrom os.path import join\nclass C: ...\n" + GOOD,
        "absent",
        ("the module has no 'absent'; it has fn (function)",),
    ),
    "below a subject": (
        TRAINER,
        "head.foo",
        ("the module has no 'head.foo'; did you mean head?",),
    ),
    "many names": (
        TRAINER + "".join(f"def fn_{i}(a, b): ...\n" for i in range(6)),
        "x",
        ("it has head (LinenTrainer), fn_0 (function), fn_1 (function), ", "3 (function), 2 more"),
    ),
    "bad trainer": (
        TRAINER.replace("('w',)", "'w'"),
        "head",
        (
            ".py` cannot be imported: `frozen` must be a collection",
            "write ('w',) (subject_",
            ".py, line 5)",
        ),
    ),
    "not callable": ("fn = 3\n", "fn", ("expected a function or a subject, got an int",)),
    "three arguments": ("import flax.nnx\ndef fn(a, b, c): ...\n", "fn", ("fn(a, b, c)",)),
    "five arguments": (
        "import flax.nnx\ndef fn(a, b, c, d, e): ...\n",
        "fn",
        ("fn(a, b, c, d, e)",),
    ),
    "neither API": (GOOD, "fn", ("neither", "--as linen or --as nnx")),
    "both APIs": ("from flax import linen, nnx\n" + GOOD, "fn", ("both", "--as linen or --as nnx")),
}


@pytest.fixture
def file(tmp_path, request):
    def write(content):
        # Its own name for each test: modules are imported once in a process.
        name = "".join(c if c.isalnum() else "_" for c in request.node.name)
        path = tmp_path / f"subject_{name}.py"
        path.write_text(content)
        return path

    return write


@pytest.mark.parametrize("fault", FAULTY)
def test_an_unusable_file_is_explained_in_one_line(file, fault):
    """The message names the target, what is wrong, and where; it is one line."""
    content, name, expected = FAULTY[fault]
    target = f"{file(content)}:{name}"

    with pytest.raises(UnusableTarget) as caught:
        load(target)

    message = str(caught.value)
    assert message.startswith(target + ": ")
    assert "\n" not in message
    assert "UnusableSubject" not in message
    assert all(part in message for part in expected), message


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("no_such_module_at_all:fn", "the module 'no_such_module_at_all' does not exist"),
        ("json.no_such_part:fn", "the module 'json.no_such_part' does not exist"),
        ("no/such/file.py:fn", "the file does not exist"),
        ("json", "expected `package.module:name`"),
        ("json:", "expected `package.module:name`"),
        (":fn", "expected `package.module:name`"),
        ("", "^'': expected `package.module:name`"),
        ("no/such/file.py", "the file does not exist"),
        ("a/file.py:fn:x", "one name follows a file: `a/file.py:fn`, or `a/file.py:fn.x` for"),
    ],
)
def test_an_unknown_place_is_explained(target, expected):
    """A module, a file or a name that is not there."""
    with pytest.raises(UnusableTarget, match=expected):
        load(target)


def test_a_file_of_another_name_is_named(file):
    """It lies in the folder where one was looked for."""
    path = file(GOOD)

    with pytest.raises(UnusableTarget, match=f"does not exist; did you mean {path.name}\\?"):
        load(f"{path.with_stem(path.stem + 's')}:fn")


@pytest.mark.parametrize("colon", ["", ":"])
def test_a_file_without_a_name_is_answered_with_those_in_it(file, colon):
    """Nobody has to open it to know what can be judged."""
    path = file(TRAINER)

    with pytest.raises(UnusableTarget, match=r"expected `.*\.py:name`; it has head \(LinenTrainer"):
        load(f"{path}{colon}")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("import flax.linen as nn", "linen"),
        ("from flax import linen", "linen"),
        ("import flax.nnx", "nnx"),
        ("from flax import nnx", "nnx"),
        ("from flax.nnx import Linear", "nnx"),
    ],
)
def test_the_kind_follows_from_the_imports(file, line, kind):
    """A module that imports one of the two APIs needs no --as."""
    assert load(f"{file(line + chr(10) + GOOD)}:fn").kind == kind


def test_the_kind_that_is_asked_for_settles_it(file):
    """--as is enough where the imports say nothing."""
    assert load(f"{file(GOOD)}:fn", "nnx").kind == "nnx"


def test_a_file_may_import_its_neighbours(file, tmp_path):
    """The folder of a target file is importable from it."""
    (tmp_path / "neighbour_of_a_subject.py").write_text(GOOD)

    subject = load(f"{file('from neighbour_of_a_subject import fn')}:fn", "linen")

    assert subject.fn(0, 0, 0, 0) == [0.0, 0.0, 0.0]


def test_a_file_may_be_called_like_a_library(tmp_path):
    """A file named optax.py is loaded, and Optax stays Optax."""
    import optax

    (tmp_path / "optax.py").write_text(GOOD)

    assert load(f"{tmp_path / 'optax.py'}:fn", "linen").fn(0, 0, 0, 0) == [0.0] * 3
    assert os.path.dirname(optax.__file__) != str(tmp_path)


@pytest.mark.parametrize(
    "code",
    [
        "class Callable:\n    def __call__(self, seed, x, y, lr): ...\n\nfn = Callable()",
        "import functools\n\ndef more(a, b, c, d, e): ...\n\nfn = functools.partial(more, 1)",
        "fn = lambda *arguments: None",
        "class Holder:\n    def fn(self, seed, x, y, lr): ...\n\nholder = Holder()\nfn = holder.fn",
    ],
)
def test_whatever_takes_four_arguments_is_an_exercise(file, code):
    """Objects, partials, variable arguments, bound methods."""
    assert load(f"{file(code)}:fn", "linen").kind == "linen"


def test_a_nested_name_is_found(file):
    """`file.py:Class.method` names an attribute of an attribute."""
    code = "class Holder:\n    @staticmethod\n    def fn(seed, x, y, lr): ...\n"

    assert load(f"{file(code)}:Holder.fn", "nnx").kind == "nnx"


def test_an_object_that_knows_its_kind_cannot_be_another():
    """An Exercise for Linen is not judged as one for NNX."""
    import frostproof

    exercise = frostproof.Exercise(lambda seed, x, y, lr: None, api="linen")

    with pytest.raises(ValueError, match="linen"):
        as_subject(exercise, "nnx")


def test_a_function_that_returns_no_optimizer_is_no_wrapper(file):
    """It was taken for one because it takes two arguments; said to be one, it is judged."""
    code = "def loss(params, batch): return 0.5\n\ndef keep(optimizer, mask): return optimizer\n"
    path = file(code)

    with pytest.raises(UnusableSubject, match=r"loss\(params, batch\) was called as .* a float, e"):
        capabilities_of(load(f"{path}:loss"))
    assert capabilities_of(load(f"{path}:keep")) == capabilities_of(load(f"{path}:loss", "optax"))
    assert main(["verify", f"{path}:loss"]) == 2


def test_a_function_that_raises_where_it_is_tried_is_left_to_the_laws(file):
    """Nothing was returned that could tell."""
    path = file("def step(state, batch): return state.params\n")

    assert capabilities_of(load(f"{path}:step"))
