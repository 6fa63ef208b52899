"""Draws contracts of all kinds from their numbers, and judges them: what may not happen is told."""

import re
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from frostproof import Exercise, OptaxFreeze, Optimizers, verify
from frostproof.properties.laws.book import BOOK
from frostproof.properties.meta.measurements.fuzz.drawing import Drawing
from frostproof.properties.meta.measurements.fuzz.drawn_linen_trainers import drawn_linen_trainer
from frostproof.properties.meta.measurements.fuzz.drawn_nnx_trainers import drawn_nnx_trainer
from frostproof.properties.meta.measurements.fuzz.odd_keywords import (
    ANSWERS,
    OPTIMIZERS,
    PROMISES,
    answering,
)
from frostproof.properties.plan.checks import UnknownGuarantee
from frostproof.reference.subjects.signatures import UnusableSubject
from frostproof.reference.subjects.targets import UnusableTarget
from frostproof.reports.cli.terminal import Terminal
from frostproof.reports.formats.registry import WRITERS
from frostproof.reports.results.report import Report

#: Laws a contract is judged by: all laws are met over many contracts.
LAWS = 2
#: What `verify` documents to raise, before anything runs.
DOCUMENTED = (UnusableSubject, UnusableTarget, UnknownGuarantee)
#: Said of no program of a user's.
FORBIDDEN = re.compile("itself failed|Traceback|neither snapshot")

_ANSWER = [0.5, 1.0, 1.0]
_ODD_ANSWERS = {
    "plain": lambda *_: _ANSWER,
    "tuple": lambda *_: tuple(_ANSWER),
    "array": lambda *_: jnp.array(_ANSWER),
    "nested": lambda *_: [_ANSWER],
    "two": lambda *_: _ANSWER[:2],
    "with text": lambda *_: ["a", 1.0, 1.0],
    "with None": lambda *_: [None, 1.0, 1.0],
    "with NaN": lambda *_: [float("nan"), 1.0, 1.0],
    "with a huge int": lambda *_: [10**400, 1.0, 1.0],
    "with arrays": lambda *_: [jnp.ones(1), jnp.ones(()), np.ones(())],
    "ragged": lambda *_: [jnp.ones(2), 1.0, [1.0]],
    "complex": lambda *_: [1j, 1.0, 1.0],
    "bools": lambda *_: [True, True, True],
    "generator": lambda *_: iter(_ANSWER),
    **{name: answering(name) for name in ANSWERS},
}


def drawn_exercise(draw: Drawing) -> Any:
    """Draw an exercise: it may train something, whose updates are seen, and answers anything."""
    answer = draw.one("answer", _ODD_ANSWERS, odd=0.9)
    trained = draw.one("in the parameters", {**ANSWERS}, odd=0.7)
    optimizer = draw.one("update", {"plain": True, "none": False}, odd=0.5)

    def fn(seed: float, x: Any, y: Any, lr: float) -> Any:
        if optimizer:
            params = {"Dense_0": {"kernel": jnp.ones((x.shape[1], 8))}, "extra": trained()}
            tx = optax.sgd(lr)
            optax.apply_updates(params, tx.update(params, tx.init(params), params)[0])
        return answer(seed, x, y, lr)

    functions = {
        "plain": fn,
        "no function": 3,
        "no arguments": lambda: 3,
        "any": lambda *_: _ANSWER,
    }
    api = draw.one("api", {"linen": "linen", "nnx": "nnx", "unknown": "torch", "None": None}, 0.5)
    return Exercise(draw.one("fn", functions, odd=0.05), api)


def _partition(optimizer: Any, mask: Any) -> Any:
    labels = jax.tree.map(lambda frozen: "freeze" if frozen else "train", mask)
    return optax.partition({"train": optimizer, "freeze": optax.set_to_zero()}, labels)


def _with(init: Any = None, update: Any = None) -> Callable[[Any, Any], Any]:
    """Return a wrapper that changes what comes out of a correct one."""

    def wrap(optimizer: Any, mask: Any) -> Any:
        plain = _partition(optimizer, mask)

        def changed(grads: Any, state: Any, params: Any = None) -> Any:
            return update(*plain.update(grads, state, params))

        return optax.GradientTransformation(init or plain.init, changed if update else plain.update)

    return wrap


def _answered(name: str) -> Callable[[Any, Any], Any]:
    answer = answering(name)
    return lambda optimizer, mask: answer()


