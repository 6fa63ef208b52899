"""What the scripts of trainings and wrappers are made of: each takes what it needs of it."""

import collections
import tempfile
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax

# By run, step and path: parameters and optimizer state around each step, the losses, whether each
# step left its batch as it was, and how many programs XLA compiled for it.
before: list[Any] = []
after: list[Any] = []
states: list[Any] = []
carried: list[Any] = []
statistics: list[Any] = []
losses: list[Any] = []
kept: list[Any] = []
compilations: list[Any] = []
# What the optimizer was given, call by call, and the programs compiled in the current step.
given: list[Any] = []
compiled: list[str] = []
Batch = collections.namedtuple("Batch", "x y")


def begin_run() -> None:
    """Record another run from now on."""
    for records in (before, after, states, carried, statistics, losses, kept, compilations):
        records.append([])


def on_event(event: str, *_: Any, **__: Any) -> None:
    """Take note of what XLA compiles."""
    if event.endswith("backend_compile_duration"):
        compiled.append(event)


def name(path: Any) -> str:
    """Return the path of a leaf with "/", as laws name it."""
    if path and getattr(path[-1], "name", None) == "value":  # of a variable of NNX
        path = path[:-1]
    keys = [getattr(p, "key", getattr(p, "name", getattr(p, "idx", p))) for p in path]
    return "/".join("/".join(map(str, k)) if isinstance(k, tuple) else str(k) for k in keys)


def leaves(tree: Any) -> dict[str, Any]:
    """Return copies of a tree's arrays by their names; of an object, those of its attributes."""
    if jax.tree_util.all_leaves([tree]) and not hasattr(tree, "dtype"):
        tree = getattr(tree, "__dict__", tree)
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {name(path): np.array(leaf) for path, leaf in flat if hasattr(leaf, "dtype")}


def replaced(tree: Any, weights: dict[str, Any]) -> Any:
    """Return a tree with other leaves."""
    flat, form = jax.tree_util.tree_flatten_with_path(tree)
    return jax.tree.unflatten(form, [jnp.asarray(weights[name(path)]) for path, _ in flat])


def contents(batch: Any) -> list[bytes]:
    """Return the bytes of a batch."""
    return [leaf.tobytes() for leaf in jax.tree.leaves(batch)]


def as_number(loss: Any) -> float:
    """Return a loss of any shape as a number; NaN where it is not one, such as None."""
    known = isinstance(loss, int | float) or (hasattr(loss, "dtype") and loss.size == 1)
    return float(np.asarray(loss).reshape(())) if known else float("nan")


def take_step(training: Any, batch: Any) -> None:
    """Train on a batch, and record what is there before and after it."""
    before[-1].append(leaves(training.params()))
    untouched = contents(batch)
    compiled.clear()
    losses[-1].append(as_number(training.step(batch)))
    compilations[-1].append(len(compiled))
    kept[-1].append(untouched == contents(batch))
    after[-1].append(leaves(training.params()))
    states[-1].append(leaves(training.opt_state()))
    carried[-1].append(leaves(training.everything()))
    statistics[-1].append(leaves(training.model_state()))


def apply_gradients(
    update: Callable[..., Any], gradients: Any, state: Any, params: Any
) -> tuple[Any, Any]:
    """Train parameters by gradients, and record what is there before and after it."""
    before[-1].append(leaves(params))
    updates, state = update(jax.tree.map(jnp.asarray, gradients), state, params)
    params = optax.apply_updates(params, updates)
    after[-1].append(leaves(params))
    states[-1].append(leaves(state))
    carried[-1].append(leaves(state))
    return state, params


