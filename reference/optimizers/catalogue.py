"""The optimizers of Optax, and what each does to a frozen leaf: one table.

The facts of a row hold for all of its hyperparameters, so that a law can read them without running
anything: `sgd`, `momentum` and `nesterov` are three rows of one function. The tests measure every
fact again on the installed Optax.
"""

from __future__ import annotations

import itertools
from dataclasses import astuple, dataclass
from typing import Any, final

from .optax_releases import too_new

Hyperparameter = float | int | bool
Setting = tuple[tuple[str, Hyperparameter], ...]

#: Few, since a foreign trainer is traced again for each. The lowest is 1e-3: with the least weight
#: decay, 1e-4, it moves a float32 by just over half an ulp, and a lower one would hide the decay.
LEARNING_RATES = (1.0, 0.1, 0.001)


@final
@dataclass(frozen=True)
class Facts:
    """How an optimizer moves a leaf because of another leaf, or although its gradient is zero."""

    #: The gradient of one leaf, all of them finite, changes the update of another.
    couples_leaves: bool = False
    #: A leaf moves although its gradient was zero from the first step on.
    moves_on_zero_gradient: bool = False
    #: A leaf still moves after its gradient has become zero.
    moves_when_warm: bool = False
    #: The first step moves nothing.
    waits: bool = False
    #: A NaN in the gradient of one leaf makes other leaves NaN, those of zero gradient included.
    spreads_nan: bool = False
    #: A NaN in the gradient of one leaf holds back the updates of all others.
    stops_on_nan: bool = False
    #: Leaves become NaN when all gradients are zero: 0/0 in a quantity of the whole tree.
    nan_when_all_zero: bool = False
    #: A float16 leaf of zero gradient becomes NaN, mostly because an epsilon rounds to zero and 0/0
    #: follows (optax#1754, #1784, #1789). In float32 it does not.
    nan_in_float16: bool = False
    #: Noise from a seeded key in the state. It depends on a leaf's place in the tree: the same leaf
    #: gets other noise when there are leaves before it.
    stochastic: bool = False
    #: It raises on some trees: without leaves, as a partition has where everything is frozen
    #: (galore), or with a scalar (sm3).
    picky: bool = False

    def __or__(self, other: Facts) -> Facts:
        """Return the facts of one optimizer around another."""
        return Facts(*(a or b for a, b in zip(astuple(self), astuple(other), strict=True)))


STILL = Facts()
WARM = Facts(moves_when_warm=True)
DECAY = Facts(moves_on_zero_gradient=True, moves_when_warm=True)
WAITS = Facts(waits=True)
HALF = Facts(nan_in_float16=True)
STOPS = Facts(stops_on_nan=True)
NORM = Facts(couples_leaves=True, spreads_nan=True)
ALL_ZERO = Facts(nan_when_all_zero=True)
NOISE = Facts(stochastic=True)
PICKY = Facts(picky=True)


@final
@dataclass(frozen=True)
class Entry:
    """A row of the catalogue: a template of Python source, and the facts of what it builds."""

    name: str
    template: str
    facts: Facts
    #: The values that are drawn for each hyperparameter, the simplest first.
    pools: tuple[tuple[str, tuple[Hyperparameter, ...]], ...]
    #: Keywords that `update` requires beside gradients, state and parameters: `value` (the loss),
    #: `grad` (its gradient), `value_fn` and `obj_fn` (both: from parameters to the loss).
    needs: tuple[str, ...] = ()
    #: Why it cannot take the place of another optimizer. Its facts are then unknown.
    unfit: str = ""

    @property
    def wraps(self) -> bool:
        """Whether it wraps another optimizer."""
        return "{inner}" in self.template

    @property
    def excluded(self) -> str:
        """Why it is never drawn; empty if it is drawn."""
        extra = f"`update` needs {', '.join(self.needs)}" if self.needs else ""
        return too_new(self.name) or self.unfit or extra

    def settings(self, learning_rates: tuple[float, ...] | None = None) -> tuple[Setting, ...]:
        """Return every combination of its hyperparameters, at other learning rates if given."""
        pools = dict(self.pools)
        if learning_rates is not None:
            pools["learning_rate"] = learning_rates
        values = itertools.product(*pools.values())
        return tuple(tuple(zip(pools, chosen, strict=True)) for chosen in values)


def _row(
    name: str,
    facts: Facts = STILL,
    template: str = "",
    needs: tuple[str, ...] = (),
    unfit: str = "",
    **pools: tuple[Hyperparameter, ...],
) -> Entry:
    """Make a row; by default it calls the function of its name at the common learning rates."""
    template = template or f"optax.{name}({{}})"
    if "{inner}" not in template and not any("learning_rate" in key for key in pools):
        pools = {"learning_rate": LEARNING_RATES, **pools}
    return Entry(name, template, facts, tuple(pools.items()), needs, unfit)


