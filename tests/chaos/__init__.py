"""The fault suite: seeded schedules of kills, faults and node deaths, after which nothing is lost.

python -m tests.chaos --seeds 200
"""