def recording(optimizer: Any) -> Any:
    """Return an optimizer that takes note of the gradients which it is given."""

    def update(gradients: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        given.append(leaves(gradients))
        return optimizer.update(gradients, state, params, **extra)

    return optax.GradientTransformationExtraArgs(optimizer.init, update)


def disturbing(optimizer: Any, disturb: Callable[..., Any], frozen: tuple[str, ...]) -> Any:
    """Return an optimizer that is given changed gradients of frozen leaves."""

    def update(gradients: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        flat, form = jax.tree_util.tree_flatten_with_path(gradients)
        changed = [disturb(leaf, jnp) if name(path) in frozen else leaf for path, leaf in flat]
        return optimizer.update(jax.tree.unflatten(form, changed), state, params, **extra)

    return optax.GradientTransformationExtraArgs(optimizer.init, update)


def disturbed(training: Any, disturbance: str, frozen: tuple[str, ...]) -> Callable[..., Any]:
    """Return a training's step that changes the gradients of frozen leaves where they are taken."""
    from frostproof.reference.observation.gradient_hooks import Disturbance, disturbing_gradients
    from frostproof.reference.pytrees.paths import named_leaves, select

    leaves, step = named_leaves(training.params()), training.step
    shapes = {path: leaf.shape for path, leaf in leaves.items()}

    def step_disturbed(batch: Any) -> Any:
        with disturbing_gradients(Disturbance(disturbance, shapes, select(leaves, frozen))):
            return step(batch)

    return step_disturbed


def places(tree: Any) -> set[str]:
    """Return the names of a tree's leaves, and of what is empty in it."""

    def is_empty(node: Any) -> bool:
        return isinstance(node, tuple | list | dict | None) and not node

    flat, _ = jax.tree_util.tree_flatten_with_path(tree, is_empty)
    return {name(path) for path, _ in flat}


def through_checkpoint(training: Any, fresh: Any) -> Any:
    """Return a fresh training that goes on from a checkpoint of another one."""
    if training.trainer.save is None:
        return through_orbax(training, fresh)
    with tempfile.TemporaryDirectory() as folder:
        training.write(folder)
        fresh.read(folder)
    return fresh


def through_orbax(training: Any, fresh: Any) -> Any:
    """Return a fresh training that goes on from a checkpoint of another one."""
    import orbax.checkpoint as ocp

    state, form = training.everything(), jax.tree.structure(fresh.everything())
    added = places(state) ^ places(fresh.everything())
    assert not added, f"only one of a saved state and a new one has {sorted(added)}"
    target = jax.tree.unflatten(form, jax.tree.leaves(state))
    saver = ocp.Checkpointer(ocp.StandardCheckpointHandler())
    with tempfile.TemporaryDirectory() as folder, saver as checkpointer:
        checkpointer.save(f"{folder}/state", state)
        fresh.set_everything(checkpointer.restore(f"{folder}/state", target))
    return fresh


def flushed(leaf: Any) -> Any:
    """Return a leaf in float64, without the subnormals of its dtype."""
    wide = np.asarray(leaf).astype(np.float64)
    try:
        least = float(ml_dtypes.finfo(leaf.dtype).smallest_normal)
    except ValueError:  # integers, those of four bits included
        least = 0.0
    return np.where(abs(wide) < least, 0, wide)


def same_form(a: Any, b: Any) -> bool:
    """Tell whether both are arrays of one shape and dtype."""
    return a is not None and b is not None and a.shape == b.shape and a.dtype == b.dtype


def same_bits(a: Any, b: Any) -> bool:
    """Tell whether two arrays are equal bit for bit."""
    return same_form(a, b) and a.tobytes() == b.tobytes()


def same_value(a: Any, b: Any) -> bool:
    """Tell whether two arrays are equal as numbers: NaN is NaN, −0 is 0, a subnormal is 0."""
    return same_form(a, b) and np.array_equal(flushed(a), flushed(b), equal_nan=True)


def decays(old: Any, new: Any) -> bool:
    """Tell whether a leaf is multiplied by a number, which needs no gradient: each weight may be
    rounded four times, and moves by more than that.
    """
    if not same_form(old, new):
        return False
    limits, first, second = ml_dtypes.finfo(old.dtype), flushed(old), flushed(new)
    largest = np.argmax(abs(first))
    factor = second.flat[largest] / first.flat[largest]
    bound = 2 * limits.eps * max(1.0, factor) * abs(first) + limits.tiny
    proportional = bool((abs(second - factor * first) <= bound).all())
    return proportional and factor > 0 and abs(factor - 1) > 4 * limits.eps


def hardly_moves(old: Any, new: Any) -> bool:
    """Tell whether each weight of a leaf moves by at most eight roundings, as it does where a small
    decay alone moves it.
    """
    if not same_form(old, new):
        return False
    limits, first, second = ml_dtypes.finfo(old.dtype), flushed(old), flushed(new)
    return bool((abs(second - first) <= 4 * limits.eps * abs(first) + limits.tiny).all())


def same_copy(copy: Any, leaf: Any, updates: int) -> bool:
    """Tell whether a copy has the values of a leaf, in the copy's dtype; one of 32 bits or more may
    be off by four roundings in each update.
    """
    leaf = leaf.astype(copy.dtype)
    if same_value(copy, leaf) or copy.dtype.itemsize < 4:
        return same_value(copy, leaf)
    limits = ml_dtypes.finfo(copy.dtype)
    bound = updates * (2 * limits.eps * abs(flushed(leaf)) + limits.tiny)
    return bool((abs(flushed(copy) - flushed(leaf)) <= bound).all())


def same_norm(a: Any, b: Any) -> bool:
    """Tell whether two arrays have the same norm."""
    first, second = (np.linalg.norm(flushed(leaf)) for leaf in (a, b))
    return same_form(a, b) and np.array_equal(first, second, equal_nan=True)


def selected(training: Any, form: str, frozen: Any) -> Any:
    """Return the leaves that a pattern selects in another representation of the parameters."""
    from frostproof.reference.pytrees.paths import named_leaves, select
    from frostproof.reference.pytrees.representations import representations
    from frostproof.reference.pytrees.snapshot import snapshot

    trees = dict(representations(snapshot(training.params()))) | {"run": training.params()}
    return select(named_leaves(trees[form]), frozen)
