"""A keyword of `frostproof.verify` that does not exist is answered by those that do."""

import inspect

import pytest

import frostproof


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            "law",
            "`frostproof.verify` has no argument `law` (did you mean `laws`?): it takes kind, ",
        ),
        ("colour", "`frostproof.verify` has no argument `colour`: it takes kind, laws, "),
    ],
)
def test_a_misspelt_keyword_is_answered_by_the_right_one(wrong, told):
    """Before anything is loaded."""
    with pytest.raises(TypeError) as found:
        frostproof.verify("nowhere.py:it", **{wrong: "frozen-value"})

    assert str(found.value).startswith(told)


def test_the_keywords_are_still_seen():
    """Editors and type checkers look at the signature."""
    assert "max_examples" in inspect.signature(frostproof.verify).parameters