_WRAPPERS = {
    "plain": _partition,
    "optimizer as it is": lambda optimizer, mask: optimizer,
    "pair": lambda optimizer, mask: tuple(optimizer),
    "masked": lambda optimizer, mask: optax.masked(optimizer, mask),
    "three": lambda optimizer, mask: (*optimizer, 3),
    "needs arguments": lambda optimizer, mask: optax.GradientTransformationExtraArgs(
        optimizer.init, lambda g, s, p, *, value: (g, s)
    ),
    "empties the mask": lambda optimizer, mask: mask.clear() or optimizer,
    "updates are None": _with(update=lambda u, s: (None, s)),
    "updates are text": _with(update=lambda u, s: ("text", s)),
    "updates are a list": _with(update=lambda u, s: (jax.tree.leaves(u), s)),
    "updates hold None": _with(update=lambda u, s: (jax.tree.map(lambda a: None, u), s)),
    "updates are NaN": _with(update=lambda u, s: (jax.tree.map(lambda a: a * jnp.nan, u), s)),
    "updates are of float16": _with(
        update=lambda u, s: (jax.tree.map(lambda a: a.astype(jnp.float16), u), s)
    ),
    "updates are of NumPy": _with(update=lambda u, s: (jax.tree.map(np.asarray, u), s)),
    "updates are scalars": _with(update=lambda u, s: (jax.tree.map(lambda a: 0.5, u), s)),
    "updates are rows": _with(update=lambda u, s: (jax.tree.map(lambda a: a[None], u), s)),
    "update returns one": _with(update=lambda u, s: u),
    "update returns three": _with(update=lambda u, s: (u, s, 1)),
    "state is None": _with(update=lambda u, s: (u, None)),
    "state is text": _with(update=lambda u, s: (u, "text")),
    "state is a function": _with(update=lambda u, s: (u, jnp.tanh)),
    "state grows": _with(update=lambda u, s: (u, [s])),
    **{f"init {name}": _with(init=answering(name)) for name in ANSWERS},
    **{f"update {name}": _with(update=answering(name)) for name in ANSWERS},
    **{f"wrapper {name}": _answered(name) for name in ANSWERS},
}


def drawn_wrapper(draw: Drawing) -> Any:
    """Draw an Optax wrapper."""
    fn = draw.one("fn", _WRAPPERS | {"no function": 3, "no arguments": lambda: 3}, odd=0.85)
    plain = {"plain": Optimizers("sgd", rates=(0.1,))}
    optimizers = draw.one("optimizers", plain | OPTIMIZERS, odd=0.2)
    return OptaxFreeze(fn, optimizers=optimizers, promise=draw.one("promise", PROMISES, odd=0.1))


#: How contracts are drawn, by the kind of their laws; trainers have the most to be wrong.
KINDS = {
    "linen": drawn_exercise,
    "optax": drawn_wrapper,
    "trainer": drawn_linen_trainer,
    "NNX trainer": drawn_nnx_trainer,
}
_SHARES = (0.15, 0.15, 0.4, 0.3)


@dataclass
class Judged:
    """What became of a contract."""

    number: int
    kind: str
    words: list[str]
    laws: list[str]
    #: "refused", or the verdicts by law.
    outcome: Any = None
    #: What may not happen: texts, empty where nothing of it did.
    found: list[str] = field(default_factory=list)
    #: Errors that name no line of the program's: to be read.
    unplaced: list[str] = field(default_factory=list)


def judge_contract(number: int) -> Judged:
    """Draw a contract, judge it in this process, and write its report in all formats."""
    draw = Drawing(number)
    kind = str(draw.generator.choice(list(KINDS), p=_SHARES))
    known = kind.removeprefix("NNX ")
    possible = [law.id for law in BOOK if law.needs.is_possible(known, frozenset())]
    judged = Judged(number, kind, draw.words, draw.some(possible, LAWS))
    proofs = draw.chance(0.1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = verify(
                KINDS[kind](draw),
                laws=judged.laws,
                max_examples=1,
                seed=number,
                timeout=20,
                proofs=proofs,
            )
            judged.outcome = {row.law: row.verdict for row in report.rows}
            _look_at(report, judged)
    except DOCUMENTED as refused:
        judged.outcome = f"refused: {refused}"
    except ValueError as refused:
        judged.outcome = f"refused: {refused}"
        if not re.match("`|--", str(refused)):
            judged.found.append(traceback.format_exc())
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        judged.found.append(traceback.format_exc())
    return judged


def _look_at(report: Report, judged: Judged) -> None:
    """Write a report as a user would see it, and look for what it may not say."""
    texts = [row.reason or "" for row in report.rows]
    with tempfile.TemporaryDirectory() as folder:
        texts += [str(write(report, Path(folder))) for write in WRITERS.values()]
    screen = StringIO()
    terminal = Terminal(Console(file=screen, width=100))
    terminal.on_start(report)
    for row in report.rows:
        terminal.on_row(row)
    for text in (*texts, screen.getvalue()):
        if said := FORBIDDEN.search(text):
            judged.found.append(text[max(0, said.start() - 200) : said.end() + 1500])
            break
    judged.unplaced += [
        f"{row.law}: {row.reason}"
        for row in report.rows
        if row.verdict == "error" and not re.search(r"\.py, line|exit", row.reason or "")
    ]
