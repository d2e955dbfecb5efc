"""Changes: shards in order, spool, apply, cut-over."""

from alternator_migrate.follow.applier import Applier, ChangeShaper
from alternator_migrate.follow.follower import Follower
from alternator_migrate.follow.rules import Rules
from alternator_migrate.follow.spool import remove_old_spools, spool_folder

__all__ = ["Applier", "ChangeShaper", "Follower", "Rules", "remove_old_spools", "spool_folder"]
