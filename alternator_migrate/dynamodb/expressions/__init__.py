"""Expressions of DynamoDB: parsed, and evaluated over raw items."""

from alternator_migrate.dynamodb.expressions.evaluate import matcher
from alternator_migrate.dynamodb.expressions.tokens import ExpressionError, TooDeepError

__all__ = ["ExpressionError", "TooDeepError", "matcher"]
