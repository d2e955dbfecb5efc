"""Servers to test against: DynamoDB Local, moto, a fault proxy, and a bare client for them."""
