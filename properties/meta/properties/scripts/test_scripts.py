"""The stand-alone script of a counterexample fails by itself, and passes on mended code."""

import pytest
from jax.tree_util import DictKey, GetAttrKey

from frostproof.properties.engine.call_cache import CallCache
from frostproof.properties.engine.effort import Effort
from frostproof.properties.engine.judge import judge
from frostproof.properties.laws.book import BY_ID
from frostproof.properties.scripts.exercise_prelude import names
from frostproof.reference.subjects.loading import load

HEAD = """
import flax.linen
import jax
import numpy as np
import optax
from frostproof.reference import linen

calls = []

def fn(seed, x, y, lr):
    variables = linen.initialise(np.uint32(seed), x)
    loss, trained = linen.train_step(variables, x, y, np.float32(lr))
    answer = [float(loss), float(linen.kernel_norm(trained)), float(linen.kernel_norm(variables))]
    # FAULT
    return answer
"""

FAULTS = {
    "answer-shape": "answer = [answer]",
    "answer-norms-equal": "answer[1] += 1",
    "answer-norm-is-initial-norm": "answer[1:] = [2 * answer[2]] * 2",
    "answer-loss-is-mse": "answer[0] /= 2",
    "answer-loss-before-step": "answer[0] += lr",
    "answer-row-order": "answer[0] += abs(float(x[0, 0])) if len(x) > 1 else 0",
    "answer-repeated-rows": "answer[0] *= len(x)",
    "answer-repeatable": "calls.append(1); answer[0] += len(calls)",
    "answer-inputs-untouched": "x *= 2",
    "answer-xray-frozen": "optax.apply_updates(variables, jax.tree.map(abs, variables))",
    "answer-xray-moves": "linen.train_step(variables, x, y, np.float32(lr))  # twice",
}


def write(tmp_path, law, fault):
    path = tmp_path / f"subject_{law.replace('-', '_')}.py"
    path.write_text(HEAD.replace("# FAULT", fault))
    return path


@pytest.mark.parametrize("law", FAULTS)
def test_a_script_fails_alone_and_passes_when_mended(law, tmp_path, run):
    """It imports the subject's module, draws nothing, and asserts."""
    path = write(tmp_path, law, FAULTS[law])
    target = f"{path}:fn"
    verdict = judge(BY_ID[law], load(target), Effort(60, seed=0), CallCache(), target)
    assert verdict.outcome == "refuted"
    script = tmp_path / "script.py"
    script.write_text(verdict.reproduce)

    assert "frostproof" not in verdict.reproduce
    assert "AssertionError" in run(script)

    write(tmp_path, law, "")
    assert run(script) == ""


def test_an_exception_comes_back_from_the_script(tmp_path, run):
    """Where the call raises there is nothing to assert: the script raises too."""
    path = write(tmp_path, "answer-shape", "raise RuntimeError('no batch of one')")
    target = f"{path}:fn"
    verdict = judge(BY_ID["answer-shape"], load(target), Effort(5, seed=0), CallCache(), target)
    assert verdict.outcome == "error"
    script = tmp_path / "script.py"
    script.write_text(verdict.reproduce)

    assert "no batch of one" in run(script)


def test_a_watched_leaf_is_named_without_the_attribute_of_its_variable():
    """A parameter that is called `value` keeps its name."""
    layer, value = DictKey("l1"), DictKey("value")

    assert names((layer, DictKey("kernel"), GetAttrKey("value"))) == ("l1", "kernel")
    assert names((layer, value)) == ("l1", "value")