def _contrib(name: str, facts: Facts = STILL, *needs: str, **pools: Any) -> Entry:
    return _row(name, facts, f"optax.contrib.{name}({{}})", needs, **pools)


def _before(name: str, facts: Facts = STILL, **pools: Any) -> Entry:
    return _row(name, facts, f"optax.chain(optax.{name}({{}}), {{inner}})", **pools)


def _after(name: str, facts: Facts = STILL, **pools: Any) -> Entry:
    return _row(name, facts, f"optax.chain({{inner}}, optax.{name}({{}}))", **pools)


#: The optimizers of the common set, under which code promises to freeze unless it says otherwise.
COMMON = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "lion", "lamb")

_MATRICES = "lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)"

_OPTIMIZERS = (
    _row("sgd"),
    _row("momentum", WARM, "optax.sgd({})", momentum=(0.9, 0.5)),
    _row("nesterov", WARM, "optax.sgd({}, nesterov=True)", momentum=(0.9,)),
    _row("adam", WARM | HALF),
    _row("adamw", DECAY | HALF, weight_decay=(1e-4, 0.1)),
    _row("rmsprop", HALF),
    _row("adagrad"),
    _row("lion", DECAY, weight_decay=(1e-3, 0.1)),
    _row("lamb", WARM),
    # Beyond the common set.
    _row("adabelief", WARM | HALF, nesterov=(False, True)),
    _row("adadelta", rho=(0.9, 0.5)),
    # By default only dimensions of 128 and more are factored, which no small model has.
    _row("adafactor", HALF, min_dim_size_to_factor=(128, 2)),
    _row("adafactor_momentum", WARM | HALF, "optax.adafactor({})", momentum=(0.9,)),
    _row("adamax", WARM | HALF),
    _row("adamaxw", DECAY | HALF, weight_decay=(1e-4, 0.1)),
    _row("adamw_injected", DECAY | HALF, "optax.inject_hyperparams(optax.adamw)({})"),
    _row("adamw_masked", DECAY | HALF, f"optax.adamw({{}}, mask={_MATRICES})", weight_decay=(0.1,)),
    _row("adan", WARM | HALF),
    _row("amsgrad", WARM | HALF),
    # It rescales the parameters themselves, by 1/sqrt(1 + learning_rate^2) per step.
    _row("fromage", DECAY | HALF),
    _row("lamb_decayed", DECAY, "optax.lamb({})", weight_decay=(1e-4, 0.1)),
    _row("lars", WARM, momentum=(0.9, 0.5)),
    # In float16 the inverse of a small curvature overflows, on most data.
    _row("lbfgs", NORM | WARM | HALF, needs=("value", "grad", "value_fn"), memory_size=(3,)),
    _row(
        "lbfgs_without_linesearch",
        NORM | WARM | HALF,
        "optax.lbfgs({}, linesearch=None)",
        memory_size=(3,),
    ),
    _row("nadam", WARM | HALF),
    _row("nadamw", DECAY | HALF, weight_decay=(1e-4, 0.1)),
    _row("noisy_sgd", DECAY | NOISE, key=(0,)),
    _row("novograd", WARM | HALF),
    _row("optimistic_adam", unfit="deprecated: it warns when it is built"),
    _row("optimistic_adam_v2", WARM | HALF),
    _row("optimistic_gradient_descent", WARM),
    _row("polyak_sgd", NORM, needs=("value",), max_learning_rate=LEARNING_RATES),
    _row("radam", WARM | HALF, nesterov=(False, True)),
    _row("rmsprop_centered", HALF, "optax.rmsprop({}, centered=True)", decay=(0.9, 0.5)),
    _row("rmsprop_momentum", WARM | HALF, "optax.rmsprop({})", momentum=(0.9, 0.5)),
    # The first step only remembers the signs of the gradient.
    _row("rprop", WARM | WAITS),
    _row("sign_sgd"),
    _row("signum", WARM, beta=(0.9, 0.5)),
    _row("sm3", WARM | PICKY, momentum=(0.9, 0.5)),
    # Both accumulators start at 1e-6: the first moment moves a leaf that never had a gradient.
    _row("yogi", DECAY),
    # It divides by the second moment of the step before, and has no first moment.
    _contrib("acprop", HALF),
    _contrib("ademamix", WARM | HALF),
    # The first step only starts the second moment.
    _contrib("adopt", WARM | WAITS, nesterov=(False, True)),
    # It wants a point and adds `point - x`: where that rounds, the next step corrects x by an ulp.
    _contrib("cocob", WARM | HALF),
    _contrib("dadapt_adamw", NORM | WARM | HALF | ALL_ZERO, learning_rate=(1.0,)),
    _contrib("dog", NORM, learning_rate=(1.0,)),
    _contrib("dowg", NORM, learning_rate=(1.0,)),
    _row(
        "dpsgd",
        STILL,
        "optax.contrib.dpsgd({}, l2_norm_clip=1.0, noise_multiplier=0.1, seed=0)",
        unfit="it takes one gradient per example, with a batch axis in front",
    ),
    _contrib("galore", WARM | HALF | PICKY, rank=(2, 128), update_proj_gap=(3,)),
    # It averages two equal numbers as (1 - c)*x + c*z, which rounds: a frozen leaf drifts by some
    # ulps (3 after a hundred steps). At momentum 0.5 both products are exact, and nothing drifts.
    _contrib("madgrad", DECAY, momentum=(0.9,)),
    _contrib("momo", NORM | WARM, "value", learning_rate=(1.0,)),
    _contrib("momo_adam", NORM | WARM | HALF, "value"),
    _contrib("muon", WARM | HALF, nesterov=(True, False)),
    _contrib("prodigy", NORM | WARM | HALF | ALL_ZERO, learning_rate=(1.0,)),
    # Each step recovers the average from the parameters, as (y - (1 - b1)*z)/b1, which rounds: a
    # frozen leaf drifts by some ulps (23 after a hundred steps), without any weight decay.
    _contrib("schedule_free_adamw", DECAY | HALF),
    _contrib("schedule_free_sgd", DECAY),
    _contrib("simplified_ademamix", WARM | HALF),
    _contrib("sophia", DECAY | HALF | NOISE, "obj_fn"),
)

