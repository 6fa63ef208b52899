"""What a user's strategies draw first: the simplest batch and optimizer, for what is tried once."""

from __future__ import annotations

import warnings
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from ..optimizers.catalogue import CATALOGUE
from ..optimizers.declared import Optimizers, expected_optimizers
from ..optimizers.optimizer import UnusableDraw, as_optimizer, optimizer
from ..problems.training_problem import Drawn
from ..subjects.signatures import UnusableSubject
from ..subjects.trainer import Trainer
from ..subjects.user_errors import error_text, let_through, own_line

#: An optimizer that moves nothing: a leaf that moves all the same never took the new weights.
STILL = optimizer("sgd", learning_rate=0.0)


def simplest_batches(trainer: Trainer) -> tuple[Drawn, ...] | None:
    """Draw the simplest batch of a user's strategy."""
    if trainer.batches is None:
        return None
    if not isinstance(trainer.batches, st.SearchStrategy):
        raise UnusableSubject(
            f"`batches` must be a Hypothesis strategy, got {type(trainer.batches).__name__}"
        )
    return (_simplest("batches", trainer.batches.map(Drawn)),)


def require_optimizers(optimizers: Any) -> None:
    """Raise `UnusableSubject` unless a subject's `optimizers=` says what optimizers are drawn."""
    if isinstance(optimizers, st.SearchStrategy):
        _simplest("optimizers", optimizers.map(as_optimizer))
        return
    if not (
        _picks(optimizers) or isinstance(optimizers, Optimizers) or optimizers in ("common", "all")
    ):
        raise UnusableSubject(expected_optimizers(optimizers))


def promised_by(trainer: Trainer) -> Any:
    """Return an optimizer that a trainer promises: its functions may know the state of no other."""
    own = trainer.optimizers
    if isinstance(own, st.SearchStrategy):
        return _simplest("optimizers", own.map(as_optimizer))
    rows = [CATALOGUE[name] for name in own.names] if isinstance(own, Optimizers) else []
    plain = [row.name for row in rows if not row.wraps and not row.facts.picky]
    return optimizer(plain[0]) if plain and "sgd" not in plain else STILL


def _picks(optimizers: Any) -> bool:
    """Tell whether `optimizers=` picks rows of the catalogue by their facts, as references do, and
    is not a factory, such as `optax.sgd`.
    """
    if not callable(optimizers) or isinstance(optimizers, type):
        return False
    try:
        return isinstance(optimizers(CATALOGUE["sgd"].facts), bool)
    except Exception:  # whatever a function makes of facts
        return False


def _simplest(keyword: str, strategy: st.SearchStrategy[Any]) -> Any:
    """Return the simplest value of a strategy of the user's; raises as `some_of`."""
    return some_of(keyword, strategy, 1)[0]


def some_of(keyword: str, strategy: st.SearchStrategy[Any], most: int = 20) -> list[Any]:
    """Return a few values of a strategy of the user's, the simplest first and always the same.

    Raises `UnusableSubject` where there is none.
    """
    drawn: list[Any] = []

    @hypothesis.seed(0)
    @hypothesis.settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(st.data())
    def sample(data: st.DataObject) -> None:
        drawn.append(data.draw(strategy))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sample()
    except UnusableDraw as error:
        raise UnusableSubject(str(error)) from None
    except Unsatisfiable:
        pass
    except BaseException as error:
        let_through(error)
        where = f" ({line})" if (line := own_line(error)) else ""
        raise UnusableSubject(
            f"`{keyword}` is a strategy that raises {error_text(error)}{where}"
        ) from None
    if not drawn:
        raise UnusableSubject(f"`{keyword}` is a strategy from which nothing can be drawn")
    return drawn
