"""Correct programs as different people would write them: no law may accuse one of them."""
