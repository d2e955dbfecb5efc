"""The command line as a person, a script or cron meets it: real processes, real signals."""
