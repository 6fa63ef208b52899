"""Subjects that are objects are named by where a program holds them, and scripts import them."""

import importlib
import sys

import pytest

from frostproof import verify
from frostproof.properties.scripts.literals import import_subject
from frostproof.reference.subjects.naming import target_of

PROGRAM = """
import frostproof
import jax.numpy as jnp
from flax import nnx


def create(seed, batch, optimizer):
    model = nnx.Linear(batch.x.shape[1], 1, rngs=nnx.Rngs(seed))
    return model, nnx.Optimizer(model, optimizer, wrt=nnx.Param)


def train_step(model, optimizer, batch):
    loss, grads = nnx.value_and_grad(lambda m: jnp.mean((m(batch.x) - batch.y) ** 2))(model)
    optimizer.update(model, grads)
    return loss


trainer = frostproof.NnxTrainer(create, train_step, frozen=("bias",))
wrapper = frostproof.OptaxFreeze(lambda optimizer, mask: optimizer)


def made():
    return frostproof.NnxTrainer(create, lambda *all: train_step(*all), frozen=("bias",))
"""


MENDED = (
    PROGRAM.replace("grads)\n    return", "{'kernel': grads['kernel']})\n    return")
    .replace("mask: optimizer)", "mask: optax.chain(optimizer, optax.freeze(mask)))")
    .replace("import frostproof", "import frostproof\nimport optax")
    .replace("wrt=nnx.Param)", "wrt=nnx.PathContains('kernel'))")
)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A module of somebody's package, imported in this process."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "program.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    import package.program

    yield package.program
    for name in ("package", "package.program"):
        del sys.modules[name]


@pytest.mark.parametrize("name", ["trainer", "wrapper"])
def test_the_script_of_an_object_imports_it(name, program, tmp_path, monkeypatch):
    """It fails by its assertion in any folder, and passes on mended code."""
    found = verify(getattr(program, name), laws=["frozen-value"], max_examples=3, seed=0)
    (row,) = found.rows
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])

    def run():
        for module in ("package", "package.program"):
            sys.modules.pop(module, None)
        importlib.invalidate_caches()
        exec(row.reproduce, {})

    with pytest.raises(AssertionError, match=r"^b.*: frozen leaf changed"):
        run()
    (tmp_path / "package" / "program.py").write_text(MENDED)
    run()

    assert row.subject == f"package.program:{name}"


def test_objects_are_named_by_what_holds_them(program, monkeypatch):
    """The module of its function, or another one; else by that function."""
    made, other = program.made(), program.made()
    monkeypatch.setattr(sys.modules["package"], "held", other, raising=False)

    assert target_of(program.trainer) == "package.program:trainer"
    assert target_of(program.create) == "package.program:create"
    assert target_of(other) == "package:held"
    assert target_of(made) == "package.program:made.<locals>.<lambda>"


@pytest.mark.parametrize("name", ["my-train.py", "jax.py", "test.py", "class.py", "plain.py"])
def test_a_file_of_any_name_is_imported(name, tmp_path, monkeypatch):
    """Also where the name is not an identifier, or that of a package."""
    (tmp_path / name).write_text("import neighbour\nfn = neighbour.fn")
    (tmp_path / "neighbour.py").write_text("def fn(): return 7")
    monkeypatch.setattr(sys, "path", [*sys.path])
    for module in ("neighbour", "own", "plain"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    found = {"sys": sys}

    exec("\n".join(import_subject(f"{tmp_path / name}:fn")), found)

    assert found["subject"]() == 7


def test_a_script_says_what_it_cannot_import():
    """An object that no module holds by a name has to be brought in."""
    lines = import_subject("package.program:made.<locals>.<lambda>")

    with pytest.raises(AssertionError, match="bring the subject in here"):
        exec("\n".join(lines), {})
    assert import_subject("__main__:trainer")[1].startswith("assert")
