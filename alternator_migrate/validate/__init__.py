"""Compares both sides, repairs, says what was found."""

from alternator_migrate.validate.deletion import Ask
from alternator_migrate.validate.mode import ComparisonMode, ValidateOptions, choose_mode, mode_text
from alternator_migrate.validate.run import ValidationRun

__all__ = ["Ask", "ComparisonMode", "ValidateOptions", "ValidationRun", "choose_mode", "mode_text"]
