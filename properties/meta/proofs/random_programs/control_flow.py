"""Branches, loops and calls, each around random steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .draft import SIZE, Draft, Drawn, Family, Kind, like

#: Adds control flow around steps of a family, which may be control flow in turn.
Nesting = Callable[[Draft, Family], None]


@dataclass
class _Body:
    """The inside of a loop or branch, and which of what it knows are its results."""

    inner: Drawn
    places: Sequence[int]
    results: Sequence[Kind]

    def __call__(self, known: list[Any]) -> list[Any]:
        """Compute the results from what is known outside."""
        everything = [*known, *self.inner(*known)]
        return [
            like(everything[place], *kind)
            for place, kind in zip(self.places, self.results, strict=True)
        ]

    def __str__(self) -> str:
        inside = "; ".join(self.inner.words)
        return f"{{{inside} → {list(self.places)}}}"


def _draw_body(draft: Draft, draw_step: Family, kinds: list[Kind], *results: Kind) -> _Body:
    choose, inside = draft.choose, Draft(draft.choose, list(kinds), draft.depth + 1)
    for _ in range(1 + choose(3)):
        draw_step(inside)
    known = len(inside.kinds)
    places = [known - 1 - choose(min(3, known)) for _ in results]
    return _Body(inside.drawn, places, results)


def branch(draft: Draft, draw_step: Family) -> None:
    chosen, result = draft.any(), draft.kinds[draft.any()]
    first, second = (_draw_body(draft, draw_step, draft.kinds, result) for _ in range(2))

    def step(known: list[Any]) -> Any:
        predicate = like(known[chosen], (), np.dtype(bool))
        return lax.cond(
            predicate, lambda known: first(known)[0], lambda known: second(known)[0], known
        )

    draft.add(step, result, f"cond {chosen} {first} {second}")


def loop(draft: Draft, draw_step: Family) -> None:
    carried = draft.any()
    result = draft.kinds[carried]
    inner = _draw_body(draft, draw_step, draft.kinds, result)
    rounds = draft.choose(4)

    def step(known: list[Any]) -> Any:
        def body(state: Any) -> Any:
            count, carry = state
            return count + 1, inner([*known[:carried], carry, *known[carried + 1 :]])[0]

        return lax.while_loop(
            lambda state: state[0] < rounds, body, (jnp.int32(0), known[carried])
        )[1]

    draft.add(step, result, f"while {carried} < {rounds} {inner}")


def scan(draft: Draft, draw_step: Family) -> None:
    carried, stacked = draft.any(), draft.any()
    result, dtype = draft.kinds[carried], draft.kinds[stacked][1]
    element: Kind = ((), dtype)
    kinds = [element if n == stacked else kind for n, kind in enumerate(draft.kinds)]
    inner = _draw_body(draft, draw_step, kinds, result, element)
    final = bool(draft.choose(2))
    if carried == stacked:
        return

    def step(known: list[Any]) -> Any:
        def body(carry: Any, element: Any) -> Any:
            inside = list(known)
            inside[carried], inside[stacked] = carry, element
            carry, produced = inner(inside)
            # JAX would hand on the whole of what is only put together again, and not so eagerly.
            return carry, lax.optimization_barrier(produced)

        elements = like(known[stacked], (SIZE,), dtype)
        carry, produced = lax.scan(body, known[carried], elements, reverse=final)
        return carry if final else produced

    kind = result if final else ((SIZE,), dtype)
    draft.add(step, kind, f"scan {carried} over {stacked} {inner}")


def call(draft: Draft, draw_step: Family) -> None:
    result = draft.kinds[draft.any()]
    inner = _draw_body(draft, draw_step, draft.kinds, result)

    def called(*known: Any) -> Any:
        return inner(list(known))[0]

    how = ("jit", "checkpoint", "custom_jvp", "custom_vjp")[draft.choose(4)]
    wraps: dict[str, Callable[[Any], Any]] = {
        "jit": jax.jit,
        "checkpoint": jax.checkpoint,
        "custom_jvp": jax.custom_jvp,
        "custom_vjp": jax.custom_vjp,
    }

    def step(known: list[Any]) -> Any:
        wrapped = wraps[how](lambda *known: called(*known))
        if how == "custom_jvp":
            wrapped.defjvp(lambda primals, tangents: (called(*primals), called(*tangents)))
        if how == "custom_vjp":
            wrapped.defvjp(lambda *known: (called(*known), known), lambda known, g: known)
        return wrapped(*known)

    draft.add(step, result, f"{how} {inner}")


NESTED: Sequence[Nesting] = (branch, loop, scan, call)
