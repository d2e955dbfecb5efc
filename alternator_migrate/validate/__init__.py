"""Compares both sides, repairs, says what was found."""

from alternator_migrate.validate.mode import ComparisonMode, ValidateOptions, choose_mode, mode_text
from alternator_migrate.validate.run import Check
from alternator_migrate.validate.validation import Validation

__all__ = ["Check", "ComparisonMode", "ValidateOptions", "Validation", "choose_mode", "mode_text"]
