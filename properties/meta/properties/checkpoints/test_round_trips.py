"""Drawn trees in drawn formats: no correct pair is accused, and no changed bit is missed."""

from frostproof.properties.meta.properties.checkpoints.round_trips import count


def test_drawn_pairs_are_judged_right():
    """A few here; `round_trips.py` counts two thousand."""
    seen = count(60, 0)

    assert seen["examples"] >= 60
    assert seen["faults"] > 30
    assert seen["false alarms"] == seen["missed"] == 0
