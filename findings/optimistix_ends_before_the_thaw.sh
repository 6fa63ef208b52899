#!/usr/bin/env bash
# Optimistix 0.1.0: `OptaxMinimiser` takes a phase in which nothing moves for the minimum: it returns the
# start as successful after two steps.
#
# Expected: the solver runs the Optax optimizer that it is given until the loss is at its minimum, within
# `rtol` and `atol`, or reports that it is not.
#
# What happens: to end, it looks at no gradient. It ends as soon as one step changes the parameters by less
# than the tolerance, and the loss did not change either since the step before. An optimizer whose first
# two steps are zero or tiny is done at once: a rate of 0 at first, a long warm-up, `MultiSteps` over three
# batches or more. So are optimizers that learn their rate, from almost nothing on: `prodigy`, `dog`,
# `dadapt_adamw` and `mechanize` come back with their start, successful.
#
# For a freeze: where layers thaw one after another, by schedules, the solver ends when those that train
# already have settled, and the rest never thaws. It depends on how the two times compare: a backbone that
# thaws in step 50 trains, one that thaws in step 500 is returned as it was. `rms_norm` counts the frozen
# numbers in its mean, so that many of them end it sooner still. A `norm` that is always infinite makes the
# solver run all of `max_steps`, and report no success (ask for `throw=False`); or write the loop.

packages=(optimistix==0.1.0 equinox==0.13.8 lineax==0.1.1 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax.numpy as jnp
import optax
import optimistix as optx

start = {"backbone": jnp.zeros(1000), "head": jnp.zeros(2)}


def loss(params, _):
    return jnp.mean((params["backbone"] - 3) ** 2) + jnp.mean((params["head"] + 2) ** 2)


def from_step(step):
    return optax.adam(optax.join_schedules([lambda _: 0.0, lambda _: 0.1], [step]))


def backbone(optimizer):
    return optax.multi_transform(
        {"head": optax.adam(0.1), "backbone": optimizer}, {"head": "head", "backbone": "backbone"}
    )


def steps(optimizer, norm=optx.max_norm):
    solver = optx.OptaxMinimiser(optimizer, rtol=1e-4, atol=1e-4, norm=norm)
    return optx.minimise(loss, solver, start, max_steps=2000, throw=False)


def show(what, optimizer, **how):
    found = steps(optimizer, **how)
    count = int(found.stats["num_steps"])
    moved = [name for name in start if jnp.abs(found.value[name] - start[name]).max() > 0.001]
    count = count if count in (2, 2000) else "over 20" if count > 20 else count
    print(f"{what:29}success: {str(found.result == optx.RESULTS.successful):6}"
          f"steps: {count!s:8}moved: {', '.join(moved) or 'nothing'}")


show("adam", optax.adam(0.1))
show("adam, 0 for 1 step", from_step(1))
show("adam, 0 for 2 steps", from_step(2))
show("adam, warm-up of 2000", optax.adam(optax.linear_schedule(0.0, 0.1, 2000)))
for batches in (2, 3):
    several = optax.MultiSteps(optax.adam(0.1), batches).gradient_transformation()
    show(f"adam, MultiSteps of {batches}", several)
show("prodigy", optax.contrib.prodigy())
show("dog", optax.contrib.dog())
show("dadapt_adamw", optax.contrib.dadapt_adamw())
show("mechanize", optax.contrib.mechanize(optax.adam(1.0)))
show("backbone from step 50", backbone(from_step(50)))
show("backbone from step 500", backbone(from_step(500)))
show("the same, infinite norm", backbone(from_step(500)), norm=lambda _: jnp.array(jnp.inf))

frozen = backbone(optax.set_to_zero())
by_mean = steps(frozen, norm=optx.rms_norm).stats["num_steps"]
print("a frozen backbone in the mean of rms_norm ends it sooner:",
      bool(by_mean < steps(frozen).stats["num_steps"]))
PYTHON
)

expected=$(cat <<'TEXT'
adam                         success: True  steps: over 20 moved: backbone, head
adam, 0 for 1 step           success: True  steps: over 20 moved: backbone, head
adam, 0 for 2 steps          success: True  steps: 2       moved: nothing
adam, warm-up of 2000        success: True  steps: 2       moved: nothing
adam, MultiSteps of 2        success: True  steps: over 20 moved: backbone, head
adam, MultiSteps of 3        success: True  steps: 2       moved: nothing
prodigy                      success: True  steps: 2       moved: nothing
dog                          success: True  steps: 2       moved: nothing
dadapt_adamw                 success: True  steps: 2       moved: nothing
mechanize                    success: True  steps: 2       moved: nothing
backbone from step 50        success: True  steps: over 20 moved: backbone, head
backbone from step 500       success: True  steps: over 20 moved: head
the same, infinite norm      success: False steps: 2000    moved: backbone, head
a frozen backbone in the mean of rms_norm ends it sooner: True
TEXT
)

. "$(dirname "$0")/judge.bash"