_WRAPPERS = (
    _before("clip_by_global_norm", NORM, max_norm=(1.0,)),
    _before("clip", max_delta=(1.0, 0.1)),
    _before("clip_by_block_rms", threshold=(1.0, 0.1)),
    _before("adaptive_grad_clip", clipping=(0.1, 0.01)),
    _before("normalize_by_update_norm", NORM, scale_factor=(1.0,)),
    # Unlike the former it has no epsilon: 0/0 where everything is frozen.
    _row("normalize", NORM | ALL_ZERO, "optax.chain(optax.contrib.normalize({}), {inner})"),
    _before("centralize"),
    _before("zero_nans"),
    _before("add_decayed_weights", DECAY, weight_decay=(1e-4, 0.1)),
    _row(
        "add_decayed_weights_masked",
        DECAY,
        f"optax.chain(optax.add_decayed_weights({{}}, mask={_MATRICES}), {{inner}})",
        weight_decay=(0.1,),
    ),
    _row(
        "cosine_decay",
        STILL,
        "optax.chain({inner}, optax.scale_by_schedule(optax.cosine_decay_schedule({})))",
        init_value=(1.0,),
        decay_steps=(100,),
    ),
    _row(
        "warmup",
        WAITS,
        "optax.chain({inner}, optax.scale_by_schedule(optax.linear_schedule({})))",
        init_value=(0.0,),
        end_value=(1.0,),
        transition_steps=(2,),
    ),
    _after("ema", WARM, decay=(0.9, 0.5)),
    _after("apply_every", WARM | WAITS, k=(2,)),
    _row("apply_if_finite", STOPS, "optax.apply_if_finite({inner}, 3)"),
    _row(
        "multi_steps",
        WARM | WAITS,
        "optax.MultiSteps({inner}, {}).gradient_transformation()",
        every_k_schedule=(2,),
    ),
    _row(
        "multi_steps_skipping_nan",
        WARM | WAITS | STOPS,
        "optax.MultiSteps({inner}, {}, should_skip_update_fn=optax.skip_not_finite)"
        ".gradient_transformation()",
        every_k_schedule=(2,),
    ),
    _row(
        "lookahead",
        STILL,
        "optax.lookahead({inner}, {})",
        unfit="it takes and returns LookaheadParams, a fast and a slow copy of the parameters",
        sync_period=(2,),
        slow_step_size=(0.5,),
    ),
    # Its own weight decay enters one number, the learned scale, and moves no leaf by itself.
    _row("mechanize", NORM | WARM | HALF, "optax.contrib.mechanize({inner})"),
    _row(
        "sam",
        NORM | WARM | ALL_ZERO,
        "optax.contrib.sam({inner}, optax.chain(optax.contrib.normalize(), optax.sgd({})))",
        learning_rate=(0.1,),
    ),
    _row("schedule_free", DECAY, "optax.contrib.schedule_free({inner}, {})", learning_rate=(1.0,)),
    _row("split_real_and_imaginary", STILL, "optax.contrib.split_real_and_imaginary({inner})"),
    _row(
        "reduce_on_plateau",
        STILL,
        "optax.chain({inner}, optax.contrib.reduce_on_plateau({}))",
        needs=("value",),
        patience=(10,),
    ),
)

CATALOGUE = {entry.name: entry for entry in _OPTIMIZERS + _WRAPPERS}
#: The rows that are drawn around the optimizers of the common set.
WRAPPERS = tuple(entry.name for entry in _WRAPPERS)
